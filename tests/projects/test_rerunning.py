"""What the record of a run allows is planned, and what it does not is told, before anything is started."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

import runlake
from projecting import ECHO, echoed, git, repository, write_project
from runlake.errors import InvalidValue, RunlakeError
from runlake.platform import host_name, user_name
from runlake.projects.checking import Difference, compared
from runlake.projects.differences import changes_of_code
from runlake.projects.git import apply_changes
from runlake.projects.rerunning import Plan, planned, run_again

PLANTED: dict[str, tuple[dict[str, Any], dict[str, str], str]] = {
    "redacted": ({"command": ["python", "a.py", "--password", "<redacted:key:9>"]}, {}, "secrets were taken out of its command"),
    "notebook": ({"command": ["python", "-m", "ipykernel_launcher"]}, {}, "was a notebook's"),
    "notebook by its type": ({"command": ["python", "a.py"]}, {"mlflow.source.type": "NOTEBOOK"}, "was a notebook's"),
    "typed": ({"command": ["python"]}, {}, "was typed line by line"),
    "none of ours": ({"command": "rm -rf /"}, {}, "its environment.json is none of ours"),
    "zero byte": ({"command": ["python", "-c", "a\0b"]}, {}, "it holds a zero byte"),
    "half a letter": ({"command": ["python", "\ud800.py"]}, {}, "half a surrogate pair"),
    "gone": ({"command": ["python", "gone.py"]}, {}, "which is not there any more"),
    "parameters": (
        {},
        {"mlflow.source.type": "PROJECT", "mlflow.project.entryPoint": "a.py", "mlflow.source.name": "."},
        "with which parameters",
    ),
    "deep parameters": (
        {},
        {"mlflow.source.type": "PROJECT", "mlflow.project.entryPoint": "a.py", "runlake.project.parameters": "[" * 9999},
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
    assert " 1 is not installed" in plan({}, command=command, packages={"": "1"}).missing
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


def test_a_default_place_is_that_of_the_checkout_again(store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first one's folder is gone; and nobody is asked, as who ran it is known though the program knows nothing of runlake."""
    monkeypatch.setenv("ECHOED", str(tmp_path / "echoed.json"))
    monkeypatch.setenv("RUNLAKE_ENVIRONMENT", "1")
    project = (
        "entry_points: {main: {parameters: {data: {type: path, default: d.csv}, n: {default: 3}}, command: 'python echo.py {data} {n}'}}"
    )
    repository(write_project(tmp_path / "p", MLproject=project, echo_py=ECHO, **{"d.csv": ""}))
    first = runlake.run(f"file://{tmp_path}/p")
    opened = runlake.read.open_store()
    found = planned(opened, opened.run(first.run_id), ())

    run_again(found, opened.run(first.run_id))

    again = echoed(tmp_path / "echoed.json")
    assert (again["argv"], found.elsewhere) == ([f"{again['folder']}/d.csv", "3"], "")
    assert not Path(again["folder"]).exists()


def test_a_step_of_a_checkout_that_is_gone_names_the_run_it_is_inside_of(store: Path) -> None:
    """Which fetches it again."""
    tags = {"mlflow.source.type": "PROJECT", "mlflow.project.entryPoint": "a.py", "runlake.project.parameters": "{}"}
    with runlake.start_run(tags=tags) as outer, runlake.start_run(nested=True) as inner:
        runlake.set_tags({**tags, "mlflow.source.name": "/tmp/gone/project"})
    opened = runlake.read.open_store()

    with pytest.raises(InvalidValue, match=f"nothing at '/tmp/gone/project'.*Run that again:  runlake rerun {outer.run_id}"):
        planned(opened, opened.run(inner.run_id), ())


def test_a_folder_of_the_checkout_does_not_lead_out(store: Path, tmp_path: Path) -> None:
    """By a link that is in the commit."""
    path = write_project(tmp_path / "repository", train_py="")
    (path / "link").symlink_to(write_project(tmp_path / "outside"))
    tags = {"mlflow.source.git.commit": repository(path)}
    found = plan(tags, command=["python", str(path / "train.py")], folder=str(path / "link" / "new"))
    run = found.run

    with pytest.raises(InvalidValue, match="leads out of"):
        run_again(found, run)
    assert list((tmp_path / "outside").iterdir()) == []


NEW = "diff --git a/{0} b/{0}\nnew file mode 100644\n--- /dev/null\n+++ b/{0}\n@@ -0,0 +1 @@\n+x\n"
FORGED = {
    "git's own": NEW.format(".git/hooks/post-checkout"),
    "git's own, otherwise": NEW.format(".git/../.git/config2"),
    "above": NEW.format("../out.txt"),
    "absolute": NEW.format("/{tmp_path}/out.txt"),
    "through a link": NEW.format("link/out.txt"),
    "through a link of its own": "diff --git a/l b/l\nnew file mode 120000\n--- /dev/null\n+++ b/l\n@@ -0,0 +1 @@\n+..\n"
    + NEW.format("l/out.txt"),
}


@pytest.mark.parametrize("name", FORGED)
def test_forged_changes_stay_in_the_checkout(tmp_path: Path, name: str) -> None:
    """None is made where one of them leads out."""
    path = write_project(tmp_path / "repository", train_py="")
    (path / "link").symlink_to(tmp_path)
    repository(path)
    before = sorted(str(each) for each in tmp_path.rglob("*"))

    with pytest.raises(RunlakeError, match="do not fit"):
        apply_changes(path, FORGED[name].replace("{tmp_path}", str(tmp_path)))
    assert sorted(str(each) for each in tmp_path.rglob("*")) == before
