"""`runlake plot RUN METRIC...`: curves on a terminal."""

from __future__ import annotations

import csv
import json
import math
import re
from pathlib import Path

import pytest
from click.shell_completion import BashComplete
from click.testing import CliRunner

import runlake
from runlake.cli import cli
from terminal import command, on_terminal, without_colours

BRAILLE = re.compile("[\u2801-\u28ff]")


def train(name: str, **series: list[float]) -> str:
    """A run with these curves; its id."""
    with runlake.start_run(run_name=name) as run:
        for key, values in series.items():
            runlake.log_batch(key, values)
    return str(run.run_id)


def plot(*arguments: str) -> str:
    """What the command prints of the store in use, where no terminal is."""
    runlake.flush()
    ended = CliRunner().invoke(cli, ["plot", *arguments], catch_exceptions=False)
    assert ended.exit_code == 0, ended.output
    return ended.stdout


def titles(page: str) -> list[str]:
    """The metrics that are drawn."""
    return [line.split()[0] for line in page.splitlines() if re.match(r"\S+( [▲▼])? *$", line) and not BRAILLE.search(line)]


def named(page: str) -> list[str]:
    """The runs whose curves are drawn."""
    return re.findall(r"^ +(?:━━|[ox+*]) +(\S+)", page, re.MULTILINE)


@pytest.mark.usefixtures("store")
def test_a_curve_stands_between_its_scales() -> None:
    """With round numbers, and below it what it is."""
    train("otter", loss=[float(100 - n) for n in range(101)])
    lines = plot("otter", "loss", "--height", "6").splitlines()

    assert lines[0].strip() == "loss ▼"
    assert [line.partition("┤")[0].strip() for line in lines[1:7] if "┤" in line] == ["100", "50", "0"]
    assert (lines[1][5], lines[6].rstrip()[-1]) == ("⠉", "⣀")
    assert lines[8].split() == ["0", "20", "40", "60", "80", "100"]
    assert lines[10].split() == ["━━", "otter", "0", "0", "at", "100", "101"]


@pytest.mark.usefixtures("store")
def test_the_first_word_is_a_run_and_others_are_metrics() -> None:
    """A word with @ is a run; where metrics are given with -m, every word is."""
    train("otter", loss=[2.0, 1.0], acc=[0.1, 0.2])
    train("fox", loss=[3.0, 2.0], acc=[0.1, 0.3])

    assert (titles(plot("otter", "loss", "acc")), named(plot("otter", "loss"))) == (["loss", "acc"], ["otter"])
    assert named(plot("@last", "@best(loss)", "loss")) == ["fox", "otter"]
    assert named(plot("otter", "fox", "-m", "loss")) == ["otter", "fox"]
    assert named(plot("otter", "loss", "-r", "fox")) == ["otter", "fox"]
    assert titles(plot("otter", "-m", "loss", "-m", "acc")) == ["loss", "acc"]
    assert named(plot("otter", "@best(loss)", "loss")) == ["otter"]


@pytest.mark.usefixtures("store")
def test_without_a_metric_those_that_matter_most_are_drawn() -> None:
    """Curves, and not more than three."""
    train("otter", val_loss=[2.0, 1.0], train_loss=[2.0, 1.0], f1=[0.1, 0.2], lr=[0.2, 0.1], final_auc=[0.5])

    assert titles(plot("otter")) == ["val_loss", "f1", "train_loss"]


@pytest.mark.usefixtures("store")
def test_a_spike_is_seen_among_many_points() -> None:
    """However few columns there are."""
    values = [0.0] * 50_000
    values[33_333] = 1.0
    train("otter", loss=values)
    lines = plot("otter", "loss", "--height", "5").splitlines()[1:6]

    columns = [{place for place, letter in enumerate(line) if BRAILLE.match(letter)} for line in lines]
    assert all(len(column) == 1 for column in columns[:4])
    assert len(set.union(*columns[:4])) == 1
    assert len(columns[4]) > 90


@pytest.mark.usefixtures("store")
def test_where_nothing_is_a_number_the_curve_has_a_gap() -> None:
    """As wide as that is."""
    train("otter", loss=[1.0] * 40 + [math.nan] * 20 + [1.0] * 40)
    drawn = next(line for line in plot("otter", "loss", "--height", "5").splitlines() if BRAILLE.search(line))
    left, gap, right = re.split("( {5,})", drawn.partition("│")[2] or drawn.partition("┤")[2])

    assert len(gap) == pytest.approx((len(left) + len(gap) + len(right)) / 5, abs=2)


@pytest.mark.usefixtures("store")
def test_a_logarithmic_scale_has_powers_of_ten() -> None:
    """And says that it has no place for zero."""
    train("otter", loss=[10.0**-n for n in range(7)])
    train("fox", loss=[0.0, 1.0, 10.0, 100.0])
    page = plot("otter", "loss", "--log", "--height", "14")

    assert re.findall(r"([\d.e-]+)┤", page) == ["1", "0.1", "0.01", "0.001", "0.0001", "1e-5", "1e-6"]
    assert "0 and less has no place there" not in page
    assert "0 and less has no place there" in plot("fox", "loss", "--log")


@pytest.mark.usefixtures("store")
def test_curves_go_along_steps_or_times() -> None:
    """Of several runs, also since the first point of each."""
    for name, start in (("otter", 1_700_000_000_000), ("fox", 1_700_000_600_000)):
        with runlake.start_run(run_name=name):
            runlake.log_batch("loss", [2.0, 1.5, 1.0], steps=[0, 10, 20], timestamps=[start, start + 30_000, start + 60_000])

    assert plot("otter", "loss").splitlines()[-3].split() == ["0", "5", "10", "15", "20"]
    by_time = plot("otter", "fox", "-m", "loss", "--x", "time")
    assert re.search(r"\n +\d\d:\d\d +\d\d:\d\d ", by_time)
    assert by_time.startswith("loss ▼  by time\n")
    assert re.search(r"\n +0 .* 1m\n", plot("otter", "fox", "-m", "loss", "--x", "relative"))


