"""A model that the program itself keeps in its run: under a name of its own, and of any size."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from runlake.analysis.model import FOLDER, format_tag, name_of
from runlake.entities.tags import MODEL_TAG
from runlake.errors import RunlakeError
from runlake.instrument.options import options_of
from runlake.instrument.plugins import ask_plugins, find_plugins, is_allowed, load, plugin_named
from runlake.instrument.saved import Saved
from runlake.recording.active import run_to_log_to

__all__ = ["KeptModel", "log_model"]

NO_LIMIT = 1 << 62


@dataclass(frozen=True)
class KeptModel:
    """Where a model is kept, for `load_model`, and in which format."""

    model_uri: str
    run_id: str
    artifact_path: str
    format_id: str


def log_model(library: str, model: Any, artifact_path: str = FOLDER) -> KeptModel:
    """Keep a model in the active run, in the safe form of the plugin that knows it: of the library, or of what its class derives from.

    Raises RunlakeError where it has none.
    """
    named = plugin_named(library)
    if not load(named):
        raise RunlakeError(f"The plugin {library} is off: {named.problem.rstrip('.')}.")
    saved = _saved(model)
    if saved is None:  # the library's own classes may derive from another's, whose plugin knows them
        for plugin in find_plugins().values():
            if not plugin.is_service and is_allowed(plugin.name):
                load(plugin)
        saved = _saved(model)
    if saved is None:
        raise RunlakeError(f"No plugin has a safe form for a {name_of(model)}; runlake.{library} keeps models of {library}.")
    if saved.why_not:
        raise RunlakeError(f"This {name_of(model)} cannot be kept: {saved.why_not}.")
    run = run_to_log_to()
    for name, content in saved.files.items():
        run.keep_bytes(f"{artifact_path}/{name}", content)
    notes = {f"{MODEL_TAG}{name}": note for name, note in saved.notes.items()} if artifact_path == FOLDER else {}
    run.set_tags({format_tag(artifact_path): saved.format_id, **notes})
    return KeptModel(run.artifact_uri(artifact_path), run.run_id, artifact_path, saved.format_id)


def _saved(model: Any) -> Saved | None:
    saved: Saved | None = ask_plugins("save_model", model, options=options_of, model=model, max_bytes=NO_LIMIT)
    return saved
