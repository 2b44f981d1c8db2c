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
    """Write the plugin runlake-NAME: a package that works, with its tests, and five places to change.

    As written it records `statistics.linear_regression` of Python itself. Example: runlake plugin new mylibrary
    """
    written = write_plugin(name, folder)
    click.echo(f"Wrote {written}. Five places to change are marked CHANGE: in the module, its test, pyproject.toml and README.md.")
    click.echo("Try it as it is, and after each change:")
    for command, what in (
        (f"pip install -e {written} pytest", "runlake finds it then; once is enough"),
        (f"pytest {written}", "the checks of the kit, and a test of what is recorded"),
        (f"pytest -rs {written}", "the same, and why checks are skipped: most need one more field of the Scenario"),
        ("runlake plugins --targets", "what is captured, and why"),
    ):
        click.echo(f"  {command}\n      {what}")
