"""What a run ran on is kept with it: the command, the packages, the machine."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import sys
from pathlib import Path

import pytest

import runlake
from children import run_program
from runlake.recording.surroundings.packages import imported_packages


@pytest.fixture
def noted(store: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A store whose runs note what they ran on."""
    monkeypatch.setenv("RUNLAKE_ENVIRONMENT", "1")
    return store


def only_run(store: Path) -> runlake.read.Run:
    """The one run of the store."""
    (run,) = runlake.read.open_store(store).runs()
    return run


def test_a_run_keeps_the_command_the_packages_and_the_machine(store: Path) -> None:
    """Also one that the user opens, with what was imported while it was open."""
    program = "import runlake\nwith runlake.start_run():\n    import pyarrow"
    assert run_program(program, store, "--lr", "0.1", RUNLAKE_ENVIRONMENT="1").stderr == ""

    found = only_run(store).environment

    assert found["command"][1:] == ["-c", program, "--lr", "0.1"]
    assert (found["folder"], found["python"], found["host"]) == (os.getcwd(), platform.python_version(), platform.node())
    assert (found["executable"], found["cpus"]) == (sys.executable, os.cpu_count())
    assert found["packages"]["pyarrow"] == importlib.metadata.version("pyarrow")
    assert found["packages"]["runlake"] == runlake.__version__
    assert found["variables"] == {}


def test_the_packages_are_those_that_the_metadata_names() -> None:
    """Whatever the distribution of a module is called, and none that is not imported."""
    import dateutil  # type: ignore[import-untyped]  # noqa: F401  # of python-dateutil
    import PIL  # noqa: F401  # of pillow
    import sklearn

    modules = {name.partition(".")[0] for name in sys.modules} - {"__main__"}
    named = importlib.metadata.packages_distributions()
    expected = {distribution for module in modules for distribution in named.get(module, ())}

    found = imported_packages()

    unnamed = {plain(name) for name in found} - {plain(name) for name in expected}
    assert [name for name in unnamed if not name.startswith("runlake")] == []  # as these are developed, they name no modules
    assert {"scikit-learn", "numpy", "pytest", "pillow", "python-dateutil"} <= found.keys()
    assert found["scikit-learn"] == sklearn.__version__
    assert all(version == importlib.metadata.version(name) for name, version in found.items())


def plain(name: str) -> str:
    """A distribution's name as it is compared."""
    return name.lower().replace("_", "-").replace(".", "-")


def test_secrets_in_the_command_and_in_variables_are_not_kept(store: Path) -> None:
    """Variables are kept by name, and none unasked."""
    secret = "hunter" + "2-hunter2-hunter2"
    settings = {"MY_PASSWORD": secret, "SEED": "7", "RUNLAKE_VARIABLES": "SEED,MY_PASSWORD,NOT_SET"}
    run_program("import runlake; runlake.start_run()", store, "--password", secret, RUNLAKE_ENVIRONMENT="1", **settings)

    found = only_run(store).environment

    assert found["variables"] == {"MY_PASSWORD": f"<redacted:key:{len(secret)}>", "SEED": "7"}
    assert secret not in json.dumps(found)


def test_a_run_inside_another_has_its_environment(noted: Path) -> None:
    """It is kept once."""
    with runlake.start_run(), runlake.start_run(nested=True) as inner:
        pass

    found = runlake.get_run(inner.run_id)

    assert found.artifacts == {}
    assert found.environment["python"] == platform.python_version()


def test_many_runs_of_a_process_share_what_is_kept(noted: Path) -> None:
    """A content is written once; each run names it."""
    for _ in range(5):
        with runlake.start_run():
            pass

    runs = runlake.read.open_store(noted).runs()

    assert len(runs) == 5
    assert all(run.environment == runs[0].environment for run in runs)
    assert len((*noted.glob("blobs/*/*"), *noted.glob("packs/*"))) <= 2


def test_a_run_that_goes_on_elsewhere_keeps_what_it_began_on(noted: Path) -> None:
    """The process that goes on with it is another one."""
    with runlake.start_run() as run:
        pass
    before = runlake.get_run(run.run_id).environment
    run_program(f"import runlake; runlake.start_run(run_id={run.run_id!r})", noted, RUNLAKE_ENVIRONMENT="1")

    assert before["process"] == os.getpid()
    assert only_run(noted).environment == before


def test_what_the_user_keeps_under_the_same_name_counts(noted: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where there would be more to say at the end."""
    with runlake.start_run():
        runlake.log_dict({"mine": 1}, "environment.json")
        monkeypatch.setitem(sys.modules, "imported_since", platform)

    assert only_run(noted).environment == {"mine": 1}


def test_nothing_is_noted_where_that_is_not_wanted(store: Path) -> None:
    """Neither the environment nor the commit."""
    with runlake.start_run():
        pass

    run = only_run(store)

    assert (run.environment, run.artifacts) == ({}, {})
    assert not [tag for tag in run.tags if "git" in tag]
