"""Can eight processes begin at once with a store that does not exist yet, and does every point of theirs arrive exactly once?

Each logs 100,000 points with `log_metric` as soon as all have imported runlake, which does not import pyarrow. The time to its
first point is until `flush` returns after that. What is read is compared with what was logged while only logs are there, after
publishing, and after publishing again. The bare limits beside it: the same processes each append a CSV line a point to a file of
their own, at once, and after importing pyarrow, for which eight processes share the cores.

    python -m benchmarks.eight_writers
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.report import report

PROCESSES, POINTS = 8, 100_000


def log_with_runlake(folder: Path, number: int) -> None:
    """One run, whose values tell whose they are; prints when it began, when its first point was written, and when all were."""
    os.environ |= {"RUNLAKE_STORE": str(folder / "lake"), "RUNLAKE_SILENT": "1"}
    import runlake

    wait_for_all()
    began = time.time()
    with runlake.start_run():
        runlake.log_metric("loss", number * POINTS, step=0)
        runlake.flush()
        first = time.time()
        for step in range(1, POINTS):
            runlake.log_metric("loss", number * POINTS + step, step=step)
    runlake.flush()
    print(began, first, time.time())


def log_with_csv(folder: Path, number: int, *, with_arrow: bool = False) -> None:
    """The same as text."""
    wait_for_all()
    began = time.time()
    if with_arrow:
        import pyarrow  # noqa: F401 - for the time it takes
    with open(folder / f"{number}.csv", "w") as file:
        for step in range(POINTS):
            file.write(f"loss,{step},{time.time_ns()},{number * POINTS + step}\n")
            if step == 0:
                file.flush()
                first = time.time()
    print(began, first, time.time())


LOGGERS: dict[str, Callable[[Path, int], None]] = {
    "runlake": log_with_runlake,
    "CSV after importing pyarrow": partial(log_with_csv, with_arrow=True),
    "CSV": log_with_csv,
}


def wait_for_all() -> None:
    """Say that the process is ready, and wait until it is told to go."""
    print("ready", flush=True)
    sys.stdin.readline()


def measure(name: str, folder: Path) -> list[float]:
    """First points, the soonest, the median and the latest, in ms; then how many thousand points a second all logged."""
    command = [sys.executable, "-m", "benchmarks.eight_writers", name, str(folder)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    children = [subprocess.Popen([*command, str(number)], **pipes) for number in range(PROCESSES)]  # type: ignore[call-overload]  # keywords
    for child in children:
        child.stdout.readline()
    for child in children:
        child.stdin.write("go\n")
        child.stdin.flush()
    said = [list(map(float, child.communicate()[0].split())) for child in children]
    if any(child.returncode for child in children):
        sys.exit(f"of {PROCESSES} processes {sum(bool(child.returncode) for child in children)} failed")
    firsts = sorted((first - began) * 1e3 for began, first, _ in said)
    took = max(end for *_, end in said) - min(began for began, *_ in said)
    return [firsts[0], firsts[PROCESSES // 2], firsts[-1], PROCESSES * POINTS / took / 1e3]


def check(folder: Path) -> tuple[int, int]:
    """How many points are lost, and how many are there twice or are no such point."""
    from runlake.read import open_store

    values = open_store(folder / "lake").points()["value"].to_numpy()
    found = len(np.intersect1d(values, np.arange(PROCESSES * POINTS, dtype=np.float64)))
    return PROCESSES * POINTS - found, len(values) - found


def main() -> None:
    """Measure both, and look at the store at each stage."""
    if len(sys.argv) == 4:
        LOGGERS[sys.argv[1]](Path(sys.argv[2]), int(sys.argv[3]))
        return
    from runlake.store.layout import Layout
    from runlake.store.publish import publish

    with tempfile.TemporaryDirectory() as path:
        folder = Path(path)
        rows = [[name, *measure(name, folder)] for name in LOGGERS]
        stages = [("as logged", 0.0, *check(folder))]
        for stage in ("published", "published again"):
            start = time.perf_counter()
            publish(Layout(folder / "lake"))
            stages.append((stage, time.perf_counter() - start, *check(folder)))
    columns = ["8 x 100,000 points", "first point written, ms", "median ms", "latest ms", "1,000 points/s in all"]
    report("How soon do eight processes log into a new store, and how fast?", columns, rows, packages=["runlake", "pyarrow"])
    report("Are their points there once?", ["stage", "s", "lost", "doubled or wrong"], stages, packages=["runlake", "pyarrow", "deltalake"])
    if any(lost or wrong for *_, lost, wrong in stages):
        sys.exit("points are lost, doubled or wrong")


if __name__ == "__main__":
    main()
