"""A run as MLflow tells of it, whether in files or in a database, and what it is in our words.

Whatever was there when the run began has the run's beginning as its hybrid time, how it ended its end: so the same run has the same
events at every import, and what came to it later outranks what was known of it before.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import NamedTuple

import numpy as np

from runlake.entities import Dataset, Event, LifecycleStage, Scope, Status
from runlake.errors import InvalidValue
from runlake.importers.arriving import ArrivingSeries
from runlake.importers.remarks import Remarks
from runlake.recording.runs import CONTEXT_TAG, NAME_TAG, PARENT_TAG
from runlake.recording.values import as_key, as_text

__all__ = ["GOES_ON", "MetricColumns", "MlflowRun", "checked_id", "events_of", "milliseconds", "series_of", "status_called"]

GOES_ON = "runs that have not ended, which read as CRASHED here until another import brings their end"
LATEST_MS = (2**63 - 1) // 1_000_000  # in nanoseconds it fits into 64 bits

_ID = re.compile(r"[A-Za-z0-9][\w-]{0,255}", re.ASCII)
_STATUSES = ("RUNNING", "SCHEDULED", "FINISHED", "FAILED", "KILLED")  # files have their numbers, from 1 on


@dataclass(frozen=True)
class MlflowRun:
    """What MLflow says of a run but its points and files; times are in milliseconds. `experiment` is a name."""

    run_id: str
    experiment: str
    name: str
    status: str
    start_ms: int
    end_ms: int | None = None
    user: str = ""
    is_deleted: bool = False
    deleted_ms: int | None = None
    params: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    inputs: Sequence[tuple[Dataset, Mapping[str, str]]] = ()


class MetricColumns(NamedTuple):
    """The points of a metric as MLflow has them; `ranks` are the values as it compares them."""

    steps: np.ndarray
    times_ms: np.ndarray
    values: np.ndarray
    ranks: np.ndarray


def checked_id(run_id: str | None) -> str:
    """The id of a run, if it is one that MLflow takes. Raises InvalidValue."""
    if not run_id or not _ID.fullmatch(run_id):
        raise InvalidValue(f"{(run_id or '')[:60]!r} is no id of a run")
    return run_id


def status_called(written: object) -> str:
    """The status that a database calls by its name, a file by its number. Raises InvalidValue for another."""
    text = str(written)
    if text.isdecimal() and 0 < int(text) <= len(_STATUSES):
        text = _STATUSES[int(text) - 1]
    if text not in _STATUSES:
        raise InvalidValue(f"{text[:60]!r} is no status of a run")
    return Status.RUNNING if text == "SCHEDULED" else Status(text)


def milliseconds(written: object) -> int | None:
    """A time, None where there is none. Raises InvalidValue for what is none that a clock shows."""
    if written is None:
        return None
    text = str(written)
    if not re.fullmatch(r"\d{1,19}", text, re.ASCII) or int(text) > LATEST_MS:
        raise InvalidValue(f"{text[:60]!r} is no time in milliseconds since 1970")
    return int(text)


def events_of(run: MlflowRun, remarks: Remarks) -> list[Event]:
    """All that is said of the run. What cannot be kept is remarked on and left out."""
    began, ended = _hlc(run.start_ms), _hlc(max(run.end_ms or 0, run.start_ms))
    said: dict[str, str | int] = {"name": run.name or run.tags.get(NAME_TAG) or run.run_id, "start_ns": run.start_ms * 1_000_000}
    said |= {"user": run.user} if run.user else {}
    parent = run.tags.get(PARENT_TAG, "")
    said |= {"parent_run_id": parent} if _ID.fullmatch(parent) else {}
    events = [Event.set(run.run_id, Scope.RUN, key, value, began) for key, value in said.items()]
    if run.end_ms is not None:
        events.append(Event.set(run.run_id, Scope.RUN, "end_ns", run.end_ms * 1_000_000, ended))
    events.append(Event.set(run.run_id, Scope.RUN, "status", run.status, began if run.status == Status.RUNNING else ended))
    if run.is_deleted:
        deleted = _hlc(max(run.deleted_ms or 0, run.end_ms or 0, run.start_ms))
        events.append(Event.set(run.run_id, Scope.RUN, "lifecycle", LifecycleStage.DELETED, deleted))
    for scope, texts in ((Scope.PARAM, run.params), (Scope.TAG, run.tags)):
        kept = _kept(run, scope, texts, remarks)
        events += [Event.set(run.run_id, scope, key, text, began) for key, text in kept]
    return events + [_input(run, began, *each) for each in run.inputs]


def series_of(run_id: str, key: str, columns: MetricColumns, remarks: Remarks) -> Iterator[ArrivingSeries]:
    """The points of a metric, if it can be kept. Of those with one step and time the last is the one that MLflow shows: the greatest."""
    try:
        as_key(key)
    except InvalidValue as error:
        remarks.broken("metrics that cannot be kept", f"{run_id}: {error}")
        return
    beyond = int(np.count_nonzero(np.abs(columns.times_ms) > LATEST_MS))
    remarks.broken("points whose time is beyond the year 2262, which they are put at", f"{key} of {run_id}", beyond)
    times_ns = np.clip(columns.times_ms, -LATEST_MS, LATEST_MS) * 1_000_000
    order = np.lexsort((columns.ranks, times_ns, columns.steps))
    yield ArrivingSeries(key, columns.steps[order], times_ns[order], columns.values[order])


def _kept(run: MlflowRun, what: str, texts: Mapping[str, str], remarks: Remarks) -> Iterator[tuple[str, str]]:
    for key, text in texts.items():
        try:
            as_text(as_key(key, what), text).encode()
        except UnicodeEncodeError:
            remarks.broken(f"{what}s that are no UTF-8", f"{key} of {run.run_id}")
        except InvalidValue as error:
            remarks.broken(f"{what}s that cannot be kept", f"{run.run_id}: {error}")
        else:
            yield key, text


def _input(run: MlflowRun, hlc: int, dataset: Dataset, tags: Mapping[str, str]) -> Event:
    stored = json.dumps({"dataset": asdict(dataset), "tags": dict(tags)})
    key = f"{dataset.name}/{dataset.digest}/{tags.get(CONTEXT_TAG, '')}"
    return Event(run.run_id, Scope.INPUT, key, "set", "json", None, None, stored, hlc)


def _hlc(ms: int) -> int:
    return min(ms, (1 << 46) - 1) << 16
