"""scikit-learn's own tests come out under `autolog()` as they do without: no test fails, skips or warns more."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
import sklearn

from children import OUR_FRAMES, environment
from runlake.read import open_store

# What pytest is told of each test, in the words of a plugin of its own.
OUTCOMES = """
import json, os, random
import numpy, pytest

outcomes, warned = {}, []

def pytest_configure(config):
    if os.environ["TWIN"] == "on":
        import runlake
        runlake.autolog()

@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item):  # some tests draw from the process's generators, and warn or not by what they get
    numpy.random.seed(0)
    random.seed(0)

def pytest_runtest_logreport(report):
    if report.when == "call" or report.outcome != "passed":
        said = "xfail" if hasattr(report, "wasxfail") and report.skipped else report.outcome
        outcomes[report.nodeid] = said, report.longreprtext if report.outcome == "failed" else ""

def pytest_warning_recorded(warning_message, when, nodeid):
    warned.append((nodeid, warning_message.category.__name__, str(warning_message.message)))

def pytest_sessionfinish(session, exitstatus):
    with open(os.environ["TWIN_OUT"], "w") as file:
        json.dump({"outcomes": outcomes, "warned": warned}, file)
"""

# Tests that see that something stands around the functions that they look at, and why that is right; at most five.
EXPECTED: dict[str, str] = {}

SLICE = ["sklearn.tests.test_pipeline", "-k", "not parallel and not memory and not n_features_in_pipeline and not array_api"]
WHOLE = ["sklearn.linear_model", "sklearn.tree", "sklearn.tests.test_pipeline", "sklearn.model_selection"]


@dataclass(frozen=True)
class Suite:
    """How one round of the tests came out."""

    outcomes: dict[str, tuple[str, str]]
    warned: Counter[tuple[str, str, str]]
    seconds: float


def run_suite(folder: Path, asked: Sequence[str], mode: str, timeout: float) -> Suite:
    """Run tests of the library as it was installed, apart from our own settings of pytest."""
    folder.mkdir(exist_ok=True)
    (folder / "empty.ini").write_text("[pytest]\n")
    (folder / "outcomes_of_twins.py").write_text(OUTCOMES)
    home = Path(sklearn.__file__).parents[1]  # what tests are named from
    options = ["-q", "-c", str(folder / "empty.ini"), "--rootdir", str(home), "-p", "no:cacheprovider", "-p", "outcomes_of_twins"]
    out = folder / f"{mode}.json"
    settings = {
        "PYTHONPATH": str(folder),
        "PYTHONHASHSEED": "0",
        "OMP_NUM_THREADS": "1",
        "RUNLAKE_JOBS": "off",
        "TWIN": mode,
        "TWIN_OUT": str(out),
        "PYTEST_ADDOPTS": "",
    }
    command = [sys.executable, "-m", "pytest", *options, "--pyargs", *asked]
    began = time.monotonic()
    ended = subprocess.run(
        command, cwd=folder, env=environment(folder / "lake", **settings), capture_output=True, text=True, timeout=timeout, check=False
    )
    assert out.exists(), ended.stdout[-2000:] + ended.stderr[-2000:]
    found = json.loads(out.read_text())
    outcomes = {test: (outcome, said) for test, (outcome, said) in found["outcomes"].items()}
    warned = Counter((test, kind, OUR_FRAMES.sub("", text)) for test, kind, text in found["warned"])
    return Suite(outcomes, warned, time.monotonic() - began)


def compare(folder: Path, asked: Sequence[str], timeout: float) -> tuple[Suite, Suite]:
    """Both rounds, after it is certain that they came out alike and that trainings were recorded."""
    bare, recorded = (run_suite(folder, asked, mode, timeout) for mode in ("off", "on"))
    changed = {
        test: (bare.outcomes.get(test, ("missing", ""))[0], *recorded.outcomes.get(test, ("missing", "")))
        for test in [*bare.outcomes, *(recorded.outcomes.keys() - bare.outcomes.keys())]
        if bare.outcomes.get(test, ("missing", ""))[0] != recorded.outcomes.get(test, ("missing", ""))[0] and test not in EXPECTED
    }
    print(f"{len(bare.outcomes)} tests: {bare.seconds:.1f} s without, {recorded.seconds:.1f} s recorded")
    print(Counter(outcome for outcome, _ in bare.outcomes.values()), Counter(outcome for outcome, _ in recorded.outcomes.values()))
    assert changed == {}
    assert {warning: count for warning, count in (recorded.warned - bare.warned).items() if warning[0] not in EXPECTED} == {}
    assert len(open_store(folder / "lake").runs()) > 0
    return bare, recorded


def test_a_slice_of_the_librarys_tests_comes_out_as_without(tmp_path: Path) -> None:
    """Pipelines, which look most closely at what they are made of."""
    bare, _ = compare(tmp_path, SLICE, 100)

    assert len(bare.outcomes) > 150


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_the_librarys_tests_come_out_as_without(tmp_path: Path) -> None:
    """Of linear models, trees, pipelines and searches."""
    bare, _ = compare(tmp_path, WHOLE, 1800)

    assert len(bare.outcomes) > 5000


def test_few_differences_are_expected() -> None:
    """Each has its reason."""
    assert len(EXPECTED) <= 5
    assert all(EXPECTED.values())
