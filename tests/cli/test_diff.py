"""`runlake diff A B`: what tells two runs apart, on a page, in JSON and in CSV."""

from __future__ import annotations

import csv
import json
import math
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import runlake
from children import environment
from runlake.cli import cli
from runlake.display.apart import numbers_apart, texts_apart, values_apart
from terminal import command, on_terminal, without_colours

PATHS = [f"/mnt/warehouse/projects/churn/2026/quarter-{n}/train/part-00000-of-00128.parquet" for n in (1, 2)]


def diff(*arguments: str) -> str:
    """What the command prints of the store in use, where no terminal is, without ids and times."""
    runlake.flush()
    ended = CliRunner().invoke(cli, ["diff", *arguments], catch_exceptions=False)
    assert ended.exit_code == 0, ended.output
    head, empty, rest = ended.stdout.partition("\n\n")
    head = re.sub(r"[0-9a-f]{8,32}(?=  in )", "ID", head)
    return re.sub(r"started (just now|\d+ s ago) · took [\d.]+(us|ms|s)", "WHEN", head) + empty + rest


def train(name: str, params: dict[str, Any], **series: Any) -> str:
    """A run with these; its id."""
    with runlake.start_run(run_name=name) as run:
        runlake.log_params(params)
        for key, values in series.items():
            runlake.log_batch(key, values if isinstance(values, list) else [values])
        runlake.log_text(name, "notes.txt")
    return str(run.run_id)


def two() -> None:
    """Two runs that differ in something of most kinds."""
    runlake.set_experiment("churn")
    train("otter", {"lr": 0.1, "model": "tree", "data": PATHS[0], "depth": 3}, val_acc=[0.5, 0.8], loss=[2.0, 1.0], epochs=[1.0, 2.0])
    train("fox", {"lr": 0.01, "model": "tree", "data": PATHS[1], "width": 8}, val_acc=[0.5, 0.9], loss=[2.0, 1.5], epochs=[1.0, 2.0])


@pytest.mark.usefixtures("store")
def test_the_page_says_what_differs_and_sums_up_what_does_not() -> None:
    """Whole, as it is printed where no terminal is."""
    two()

    assert (
        diff("otter", "fox")
        == f"""\
A ✓ otter  ID  in churn · WHEN
B ✓ fox    ID  in churn · WHEN
B is better in 1, worse in 1 of 2 metrics that both have.

metrics         A             B
  val_acc ▲     0.8           0.9           ▲ better  +0.1  +12 %
  loss ▼        1             1.5           ▲ worse   +0.5  +50 %

params
  data          A {PATHS[0]}
                B {PATHS[1]}
  lr            0.1           0.01
  depth         3             ·
  width         ·             8

artifacts
  notes.txt     5 B           3 B

The same: 1 metric, 1 param, the code.
"""
    )


@pytest.mark.parametrize("width", [80, 160])
def test_on_a_terminal_no_line_is_wider_than_it_and_better_is_green(store: Path, width: int) -> None:
    """Where a value is too long for its column, both stand below each other, and one sees where they differ."""
    two()
    runlake.flush()
    lines = on_terminal(store, width, "diff", "otter", "fox")
    plain = [without_colours(line) for line in lines]

    assert max(map(len, plain)) <= width
    better, worse = (next(line for line in lines if f"▲ {word}" in line) for word in ("better", "worse"))
    assert "\x1b[32m▲ better" in better
    assert "\x1b[31m▲ worse" in worse
    first, second = (line.strip() for line in plain if "part-00000" in line)
    assert ("quarter-1" in first, "quarter-2" in second) == (True, True)
    assert (PATHS[0] in first) == (width == 160)
    assert ("+0.1" in without_colours(better)) == (width == 160)


@pytest.mark.usefixtures("store")
def test_all_shows_what_is_the_same() -> None:
    """And the tags that nobody set."""
    two()
    short, whole = diff("otter", "fox"), diff("otter", "fox", "--all")

    assert ("model" in short, "epochs" in short, "mlflow.user" in short) == (False, False, False)
    assert re.search(r"model +tree +tree\n", whole)
    assert re.search(r"epochs +2 +2\n", whole)
    assert re.search(r"mlflow.user +\S+ +\S+\n", whole)
    assert "The same" not in whole


@pytest.mark.usefixtures("store")
def test_runs_go_by_what_people_call_them() -> None:
    """The best one against the newest one."""
    two()

    assert diff("@best(val_acc)", "otter").startswith("A ✓ fox ")
    assert diff("@best(loss)", "@last").startswith("A ✓ otter ")


