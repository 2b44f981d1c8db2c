"""The model itself, in the safe form that its library's plugin has; sized before it is written, never pickled."""

from __future__ import annotations

from runlake.instrument.hookspecs import hookimpl
from runlake.instrument.saved import Saved
from runlake.instrument.training import Fitted

__all__ = ["FOLDER", "FORMAT_TAG", "MAX_BYTES", "model_fitted"]

FOLDER = "model"
FORMAT_TAG = "runlake.model.format"
MAX_BYTES = 256 << 20


@hookimpl
def model_fitted(fitted: Fitted) -> None:
    """Keep its files, or say why there are none."""
    if not fitted.options["log_models"]:
        return
    saved: Saved | None = fitted.ask("save_model", model=fitted.model, max_bytes=MAX_BYTES)
    if saved is None:
        fitted.skipped("model", f"no plugin has a safe form for {type(fitted.model).__module__}.{type(fitted.model).__qualname__}")
    elif saved.why_not:
        fitted.skipped("model", saved.why_not)
    else:
        for name, content in saved.files.items():
            fitted.run.log_bytes(content, f"{FOLDER}/{name}")
        fitted.run.set_tags({FORMAT_TAG: saved.format_id, **{f"runlake.model.{name}": note for name, note in saved.notes.items()}})
