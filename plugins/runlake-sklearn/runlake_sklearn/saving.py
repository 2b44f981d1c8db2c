"""A fitted estimator as files, or why it has no safe form."""

from __future__ import annotations

from typing import Any

from runlake import Saved
from runlake_sklearn.form import NoSafeForm, TooLarge, encode, size_of
from runlake_sklearn.params import path_of

__all__ = ["saved"]

_KEEPS_ROWS = ("_fit_X", "support_vectors_", "X_train_", "_tree", "training_data_")


def saved(model: Any, max_bytes: int) -> Saved | None:
    """Its two files, sized before they are written."""
    if not hasattr(model, "get_params") or not hasattr(model, "fit"):
        return None
    from runlake_sklearn import FORMAT

    try:
        if size_of(model, max_bytes) > max_bytes:
            return Saved(FORMAT, why_not=f"it takes more than {max_bytes:,} bytes")
        form = encode(model, max_bytes)
    except (NoSafeForm, TooLarge) as error:
        return Saved(FORMAT, why_not=str(error))
    return Saved(FORMAT, {"estimator.json": form.tree, "buffers.bin.zst": form.buffers}, notes=_notes(model))


def _notes(model: Any) -> dict[str, str]:
    """That a model of neighbours or support vectors gives its training rows to whoever reads it."""
    inner = getattr(model, "best_estimator_", model)
    steps = getattr(inner, "steps", None) or [("", inner)]
    holding = [path_of(type(step)) for _, step in steps if any(name in getattr(step, "__dict__", {}) for name in _KEEPS_ROWS)]
    return {"contains_training_rows": ", ".join(holding)} if holding else {}
