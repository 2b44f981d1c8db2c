"""`runlake best -m METRIC`: the best runs, how far apart they are, and what varies among them."""

from __future__ import annotations

import csv
import json
import math
import re
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

import runlake
from runlake.cli import cli
from terminal import command, on_terminal, without_colours


def best(*arguments: str) -> Result:
    """The command, on the store in use."""
    runlake.flush()
    return CliRunner().invoke(cli, ["best", *arguments])


def printed(*arguments: str) -> str:
    """What it prints, where no terminal is, without what says when."""
    ended = best(*arguments)
    assert ended.exit_code == 0, ended.output
    return re.sub(r"(  +started| +(just now|\d+ s ago))(?=\n)", "", ended.stdout)


def train(name: str, *losses: float, experiment: str = "churn", **params: Any) -> str:
    """A run with a curve and params; its id."""
    runlake.set_experiment(experiment)
    with runlake.start_run(run_name=name) as run:
        runlake.log_params(params)
        runlake.log_batch("val_loss", list(losses))
        runlake.log_metric("acc", 1 / (1 + min(losses)))
    return str(run.run_id)


def some() -> list[str]:
    """Four runs; their ids."""
    return [
        train("one", 2.0, 0.5, 0.75, lr=0.1, depth=3, model="tree"),
        train("two", 2.0, 1.0, lr=0.2, depth=3, model="tree"),
        train("three", 0.25, 3.0, lr=0.3, depth=3, model="tree"),
        train("none", math.nan, lr=0.4, depth=3, model="tree"),
    ]


@pytest.mark.usefixtures("store")
def test_runs_are_ranked_by_their_best_values() -> None:
    """With the step of it, the distance from the first, and only those params that differ."""
    some()

    assert (
        printed("-m", "val_loss")
        == """\
      run    val_loss.min ▼  from best  at step   lr
1  ✓  three          0.2500                   0  0.3
2  ✓  one            0.5000    +0.2500        1  0.1
3  ✓  two            1.0000    +0.7500        1  0.2
3 runs · less is better · the first: runlake show "@best(val_loss)"
"""
    )


@pytest.mark.usefixtures("store")
def test_the_first_is_the_one_that_best_names() -> None:
    """Of every run there is."""
    some()
    shown = json.loads(CliRunner().invoke(cli, ["show", "@best(acc)", "--json"]).stdout)

    assert json.loads(best("-m", "acc", "--json").stdout)[0]["run_id"] == shown["run_id"]


@pytest.mark.usefixtures("store")
def test_another_value_than_the_best_is_ranked_by_as_it_is_typed() -> None:
    """The last one, or that at a step; what is no number comes last."""
    some()

    def names(metric: str) -> list[str]:
        return [each["run_name"] for each in json.loads(best("-m", metric, "--json").stdout)]

    assert names("val_loss.last") == ["one", "two", "three", "none"]
    assert names("val_loss@1") == ["one", "two", "three"]
    assert names("val_loss.max")[2] == "three"
    assert "NaN  " in printed("-m", "val_loss.last").splitlines()[4] + "  "
    assert names("acc")[0] == "three"


@pytest.mark.usefixtures("store")
def test_a_goal_turns_the_order_round() -> None:
    """For all runs."""
    ids = some()
    with runlake.start_run(run_id=ids[0]):
        runlake.set_metric_goal("val_loss", "max")

    assert [(each["rank"], each["run_name"]) for each in json.loads(best("-m", "val_loss", "--json").stdout)] == [
        (1, "three"),
        (2, "two"),
        (2, "one"),
    ]
    assert "val_loss.max ▲" in printed("-m", "val_loss")


@pytest.mark.usefixtures("store")
def test_runs_that_are_equal_share_a_rank() -> None:
    """And the next one counts them."""
    for name, loss in (("a", 1.0), ("b", 0.5), ("c", 1.0), ("d", 2.0)):
        train(name, loss)

    assert [(each["rank"], each["distance"]) for each in json.loads(best("-m", "val_loss", "--json").stdout)] == [
        (1, 0.0),
        (2, 0.5),
        (2, 0.5),
        (4, 1.5),
    ]


