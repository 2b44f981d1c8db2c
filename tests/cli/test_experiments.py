"""`runlake experiments`: the shelves, and what is done to them."""

from __future__ import annotations

import csv
import io
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

import runlake
from children import environment
from runlake.cli import cli


def experiments(*arguments: str) -> str:
    """What the command prints, where no terminal is."""
    runlake.flush()
    ended = CliRunner().invoke(cli, ["experiments", *arguments], catch_exceptions=False)
    assert ended.exit_code == 0, ended.output
    return ended.stdout


def command(store: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `python -m runlake experiments` as a user would."""
    line = [sys.executable, "-m", "runlake", "experiments", *arguments]
    return subprocess.run(line, env=environment(store), capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.usefixtures("store")
def test_each_is_a_line_with_its_runs() -> None:
    """How many of them are running, and when the last one was started."""
    runlake.set_experiment("churn")
    runlake.set_experiment_tags({"team": "ml", "year": "2026"})
    for _ in range(2):
        with runlake.start_run():
            pass
    runlake.start_run()

    assert (
        re.sub(r"(just now|\d+ s ago) +", "AGO  ", experiments())
        == """\
id  experiment  runs  running  last started  tags
 0  Default        0
 1  churn          3        1  AGO  team=ml, year=2026
"""
    )


@pytest.mark.usefixtures("store")
def test_programs_read_the_same() -> None:
    """As JSON and as CSV."""
    runlake.set_experiment("churn")
    with runlake.start_run() as run:
        pass
    started = runlake.get_run(run.run_id).info.start_time

    default, churn = json.loads(experiments("--json"))
    assert (default["name"], default["runs"], default["last_started"]) == ("Default", 0, None)
    made = churn.pop("creation_time")
    assert churn == {
        "experiment_id": "1",
        "name": "churn",
        "runs": 1,
        "running": 0,
        "last_started": started,
        "lifecycle_stage": "active",
        "tags": {},
    }
    rows = list(csv.DictReader(io.StringIO(experiments("--csv"), newline="")))
    assert [(row["experiment_id"], row["runs"], row["last_started"]) for row in rows] == [("0", "0", ""), ("1", "1", str(started))]
    assert rows[1]["creation_time"] == str(made)


def test_one_is_made_renamed_deleted_and_taken_back(store: Path) -> None:
    """By its name or its id; the first makes the store, where there is none."""
    said = [
        experiments(*line.split())
        for line in ("create churn", "rename churn taxi", "rename 1 bus", "delete bus", "restore bus", "delete 1")
    ]

    assert said == [
        "1\n",
        "The experiment 1 is named taxi now; it was churn.\n",
        "The experiment 1 is named bus now; it was taxi.\n",
        "The experiment bus is deleted. To take it back: runlake experiments restore 1\n",
        "The experiment bus is back.\n",
        "The experiment bus is deleted. To take it back: runlake experiments restore 1\n",
    ]
    assert [line.split()[1] for line in experiments().splitlines()[1:]] == ["Default"]
    assert [line.split()[1] for line in experiments("--deleted").splitlines()[1:]] == ["bus"]
    assert [each["name"] for each in json.loads(experiments("--store", str(store), "--json"))] == ["Default"]


def test_the_store_may_be_named_before_and_behind(tmp_path: Path, store: Path) -> None:
    """Nothing is made in the one that the settings name."""
    other = str(tmp_path / "other")

    assert [experiments("create", "a", "--store", other), experiments("--store", other, "create", "b")] == ["1\n", "2\n"]
    assert not store.exists()


@pytest.mark.parametrize(
    ("line", "code", "says"),
    [
        ("rename chrun x", 1, "runlake: There is no experiment 'chrun'; did you mean 'churn'?\n"),
        ("delete 7", 1, "runlake: There is no experiment '7'; there are Default, churn.\n"),
        ("delete Default", 1, "runlake: The experiment 'Default' cannot be deleted: runs without another go there.\n"),
        ("restore churn", 1, "runlake: The experiment 'churn' (1) is active, not deleted.\n"),
        ("create churn", 1, "runlake: The experiment 'churn' exists, as '1', active; choose another name.\n"),
        ("rename churn Default", 1, "runlake: The experiment 'Default' exists, as '0', active; choose another name.\n"),
        ("rename churn", 2, "Usage: runlake experiments rename [OPTIONS] NAME|ID NEW\n"),
        ("frob", 2, "Usage: runlake experiments [OPTIONS]"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_what_cannot_be_done_is_told(store: Path, line: str, code: int, says: str) -> None:
    """And nothing is changed."""
    runlake.create_experiment("churn")
    ended = command(store, *line.split())

    assert (ended.returncode, ended.stdout) == (code, "")
    assert ended.stderr.startswith(says)
    assert [(each.name, each.lifecycle_stage) for each in runlake.search_experiments()] == [("churn", "active"), ("Default", "active")]


@pytest.mark.parametrize("line", [["rename", "a", "b"], ["delete", "a"], ["restore", "a"], []], ids=" ".join)
def test_only_what_makes_one_makes_a_store(tmp_path: Path, line: list[str]) -> None:
    """A slip in a path leaves nothing behind."""
    ended = command(tmp_path / "lake", *line)

    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.startswith(f"runlake: There is no store at {tmp_path / 'lake'} yet.")
    assert not (tmp_path / "lake").exists()
