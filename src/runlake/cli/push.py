"""`runlake push`: runs go into another store."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from runlake.cli.completing import complete_experiment, complete_run
from runlake.cli.progress import progress
from runlake.cli.stores import experiments_of, open_named, store_option
from runlake.display.words import count, size
from runlake.entities import Experiment, LifecycleStage
from runlake.errors import InvalidValue, UnknownRun
from runlake.read import Query, Store
from runlake.read.naming import find_experiment, find_run, quoted

__all__ = ["push"]


@click.command()
@click.argument("words", metavar="RUN|EXPERIMENT", nargs=-1, shell_complete=complete_run)
@click.option(
    "--to", "target", metavar="STORE", required=True, type=click.Path(path_type=Path), help="The other store; made if there is none."
)
@click.option(
    *("-e", "--experiment", "experiments"),
    metavar="NAME|ID",
    multiple=True,
    shell_complete=complete_experiment,
    help="All runs of this experiment; may be given again.",
)
@store_option
def push(words: tuple[str, ...], target: Path, experiments: tuple[str, ...], store: Path | None) -> None:
    """Copy runs, or all runs of an experiment, into another store.

    \b
    runlake push @last --to /data/lake
    runlake push churn --to /data/lake

    Runs inside a run go with it. They keep their ids, and stay where they are as well. Whatever the other store has already is left
    out: a run that went on, or a copy that was broken off, is brought up to date by the same command.
    """
    from runlake.importers.arriving import Arriving  # late, as they write: help does without
    from runlake.importers.pushing import push as pushed
    from runlake.importers.pushing import with_those_inside

    opened = open_named(store)
    if target.absolute().resolve() == opened.path.resolve():
        raise InvalidValue(f"{target} is the store that the runs are in. Name another with --to.")
    shelves = experiments_of(opened.path)
    runs = with_those_inside(opened, _meant(opened, shelves, words, experiments))
    known = {shelf.experiment_id: (shelf.name, dict(shelf.tags)) for shelf in shelves}
    with progress(f"Pushing to {target}") as tell, Arriving(target.absolute()) as arriving:
        added = []
        for each in pushed(opened, runs, arriving, known):
            added.append(each)
            tell(f"{len(added):,} of {count(len(runs), 'run')}")
    new, more = sum(each.is_new for each in added), sum(bool(each) and not each.is_new for each in added)
    click.echo(f"Pushed {count(new, 'new run')}, brought {more:,} up to date, and left out {len(added) - new - more:,} that {target} has.")
    click.echo(f"They hold {sum(each.points for each in added):,} points and {size(sum(each.bytes for each in added))} of artifacts.")
    going_on = sum(run.is_running for run in runs)
    if going_on:
        click.echo(f"{count(going_on, 'run still goes', 'runs still go')} on: push again when that has ended.", err=True)


def _meant(store: Store, shelves: Sequence[Experiment], words: Sequence[str], experiments: Sequence[str]) -> list[str]:
    """The ids of the runs that are meant by these words."""
    if not words and not experiments:
        raise click.UsageError("Name a run or an experiment.")
    run_ids = [run_id for text in experiments for run_id in _of(store, find_experiment(shelves, text))]
    for word in words:
        there = next((shelf for shelf in shelves if shelf.name == word and shelf.lifecycle_stage == LifecycleStage.ACTIVE), None)
        try:
            run = find_run(store, word)
        except UnknownRun:
            if there is None:
                raise
            run_ids += _of(store, there)
        else:
            if there is not None:
                raise InvalidValue(f"{word!r} is a run and an experiment: say which by the id {run.info.run_id}, or by -e {word}.")
            run_ids.append(run.info.run_id)
    return run_ids


def _of(store: Store, shelf: Experiment) -> list[str]:
    """The runs of an experiment that are inside no other."""
    return store.search(Query(f"experiment_id = {quoted(shelf.experiment_id)}", ["start_time", "run_id"])).ids()
