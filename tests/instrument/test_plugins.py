"""Plugins of others are found by their entry points; one that is broken is listed, and the others work."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

import runlake
from runlake.instrument.options import options_of
from runlake.instrument.plugins import find_plugins, load, plugin_named
from toys import installed, probe_of, recorded, rows, seen, write_plugin

Install = Callable[..., None]

BROKEN = {
    "no module": ("import no_such_module", "ModuleNotFoundError: No module named 'no_such_module'"),
    "leaves": ("raise SystemExit(3)", "SystemExit: 3"),
    "syntax": ("def (", "SyntaxError"),
    "patches raise": ("@hookimpl\ndef patches():\n    raise OSError('no')", "OSError: no"),
    "patches are junk": ("@hookimpl\ndef patches():\n    return [7]", "InvalidValue: its patches() gave 7"),
    "patches are none": ("@hookimpl\ndef patches():\n    return None", "TypeError"),
    "unknown hook": ("@hookimpl\ndef no_such_hook():\n    pass", "InvalidValue: it implements a hook 'no_such_hook'"),
    "wrong arguments": ("@hookimpl\ndef run_started(run, weather):\n    pass", "PluginValidationError"),
    "bad target": ("@hookimpl\ndef patches():\n    return [Patch('nowhere', print, why='')]", "InvalidValue: A target is"),
    "bad role": ("@hookimpl\ndef patches():\n    return [Patch('a:b', print, why='', role='boss')]", "InvalidValue: The role"),
    "bad options": ("@hookimpl\ndef options():\n    return 7", "TypeError"),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_plugin_is_listed_and_skipped(
    kind: str, toylib: ModuleType, install: Install, lenient: None, store: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """It is said once, with the distribution's name and version, and every other plugin records."""
    code, why = BROKEN[kind]
    install("broken", code + "\n")

    with caplog.at_level(logging.WARNING, "runlake"):
        runlake.autolog()
        report = [row for row in runlake.autolog().report() if row.plugin == "broken"]
    toylib.train("data")

    assert [(row.state, row.why.startswith(why)) for row in report] == [("off", True)]
    assert sum("The plugin broken (runlake-broken 0.1) is off" in message for message in caplog.messages) == 1
    assert len(recorded(store)) == 1


def test_a_plugin_whose_library_is_not_imported_is_not_asked_about_models(
    toylib: ModuleType, install: Install, lenient: None, store: Path
) -> None:
    """It would import it, and can know none of its models."""
    asked = "ASKED = []\n@hookimpl\ndef save_model(model, max_bytes):\n    ASKED.append(model)\n"
    fitting = "def look(call):\n    yield\n    call.fitted(object())\n"
    install("absent", f"{asked}@hookimpl\ndef patches():\n    return [Patch('absentlib:train', print, why='')]\n")
    install("there", f"{asked}{fitting}@hookimpl\ndef patches():\n    return [Patch('toylib.core:train', look, why='')]\n")
    runlake.autolog()
    toylib.train("data")

    assert [len(sys.modules[f"runlake_{name}"].ASKED) for name in ("absent", "there")] == [0, 1]


def test_a_plugin_is_found_versioned_and_disabled(toylib: ModuleType, install: Install) -> None:
    """By the one line, without being named; nothing of it is imported before."""
    install("probe", probe_of("toylib.core:train"))

    found = find_plugins(anew=True)["probe"]
    assert (found.distribution, found.version, found.lower_bound) == ("runlake-probe", "0.1", "3.0")
    assert "runlake_probe" not in sys.modules
    runlake.autolog()
    toylib.train("data")
    assert len(seen()) == 2
    runlake.autolog(exclude=["probe"])
    toylib.train("data")
    assert seen() == []


def test_two_plugins_on_one_attribute_both_work_and_each_leaves_alone(toylib: ModuleType, install: Install, store: Path) -> None:
    """One run; with either disabled the other goes on; with both gone the function is what it was."""
    original = toylib.train
    install("probe", probe_of("toylib.core:train"))
    for libraries in (["toylib", "probe"], ["probe"], ["toylib"]):
        runlake.autolog(*libraries)
        toylib.train("data")
    runlake.disable_autolog()

    assert [("probed" in run.tags, "loss" in run.metrics) for run in rows(store)] == [(True, True), (True, False), (False, True)]
    assert len(seen()) == 4
    assert toylib.train is original


