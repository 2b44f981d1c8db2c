"""What does a captured call cost its caller?

A method that does next to nothing, called bare, behind a plain wrapt wrapper that does nothing, and captured: after `disable`,
by an `inside` capture with no training under way, by a `fit` capture that declines, and by an `inside` capture within a
training, and by a callback of a plugin that the library calls there. The last row is a whole training: a run opened, a param,
ended and in the store.

    python -m benchmarks.call_overhead
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.report import report, run_alone

LIBRARY = """
class Model:
    def fit(self, data): return self
    def step(self, data): return data
    def score(self, data): return data
    def search(self, times):
        step = self.step
        for _ in range(times): step(1)
    def tell(self, callback, times):
        for _ in range(times): callback(1)
"""
PLUGIN = """
from runlake import Patch, hookimpl, isolated

@hookimpl
def patches():
    return [
        Patch("shortlib:Model.fit", train, why="a training"),
        Patch("shortlib:Model.search", train, why="a training with calls inside"),
        Patch("shortlib:Model.tell", train, why="a training with a callback"),
        Patch("shortlib:Model.step", look, why="part of one", role="inside"),
        Patch("shortlib:Model.score", decline, why="none"),
    ]

def train(call):
    call.run.log_param("a", 1)
    yield

def look(call):
    yield

@isolated
def callback(data):
    return data

def decline(call):
    pass
"""
CALLS = 20_000
REPEATS = 7


def make_distribution(folder: Path) -> None:
    """A library, and an installed plugin for it."""
    (folder / "shortlib.py").write_text(LIBRARY)
    (folder / "runlake_shortlib.py").write_text(PLUGIN)
    about = folder / "runlake_shortlib-1.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.4\nName: runlake-shortlib\nVersion: 1\n")
    (about / "entry_points.txt").write_text("[runlake.plugins]\nshortlib = runlake_shortlib\n")


def microseconds(call: Callable[[], Any], times: int = CALLS) -> float:
    """Of one call: the median of some repeats."""
    took = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        for _ in range(times):
            call()
        took.append((time.perf_counter() - start) / times * 1e6)
    return statistics.median(took)


def measure() -> dict[str, float]:
    """Every row, in one process."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder = Path(name)
        make_distribution(folder)
        sys.path.insert(0, name)
        os.environ |= {"RUNLAKE_STORE": str(folder / "lake"), "RUNLAKE_SILENT": "1", "RUNLAKE_JOBS": "off"}
        import shortlib  # type: ignore[import-not-found]  # it was just written
        import wrapt

        import runlake

        model = shortlib.Model()
        rows = {"bare": microseconds(lambda: model.step(1))}
        wrapped = wrapt.wrap_object(shortlib.Model, "step", wrapt.FunctionWrapper, (lambda call, _, args, kwargs: call(*args, **kwargs),))
        rows["a wrapt wrapper"] = microseconds(lambda: model.step(1))
        wrapt.unwrap_object(shortlib.Model, "step", wrapped)
        runlake.autolog("shortlib")
        rows["inside, no training"] = microseconds(lambda: model.step(1))
        rows["fit, declined"] = microseconds(lambda: model.score(1))
        rows["inside a training"] = microseconds(lambda: model.search(CALLS), 1) / CALLS
        callback = sys.modules["runlake_shortlib"].callback
        rows["an isolated callback"] = microseconds(lambda: model.tell(callback, CALLS), 1) / CALLS
        rows["a whole training"] = microseconds(lambda: model.fit(1), 200)
        runlake.disable_autolog()
        rows["disabled"] = microseconds(lambda: model.step(1))
        runlake.flush()
        return rows


def main() -> None:
    """Measure, in a process of its own."""
    if len(sys.argv) == 2:
        print(json.dumps(measure()))
        return
    found = run_alone("benchmarks.call_overhead", "alone")
    rows = [[name, took, took - found["bare"]] for name, took in found.items()]
    report("What does a captured call cost?", ["call", "us", "us more than bare"], rows, packages=["runlake", "wrapt"])


if __name__ == "__main__":
    main()
