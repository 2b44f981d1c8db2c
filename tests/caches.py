"""A store that is searched with a cache, and the same without one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from rows import add_events
from runlake.entities import Event, Scope, ViewType
from runlake.read import Query, Store, open_store
from runlake.store.layout import Layout
from runlake.store.writer import Writer
from written_runs import WrittenRun, write_runs

__all__ = ["ALL", "NAMES", "add", "change", "everything", "frames", "kept", "manifest", "without_cache"]

ALL = Query(view_type=ViewType.ALL)
NAMES = [f"run {number:02}" for number in range(12)]


def add(layout: Layout, *runs: WrittenRun) -> None:
    """Write runs."""
    writer = Writer(layout)
    write_runs(writer, runs)
    writer.close()


def change(layout: Layout, run_id: str, key: str, value: str, *, scope: Scope = Scope.TAG, hlc: int = 9, op: str = "set") -> None:
    """Write an event."""
    writer = Writer(layout)
    add_events(writer, [Event.set(run_id, scope, key, value, hlc)._replace(op=op)])
    writer.close()


def kept(home: Path) -> dict[str, Path]:
    """The files of the caches."""
    return {path.name: path for path in home.glob("runlake/search/*/*") if path.name != "lock"}


def manifest(home: Path) -> Path:
    """Where the cache says what it is."""
    return kept(home)["kept.json"]


def frames(store: Store) -> list[str]:
    """What a search looks at."""
    store.search(ALL)
    return [type(part.frame).__name__ for part in store._index.parts()]


def everything(layout: Layout) -> list[tuple[Any, ...]]:
    """All that a search knows of all runs, as somebody finds it who opens the store now."""
    store = open_store(layout.root)
    said = [(run.info, run.params, run.tags, sorted(run.data.metrics.items()), run.inputs) for run in store.runs()]
    columns = [f"metrics.loss{wanted}" for wanted in (".min", ".max", ".mean", ".first", "@1", "@best(metrics.loss)")]
    return [*said, *(tuple(row.values()) for row in store.search(ALL).table(["run_id", *columns]).to_pylist())]


def without_cache(layout: Layout) -> list[tuple[Any, ...]]:
    """The same, in a home that has none."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(layout.root.parent / "another home"))
        return everything(layout)