def test_the_plugin_of_the_models_library_owns_the_run(toylib: ModuleType, install: Install, store: Path) -> None:
    """Of two that patch one attribute, whichever was installed first."""
    install("probe", probe_of("toylib.core:Estimator.fit"))

    runlake.autolog("probe", "toylib")
    toylib.Estimator(2).fit("data")

    (run,) = rows(store)
    assert run.tags["mlflow.autologging"] in ("probe", "toylib")
    assert run.tags["probed"] == "yes"


@pytest.mark.parametrize("is_refused", [False, True])
def test_an_older_library_than_was_tested_is_said_once(
    is_refused: bool, toylib: ModuleType, install: Install, lenient: None, store: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """One line with both versions, and a tag on the run; where it is asked for, nothing is recorded instead."""
    install("newer", probe_of("toylib.core:train"), tested_from="3.2")
    runlake.autolog("newer", disable_for_unsupported_versions=is_refused)

    with caplog.at_level(logging.WARNING, "runlake"):
        toylib.train("data")
        toylib.train("data")

    assert [("3.2" in message, "3.1" in message) for message in caplog.messages] == [(True, True)]
    tags = [] if is_refused else ["3.1, tested from 3.2 on"] * 2
    assert [run.tags["runlake.untested_version"] for run in rows(store)] == tags


def test_hooks_hear_of_runs_and_points_and_fail_alone(toylib: ModuleType, install: Install, lenient: None) -> None:
    """Each implementation by itself; after the plugin is disabled it hears nothing."""
    code = """
        SEEN = []
        @hookimpl
        def run_started(run):
            SEEN.append(("started", run.name))
        @hookimpl
        def run_ended(run):
            SEEN.append(("ended", run.name))
        @hookimpl
        def points_written(run_id, points):
            SEEN.append(("points", points.num_rows))
        @hookimpl
        def model_fitted(fitted):
            SEEN.append(("fitted", type(fitted.model).__name__))
        """
    install("hearing", code)
    install(
        "bad", "@hookimpl\ndef run_started(run):\n    raise SystemExit(1)\n@hookimpl\ndef model_fitted(fitted):\n    raise MemoryError()\n"
    )
    runlake.autolog()

    toylib.train("data", 2)
    runlake.disable_autolog()
    with runlake.start_run():
        pass

    assert [each for each in seen("hearing") if each[0] != "points"] == [("started", "train"), ("fitted", "Model"), ("ended", "train")]


def test_a_registration_is_applied_and_undone(toylib: ModuleType, install: Install, lenient: None) -> None:
    """With the module, and with what it gave; where undoing raises, the rest is undone all the same."""
    code = """
        SEEN = []
        def apply(module):
            SEEN.append(("applied", module.__name__))
            return "handle"
        def fail(handle):
            raise OSError(handle)
        @hookimpl
        def patches():
            return [
                Registration("toylib.core", apply, lambda handle: SEEN.append(("undone", handle)), why="a registry"),
                Registration("toylib.core", apply, fail, why="another"),
            ]
        """
    install("registering", code)
    runlake.autolog("registering")
    runlake.disable_autolog()

    assert seen("registering") == [("applied", "toylib.core")] * 2 + [("undone", "handle")]


def test_a_plugin_that_is_replaced_or_removed_while_the_process_runs(toylib: ModuleType, install: Install, tmp_path: Path) -> None:
    """The next `autolog()` uses what is installed then."""
    with installed(write_plugin(tmp_path / "one", "probe", probe_of("toylib.core:train"))):
        runlake.autolog()
        toylib.train("data")
        assert len(seen()) == 2
    install("probe", probe_of("toylib.core:checked_train"))
    runlake.autolog()

    toylib.train("data")
    toylib.checked_train("data")

    assert [args for when, args, *_ in seen() if when == "before"] == [("data",)]


def test_a_plugin_that_is_loaded_for_a_model_has_its_options(toylib: ModuleType, install: Install) -> None:
    """Also where what holds for it was asked before: another library's training goes through the options of all that are there."""
    install("chosen", "@hookimpl\ndef options():\n    return {'depth': 3}\n\n@hookimpl\ndef patches():\n    return []\n")
    runlake.autolog("toylib")
    before = options_of("chosen")

    assert load(plugin_named("chosen"))

    assert ("depth" in before, options_of("chosen")["depth"]) == (False, 3)
