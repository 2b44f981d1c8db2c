"""A store opened for reading: runs, points and artifacts, as of the last refresh."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from runlake import config
from runlake.entities import Job, Scope, ViewType
from runlake.errors import StoreError, UnknownArtifact, UnknownRun
from runlake.read.changes import Watch
from runlake.read.curve import Axis, Range, curve_of
from runlake.read.run import Run
from runlake.read.runs import Runs
from runlake.read.search.found import Found
from runlake.read.search.index import Index
from runlake.read.search.query import Query
from runlake.read.search.runs import run_listed, run_query
from runlake.store.fold import RunState, fold_runs
from runlake.store.layout import Layout, check_usable, is_store
from runlake.store.packs import content_of
from runlake.store.summaries import Summary
from runlake.store.view import Finding, View, WriterState

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Store", "open_store"]

T = TypeVar("T")


class Store:
    """Reads one store. Nothing here ever writes; `refresh` takes in what was written since. Threads may share it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.RLock()  # two threads that take in the same rows would take in some of them twice, or never
        self._view = View(Layout(path))
        self._index = Index(self._view)
        self.refresh()

    def refresh(self) -> None:
        """Take in what is new."""
        with self._lock:
            self._view.refresh()

    def watch(self) -> Watch:
        """What says what comes into the store from now on."""
        return Watch(self.looking)

    def points(self, run_id: str | tuple[str, str] | None = None, key: str | None = None) -> pa.Table:
        """Points as `run_id, key, step, wall_ns, value, writer, seq`, by run, key, step and time; a pair is the first and last run."""
        with self._lock:
            return self._view.points(run_id, key)

    def events(self, run_id: str) -> pa.Table:
        """Everything that was said of a run, as it was said and in that order: `scope, key, op, type, num, int, str, hlc` and more."""
        with self._lock:
            return self._view.whatever_vanishes(lambda: self._view.events(run_id))

    def series(self, run_id: str, key: str) -> pa.Table:
        """`step, wall_ns, value` of one series, by step and time."""
        with self._lock:
            return self._view.series(run_id, key)

    def curve(
        self,
        run_id: str,
        key: str,
        x: Axis = "step",
        range: Range = None,  # noqa: A002  # as one says it of a chart
        pixels: int | None = 1000,
        smooth: float = 0.0,
    ) -> pa.Table:
        """One series as it looks on so many pixels, as `runlake.read.series` gives it. Raises UnknownRun, KeyError or InvalidValue."""
        with self._lock:
            found = curve_of(self._view, run_id, key, x, range, pixels, smooth)
        if not found.num_rows:
            self._check_metric(run_id, key)
        return found

    def _check_metric(self, run_id: str, key: str) -> None:
        """Raise UnknownRun or KeyError where a run, or its metric, is not there; of one that is, the points may be lost."""
        run = next(iter(self.found(self.these([run_id]))), None) or self.run(run_id)
        if key not in run.data.metrics:
            _ = run.metrics[key]

    def search(self, query: Query) -> Found:
        """The runs that are asked for, in order. Raises InvalidFilter."""
        with self._lock:
            return self._view.whatever_vanishes(lambda: run_query(self._view, self._index, query))

    def these(self, run_ids: pa.Array | Sequence[str]) -> Found:
        """The runs of these ids, in this order, deleted ones too; those that are not there are left out."""
        with self._lock:
            return self._view.whatever_vanishes(lambda: run_listed(self._view, self._index, run_ids))

    def found(self, found: Found) -> Runs:
        """The runs that a search found."""
        with self._lock:
            return Runs(Run(self, row.info.run_id, row) for row in found.rows())

    def runs(self) -> Runs:
        """Every run, deleted ones too, in the order they were started."""
        return self.found(self.search(Query(order_by=["start_time"], view_type=ViewType.ALL)))

    def run(self, run_id: str) -> Run:
        """The run of this id. Raises UnknownRun."""
        run = Run(self, run_id)
        _ = run.info  # which reads it
        return run

    def state(self, run_id: str) -> RunState:
        """What is known of a run but its points, events folded. Raises UnknownRun."""
        with self._lock:
            state = fold_runs(self._view.events(run_id)).get(run_id)
        if state is None or not _is_whole(state):
            raise UnknownRun(f"There is no run {run_id!r} in {self.path}.")
        return state

    def jobs(self) -> dict[str, dict[str, Job]]:
        """The jobs of all runs that have any, by run and name."""
        with self._lock:
            return {run_id: state.jobs for run_id, state in fold_runs(self._view.events(scope=Scope.JOB)).items()}

    def keeping(self, name: str) -> set[str]:
        """The ids of the runs that keep an artifact of this name."""
        with self._lock:
            states = fold_runs(self._view.events(scope=Scope.ARTIFACT, key=name))
        return {run_id for run_id, state in states.items() if state.artifacts}

    def owner(self, writer: str) -> WriterState | None:
        """The writer that opened or resumed a run, as its log shows it; None where that is published."""
        with self._lock:
            return self._view.writer(writer)

    def looking(self, look: Callable[[View], T]) -> T:
        """What `look` finds in all that the store holds: nobody refreshes it meanwhile, and where a file went it looks again."""
        with self._lock:
            return self._view.whatever_vanishes(lambda: look(self._view))

    def summaries(self, run_id: str) -> dict[str, Summary]:
        """What there is to say of each metric of a run, without a look at its points."""
        with self._lock:
            return self._view.summaries(run_id)

    def read_blob(self, state: RunState, name: str) -> bytes:
        """The content that a run keeps under a name. Raises UnknownArtifact."""
        if name not in state.artifacts:
            raise UnknownArtifact(f"The run {state.run_id} keeps nothing named {name!r}; it has {sorted(state.artifacts)[:20]}.")
        return self.content(state.artifacts[name][0])

    def content(self, sha256: str) -> bytes:
        """The content with this hash, of an artifact or a registered model. Raises FileNotFoundError."""
        return content_of(Layout(self.path), sha256)

    def findings(self) -> list[Finding]:
        """What is damaged or missing in the store's files."""
        with self._lock:
            return self._view.findings()


def open_store(path: str | os.PathLike[str] | None = None) -> Store:
    """Open a store, by default the one that the settings name. Raises StoreError where there is none."""
    root = Path(path).absolute() if path is not None else config.find_store()
    check_usable(root)
    if not is_store(root):
        raise StoreError(f"There is no store at {root} yet. It is made by the first run, or name another with RUNLAKE_STORE.")
    return Store(root)


def _is_whole(state: RunState) -> bool:
    """Whether its beginning is there; of a run where it is damaged, or on its way, only points are known."""
    return {"status", "start_ns"} <= state.said.keys()
