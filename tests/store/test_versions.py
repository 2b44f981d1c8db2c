"""A version of a table is whole, cut short or damaged, and which of these it is can be told from its bytes."""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path
from random import Random

import pytest

import runlake
from rows import Point, add_events, add_points, read
from runlake.entities import Event, Scope
from runlake.errors import StoreError
from runlake.recording import recorders
from runlake.store.compaction import compact
from runlake.store.delta_log import DeltaLog
from runlake.store.layout import Layout, create
from runlake.store.mending import is_checkpoint, mend, proof_of
from runlake.store.publish import publish
from runlake.store.versions import DIGEST, actions_of, digest_of
from runlake.store.writer import Writer


@pytest.fixture
def published(store: Path) -> Path:
    """A store with a run whose rows are all in the tables."""
    with runlake.start_run():
        runlake.log_param("lr", 0.5)
        runlake.log_metric("loss", 0.5)
    recorders.stop_all()
    publish(Layout(store))
    return store


def newest(store: Path, table: str = "points") -> Path:
    """The file of the newest version."""
    return max((store / table / "_delta_log").glob("*.json"))


def test_a_version_says_what_its_actions_are(published: Path) -> None:
    """In whatever order they are read."""
    actions = actions_of(newest(published).read_bytes())

    assert actions is not None
    assert actions[0]["commitInfo"][DIGEST] == digest_of(actions) == digest_of(actions[::-1])
    assert actions[0]["commitInfo"][DIGEST].startswith("2-")  # a file and a mark


def test_a_version_that_was_cut_short_is_none(published: Path) -> None:
    """At whatever byte, at the end of a line too, and where zeros stand for what is not there."""
    data = newest(published).read_bytes()

    assert actions_of(data) is not None
    assert [length for length in range(len(data)) if actions_of(data[:length]) is not None] == []
    assert [length for length in range(0, len(data), 7) if actions_of(data[:length].ljust(len(data), b"\0")) is not None] == []


def test_a_version_with_another_byte_is_damaged_or_says_the_same(published: Path) -> None:
    """It never counts as cut short, which would have it put aside; only what no reader looks at may be other than it was."""
    data = newest(published).read_bytes()
    right, dice = actions_of(data), Random(3)
    assert right is not None
    passed = 0
    for bit in dice.sample(range(len(data) * 8 - 8), 1500):
        changed = bytearray(data)
        changed[bit // 8] ^= 1 << bit % 8
        try:
            found = actions_of(bytes(changed))
        except ValueError:
            continue
        assert found is not None, f"bit {bit} of {len(data) * 8}"
        assert digest_of(found) == digest_of(right)
        passed += 1
    assert 0 < passed < 1400  # times and names of programs


def test_another_number_in_a_version_is_not_believed(published: Path) -> None:
    """By readers, nor by publishers."""
    path = newest(published)
    actions = [json.loads(line) for line in path.read_text().splitlines()]
    next(action["txn"] for action in actions if "txn" in action)["version"] += 1
    path.write_text("\n".join(map(json.dumps, actions)))

    for look in (read, lambda root: publish(Layout(root))):
        with pytest.raises(StoreError, match="its actions are not those of the digest"):
            look(published)


def test_a_version_of_another_program_is_read_as_it_is(published: Path) -> None:
    """It says nothing of its actions."""
    assert actions_of(b'{"commitInfo":{"engineInfo":"another"}}\n{"txn":{"appId":"w","version":3}}') is not None


@pytest.fixture(scope="module")
def aged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store that was published so often that its tables have checkpoints."""
    layout = create(tmp_path_factory.mktemp("aged") / "lake")
    for number in range(21):
        writer, now = Writer(layout), time.time_ns()
        said: dict[str, str | int] = {"status": "FINISHED", "start_ns": now, "owner": writer.id}
        run_id = f"{number:032x}"
        add_events(writer, [Event.set(run_id, Scope.RUN, key, value, now // 1_000_000 << 16) for key, value in said.items()])
        add_points(writer, [Point(run_id, "loss", 0, now, number / 7)])
        writer.close()
        publish(layout)
    return layout.root


@pytest.fixture
def checkpoint(aged: Path, tmp_path: Path) -> Path:
    """That of the points, in a copy of the store."""
    return max((shutil.copytree(aged, tmp_path / "lake") / "points" / "_delta_log").glob("*.checkpoint.parquet"))


def test_a_checkpoint_is_proved_when_it_is_made_and_its_proof_goes_with_it(checkpoint: Path) -> None:
    """A reader that finds another one takes the versions instead, where they are there."""
    store = checkpoint.parents[2]
    before = read(store)
    assert is_checkpoint(checkpoint)
    data = bytearray(checkpoint.read_bytes())
    data[len(data) // 2] ^= 1
    checkpoint.write_bytes(data)

    assert not is_checkpoint(checkpoint)
    assert read(store) == before

    mend(Layout(store), checkpoint.parent)
    compact(Layout(store))

    assert not checkpoint.exists()
    assert not proof_of(checkpoint).exists()
    assert read(store) == before


def test_a_table_without_a_beginning_is_not_taken_for_an_empty_one(checkpoint: Path) -> None:
    """Its only checkpoint is damaged, and the versions before it were cleaned up: no reader shows less, and no publisher begins anew."""
    store = checkpoint.parents[2]
    version = int(checkpoint.name[:20])
    for path in checkpoint.parent.glob("*.json"):
        if int(path.name[:20]) <= version:
            path.unlink()
    assert len(read(store).points) == 21
    checkpoint.write_bytes(checkpoint.read_bytes()[:-1])
    names = sorted(path.name for path in checkpoint.parent.iterdir())

    for look in (read, lambda root: publish(Layout(root)), lambda root: compact(Layout(root))):
        with pytest.raises(StoreError, match=r"damaged|cannot be opened"):
            look(store)
    assert sorted(path.name for path in checkpoint.parent.iterdir()) == names


def test_a_log_is_read_the_same_from_a_checkpoint_and_from_its_versions(checkpoint: Path) -> None:
    """Files, what the log tells of them, and marks."""
    store = checkpoint.parents[2]
    whole = DeltaLog(store / "points")
    whole.refresh()
    checkpoint.unlink()
    again = DeltaLog(store / "points")
    again.refresh()

    assert (again.version, again.files, again.transactions) == (whole.version, whole.files, whole.transactions)
