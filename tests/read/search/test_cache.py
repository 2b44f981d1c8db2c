"""The search cache: it is used where it is right, made anew where runs changed, and what is found never depends on it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from caches import NAMES, add, change, everything, frames, kept, without_cache
from planted_jobs import until
from rows import Point, add_points
from runlake.entities import Scope
from runlake.read import open_store
from runlake.read.search import index
from runlake.read.search.cache import bring_up_to_date
from runlake.read.search.chunks import ChunkFrame
from runlake.store import publish as publishing
from runlake.store.compaction import compact
from runlake.store.layout import Layout, create
from runlake.store.publish import publish
from runlake.store.writer import Writer
from written_runs import WrittenRun, found

# It is used


def test_there_is_none_until_it_is_made(layout: Layout, home: Path) -> None:
    """And then it is used by whoever opens the store, and found to be the same."""
    before, seen = everything(layout), frames(open_store(layout.root))
    assert (kept(home), seen) == ({}, ["LiveFrame"])

    assert bring_up_to_date(layout)

    assert frames(open_store(layout.root)) == ["ChunkFrame"] * 3
    assert everything(layout) == before == without_cache(layout)


def test_an_open_store_takes_to_it_when_it_is_made(layout: Layout) -> None:
    """With no more than another search."""
    store = open_store(layout.root)
    before = frames(store)
    bring_up_to_date(layout)

    assert (before, frames(store)) == (["LiveFrame"], ["ChunkFrame"] * 3)


def test_there_is_none_of_a_store_that_has_nothing_published(tmp_path: Path, home: Path) -> None:
    """Or is none."""
    layout = create(tmp_path / "new")
    add(layout, WrittenRun("a"))

    assert not bring_up_to_date(layout)
    assert (kept(home), found(open_store(layout.root), "")) == ({}, "a")


def test_runs_that_change_are_laid_over_it(layout: Layout) -> None:
    """Tags of ended runs, runs that go on or come, published or not."""
    bring_up_to_date(layout)
    change(layout, NAMES[0], "team", "y")
    change(layout, NAMES[11], "status", "FINISHED", scope=Scope.RUN)
    add(layout, WrittenRun("another", {"n": 3}, {"loss": 0.5}))
    in_logs = everything(layout), frames(open_store(layout.root))
    publish(layout)

    assert in_logs == (without_cache(layout), ["ChunkFrame"] * 3 + ["LiveFrame"])
    assert (everything(layout), frames(open_store(layout.root))) == in_logs
    assert found(open_store(layout.root), "team = y or n = 3 or status = finished and n = 11") == "another run 00 run 03 run 11"


def test_a_compacted_store_keeps_it(layout: Layout) -> None:
    """The rows are the same, in other files."""
    bring_up_to_date(layout)
    change(layout, NAMES[3], "team", "y")
    publish(layout)
    before = everything(layout)

    assert compact(layout).before > 0
    assert (everything(layout), frames(open_store(layout.root))) == (before, ["ChunkFrame"] * 3 + ["LiveFrame"])
    assert bring_up_to_date(layout)
    assert (everything(layout), frames(open_store(layout.root))) == (before, ["ChunkFrame"] * 3)


def test_many_ended_runs_that_changed_are_better_read_without_it(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    """To read all that is said of each of them takes longer."""
    monkeypatch.setattr(index, "SLOW_RUNS", 2)
    bring_up_to_date(layout)
    seen = []
    for name in NAMES[:3]:
        change(layout, name, "team", "y")
        seen.append(frames(open_store(layout.root)))

    assert seen == [["ChunkFrame"] * 3 + ["LiveFrame"]] * 2 + [["LiveFrame"]]
    assert everything(layout) == without_cache(layout)


# It is made anew


def test_only_the_chunks_of_runs_that_changed_are_made_anew(layout: Layout, home: Path) -> None:
    """The files of the others stay, and what nobody names goes."""
    bring_up_to_date(layout)
    before = set(kept(home))
    change(layout, NAMES[0], "team", "y")
    publish(layout)

    assert bring_up_to_date(layout)

    after = set(kept(home))
    assert (len(before - after), len(after - before)) == (1, 1)
    assert frames(open_store(layout.root)) == ["ChunkFrame"] * 3
    assert everything(layout) == without_cache(layout)


def test_where_nothing_changed_nothing_is_made(layout: Layout, home: Path) -> None:
    """Or not as much as was asked for."""
    bring_up_to_date(layout)
    before = {path: path.stat().st_mtime_ns for path in kept(home).values()}
    change(layout, NAMES[0], "team", "y")

    assert bring_up_to_date(layout)
    publish(layout)
    assert bring_up_to_date(layout, at_least=2)
    assert {path: path.stat().st_mtime_ns for path in kept(home).values()} == before
    assert bring_up_to_date(layout, at_least=1)
    assert set(kept(home).values()) != set(before)


def test_chunks_that_grow_are_divided(layout: Layout) -> None:
    """Runs come before, between and behind those that are there."""
    bring_up_to_date(layout)
    add(layout, *(WrittenRun(f"{before}{number}", {"n": 1}) for before in ("a", "run 05", "z") for number in range(7)))
    publish(layout)

    assert bring_up_to_date(layout)

    parts = open_store(layout.root)
    assert frames(parts) == ["ChunkFrame"] * 8
    assert sum(len(part.frame.ids) for part in parts._index.parts()) == 33
    assert max(len(part.frame.ids) for part in parts._index.parts()) == 5
    assert everything(layout) == without_cache(layout)


def test_a_run_whose_beginning_comes_late_is_known_with_all_that_came_before(layout: Layout) -> None:
    """A process that joined it was published before the one that opened it."""
    change(layout, "late", "joined", "yes", hlc=1)
    writer = Writer(layout)
    add_points(writer, [Point("late", "loss", 0, 0, 0.5)])
    writer.close()
    publish(layout)
    bring_up_to_date(layout)
    add(layout, WrittenRun("late", {"n": 99}))

    in_logs = everything(layout)
    publish(layout)

    assert in_logs == without_cache(layout)
    assert everything(layout) == without_cache(layout)
    assert found(open_store(layout.root), "joined = yes and n = 99 and loss = 0.5") == "late"


def test_summaries_that_are_published_before_their_run_are_known(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    """The publisher died between the two, or is about to go on."""
    add(layout, WrittenRun("new", {"n": 99}, {"loss": 0.5}))

    def die(*given: Any) -> Any:
        raise InterruptedError

    with monkeypatch.context() as patch:
        patch.setattr(publishing, "next_rows", die)
        with pytest.raises(InterruptedError):
            publish(layout)
    bring_up_to_date(layout)
    in_logs = everything(layout)
    publish(layout)

    assert (in_logs, everything(layout)) == (without_cache(layout), without_cache(layout))
    assert found(open_store(layout.root), "loss = 0.5") == "new"


def test_a_large_store_has_it_made_by_another_process(layout: Layout, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The search does not wait for it."""
    monkeypatch.setattr(index, "HELD_ROWS", 0)
    monkeypatch.setenv("RUNLAKE_JOBS", "detached")
    store = open_store(layout.root)

    assert frames(store) == ["LiveFrame"]
    until(lambda: "kept.json" in kept(home))
    assert frames(store) == ["ChunkFrame"]


def test_what_few_runs_have_has_no_column_of_its_own(layout: Layout) -> None:
    """It lies in a list, and is found as everything is."""
    change(layout, NAMES[1], "rare", "1")
    change(layout, NAMES[1], "rare param", "x", scope=Scope.PARAM)
    writer = Writer(layout)
    add_points(writer, [Point(NAMES[1], "rare metric", 5, 0, 2.5)])
    writer.close()
    publish(layout)
    bring_up_to_date(layout)
    store = open_store(layout.root)
    assert frames(store) == ["ChunkFrame"] * 3
    first = store._index.parts()[0].frame

    assert isinstance(first, ChunkFrame)
    assert not [name for name in first._columns if "rare" in name]
    assert found(store, "rare = 1 and `rare param` = x and `rare metric`.mean = 2.5 and `rare metric`@5 = 2.5") == NAMES[1]
    assert everything(layout) == without_cache(layout)
