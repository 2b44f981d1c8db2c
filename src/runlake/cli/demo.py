"""`runlake demo`: record a small training and print what a reader then finds."""

from __future__ import annotations

import random

import click
from rich.console import Console
from rich.table import Table

import runlake
from runlake.read import Run, Store

__all__ = ["demo"]


@click.command()
@click.option("--steps", default=2000, show_default=True, help="How long to train.")
def demo(steps: int) -> None:
    """Train a line fit in plain Python, record it, and print what was recorded.

    Example: RUNLAKE_STORE=/tmp/lake runlake demo
    """
    run_id = _train(steps)
    store = runlake.read.open_store()
    run, info = store.run(run_id), store.run(run_id).info
    console = Console(highlight=False, soft_wrap=True)
    console.print(f"Run [bold]{info.run_name}[/] {info.run_id} is {info.status} after {info.duration:.2f} s, in {store.path}")
    console.print(_series_table(run))
    for name in run.artifacts:
        console.print(f"Artifact {name}: {run.read_artifact(name).decode().strip()}")
    console.print("Params and tags: " + ", ".join(f"{key}={value}" for key, value in {**run.params, **run.tags}.items()))
    _print_shelves(console, store)


def _print_shelves(console: Console, store: Store) -> None:
    """How many runs each experiment holds."""
    runs = [run.info.experiment_id for run in store.runs()]
    for experiment in runlake.search_experiments():
        console.print(f"Experiment {experiment.experiment_id} ({experiment.name}): {runs.count(experiment.experiment_id)} runs")
    console.print(f"Read them: [bold]runlake.read.open_store({str(store.path)!r}).runs()[/]")


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
    table = Table("series", "points", "last", "least", "greatest", "best step")
    for key, series in run.metrics.items():
        table.add_row(key, f"{len(series):,}", *(f"{value:.4g}" for value in (series.last, series.min, series.max)), str(series.best_step))
    return table
