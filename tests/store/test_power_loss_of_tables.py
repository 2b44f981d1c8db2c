"""What was acknowledged survives the loss of power at any moment of its publishing, and is published after it."""

from __future__ import annotations

import os
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import pytest
from deltalake import DeltaTable

from power_loss import Acked, Disk, Recording, crash, lay_out
from rows import Point, Reading, add_points, read
from runlake import platform
from runlake.entities import Event, Scope
from runlake.store import commits
from runlake.store import publish as publishing
from runlake.store.columns import encode_events
from runlake.store.layout import Layout, create
from runlake.store.publish import publish
from runlake.store.writer import Writer


class Noted(Recording):
    """Knows what deltalake, whose calls do not pass here, has made: files that nobody has synced."""

    def __init__(self, root: Path, patch: pytest.MonkeyPatch) -> None:
        super().__init__(root, patch)
        noted = self

        class Noting(DeltaTable):
            """Notes what is new after each call that may have written."""

            @staticmethod
            def create(*given: Any, **more: Any) -> Any:
                made = DeltaTable.create(*given, **more)
                noted.look()
                return Noting(made.table_uri)

            def create_write_transaction(self, *given: Any, **more: Any) -> None:
                super().create_write_transaction(*given, **more)
                noted.look()

        patch.setattr(commits, "DeltaTable", Noting)

    def look(self) -> None:
        """Write down what is there and was made behind our back."""
        with self._lock:
            for path in sorted(self._root.rglob("*")):
                place = self._place(path)
                if place is not None and place not in self._names:
                    node = self._make(place, is_folder=path.is_dir())
                    if not path.is_dir():
                        self.note_bytes(node, path.read_bytes())


class Published(NamedTuple):
    """The calls of two writers and some publishing, and what the writers wrote in the end."""

    recording: Noted
    whole: Reading


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Published:
    """Three rounds: both writers write and one leaves, then all is published."""
    folder = tmp_path_factory.mktemp("power")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(commits._SETTINGS, "delta.checkpointInterval", "2")
        recording = Noted(folder, patch)
        layout = create(folder / "lake")
        patch.setattr(platform, "is_running", lambda identity: False)  # all that is there is published
        for number in range(3):
            writer = Writer(layout)
            for frame in range(2):
                rows = [Point(f"run{number}", f"key{n % 2}", frame * 5 + n, n, n / 8) for n in range(5)]
                add_points(writer, rows)
                writer.add_events(encode_events([Event.set(f"run{number}", Scope.RUN, "start_ns", n, n) for n in range(2)]), 2)
                writer.sync()
                recording.ack(read(layout.root))
            writer.close()
            publish(layout)
        return Published(recording, read(layout.root))


def problems(published: Published, seed: str, folder: Path) -> list[str]:
    """What is wrong after a crash at a moment drawn by chance, before and after what is left is published."""
    calls = published.recording.calls
    chance = Random(seed)
    before = calls[: chance.randrange(len(calls) + 1)]
    acked: Reading = next((call.what for call in reversed(before) if isinstance(call, Acked)), Reading([], [], []))
    lay_out(crash(before, chance), folder)
    found = []
    for when in ("before", "after", "after once more"):
        reading = read(folder / "lake")
        found += [f"acknowledged points are gone {when}"] * (not set(reading.points) >= set(acked.points))
        found += [f"acknowledged events are gone {when}"] * (not set(reading.events) >= set(acked.events))
        found += [f"points are there that nobody wrote {when}"] * (not set(reading.points) <= set(published.whole.points))
        found += [f"rows are there twice {when}"] * (len(reading.points) != len(set(reading.points)))
        found += [f"events are there twice {when}"] * (len(reading.events) != len(set(reading.events)))
        if (folder / "lake" / "STORE.json").exists():
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(platform, "is_running", lambda identity: False)
                publish(Layout(folder / "lake"))
    return found


def test_the_recording_holds_what_deltalake_does(published: Published) -> None:
    """Versions and checkpoints, beside our own files."""
    names = os.listdir(published.recording._root / "lake" / "points" / "_delta_log")

    assert {"00000000000000000003.json", "_last_checkpoint"} <= set(names)
    assert len(published.whole.points) == 30
    assert len(published.recording.calls) > 200


@pytest.mark.parametrize("seed", range(4))
def test_what_was_acknowledged_survives_the_loss_of_power_amid_publishing(published: Published, seed: int, tmp_path: Path) -> None:
    """Read at once, and after what is left was published."""
    found = {f"{seed} {n}": problems(published, f"{seed} {n}", tmp_path / "disk") for n in range(10)}

    assert {name: said for name, said in found.items() if said} == {}


@pytest.mark.long
@pytest.mark.parametrize("seed", range(100, 120))
def test_what_was_acknowledged_survives_very_many_losses_of_power_amid_publishing(published: Published, seed: int, tmp_path: Path) -> None:
    """The same, more often."""
    found = {f"{seed} {n}": problems(published, f"{seed} {n}", tmp_path / "disk") for n in range(30)}

    assert {name: said for name, said in found.items() if said} == {}


def test_the_check_sees_a_sync_that_is_left_out(tmp_path: Path) -> None:
    """A publisher that removes logs on the strength of what is not on the disk loses them."""
    made = tmp_path / "made"
    made.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        for module in (commits, publishing):
            patch.setattr(module, "sync_log", lambda layout, table: None)
        patch.setattr(platform, "is_running", lambda identity: False)
        recording = Noted(made, patch)
        layout = create(made / "lake")
        writer = Writer(layout)
        add_points(writer, [Point("run", "key", n, n, 0.5) for n in range(5)])
        writer.close()
        recording.ack(read(layout.root))
        publish(layout)
        whole = Published(recording, read(layout.root))

    states = (crash(recording.calls, Random(n)) for n in range(300))  # at the end, when the log is removed
    assert any(len(found_in(state, tmp_path / "disk").points) < len(whole.whole.points) for state in states)


def found_in(state: Disk, folder: Path) -> Reading:
    """What a reader finds on such a disk."""
    lay_out(state, folder)
    return read(folder / "lake")
