"""`runlake rerun RUN`: what a run ran is run again, and what came of both may be compared."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.text import Text

from runlake import config
from runlake.cli.completing import complete_run
from runlake.cli.printing import console_for, print_line
from runlake.cli.stores import open_named, store_option
from runlake.display.grid import Column, lines
from runlake.display.words import count, one_line
from runlake.errors import InvalidValue
from runlake.read import Run, Store
from runlake.read.naming import find_run

if TYPE_CHECKING:
    from runlake.projects.checking import Difference
    from runlake.projects.rerunning import Plan

__all__ = ["rerun"]

FAILED = 1


@click.command()
@click.argument("run", shell_complete=complete_run)
@click.option("--dry-run", is_flag=True, help="Say what would be run and what is missing, and run nothing.")
@click.option("--yes", is_flag=True, help="Run it, although another user, or this one on another machine, gave the command.")
@click.option("--check", is_flag=True, help="Compare the last values of all metrics with those of RUN; exit code 1 if any differs.")
@click.option("--tolerance", type=click.FloatRange(min=0), default=1e-6, show_default=True, help="How far apart they may be, relatively.")
@click.option("--ignore", "ignored", multiple=True, metavar="KEY", help="A metric that may differ; may be given several times.")
@click.option("--env", "let_through", multiple=True, metavar="NAME", help="A variable to hand on, although it may be a secret.")
@store_option
def rerun(
    run: str,
    dry_run: bool,
    yes: bool,
    check: bool,
    tolerance: float,
    ignored: tuple[str, ...],
    let_through: tuple[str, ...],
    store: Path | None,
) -> None:
    """Run again what a run ran, as far as it is recorded, and say first what differs.

    A project is run at the recorded commit, with the same parameters. A script is run by its recorded command, in a temporary checkout
    of the commit with the changes that were recorded; where there was no commit, where it lies. The new run has the old one's name and
    experiment, and the tag runlake.rerun_of. The exit code is the program's.

    \b
    runlake rerun brave-otter-41 --dry-run
    runlake rerun brave-otter-41 --check --ignore seconds
    """
    from runlake.projects.rerunning import planned, run_again  # late, as it takes a while: not what asks for help

    if store is not None:
        config.choose_store(store)
    opened = open_named(store)
    found = find_run(opened, run)
    plan = planned(opened, found, let_through)
    _tell(plan)
    if dry_run:
        return
    if plan.elsewhere and not yes:
        _ask(plan)
    outcome = run_again(plan, found)
    if outcome.exit_code or not check:
        sys.exit(outcome.exit_code)
    sys.exit(_checked(opened, found, outcome.run_id, tolerance, ignored))


def _tell(plan: Plan) -> None:
    """What would be run, and what of it is missing or differs, on stderr: the rest is the program's."""
    click.echo(f"to be run: {one_line(plan.shown)}", err=True)
    for line in plan.missing:
        click.echo(f"  ! {one_line(line)}", err=True)


def _ask(plan: Plan) -> None:
    what = f"This is the command of {plan.elsewhere}"
    if not sys.stdin.isatty():
        raise InvalidValue(f"{what}, and nobody can be asked here whether to run it. Look at it with --dry-run, and say --yes.")
    click.confirm(f"{what}. Run it?", abort=True, err=True)


def _checked(store: Store, then: Run, run_id: str, tolerance: float, ignored: Sequence[str]) -> int:
    from runlake.projects.checking import compared

    store.refresh()
    now = store.run(run_id)
    n_compared, found = compared(store.run(then.info.run_id).data.metrics, now.data.metrics, tolerance, ignored)
    if not found:
        click.echo(f"{count(n_compared, 'metric')} compared, and all are the same." if n_compared else "There are no metrics to compare.")
        return 0
    console = console_for(sys.stdout)
    for line in lines(_columns(found), console.width):
        print_line(console, line)
    click.echo(f"{len(found)} of {count(n_compared, 'metric')} {'differs' if len(found) == 1 else 'differ'}.")
    return FAILED


def _columns(found: Sequence[Difference]) -> list[Column]:
    shown = [[Text("-" if value is None else repr(value)) for value in (each.then, each.now)] for each in found]
    return [
        Column(Text("metric", "dim"), [Text(one_line(each.key), "bold") for each in found], is_needed=True, least=12, most=60),
        Column(Text("then", "dim"), [then for then, _ in shown], is_right=True, is_needed=True),
        Column(Text("now", "dim"), [now for _, now in shown], is_right=True, is_needed=True),
    ]
