"""`runlake export`: runs, points and tables as files for other programs."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from runlake.cli.completing import complete_experiment, complete_filter
from runlake.cli.filtering import Filtering, searched
from runlake.cli.progress import progress_bar
from runlake.cli.stores import experiments_of, open_named, store_option
from runlake.display.words import count, size
from runlake.read import Query, Store

if TYPE_CHECKING:
    import pyarrow as pa

    from runlake.read.exported import Told
    from runlake.read.search.found import Found

__all__ = ["export"]

F = TypeVar("F", bound=Callable[..., Any])
Batches = Callable[[Store, "Found", "Told"], Iterator["pa.Table"]]


@click.group()
def export() -> None:
    """Write runs, points or tables of runs to Parquet, CSV or JSON: everything that matches.

    \b
    runlake export runs -o runs.parquet
    runlake export points "status = FINISHED" -m loss -o loss.csv
    runlake export table importance.parquet -e churn -o importance.parquet

    The form is as the file's name ends: .parquet, .csv, .json or .jsonl. Without -o it is CSV on the standard output.
    """


def _exporting(command: F) -> F:
    """What all of them take."""
    options = [
        click.option(
            *("-e", "--experiment", "experiments"),
            metavar="NAME|ID",
            multiple=True,
            shell_complete=complete_experiment,
            help="Of this experiment; may be given again.",
        ),
        click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False), help="The file, made when all is written."),
        click.option("--format", "form", type=click.Choice(["parquet", "csv", "json", "jsonl"]), help="If not as the file's name ends."),
        store_option,
    ]
    for option in reversed(options):
        command = option(command)
    return command


_filter = click.argument("words", metavar="[FILTER]", nargs=-1, shell_complete=complete_filter)


@export.command(cls=Filtering)
@_filter
@_exporting
def runs(words: tuple[str, ...], **asked: Any) -> None:
    """Write a row for each run: what it is, its params, tags, and the last value of each metric."""
    from runlake.read.exported import run_batches

    _write(words, lambda store, found, told: run_batches(found, told), **asked)


@export.command(cls=Filtering)
@_filter
@click.option("-m", "--metric", "keys", metavar="METRIC", multiple=True, help="Of this metric; may be given again.")
@_exporting
def points(words: tuple[str, ...], keys: tuple[str, ...], **asked: Any) -> None:
    """Write every point of every run: run_id, key, step, time, value."""
    from runlake.read.exported import point_batches

    _write(words, lambda store, found, told: point_batches(store, found.ids(), keys, told), **asked)


@export.command(cls=Filtering)
@click.argument("name", metavar="ARTIFACT")
@_filter
@_exporting
def table(name: str, words: tuple[str, ...], **asked: Any) -> None:
    """Write the tables that runs keep as ARTIFACT, one below the other, with a column run_id."""
    from runlake.read.exported import table_batches

    _write(words, lambda store, found, told: table_batches(store, found.ids(), name, told), **asked)


def _write(
    words: tuple[str, ...], batches: Batches, *, experiments: tuple[str, ...], output: Path | None, form: str | None, store: Path | None
) -> None:
    """All that matches, and what there is then."""
    from runlake.cli.row_writers import form_of, row_writer

    form = form_of(output, form)
    if form == "parquet" and output is None and sys.stdout.isatty():
        raise click.UsageError("Parquet is for a file: name one with -o.")
    opened = open_named(store)
    found = opened.search(
        Query(" ".join(words), ["start_time", "run_id"], searched(experiments_of(opened.path), experiments), is_strict=True)
    )
    n_rows = 0
    with progress_bar("Exporting runs", len(found)) as told:
        rows = batches(opened, found, told)
        first = next(rows)
        with row_writer(output, form, first.schema) as writer:
            for batch in itertools.chain([first], rows):
                writer.write(batch)
                n_rows += batch.num_rows
    if output is not None:
        told_size = size(output.stat().st_size)
        click.echo(f"Wrote {count(n_rows, 'row')} of {count(len(found), 'run')} to {output}, {told_size}.", err=True)
