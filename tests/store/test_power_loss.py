"""What `flush` said is safe survives the loss of power at any moment, and nothing that is read afterwards is wrong."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import NamedTuple

import pytest

import runlake
from power_loss import Acked, Disk, Named, Recording, Synced, crash, lay_out
from rows import Point, Reading, add_points, read
from runlake import platform
from runlake.entities import Scope
from runlake.errors import StoreError
from runlake.recording import recorders
from runlake.store.layout import Layout, check_usable, create, is_store
from runlake.store.packs import content_of
from runlake.store.writer import Writer

NOTES = ["short", "long " * 900]


class Training(NamedTuple):
    """A program's calls to the system, and the points and texts that it logged in the end."""

    recording: Recording
    points: list[Point]
    texts: dict[str, str]


@pytest.fixture(scope="module")
def training(tmp_path_factory: pytest.TempPathFactory) -> Training:
    """A recorded training."""
    return train(tmp_path_factory.mktemp("power"))


def train(folder: Path, **planted: Callable[..., None]) -> Training:
    """The training, recorded, with these functions of `platform` replaced."""
    folder.mkdir(exist_ok=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(recorders, "_recorders", {})  # `flush` is of every store that this process writes to, those of other tests as well
        patch.setenv("RUNLAKE_STORE", str(folder / "deep" / "lake"))
        patch.setenv("RUNLAKE_STRICT", "1")
        patch.setenv("RUNLAKE_ENVIRONMENT", "0")
        patch.setattr("runlake.store.writer.PART_BYTES", 9_000)
        for name, function in planted.items():
            patch.setattr(platform, name, function)
        return logged(Recording(folder, patch))


def logged(recording: Recording) -> Training:
    """A run with a flush after each epoch, texts, and syncs that fail; every acknowledgement is noted."""
    points, texts = list[Point](), dict[str, str]()

    def log(steps: range) -> None:
        for step in steps:
            point = Point(run.run_id, f"key{step % 3}", step, step * 1_000_000, step / 8)
            runlake.log_metric(point.key, point.value, step=step, timestamp=step)
            points.append(point)

    def flush() -> None:
        if runlake.flush():
            recording.ack((len(points), dict(texts)))

    with runlake.start_run() as run:
        for epoch in range(14):
            log(range(epoch * 50, epoch * 50 + 40))
            if epoch % 5 == 1:
                name, text = f"notes{epoch}.txt", NOTES[epoch % 2]
                runlake.log_text(text, name)
                texts[name] = hashlib.sha256(text.encode()).hexdigest()
            if epoch % 4 == 3:
                for part in ("model", "sample"):
                    name, content = f"{part}{epoch}.bin", f"{part} of {epoch}".encode()
                    run.keep_soon(name, content, len(content))
                    texts[name] = hashlib.sha256(content).hexdigest()
            if epoch in (2, 8):
                recording.fail_next_sync()
            flush()
            log(range(epoch * 50 + 40, epoch * 50 + 50))
    recorders.stop_all()
    recording.ack((len(points), dict(texts)))
    return Training(recording, points, texts)


def states(training: Training, seed: int, n: int) -> Iterator[tuple[str, Disk, list[Point], dict[str, str]]]:
    """Legal states after a crash at moments drawn by chance: their name, and the points and texts that were acknowledged by then."""
    calls = training.recording.calls
    for number in range(n):
        chance = Random(f"{seed} {number}")
        before = calls[: chance.randrange(len(calls) + 1)]
        acked, texts = next((call.what for call in reversed(before) if isinstance(call, Acked)), (0, {}))
        yield f"{seed} {number} after {len(before)}", crash(before, chance), training.points[:acked], texts


def problems(training: Training, disk: Disk, acked: list[Point], texts: dict[str, str], folder: Path) -> list[str]:
    """What is wrong with a store that was found like this, in words."""
    lay_out(disk, folder)
    root = folder / "deep" / "lake"
    try:
        check_usable(root)
    except runlake.StoreError as error:
        return [str(error).partition(" (")[0].rpartition("/")[2]]
    reading = read(root)
    found = [Point(*row[:5]) for row in reading.points]
    kept = artifacts(reading)
    complaints = {
        "the store is gone": bool(acked) and not is_store(root),
        "acknowledged points are gone": not set(found).issuperset(acked),
        "points are there that nobody logged": not set(training.points).issuperset(found),
        "points are there twice": len(found) != len(set(found)),
        "acknowledged texts are gone": not kept.items() >= texts.items(),
        "texts are there that nobody logged": not training.texts.items() >= kept.items(),
        "a text's content is not there": any(not holds(Layout(root), sha256) for sha256 in kept.values()),
    }
    return [complaint for complaint, is_so in complaints.items() if is_so]


def artifacts(reading: Reading) -> dict[str, str]:
    """The names and hashes of the texts that the events tell of."""
    return {row[2]: row[7] for row in reading.events if row[1] == Scope.ARTIFACT}


def holds(layout: Layout, sha256: str) -> bool:
    try:
        return hashlib.sha256(content_of(layout, sha256)).hexdigest() == sha256
    except (FileNotFoundError, StoreError):  # it is not there, or another
        return False


def bad_states(training: Training, seed: int, n: int, folder: Path) -> list[tuple[str, list[str]]]:
    """The states of these many in which something is wrong."""
    found = ((name, problems(training, disk, acked, texts, folder)) for name, disk, acked, texts in states(training, seed, n))
    return [(name, wrong) for name, wrong in found if wrong]


def test_the_recording_holds_what_can_go_wrong(training: Training) -> None:
    """Several parts, acknowledgements all along, syncs that failed and the parts written anew after them."""
    calls = training.recording.calls
    names = [name for call in calls if isinstance(call, Named) for _, name in call.changes]

    assert len([call for call in calls if isinstance(call, Acked)]) == 15
    assert len([call for call in calls if isinstance(call, Synced) and call.failed]) == 2
    assert len({name for name in names if name.endswith(".wal")}) >= 5
    assert len(training.points) == 14 * 50
    assert len({name for name in names if name.endswith(".pack")}) == 3
    assert len(training.texts) == 9


def test_what_was_acknowledged_survives_the_loss_of_power(training: Training, tmp_path: Path) -> None:
    """At any moment, whatever the disk did with what was not synced."""
    seed = 20_261_121

    assert bad_states(training, seed, 800, tmp_path / "after") == []


@pytest.mark.long
@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", range(4))
def test_what_was_acknowledged_survives_very_many_losses_of_power(training: Training, tmp_path: Path, seed: int) -> None:
    """The same for as long as there is time."""
    assert bad_states(training, seed, 5_000, tmp_path / "after") == []


def test_a_store_goes_on_after_the_loss_of_power(training: Training, tmp_path: Path) -> None:
    """It is opened, finished where it was not yet whole, and takes new points beside what is left."""
    for _, disk, acked, _ in states(training, 7, 25):
        lay_out(disk, tmp_path / "after")
        writer = Writer(create(tmp_path / "after" / "deep" / "lake"))
        later = Point("later", "loss", 0, 0, 1.0)
        add_points(writer, [later])
        writer.close()

        found = {Point(*row[:5]) for row in read(writer.layout.root).points}
        assert {*acked, later} <= found <= {*training.points, later}


def do_nothing(*arguments: object) -> None:
    """In place of a sync."""


def test_a_store_that_does_not_sync_its_folders_is_found_out(tmp_path: Path) -> None:
    """The check itself is checked: files lose their names."""
    training = train(tmp_path / "before", sync_folder=do_nothing)

    complaints = {wrong for _, found in bad_states(training, 1, 60, tmp_path / "after") for wrong in found}

    assert complaints >= {"the store is gone", "acknowledged points are gone", "acknowledged texts are gone"}


def test_a_store_that_does_not_sync_its_files_is_found_out(tmp_path: Path) -> None:
    """The check itself is checked: names stay, and what they name is empty or torn."""
    training = train(tmp_path / "before", sync_file=do_nothing)

    complaints = {wrong for _, found in bad_states(training, 1, 100, tmp_path / "after") for wrong in found}

    assert complaints == {
        "STORE.json is damaged",
        "acknowledged points are gone",
        "acknowledged texts are gone",
        "a text's content is not there",
    }


def test_a_store_that_tries_a_failed_sync_again_is_found_out(tmp_path: Path) -> None:
    """The check itself is checked: the second sync says yes for bytes that are gone."""
    sync_file = platform.sync_file

    def sync_twice(fd: int) -> None:
        try:
            sync_file(fd)
        except OSError:
            sync_file(fd)

    training = train(tmp_path / "before", sync_file=sync_twice)

    complaints = {wrong for _, found in bad_states(training, 1, 100, tmp_path / "after") for wrong in found}

    assert complaints >= {"acknowledged points are gone"}


@pytest.mark.parametrize(
    ("forgotten", "complaints"),
    [
        ("wal/*", {"acknowledged points are gone", "acknowledged texts are gone"}),
        ("blobs/*", {"a text's content is not there"}),
        ("packs", {"a text's content is not there"}),
    ],
)
def test_one_folder_that_is_not_synced_is_found_out(tmp_path: Path, forgotten: str, complaints: set[str]) -> None:
    """The check itself is checked: the folders in which the logs lie, those of the blobs, and the one of packs."""
    sync_folder = platform.sync_folder

    def sync_others(folder: Path) -> None:
        if not folder.match(forgotten):
            sync_folder(folder)

    training = train(tmp_path / "before", sync_folder=sync_others)

    assert {wrong for _, found in bad_states(training, 1, 100, tmp_path / "after") for wrong in found} == complaints
