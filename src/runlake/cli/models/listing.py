"""`runlake models ls`, `versions` and `history`: the registered models, their versions, and what was done to them."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import click
from rich.text import Text

from runlake.cli.filtering import Filtering
from runlake.cli.models.completing import complete_model
from runlake.cli.models.objects import change_object, model_object, print_table, version_object
from runlake.cli.printing import console_for, print_line
from runlake.cli.stores import open_named, store_option
from runlake.client.searching import page_of_models, page_of_versions
from runlake.display.models_table import history_table, models_table, versions_table
from runlake.display.words import count
from runlake.entities import ViewType
from runlake.entities.registered import ModelVersion, RegisteredModel, RegistryChange
from runlake.read import Query, Store
from runlake.read.listing import values_of
from runlake.recording.registry import checked_name, registry

__all__ = ["history", "ls", "run_names", "versions"]

_OF_MODELS = model_object(RegisteredModel("", 0, 0), ())
_OF_VERSIONS = version_object(ModelVersion("", 0, 0, 0, ""))  # type: ignore[arg-type]  # its columns are wanted
_OF_CHANGES = change_object(RegistryChange("", None, "", None, None, 0, ""))


@click.command(cls=Filtering)
@click.argument("words", metavar="[FILTER]", nargs=-1)
@click.option("--json", "form", flag_value="json", help="Print JSON.")
@click.option("--csv", "form", flag_value="csv", help="Print CSV.")
@store_option
def ls(words: tuple[str, ...], form: str | None, store: Path | None) -> None:
    """List the registered models that FILTER lets through, by name.

    \b
    runlake models ls
    runlake models ls "name like 'churn%' and tags.team = 'ml'"

    JSON is a list of objects with the name, the newest version, how many there are, aliases, production and staging with the versions
    that stand there, times in milliseconds since 1970, description and tags; CSV has the same in columns.
    """
    path = open_named(store).path
    found: list[RegisteredModel] = list(page_of_models(" ".join(words), None, None, store=path))
    versions_of = {model.name: registry(path).versions(model.name) for model in found}
    if form is not None:
        print_table(form, _OF_MODELS, [model_object(model, versions_of[model.name]) for model in found])
        return
    console = console_for(sys.stdout)
    if found:
        for line in models_table(found, versions_of, time.time_ns() // 1_000_000, console.width):
            print_line(console, line)
    there = len(registry(path).all())
    if there:
        said = f"{len(found):,} of {count(there, 'registered model')}" if words else count(there, "registered model")
        print_line(console, Text(f"{said} · one: runlake models show NAME", "dim"))
    else:
        print_line(console, Text(f"No model is registered in {path} yet. To register one: runlake models register URI NAME", "dim"))


@click.command(cls=Filtering)
@click.argument("name", shell_complete=complete_model)
@click.argument("words", metavar="[FILTER]", nargs=-1)
@click.option("--json", "form", flag_value="json", help="Print JSON.")
@click.option("--csv", "form", flag_value="csv", help="Print CSV.")
@store_option
def versions(name: str, words: tuple[str, ...], form: str | None, store: Path | None) -> None:
    """List the versions of the registered model NAME that FILTER lets through, the newest first.

    \b
    runlake models versions churn
    runlake models versions churn "stage = 'Production' or version > 10"

    JSON is a list of objects with name, version, current_stage, aliases, run_id, source, digest, times in milliseconds since 1970, user_id,
    description, tags and run_link; CSV has the same in columns.
    """
    opened = open_named(store)
    there = registry(opened.path).versions(checked_name(name))
    found: list[ModelVersion] = [each for each in page_of_versions(" ".join(words), None, None, store=opened.path) if each.name == name]
    if form is not None:
        print_table(form, _OF_VERSIONS, [version_object(each) for each in found])
        return
    console = console_for(sys.stdout)
    if found:
        for line in versions_table(found, run_names(opened), time.time_ns() // 1_000_000, console.width):
            print_line(console, line)
    said = f"{len(found):,} of {count(len(there), 'version')}" if words else count(len(there), "version")
    print_line(console, Text(f"{said} · one: runlake models show models:/{name}/VERSION", "dim"))


@click.command()
@click.argument("name", shell_complete=complete_model)
@click.option("--json", "form", flag_value="json", help="Print JSON.")
@click.option("--csv", "form", flag_value="csv", help="Print CSV.")
@store_option
def history(name: str, form: str | None, store: Path | None) -> None:
    """List what was done to the registered model NAME: when, by whom and why, the first change first.

    Also of a name that is gone. JSON is a list of objects with name, version, what, before, after, timestamp in milliseconds since 1970,
    user_id and reason; CSV has the same in columns. Example: runlake models history churn
    """
    changes = registry(open_named(store).path).history(checked_name(name))
    if form is not None:
        print_table(form, _OF_CHANGES, [change_object(each) for each in changes])
        return
    console = console_for(sys.stdout)
    for line in history_table(changes, console.width):
        print_line(console, line)


def run_names(store: Store) -> dict[str, str]:
    """The names of all runs by their ids, deleted ones too."""
    found = store.search(Query(view_type=ViewType.ALL))
    return dict(zip(found.ids(), values_of(found, "run_name"), strict=True))
