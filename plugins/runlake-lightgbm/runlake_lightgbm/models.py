"""Asking a booster, or a model that has one, so that nothing is left behind: no print, no warning, no number drawn."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator, Mapping
from typing import Any

import lightgbm
import numpy as np

__all__ = ["booster_of", "said_by", "said_of", "score_of", "why_not_asked"]

_THREADS = ("num_threads", "num_thread", "nthread", "nthreads", "n_jobs")
_VERBOSITY = ("verbosity", "verbose")


def booster_of(model: Any) -> lightgbm.Booster | None:
    """What learned: the model itself, or what a fitted one for scikit-learn has inside."""
    if isinstance(model, lightgbm.LGBMModel):
        return model.booster_ if model.__sklearn_is_fitted__() else None
    return model if isinstance(model, lightgbm.Booster) else None


def said_by(booster: lightgbm.Booster, rows: Any, **asked: Any) -> Any:
    """What the booster says, with as many threads and words as it was trained with: these hold for what comes after, too."""
    held = {names[0]: booster.params[name] for names in (_THREADS, _VERBOSITY) for name in names if name in booster.params}
    with _quiet():
        return booster.predict(rows, **held, **asked)


def said_of(model: Any, rows: Any) -> Any:
    """What the model predicts; None for rows that LightGBM would have something to say of."""
    booster = booster_of(model)
    if booster is None or not (hasattr(rows, "iloc") or isinstance(rows, np.ndarray) or getattr(rows, "format", "") in ("csr", "csc")):
        return None
    # Not by the `predict` of the class, which draws from a generator that it was given.
    said = said_by(booster, rows)
    classes = getattr(model, "classes_", None)
    if classes is None or callable(model.objective_):
        return said
    return classes[np.argmax(said, axis=1) if said.ndim == 2 else (said > 0.5).astype(int)]


def score_of(model: Any, inputs: Any, targets: Any, weights: Any) -> dict[str, float] | None:
    """By the model's own method; None of what has none, as boosters, and models that rank."""
    if not isinstance(model, lightgbm.LGBMModel) or not hasattr(model, "score") or targets is None or why_not_asked(model):
        return None
    with _quiet():
        return {"training_score": float(model.score(inputs, targets, sample_weight=weights))}


def why_not_asked(model: Any) -> str:
    """Why the model's own methods are left alone, if they are to be."""
    settings: Mapping[str, Any] = model.get_params()
    if isinstance(settings.get("random_state"), (np.random.RandomState, np.random.Generator)):
        return "each question to the model would draw from the program's own generator of random numbers"
    is_of_no_classes = isinstance(model, lightgbm.LGBMClassifier) and callable(settings.get("objective"))
    return "its objective is a function, and what it predicts are no classes" if is_of_no_classes else ""


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    # Not catch_warnings: it makes Python forget what it has warned of, and say it again.
    silence = ("ignore", None, Warning, None, 0)
    warnings.filters.insert(0, silence)  # type: ignore[attr-defined]  # it is a list
    try:
        yield
    finally:
        warnings.filters.remove(silence)  # type: ignore[attr-defined]  # it is a list
