"""The plugin is enabled before its library is imported, after, without it: in programs of their own."""

from __future__ import annotations

import json
import sys
from subprocess import CompletedProcess

import pytest

from runlake.testing.programs import parted, run_program
from runlake.testing.scenario import Trial

__all__ = [
    "a_program_that_enables_first_is_recorded",
    "enabling_imports_nothing_of_the_library",
    "names_imported_before_are_recorded_and_given_back",
    "the_library_may_be_absent",
]

IMPORTED = """
import json, runlake
runlake.autolog({plugin!r}, disable=True)
before = set(sys.modules)
runlake.autolog({plugin!r})
print(json.dumps(sorted(name for name in set(sys.modules) - before if name.partition(".")[0] in {libraries!r})))
"""

ABSENT = """
import json, runlake

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {libraries!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Absent())
given = runlake.autolog({plugin!r})
print(json.dumps(sorted({{row.state for row in given.report() if row.plugin == {plugin!r}}})))
given.disable()
"""

ENABLED = """
import runlake as _runlake
_runlake.autolog({plugin!r})
"""

NAMES_TAKEN = """
_taken = {name: value for name, value in globals().items() if not name.startswith("_")}
"""

NAMES_GIVEN_BACK = """
_runlake.disable_autolog()
import json as _json
print(_json.dumps([name for name, value in _taken.items() if globals()[name] is not value]))
"""


def enabling_imports_nothing_of_the_library(trial: Trial) -> None:
    """A program pays for what it uses: the plugin imports its library where that is there already."""
    ended = run_program(IMPORTED.format(plugin=trial.plugin, libraries=set(trial.libraries)))

    assert (ended.returncode, ended.stderr) == (0, ""), ended.stderr
    assert json.loads(ended.stdout) == [], f"enabling imports {ended.stdout.strip()}"


def the_library_may_be_absent(trial: Trial) -> None:
    """Where the library is not installed, everything waits and nothing is said."""
    if trial.libraries & sys.stdlib_module_names:
        pytest.skip("the library is part of Python")
    ended = run_program(ABSENT.format(plugin=trial.plugin, libraries=set(trial.libraries)))

    assert (ended.returncode, ended.stderr) == (0, ""), ended.stderr
    assert json.loads(ended.stdout) == ["waiting"], f"without the library, patches are {ended.stdout.strip()}"


def a_program_that_enables_first_is_recorded(trial: Trial) -> None:
    """It prints what it prints without, ends as it ends without, and its training is recorded."""
    program = trial.needs("program", "which a new process would run")
    bare = run_program(program)
    watched = run_program(ENABLED.format(plugin=trial.plugin) + program)

    assert bare.returncode == 0, bare.stderr
    is_same = (watched.returncode, watched.stdout, watched.stderr) == (bare.returncode, bare.stdout, bare.stderr)
    assert is_same, f"the program says other things\n{_told('without', bare)}\n{_told('with', watched)}"
    assert trial.statuses() == ["FINISHED"] * trial.scenario.runs


def names_imported_before_are_recorded_and_given_back(trial: Trial) -> None:
    """`from library import function` before `autolog()` is recorded too, and the name is the library's own object afterwards."""
    imports, rest = parted(trial.needs("program", "which a new process would run"))
    ended = run_program(imports + NAMES_TAKEN + ENABLED.format(plugin=trial.plugin) + rest + NAMES_GIVEN_BACK)

    assert ended.returncode == 0, ended.stderr
    assert trial.statuses() == ["FINISHED"] * trial.scenario.runs
    assert json.loads(ended.stdout.splitlines()[-1]) == [], "these names are not what was imported"


def _told(how: str, ended: CompletedProcess[str]) -> str:
    """All of what a program said."""
    return f"--- {how} the plugin, exit code {ended.returncode}, stdout:\n{ended.stdout}\n--- stderr:\n{ended.stderr}"
