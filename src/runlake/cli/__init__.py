"""The command `runlake`: one file for each area; a command is its arguments, one call, and what it prints."""

from __future__ import annotations

import sys

import click

import runlake
from runlake.cli.as_mlflow import as_mlflow
from runlake.cli.compact import compact
from runlake.cli.demo import demo
from runlake.cli.finish import finish
from runlake.cli.plugins import plugins

__all__ = ["cli", "main"]


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(runlake.__version__, prog_name="runlake")
def cli() -> None:
    """Record every training run of a Python process in open Parquet."""


cli.add_command(as_mlflow)
cli.add_command(compact)
cli.add_command(demo)
cli.add_command(finish)
cli.add_command(plugins)


def main() -> None:
    """Run the command; an error of ours is one line and exit code 1. What a command gives back is run as the program that it is."""
    try:
        program = cli(standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except click.Abort:
        sys.exit(130)
    except runlake.RunlakeError as error:
        click.echo(f"runlake: {error}", err=True)
        sys.exit(1)
    if callable(program):
        program()
