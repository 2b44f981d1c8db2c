"""The model itself, in the safe form that its library's plugin has: sized before it is written, never pickled, and given back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from runlake.entities.tags import MODEL_TAG, MODELS_TAG, SKIPPED_TAG
from runlake.errors import UnknownArtifact
from runlake.instrument.given import Fitted
from runlake.instrument.parts import load_part
from runlake.instrument.saved import Saved

if TYPE_CHECKING:
    from runlake.read import Run  # late: a training reads nothing

__all__ = ["FOLDER", "MAX_BYTES", "format_tag", "keep_model", "kept_model", "name_of"]

FOLDER = "model"
MAX_BYTES = 256 << 20


def name_of(model: Any) -> str:
    """Its class."""
    return f"{type(model).__module__}.{type(model).__qualname__}"


def format_tag(folder: str) -> str:
    """The tag that says in which format the model of this folder is."""
    return f"{MODEL_TAG}format" if folder == FOLDER else f"{MODELS_TAG}{folder}"


def keep_model(fitted: Fitted) -> bool:
    """Keep its files, or say why there are none; whether there are, and another process can load them."""
    saved: Saved | None = fitted.ask("save_model", model=fitted.model, max_bytes=MAX_BYTES)
    if saved is None:
        fitted.skipped("model", f"no plugin has a safe form for {name_of(fitted.model)}")
    elif saved.why_not:
        fitted.skipped("model", saved.why_not)
    else:
        for name, content in saved.files.items():
            fitted.run.log_bytes(content, f"{FOLDER}/{name}")
        fitted.run.set_tags({format_tag(FOLDER): saved.format_id, **{f"{MODEL_TAG}{name}": note for name, note in saved.notes.items()}})
        return not saved.needs_class
    return False


def kept_model(run: Run, folder: str = FOLDER, options: Mapping[str, Any] | None = None) -> Any:
    """The model that the run keeps there. Nothing in its files is run, whoever wrote them. Raises UnknownArtifact where there is none."""
    files = {name.removeprefix(f"{folder}/"): run.read_artifact(name) for name in run.artifacts if name.startswith(f"{folder}/")}
    format_id = run.tags.get(format_tag(folder))
    if not files or format_id is None:
        why = run.tags.get(f"{SKIPPED_TAG}model", "none was saved") if folder == FOLDER else "none was saved there"
        raise UnknownArtifact(f"The run {run.info.run_name!r} ({run.info.run_id}) has no model at {folder!r}: {why}.")
    return load_part(format_id, files, options)
