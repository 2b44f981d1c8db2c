"""`runlake best -m METRIC [FILTER]`: the best runs by a metric."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
from rich.text import Text

from runlake.cli.completing import complete_experiment, complete_filter
from runlake.cli.exporting import print_csv, print_list
from runlake.cli.filtering import Filtering, searched
from runlake.cli.printing import console_for, print_line
from runlake.cli.stores import experiments_of, no_runs, open_named, store_option
from runlake.display.ranking_table import Ranked, ranking_table, varying_params
from runlake.display.words import count
from runlake.errors import UnknownRun
from runlake.read import Query, Store
from runlake.read.listing import values_of
from runlake.read.naming import Ranking, ranking

__all__ = ["best"]

BEST = 5

_PLAIN = ("rank", "run_id", "run_name", "experiment_name", "status", "start_time", "value", "distance", "step")


@click.command(cls=Filtering)
@click.argument("words", metavar="[FILTER]", nargs=-1, shell_complete=complete_filter)
@click.option("-m", "--metric", metavar="METRIC", required=True, shell_complete=complete_filter, help="By which metric.")
@click.option("-n", "n", metavar="N", type=click.IntRange(min=0), default=BEST, show_default=True, help="How many, 0 for all.")
@click.option(
    *("-e", "--experiment", "experiments"),
    metavar="NAME|ID",
    multiple=True,
    shell_complete=complete_experiment,
    help="Of this experiment; may be given again.",
)
@click.option("--json", "form", flag_value="json", help="Print JSON.")
@click.option("--csv", "form", flag_value="csv", help="Print CSV.")
@store_option
def best(words: tuple[str, ...], metric: str, n: int, experiments: tuple[str, ...], form: str | None, store: Path | None) -> None:
    """List the best runs by a metric, with the params that vary among them.

    \b
    runlake best -m val_loss
    runlake best -m val_acc.last -n 20 -e churn "model = resnet"

    A run is ranked by the best value that METRIC ever had in it, which is the least or the greatest as its goal or its name says; by
    another with .last, .mean, .first, .min or .max behind it, or by that at a step with @100. Runs whose values are equal share a rank.

    JSON is a list of objects with rank, run_id, run_name, experiment_name, status, start_time in milliseconds since 1970, value,
    distance from the best, the step of the value where it is the best of a curve, params, and varies, which names those of the params
    that differ; CSV has the latter in columns.
    """
    opened = open_named(store)
    if form is None and not opened.search(Query(max_results=0)).total:
        click.echo(no_runs(opened.path), err=True)
        return
    shelves = experiments_of(opened.path)
    order = ranking(opened, metric)
    among = Query(" ".join(words), experiment_ids=searched(shelves, experiments), is_strict=True)
    ranked, n_all = _ranked(opened, order, order.query(n or None, among), {shelf.experiment_id: shelf.name for shelf in shelves})
    if not ranked and form is None:
        raise UnknownRun(f"No {'matching ' if words or experiments else ''}run of {opened.path} has a value of {metric!r}.")
    if form == "json":
        keys = varying_params(ranked)
        print_list({**_plain(each), "params": dict(each.params), "varies": [key for key in keys if key in each.params]} for each in ranked)
    elif form == "csv":
        keys = varying_params(ranked)
        print_csv([*_PLAIN, *(f"params.{key}" for key in keys)], _rows(ranked, keys))
    else:
        _print(ranked, order, metric, n_all)


def _ranked(store: Store, order: Ranking, query: Query, shelves: dict[str, str]) -> tuple[list[Ranked], int]:
    """The runs with their ranks, and how many have a value there."""
    found = store.search(query)
    values, ranked = values_of(found, order.name), list[Ranked]()
    for place, (run, reached) in enumerate(zip(store.found(found), values, strict=True), start=1):
        rank = ranked[-1].rank if ranked and ranked[-1].value == reached else place
        step = run.metrics[order.key].best_step if order.is_best and len(run.metrics[order.key]) > 1 else None
        info = run.info
        shelf = shelves.get(info.experiment_id, info.experiment_id)
        away = abs(reached - values[0]) if reached != values[0] else 0.0
        ranked.append(Ranked(rank, info.run_id, info.run_name, shelf, info.status, info.start_time, reached, away, step, run.params))
    return ranked, found.total


def _plain(each: Ranked) -> dict[str, Any]:
    values = (each.rank, each.run_id, each.name, each.experiment, each.status, each.start_ms, each.value, each.distance, each.step)
    return dict(zip(_PLAIN, values, strict=True))


def _rows(ranked: list[Ranked], keys: list[str]) -> Iterator[list[Any]]:
    yield from ([*_plain(each).values(), *(each.params.get(key) for key in keys)] for each in ranked)


def _print(ranked: list[Ranked], order: Ranking, typed: str, n_all: int) -> None:
    """The table, and a last line that says of how many, and what to type next."""
    console = console_for(sys.stdout)
    title = f"{order.key}.{order.goal}" if order.is_best else typed
    for line in ranking_table(ranked, title, order.goal, time.time_ns() // 1_000_000, console.width):
        print_line(console, line)
    of = f"{len(ranked):,} of {count(n_all, 'run')}" if len(ranked) < n_all else count(n_all, "run")
    said = [of, f"{'less' if order.goal == 'min' else 'more'} is better", f'the first: runlake show "@best({typed})"']
    print_line(console, Text(" · ".join(said), "dim"))
