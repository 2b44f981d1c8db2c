"""`runlake plugin new`: the beginning of a plugin of one's own."""

from __future__ import annotations

from pathlib import Path

import click

from runlake.cli.new_plugin import write_plugin

__all__ = ["plugin"]


@click.group()
def plugin() -> None:
    """Write a plugin of your own, for a library that has none.

    Example: runlake plugin new mylibrary
    """


@plugin.command()
@click.argument("name")
@click.option("--folder", type=click.Path(path_type=Path, file_okay=False), default=".", help="Where its folder is made, if not here.")
def new(name: str, folder: Path) -> None:
    """Write the plugin runlake-NAME: a package that works, with its tests, and three places to change.

    As written it records `statistics.linear_regression` of Python itself. Example: runlake plugin new mylibrary
    """
    written = write_plugin(name, folder)
    click.echo(f"Wrote {written}. Three places to change are marked CHANGE. Try it as it is:")
    click.echo(f"  pip install -e {written}\n  pytest {written}\n  runlake plugins --targets")
