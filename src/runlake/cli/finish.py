"""`runlake finish`: do here and now what runs have pending."""

from __future__ import annotations

from pathlib import Path

import click

from runlake.jobs.runner import finish as finish_jobs
from runlake.read import open_store

__all__ = ["finish"]


@click.command()
@click.option("--store", type=click.Path(path_type=Path), help="The store, if not the one that the settings name.")
def finish(store: Path | None) -> None:
    """Do the jobs that runs have pending, and wait for those that other processes are at.

    Example: runlake finish --store /data/lake
    """
    opened = open_store(store)
    is_idle = True
    for run, job in finish_jobs(opened):
        is_idle = False
        cost = "" if job.cost_ms is None else f" in {job.cost_ms / 1000:.2f} s"
        click.echo(f"{run.info.run_name} {run.info.run_id} {job.name}: {job.state}{cost}{job.why and ': ' + job.why}")
    if is_idle:
        click.echo(f"No job is pending in {opened.path}.")
