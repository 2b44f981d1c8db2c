"""Record LightGBM's trainings: what they were told, every evaluation of every round, where they stopped, and the model in a safe form.

training     `train`, `cv`, and the `fit` of the classes for scikit-learn
listening    the callback that hears every round
params       what a training was told, and what LightGBM made of it
data         what is inside a `Dataset`
models       asking a booster, or a model that has one
predicting   what a model says of rows as its users give them
learning     how much features matter, and how outputs come apart by them
saving       a model as files that are safe to read
checking     the text of a booster, looked through before LightGBM reads it
"""

from __future__ import annotations

import sys
from collections.abc import Generator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from runlake import Patch, hookimpl

if TYPE_CHECKING:
    from runlake import Call, DataFacts, Explainer, Learner, Saved, Unexplained

FORMAT = "lightgbm/1"


@hookimpl
def options() -> Mapping[str, Any]:
    """Which kinds of importance are wanted, of "split" and "gain", the one to be drawn first; None for both."""
    return {"importance_types": None}


@hookimpl
def patches() -> list[Patch]:
    """Whoever trains comes through these, by whatever name a function was imported."""
    return [
        Patch("lightgbm.engine:train", capture_train, why="the function that trains"),
        Patch("lightgbm.engine:cv", capture_cv, why="the function that trains once for each fold"),
        Patch("lightgbm.sklearn:LGBMModel.fit", capture_fit, why="the way to train that scikit-learn has", subclasses=True),
    ]


def capture_train(call: Call) -> Generator[None, Any, None]:
    """A call of `train`."""
    from runlake_lightgbm.training import capture_train

    return capture_train(call)


def capture_cv(call: Call) -> Generator[None, Any, None]:
    """A call of `cv`."""
    from runlake_lightgbm.training import capture_cv

    return capture_cv(call)


def capture_fit(call: Call) -> Generator[None, Any, None] | None:
    """A call of `fit`; inside another training it adds nothing to what its call of `train` does."""
    if call.owner is not None:
        return None
    from runlake_lightgbm.training import capture_fit

    return capture_fit(call)


@hookimpl
def model_fitted(fitted: Any) -> None:
    """The rounds of the best model of a search, of which none was listened to while it was under way."""
    if "lightgbm" in sys.modules:
        from runlake_lightgbm.training import log_best_of_search

        log_best_of_search(fitted)


@hookimpl
def describe_data(data: Any) -> DataFacts | None:
    """What is inside a `Dataset`."""
    from runlake_lightgbm.data import facts_of

    return facts_of(data)


@hookimpl
def predict_sample(model: Any, rows: Any) -> Any:
    """What the model says of a few rows."""
    from runlake_lightgbm.models import said_of

    return said_of(model, rows)


@hookimpl(trylast=True)  # scikit-learn's plugin knows more metrics
def training_metrics(model: Any, inputs: Any, targets: Any, sample_weight: Any) -> Mapping[str, Any] | None:
    """The score of a model for scikit-learn."""
    from runlake_lightgbm.models import score_of

    return score_of(model, inputs, targets, sample_weight)


@hookimpl
def save_model(model: Any, max_bytes: int) -> Saved | None:
    """A booster as its text, a model for scikit-learn with its settings beside that."""
    from runlake_lightgbm.saving import saved

    return saved(model, max_bytes)


@hookimpl
def load_model(format_id: str, files: Mapping[str, bytes]) -> Any:
    """The model that was saved so."""
    if format_id != FORMAT:
        return None
    from runlake_lightgbm.saving import loaded

    return loaded(files)


@hookimpl
def native_formats() -> Sequence[str]:
    """LightGBM's own text."""
    return (FORMAT,)


@hookimpl
def predict(model: Any, data: Any, params: Mapping[str, Any]) -> Any:
    """What a booster or an estimator says of rows of any kind."""
    from runlake_lightgbm.predicting import predicted

    return predicted(model, data, params)


@hookimpl
def model_digest(model: Any) -> str | None:
    """Of a booster's text, and what a model for scikit-learn adds to it."""
    from runlake_lightgbm.saving import digest_of

    return digest_of(model)


@hookimpl
def learner(model: Any, rows: Any) -> Learner | None:
    """The model itself, with rows as LightGBM sees them."""
    from runlake_lightgbm.learning import learner_of

    return learner_of(model, rows)


@hookimpl
def feature_importance(model: Any, options: Mapping[str, Any]) -> Mapping[str, Mapping[str, Sequence[float]]] | None:
    """How often splits use a feature, and how much they gain by it."""
    from runlake_lightgbm.learning import importance_of

    return importance_of(model, options.get("importance_types"))


@hookimpl
def explainer(model: Any) -> Explainer | Unexplained | None:
    """LightGBM's own contributions of the features."""
    from runlake_lightgbm.learning import explainer_of

    return explainer_of(model)


def demo() -> None:
    """For `runlake demo`: a booster that stops early, and a model for scikit-learn."""
    import lightgbm
    import numpy as np

    inputs = np.random.default_rng(0).normal(size=(200, 4))
    targets = (inputs[:, 0] + inputs[:, 1] > 0).astype(int)
    train = lightgbm.Dataset(inputs[:150], targets[:150])
    held_out = train.create_valid(inputs[150:], targets[150:])
    params = {"objective": "binary", "min_data_in_leaf": 5, "num_threads": 1, "verbosity": -1}
    stop = lightgbm.early_stopping(3, verbose=False)
    lightgbm.train(params, train, 60, valid_sets=[train, held_out], valid_names=["train", "eval"], callbacks=[stop])
    lightgbm.LGBMRegressor(n_estimators=20, min_child_samples=5, n_jobs=1, verbosity=-1).fit(inputs, inputs[:, 0] * inputs[:, 1])
