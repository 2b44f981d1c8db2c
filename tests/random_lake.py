"""A store of random runs, in every form that a store can have: in logs, sealed, published, cached, and changed since."""

from __future__ import annotations

import json
import shutil
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import numpy as np

from rows import Point, add_events, add_points, parts_of
from runlake.entities import Event, Scope
from runlake.read.search import cache
from runlake.store.columns import encode_summaries
from runlake.store.compaction import compact
from runlake.store.layout import Layout, create
from runlake.store.publish import publish
from runlake.store.sealed import seal
from runlake.store.summaries import summarize
from runlake.store.writer import Writer

__all__ = ["KEYS", "RandomLake", "copy_with_cache", "forms_of"]

NOON_MS = 1_769_857_200_000
NAN, INF = float("nan"), float("inf")

KEYS = {
    Scope.PARAM: ["lr", "model", "optimizer name", "a.b/c", "it's", 'say "x"', "tick`s", "größe/код", "both", "status", "NOT", "rare"],
    Scope.TAG: ["team", "note", "gone", "mlflow.note.content", "runlake.goal.loss", "team.max", "IN", "(x)"],
    Scope.METRIC: ["loss", "acc", "val loss", "both", "loss.min", "train/f1", "m`x"],
}
WORDS = ["adam", "Adam", "ADAMW", "sgd", "100%", "a_b", "a\\b", "axb", "", " ", "it's", 'a "b"', "日本", "line\nbreak", "None", "7d"]
NUMBERS = ["0.1", "1e-1", "0.10", "2", "10", " 5 ", "1_000", "-0", "nan", "inf", "-Infinity", "\u0663", "1" * 400, "0.30000000000000004"]
VALUES = [*(n / 8 for n in range(-3, 6)), NAN, NAN, INF, -INF]  # sums of these are exact in any order
DATA_SETS = [{"name": name, "digest": digest} for name in ("iris", "Iris", "it's") for digest in ("1", "a1b2", "")]


