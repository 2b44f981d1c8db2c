"""`runlake models verify`: whether models are what was kept, and registered ones what was registered."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from rich.text import Text

from runlake.cli.models.objects import print_table
from runlake.cli.printing import console_for, print_line
from runlake.cli.progress import progress
from runlake.cli.stores import open_named, store_option
from runlake.client.described import described
from runlake.client.registered import SCHEME, version_at
from runlake.display.words import count, one_line, size
from runlake.entities.described import DescribedModel
from runlake.entities.registered import ModelVersion
from runlake.errors import RunlakeError, UnknownRun
from runlake.read import Store
from runlake.recording.registry import registry

__all__ = ["verify"]

_COLUMNS = ("address", "name", "version", "source", "digest", "is_good", "problem", "note", "files", "bytes")


@dataclass(frozen=True)
class _Verified:
    """A model, or why it is not as it was; `note` is what is good to know."""

    address: str
    version: ModelVersion | None
    model: DescribedModel | None
    problem: str
    note: str


@click.command()
@click.argument("uri", metavar="[URI]", required=False)
@click.option("--json", "form", flag_value="json", help="Print JSON.")
@click.option("--csv", "form", flag_value="csv", help="Print CSV.")
@store_option
def verify(uri: str | None, form: str | None, store: Path | None) -> None:
    """Verify every file of a model, and that a registered one is what was registered.

    Without URI, of every registered version. Nothing is loaded or changed. Exits with 1 where one is not as it was.

    \b
    runlake models verify
    runlake models verify models:/churn@champion
    """
    opened = open_named(store)
    if uri is not None:
        verified = [_verify(opened, uri, version_at(uri, opened.path) if uri.startswith(SCHEME) else None)]
    else:
        versions = registry(opened.path).versions()
        verified = []
        with progress("Verifying") as tell:
            for number, version in enumerate(versions, 1):
                tell(f"version {number:,} of {len(versions):,}")
                verified.append(_verify(opened, f"{SCHEME}/{version.name}/{version.version}", version))
    if form is not None:
        print_table(form, _COLUMNS, [_object(each) for each in verified])
    else:
        _print(verified)
    if any(each.problem for each in verified):
        sys.exit(1)


def _verify(store: Store, address: str, version: ModelVersion | None) -> _Verified:
    note = ""
    if version is not None and version.run_id is not None:
        try:
            store.run(version.run_id)
        except UnknownRun:
            note = f"its run {version.run_id} is gone"
    try:
        return _Verified(address, version, described(address, store.path), "", note)
    except (RunlakeError, OSError) as error:
        return _Verified(address, version, None, str(error), note)


def _print(verified: Sequence[_Verified]) -> None:
    console = console_for(sys.stdout)
    for each in verified:
        line = Text("✕ " if each.problem else "✓ ", "red" if each.problem else "green")
        line.append(one_line(each.address), "bold")
        if each.model is not None:
            line.append(f"  {each.model.info.digest[:12]}, {size(each.model.n_bytes)} in {count(each.model.n_files, 'file')}", "dim")
        line.append(f": {one_line(each.problem)}" if each.problem else "", "default")
        print_line(console, line.append(f"; {one_line(each.note)}" if each.note else "", "yellow"))
    bad = sum(bool(each.problem) for each in verified)
    said = "nothing is registered" if not verified else f"{bad:,} not as it was" if bad else "everything is as it was"
    print_line(console, Text(f"{count(len(verified), 'model')} verified: {said}.", "dim"))


def _object(verified: _Verified) -> dict[str, Any]:
    version, model = verified.version, verified.model
    return {
        "address": verified.address,
        "name": None if version is None else version.name,
        "version": None if version is None else version.version,
        "source": None if version is None else version.source,
        "digest": None if model is None else model.info.digest,
        "is_good": not verified.problem,
        "problem": verified.problem,
        "note": verified.note,
        "files": None if model is None else model.n_files,
        "bytes": None if model is None else model.n_bytes,
    }
