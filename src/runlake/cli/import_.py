"""`runlake import`: what another tracker has recorded comes into the store."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from contextlib import closing, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import unquote, urlsplit

import click
from rich.text import Text

from runlake import config
from runlake.cli.exporting import print_object
from runlake.cli.printing import console_for, print_line
from runlake.cli.progress import progress
from runlake.cli.stores import store_option
from runlake.display.words import count, one_line, size
from runlake.errors import InvalidValue

if TYPE_CHECKING:
    from runlake.importers.bringing import Brought
    from runlake.importers.sources import Source

__all__ = ["import_"]

F = TypeVar("F", bound=Callable[..., Any])

_READ = {"experiments": "experiment", "runs": "run", "params": "param", "points": "point", "tags": "tag", "inputs": "data set"}


def _common_options(command: F) -> F:
    for option in (
        store_option,
        click.option("--json", "as_json", is_flag=True, help="Print JSON, with sizes in bytes."),
        click.option("--dry-run", is_flag=True, help="Read everything, say what there is, and write nothing."),
    ):
        command = option(command)
    return command


@click.group(name="import")
def import_() -> None:
    """Bring in what another tracker has recorded: MLflow, or what was written for TensorBoard.

    Its files are only read. Whatever the store has already is left out: what came to the source since, and what an import that was broken
    off did not reach, the same command brings. What has no place here is told at the end, and what is broken there.

    \b
    runlake import mlflow mlruns
    runlake import tensorboard runs
    """


@import_.command()
@click.argument("path")
@click.option("-e", "--experiment", "experiments", metavar="NAME", multiple=True, help="This experiment alone; may be given again.")
@_common_options
def mlflow(path: str, experiments: tuple[str, ...], dry_run: bool, as_json: bool, store: Path | None) -> None:
    """Bring in the runs of MLflow: PATH is a folder mlruns, or a database in a file, such as mlflow.db or sqlite:///mlflow.db.

    Runs keep their ids, names, times and statuses, params, tags, data sets, artifacts, and every point of every metric. A run that goes
    on there reads as CRASHED here, until another import brings its end. Exits with 1 where something is broken there; the rest came.

    \b
    runlake import mlflow mlruns
    runlake import mlflow sqlite:///mlflow.db --experiment churn --store /data/lake
    """
    from runlake.importers.mlflow_database import MlflowDatabase  # late, as they take a while: help does without
    from runlake.importers.mlflow_files import MlflowFolder

    place = _local(path)
    if not place.exists():
        raise InvalidValue(f"There is no {place}. Name MLflow's folder mlruns, or the file of its database.")
    _import(MlflowFolder(place) if place.is_dir() else MlflowDatabase(place), experiments, dry_run, as_json, store)


@import_.command()
@click.argument("path", type=click.Path(path_type=Path))
@click.option("-e", "--experiment", metavar="NAME", default="", help="The experiment that the runs come to, if not the folder's name.")
@_common_options
def tensorboard(path: Path, experiment: str, dry_run: bool, as_json: bool, store: Path | None) -> None:
    """Bring in the scalars that were written for TensorBoard: each folder with event files, PATH or one below, is a run.

    All points come, with their steps and times, and hyperparameters as params. A file is read up to where it is broken off. It needs the
    package tensorboard.

    \b
    runlake import tensorboard runs
    runlake import tensorboard lightning_logs --experiment churn
    """
    from runlake.importers.tensorboard import TensorBoardFolder

    _import(TensorBoardFolder(path, experiment), (), dry_run, as_json, store)


def _import(source: Source, experiments: Sequence[str], dry_run: bool, as_json: bool, store: Path | None) -> None:
    from runlake.importers.arriving import Arriving
    from runlake.importers.bringing import bring, chosen

    settings, wanted = config.load(store), chosen(source, experiments)
    with (
        closing(source),
        progress(f"Reading {source.title}") as tell,
        nullcontext() if dry_run else Arriving(settings.store) as arriving,
    ):
        brought = bring(source, wanted, settings, arriving, tell)
    if as_json:
        print_object(_as_json(source, brought, None if dry_run else settings.store))
    else:
        _print(source, brought, None if dry_run else settings.store)
    if source.remarks.is_anything_broken:
        sys.exit(1)


def _local(path: str) -> Path:
    """The path that is meant; of MLflow's URIs those of files."""
    parts = urlsplit(path)
    if parts.scheme == "sqlite":
        return Path(parts.path.removeprefix("/"))
    if parts.scheme == "file":
        return Path(unquote(parts.path))
    if "://" in path:
        raise InvalidValue(f"{path} is no folder and no file. Name MLflow's folder mlruns, or the file of its database.")
    return Path(path)


def _print(source: Source, brought: Brought, store: Path | None) -> None:
    console = console_for(sys.stdout)
    read, new = brought.read, brought.new
    told = [count(read[kind], word) for kind, word in _READ.items() if read[kind] or kind in ("runs", "points")]
    told += [f"{count(read['files'], 'file')} ({size(read['bytes'])})"] if read["files"] else []
    print_line(console, Text(one_line(f"Read {source.title}: {', '.join(told)}.")))
    if store is None:
        print_line(console, Text("Nothing was written. Without --dry-run it comes into the store."))
    elif not any(new.values()):
        print_line(console, Text(one_line(f"Nothing of it is new: {store} has it all.")))
    else:
        runs = f"{count(new['runs'], 'new run')}, {new['grown']:,} brought up to date, {count(new['points'], 'point')}"
        runs += f", {count(new['files'], 'file')} ({size(new['bytes'])})" if new["files"] else ""
        print_line(console, Text(one_line(f"Written to {store}: {runs}.")))
    for remark in sorted(source.remarks.found.values(), key=lambda remark: remark.is_broken):
        line = Text(f"{'broken' if remark.is_broken else 'left out':<10}", style="red" if remark.is_broken else "yellow")
        example = f", such as {remark.example}" if remark.count > 1 else f": {remark.example}"
        how_many = f": {remark.count:,}" if remark.count > 1 else ""
        print_line(console, line.append(one_line(f"{remark.what}{how_many}{example if remark.example else ''}"), style="default"))


def _as_json(source: Source, brought: Brought, store: Path | None) -> dict[str, Any]:
    from runlake.importers.bringing import KINDS, NEW

    return {
        "source": source.title,
        "store": None if store is None else str(store),
        "read": {kind: brought.read[kind] for kind in KINDS},
        "new": {kind: brought.new[kind] for kind in NEW},
        "remarks": [
            {"what": each.what, "count": each.count, "example": each.example, "is_broken": each.is_broken}
            for each in source.remarks.found.values()
        ],
    }
