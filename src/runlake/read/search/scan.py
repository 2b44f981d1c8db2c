"""The columns that a search asks for, of each part of the store, as of one moment; each is made once."""

from __future__ import annotations

import json
import time
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from runlake.entities import LifecycleStage, Scope, Status
from runlake.read.direction import GOAL_TAG, direction
from runlake.read.search.columns import Numbers, Texts
from runlake.read.search.frames import Frame
from runlake.read.search.points import values_at
from runlake.read.search.values import Attribute, Metric, MetricAt, Moment, Text, Value
from runlake.read.status import liveness
from runlake.store.columns import text_scalar, texts
from runlake.store.fold import fold_runs
from runlake.store.owners import SHARED, is_at_it, owner_of
from runlake.store.view import View

__all__ = ["Scan", "artifact_uris", "data_sets"]

CONTEXT_TAG = "mlflow.data.context"
_UNSAID = {"lifecycle": str(LifecycleStage.ACTIVE), "experiment_id": "0"}  # what holds of a run of which nothing else was said


class Scan:
    """What one search sees."""

    def __init__(self, view: View) -> None:
        self.now_ms = time.time_ns() // 1_000_000
        self._view = view
        self._statuses: dict[str, Status] = {}  # of owners
        self._texts: dict[tuple[Value, Frame], Texts] = {}
        self._numbers: dict[tuple[Value, Frame], Numbers] = {}

    def texts(self, value: Text | Attribute, frame: Frame) -> Texts:
        """A column of texts."""
        place = value, frame
        if place not in self._texts:
            self._texts[place] = frame.texts(value.scope, value.key) if isinstance(value, Text) else self._attribute(value.name, frame)
        return self._texts[place]

    def numbers(self, value: Moment | Metric | MetricAt, frame: Frame) -> Numbers:
        """A column of numbers."""
        place = value, frame
        if place not in self._numbers:
            self._numbers[place] = self._made(value, frame)
        return self._numbers[place]

    def data_sets(self, frame: Frame) -> Texts:
        """Of each run its data sets, as JSON."""
        return frame.texts(Scope.INPUT, "")

    def _made(self, value: Moment | Metric | MetricAt, frame: Frame) -> Numbers:
        if isinstance(value, Metric):
            return frame.series(value.key, value.stat)
        if isinstance(value, Moment):
            return self._moment(value.name, frame)
        if isinstance(value.at, int):
            steps = Numbers(np.full(len(frame.ids), value.at, np.int64), np.ones(len(frame.ids), bool))
        else:
            steps = _best_steps(value.at, frame)
        return values_at(self._view, value.key, steps, frame.ids)

    def _attribute(self, name: str, frame: Frame) -> Texts:
        if name == "status":
            return self._status(frame)
        if name in ("run_id", "artifact_uri"):
            ids = frame.ids.ids
            return Texts(np.arange(len(ids), dtype=np.int32), ids if name == "run_id" else artifact_uris(ids))
        column = frame.texts(Scope.RUN, name)
        return column.filled(_UNSAID[name]) if name in _UNSAID else column

    def _status(self, frame: Frame) -> Texts:
        """What the owners said last, but CRASHED for a run whose owner is gone."""
        said = frame.texts(Scope.RUN, "status")
        running = np.flatnonzero(said.by_run(np.array([text == Status.RUNNING for text in said.distinct.to_pylist()], bool)))
        owners = frame.texts(Scope.RUN, "owner")
        names = ["", *owners.distinct.to_pylist()]
        crashed = [row for row in running.tolist() if self._status_of(names[owners.codes[row] + 1]) == Status.CRASHED]
        crashed = self._left_by_all(crashed, frame) if crashed else []
        if not crashed:
            return said
        codes = said.codes.copy()
        codes[crashed] = len(said.distinct)
        return Texts(codes, pa.concat_arrays([said.distinct, texts([Status.CRASHED])]))

    def _left_by_all(self, crashed: list[int], frame: Frame) -> list[int]:
        """Those at which no other process is at work."""
        is_shared = frame.texts(Scope.RUN, SHARED).known
        ids = frame.ids.ids
        return [row for row in crashed if not (is_shared[row] and self._is_shared_with_the_living(ids[row].as_py()))]

    def _is_shared_with_the_living(self, run_id: str) -> bool:
        said = fold_runs(self._view.events(run_id))[run_id].said
        return is_at_it(owner_of(said, self._view.writer))

    def _status_of(self, owner: str) -> Status:
        if owner not in self._statuses:
            self._statuses[owner] = liveness(Status.RUNNING, self._view.writer(owner)).status
        return self._statuses[owner]

    def _moment(self, name: str, frame: Frame) -> Numbers:
        start, end = frame.integers("start_ns"), frame.integers("end_ns")
        if name == "start_time":
            return Numbers(start.values // 1_000_000, start.known)
        status = self.texts(Attribute("status"), frame)
        is_running = status.by_run(np.array([text == Status.RUNNING for text in status.distinct.to_pylist()], bool))
        if name == "end_time":
            return Numbers(end.values // 1_000_000, end.known & ~is_running)
        until = np.where(is_running, self.now_ms, end.values // 1_000_000)
        return Numbers((until - start.values // 1_000_000) / 1000, start.known & (is_running | end.known))


def artifact_uris(ids: pa.Array) -> pa.Array:
    """Where the artifacts of these runs are."""
    return pc.binary_join_element_wise(text_scalar("runs:/"), ids, text_scalar("/"), text_scalar(""))


def _best_steps(key: str, frame: Frame) -> Numbers:
    """The step at which each run's metric was best, as the run says which way that is."""
    told = frame.texts(Scope.TAG, GOAL_TAG + key)
    goals = [direction(key, {GOAL_TAG + key: text}) for text in told.distinct.to_pylist()]
    is_down = told.by_run(np.array([goal == "min" for goal in goals], bool), direction(key) == "min").astype(bool)
    least, greatest = frame.series(key, "min_step"), frame.series(key, "max_step")
    return Numbers(np.where(is_down, least.values, greatest.values), np.where(is_down, least.known, greatest.known))


def data_sets(stored: str) -> list[dict[str, str]]:
    """The name, the digest and the context of each of a run's data sets."""
    found: list[dict[str, Any]] = json.loads(stored)
    data = [(each["dataset"], each["tags"].get(CONTEXT_TAG, "")) for each in found]
    return [{"name": each["name"], "digest": each["digest"], "context": context} for each, context in data]
