"""`runlake plugins`: what is installed, whether it can be used, and what it would capture."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from runlake.instrument.patches import Patch
from runlake.instrument.plugins import Plugin, find_plugins, is_allowed, load

__all__ = ["plugins"]


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--targets", is_flag=True, help="Show what each of them captures, and why there.")
def plugins(as_json: bool, targets: bool) -> None:
    """List the plugins that are installed.

    Example: runlake plugins --targets
    """
    found = [_described(plugin) for _, plugin in sorted(find_plugins(anew=True).items())]
    if as_json:
        click.echo(json.dumps(found, indent=2))
        return
    columns = ["plugin", "distribution", "version", "state", "libraries"]
    table = Table(*columns, box=None, header_style="bold")
    for plugin in found:
        table.add_row(*(str(plugin[column]) for column in columns))
    console = Console(highlight=False, width=None if Console().is_terminal else 200)
    console.print(table)
    for plugin in found if targets else []:
        for target in plugin["targets"]:
            console.print(f"{plugin['plugin']}: {target['target']} ({target['role']}): {target['why']}", soft_wrap=True, markup=False)


def _described(plugin: Plugin) -> dict[str, Any]:
    is_usable = load(plugin)
    allowed = plugin.is_service or is_allowed(plugin.name)
    return {
        "plugin": plugin.name,
        "distribution": plugin.distribution,
        "version": plugin.version,
        "state": f"off: {plugin.problem}" if not is_usable else "usable" if allowed else "left out by the settings",
        "libraries": ", ".join(sorted(plugin.libraries)) + (f" >= {plugin.lower_bound}" if plugin.libraries and plugin.lower_bound else ""),
        "targets": list(_targets(plugin)),
    }


def _targets(plugin: Plugin) -> Iterator[dict[str, str]]:
    for asked in plugin.asked:
        yield {"target": asked.target, "role": asked.role if isinstance(asked, Patch) else "registration", "why": asked.why}
