"""`runlake fsck`: whether a store is as it was written."""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.text import Text

from runlake.cli.printing import console_for, print_line
from runlake.cli.progress import progress
from runlake.cli.stores import store_option
from runlake.display.words import count
from runlake.store.layout import Layout, check_newer

if TYPE_CHECKING:
    from runlake.store.check.problems import Checked, Problem

__all__ = ["fsck"]

_COLOURS = {"damaged": "red", "missing": "red", "unverified": "yellow", "note": "dim"}


@click.command()
@click.option("--summaries", is_flag=True, help="Reckon what is said of every series anew from its points, too.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@store_option
def fsck(summaries: bool, as_json: bool, store: Path | None) -> None:
    """Read every file of the store, and say what is not as it was written, and where. Nothing is changed.

    Safe at any time. Exits with 1 where something is damaged or missing. Example: runlake fsck --summaries --store /data/lake
    """
    from runlake import config
    from runlake.errors import StoreError
    from runlake.store.check.whole import check_store  # late, as it takes a while: not what asks for help

    root = (store or config.find_store()).absolute()
    if not root.is_dir():
        raise StoreError(f"There is no store at {root} to check. Name one with --store.")
    check_newer(root)
    with progress(f"Checking {root}") as tell:
        checked = check_store(Layout(root), tell, with_summaries=summaries)
    if as_json:
        click.echo(json.dumps(_as_json(root, checked), indent=2))
    else:
        _print(root, checked)
    if not checked.is_good:
        sys.exit(1)


def _print(root: Path, checked: Checked) -> None:
    console = console_for(sys.stdout)
    for problem in sorted(checked.problems, key=lambda problem: not problem.is_bad):
        line = Text(f"{problem.grade:<11}", style=_COLOURS[problem.grade])
        print_line(console, line.append(f"{_place(root, problem)}: {problem.what}", style="default"))
    looked = f"{count(checked.logs, 'log')}, {count(checked.sealed, 'sealed file')}, {count(checked.files, 'data file')} of "
    looked += f"{count(checked.rows, 'row')} and {count(checked.contents, 'content')}"
    print_line(console, Text(f"Checked {looked}: {_verdict(checked)}"))


def _verdict(checked: Checked) -> str:
    grades = Counter(str(problem.grade) for problem in checked.problems)
    if not checked.is_good:
        bad = " and ".join(f"{grades[grade]:,} {grade}" for grade in ("damaged", "missing") if grades[grade])
        return f"{bad}. Nothing was changed: put back from a copy what is told above, then check again."
    if grades["unverified"]:
        return f"nothing is damaged or missing; {grades['unverified']:,} cannot be verified until runlake compact has written them anew."
    return "everything is as it was written."


def _place(root: Path, problem: Problem) -> str:
    path = problem.path.relative_to(root) if problem.path.is_relative_to(root) else problem.path
    return f"{path}" if problem.offset is None else f"{path} at byte {problem.offset:,}"


def _as_json(root: Path, checked: Checked) -> dict[str, object]:
    return {
        "store": str(root),
        "is_good": checked.is_good,
        "checked": {name: getattr(checked, name) for name in ("logs", "sealed", "files", "rows", "contents")},
        "problems": [
            {"grade": str(each.grade), "path": str(each.path), "offset": each.offset, "what": each.what} for each in checked.problems
        ],
    }
