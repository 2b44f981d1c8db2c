"""`runlake show RUN`: everything about one run."""

from __future__ import annotations

import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from runlake import config
from runlake.cli.completing import complete_run
from runlake.cli.exporting import print_object, run_object
from runlake.cli.printing import console_for, print_line
from runlake.cli.stores import experiments_of, open_named, store_option
from runlake.display.curves import curves_of_metric, curves_of_run
from runlake.display.run_page import About, run_page
from runlake.entities import ViewType
from runlake.entities.described import DescribedModel
from runlake.entities.models import MANIFEST
from runlake.errors import UnknownRun
from runlake.read import Query, Run, Store
from runlake.read.listing import list_runs, values_of
from runlake.read.naming import find_run, quoted

__all__ = ["show"]

LISTED = 5  # of the runs inside it
DRAWN = 60  # metrics


@click.command()
@click.argument("run", shell_complete=complete_run)
@click.option("--all", "with_system_tags", is_flag=True, help="Show the tags of runlake and mlflow, too.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@store_option
def show(run: str, with_system_tags: bool, as_json: bool, store: Path | None) -> None:
    """Show everything about one run.

    RUN is its id or the first four letters of it, its name, @last for the newest one, or @best(METRIC).

    \b
    runlake show brave-otter-41
    runlake show "@best(val_loss)" --json
    """
    opened = open_named(store)
    found = find_run(opened, run)
    if as_json:
        print_object(_as_object(opened, found))
        return
    console = console_for(sys.stdout)
    now_ms = time.time_ns() // 1_000_000
    for line in run_page(_about(opened, found), now_ms, console.width, with_system_tags=with_system_tags):
        print_line(console, line)


def _about(store: Store, run: Run) -> About:
    info = run.info
    children = Query(f"parent_run_id = {quoted(info.run_id)}")
    drawn = [key for key, series in run.metrics.items() if len(series) > 1 and series.min != series.max]
    return About(
        run,
        _seconds(store, run),
        _shelf(store, info.experiment_id),
        _name_of(store, info.parent_run_id) if info.parent_run_id else "",
        list_runs(store, children, LISTED, inside_of=info.run_id),
        values_of(store.search(children), "status"),
        curves_of_run(store, info.run_id, drawn[:DRAWN]),
        lambda key, run_ids: curves_of_metric(store, key, run_ids),
        _models(run),
        str(store.path) if store.path != config.find_store() else None,
    )


def _models(run: Run) -> list[DescribedModel]:
    """The models that it keeps."""
    if not any(name.rpartition("/")[2] == MANIFEST for name in run.artifacts):
        return []
    from runlake.client.described import described_in  # late, as it takes a while: most runs keep none

    return described_in(run)


def _as_object(store: Store, run: Run) -> dict[str, Any]:
    """What `runlake ls --json` says of a run, and all the rest."""
    info = run.info
    series = {
        key: {"last": each.last, "min": each.min, "max": each.max, "goal": each.goal, "best_step": each.best_step, "points": len(each)}
        for key, each in run.metrics.items()
    }
    return run_object(run, _seconds(store, run)) | {
        "experiment_name": _shelf(store, info.experiment_id),
        "user": info.user_id,
        "lifecycle_stage": str(info.lifecycle_stage),
        "silent_seconds": run.liveness.silent_seconds,
        "series": series,
        "datasets": [asdict(used.dataset) | {"tags": {tag.key: tag.value for tag in used.tags}} for used in run.inputs.dataset_inputs],
        "artifacts": run.artifacts,
        "children": store.search(Query(f"parent_run_id = {quoted(info.run_id)}")).ids(),
        "jobs": [asdict(job) for job in run.jobs.values()],
        "captures": [asdict(capture) for capture in run.captures],
        "errors": run.errors,
        "param_conflicts": run.param_conflicts,
    }


def _seconds(store: Store, run: Run) -> float | None:
    """How long it took so far."""
    found = store.search(Query(f"run_id = {quoted(run.info.run_id)}", view_type=ViewType.ALL))
    seconds: list[float | None] = values_of(found, "duration")
    return seconds[0] if seconds else None


def _shelf(store: Store, experiment_id: str) -> str:
    """The name of an experiment."""
    return next((shelf.name for shelf in experiments_of(store.path) if shelf.experiment_id == experiment_id), experiment_id)


def _name_of(store: Store, run_id: str) -> str:
    try:
        return store.run(run_id).info.run_name
    except UnknownRun:
        return run_id
