"""`runlake plot RUN METRIC...`: curves on a terminal."""

from __future__ import annotations

import difflib
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, get_args

import click
from click.shell_completion import CompletionItem
from rich.console import Console

from runlake.cli.completing import complete_filter, complete_run
from runlake.cli.exporting import print_csv, print_list
from runlake.cli.printing import console_for, print_line
from runlake.cli.stores import open_named, store_option
from runlake.display.plot import Plot, plot_of
from runlake.display.text_plot import text_plot
from runlake.display.traces import Along
from runlake.errors import InvalidValue
from runlake.read import Run, Series
from runlake.read.choosing import by_weight
from runlake.read.direction import GOAL_TAG
from runlake.read.naming import find_run

__all__ = ["plot"]

UNASKED = 3  # metrics that are drawn where none is named
ONE, SEVERAL = 14, 9  # lines of a drawing
PIECES = 1000  # of a curve in JSON and CSV
MOST_ROWS = 200
PLAIN_WIDTH = 100  # where it is no terminal that one looks at

_COLUMNS = ("x0", "x1", "n", "n_nan", "min", "max", "mean", "first", "last")


def _complete(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """A run, and behind it metrics, unless these are given otherwise."""
    is_run = not context.params.get("words") or context.params.get("keys")
    return (complete_run if is_run else complete_filter)(context, parameter, incomplete)


@click.command()
@click.argument("words", metavar="RUN [METRIC]...", nargs=-1, required=True, shell_complete=_complete)
@click.option("-r", "--run", "runs", metavar="RUN", multiple=True, shell_complete=complete_run, help="Another run; may be given again.")
@click.option(
    *("-m", "--metric", "keys"),
    metavar="METRIC",
    multiple=True,
    shell_complete=complete_filter,
    help="A metric; then every other word is a run. May be given again.",
)
@click.option("--x", "along", type=click.Choice(get_args(Along)), default="step", help="Along what: the step unless given.")
@click.option("--log", is_flag=True, help="With a logarithmic scale of values.")
@click.option("--smooth", type=click.FloatRange(0, 1, max_open=True), default=0.0, help="What each point before weighs, 0.9 say.")
@click.option("--height", metavar="LINES", type=click.IntRange(3, MOST_ROWS), help="How high each drawing is.")
@click.option("--json", "form", flag_value="json", help="Print JSON.")
@click.option("--csv", "form", flag_value="csv", help="Print CSV.")
@store_option
def plot(
    words: tuple[str, ...],
    runs: tuple[str, ...],
    keys: tuple[str, ...],
    along: Along,
    log: bool,
    smooth: float,
    height: int | None,
    form: str | None,
    store: Path | None,
) -> None:
    """Draw metrics of runs, a curve for each run.

    \b
    runlake plot brave-otter-41 val_loss train_loss
    runlake plot @last "@best(val_loss)" val_loss --log
    runlake plot brave-otter-41 calm-fox-12 -m val_loss

    The first word is a run, as is every other one that begins with @; the others are metrics, or runs where metrics are given with -m.
    Without any metric those are drawn that runs are best compared by. No value is left out: what falls on one column is drawn from its
    least to its greatest value. Where nothing is a number the curve has a gap.

    JSON is a list with an object for each curve, CSV has a row for each piece of one: from x0 to x1 (steps, or nanoseconds since 1970)
    the number of points n, those of them that are NaN, min, max, mean, first and last, and with --smooth the average. There are at most
    1000 pieces; every point has `runlake export`.
    """
    opened = open_named(store)
    is_run = [bool(keys) or not place or word.startswith("@") for place, word in enumerate(words)]
    named = [word for word, is_so in zip(words, is_run, strict=True) if is_so] + list(runs)
    wanted = list(dict.fromkeys([*keys, *(word for word, is_so in zip(words, is_run, strict=True) if not is_so)]))
    found = list({run.info.run_id: run for run in (find_run(opened, text) for text in named)}.values())
    shown = [_known(found, key) for key in wanted] if wanted else _telling(found)
    drawn = plot_of(found, shown, along, log=log, smooth=smooth)
    if form == "json":
        print_list(_object(run, key, drawn) for run, key in _curves(found, drawn))
    elif form == "csv":
        header = ["run_id", "run_name", "metric", *_COLUMNS, *(["smooth"] if smooth else [])]
        print_csv(header, (row for run, key in _curves(found, drawn) for row in _rows(run, key, drawn)))
    else:
        _print(drawn, height)


def _known(runs: Sequence[Run], key: str) -> str:
    """The key, if some of the runs have it. Raises InvalidValue, which names what is near."""
    known = sorted({each for run in runs for each in run.metrics})
    for named in (key, key.removeprefix("metrics.")):  # as a filter names it
        if named in known:
            return named
    near = difflib.get_close_matches(key, known, 3) or [each for each in known if key.lower() in each.lower()][:3]
    of = f"the run {runs[0].info.run_name!r} has" if len(runs) == 1 else f"these {len(runs)} runs have"
    hint = f"did you mean {' or '.join(map(repr, near))}?" if near else f"{of} {', '.join(known[:20]) or 'none'}."
    raise InvalidValue(f"No metric {key!r}: {hint} To name another run, put -r before it.")


def _telling(runs: Sequence[Run]) -> list[str]:
    """The metrics to draw where none is named: curves rather than single values. Raises InvalidValue."""
    n_runs = {key: sum(key in run.metrics for run in runs) for run in runs for key in run.metrics}
    goals = [tag.removeprefix(GOAL_TAG) for run in runs for tag in run.tags if tag.startswith(GOAL_TAG)]
    in_order = by_weight(n_runs, goals)
    curves = [key for key in in_order if any(key in run.metrics and len(run.metrics[key]) > 1 for run in runs)]
    if not in_order:
        raise InvalidValue(f"The run {runs[0].info.run_name!r} has no metrics to draw.")
    return (curves or in_order)[:UNASKED]


def _print(drawn: Plot, height: int | None) -> None:
    console = console_for(sys.stdout)
    for n, sources in enumerate(drawn.panels):
        if n:
            click.echo()
        lines = text_plot(
            sources,
            console.width if console.is_terminal else PLAIN_WIDTH,
            height or (ONE if len(drawn.panels) == 1 else SEVERAL),
            along=drawn.along,
            is_log=drawn.log,
            smooth=drawn.smooth,
            has_braille=_has_braille(console, len(sources)),
        )
        for line in lines:
            print_line(console, line)


def _has_braille(console: Console, n_curves: int) -> bool:
    """Plain letters tell curves apart where there are no colours, and are there where braille is not."""
    has_colours = console.color_system is not None and not console.no_color
    return console.encoding.startswith("utf") and (has_colours or n_curves == 1)


def _curves(runs: Sequence[Run], drawn: Plot) -> list[tuple[Run, str]]:
    keys = [sources[0].series.key for sources in drawn.panels]
    return [(run, key) for key in keys for run in runs if key in run.metrics]


def _object(run: Run, key: str, drawn: Plot) -> dict[str, Any]:
    series = run.metrics[key]
    return {
        "run_id": run.info.run_id,
        "run_name": run.info.run_name,
        "metric": key,
        "points": len(series),
        "last": series.last,
        "best": series.best,
        "best_step": series.best_step,
        "goal": series.goal,
        "x": "step" if drawn.along == "step" else "time",
        "curve": _pieces(series, drawn),
    }


def _rows(run: Run, key: str, drawn: Plot) -> Iterator[list[Any]]:
    yield from ([run.info.run_id, run.info.run_name, key, *piece.values()] for piece in _pieces(run.metrics[key], drawn))


def _pieces(series: Series, drawn: Plot) -> list[dict[str, Any]]:
    table = series.curve("step" if drawn.along == "step" else "time", None, PIECES, drawn.smooth)
    pieces: list[dict[str, Any]] = table.select([*_COLUMNS, *(["smooth"] if drawn.smooth else [])]).to_pylist()
    return pieces
