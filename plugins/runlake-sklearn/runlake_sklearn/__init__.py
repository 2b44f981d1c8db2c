"""Record scikit-learn's trainings: the settings of the outermost estimator, and how well it does on what it was trained on."""

from __future__ import annotations

import contextlib
import inspect
import random
from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING, Any

from runlake import Patch, hookimpl

if TYPE_CHECKING:
    from runlake import Call

MAX_SCORED_ROWS = 10_000


@hookimpl
def patches() -> list[Patch]:
    """Every estimator has a `fit` of its own or its parent's; pipelines and mixtures train in the other two without calling it."""
    why = "the way to train that every estimator has"
    return [Patch(f"sklearn.base:BaseEstimator.{method}", capture_fit, why=why, subclasses=True) for method in _METHODS]


_METHODS = ("fit", "fit_transform", "fit_predict")


def capture_fit(call: Call) -> Generator[None, Any, None]:
    """Note the settings and the score; what is fitted inside another estimator is part of that one's training."""
    estimator = call.instance
    if call.owner is not None:
        return
    if not any(hasattr(type(estimator), method) for method in ("predict", "fit_predict")):
        call.skip("it only transforms")
        return
    call.run.set_tags({"estimator_name": type(estimator).__name__, "estimator_class": _path_of(type(estimator))})
    call.run.log_params(estimator.get_params(deep=False))
    yield
    inputs, targets, weights = (call.arguments.get(name) for name in ("X", "y", "sample_weight"))
    if _can_score(estimator, inputs):
        call.run.log_metric("training_score", _score(estimator, inputs, targets, weights))
    call.fitted(estimator, inputs, targets, weights)


def _path_of(kind: type) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"


def _can_score(estimator: Any, inputs: Any) -> bool:
    """Not where rows can be read only once, a search kept no model, or the score is of a kind of its own, as a ranker's is."""
    from sklearn.utils import get_tags

    is_fitted = bool(getattr(estimator, "refit", True))
    return is_fitted and hasattr(estimator, "score") and hasattr(inputs, "__len__") and get_tags(estimator).estimator_type is not None


def _score(estimator: Any, inputs: Any, targets: Any, weights: Any) -> float:
    """What the estimator's own `score` says, of a sample where there are many rows."""
    from sklearn.utils import resample

    if weights is not None and "sample_weight" not in inspect.signature(estimator.score).parameters:
        weights = None
    given = {name: value for name, value in (("X", inputs), ("y", targets), ("sample_weight", weights)) if value is not None}
    rows = inputs.shape[0] if hasattr(inputs, "shape") else len(inputs)
    if rows > MAX_SCORED_ROWS:
        sample = resample(*given.values(), replace=False, n_samples=MAX_SCORED_ROWS, random_state=0)
        given = dict(zip(given, sample if len(given) > 1 else [sample], strict=True))
    with _generators_left_alone():
        return float(estimator.score(**given))


@contextlib.contextmanager
def _generators_left_alone() -> Iterator[None]:
    """Some estimators draw as they predict: the program's next draw must be what it would have been."""
    import numpy as np

    states = np.random.get_state(), random.getstate()
    try:
        yield
    finally:
        np.random.set_state(states[0])
        random.setstate(states[1])


def demo() -> None:
    """For `runlake demo`: the smallest training that shows what is recorded."""
    from sklearn.datasets import load_iris
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    make_pipeline(StandardScaler(), LogisticRegression(C=0.5)).fit(*load_iris(return_X_y=True))
