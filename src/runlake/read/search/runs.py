"""Searches the runs of a store."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from runlake.entities import LifecycleStage, Scope, ViewType
from runlake.read.search.columns import Ids
from runlake.read.search.found import Found
from runlake.read.search.frames import Part
from runlake.read.search.index import Index
from runlake.read.search.order import Order
from runlake.read.search.query import Kind, Query, answered, chosen
from runlake.read.search.scan import Scan
from runlake.read.search.values import OF_RUNS, Attribute, Moment
from runlake.store.columns import texts
from runlake.store.view import View

__all__ = ["run_listed", "run_query"]

_RUNS = Kind(OF_RUNS, (Order(Moment("start_time"), True), Order(Attribute("run_id"), False)))  # the newest first


def run_query(view: View, index: Index, query: Query) -> Found:
    """The runs that it finds. Raises InvalidFilter, or FileNotFoundError where a file went that the view knows."""
    return Found(answered(query, _RUNS, index.parts(), Scan(view), lambda part: _is_shown(part, query)))


def run_listed(view: View, index: Index, run_ids: pa.Array | Sequence[str]) -> Found:
    """The runs of these ids, in this order. Raises FileNotFoundError where a file went that the view knows."""
    wanted = run_ids if isinstance(run_ids, pa.Array) else texts(run_ids)
    listed = Ids(wanted)
    parts = index.parts()
    numbers, start = np.full(len(wanted), -1, np.int64), 0
    for part in parts:
        places = listed.places_of(part.frame.ids.ids)
        counted = places >= 0 if part.counts is None else (places >= 0) & part.counts
        rows = np.flatnonzero(counted)
        numbers[places[rows]] = rows + start
        start += len(part.frame.ids)
    return Found(chosen(parts, Scan(view), numbers[numbers >= 0], _RUNS))


def _is_shown(part: Part, query: Query) -> np.ndarray:
    """Which runs stand on the shelves that are searched, and are at the stage that is asked for."""
    frame = part.frame
    shown = np.ones(len(frame.ids), bool) if part.counts is None else part.counts
    if query.view_type != ViewType.ALL:
        stage = frame.texts(Scope.RUN, "lifecycle")
        is_at = [query.view_type.shows(text) for text in stage.distinct.to_pylist()]
        shown = shown & stage.by_run(np.array(is_at, bool), query.view_type.shows(LifecycleStage.ACTIVE)).astype(bool)
    if query.experiment_ids is not None:
        wanted = set(query.experiment_ids)
        shelf = frame.texts(Scope.RUN, "experiment_id")
        shown = shown & shelf.by_run(np.array([text in wanted for text in shelf.distinct.to_pylist()], bool), "0" in wanted).astype(bool)
    return shown
