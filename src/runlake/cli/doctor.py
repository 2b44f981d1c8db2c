"""`runlake doctor`: whether everything is as it should be here; of a run, what each capture did in it."""

from __future__ import annotations

import importlib.util
import json
import os
import platform
import shutil
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import click
from rich.table import Table
from rich.text import Text

import runlake
from runlake import config
from runlake.cli.completing import complete_run
from runlake.cli.printing import console_for, print_line
from runlake.cli.stores import open_named, store_option
from runlake.read import Run
from runlake.read.naming import find_run
from runlake.store.layout import Layout, check_usable, is_store

__all__ = ["doctor"]

_WANTED = {  # what is done with it, where it is not for everybody
    "matplotlib": "pictures of what models learned",
    "pandas": "search_runs() as a frame",
    "shap": "explanations of forests and boosting",
}


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at: `is_good` is None for what is neither good nor bad."""

    about: str
    what: str
    is_good: bool | None = True


@click.command()
@click.argument("run", required=False, shell_complete=complete_run)
@click.option("--targets", is_flag=True, help="Show every patch: what kind of place it is in, and why there.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@store_option
def doctor(run: str | None, targets: bool, as_json: bool, store: Path | None) -> None:
    """Look whether store, machine, plugins and what they capture are as they should be; or what was captured in RUN.

    Example: runlake doctor @last
    """
    if run is not None:
        _print_captures(find_run(open_named(store), run), as_json=as_json)
        return
    findings = [*_of_here(), *_of_store(store or config.find_store()), *_of_machine(), *_of_plugins(with_targets=targets)]
    if as_json:
        click.echo(json.dumps([asdict(finding) for finding in findings], indent=2))
    else:
        _print_findings(findings)
    if any(finding.is_good is False for finding in findings):
        sys.exit(1)


def _of_here() -> Iterator[Finding]:
    yield Finding("runlake", f"{runlake.__version__}, Python {platform.python_version()}, {platform.system()} {platform.machine()}", None)
    default = config.Config(Path())
    given = {name: value for name, value in asdict(config.load()).items() if name != "store" and value != getattr(default, name)}
    if given:
        yield Finding("settings", ", ".join(f"{name} = {value}" for name, value in given.items()), None)


def _of_store(root: Path) -> Iterator[Finding]:
    try:
        check_usable(root)
    except runlake.StoreError as error:
        yield Finding("store", str(error), is_good=False)
        return
    above = next(folder for folder in (root, *root.parents) if folder.exists())
    free = shutil.disk_usage(above).free
    space = f"{free / 1e9:,.1f} GB free"
    if not os.access(above, os.W_OK):
        yield Finding("store", f"{root}: {above} may not be written to by this user", is_good=False)
    elif not is_store(root):
        yield Finding("store", f"{root} is not there yet, the first run makes it; {space}", None)
    else:
        layout = Layout(root)
        waiting = layout.waiting()
        yield Finding("store", f"{root}: {len(waiting)} files of {sum(waiting.values()) / 1e6:,.1f} MB are not published; {space}")
    if free < 1e9:
        yield Finding("store", f"the disk is nearly full: {space}", is_good=False)


def _of_machine() -> Iterator[Finding]:
    for library, use in _WANTED.items():
        if importlib.util.find_spec(library) is None:
            yield Finding("missing", f"{library}, for {use}: pip install {library}", None)
    why = config.why_children_end()
    if why:
        yield Finding("jobs", f"{why} the end of a program may be the end of its jobs, so it waits for them up to {_exit_wait():g} s", None)


def _exit_wait() -> float:
    return config.exit_wait(config.load())


def _of_plugins(*, with_targets: bool) -> Iterator[Finding]:
    from runlake.instrument.doctor import examined  # late: it imports every library that has a plugin

    for plugin in examined():
        name = f"{plugin.plugin} {plugin.version}"
        if plugin.problem or plugin.idle:
            yield Finding("plugin", f"{name}: {plugin.problem or plugin.idle}", False if plugin.problem else None)
            continue
        placed = [row for row in plugin.rows if row.state == "in place"]
        tested = f", tested from {plugin.tested_from} on" if plugin.tested_from else ""
        yield Finding("plugin", f"{name} for {plugin.library_version}{tested}: captures {len(placed)} of {len(plugin.rows)} targets")
        for row in placed if with_targets else ():
            yield Finding("target", f"{row.plugin}: {row.target} ({row.role}): {row.rung}; {row.why}")
        for row in plugin.failed:
            yield Finding("target", f"{row.plugin}: {row.target} ({row.role}): {row.why}", is_good=False)


def _print_findings(findings: list[Finding]) -> None:
    console = console_for(sys.stdout)
    signs = {True: ("✓", "green"), False: ("✕", "red"), None: ("·", "dim")}
    for finding in findings:
        sign, style = signs[finding.is_good]
        print_line(console, Text.assemble((sign, style), f" {finding.about:<9}", finding.what))


def _print_captures(run: Run, *, as_json: bool) -> None:
    found: list[dict[str, Any]] = [asdict(capture) for capture in run.captures]
    if as_json:
        click.echo(json.dumps(found, indent=2))
        return
    console = console_for(sys.stdout)
    print_line(console, Text(f"{run.info.run_name} {run.info.run_id}"))
    table = Table("plugin", "what", "calls", "ms", "failed", "why", box=None, header_style="bold")
    for each in found:
        why = f"{each['why']}{', and is off' if each['is_off'] else ''}"
        table.add_row(each["plugin"], each["target"], str(each["calls"]), f"{each['cost_ns'] / 1e6:,.1f}", str(each["failures"]), why)
    console.print(table)
    for error in run.errors:
        print_line(console, Text(f"✕ {error}"))
