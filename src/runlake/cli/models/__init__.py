"""`runlake models`: what is registered, what is done to it, and models that answer.

Which commands there are; what each does is imported when it is given, as for those of `runlake` itself.
"""

from __future__ import annotations

import importlib
from pathlib import Path

import click

from runlake.cli.commands import Commands, Later
from runlake.cli.stores import store_option

__all__ = ["models"]


class _Within(Later):
    """A command of a module of this folder."""

    def __init__(self, name: str, module: str, sentence: str) -> None:
        super().__init__(name, help=sentence)
        self._module = module

    def imported(self) -> click.Command:
        """The command itself."""
        command: click.Command = getattr(importlib.import_module(f"runlake.cli.models.{self._module}"), str(self.name))
        return command


_COMMANDS = {
    name: _Within(name, module, sentence)
    for module, commands in {
        "listing": {
            "history": "List what was done to the registered model NAME: when, by whom and why, the first change first.",
            "ls": "List the registered models that FILTER lets through, by name.",
            "versions": "List the versions of the registered model NAME that FILTER lets through, the newest first.",
        },
        "showing": {"show": "Show everything about a registered model, or about the model at an address."},
        "changing": {
            "alias": "Have an alias of the registered model NAME mean VERSION, whichever it meant before.",
            "promote": "Verify the files of VERSION, then move it to a stage and archive those that stood there, in one step.",
            "register": "Register the model at URI as a new version of NAME, which is made where it is not there.",
            "stage": "Move VERSION of the registered model NAME to STAGE: None, Staging, Production or Archived.",
        },
        "verifying": {"verify": "Verify every file of a model, and that a registered one is what was registered."},
        "serving": {
            "predict": "Ask a model for the rows of a file, and write what it says.",
            "serve": "Serve a model over HTTP, at the addresses and in the forms that MLflow's server has.",
        },
    }.items()
    for name, sentence in commands.items()
}


@click.group(cls=Commands, commands=_COMMANDS, invoke_without_command=True)
@click.option("--json", "form", flag_value="json", help="Print JSON.")
@click.option("--csv", "form", flag_value="csv", help="Print CSV.")
@store_option
@click.pass_context
def models(context: click.Context, form: str | None, store: Path | None) -> None:
    """List the registered models and their versions, change them, and ask them.

    A model's address is models:/NAME/VERSION, models:/NAME@ALIAS, models:/NAME/STAGE, models:/NAME/latest, runs:/RUN/PATH with the id of
    a run, or a folder.

    \b
    runlake models
    runlake models show churn
    runlake models promote churn latest --reason "better on May"
    """
    if context.invoked_subcommand is None:
        context.invoke(_COMMANDS["ls"].imported(), words=(), form=form, store=store)
    elif store is not None:  # named before the command, it is for that
        context.default_map = {name: {"store": store} for name in _COMMANDS}
