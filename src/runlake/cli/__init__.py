"""The command `runlake`: one file for each area; a command is its arguments, one call, and what it prints.

A command's file is imported when that command is given: `runlake ls` never waits for what only `runlake compact` needs.
"""

from __future__ import annotations

import os
import sys

import click

import runlake
from runlake.cli.beginning import how_to_begin
from runlake.cli.commands import COMMANDS, Commands
from runlake.errors import RunlakeError

__all__ = ["cli", "main"]


@click.group(
    cls=Commands,
    commands=COMMANDS,
    plugged="runlake.commands",
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(runlake.__version__, prog_name="runlake")
@click.pass_context
def cli(context: click.Context) -> None:
    """Record every training run of a Python process in open Parquet."""
    if context.invoked_subcommand is None:
        click.echo(how_to_begin() or context.get_help())


def main() -> None:
    """Run the command; an error of ours is one line and exit code 1. What a command gives back is run as the program that it is."""
    try:
        program = cli(prog_name="runlake", complete_var="_RUNLAKE_COMPLETE", standalone_mode=False)
        sys.stdout.flush()
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except click.Abort:
        sys.exit(130)
    except BrokenPipeError:  # whoever reads has seen enough, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except (RunlakeError, OSError) as error:
        click.echo(f"runlake: {error}", err=True)
        sys.exit(1)
    if callable(program):
        program()
