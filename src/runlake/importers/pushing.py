"""Runs of one store go into another: each event with the time it was said at, so that both stores agree on what came last."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from runlake.entities import Event, LifecycleStage, Scope, Status, ViewType
from runlake.errors import InvalidValue
from runlake.importers.arriving import ARRIVED, Added, Arriving, ArrivingRun, ArrivingSeries
from runlake.read import Query, Store
from runlake.store.columns import as_numbers
from runlake.store.layout import Layout
from runlake.store.packs import content_of

__all__ = ["Pushed", "push", "with_those_inside"]

_TOLD = ("run_id", "experiment_id", "status", "parent_run_id", "lifecycle_stage")


class Pushed(NamedTuple):
    """A run that is to be pushed."""

    run_id: str
    experiment_id: str
    is_running: bool


def push(
    source: Store, runs: Iterable[Pushed], arriving: Arriving, shelves: Mapping[str, tuple[str, Mapping[str, str]]]
) -> Iterator[Added]:
    """Write these runs, one after the other; `shelves` are the names and tags of the experiments by their ids in the source."""
    for run in runs:
        name, tags = shelves.get(run.experiment_id, (run.experiment_id, {}))  # one that is gone for good has no name any more
        if arriving.experiment(name, tags).lifecycle_stage == LifecycleStage.DELETED:
            restore = f"runlake experiments restore --store {arriving.layout.root}"
            raise InvalidValue(f"The experiment {name!r} of {arriving.layout.root} is deleted. Take it back with `{restore}`.")
        yield arriving.add(_read(source, run.run_id, name))


def with_those_inside(source: Store, run_ids: Sequence[str]) -> list[Pushed]:
    """The runs, and below each those that are inside of it, deleted ones apart."""
    columns = source.search(Query(order_by=["start_time", "run_id"], view_type=ViewType.ALL)).table(list(_TOLD))
    told = {row["run_id"]: row for row in columns.to_pylist()}
    inside: dict[str, list[str]] = {}
    for row in told.values():
        if row["parent_run_id"] and row["lifecycle_stage"] == LifecycleStage.ACTIVE:
            inside.setdefault(row["parent_run_id"], []).append(row["run_id"])
    found: dict[str, Pushed] = {}
    waiting = list(reversed(run_ids))
    while waiting:
        run_id = waiting.pop()
        if run_id not in found:
            found[run_id] = Pushed(run_id, told[run_id]["experiment_id"], told[run_id]["status"] == Status.RUNNING)
            waiting += reversed(inside.get(run_id, []))
    return list(found.values())


def _read(source: Store, run_id: str, experiment: str) -> ArrivingRun:
    events = [event for event in map(_event, source.events(run_id).to_pylist()) if not _is_of_its_store(event)]
    named = {event.key: event for event in events if event.scope == Scope.ARTIFACT}  # the last of each name: older contents stay
    events = [event for event in events if event.scope != Scope.ARTIFACT or named[event.key] is event]
    contents = {str(event.text): _content(source, str(event.text)) for event in named.values() if event.op != "delete"}
    return ArrivingRun(run_id, experiment, events, _series(source.points(run_id)), contents=contents)


def _event(row: Mapping[str, Any]) -> Event:
    return Event(*(row[name] for name in ("run_id", "scope", "key", "op", "type", "num", "int", "str", "hlc")))


def _is_of_its_store(event: Event) -> bool:
    """Whether it says nothing to another one."""
    return event.scope == Scope.RUN and event.key in ("experiment_id", ARRIVED)


def _content(source: Store, sha256: str) -> Any:
    path = Layout(source.path).blob(sha256)
    return path if path.exists() else content_of(Layout(source.path), sha256)


def _series(points: pa.Table) -> Iterator[ArrivingSeries]:
    """One of each key, whose points stand together."""
    keys = points["key"].dictionary_encode().unify_dictionaries().combine_chunks()
    codes, names = as_numbers(keys.indices), keys.dictionary.to_pylist()
    steps, times, values = (as_numbers(points[name]) for name in ("step", "wall_ns", "value"))
    starts = np.flatnonzero(np.diff(codes, prepend=-1)).tolist()
    for start, stop in itertools.pairwise([*starts, len(codes)]):
        yield ArrivingSeries(names[codes[start]], steps[start:stop], times[start:stop], values[start:stop])
