"""Whatever is told to runs, in whatever order, is what is read of them: the verbs against a model in plain Python."""

from __future__ import annotations

import ast
import struct
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

import runlake

GREATEST = 2**63 - 1
PHASES = [Phase.explicit, Phase.reuse, Phase.generate]  # shrinking would take minutes, and 25 steps can be read

short_keys = st.sampled_from(["loss", "a/b"])  # two, so that verbs meet
long_keys = st.builds(lambda letter, n: letter * (n // len(letter.encode())), st.characters(codec="utf-8"), st.integers(4, 4096))
keys = short_keys | short_keys | long_keys | st.text(st.characters(codec="utf-8"), min_size=1, max_size=8)
values = st.floats() | st.integers(-(2**53), 2**53) | st.booleans()
explicit_steps = st.integers(-5, 20) | st.integers(-(2**63), GREATEST)
steps = st.none() | explicit_steps
plain = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
params = st.recursive(
    plain, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3), max_leaves=6
)
batches = st.lists(st.tuples(st.floats(), explicit_steps), max_size=5)


@dataclass
class Told:
    """What a run was told, and what it should be read as."""

    parent: str | None
    status: str = "RUNNING"
    points: dict[str, list[tuple[int, bytes]]] = field(default_factory=lambda: defaultdict(list))
    params: dict[str, Any] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)

    def next_step(self, key: str) -> int:
        """The one that a point without a step is given."""
        return max((step for step, _ in self.points.get(key, ())), default=-1) + 1

    def counts_on(self, key: str, n: int = 1) -> bool:
        """Whether there are steps for so many more points; where a series ends below 0 we do not ask."""
        return 0 <= self.next_step(key) <= GREATEST - n + 1

    def add(self, key: str, value: float, step: int | None) -> None:
        """A point."""
        self.points[key].append((self.next_step(key) if step is None else step, bits(value)))

    def series(self, key: str) -> list[tuple[int, bytes]]:
        """The points in the order in which they are read."""
        return sorted(self.points[key], key=lambda point: point[0])


