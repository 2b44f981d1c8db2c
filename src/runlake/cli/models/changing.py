"""`runlake models register`, `alias`, `stage` and `promote`: what is changed, told with what was so before."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

from runlake import config
from runlake.cli.models.completing import complete_model, complete_version
from runlake.cli.stores import open_named, store_option
from runlake.client.described import described
from runlake.client.models import origin_of
from runlake.client.registered import SCHEME, version_at
from runlake.client.tracking import RunlakeClient
from runlake.entities.registered import ModelVersion, RegistryChange, Stage, stage_named
from runlake.errors import InvalidValue, UnknownModel
from runlake.recording import registry as recorded
from runlake.recording.registry import checked_name

__all__ = ["alias", "promote", "register", "stage"]

_reason_option = click.option("--reason", metavar="TEXT", help="Why; it is kept in the history.")


@click.command()
@click.argument("uri", metavar="URI")
@click.argument("name", shell_complete=complete_model)
@click.option("--description", metavar="TEXT", help="What this version is.")
@click.option("--tag", "tags", metavar="KEY=VALUE", multiple=True, help="A tag of this version; may be given again.")
@_reason_option
@store_option
def register(uri: str, name: str, description: str | None, tags: tuple[str, ...], reason: str | None, store: Path | None) -> None:
    """Register the model at URI as a new version of NAME, which is made where it is not there.

    \b
    runlake models register runs:/01a20523c1f87b6a9f0e4b1c/model churn --tag data=may
    runlake models register ./model churn --reason "trained elsewhere"
    """
    path = (store or config.find_store()).absolute()
    texts = dict(_pair(tag) for tag in tags)
    name = checked_name(name)
    before = _versions(name, path)
    version = recorded.register(name, origin_of(uri, store=path), texts, description, reason, path)
    was = f"the newest before was {before[0].version}" if before else "it is the first"
    click.echo(f"The model at {version.source} is version {version.version} of {name} now; {was}.")


@click.command()
@click.argument("name", shell_complete=complete_model)
@click.argument("alias", metavar="ALIAS")
@click.argument("version", required=False, shell_complete=complete_version)
@click.option("--delete", is_flag=True, help="Take the alias back.")
@_reason_option
@store_option
def alias(name: str, alias: str, version: str | None, delete: bool, reason: str | None, store: Path | None) -> None:
    """Have an alias of the registered model NAME mean VERSION, whichever it meant before.

    VERSION is a number, another alias as @NAME, or latest.

    \b
    runlake models alias churn champion 3
    runlake models alias churn champion --delete
    """
    if delete == (version is not None):
        raise click.UsageError("Give a VERSION, or --delete, one of the two.")
    client = RunlakeClient(open_named(store).path)
    if version is None:
        change = _changed(client, name, lambda: client.delete_registered_model_alias(name, alias, reason=reason))[-1]
        click.echo(f"{name} has no alias {alias} any more; it meant version {change.before}.")
        return
    number = _version(client, name, version).version
    changes = _changed(client, name, lambda: client.set_registered_model_alias(name, alias, number, reason=reason))
    if not changes:
        click.echo(f"The alias {alias} of {name} means version {number} already; nothing was changed.")
        return
    was = "nothing had it before" if changes[-1].before is None else f"it meant version {changes[-1].before} before"
    click.echo(f"The alias {alias} of {name} means version {number} now; {was}.")


@click.command()
@click.argument("name", shell_complete=complete_model)
@click.argument("version", shell_complete=complete_version)
@click.argument("stage", metavar="STAGE")
@click.option("--archive-existing", is_flag=True, help="Archive the versions that stand there, in the same step.")
@_reason_option
@store_option
def stage(name: str, version: str, stage: str, archive_existing: bool, reason: str | None, store: Path | None) -> None:
    """Move VERSION of the registered model NAME to STAGE: None, Staging, Production or Archived.

    VERSION is a number, an alias as @NAME, or latest.

    \b
    runlake models stage churn 3 Staging
    runlake models stage churn @champion Production --archive-existing
    """
    client = RunlakeClient(open_named(store).path)
    _move(client, _version(client, name, version), stage_named(stage), reason, archive=archive_existing)


@click.command()
@click.argument("name", shell_complete=complete_model)
@click.argument("version", shell_complete=complete_version)
@click.option("--to", "stage", metavar="STAGE", default=str(Stage.PRODUCTION), show_default=True, help="Staging or Production.")
@_reason_option
@store_option
def promote(name: str, version: str, stage: str, reason: str | None, store: Path | None) -> None:
    """Verify the files of VERSION, then move it to a stage and archive those that stood there, in one step.

    VERSION is a number, an alias as @NAME, or latest.

    \b
    runlake models promote churn latest
    runlake models promote churn 3 --to Staging --reason "for a week beside the old one"
    """
    to = stage_named(stage)
    if to not in (Stage.STAGING, Stage.PRODUCTION):
        raise InvalidValue(f"A version is promoted to Staging or Production, not to {to}: runlake models stage moves it there.")
    path = open_named(store).path
    client = RunlakeClient(path)
    found = _version(client, name, version)
    described(f"{SCHEME}/{name}/{found.version}", path)
    _move(client, found, to, reason, archive=True)


def _pair(tag: str) -> tuple[str, str]:
    key, equals, value = tag.partition("=")
    if not equals:
        raise click.UsageError(f"A tag is given as KEY=VALUE, not as {tag!r}.")
    return key, value


def _versions(name: str, path: Path) -> list[ModelVersion]:
    """The versions that there are, of what may not be there."""
    try:
        return recorded.registry(path).versions(name)
    except UnknownModel:
        return []


def _version(client: RunlakeClient, name: str, typed: str) -> ModelVersion:
    """The version that is meant by its number, by an alias behind an @, or as the latest."""
    name = checked_name(name)
    return version_at(f"{SCHEME}/{name}{typed}" if typed.startswith("@") else f"{SCHEME}/{name}/{typed}", Path(client.tracking_uri))


def _move(client: RunlakeClient, version: ModelVersion, to: Stage, reason: str | None, *, archive: bool) -> None:
    name, number = version.name, version.version
    move = client.transition_model_version_stage
    changes = _changed(client, name, lambda: move(name, number, to, archive, reason=reason))
    stages = [change for change in changes if change.what == "stage"]
    archived = [str(change.version) for change in stages if change.after == Stage.ARCHIVED and change.version != number]
    moved = next((change for change in stages if change.version == number and change.after == to), None)
    if moved is None and not archived:
        click.echo(f"Version {number} of {name} is at {to} already; nothing was changed.")
        return
    said = f"is at {to} already" if moved is None else f"is at {to} now; it was at {moved.before} before"
    also = f" Archived: version{'s' if len(archived) > 1 else ''} {', '.join(archived)}." if archived else ""
    none = " Nothing else stood there." if archive and not archived else ""
    click.echo(f"Version {number} of {name} {said}.{also}{none}")


def _changed(client: RunlakeClient, name: str, change: Callable[[], Any]) -> Sequence[RegistryChange]:
    """What became of a change, as the history has it."""
    before = len(client.get_registered_model_history(name))
    change()
    return client.get_registered_model_history(name)[before:]
