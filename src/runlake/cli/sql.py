"""`runlake sql`: a store for those who ask in SQL."""

from __future__ import annotations

from pathlib import Path

import click

from runlake.cli.exporting import print_object
from runlake.cli.stores import open_named, store_option
from runlake.display.words import count
from runlake.store.layout import Layout

__all__ = ["sql"]


@click.command()
@click.option("--views", "with_views", is_flag=True, help="Print views of all that is published, for DuckDB.")
@click.option("--files", "by_files", is_flag=True, help="Of the files as they are now: for a DuckDB that cannot load its delta extension.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON: the query of each view, by its name.")
@store_option
def sql(with_views: bool, by_files: bool, as_json: bool, store: Path | None) -> None:
    """Print views of a store that other programs can ask in SQL: runs, params, tags, metrics, points and more.

    They show what is published, which `runlake compact` does at once.

    Example: runlake sql --views > views.sql && duckdb -init views.sql
    """
    if not with_views:
        raise click.UsageError("There are no queries here yet. `runlake sql --views` prints views that DuckDB can query.")
    from runlake.read.sql import views  # late: it imports Arrow, and help does without

    opened = open_named(store)
    found = views(opened.path, by_files=by_files)
    if as_json:
        print_object(found)
    else:
        click.echo("\n\n".join(f"CREATE OR REPLACE VIEW {name} AS\n{query};" for name, query in found.items()))
    waiting = Layout(opened.path).waiting()
    if waiting:
        click.echo(
            f"{count(len(waiting), 'file')} of logs hold rows that are not published yet: `runlake compact` publishes them.", err=True
        )
