"""`runlake models show`: everything about a registered model, or about the model at an address."""

from __future__ import annotations

import re
import sys
import time
from pathlib import Path
from typing import Any

import click
from rich.text import Text

from runlake import config
from runlake.cli.exporting import print_object
from runlake.cli.models.completing import complete_model
from runlake.cli.models.listing import run_names
from runlake.cli.models.objects import model_object, version_object
from runlake.cli.printing import console_for, print_line
from runlake.cli.stores import open_named, store_option
from runlake.client.described import described
from runlake.client.registered import SCHEME, version_at
from runlake.display.asking import asking_lines
from runlake.display.model_page import Shown, main_metrics, model_lines, registered_lines
from runlake.entities.described import DescribedModel
from runlake.entities.registered import ModelVersion
from runlake.errors import RunlakeError, UnknownModel, UnknownRun
from runlake.read import Run, Store
from runlake.recording.registry import registry

__all__ = ["show"]

CHAMPION = "champion"  # the alias that a name is shown by

_ADDRESS = re.compile(r"[/\\:]|^\.+$")  # in no name


@click.command()
@click.argument("what", shell_complete=complete_model)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@store_option
def show(what: str, as_json: bool, store: Path | None) -> None:
    """Show everything about a registered model, or about the model at an address.

    WHAT is the name of a registered model, of which the version with the alias champion is told of, else the newest; or models:/NAME/3,
    models:/NAME@champion, runs:/RUN/model with the id of a run, or a folder. The last lines are Python that asks the model.

    \b
    runlake models show churn
    runlake models show models:/churn@champion --json
    """
    opened = open_named(store)
    name = None if _is_address(what, opened.path) else what
    shown = _shown_of_name(opened, name) if name is not None else _shown(opened, what)
    if as_json:
        named = {} if name is None else _object_of_name(opened, name)
        print_object({**named, "shown": None if shown is None else _object(shown)})
        return
    console, now_ms = console_for(sys.stdout), time.time_ns() // 1_000_000
    if name is not None:
        found = registry(opened.path)
        for line in registered_lines(found.get(name), found.versions(name), run_names(opened), now_ms, console.width):
            print_line(console, line)
        print_line(console, Text())
    for line in model_lines(shown, now_ms, console.width) if shown else [Text("It has no version yet.", "dim")]:
        print_line(console, line)


def _is_address(what: str, path: Path) -> bool:
    """Whether it is no name: by its letters, or as a folder that no registered model is named like."""
    if _ADDRESS.search(what):
        return True
    try:
        registry(path).get(what)
    except UnknownModel:
        return Path(what).is_dir()
    return False


def _shown_of_name(store: Store, name: str) -> Shown | None:
    model, versions = registry(store.path).get(name), registry(store.path).versions(name)
    if CHAMPION in model.aliases:
        return _shown(store, f"{SCHEME}/{name}@{CHAMPION}")
    return _shown(store, f"{SCHEME}/{name}/{versions[0].version}") if versions else None


def _shown(store: Store, address: str) -> Shown:
    """The model at an address. What is registered is told of also where its files cannot be read."""
    version = version_at(address, store.path) if address.startswith(SCHEME) else None
    model, problem = None, ""
    try:
        model = described(address, store.path)
    except (RunlakeError, OSError) as error:
        if version is None:
            raise
        problem = str(error)
    run_id = version.run_id if version is not None else model.info.run_id if model is not None else None
    elsewhere = str(store.path) if store.path != config.find_store() else None
    reason = "" if version is None else _reason(store, version)
    if version is None and model is not None:
        address = model.info.model_uri
    return Shown(address, version, model, problem, _run(store, run_id), elsewhere, reason)


def _reason(store: Store, version: ModelVersion) -> str:
    """Why it was registered, if that was said."""
    changes = registry(store.path).history(version.name)
    return next((each.reason for each in changes if each.version == version.version and each.what == "registered"), "")


def _run(store: Store, run_id: str | None) -> Run | None:
    """The run that it came from; None where it came from none, or from one that is not there."""
    try:
        return None if run_id is None else store.run(run_id)
    except UnknownRun:
        return None


def _object_of_name(store: Store, name: str) -> dict[str, Any]:
    versions = registry(store.path).versions(name)
    return {**model_object(registry(store.path).get(name), versions), "versions": [version_object(each) for each in versions]}


def _object(shown: Shown) -> dict[str, Any]:
    run = shown.run
    about = {} if run is None else {"run_id": run.info.run_id, "run_name": run.info.run_name, "status": run.info.status}
    return {
        "address": shown.address,
        "version": None if shown.version is None else version_object(shown.version),
        "reason": shown.reason,
        "problem": shown.problem,
        "model": None if shown.model is None else _model_object(shown.model),
        "run": None if run is None else {**about, "metrics": {key: run.metrics[key].last for key in main_metrics(run)}},
        "ask": None if shown.model is None else "\n".join(asking_lines(shown.model, shown.address, shown.store)),
    }


def _model_object(model: DescribedModel) -> dict[str, Any]:
    info = model.info
    return {
        "model_uri": info.model_uri,
        "format": info.format_id,
        "is_code": model.is_code,
        "digest": info.digest,
        "files": model.n_files,
        "bytes": model.n_bytes,
        "requirements": list(model.requirements),
        "signature": info.signature_dict,
        "input_example": model.example,
        "flavors": dict(info.flavors),
        "metadata": info.metadata,
    }