@pytest.mark.usefixtures("store")
def test_smoothed_curves_say_so() -> None:
    """And lie between the values."""
    train("otter", loss=[0.0, 1.0] * 50)
    page = plot("otter", "loss", "--smooth", "0.9")
    rows = [float(text) for text in re.findall(r"([\d.]+)┤", page)]

    assert "smoothed by 0.9" in page
    assert 0 <= min(rows) < max(rows) < 0.7


@pytest.mark.parametrize("width", [40, 80, 160])
def test_it_is_as_wide_as_the_terminal(store: Path, width: int) -> None:
    """Each run has a colour, which its curve has, too."""
    train("otter", loss=[2.0] * 100)
    train("fox", loss=[float(n % 7) for n in range(100)])
    runlake.flush()
    lines = on_terminal(store, width, "plot", "otter", "fox", "-m", "loss")

    assert max(len(without_colours(line)) for line in lines) == width
    assert any("\x1b[36m" in line and BRAILLE.search(line) for line in lines)
    assert any("\x1b[33m" in line and BRAILLE.search(line) for line in lines)
    assert any(re.search("\x1b\\[33m━━", line) and "fox" in line for line in lines)


def test_without_colours_curves_are_told_apart_by_letters(store: Path) -> None:
    """And without braille there are letters alone."""
    train("otter", loss=[2.0] * 100)
    train("fox", loss=[1.0] * 100)
    runlake.flush()
    two = [without_colours(line) for line in on_terminal(store, 80, "plot", "otter", "fox", "-m", "loss", NO_COLOR="1")]
    plain = command(store, "plot", "otter", "loss", PYTHONIOENCODING="ascii").stdout

    assert any("oooo" in line for line in two)
    assert any("xxxx" in line for line in two)
    assert not any(BRAILLE.search(line) for line in two)
    assert plain.isascii()
    assert "?" not in plain
    assert "oooo" in plain


@pytest.mark.usefixtures("store")
def test_json_and_csv_have_the_pieces_of_the_curves() -> None:
    """Not more than a thousand, of which none hides a value."""
    values = [float(n % 10) for n in range(5000)]
    values[1234] = 99.0
    run_id = train("otter", loss=values, acc=[0.5, math.nan])
    (loss,) = json.loads(plot("otter", "loss", "--json"))
    rows = list(csv.DictReader(plot("otter", "acc", "--csv").splitlines()))

    assert (loss["run_id"], loss["metric"], loss["points"], loss["best"], loss["x"]) == (run_id, "loss", 5000, 0.0, "step")
    assert len(loss["curve"]) <= 1000
    assert sum(piece["n"] for piece in loss["curve"]) == 5000
    assert max(piece["max"] for piece in loss["curve"]) == 99.0
    assert [(row["x0"], row["n_nan"], row["min"]) for row in rows] == [("0", "0", "0.5"), ("1", "1", "NaN")]
    assert "smooth" in json.loads(plot("otter", "loss", "--json", "--smooth", "0.5"))[0]["curve"][0]


@pytest.mark.usefixtures("store")
def test_the_shell_completes_a_run_and_then_metrics() -> None:
    """Behind -m, a run again; a metric goes by its name in filters, too."""
    train("otter", loss=[2.0, 1.0])
    runlake.flush()
    shell = BashComplete(cli, {}, "runlake", "_RUNLAKE_COMPLETE")

    def offered(*words: str) -> list[str]:
        *before, last = words
        return [item.value for item in shell.get_completions(list(before), last)]

    assert offered("plot", "ot") == ["otter"]
    assert offered("plot", "otter", "lo") == ["loss"]
    assert offered("plot", "otter", "-m", "loss", "ot") == ["otter"]
    assert offered("plot", "otter", "-m", "metrics.l") == ["metrics.loss"]
    assert titles(plot("otter", "metrics.loss")) == ["loss"]


@pytest.mark.parametrize("values", [[math.nan], [math.inf], [-math.inf, 1.0, math.inf], [0.0], [1e308, -1e308], [5e-324], [1.7e308]])
@pytest.mark.parametrize("log", [False, True])
@pytest.mark.usefixtures("store")
def test_whatever_the_values_are_something_is_printed(values: list[float], log: bool) -> None:
    """Or it is said that nothing could be drawn."""
    train("otter", loss=values)
    page = plot("otter", "loss", *(["--log"] if log else []))
    is_drawn = any(math.isfinite(value) and (value > 0 or not log) for value in values)

    assert bool(BRAILLE.search(page)) == is_drawn
    assert ("no value that could be drawn" in page) != is_drawn


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["otter", "los"], "No metric 'los': did you mean 'loss'? To name another run, put -r before it."),
        (["otter", "zzz"], "No metric 'zzz': the run 'otter' has acc, loss. To name another run, put -r before it."),
        (["bare"], "The run 'bare' has no metrics to draw."),
        (["fox", "loss"], "No run of {store} is named 'fox', nor has an id that begins so."),
    ],
)
def test_what_cannot_be_drawn_is_told(store: Path, arguments: list[str], says: str) -> None:
    """In a sentence."""
    train("otter", loss=[1.0], acc=[1.0])
    train("bare")
    runlake.flush()
    ended = CliRunner().invoke(cli, ["plot", *arguments])

    assert (ended.exit_code, ended.stdout) == (1, "")
    assert str(ended.exception).startswith(says.format(store=store))
