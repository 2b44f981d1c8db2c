"""`runlake demo`: record small trainings, by hand and by themselves, and print what a reader then finds."""

from __future__ import annotations

import importlib.metadata
import random
import shlex
from importlib.metadata import EntryPoint

import click
from rich.console import Console
from rich.table import Column, Table

import runlake
from runlake.cli.printing import PLAIN_WIDTH
from runlake.guard import attempt
from runlake.read import Run, Store

__all__ = ["demo"]

DEMOS = "runlake.demos"  # entry points: of each plugin a function that trains something small


@click.command()
@click.option("--steps", default=2000, show_default=True, help="How long to train.")
def demo(steps: int) -> None:
    """Train a line fit in plain Python and something small with each library that has a plugin, and print what was recorded.

    Example: RUNLAKE_STORE=/tmp/lake runlake demo
    """
    run_id = _train(steps)
    store = runlake.read.open_store()
    run, info = store.run(run_id), store.run(run_id).info
    console = Console(highlight=False, soft_wrap=True, width=None if Console().is_terminal else PLAIN_WIDTH)
    console.print(f"Run [bold]{info.run_name}[/] {info.run_id} is {info.status} after {info.duration:.2f} s, in {store.path}")
    console.print(_series_table(run))
    for name in run.artifacts:
        console.print(f"Artifact {name}: {run.read_artifact(name).decode().strip()}")
    console.print("Params and tags: " + ", ".join(f"{key}={value}" for key, value in {**run.params, **run.tags}.items()))
    _show_plugins(console, store)
    _print_shelves(console, store)


def _show_plugins(console: Console, store: Store) -> None:
    """Train what each plugin brings for this with `autolog()` on, and print the runs that there are then."""
    for entry in sorted(importlib.metadata.entry_points(group=DEMOS), key=lambda entry: entry.name):
        before = {run.info.run_id for run in store.runs()}
        problem = _trained_with(entry)
        if isinstance(problem, BaseException):
            console.print(f"{entry.name}: not shown, {type(problem).__name__}: {problem}", markup=False)
        store.refresh()
        for run in store.runs():
            if run.info.run_id not in before:
                _print_run(console, run, entry.name)


def _trained_with(entry: EntryPoint) -> object:
    """What went wrong, if anything: the library may not be installed."""
    runlake.autolog()
    try:
        return attempt(lambda: entry.load()())
    finally:
        runlake.disable_autolog()  # ends the run of what no call encloses, too
        runlake.flush()


def _print_run(console: Console, run: Run, plugin: str) -> None:
    params = ", ".join(f"{key}={value}" for key, value in run.params.items() if value is not None)
    console.print(f"Run [bold]{run.info.run_name}[/] recorded by the plugin {plugin}: {run.info.status} after {run.info.duration:.2f} s")
    console.print(f"Params: {params}", markup=False)
    console.print(_series_table(run))


def _print_shelves(console: Console, store: Store) -> None:
    """How many runs each experiment holds."""
    runs = [run.info.experiment_id for run in store.runs()]
    for experiment in runlake.search_experiments():
        console.print(f"Experiment {experiment.experiment_id} ({experiment.name}): {runs.count(experiment.experiment_id)} runs")
    console.print(f"Read them: [bold]runlake.read.open_store({str(store.path)!r}).runs()[/]")
    console.print(f"Look at them: [bold]{_page_of(store)}[/]")


def _page_of(store: Store) -> str:
    """The command that opens the page, or that installs it."""
    is_there = any(entry.name == "ui" for entry in importlib.metadata.entry_points(group="runlake.commands"))
    return f"runlake ui --store {shlex.quote(str(store.path))}" if is_there else "pip install runlake-ui, then runlake ui"


def _train(steps: int) -> str:
    """Fit y = 3x - 1 by gradient descent on noisy data."""
    noise = random.Random(7)
    points = [(x, 3 * x - 1 + noise.gauss(0, 0.1)) for x in (noise.uniform(-1, 1) for _ in range(64))]
    slope = offset = 0.0
    runlake.set_experiment("demo")
    with runlake.start_run(run_name="demo-line-fit", tags={"team": "demo"}) as run:
        runlake.log_params({"learning_rate": 0.05, "points": len(points)})
        for step in range(steps):
            x, y = points[step % len(points)]
            error = slope * x + offset - y
            slope -= 0.05 * error * x
            offset -= 0.05 * error
            runlake.log_metric("loss", error * error, step=step)
            if step % 10 == 0:
                runlake.log_metrics({"slope": slope, "offset": offset}, step=step)
        runlake.log_text(f"y = {slope:.3f} x + {offset:.3f}\n", "model.txt")
    return str(run.run_id)


def _series_table(run: Run) -> Table:
    table = Table(Column("series", overflow="fold"), "points", "last", "least", "greatest", "best step")
    for key, series in run.metrics.items():
        table.add_row(key, f"{len(series):,}", *(f"{value:.4g}" for value in (series.last, series.min, series.max)), str(series.best_step))
    return table
