"""`runlake demo`: record a small training and print what a reader then finds."""

from __future__ import annotations

import random

import click
from rich.console import Console
from rich.table import Table

import runlake
from runlake.read import RunRow, Store

__all__ = ["demo"]


@click.command()
@click.option("--steps", default=2000, show_default=True, help="How long to train.")
def demo(steps: int) -> None:
    """Train a line fit in plain Python, record it, and print what was recorded.

    Example: RUNLAKE_STORE=/tmp/lake runlake demo
    """
    run_id = _train(steps)
    store = runlake.read.open_store()
    run = next(run for run in store.runs() if run.run_id == run_id)
    console = Console(highlight=False)
    console.print(f"Run [bold]{run.name}[/] {run.run_id} is {run.status} after {_seconds(run):.2f} s, in {store.path}")
    console.print(_series_table(store, run))
    for name in run.artifacts:
        console.print(f"Artifact {name}: {store.read_artifact(run_id, name).decode().strip()}")
    console.print(f"{len(store.runs())} runs are there. Read them: [bold]runlake.read.open_store({str(store.path)!r}).points()[/]")


def _train(steps: int) -> str:
    """Fit y = 3x - 1 by gradient descent on noisy data."""
    noise = random.Random(7)
    points = [(x, 3 * x - 1 + noise.gauss(0, 0.1)) for x in (noise.uniform(-1, 1) for _ in range(64))]
    slope = offset = 0.0
    with runlake.start_run(run_name="demo-line-fit") as run:
        for step in range(steps):
            x, y = points[step % len(points)]
            error = slope * x + offset - y
            slope -= 0.05 * error * x
            offset -= 0.05 * error
            runlake.log_metric("loss", error * error, step=step)
            if step % 10 == 0:
                runlake.log_metrics({"slope": slope, "offset": offset}, step=step)
        runlake.log_text(f"y = {slope:.3f} x + {offset:.3f}\n", "model.txt")
    return run.run_id


def _series_table(store: Store, run: RunRow) -> Table:
    table = Table("series", "points", "first", "last", "least", "greatest")
    points = store.points(run.run_id)
    for key in sorted(set(points["key"].to_pylist())):
        values = store.points(run.run_id, key)["value"].to_pylist()
        table.add_row(key, f"{len(values):,}", *(f"{v:.4g}" for v in (values[0], values[-1], min(values), max(values))))
    return table


def _seconds(run: RunRow) -> float:
    return ((run.end_ns or run.start_ns) - run.start_ns) / 1e9
