"""Writes runs that come from elsewhere: whatever of them the store has already is left out, however often they come.

What came of a run is summed up in a digest, the last that is written of it: where that is the same, nothing has to be read. Else each
row is compared with those that are there, so a run that grew, or one that was broken off, is made whole.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

import numpy as np

from runlake import platform
from runlake.entities import Event, Experiment, LifecycleStage, Scope
from runlake.errors import InvalidValue, StoreError
from runlake.recording.artifact_names import checked_name
from runlake.store.blobs import Blob, keep_bytes, keep_file, touched
from runlake.store.columns import as_numbers, encode_events, encode_points, encode_summaries
from runlake.store.commits import check_publishable
from runlake.store.experiments import DEFAULT, Experiments
from runlake.store.layout import create
from runlake.store.packs import LARGEST, keep_together
from runlake.store.publish import publish
from runlake.store.summaries import summarize
from runlake.store.view import View
from runlake.store.writer import Writer

__all__ = ["Added", "Arriving", "ArrivingRun", "ArrivingSeries"]

FRAME_POINTS = 65_536
PUBLISHED_ROWS = 2_000_000  # are not left in a log any longer
ARRIVED = "arrived"  # the key of the digest

Content = Path | bytes


@dataclass(frozen=True)
class ArrivingSeries:
    """Points of one key, as int64, int64 and float64; a key may come in several of these."""

    key: str
    steps: np.ndarray
    times_ns: np.ndarray
    values: np.ndarray


@dataclass(frozen=True)
class ArrivingRun:
    """A run as its source tells of it: the same in every event, hybrid times too, as long as the source is.

    `experiment` is a name. `files` are its artifacts by their names, `contents` by their hashes those that events speak of.
    """

    run_id: str
    experiment: str
    events: Sequence[Event]
    series: Iterable[ArrivingSeries] = ()
    files: Mapping[str, Content] = field(default_factory=dict)
    contents: Mapping[str, Content] = field(default_factory=dict)


@dataclass(frozen=True)
class Added:
    """What the store did not have of a run."""

    is_new: bool = False
    events: int = 0
    points: int = 0
    files: int = 0
    bytes: int = 0

    def __bool__(self) -> bool:
        return bool(self.is_new or self.events or self.points or self.files)


class Arriving:
    """Takes in runs one after the other; at the end of the block they are on the disk, and published. One at a time in a store."""

    def __init__(self, root: Path) -> None:
        self.layout = create(root)
        check_publishable(self.layout)
        self._experiments = Experiments(self.layout)
        self._lock = _locked(self.layout.temporary / "arriving.lock")
        self._view = View(self.layout)
        self._view.refresh()
        self._arrived = {run_id: digest for run_id, (digest, _) in self._view.last_said(ARRIVED).items()}
        self._known = set(self._view.last_said("status"))
        self._came: set[str] = set()
        self._writer = Writer(self.layout)

    def __enter__(self) -> Arriving:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """What came before an error stays: the next time goes on from there."""
        try:
            self._publish()
        finally:
            os.close(self._lock)

    def experiment(self, name: str, tags: Mapping[str, str] | None = None) -> Experiment:
        """The experiment of this name, made if it is not there; of its tags those that it has not."""
        found = self._experiments.get(DEFAULT) if name == "Default" else self._experiments.named(name)
        found = found or self._experiments.make(name, tags=dict(tags or {}))
        new = {key: text for key, text in (tags or {}).items() if key not in found.tags}
        if new and found.lifecycle_stage == LifecycleStage.ACTIVE:
            self._experiments.tag(found.experiment_id, new)
        return found

    def delete_experiment(self, name: str) -> None:
        """Put an experiment away that is deleted where it comes from, its runs with it."""
        found = self.experiment(name)
        if found.lifecycle_stage == LifecycleStage.ACTIVE:
            self._experiments.delete(found.experiment_id)

    def add(self, run: ArrivingRun) -> Added:
        """Write what the store does not have of a run. Raises InvalidValue for one that came before, or names what cannot be."""
        if run.run_id in self._came:
            raise InvalidValue(f"The run {run.run_id!r} came twice; the second one was left out.")
        events, series = self._placed(run), list(run.series)
        digest = _digest(events, series, run.files)
        self._came.add(run.run_id)
        if self._arrived.get(run.run_id) == digest:
            return Added()
        is_new = run.run_id not in self._known
        brought = self._brought(run.contents)
        named = self._named(run, max((event.hlc for event in events), default=0))
        if not is_new:
            events, named, series = self._missing(run.run_id, events, named, series)
        self._add_events([*events, *named])
        points = self._add_points(run.run_id, series)
        self._add_events([Event.set(run.run_id, Scope.RUN, ARRIVED, digest, time.time_ns() // 1_000_000 << 16)])
        self._writer.write()
        if self._writer.wants_sync:
            self._writer.sync()
        if self._writer.points + self._writer.events > PUBLISHED_ROWS:
            self._publish()
        n_bytes = sum(blob.size for blob in brought) + sum(event.integer or 0 for event in named)
        return Added(is_new, len(events), points, len(brought) + len(named), n_bytes)

    def _placed(self, run: ArrivingRun) -> list[Event]:
        """Its events, and that it is of this store's experiment."""
        first = min((event.hlc for event in run.events), default=0)
        shelf = self.experiment(run.experiment).experiment_id
        return [Event.set(run.run_id, Scope.RUN, "experiment_id", shelf, first), *run.events]

    def _named(self, run: ArrivingRun, hlc: int) -> list[Event]:
        """Bring the run's files to the disk; the events that name them."""
        names = [str(checked_name(name)) for name in run.files]
        blobs = self._kept(list(run.files.values()))
        return [
            Event.set(run.run_id, Scope.ARTIFACT, name, blob.sha256, hlc, integer=blob.size)
            for name, blob in zip(names, blobs, strict=True)
        ]

    def _brought(self, contents: Mapping[str, Content]) -> list[Blob]:
        """Bring those to the disk that are not there. Raises StoreError for one that is not what its hash says."""
        new = {sha256: content for sha256, content in contents.items() if not touched(self.layout.blob(sha256))}
        blobs = self._kept(list(new.values()))
        for sha256, blob in zip(new, blobs, strict=True):
            if blob.sha256 != sha256:
                raise StoreError(f"The content {sha256} is damaged where it comes from: what lies there has the hash {blob.sha256}.")
        return blobs

    def _kept(self, contents: Sequence[Content]) -> list[Blob]:
        """Bring contents to the disk, small ones together."""
        small = {place: _bytes(content) for place, content in enumerate(contents) if _size(content) <= LARGEST}
        blobs = dict(zip(small, keep_together(self.layout, list(small.values())) if small else [], strict=True))
        return [blobs.get(place) or self._large(content) for place, content in enumerate(contents)]

    def _large(self, content: Content) -> Blob:
        return keep_file(self.layout, content) if isinstance(content, Path) else keep_bytes(self.layout, content)

    def _missing(
        self, run_id: str, events: Sequence[Event], named: Sequence[Event], series: Sequence[ArrivingSeries]
    ) -> tuple[list[Event], list[Event], list[ArrivingSeries]]:
        """What is not there yet of a run that is."""
        rows = self._view.events(run_id)
        there = set(zip(*(rows[name].to_pylist() for name in ("scope", "key", "op", "type", "str", "hlc")), strict=True))
        files = {(key, text) for scope, key, _, _, text, _ in there if scope == Scope.ARTIFACT}
        new = [event for event in events if (event.scope, event.key, event.op, event.type, event.text, event.hlc) not in there]
        unnamed = [event for event in named if (event.key, event.text) not in files]
        known = self._view.summaries(run_id)
        return new, unnamed, [self._new_points(run_id, each) if each.key in known else each for each in _joined(series)]

    def _new_points(self, run_id: str, series: ArrivingSeries) -> ArrivingSeries:
        """Those points that are not there as often as they come."""
        rows = self._view.series(run_id, series.key)
        left = Counter(_rows(*(as_numbers(rows[name]) for name in ("step", "wall_ns", "value"))))
        is_new = np.ones(len(series.values), bool)
        for place, point in enumerate(_rows(series.steps, series.times_ns, series.values)):
            if left[point] > 0:
                left[point] -= 1
                is_new[place] = False
        return ArrivingSeries(series.key, series.steps[is_new], series.times_ns[is_new], series.values[is_new])

    def _add_events(self, events: Sequence[Event]) -> None:
        if events:
            self._writer.add_events(encode_events(events), len(events))

    def _add_points(self, run_id: str, series: Sequence[ArrivingSeries]) -> int:
        """Each series by itself, and then what there is to say of them."""
        since, told = self._writer.points, []
        for each in _joined(series):
            if not len(each.values):
                continue
            codes = np.zeros(len(each.values), np.intp)
            for start in range(0, len(codes), FRAME_POINTS):
                part = slice(start, start + FRAME_POINTS)
                payload = encode_points([(run_id, each.key)], codes[part], each.steps[part], each.times_ns[part], each.values[part])
                self._writer.add_points(payload, len(codes[part]))
            told.append((run_id, each.key, since, summarize(codes, each.steps, each.times_ns, each.values)[0]))
        if told:
            self._writer.add_summaries(encode_summaries(told), len(told))
        return self._writer.points - since

    def _publish(self) -> None:
        self._writer.close()
        publish(self.layout)
        self._writer = Writer(self.layout)


