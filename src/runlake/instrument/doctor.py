"""Whether each plugin finds in its library what it captures: the libraries are imported, and everything is put in place and taken back."""

from __future__ import annotations

import importlib
import importlib.util
from dataclasses import dataclass

from runlake.guard import attempt
from runlake.instrument.autolog import Row, autolog, report
from runlake.instrument.plugins import Plugin, find_plugins, is_allowed, load
from runlake.instrument.work import described

__all__ = ["Examined", "examined"]


@dataclass(frozen=True)
class Examined:
    """A plugin of a library: with which version of it, what became of each patch, and what is wrong, if anything is."""

    plugin: str
    version: str
    library_version: str
    tested_from: str
    rows: tuple[Row, ...]
    idle: str = ""  # why it captures nothing, which need not be wrong
    problem: str = ""

    @property
    def failed(self) -> list[Row]:
        """What could not be put in place."""
        return [row for row in self.rows if row.state == "failed"]


def examined() -> list[Examined]:
    """Every plugin of a library, as it would be with `autolog()`."""
    plugins = [plugin for _, plugin in sorted(find_plugins(anew=True).items()) if not plugin.is_service]
    problems = {plugin.name: _problem_of(plugin) for plugin in plugins}
    asked = autolog()
    try:
        rows = report()
    finally:
        asked.disable()
    return [_examined(plugin, [row for row in rows if row.plugin == plugin.name], *problems[plugin.name]) for plugin in plugins]


def _problem_of(plugin: Plugin) -> tuple[str, str]:
    """Why it captures nothing, and what is wrong; the library's modules are imported."""
    if not is_allowed(plugin.name):
        return "it is left out by the settings `plugins` or `disable`", ""
    if not load(plugin):
        return "", plugin.problem
    absent = [library for library in sorted(plugin.libraries) if importlib.util.find_spec(library) is None]
    if absent:
        return f"{', '.join(absent)} is not installed", ""
    for module in dict.fromkeys(asked.module for asked in plugin.asked):
        failed = attempt(lambda module=module: importlib.import_module(module))  # type: ignore[misc]  # the default binds the loop's module
        if isinstance(failed, BaseException):
            return "", f"{module} cannot be imported: {described(failed)}"
    return "", ""


def _examined(plugin: Plugin, rows: list[Row], idle: str, problem: str) -> Examined:
    found = tuple(row for row in rows if row.target)
    return Examined(plugin.name, plugin.version, plugin.library_version or "", plugin.lower_bound or "", found, idle, problem)
