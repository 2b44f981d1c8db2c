"""`runlake diff A B`: what tells two runs apart."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from runlake.cli.completing import complete_run
from runlake.cli.exporting import print_csv, print_object
from runlake.cli.printing import console_for, print_line
from runlake.cli.stores import open_named, store_option
from runlake.display.comparison_page import code_page, comparison_page
from runlake.read.comparing import Comparison
from runlake.read.naming import find_run

__all__ = ["diff"]

_HEADER = ("kind", "key", "a", "b", "delta", "relative", "better")


@click.command()
@click.argument("a", shell_complete=complete_run)
@click.argument("b", shell_complete=complete_run)
@click.option("--all", "with_same", is_flag=True, help="Show what is the same, too, and the tags of runlake and mlflow.")
@click.option("--code", "with_code", is_flag=True, help="Print the lines in which changes that were not committed differ.")
@click.option("--json", "form", flag_value="json", help="Print JSON.")
@click.option("--csv", "form", flag_value="csv", help="Print CSV.")
@store_option
def diff(a: str, b: str, with_same: bool, with_code: bool, form: str | None, store: Path | None) -> None:
    """Show what differs between two runs, that first which matters most.

    A and B are runs by id, name, @last or @best(METRIC); how much better or worse is said of B.

    \b
    runlake diff "@best(val_loss)" @last
    runlake diff brave-otter-41 calm-fox-12 --code

    Metrics with more than one point are compared by their best values. JSON has what differs as lists by kind, with the values of a and
    b, and of metrics delta, relative and better; CSV has the same as rows.
    """
    opened = open_named(store)
    found = find_run(opened, a).compare(find_run(opened, b))
    if form == "json":
        print_object(found.to_dict() | ({"code_diff": list(found.code_diff())} if with_code else {}))
    elif form == "csv":
        print_csv(_HEADER, _rows(found))
    else:
        _print(found, with_same=with_same, with_code=with_code)


def _rows(found: Comparison) -> Iterator[list[Any]]:
    """A row for each thing that differs, and before these what became of the two."""
    a, b = found.a.to_dict(), found.b.to_dict()
    yield from (["run", key, a[key], b[key], None, None, None] for key in a)
    for kind, changes in found.sections():
        for change in changes.different:
            told = change.to_dict()
            values = (change.a, change.b) if kind == "metrics" else (told.get("a"), told.get("b"))
            yield [kind, change.key, *values, *(told.get(name) for name in _HEADER[4:])]


def _print(found: Comparison, *, with_same: bool, with_code: bool) -> None:
    console = console_for(sys.stdout)
    for line in comparison_page(found, time.time_ns() // 1_000_000, console.width, with_same=with_same):
        print_line(console, line)
    if with_code:
        lines = list(code_page(found))
        for line in lines:
            print_line(console, line)
        if not lines:
            click.echo("What was changed since the commit is the same in both, or was not recorded.")