def _locked(path: Path) -> int:
    lock = platform.lock_file(path)
    if lock is None:
        raise StoreError(f"Something is being brought into {path.parent.parent} already. Wait until that is done.")
    return lock


def _size(content: Content) -> int:
    return len(content) if isinstance(content, bytes) else content.stat().st_size


def _bytes(content: Content) -> bytes:
    return content if isinstance(content, bytes) else content.read_bytes()


def _joined(series: Sequence[ArrivingSeries]) -> list[ArrivingSeries]:
    """One of each key."""
    parts: dict[str, list[ArrivingSeries]] = {}
    for each in series:
        parts.setdefault(each.key, []).append(each)
    return [each[0] if len(each) == 1 else _one(key, each) for key, each in parts.items()]


def _one(key: str, parts: Sequence[ArrivingSeries]) -> ArrivingSeries:
    columns = zip(*((each.steps, each.times_ns, each.values) for each in parts), strict=True)
    return ArrivingSeries(key, *map(np.concatenate, columns))


def _rows(steps: np.ndarray, times: np.ndarray, values: np.ndarray) -> Iterator[tuple[int, int, int]]:
    """Points as they compare: any NaN is equal to itself."""
    return zip(steps.tolist(), times.tolist(), values.view(np.int64).tolist(), strict=True)


def _digest(events: Sequence[Event], series: Sequence[ArrivingSeries], files: Mapping[str, Content]) -> str:
    """All of a run in a few letters; of a file that lies somewhere its size and age."""
    digest = hashlib.sha256()
    for event in events:
        digest.update(repr(tuple(event)).encode("utf-8", "surrogatepass"))
    for each in series:
        digest.update(repr((each.key, len(each.values))).encode("utf-8", "surrogatepass"))
        for column in (each.steps, each.times_ns, each.values):
            digest.update(np.ascontiguousarray(column).data)
    for name, content in files.items():
        known = hashlib.sha256(content).hexdigest() if isinstance(content, bytes) else (content.stat().st_size, content.stat().st_mtime_ns)
        digest.update(repr((name, known)).encode("utf-8", "surrogatepass"))
    return digest.hexdigest()[:32]