@dataclass
class RandomLake:
    """Writes runs as several processes would that log to the same ones: one of them lives, one has ended."""

    root: Path
    random: Random
    n_runs: int = 12
    may_begin_late: bool = False
    run_ids: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.layout = create(self.root)
        self.living = Writer(self.layout)
        self._late: list[Event] = []
        self._points: dict[Writer, dict[tuple[str, str], list[Point]]] = defaultdict(lambda: defaultdict(list))

    def begin(self) -> None:
        """Write runs, of which some have ended and some go on."""
        self._write([Writer(self.layout), Writer(self.layout)], new=self.n_runs, n=self.n_runs * 25)

    def go_on(self) -> None:
        """Change runs of before, and write new ones."""
        self._write([Writer(self.layout)], new=self.random.choice([0, 3]), n=self.random.choice([3, 40, 120]))

    def close(self) -> None:
        """Have no process live any more."""
        self.living.close()

    def _write(self, others: Sequence[Writer], new: int, n: int) -> None:
        writers = [self.living, *others]
        events: dict[Writer, list[Event]] = defaultdict(list)
        points: dict[Writer, list[Point]] = defaultdict(list)
        for event in self._late:
            events[self.random.choice(writers)].append(event)
        self._late.clear()
        for _ in range(new):
            for event in self._beginning(writers):
                events[self.random.choice(writers)].append(event)
        for _ in range(n):
            writer, run_id = self.random.choice(writers), self.random.choice(self.run_ids)
            if self.random.random() < 0.5:
                points[writer].append(self._point(run_id))
            else:
                events[writer].append(self._event(run_id))
        for writer in writers:
            self._add(writer, events[writer], points[writer])
            if writer is self.living:
                writer.write()
            else:
                writer.close()

    def _add(self, writer: Writer, events: list[Event], points: list[Point]) -> None:
        """In several frames, and between them what the writer says of its series."""
        self.random.shuffle(events)
        while events or points:
            n_events, n_points = self.random.randint(0, 30), self.random.randint(0, 30)
            if events[:n_events]:
                add_events(writer, events[:n_events])
            if points[:n_points]:
                add_points(writer, points[:n_points])
                for point in points[:n_points]:
                    self._points[writer][point.run_id, point.key].append(point)
            if self.random.random() < 0.4 and self._points[writer]:
                self._summarize(writer)
            events, points = events[n_events:], points[n_points:]

    def _summarize(self, writer: Writer) -> None:
        rows = []
        for (run_id, key), points in self._points[writer].items():
            steps, times = (np.array([point[place] for point in points], np.int64) for place in (2, 3))
            found = summarize(np.zeros(len(points), np.int64), steps, times, np.array([point.value for point in points]))
            rows.append((run_id, key, 0, found[0]))
        writer.add_summaries(encode_summaries(rows), len(rows))

    def _beginning(self, writers: Sequence[Writer]) -> list[Event]:
        """What is said first of a run; some of it may never come, or later, and until then the run is none."""
        run_id = f"{self.random.getrandbits(24):06x}"
        self.run_ids.append(run_id)
        status = self.random.choice(["RUNNING", "RUNNING", "FINISHED", "FAILED", "KILLED"])
        start_ms = NOON_MS + self.random.choice([0, 0, 1, 86_400_000])
        if status == "RUNNING":
            start_ms = time.time_ns() // 1_000_000 - self.random.choice([1000, 2000]) * 1000
        said: dict[str, str | int] = {"status": status, "owner": self.random.choice(writers).id, "start_ns": start_ms * 1_000_000 + 5}
        said |= {"name": self.random.choice(["first", "second run", "100%"]), "experiment_id": self.random.choice(["0", "0", "1"])}
        if self.random.random() < 0.5:
            said |= {"user": self.random.choice(["me", "du"]), "parent_run_id": self.random.choice(self.run_ids)}
        if status != "RUNNING" or self.random.random() < 0.2:  # one that was resumed has ended before
            said["end_ns"] = start_ms * 1_000_000 + 5 + self.random.choice([0, 500, 10_000, 600_000, 3_600_000]) * 1_000_000
        hlc = self._hlc()
        events = [Event.set(run_id, Scope.RUN, key, value, hlc) for key, value in said.items()]
        if self.random.random() < 0.15:  # by its status and its start a run is known
            late = events.pop(self.random.choice([0, 2]) if self.may_begin_late else 2)
            self._late += [late] if self.may_begin_late else []
        return events

    def _event(self, run_id: str) -> Event:
        kind = self.random.random()
        if kind < 0.45:
            key = self._key(Scope.PARAM)
            text = self.random.choice(NUMBERS if key in ("lr", "both") else [*NUMBERS, *WORDS])
            return self._set(run_id, Scope.PARAM, key, text, self.random.choice(["set", "set", "offer"]))
        if kind < 0.8:
            key = self._key(Scope.TAG)
            text = self.random.choice(["min", "max", "up"] if key.startswith("runlake") else [*NUMBERS, *WORDS])
            return self._set(run_id, Scope.TAG, key, text, self.random.choice(["set", "set", "offer", "delete"]))
        if kind < 0.9:
            data = self.random.choice(DATA_SETS)
            context = self.random.choice(["", "train", "test"])
            stored = json.dumps({"dataset": data, "tags": {"mlflow.data.context": context} if context else {}})
            return self._set(run_id, Scope.INPUT, f"{data['name']}/{data['digest']}/{context}", stored, "set")
        if kind < 0.95:
            return Event.set(run_id, Scope.RUN, "lifecycle", self.random.choice(["active", "deleted"]), self._hlc())
        if kind < 0.97:
            return Event.set(run_id, Scope.RUN, "end_ns", (NOON_MS + 86_400_000) * 1_000_000, self._hlc())
        said = {"status": ["FINISHED", "RUNNING"], "owner": [self.living.id], "experiment_id": ["1"], "name": ["renamed"]}
        key = self.random.choice(list(said))
        return Event.set(run_id, Scope.RUN, key, self.random.choice(said[key]), self._hlc())

    def _set(self, run_id: str, scope: Scope, key: str, text: str, op: str) -> Event:
        kind = self.random.choice(["str", "float", "object"]) if scope == Scope.PARAM else "str"
        return Event(run_id, scope, key, op, kind, None, None, "" if op == "delete" else text, self._hlc())

    def _point(self, run_id: str) -> Point:
        step, wall_ns = self.random.choice([-1, 0, 1, 2, 3, 1000]), self.random.choice([1, 2, 3])
        return Point(run_id, self._key(Scope.METRIC), step, wall_ns, self.random.choice(VALUES))

    def _key(self, scope: Scope) -> str:
        """Some come often, some hardly ever."""
        keys = KEYS[scope]
        return keys[min(self.random.randrange(len(keys)), self.random.randrange(len(keys)))]

    def _hlc(self) -> int:
        return self.random.randint(1, 60)


def copy_with_cache(root: Path, copy: Path) -> Path:
    """The store as it lies there now, with the cache that was made of it."""
    shutil.copytree(root, copy)
    kept, copied = cache._folder(Layout(root)), cache._folder(Layout(copy))
    if kept and copied and kept.exists():
        shutil.copytree(kept, copied)
    return copy


def forms_of(lake: RandomLake, folder: Path) -> list[tuple[str, int, Path]]:
    """Copies of the store, one of each form; those of one age hold the same."""
    forms: list[tuple[str, int, Path]] = []

    def keep(name: str, age: int) -> Path:
        forms.append((name, age, copy_with_cache(lake.root, folder / name)))
        return forms[-1][2]

    lake.begin()
    keep("in logs", 0)
    sealed = keep("sealed", 0)
    for part in parts_of(sealed):
        if not part.name.startswith(lake.living.id):
            seal(Layout(sealed), part)
    publish(lake.layout)
    keep("published", 0)
    assert cache.bring_up_to_date(lake.layout)
    keep("cached", 0)

    lake.go_on()
    keep("changed over the cache", 1)
    publish(lake.layout)
    keep("published over the cache", 1)
    compact(lake.layout)
    keep("compacted over the cache", 1)

    lake.go_on()
    keep("changed again over the cache", 2)
    assert cache.bring_up_to_date(lake.layout)
    keep("cached again, and logs over it", 2)
    publish(lake.layout)
    assert cache.bring_up_to_date(lake.layout)
    keep("cached anew", 2)
    return forms
