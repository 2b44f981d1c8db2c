"""`runlake ls`: the runs that a filter lets through."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
from rich.text import Text

from runlake.cli.completing import complete_experiment, complete_filter
from runlake.cli.exporting import flat, objects, print_csv, print_list
from runlake.cli.filtering import Filtering, searched
from runlake.cli.printing import console_for, print_line
from runlake.cli.stores import experiments_of, no_runs, open_named, store_option
from runlake.display.curves import curves_of_metric
from runlake.display.runs_table import Asked, runs_table
from runlake.display.words import count
from runlake.entities import Experiment, ViewType
from runlake.read import Query, Store
from runlake.read.listing import Listing, list_runs, values_of
from runlake.read.naming import metric_of
from runlake.read.search.found import Found
from runlake.read.search.parse import parse_name, parse_order
from runlake.read.search.tokens import Kind, tokens

__all__ = ["ls"]

NEWEST = 25

_ALWAYS = ("run_name", "name", "status", "start_time", "created", "duration")  # columns of every table


@click.command(cls=Filtering)
@click.argument("words", metavar="[FILTER]", nargs=-1, shell_complete=complete_filter)
@click.option("-n", "n", metavar="N", type=click.IntRange(min=0), help=f"How many, 0 for all; {NEWEST} unless --json or --csv.")
@click.option(
    *("-e", "--experiment", "experiments"),
    metavar="NAME|ID",
    multiple=True,
    shell_complete=complete_experiment,
    help="Of this experiment; may be given again.",
)
@click.option(
    "--sort",
    metavar="VALUE",
    multiple=True,
    shell_complete=complete_filter,
    help='By "metrics.loss.min", "params.lr DESC"; may be given again.',
)
@click.option("--columns", metavar="VALUES", shell_complete=complete_filter, help='Show "params.lr,metrics.acc.max", say.')
@click.option("--all", "with_children", is_flag=True, help="List runs that are inside others, below these.")
@click.option("--deleted", is_flag=True, help="List runs that were deleted.")
@click.option("--json", "form", flag_value="json", help="Print JSON.")
@click.option("--csv", "form", flag_value="csv", help="Print CSV.")
@store_option
def ls(
    words: tuple[str, ...],
    n: int | None,
    experiments: tuple[str, ...],
    sort: tuple[str, ...],
    columns: str | None,
    with_children: bool,
    deleted: bool,
    form: str | None,
    store: Path | None,
) -> None:
    """List the runs that FILTER lets through, the newest first.

    \b
    runlake ls
    runlake ls "val_loss.min < 0.3 and model = resnet" --sort val_loss.min
    runlake ls start_time '>' -7d -e churn -n 0

    A metric is meant by its last value, by another with .min, .max, .first or .mean behind it, and by that at a step with @100.

    JSON is a list of objects with run_id, run_name, experiment_id, status, start_time and end_time in milliseconds since 1970, duration
    in seconds, parent_run_id, params, metrics (the last values) and tags; what is not finite is "NaN", "Infinity" or "-Infinity".
    CSV has the same in columns such as metrics.loss and params.lr. Both have all that match, unless -n is given.
    """
    if form == "json" and columns is not None:
        raise click.UsageError("--columns is for people and for --csv: --json has everything.")
    opened = open_named(store)
    n_runs = opened.search(Query(max_results=0, view_type=ViewType.ALL)).total
    if not n_runs and form is None:
        click.echo(no_runs(opened.path), err=True)
        return
    shelves = experiments_of(opened.path)
    view = ViewType.DELETED_ONLY if deleted else ViewType.ACTIVE_ONLY
    query = Query(" ".join(words), sort, searched(shelves, experiments, deleted=deleted), view, is_strict=n_runs > 0)
    asked = _columns(opened, columns) if columns is not None else []
    if form is None:
        _print_table(opened, query, NEWEST if n is None else n or None, shelves, asked, with_children)
        return
    found = opened.search(replace(query, max_results=n or None))
    if form == "json":
        print_list(objects(opened, found))
    else:
        print_csv(*_chosen(found, asked) if asked else flat(list(objects(opened, found))))


def _columns(store: Store, typed: str) -> list[str]:
    """The columns that are asked for, with commas between. Raises InvalidFilter for one that no run has."""
    names, start, depth = [], 0, 0
    for token in tokens(typed):
        depth += token.says("(") - token.says(")")
        if token.kind == Kind.END or (token.says(",") and not depth):
            names.append(typed[start : token.start].strip())
            start = token.stop
    for name in names:
        if parse_name(name).entity != "dataset":  # which runs are not sorted by
            store.search(Query(order_by=[name], max_results=0, view_type=ViewType.ALL, is_strict=True))
    return names


def _chosen(found: Found, columns: Sequence[str]) -> tuple[list[str], Iterable[Sequence[Any]]]:
    header = list(dict.fromkeys(["run_id", "run_name", *columns]))
    return header, zip(*(values_of(found, name) for name in header), strict=True)


def _print_table(
    store: Store, query: Query, n: int | None, shelves: Sequence[Experiment], columns: Sequence[str], with_children: bool
) -> None:
    """The table, and a last line that says what more there is."""
    listing = list_runs(store, query, n, with_children=with_children)
    console = console_for(sys.stdout)
    if listing.rows:
        names = {shelf.experiment_id: shelf.name for shelf in shelves}
        room = None if columns and not console.is_terminal else console.width
        asked, now_ms = _asked(listing, query.order_by, columns), time.time_ns() // 1_000_000
        for line in runs_table(listing, names, asked, lambda key, run_ids: curves_of_metric(store, key, run_ids), now_ms, room):
            print_line(console, line)
    print_line(console, Text(_last_line(store, listing, query, with_children), "dim"))


def _asked(listing: Listing, order_by: Sequence[str], columns: Sequence[str]) -> Asked:
    """What the user named: that which runs are sorted by is worth a column, too."""
    metric, also = None, []
    for typed in order_by:
        name = parse_order(typed).name
        found = metric_of(name, listing.keys) if name.at is None else None
        if found and metric is None:
            metric = found[0], found[1] or "last"
        elif name.entity != "attribute" and name.key not in _ALWAYS:
            also.append(typed[name.start : name.stop])
    return Asked(columns, also, metric)


def _last_line(store: Store, listing: Listing, query: Query, with_children: bool) -> str:
    """How many of how many are shown, and what to type for more."""
    shown, total = sum(not row.depth for row in listing.rows), listing.n_tops
    what = ("deleted " if query.view_type == ViewType.DELETED_ONLY else "") + ("matching " if query.filter else "") + "run"
    if not shown:
        others = store.search(Query(max_results=0, view_type=query.view_type)).total
        return f"No {what} in {store.path}{f', of {others:,}' if others else ''}."
    said = [f"{shown:,} of {count(total, what)}" if shown < total else count(total, what)]
    if listing.n_below:
        said.append(f"with {listing.n_below:,} inside" if with_children else f"{listing.n_below:,} more inside: --all")
    if shown < total:
        said.append(f"more: -n {shown * 4}" if total > shown * 8 else "all: -n 0")
    return " · ".join([*said, "one: runlake show NAME"])
