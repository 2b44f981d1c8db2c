"""`runlake sql`: a store for those who ask in SQL."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from textwrap import wrap
from typing import TYPE_CHECKING

import click
from rich.text import Text

from runlake.cli.exporting import print_csv, print_list, print_object
from runlake.cli.printing import console_for, print_line
from runlake.cli.progress import progress
from runlake.cli.stores import open_named, store_option
from runlake.display.words import count, one_line, size
from runlake.errors import InvalidValue
from runlake.store.layout import Layout

if TYPE_CHECKING:
    import pyarrow as pa

    from runlake.read.sql.names import Named

__all__ = ["sql"]

SHOWN = 50  # rows
WIDE = 40  # cells of a column, unless there is room


@click.command()
@click.argument("query", required=False)
@click.option(
    "-n", "n", metavar="N", type=click.IntRange(min=0), default=SHOWN, help=f"Rows of the table, 0 for all; {SHOWN} unless given."
)
@click.option(
    "--timeout", metavar="SECONDS", type=click.FloatRange(min=0), default=60.0, help="How long the query may take; 60 unless given."
)
@click.option("--json", "form", flag_value="json", help="Print JSON: a list of objects.")
@click.option("--csv", "form", flag_value="csv", help="Print CSV.")
@click.option("--parquet", "parquet", metavar="FILE", type=click.Path(path_type=Path, dir_okay=False), help="Write a Parquet file.")
@click.option("--views", "with_views", is_flag=True, help="Print the views of all that is published, for other programs' DuckDB.")
@click.option("--files", "by_files", is_flag=True, help="With --views: of the files as they are now, where DuckDB has no delta extension.")
@store_option
def sql(
    query: str | None,
    n: int,
    timeout: float,
    form: str | None,
    parquet: Path | None,
    with_views: bool,
    by_files: bool,
    store: Path | None,
) -> None:
    """Ask a store in SQL: one SELECT over runs, params, metrics, points and more, as they are at this moment.

    QUERY is in DuckDB's SQL; - reads it from the input. Without one, the views and macros that it may name are listed.

    \b
    runlake sql "SELECT name, status, duration FROM runs ORDER BY start_time DESC LIMIT 10"
    runlake sql "SELECT * FROM first_below('val_loss', 0.3)" --csv
    runlake sql - --parquet answer.parquet < query.sql
    runlake sql --views > views.sql && duckdb -init views.sql

    Nothing is written but what --parquet names. Times are in UTC, in JSON and CSV as ISO 8601 has them.
    """
    if with_views and query is not None:
        raise click.UsageError("--views prints views, and takes no query.")
    if by_files and not with_views:
        raise click.UsageError("--files goes with --views.")
    if form is not None and parquet is not None:
        raise click.UsageError("--parquet writes a file, and goes with neither --json nor --csv.")
    if query is None and (parquet is not None or form == "csv"):
        raise click.UsageError("There is no QUERY whose answer that would be.")
    if with_views:
        _print_views(store, by_files, form == "json")
    elif query is None:
        _print_list(as_json=form == "json")
    else:
        _print_answer(sys.stdin.read() if query == "-" else query, store, timeout, n, form, parquet)


def _print_answer(query: str, store: Path | None, timeout: float, n: int, form: str | None, parquet: Path | None) -> None:
    from runlake.cli.arrow_values import in_csv, rows
    from runlake.read.sql import sql as ask  # late: it imports Arrow, and help does without

    opened = open_named(store)
    with progress("asking"):
        answer = ask(query, opened, timeout)
    if parquet is not None:
        _write(answer, parquet)
    elif form == "json":
        print_list(dict(zip(answer.column_names, row, strict=True)) for row in rows(answer))
    elif form == "csv":
        print_csv(answer.column_names, ([in_csv(value) for value in row] for row in rows(answer)))
    elif answer.column_names == ["explain_key", "explain_value"]:
        click.echo("\n".join(answer["explain_value"].to_pylist()).rstrip())
    else:
        _print_table(answer, n)


def _print_table(answer: pa.Table, n: int) -> None:
    """As many columns as there is room for, and a last line that says what there is."""
    from runlake.cli.arrow_values import cell, is_number, rows
    from runlake.display.grid import GAP, Column, lines

    console = console_for(sys.stdout)
    shown = list(islice(rows(answer), n or None))
    columns: list[Column] = []
    room = console.width
    for place, each in enumerate(answer.schema):
        cells = [cell(row[place], each.type) for row in shown]
        column = Column(Text(one_line(each.name), "dim"), cells, is_right=is_number(each.type), is_needed=True, least=8, most=WIDE)
        room -= min(column.natural, WIDE) + len(GAP)
        if room + len(GAP) < 0 and columns:
            break
        columns.append(column)
    if shown:
        for line in lines(columns, console.width):
            print_line(console, line)
    said = [_counted(answer)]
    if len(shown) < answer.num_rows:
        said = [f"{len(shown):,} of {said[0]}", "all: -n 0"]
    if shown and (left_out := answer.column_names[len(columns) :]):
        said.append(f"{len(columns)} columns fit, not {', '.join(map(one_line, left_out))}: name those you want, or --json")
    print_line(console, Text(" · ".join(said), "dim"))


def _counted(answer: pa.Table) -> str:
    return f"{count(answer.num_rows, 'row')}, {count(answer.num_columns, 'column')}"


def _write(answer: pa.Table, path: Path) -> None:
    import pyarrow as pa

    from runlake.cli.row_writers import row_writer

    try:
        with row_writer(path, "parquet", answer.schema) as writer:
            writer.write(answer)
    except pa.ArrowException as error:
        raise InvalidValue(f"Parquet cannot hold this: {error} Cast the column to another type in the query.") from error
    click.echo(f"{_counted(answer)} in {path}, {size(path.stat().st_size)}.", err=True)


def _print_views(store: Path | None, by_files: bool, as_json: bool) -> None:
    from runlake.read.sql import statements, views

    opened = open_named(store)
    if as_json:
        print_object(views(opened.path, by_files=by_files))
    else:
        click.echo("\n\n".join(f"{each};" for each in statements(opened.path, by_files=by_files)))
    waiting = Layout(opened.path).waiting()
    if waiting:
        click.echo(
            f"{count(len(waiting), 'file')} of logs hold rows that are not published yet: `runlake compact` publishes them.", err=True
        )


def _print_list(*, as_json: bool) -> None:
    """What a query may name."""
    from runlake.read.sql import MACROS, VIEWS

    if as_json:
        listed = {"views": VIEWS, "macros": MACROS}
        print_object({kind: [_as_object(each) for each in named] for kind, named in listed.items()})
        return
    console = console_for(sys.stdout)
    for title, named in (("Views", VIEWS), ("Macros, to select from like views", MACROS)):
        print_line(console, Text(title, "dim"))
        for each in named:
            for line in _described(each, min(console.width, 120)):
                print_line(console, line)
        print_line(console, Text())
    print_line(
        console, Text('Ask:  runlake sql "SELECT name, status FROM runs LIMIT 10"     Times are in UTC; the SQL is DuckDB\'s.', "dim")
    )


def _as_object(named: Named) -> dict[str, object]:
    return {"name": named.name, "call": named.signature, "shows": named.shows, "columns": named.columns.split(), "example": named.example}


def _described(named: Named, room: int) -> Iterator[Text]:
    yield Text(f"  {named.signature}", "bold")
    for text, style in ((named.shows, ""), (", ".join(named.columns.split()), "cyan"), (named.example, "dim")):
        for line in wrap(text, room - 6, break_long_words=False, break_on_hyphens=False):
            yield Text(f"      {line}", style)
