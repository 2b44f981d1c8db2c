"""`runlake show`: everything about one run on a page."""

from __future__ import annotations

import json
import math
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

import runlake
from children import environment
from runlake import data
from runlake.cli import cli
from runlake.jobs import queue


def show(*arguments: str) -> str:
    """What the command prints of the store in use, where no terminal is, without ids, times and durations."""
    runlake.flush()
    ended = CliRunner().invoke(cli, ["show", *arguments], catch_exceptions=False)
    assert ended.exit_code == 0, ended.output
    plain = re.sub(r"\b[0-9a-f]{32}\b", "ID", ended.stdout)
    plain = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d, (just now|\d+ s ago)", "WHEN", plain)
    plain = re.sub(r"(just now|\d+ s ago) +", "AGO  ", re.sub(r"started +took", "started  took", plain))
    return re.sub(r" by \S+ ·", " by USER ·", re.sub(r"\b[\d.]+(us|ms|s)\b", "T", plain))


def command(store: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `python -m runlake` as a user would."""
    line = [sys.executable, "-m", "runlake", *arguments]
    return subprocess.run(line, env=environment(store), capture_output=True, text=True, timeout=60, check=False)


def train() -> str:
    """A run that has something of almost every kind; its id."""
    runlake.set_experiment("churn")
    with runlake.start_run(run_name="first", description="What we tried.\n\nIt was good.", tags={"mlflow.source.name": "train.py"}) as run:
        runlake.log_params({"lr": 0.1, "layers": [64, 32], "model": "tree", "none": None})
        runlake.log_batch("val/acc", [0.5, 0.9, 0.75], [0, 10, 20])
        runlake.log_metric("seconds", 12.5)
        runlake.set_tags({"team": "ml", "runlake.mark": "x"})
        runlake.log_text("hello", "notes/hello.txt")
        runlake.log_input(data.from_numpy(np.ones((3, 2)), name="rows"), context="training")
        queue.add(run, "summary")
        with runlake.start_run(run_name="inner", nested=True):
            runlake.log_metric("val/acc", 0.5)
    return str(run.run_id)


@pytest.mark.usefixtures("store")
def test_a_page_has_a_section_for_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    """In the order in which one looks."""
    monkeypatch.setenv("RUNLAKE_JOBS", "off")
    train()

    assert (
        show("first")
        == """\
✓ finished  first  ID
  in churn · started WHEN · took T · by USER · train.py
  What we tried.

  It was good.

params
  layers  [64, 32]
  lr      0.1
  model   tree
  none    None

metrics
             last  best at step  points
  seconds ▼  12.5                     1
  val/acc ▲  0.75  0.9 at 10          3  ▁█▆

tags
  team  ml

data sets
  rows  training, 3 rows, 1 column, digest 0959ef93

artifacts
  notes/hello.txt  5 B

1 run inside: 1 finished
     run    started  took  val/acc ▲
  ✓  inner  AGO  T  0.5000

jobs
  summary  skipped: jobs are off by the setting `jobs`
"""
    )


@pytest.mark.usefixtures("store")
def test_a_model_tells_what_it_takes_and_gives() -> None:
    """And the run, what is not recorded and why."""
    columns = [{"type": "double", "name": f"x{n}", "required": n > 0} for n in range(8)]
    outputs = [{"type": "tensor", "tensor-spec": {"dtype": "int64", "shape": [-1, 2]}}]
    with runlake.start_run(
        run_name="bare", tags={"runlake.model.format": "toy/1", "runlake.model.contains_training_rows": "support vectors"}
    ):
        runlake.log_dict({"inputs": json.dumps(columns), "outputs": json.dumps(outputs), "params": None}, "signature.json")
        runlake.set_tag("runlake.skipped.training_metrics", "the training changed the data that it was given")

    assert (
        show("bare").partition("artifacts")[0].partition("\n\n")[2]
        == """\
model
  format  toy/1
  takes   x0: double or nothing, x1: double, x2: double, x3: double, x4: double, x5: double and 2 more
  gives   int64[any, 2]
  contains training rows  support vectors

not recorded
  training metrics: the training changed the data that it was given

"""
    )


@pytest.mark.usefixtures("store")
def test_what_there_is_nothing_of_is_left_out() -> None:
    """The page of a run that has a name and nothing else is two lines."""
    with runlake.start_run(run_name="bare", tags={"mlflow.source.name": "train.py"}):
        pass

    assert show("bare") == "✓ finished  bare  ID\n  in Default · started WHEN · took T · by USER · train.py\n"


@pytest.mark.usefixtures("store")
def test_a_run_inside_another_says_in_which() -> None:
    """And of a run with many inside, some are listed and the way to the others is told."""
    with runlake.start_run(run_name="outer") as outer:
        for n in range(7):
            with runlake.start_run(run_name=f"inner-{n}", nested=True):
                pass

    assert " · inside outer · started" in show("inner-3")
    page = show("outer").splitlines()
    assert page[3] == "7 runs inside: 7 finished"
    assert len(page) == 11
    assert page[-1] == "  all: runlake ls -n 0 parent_run_id = ID"
    typed = f"-n 0 parent_run_id = {outer.run_id}".split()
    assert len(CliRunner().invoke(cli, ["ls", *typed]).stdout.splitlines()) == 9


@pytest.mark.usefixtures("store")
def test_how_a_run_stands_is_told_in_a_word() -> None:
    """A deleted one is said to be."""
    run = runlake.start_run(run_name="going")
    assert show("going").startswith("● running  going")
    runlake.end_run("FAILED")
    runlake.delete_run(run.run_id)

    lines = show("going").splitlines()
    assert lines[0].startswith("✕ failed  going")
    assert lines[1].startswith("  deleted · in Default")


@pytest.mark.usefixtures("store")
def test_tags_that_nobody_set_are_shown_when_asked_for() -> None:
    """Of MLflow's names, and of ours."""
    train()

    assert "runlake.mark" not in show("first")
    assert {"runlake.mark", "mlflow.runName", "team"} <= set(show("first", "--all").split())


def test_what_went_wrong_is_told_whole(store: Path) -> None:
    """Errors, and params that another process gave otherwise."""
    with runlake.start_run(run_name="one") as run:
        settings = environment(store) | run.env()
        code = "import runlake\nwith runlake.start_run(): runlake.log_param('lr', 0.2)"
        subprocess.run([sys.executable, "-c", code], env=settings, check=True, timeout=60)
        runlake.log_param("lr", 0.1)
    page = show("one").splitlines()

    assert page[-2:] == ["params given again, and differently", "  lr  0.2 counts, later it was 0.1"]


@pytest.mark.usefixtures("store")
def test_a_page_is_as_wide_as_it_may_be() -> None:
    """Params stand in columns, long values are cut, curves are drawn where there is room."""
    with runlake.start_run(run_name="wide"):
        runlake.log_params({f"param_{n:02}": n for n in range(40)} | {"text": "x" * 500})
        for n in range(3):
            runlake.log_batch(f"series/{n}", [3.0, 2.0, 1.0])
    runlake.flush()
    lines = CliRunner().invoke(cli, ["show", "wide"]).stdout.splitlines()

    assert max(map(len, lines)) <= 200
    assert lines[4].split()[:4] == ["param_00", "0", "param_05", "5"]
    assert sum("█▅▁" in line for line in lines) == 3


@pytest.mark.usefixtures("store")
def test_json_has_all_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """What `ls --json` says of a run, and all the rest."""
    monkeypatch.setenv("RUNLAKE_JOBS", "off")
    run_id = train()
    runlake.flush()
    listed = next(run for run in json.loads(CliRunner().invoke(cli, ["ls", "--json"]).stdout) if run["run_id"] == run_id)
    shown = json.loads(CliRunner().invoke(cli, ["show", "first", "--json"]).stdout, parse_constant=pytest.fail)

    assert {key: shown[key] for key in listed} == listed
    assert shown["series"]["val/acc"] == {"last": 0.75, "min": 0.5, "max": 0.9, "goal": "max", "best_step": 10, "points": 3}
    assert (shown["experiment_name"], shown["artifacts"], len(shown["children"])) == ("churn", {"notes/hello.txt": 5}, 1)
    assert [(each["name"], each["tags"]) for each in shown["datasets"]] == [("rows", {"mlflow.data.context": "training"})]
    assert [(job["name"], job["state"]) for job in shown["jobs"]] == [("summary", "skipped")]
    assert (shown["errors"], shown["param_conflicts"], shown["lifecycle_stage"]) == ([], {}, "active")


@pytest.mark.usefixtures("store")
def test_json_of_what_is_no_number_is_json() -> None:
    """As in `ls --json`."""
    with runlake.start_run(run_name="odd"):
        runlake.log_metric("loss", math.nan)
    runlake.flush()

    shown = json.loads(CliRunner().invoke(cli, ["show", "odd", "--json"]).stdout, parse_constant=pytest.fail)
    assert shown["series"]["loss"] == {"last": "NaN", "min": "NaN", "max": "NaN", "goal": "min", "best_step": None, "points": 1}


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["tree"], 1, "runlake: No run of {store} is named 'tree', nor has an id that begins so; did you mean 'three'?\n"),
        (["twin"], 1, "runlake: 'twin' may mean each of 2 runs: say which by its id.\n"),
        (["x" * 100_000], 1, "runlake: A text of 100,000 letters names no run.\n"),
        (["@best(val)"], 1, "runlake: No run has anything named 'val'"),
        (["@best(" + "(" * 10_000], 1, "runlake: '@best("),
        ([], 2, "Usage: runlake show [OPTIONS] RUN\n"),
        (["three", "twin"], 2, "Usage: runlake show [OPTIONS] RUN\n"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_a_run_that_is_not_meant_clearly_is_told(store: Path, arguments: list[str], code: int, says: str) -> None:
    """In a sentence, and with what is near."""
    for name in ("twin", "twin", "three"):
        with runlake.start_run(run_name=name):
            runlake.log_metric("loss", 1.0)
    runlake.flush()
    ended = command(store, "show", *arguments)

    assert (ended.returncode, ended.stdout) == (code, "")
    assert ended.stderr.startswith(says.format(store=store))
    assert "Traceback" not in ended.stderr


def test_nothing_recorded_reaches_the_terminal_as_a_command(store: Path) -> None:
    """Whatever it is that holds it."""
    evil: Any = "\x1b[2J\x07 [bold]"
    with runlake.start_run(run_name=f"evil{evil}", description=evil, tags={f"t{evil}": evil}):
        runlake.log_param(f"p{evil}", evil)
        runlake.log_metric(f"m{evil}", 1.0)
        runlake.log_text("x", "a [bold].txt")
        runlake.log_input(data.from_numpy(np.ones((3, 2)), name=f"d{evil}"), context=evil)
    runlake.flush()
    ended = command(store, "show", "@last")

    assert (ended.returncode, ended.stderr) == (0, "")
    assert all(line.isprintable() for line in ended.stdout.splitlines())
    assert ended.stdout.count("[bold]") == 10