class Tracking(RuleBasedStateMachine):
    """A program that tracks: it opens runs in runs, goes on with old ones, and tells the innermost one whatever there is to tell."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.told: dict[str, Told] = {}

    @property
    def inner(self) -> Told:
        """What the active run was told."""
        return self.told[self.open[-1]]

    @initialize()
    def start(self) -> None:
        """The first run, or one more inside."""
        run = runlake.start_run(nested=True)
        self.told[run.info.run_id] = Told(parent=self.open[-1] if self.open else None)
        self.open.append(run.info.run_id)

    @precondition(lambda self: len(self.open) < 3)
    @rule()
    def nest(self) -> None:
        """A run inside the active one, or after the last."""
        self.start()

    @precondition(lambda self: len(self.open) < 3 and len(self.told) > len(self.open))
    @rule(data=st.data())
    def resume(self, data: st.DataObject) -> None:
        """Go on with a run that ended."""
        run_id = data.draw(st.sampled_from([run_id for run_id in self.told if run_id not in self.open]))
        runlake.start_run(run_id=run_id, nested=True)
        self.told[run_id].status = "RUNNING"
        self.open.append(run_id)

    @precondition(lambda self: self.open)
    @rule(status=st.sampled_from(["FINISHED", "FAILED", "KILLED"]))
    def end(self, status: str) -> None:
        """End the innermost run."""
        self.inner.status = status
        self.open.pop()
        runlake.end_run(status)

    @precondition(lambda self: self.open)
    @rule(key=keys, value=values, step=steps)
    def log_metric(self, key: str, value: float, step: int | None) -> None:
        """A point; there is none after the greatest step."""
        if step is not None or self.inner.counts_on(key):
            runlake.log_metric(key, value, step=step)
            self.inner.add(key, value, step)
        elif self.inner.next_step(key) > GREATEST:
            with pytest.raises(runlake.InvalidValue, match="greatest step"):
                runlake.log_metric(key, value)

    @precondition(lambda self: self.open)
    @rule(metrics=st.dictionaries(keys, values, max_size=4), step=steps)
    def log_metrics(self, metrics: dict[str, float], step: int | None) -> None:
        """A point of each."""
        if step is not None or all(map(self.inner.counts_on, metrics)):
            runlake.log_metrics(metrics, step=step)
            for key, value in metrics.items():
                self.inner.add(key, value, step)

    @precondition(lambda self: self.open)
    @rule(key=keys, points=batches, counted=st.booleans(), as_array=st.booleans())
    def log_batch(self, key: str, points: list[tuple[float, int]], counted: bool, as_array: bool) -> None:
        """Many points of one key, as lists or arrays."""
        batch: Any = [value for value, _ in points]
        at: Any = None if counted else [step for _, step in points]
        if counted and not self.inner.counts_on(key, len(points)):
            return
        runlake.log_batch(key, np.array(batch, float) if as_array else batch, np.array(at, np.int64) if as_array and at else at)
        for value, step in points:
            self.inner.add(key, value, None if counted else step)

    @precondition(lambda self: self.open)
    @rule(key=keys, value=params)
    def log_param(self, key: str, value: Any) -> None:
        """A value that stays: another one is refused, the same again is not."""
        before = self.inner.params.get(key, value)
        if str(before) == str(value):
            assert runlake.log_param(key, value) is value
            self.inner.params.setdefault(key, value)
        else:
            with pytest.raises(runlake.InvalidValue, match="already"):
                runlake.log_param(key, value)

    @precondition(lambda self: self.open)
    @rule(key=keys, value=params)
    def set_tag(self, key: str, value: Any) -> None:
        """A note, in the place of an earlier one."""
        runlake.set_tag(key, value)
        self.inner.tags[key] = str(value)

    @precondition(lambda self: self.open)
    @rule(key=short_keys)
    def delete_tag(self, key: str) -> None:
        """A note taken back, if there was one."""
        if self.inner.tags.pop(key, None) is None:
            with pytest.raises(runlake.InvalidValue, match="has no tag"):
                runlake.delete_tag(key)
        else:
            runlake.delete_tag(key)

    @precondition(lambda self: self.open)
    @rule()
    def read(self) -> None:
        """What the active run was told so far is there already."""
        check(self.open[-1], self.inner)

    def teardown(self) -> None:
        """End what is open, and read every run, here and as somebody who opens the store now."""
        while self.open:
            self.end("FINISHED")
        store = runlake.read.open_store()
        for run_id, told in self.told.items():
            check(run_id, told)
            points = store.points(run_id).select(["key", "step", "value"]).to_pylist()
            expected = [(key, *point) for key in sorted(told.points) for point in told.series(key)]
            assert sorted((p["key"], p["step"], bits(p["value"])) for p in points) == sorted(expected)
        assert store.findings() == []


def check(run_id: str, told: Told) -> None:
    """The run is read as what it was told."""
    run = runlake.get_run(run_id)
    assert (run.info.status, run.info.parent_run_id) == (told.status, told.parent)
    assert {key: bits(value) for key, value in run.data.metrics.items()} == {key: told.series(key)[-1][1] for key in told.points}
    for key in told.points:
        history = runlake.get_metric_history(run_id, key)
        assert [(point.step, bits(point.value)) for point in history] == told.series(key)
    assert repr(run.params) == repr({key: as_read(value) for key, value in told.params.items()})
    assert run.data.params == {key: str(value) for key, value in told.params.items()}
    assert {key: text for key, text in run.tags.items() if not key.startswith("mlflow.")} == told.tags
    assert run.errors == []


def bits(value: float) -> bytes:
    """A double as it lies in memory: NaN equals itself there, and 0.0 is not -0.0."""
    return struct.pack("<d", value)


def as_read(value: Any) -> Any:
    """A param comes back as it was given, but a container that has no literal as its text."""
    try:
        return value if isinstance(value, (type(None), bool, int, float, str)) or ast.literal_eval(str(value)) == value else str(value)
    except ValueError:
        return str(value)


@pytest.mark.usefixtures("store")
def test_what_is_told_is_what_is_read() -> None:
    """In one store for all, which a damaged or lost row of any program would show."""
    tell_and_read(programs=10)


@pytest.mark.long
@pytest.mark.timeout(600)
@pytest.mark.usefixtures("store")
def test_what_is_told_is_what_is_read_of_many_programs() -> None:
    """The same, for longer."""
    tell_and_read(programs=200)


def tell_and_read(programs: int) -> None:
    """So many programs, each of up to 25 calls."""
    run_state_machine_as_test(
        Tracking,
        settings=settings(
            max_examples=programs, stateful_step_count=25, deadline=None, phases=PHASES, suppress_health_check=list(HealthCheck)
        ),
    )
