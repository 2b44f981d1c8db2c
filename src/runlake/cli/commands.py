"""Which commands there are. What each does is imported when it is given."""

from __future__ import annotations

import importlib
import keyword
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import click

from runlake import guard
from runlake.errors import RunlakeError

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

__all__ = ["COMMANDS", "Commands", "Later", "Plugged"]


class Later(click.Command):
    """A command that is not imported yet: its name, and the sentence that its help begins with."""

    def imported(self) -> click.Command:
        """The command itself."""
        word = str(self.name).replace("-", "_")
        word += "_" if keyword.iskeyword(word) else ""
        command: click.Command = getattr(importlib.import_module(f"runlake.cli.{word}"), word)
        return command


class Plugged(click.Command):
    """A command of a plugin, which is not imported until it is given, or its sentence is wanted."""

    def __init__(self, name: str, entry: EntryPoint) -> None:
        super().__init__(name)
        self._entry = entry

    def imported(self) -> click.Command:
        """The command itself. Raises RunlakeError where the plugin does not let itself be imported, or has something else there."""
        found = guard.attempt(self._entry.load)
        if isinstance(found, click.Command):
            return found
        why = f"{type(found).__name__}: {found}" if isinstance(found, BaseException) else f"{self._entry.value} is no command of click"
        plugin = f"the plugin {self._entry.dist.name}" if self._entry.dist else "its plugin"
        raise RunlakeError(f"The command {self.name} of {plugin} cannot be loaded: {' '.join(why.split())}")

    def get_short_help_str(self, limit: int = 45) -> str:
        """Its first sentence; of one that is broken, that it is."""
        try:
            return self.imported().get_short_help_str(limit)
        except RunlakeError:
            return f"Cannot be loaded: `runlake {self.name}` says why."


class Commands(click.Group):
    """Lists all commands without their modules, and imports that of the one that is given.

    `plugged` is a group of entry points, whose commands are listed with its own; they take the name of none of these.
    """

    def __init__(self, *arguments: Any, plugged: str | None = None, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self._plugged = plugged

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All names, those of plugins among them."""
        return sorted({*super().list_commands(ctx), *(entry.name for entry in self._entries())})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """One of ours, or else of a plugin."""
        found = super().get_command(ctx, cmd_name)
        entry = None if found else next((each for each in self._entries() if each.name == cmd_name), None)
        return Plugged(cmd_name, entry) if entry else found

    def resolve_command(self, ctx: click.Context, args: list[str]) -> tuple[Any, Any, list[str]]:
        """The command that is meant."""
        name, command, rest = super().resolve_command(ctx, args)
        return name, command.imported() if isinstance(command, (Later, Plugged)) else command, rest

    def _entries(self) -> Iterable[EntryPoint]:
        if self._plugged is None:
            return ()
        from importlib.metadata import entry_points  # late: our own commands are found without

        return entry_points(group=self._plugged)


COMMANDS = {
    name: Later(name, help=sentence)
    for name, sentence in {
        "artifacts": "List what runs keep, and copy it out.",
        "as-mlflow": "Run SCRIPT with ARGUMENTS; what it imports as mlflow is runlake.",
        "best": "List the best runs by a metric, with the params that vary among them.",
        "compact": "Publish what waits in logs into the open tables, merge small files, and remove what nothing needs any more.",
        "completion": "Print what has your shell complete commands, runs and metrics.",
        "demo": "Train a line fit in plain Python and something small with each library that has a plugin, and print what was recorded.",
        "diff": "Show what differs between two runs, that first which matters most.",
        "doctor": "Look whether store, machine, plugins and what they capture are as they should be; or what was captured in RUN.",
        "du": "Tell where the bytes of a store are: by kind, by experiment, or by run, the largest first.",
        "experiments": "List the experiments, or make, rename, delete and restore one.",
        "export": "Write runs, points or tables of runs to Parquet, CSV or JSON: everything that matches.",
        "finish": "Do the jobs that runs have pending, and wait for those that other processes are at.",
        "fsck": "Read every file of the store, and say what is not as it was written, and where. Nothing is changed.",
        "gc": "Remove for good what was deleted a while ago, contents that no run refers to, and what ended processes left behind.",
        "import": "Bring in what another tracker has recorded: MLflow, or what was written for TensorBoard.",
        "ls": "List the runs that FILTER lets through, the newest first.",
        "models": "List the registered models and their versions, change them, and ask them.",
        "plot": "Draw metrics of runs, a curve for each run.",
        "plugin": "Write a plugin of your own, for a library that has none.",
        "plugins": "List the plugins that are installed.",
        "push": "Copy runs, or all runs of an experiment, into another store.",
        "rerun": "Run again what a run ran, as far as it is recorded, and say first what differs.",
        "run": "Run a project: a folder or a git repository with a file MLproject, or with scripts.",
        "show": "Show everything about one run.",
        "sql": "Ask a store in SQL: one SELECT over runs, params, metrics, points and more, as they are at this moment.",
        "tail": "Follow a run until it ends.",
        "verify": "Run COMMAND twice as it is and once with autologging, and compare: exit, output, random generators, models and time.",
    }.items()
}
