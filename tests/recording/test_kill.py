"""What a killed writer had flushed is there, once, right and in order."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from faults import finish, hear, program
from runlake.read import open_store
from runlake.store.layout import is_store

KEYS = ("alone", "left", "right", "many")
BATCH = 10

# Prints `synced n` once a flush has said that all up to step n is safe, and now and then `logged n at t`.
WRITER = """
    import time
    import runlake

    def value(step, key):
        return step * 1000.0 + len(key)

    runlake.start_run(run_name=NAME)
    for step in range(LAST):
        runlake.log_metric("alone", value(step, "alone"), step=step)
        runlake.log_metrics({key: value(step, key) for key in ("left", "right")}, step=step)
        if step % 10 == 9:
            steps = range(step - 9, step + 1)
            runlake.log_batch("many", [value(step, "many") for step in steps], steps)
            print("logged", step, time.monotonic_ns())
        if step % 130 == 129 and runlake.flush():
            print("synced", step)
        time.sleep(0.002)
"""

# Bugs that the check must see.
ACKS_WITHOUT_WRITING = """
    from runlake.store.writer import Writer
    write = Writer.write
    Writer.write = lambda self: write(self) if self.points < 200 else self._queued.clear()
"""
DROPS_A_FRAME = """
    from runlake.store.writer import Writer
    write, dropped = Writer.write, []
    def write_all_but_one(self):
        if len(self._queued) == 1 and self.points > 200 and not dropped:
            dropped.append(self._queued.pop())
        write(self)
    Writer.write = write_all_but_one
"""
WRITES_A_CHUNK_TWICE = """
    from runlake.store.writer import Writer
    add = Writer.add_points
    def add_points(self, payload, n_rows):
        add(self, payload, n_rows)
        add(self, payload, n_rows)
    Writer.add_points = add_points
"""


@dataclass
class Life:
    """One writer from its start to its end, and the last step that must be there."""

    name: str
    child: subprocess.Popen[str]
    must_have: int = -1

    def kill(self) -> None:
        """End it without a warning, and see what it had said by then."""
        killed_at = time.monotonic_ns()
        os.kill(self.child.pid, signal.SIGKILL)
        said, complaints = self.child.communicate(timeout=60)
        assert complaints == ""
        for what, step, *at in (line.split() for line in said.splitlines(keepends=True) if line.endswith("\n")):
            if what == "synced" or killed_at - int(at[0]) > 1_000_000_000:
                self.must_have = max(self.must_have, int(step))


@contextlib.contextmanager
def life(store: Path, name: str, *, planted: str = "", last: str = "10**9") -> Iterator[Life]:
    """A writer that logs until it is killed, or up to its last step."""
    with program(WRITER.replace("NAME", repr(name)).replace("LAST", last), store, planted=planted) as child:
        yield Life(name, child)


def check(store: Path, *claims: tuple[str, int]) -> int:
    """Every series of these runs is right, whole and in order, and reaches the step that it must have; how many points they have."""
    if not is_store(store):
        assert all(must_have < 0 for _, must_have in claims), "the store is not there"
        return 0
    opened = open_store(store)
    assert [found for found in opened.findings() if "bytes at the end are no whole frame" not in found.what] == []
    names = [run.info.run_name for run in opened.runs()]
    run_ids = {run.info.run_name: run.info.run_id for run in opened.runs()}
    assert len(names) == len(run_ids)
    points = opened.points().sort_by([("writer", "ascending"), ("seq", "ascending")])
    return sum(check_run(points, name, run_ids.get(name, ""), must_have) for name, must_have in claims)


def check_run(points: pa.Table, name: str, run_id: str, must_have: int) -> int:
    """The same for one run."""
    counts = []
    for key in KEYS:
        found = points.filter((pc.field("run_id") == run_id) & (pc.field("key") == key))
        steps = found["step"].to_pylist()
        assert steps == list(range(len(steps))), f"{name} has a gap, a double or another order in {key}"
        assert found["value"].to_pylist() == [step * 1000.0 + len(key) for step in steps], f"{name} has a wrong value in {key}"
        whole = must_have + 1 if key != "many" else (must_have + 1) // BATCH * BATCH
        assert len(steps) >= whole, f"{name} lost {key} from step {len(steps)} to {must_have}"
        counts.append(len(steps))
    return sum(counts)


def kill_again_and_again(store: Path, kills: int, seed: int) -> list[Life]:
    """Two writers at a time; one of them is killed at a random moment, everything is checked, and another takes its place."""
    chance = random.Random(seed)
    ended = []
    with contextlib.ExitStack() as stack:
        alive = [stack.enter_context(life(store, f"writer-{seat}")) for seat in range(2)]
        for n in range(kills):
            time.sleep(chance.uniform(0.1, 2.5))
            seat = chance.randrange(2)
            victim = alive[seat]
            victim.kill()
            ended.append(victim)
            check(store, *((past.name, past.must_have) for past in ended))
            alive[seat] = stack.enter_context(life(store, f"writer-{n + 2}"))
    return ended


@pytest.mark.parametrize(
    ("kills", "seed"), [(4, 1), pytest.param(30, 2, marks=[pytest.mark.long, pytest.mark.timeout(300)])], ids=["4 kills", "30 kills"]
)
def test_nothing_flushed_is_lost_doubled_or_wrong_after_kills(store: Path, kills: int, seed: int) -> None:
    """Whatever the moment, and with another writer in the same store."""
    ended = kill_again_and_again(store, kills, seed)

    assert sum(past.must_have + 1 for past in ended) > 100 * kills, "the kills came too early to show anything"
    with life(store, "after all", last="100") as last:
        assert finish(last.child).code == 0
    assert check(store, ("after all", 99)) == 4 * 100


@pytest.mark.parametrize(
    ("planted", "found"),
    [(ACKS_WITHOUT_WRITING, "lost alone from step"), (DROPS_A_FRAME, "missing"), (WRITES_A_CHUNK_TWICE, "double")],
    ids=["acks without writing", "drops a frame", "writes a chunk twice"],
)
def test_the_check_sees_a_planted_bug(store: Path, planted: str, found: str) -> None:
    """A writer that lies, forgets or stutters fails the same check."""
    with life(store, "faulty", planted=planted) as faulty:
        while not hear(faulty.child).startswith("synced 259"):
            pass
        faulty.kill()

    with pytest.raises(AssertionError, match=found):
        check(store, ("faulty", 259))
