"""The models that runs keep, as objects again."""

from __future__ import annotations

from typing import Any

from runlake.client.artifacts import place_of
from runlake.client.reading import current_store
from runlake.errors import RunlakeError, UnknownArtifact
from runlake.instrument.plugins import ask_one, load, plugin_named

__all__ = ["load_model"]

FORMAT_TAG = "runlake.model.format"


def load_model(model_uri: str) -> Any:
    """The model at `runs:/<run id>/model`. Nothing in its files is run, whoever wrote them. Raises UnknownArtifact where there is none."""
    run_id, path = place_of(model_uri)
    run = current_store().run(run_id)
    files = {name.removeprefix(f"{path}/"): run.read_artifact(name) for name in run.artifacts if name.startswith(f"{path}/")}
    format_id = run.tags.get(FORMAT_TAG)
    if not files or format_id is None:
        why = run.tags.get("runlake.skipped.model", "none was saved")
        raise UnknownArtifact(f"The run {run.info.run_name!r} ({run_id}) has no model at {path!r}: {why}.")
    plugin = plugin_named(format_id.partition("/")[0])
    if not load(plugin):
        raise RunlakeError(f"The model of {run_id} is in the format {format_id}, and the plugin for it is off: {plugin.problem}.")
    return ask_one(plugin, "load_model", format_id=format_id, files=files)