@pytest.mark.usefixtures("store")
def test_json_and_csv_have_the_same_as_values() -> None:
    """What is no number is a text in JSON."""
    train("a", {"lr": 0.1, "n": 1}, loss=1.0, bad_loss=math.nan)
    train("b", {"lr": 0.2}, loss=1.5, bad_loss=2.0)
    said = json.loads(diff("a", "b", "--json"), parse_constant=pytest.fail)
    runlake.flush()
    rows = list(csv.DictReader(CliRunner().invoke(cli, ["diff", "a", "b", "--csv"]).stdout.splitlines()))

    assert (said["params"], said["same"]["artifacts"]) == ([{"key": "lr", "a": 0.1, "b": 0.2}, {"key": "n", "a": 1}], 0)
    assert {each["key"]: (each["last_a"], each["better"]) for each in said["metrics"]} == {"loss": (1.0, "a"), "bad_loss": ("NaN", "b")}
    assert [row["key"] for row in rows if row["kind"] == "metrics"] == ["bad_loss", "loss"]
    assert [list(row.values()) for row in rows if row["key"] in ("loss", "n")] == [
        ["metrics", "loss", "1.0", "1.5", "0.5", "0.5", "a"],
        ["params", "n", "1", "", "", "", ""],
    ]
    assert [(row["a"], row["b"]) for row in rows if row["key"] == "run_name"] == [("a", "b")]


@pytest.mark.usefixtures("store")
def test_a_run_and_itself_do_not_differ() -> None:
    """Which is said, and no section is there."""
    train("a", {"lr": 0.1}, loss=1.0)

    assert diff("a", "a").splitlines()[2] == "That is one run."
    assert "params\n" not in diff("a", "a")


def test_code_says_what_was_changed_differently(store: Path, tmp_path: Path) -> None:
    """By a program in a work tree of git, run before and after somebody worked on it."""
    tree = tmp_path / "tree"
    tree.mkdir()
    program = tree / "train.py"
    program.write_text("import runlake\nwith runlake.start_run(run_name=__import__('sys').argv[1]):\n    runlake.log_metric('loss', 1.0)\n")
    git = ["git", "-c", "user.name=n", "-c", "user.email=e@example.org"]
    for words in (["init", "-q"], ["add", "."], ["commit", "-qm", "one"]):
        subprocess.run([*git, *words], cwd=tree, check=True)
    for name in ("clean", "changed"):
        subprocess.run(
            [sys.executable, str(program), name], env=environment(store, RUNLAKE_ENVIRONMENT="1"), cwd=tree, check=True, timeout=60
        )
        program.write_text(program.read_text() + "depth = 3\n")
    page, code = command(store, "diff", "clean", "changed"), command(store, "diff", "clean", "changed", "--code")

    assert re.search(r"  uncommitted +none +1 changed, \+1 -0 lines\n  the lines: --code\n", page.stdout)
    assert re.search(r"  command +A .* clean\n +B .* changed\n", page.stdout)
    assert "environment.json" not in page.stdout
    assert "++depth = 3\n" in code.stdout
    assert code.stdout.splitlines()[2 : page.stdout.count("\n")] == page.stdout.splitlines()[2:]


def test_nothing_recorded_reaches_the_terminal_as_a_command(store: Path) -> None:
    """Whatever it is that holds it."""
    evil: Any = "\x1b[2J\x07 [bold]"
    for n in range(2):
        with runlake.start_run(run_name=f"{n}{evil}", tags={f"t{evil}": f"{n}{evil}"}) as run:
            runlake.log_params({f"p{evil}": f"{n}{evil}"})
            runlake.log_metric(f"m{evil}", n)
            runlake.log_text(f"+{n}{evil}\n", "code.diff")
    runlake.flush()
    ids = [run.info.run_id for run in runlake.read.open_store(store).runs()]
    for line in on_terminal(store, 100, "diff", *ids, "--code"):
        assert "\x1b" not in without_colours(line)
        assert "\x07" not in line
    assert run.run_id in ids


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["one", "tree"], 1, "runlake: No run of {store} is named 'tree', nor has an id that begins so; did you mean 'three'?\n"),
        (["one"], 2, "Usage: runlake diff [OPTIONS] A B\n"),
    ],
)
def test_a_run_that_is_not_there_is_told(store: Path, arguments: list[str], code: int, says: str) -> None:
    """In a sentence."""
    train("one", {})
    train("three", {})
    runlake.flush()
    ended = command(store, "diff", *arguments)

    assert (ended.returncode, ended.stdout) == (code, "")
    assert ended.stderr.startswith(says.format(store=store))


@pytest.mark.parametrize(
    ("a", "b", "texts"),
    [
        (0.1, 0.2, ("0.1", "0.2")),
        (0.1, 0.100001, ("0.1", "0.100001")),
        (1.0, 1.0 + 2**-52, ("1", "1.0000000000000002")),
        (0.5, math.nan, ("0.5", "NaN")),
    ],
)
def test_numbers_have_as_many_digits_as_tell_them_apart(a: float, b: float, texts: tuple[str, str]) -> None:
    """Four where these do."""
    assert numbers_apart(a, b) == texts


def test_a_text_that_reads_as_a_number_has_its_quotes_beside_that() -> None:
    """Or one could not see what differs."""
    assert values_apart("1", 1) == ("'1'", "1")
    assert values_apart("1", 2) == ("1", "2")
    assert values_apart(10_000_001, 10_000_002) == ("10000001", "10000002")


def test_long_texts_are_cut_where_they_are_alike() -> None:
    """At the beginning, that is."""
    a, b = texts_apart("same " * 20 + "one " * 9, "same " * 20 + "two " * 9, 30)

    assert ("one" in a, "two" in b, len(a), len(b)) == (True, True, 30, 30)
    assert texts_apart("x" * 9, "y" * 30, 20) == ("x" * 9, "y" * 13 + "…" + "y" * 6)
