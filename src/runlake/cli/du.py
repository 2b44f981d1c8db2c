"""`runlake du`: where the bytes of a store are."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
from rich.text import Text

from runlake.cli.exporting import print_list, print_object
from runlake.cli.printing import console_for, print_line
from runlake.cli.stores import experiments_of, open_named, store_option
from runlake.display.grid import Column, lines
from runlake.display.words import count, one_line, size
from runlake.entities import LifecycleStage
from runlake.read.search import cache
from runlake.store.layout import Layout
from runlake.store.sizes import Amount, Use, by_experiment, by_kind, by_run
from runlake.store.view import View

__all__ = ["du"]

LARGEST = 25


@click.command()
@click.option("--by", type=click.Choice(["kind", "experiment", "run"]), default="kind", help="What is told apart; kind, unless given.")
@click.option("--limit", metavar="N", type=click.IntRange(min=0), help=f"Of how many, 0 for all; {LARGEST} unless --json.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, with sizes in bytes.")
@store_option
def du(by: str, limit: int | None, as_json: bool, store: Path | None) -> None:
    """Tell where the bytes of a store are: by kind, by experiment, or by run, the largest first.

    By kind, all files of the store are counted, and its folders. By experiment and by run, artifacts are those that the runs have now,
    each content once; "shared" says how much of that others have as well, so that it stays when this one goes. Points take what
    their share of a file's rows is. What events and summaries take is told by kind alone.

    \b
    runlake du
    runlake du --by run --limit 10
    """
    path = open_named(store).path
    if by == "kind":
        _tell_kinds(path, as_json=as_json)
        return
    view = View(Layout(path))
    view.refresh()
    shelves = {each.experiment_id: each for each in experiments_of(path)}
    uses = by_run(view) if by == "run" else by_experiment(view)
    for use in uses if by == "experiment" else ():
        shelf = shelves.get(use.id)
        use.name, use.is_deleted = (shelf.name, shelf.lifecycle_stage == LifecycleStage.DELETED) if shelf else (use.id, False)
    most = limit if limit is not None or as_json else LARGEST
    shown = uses[:most] if most else uses
    if as_json:
        print_list(_object(by, use) for use in shown)
        return
    names = {shelf.experiment_id: shelf.name for shelf in shelves.values()}
    _print(_columns(by, shown, names))
    rest = f"{len(shown):,} of {count(len(uses), by)}; all: --limit 0" if len(shown) < len(uses) else count(len(uses), by)
    _print_last(f"{rest} · {size(sum(use.n_bytes for use in uses))}" + ("" if by == "run" else " · the whole store: runlake du"))


def _tell_kinds(path: Path, *, as_json: bool) -> None:
    kinds = by_kind(path)
    total = Amount(sum(each.files for each in kinds.values()), sum(each.n_bytes for each in kinds.values()))
    cached = Amount()
    for file in cache.files(Layout(path)):
        with contextlib.suppress(FileNotFoundError):  # made anew just now
            cached.add(file.stat().st_size)
    if as_json:
        said = [{"kind": kind, **_amount(each)} for kind, each in kinds.items()]
        print_object({"store": str(path), "kinds": said, "total": _amount(total), "search_cache": _amount(cached)})
        return
    told = [*kinds.items(), ("in all", total)]
    _print(
        [
            Column(Text("kind", "dim"), [Text(kind, "bold" if kind == "in all" else "") for kind, _ in told], is_needed=True),
            Column(Text("files", "dim"), [Text(f"{each.files:,}") for _, each in told], is_right=True, is_needed=True),
            Column(Text("size", "dim"), [Text(size(each.n_bytes)) for _, each in told], is_right=True, is_needed=True),
        ]
    )
    beside = f"beside it, the search cache: {count(cached.files, 'file')}, {size(cached.n_bytes)}" if cached.files else "no search cache"
    _print_last(f"{path} · {beside}")


def _amount(of: Amount) -> dict[str, int]:
    return {"files": of.files, "bytes": of.n_bytes}


def _object(by: str, use: Use) -> dict[str, Any]:
    named = {"run_id": use.id, "run_name": use.name, "experiment_id": use.experiment_id}
    shelf = {"experiment_id": use.id, "name": use.name, "runs": use.runs}
    sizes = {"bytes": use.n_bytes, "artifacts": use.artifacts, "shared": use.shared, "points": use.points, "point_bytes": use.point_bytes}
    return {**(named if by == "run" else shelf), "deleted": use.is_deleted, **sizes}


def _columns(by: str, uses: Sequence[Use], shelves: dict[str, str]) -> list[Column]:
    names = [Text(one_line(use.name or use.id), "dim" if use.is_deleted else "bold") for use in uses]
    for name, use in zip(names, uses, strict=True):
        name.append(" (deleted)" if use.is_deleted else "", "dim")
    columns = [Column(Text(by, "dim"), names, is_needed=True, least=12, most=60), _numbers("size", [size(use.n_bytes) for use in uses])]
    columns += [
        _numbers("artifacts", [size(use.artifacts) if use.artifacts else "" for use in uses]),
        _numbers("shared", [size(use.shared) if use.shared else "" for use in uses]),
        _numbers("points", [f"{use.points:,}" if use.points else "" for use in uses]),
        _numbers("their size", [size(use.point_bytes) if use.points else "" for use in uses]),
    ]
    if by == "run":
        of = [Text(one_line(shelves.get(use.experiment_id, use.experiment_id))) for use in uses]
        return [*columns, Column(Text("experiment", "dim"), of), Column(Text("id", "dim"), [Text(use.id, "dim") for use in uses], most=40)]
    return [*columns, _numbers("runs", [f"{use.runs:,}" for use in uses]), _numbers("id", [use.id for use in uses])]


def _numbers(title: str, cells: Sequence[str]) -> Column:
    return Column(Text(title, "dim"), [Text(cell) for cell in cells], is_right=True, is_needed=True)


def _print(columns: Sequence[Column]) -> None:
    console = console_for(sys.stdout)
    for line in lines(columns, console.width):
        print_line(console, line)


def _print_last(said: str) -> None:
    print_line(console_for(sys.stdout), Text(said, "dim"))
