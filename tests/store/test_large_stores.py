"""Stores as large as they get answer as small ones do; ceilings that only a slip of ten times breaks."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

# Milliseconds, the first time and again.
OF_RUNS = {
    "best 100, every key": (5_000, 600),
    "newest 20, every key": (5_000, 600),
    "runlake ls": (20_000, 10_000),
    "without cache: runlake ls": (40_000, 30_000),
}
OF_POINTS = {"curve": (500, 400), "ten curves": (3_000, 2_500), "a tenth of a curve": (500, 400), "whole": (800, 600)}


def measured(*sizes: str) -> dict[str, tuple[float, float]]:
    """What the benchmark says of each question, in milliseconds."""
    command = [sys.executable, "-m", "benchmarks.large_store", *sizes]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    rows = json.loads(ended.stdout.splitlines()[-1])["rows"]
    return {row["what"]: (row["first, ms"], row["again, ms"]) for row in rows}


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize(("sizes", "ceilings"), [(("runs", "1000000"), OF_RUNS), (("points", "1000"), OF_POINTS)], ids=["runs", "points"])
def test_a_large_store_answers(sizes: tuple[str, str], ceilings: dict[str, tuple[float, float]]) -> None:
    """A million runs of sixty keys; a billion points."""
    found = measured(*sizes)

    assert {what: found[what] for what in ceilings if not all(a <= b for a, b in zip(found[what], ceilings[what], strict=True))} == {}
