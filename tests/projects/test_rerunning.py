"""What the record of a run allows is planned, and what it does not is told, before anything is started."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

import runlake
from projecting import git, repository, write_project
from runlake.errors import InvalidValue
from runlake.platform import host_name, user_name
from runlake.projects.checking import Difference, compared
from runlake.projects.differences import changes_of_code
from runlake.projects.rerunning import Plan, planned

PLANTED: dict[str, tuple[dict[str, Any], dict[str, str], str]] = {
    "redacted": ({"command": ["python", "a.py", "--password", "<redacted:key:9>"]}, {}, "secrets were taken out of its command"),
    "notebook": ({"command": ["python", "-m", "ipykernel_launcher"]}, {}, "was a notebook's"),
    "notebook by its type": ({"command": ["python", "a.py"]}, {"mlflow.source.type": "NOTEBOOK"}, "was a notebook's"),
    "typed": ({"command": ["python"]}, {}, "was typed line by line"),
    "none of ours": ({"command": "rm -rf /"}, {}, "its environment.json is none of ours"),
    "gone": ({"command": ["python", "gone.py"]}, {}, "which is not there any more"),
    "parameters": (
        {},
        {"mlflow.source.type": "PROJECT", "mlflow.project.entryPoint": "a.py", "mlflow.source.name": "."},
        "with which parameters",
    ),
    "secret parameters": (
        {},
        {"mlflow.source.type": "PROJECT", "mlflow.project.entryPoint": "a.py", "runlake.project.parameters": '{"a": "<redacted:key:3>"}'},
        "secrets were taken out of its address or parameters",
    ),
}


def plan(tags: dict[str, str], **said: Any) -> Plan:
    """How a run of such a record would be run again."""
    recorded = {"folder": ".", "host": host_name(), "executable": sys.executable} | said
    with runlake.start_run(tags=tags) as run:
        if said:
            runlake.log_text(json.dumps(recorded), "environment.json")
    opened = runlake.read.open_store()
    return planned(opened, opened.run(run.run_id), ())


@pytest.mark.parametrize("name", PLANTED)
def test_what_cannot_be_run_again_says_why(store: Path, name: str) -> None:
    """And what to do instead, where there is something."""
    said, tags, what = PLANTED[name]

    with pytest.raises(InvalidValue, match=what):
        plan(tags, **said)


def test_whose_command_it_is_counts_by_user_and_machine(store: Path) -> None:
    """Where that is not recorded it is nobody's of here."""
    command = ["python", "-c", "print(1)"]

    assert plan({}, command=command).elsewhere == ""
    assert plan({}, command=command, host="there").elsewhere == f"{user_name()} on there"
    assert plan({}, command=command, host=None).elsewhere == f"{user_name()} on a machine that is not recorded"


def test_a_run_without_a_record_of_what_ran_cannot(store: Path) -> None:
    """As RUNLAKE_ENVIRONMENT=0 has it."""
    with pytest.raises(InvalidValue, match=r"does not say what was run: it has no environment\.json"):
        plan({})


def test_a_run_inside_another_names_that(store: Path) -> None:
    """Which has the command."""
    with runlake.start_run() as outer, runlake.start_run(nested=True) as inner:
        outer.log_text("{}", "environment.json")
    opened = runlake.read.open_store()

    with pytest.raises(InvalidValue, match=f"is inside of another. Run that again:  runlake rerun {outer.run_id}"):
        planned(opened, opened.run(inner.run_id), ())


def test_a_command_that_lay_beside_the_interpreter_is_that_of_ours(store: Path, tmp_path: Path) -> None:
    """It is in no commit."""
    found = plan({}, command=["python", "/old/bin/runlake", "as-mlflow", "a.py"], executable="/old/bin/python", folder=str(tmp_path))

    assert found.shown.startswith(f"python {Path(sys.executable).parent / 'runlake'} as-mlflow a.py")
    assert f"it was run by /old/bin/python, and will be by {sys.executable}" in found.missing


@pytest.mark.parametrize("kind", ["script", "project"])
def test_a_repository_that_is_gone_is_an_error(store: Path, tmp_path: Path, kind: str) -> None:
    """Where nobody knows another."""
    path = tmp_path / "repository"
    write_project(path / "sub", train_py="")
    tags = {"mlflow.source.git.commit": repository(path)}
    project = {"mlflow.source.type": "PROJECT", "mlflow.project.entryPoint": "train.py", "mlflow.source.name": f"{path}#sub"}
    tags |= (project | {"runlake.project.parameters": "{}"}) if kind == "project" else {}
    said = {"command": ["python", "train.py"], "folder": str(path / "sub")}
    assert tags["mlflow.source.git.commit"][:12] in plan(tags, **said).shown

    shutil.rmtree(path / ".git")

    with pytest.raises(InvalidValue, match=r"is none any more|no git repository with it is at"):
        plan(tags, **said)


def test_a_repository_that_lost_the_commit_asks_where_it_came_from(store: Path, tmp_path: Path) -> None:
    """A clone that was made anew, say."""
    path = write_project(tmp_path / "repository", train_py="")
    repository(path)
    git(path, "remote", "add", "origin", "https://example.com/x.git")
    tags = {"mlflow.source.git.commit": "0" * 40, "mlflow.source.git.repoURL": "https://example.com/x.git"}

    found = plan(tags, command=["python", "train.py"], folder=str(path))

    assert found.missing[0] == "the code is fetched from https://example.com/x.git"


@pytest.mark.parametrize(
    ("then", "now", "tolerance", "differ"),
    [
        (1.0, 1.0 + 1e-9, 1e-6, False),
        (1.0, 1.001, 1e-6, True),
        (float("nan"), float("nan"), 0, False),
        (float("nan"), 1.0, 1, True),
        (0.0, 0.0, 0, False),
    ],
)
def test_metrics_are_compared_relatively(then: float, now: float, tolerance: float, differ: bool) -> None:
    """Two that are nan are the same."""
    n_compared, found = compared({"m": then}, {"m": now}, tolerance, ())

    assert (n_compared, bool(found)) == (1, differ)
    assert compared({"m": 1.0}, {}, 1, ()) == (1, [Difference("m", 1.0, None)])


def test_what_is_missing_of_the_changes_is_told() -> None:
    """Files that were not tracked, too big, or no text; the rest can be made again."""
    text = "diff --git a/x.py b/x.py\n--- a/x.py\n+++ b/x.py\n@@ -1 +1 @@\n-a\n+b\n"
    binary = "diff --git a/m.bin b/m.bin\nindex 1..2\nBinary files a/m.bin and b/m.bin differ\n"
    notes = "# left out, as they are over 1 MB: 'big.csv'\n# not tracked: 'n.txt'\n# cut off, as there is more than 4 MB\n"

    kept, missing = changes_of_code(notes + binary + text)

    assert kept == text
    assert missing == [
        "changes of files that are too big are not recorded: 'big.csv'",
        "files that git did not track are not recorded: 'n.txt'",
        "the record of the changes ends at 4 MB",
        "the change of a file that is no text is not recorded: a/m.bin b/m.bin",
    ]