@pytest.mark.usefixtures("store")
def test_a_filter_an_experiment_and_a_number_narrow_it() -> None:
    """What is typed of a filter needs no quotes."""
    some()
    train("far", 0.1, experiment="other", lr=0.9)

    def names(*arguments: str) -> list[str]:
        return [each["run_name"] for each in json.loads(best("-m", "val_loss", "--json", *arguments).stdout)]

    assert names() == ["far", "three", "one", "two"]
    assert names("-e", "churn", "-n", "2") == ["three", "one"]
    assert names("lr", "<", "0.25", "or", "lr", "=", "0.9") == ["far", "one", "two"]
    assert names("lr", "=", "0.4", "or", "lr", "=", "0.9") == ["far"]
    assert names("start_time", ">", "-1d", "and", "lr = 0.1") == ["one"]
    assert "2 of 4 runs" in printed("-m", "val_loss", "-n", "2")
    assert re.search(r"1  ✓  far    other ", printed("-m", "val_loss"))


@pytest.mark.usefixtures("store")
def test_values_that_are_close_have_the_digits_that_tell_them_apart() -> None:
    """And the distance says by how much."""
    train("a", 0.123456)
    train("b", 0.123457)

    assert re.search(r"0\.123456\n.* 0\.123457 +\+1e-6", printed("-m", "val_loss"))


@pytest.mark.usefixtures("store")
def test_json_and_csv_have_params_and_steps() -> None:
    """JSON says which of the params differ; CSV has these."""
    ids = some()
    first = json.loads(best("-m", "val_loss", "--json").stdout)[0]
    rows = list(csv.DictReader(best("-m", "val_loss", "--csv").stdout.splitlines()))

    assert (first["run_id"], first["value"], first["step"], first["experiment_name"]) == (ids[2], 0.25, 0, "churn")
    assert (first["params"], first["varies"]) == ({"lr": 0.3, "depth": 3, "model": "tree"}, ["lr"])
    assert [(row["rank"], row["value"], row["params.lr"]) for row in rows] == [
        ("1", "0.25", "0.3"),
        ("2", "0.5", "0.1"),
        ("3", "1.0", "0.2"),
    ]
    assert "params.depth" not in rows[0]


@pytest.mark.parametrize("width", [80, 160])
def test_on_a_terminal_it_is_as_wide_as_it_may_be(store: Path, width: int) -> None:
    """The value and the distance are always there."""
    for n in range(3):
        train(f"a-run-with-a-long-name-number-{n}", float(n + 1), **{f"a_param_with_name_{k}": f"value {n} {k}" for k in range(8)})
    runlake.flush()
    lines = [without_colours(line) for line in on_terminal(store, width, "best", "-m", "val_loss")]

    assert max(map(len, lines)) <= width
    assert "val_loss.min ▼  from best" in lines[0]
    assert lines[0].count("a_param_with_name_") == (1 if width == 80 else 4)


def test_where_nothing_is_recorded_it_says_how_to_begin(store: Path) -> None:
    """As `ls` does."""
    runlake.create_experiment("empty")
    ended = command(store, "best", "-m", "val_loss")

    assert (ended.returncode, ended.stdout) == (0, "")
    assert ended.stderr.startswith(f"No run is recorded in {store} yet.")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["-m", "val_los"], "No run has anything named 'val_los'; did you mean 'val_loss'?"),
        (["-m", "lr"], "'lr' is no metric, and only a metric has a best run."),
        (["-m", "val_loss", "lr > 9"], "No matching run of {store} has a value of 'val_loss'."),
        (["-m", "val_loss", "lrr > 9"], "No run has anything named 'lrr'; did you mean 'lr'?"),
    ],
)
def test_what_cannot_be_ranked_is_told(store: Path, arguments: list[str], says: str) -> None:
    """In a sentence."""
    some()
    runlake.flush()
    ended = CliRunner().invoke(cli, ["best", *arguments])

    assert (ended.exit_code, ended.stdout) == (1, "")
    assert str(ended.exception).startswith(says.format(store=store))
