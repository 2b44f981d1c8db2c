"""Any other model, explained by asking it about rows with some features of other rows: dear, and done only on request."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from runlake import Explainer
from runlake_shap.quiet import nothing_left_behind

__all__ = ["explainer_by_asking"]

BACKGROUND = 50  # rows that the features of others come from

Rows = NDArray[Any]
Numbers = NDArray[np.float64]


def explainer_by_asking(model: Any, rows: Rows) -> Explainer | None:
    """How the model is explained; `None` for what neither says how probable classes are nor predicts numbers."""
    found = _what_it_says(model, rows)
    if found is None:
        return None
    space, outputs, raw = found
    with nothing_left_behind():
        import shap

        places = np.random.default_rng(0).permutation(len(rows))[:BACKGROUND]
        background = shap.maskers.Independent(rows[places], max_samples=BACKGROUND)
        by_asking = shap.PermutationExplainer(raw, background, seed=0)
    base = raw(rows[places]).mean(axis=0)

    def values(asked: Rows) -> tuple[Numbers, Numbers]:
        with nothing_left_behind():
            found = by_asking(asked, max_evals=2 * asked.shape[1] + 1, silent=True)
        return np.asarray(found.values, np.float64).reshape(len(asked), asked.shape[1], len(outputs)), base

    return Explainer("shap.PermutationExplainer", space, outputs, values, raw)


def _what_it_says(model: Any, rows: Rows) -> tuple[str, tuple[str, ...], Callable[[Rows], Numbers]] | None:
    if hasattr(model, "predict_proba") and getattr(getattr(model, "classes_", None), "ndim", 0) == 1 and len(model.classes_) > 1:
        names = tuple(str(name) for name in model.classes_)
        names = names[1:] if len(names) == 2 else names  # of two the second says all
        return "probability", names, lambda rows: _columns(model.predict_proba(rows), rows)[:, -len(names) :]
    if hasattr(model, "predict") and not hasattr(model, "classes_") and not hasattr(model, "labels_"):
        with nothing_left_behind():
            n = _columns(model.predict(rows[:1]), rows[:1]).shape[1]
        names = ("",) if n == 1 else tuple(f"target {place}" for place in range(n))
        return "prediction", names, lambda rows: _columns(model.predict(rows), rows)
    return None


def _columns(said: Any, rows: Rows) -> Numbers:
    """Rows x outputs."""
    return np.asarray(said, np.float64).reshape(len(rows), -1)
