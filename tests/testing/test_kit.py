"""The kit as authors use it: tests with readable names, failures that are declared, and a word on what is skipped."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from children import environment
from runlake import InvalidValue
from runlake.testing import Scenario, check_names, parametrize_with_plugin_checks
from toys import LIBRARY, PLUGIN

TESTS = """
import importlib
from runlake.testing import Scenario, parametrize_with_plugin_checks

SCENARIO = Scenario(train=lambda: importlib.import_module("toylib").train("data", 2){more})

@parametrize_with_plugin_checks("toylib", {scenarios}, {expected})
def test_plugin(check):
    check()
"""


def run_tests(
    folder: Path, *arguments: str, more: str = "", scenarios: str = "SCENARIO", expected: str = "{}"
) -> subprocess.CompletedProcess[str]:
    """Pytest in a process of its own, where the toy library and its plugin are installed."""
    (folder / "test_toy.py").write_text(TESTS.format(more=more, scenarios=scenarios, expected=expected))
    settings = environment(folder / "lake", PYTHONPATH=f"{LIBRARY}:{PLUGIN}")
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", "no:xdist", "-rsx", *arguments, "test_toy.py"]
    return subprocess.run(command, cwd=folder, env=settings, capture_output=True, text=True, timeout=100, check=False)


def test_a_simple_plugin_needs_five_lines(tmp_path: Path) -> None:
    """What the scenario does not have is named where a check is skipped."""
    ended = run_tests(tmp_path, "-q", "-k", "(same or exception or forked) and not loaded", more=", told_by=lambda model: model.best_round")

    assert ended.returncode == 0, ended.stdout
    assert "4 passed, 2 skipped" in ended.stdout
    assert "the scenario has no `fail`, which would make the library raise" in ended.stdout


def test_tests_are_named_after_the_checks(tmp_path: Path) -> None:
    """And after the scenario where there are several."""
    ended = run_tests(tmp_path, "--collect-only", "-q", scenarios="{'small': SCENARIO, 'large': SCENARIO}")

    listed = [line.removeprefix("test_toy.py::test_plugin") for line in ended.stdout.splitlines() if "::" in line]
    assert listed == [f"[{title}-{name}]" for title in ("small", "large") for name in check_names()]


def test_a_failure_that_is_declared_is_expected_and_must_happen(tmp_path: Path) -> None:
    """The reason is shown; a check that passes after all is a failure."""
    expected = {"a_training_is_recorded": "no such series", "nothing_is_said": "it says a lot"}
    more = ", told_by=lambda model: model.best_round, series='none such'"
    ended = run_tests(tmp_path, "-q", "-k", "a_training_is_recorded or nothing_is_said", more=more, expected=repr(expected))

    assert "1 failed, " in ended.stdout
    assert ", 1 xfailed" in ended.stdout
    assert "no such series" in ended.stdout
    assert "[XPASS(strict)] it says a lot" in ended.stdout


def test_a_failure_of_a_check_that_there_is_not_is_refused() -> None:
    """A slip of the pen would hide nothing, and be read as if it did."""
    with pytest.raises(InvalidValue, match=r"There is no check nothing_is_sad; there is .*nothing_is_said"):
        parametrize_with_plugin_checks("toylib", Scenario(train=list), {"nothing_is_sad": "it cries"})


def test_every_check_says_what_it_checks() -> None:
    """In its docstring, for whoever reads a failure."""
    from runlake.testing import kit

    assert [name for name in check_names() if not kit._CHECKS[name].__doc__] == []
