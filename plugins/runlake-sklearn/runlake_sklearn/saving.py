"""A fitted estimator as files, or why it has no safe form."""

from __future__ import annotations

import copy
import hashlib
from typing import Any

import sklearn
from sklearn.base import BaseEstimator
from sklearn.exceptions import NotFittedError
from sklearn.utils.validation import check_is_fitted

from runlake import InvalidValue, Saved
from runlake_sklearn.form import NoSafeForm, TooLarge, encode, size_of
from runlake_sklearn.params import path_of

__all__ = ["digest_of", "saved"]

MOST_DIGESTED = 2**30  # bytes

_KEEPS_ROWS = ("_fit_X", "support_vectors_", "X_train_", "_tree", "training_data_")


def saved(model: Any, max_bytes: int, form: str | None = None) -> Saved | None:
    """Its two files, sized before they are written; or the one of skops. Raises InvalidValue for a form that there is not."""
    if not hasattr(model, "get_params") or not hasattr(model, "fit"):
        return None
    from runlake_sklearn import FORMAT, FORMS, SKOPS

    if form is not None and form not in FORMS:
        raise InvalidValue(f"A model of scikit-learn is kept in the format {' or '.join(FORMS)}, not {form!r}.")
    if form == "skops":
        from runlake_sklearn.skopsed import written

        return written(model, max_bytes, SKOPS)
    return _in_own_form(model, max_bytes, FORMAT)


def _in_own_form(model: Any, max_bytes: int, format_id: str) -> Saved:
    try:
        if size_of(model, max_bytes) > max_bytes:
            return Saved(format_id, why_not=f"it takes more than {max_bytes:,} bytes")
        form = encode(model, max_bytes)
    except (NoSafeForm, TooLarge) as error:
        return Saved(format_id, why_not=str(error))
    files = {"estimator.json": form.tree, "buffers.bin.zst": form.buffers}
    # A format that MLflow does not have, and says so.
    flavor = {"pickled_model": "estimator.json", "sklearn_version": sklearn.__version__, "serialization_format": "runlake"}
    modules = ("sklearn", "numpy", "scipy", *sorted(form.modules - {"sklearn", "numpy", "scipy"}))
    return Saved(format_id, files, notes=_notes(model), flavors={"sklearn": flavor}, modules=modules)


def digest_of(model: Any) -> str | None:
    """Of its two files; None where there are none, or nothing was learned yet."""
    if not isinstance(model, BaseEstimator):
        return None
    try:
        check_is_fitted(model)
        form = encode(_without_times(model), MOST_DIGESTED)
    except (NotFittedError, NoSafeForm, TooLarge, TypeError):  # the last: it has no `fit`
        return None
    return hashlib.sha256(form.tree + form.buffers).hexdigest()


def _without_times(model: Any) -> Any:
    """A search notes how long each fit took, which is another time with every run of the program."""
    results = vars(model).get("cv_results_")
    if not isinstance(results, dict):
        return model
    timeless = copy.copy(model)
    timeless.cv_results_ = {name: values for name, values in results.items() if not name.endswith("_time")}
    vars(timeless).pop("refit_time_", None)
    return timeless


def _notes(model: Any) -> dict[str, str]:
    """That a model of neighbours or support vectors gives its training rows to whoever reads it."""
    inner = getattr(model, "best_estimator_", model)
    steps = getattr(inner, "steps", None) or [("", inner)]
    holding = [path_of(type(step)) for _, step in steps if any(name in getattr(step, "__dict__", {}) for name in _KEEPS_ROWS)]
    return {"contains_training_rows": ", ".join(holding)} if holding else {}
