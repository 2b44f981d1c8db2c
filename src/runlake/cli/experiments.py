"""`runlake experiments`: the shelves that runs stand on, and what is done to them."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from runlake.cli.completing import complete_experiment
from runlake.cli.exporting import print_csv, print_list
from runlake.cli.printing import console_for, print_line
from runlake.cli.stores import experiments_of, open_named, store_option
from runlake.display.experiments_table import experiments_table
from runlake.entities import Experiment, Status, ViewType
from runlake.read import Query, Store
from runlake.read.listing import values_of
from runlake.read.naming import find_experiment
from runlake.recording import experiments as recorded

__all__ = ["experiments"]


@click.group(invoke_without_command=True)
@click.option("--deleted", is_flag=True, help="List those that were deleted.")
@click.option("--json", "form", flag_value="json", help="Print JSON.")
@click.option("--csv", "form", flag_value="csv", help="Print CSV.")
@store_option
@click.pass_context
def experiments(context: click.Context, deleted: bool, form: str | None, store: Path | None) -> None:
    """List the experiments, or make, rename, delete and restore one.

    An experiment is meant by its name or its id.

    \b
    runlake experiments
    runlake experiments create churn
    runlake experiments rename churn "churn, first try"
    """
    if context.invoked_subcommand is not None:
        context.obj = store
        return
    opened = open_named(store)
    view = ViewType.DELETED_ONLY if deleted else ViewType.ACTIVE_ONLY
    listed = _listed(opened, [each for each in experiments_of(opened.path) if view.shows(each.lifecycle_stage)])
    if form == "json":
        print_list(listed)
    elif form == "csv":
        print_csv(_COLUMNS, ([each[name] for name in _COLUMNS] for each in listed))
    else:
        console = console_for(sys.stdout)
        for line in experiments_table(listed, time.time_ns() // 1_000_000, console.width):
            print_line(console, line)


@experiments.command()
@click.argument("name")
@store_option
@click.pass_context
def create(context: click.Context, name: str, store: Path | None) -> None:
    """Make the experiment NAME, and print its id."""
    click.echo(recorded.create_experiment(name, store=_path(store or context.obj)))


@experiments.command()
@click.argument("experiment", metavar="NAME|ID", shell_complete=complete_experiment)
@click.argument("new")
@store_option
@click.pass_context
def rename(context: click.Context, experiment: str, new: str, store: Path | None) -> None:
    """Give an experiment the name NEW."""
    path, found = _found(store or context.obj, experiment)
    recorded.rename_experiment(found.experiment_id, new, store=path)
    click.echo(f"The experiment {found.experiment_id} is named {new} now; it was {found.name}.")


@experiments.command()
@click.argument("experiment", metavar="NAME|ID", shell_complete=complete_experiment)
@store_option
@click.pass_context
def delete(context: click.Context, experiment: str, store: Path | None) -> None:
    """Put an experiment away with its runs; its name stays taken."""
    path, found = _found(store or context.obj, experiment)
    recorded.delete_experiment(found.experiment_id, store=path)
    click.echo(f"The experiment {found.name} is deleted. To take it back: runlake experiments restore {found.experiment_id}")


@experiments.command()
@click.argument("experiment", metavar="NAME|ID", shell_complete=complete_experiment)
@store_option
@click.pass_context
def restore(context: click.Context, experiment: str, store: Path | None) -> None:
    """Take a deleted experiment back."""
    path, found = _found(store or context.obj, experiment)
    recorded.restore_experiment(found.experiment_id, store=path)
    click.echo(f"The experiment {found.name} is back.")


def _path(store: Path | None) -> Path | None:
    return store.absolute() if store is not None else None


def _found(store: Path | None, text: str) -> tuple[Path, Experiment]:
    """The store, which must be there, and the experiment that is meant."""
    path = open_named(store).path
    return path, find_experiment(experiments_of(path), text)


_COLUMNS = ("experiment_id", "name", "runs", "running", "last_started", "lifecycle_stage", "creation_time", "tags")


def _listed(store: Store, shelves: Sequence[Experiment]) -> list[dict[str, Any]]:
    """What is said of each: times are milliseconds since 1970, and runs that were deleted do not count."""
    found = store.search(Query())
    of_runs = values_of(found, "experiment_id")
    runs = Counter(of_runs)
    running = Counter(shelf for shelf, status in zip(of_runs, values_of(found, "status"), strict=True) if status == Status.RUNNING)
    newest = dict(zip(reversed(of_runs), reversed(values_of(found, "start_time")), strict=True))  # the newest run comes first
    return [
        {
            "experiment_id": shelf.experiment_id,
            "name": shelf.name,
            "runs": runs[shelf.experiment_id],
            "running": running[shelf.experiment_id],
            "last_started": newest.get(shelf.experiment_id),
            "lifecycle_stage": str(shelf.lifecycle_stage),
            "creation_time": shelf.creation_time,
            "tags": dict(shelf.tags),
        }
        for shelf in shelves
    ]
