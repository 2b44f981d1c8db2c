"""`runlake compact`: publish what waits, and merge small files."""

from __future__ import annotations

import re
from pathlib import Path

import click

from runlake.cli.progress import progress
from runlake.errors import StoreError
from runlake.read import open_store
from runlake.store.layout import Layout

__all__ = ["compact"]


@click.command()
@click.option("--store", type=click.Path(path_type=Path), help="The store, if not the one that the settings name.")
def compact(store: Path | None) -> None:
    """Publish what waits in logs into the open tables, merge small files, and remove what nothing needs any more.

    Safe at any time, while programs log and beside another one. Broken off, it goes on the next time where it was.
    Example: runlake compact --store /data/lake
    """
    from runlake.store import compaction, publish  # late: a process that trains never imports what they do

    layout = Layout(open_store(store).path)
    try:
        with progress(f"Publishing {layout.root}"):
            moved = publish.publish(layout)
        with progress(f"Merging files of {layout.root}") as tell:
            merged = compaction.compact(layout, tell=tell)
    except OSError as error:
        reason = re.split(r"↳\S*\s+", str(error))[-1].strip()  # where the tables are written, a text of several lines ends in it
        raise StoreError(f"{layout.root} could not be written: {reason}. Nothing is lost: mend that, and run it again.") from error
    rows = ", ".join(f"{count:,} to {name}" for name, count in moved.rows.items())
    click.echo(f"Published {rows}; {moved.removed} files of logs were removed.")
    for text in moved.lost:
        click.echo(text, err=True)
    click.echo(f"Merged {merged.before} files into {merged.after}, removed {merged.removed} that nothing names.")
