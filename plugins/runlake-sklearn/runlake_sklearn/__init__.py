"""Record scikit-learn's trainings: settings, scores, searches with every candidate, cross-validations, and the model in a safe form.

fitting      a `fit`, whatever the estimator; a search is one, with its candidates as runs inside
batches      `partial_fit`, which is one training however often it is called
validating   `cross_validate` and its like
learning     the part that learned, how much features matter to it, the terms of a linear one
curves       the tables that pictures are drawn of
scoring      how well a model does on what it was trained on
predicting   what an estimator says of rows as its users give them
judging      what predicts, and the metrics that judge a prediction once the training is over
saving       a model as files
loading      and back
params       what an estimator is and how it is set
steps        how long each step of a pipeline took
form         a model as files that are safe to read
skopsed      a model as skops writes it
"""

from __future__ import annotations

import sys
from collections.abc import Generator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from runlake import Patch, hookimpl
from runlake_sklearn.judging import JUDGES, METHODS, SCORERS, capture_judgement, capture_prediction, capture_score, leave_out
from runlake_sklearn.steps import capture_step, is_step

if TYPE_CHECKING:
    from runlake import Call, Learner, Linear, Saved, Unexplained

FORMAT = "sklearn/1"
SKOPS = "sklearn/skops"
FORMS = ("runlake", "skops")

_METHODS = ("fit", "fit_transform", "fit_predict")
_VALIDATIONS = ("cross_validate", "cross_val_predict", "learning_curve", "validation_curve")


@hookimpl
def options() -> Mapping[str, Any]:
    """Which class of two is meant by precision, recall and F1, which else are means over the classes."""
    return {"pos_label": None}


@hookimpl
def patches() -> list[Patch]:
    """Every estimator has a `fit` of its own or its parent's; pipelines and mixtures train in the other two without calling it."""
    why = "the way to train that every estimator has"
    found = [Patch(f"sklearn.base:BaseEstimator.{method}", capture_fit, why=why, subclasses=True) for method in _METHODS]
    why = "training goes on with every batch"
    found.append(Patch("sklearn.base:BaseEstimator.partial_fit", capture_batch, why=why, role="after", subclasses=True))
    why = "what is judged later is what the model says"
    found += [
        Patch(f"sklearn.base:BaseEstimator.{method}", capture_prediction, why=why, role="predict", subclasses=True) for method in METHODS
    ]
    why = "the model judges itself, on data of the program's choice"
    found.append(Patch("sklearn.base:BaseEstimator.score", capture_score, why=why, role="judge", subclasses=True))
    why = "it says how good a prediction is"
    found += [Patch(f"sklearn.metrics:{name}", capture_judgement, why=why, role="judge", optional=True) for name in JUDGES]
    why = "what predicts and judges inside it is for its caller"
    found += [Patch(f"sklearn.metrics._scorer:{name}.__call__", leave_out, why=why, role="judge", optional=True) for name in SCORERS]
    why = "what it trains in a worker is part of a call in the process that handed it out"
    found.append(Patch("sklearn.utils.parallel:_FuncWrapper.__call__", leave_task, why=why, optional=True))
    why = "it trains once for every fold"
    return found + [Patch(f"sklearn.model_selection._validation:{name}", capture_validation, why=why) for name in _VALIDATIONS]


def capture_fit(call: Call) -> Generator[None, Any, None] | None:
    """What is fitted inside another estimator is part of that one's training; the steps of a pipeline are timed."""
    if call.owner is not None:
        return capture_step(call) if is_step(call.owner.noted, call.instance) else None
    from runlake_sklearn.fitting import capture_fit

    return capture_fit(call)


def leave_task(call: Call) -> None:
    """A piece of what scikit-learn spreads over workers: there nothing else tells whose it is. One of the program's is its own."""
    if call.owner is None and getattr(call.instance, "__module__", "").startswith("sklearn."):
        backend = sys.modules["joblib.parallel"].get_active_backend()[0]  # which is there where scikit-learn is
        if getattr(backend, "nesting_level", 0):
            call.skip("it is a piece of what another process does")


def capture_batch(call: Call) -> Generator[None, Any, None]:
    """A call of `partial_fit`."""
    from runlake_sklearn.batches import capture_batch

    return capture_batch(call)


def capture_validation(call: Call) -> Generator[None, Any, None] | None:
    """A call of a function that validates."""
    if call.owner is not None:
        return None
    from runlake_sklearn.validating import capture_validation

    return capture_validation(call)


@hookimpl
def predict_sample(model: Any, rows: Any) -> Any:
    """What the estimator says of a few rows."""
    from runlake_sklearn.scoring import said_of

    return said_of(model, rows)


@hookimpl
def training_metrics(model: Any, inputs: Any, targets: Any, sample_weight: Any, options: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """What scikit-learn's own metrics say of an estimator."""
    from runlake_sklearn.scoring import training_metrics

    return training_metrics(model, inputs, targets, sample_weight, options.get("pos_label"))


@hookimpl
def save_model(model: Any, max_bytes: int, form: str | None) -> Saved | None:
    """An estimator in its safe form, or in that of skops."""
    from runlake_sklearn.saving import saved

    return saved(model, max_bytes, form)


@hookimpl
def load_model(format_id: str, files: Mapping[str, bytes], options: Mapping[str, Any]) -> Any:
    """The estimator that was saved so; of skops's `trusted` names further types that may be made."""
    if format_id not in (FORMAT, SKOPS):
        return None
    from runlake_sklearn.loading import loaded

    return loaded(format_id, files, options)


@hookimpl
def predict(model: Any, data: Any, params: Mapping[str, Any], method: str) -> Any:
    """What the estimator says, by any of its methods."""
    from runlake_sklearn.predicting import predicted

    return predicted(model, data, params, method)


@hookimpl
def model_digest(model: Any) -> str | None:
    """Of the safe form of a fitted estimator."""
    from runlake_sklearn.saving import digest_of

    return digest_of(model)


@hookimpl
def learner(model: Any, rows: Any) -> Learner | Unexplained | None:
    """Of a search the best estimator, of a pipeline the last step."""
    if not hasattr(model, "get_params"):
        return None
    from runlake_sklearn.learning import learner_of

    return learner_of(model, rows)


@hookimpl
def feature_importance(model: Any) -> Mapping[str, Mapping[str, Sequence[float]]] | None:
    """What the estimator says itself."""
    from runlake_sklearn.learning import importance_of

    return importance_of(model)


@hookimpl
def explainer(model: Any) -> Linear | Unexplained | None:
    """The terms of a linear estimator."""
    from runlake_sklearn.learning import linear_terms

    return linear_terms(model)


@hookimpl
def describe_model(model: Any) -> Mapping[str, bytes] | None:
    """The diagram that notebooks show of an estimator."""
    if not hasattr(model, "get_params"):
        return None
    from sklearn.utils import estimator_html_repr

    return {"estimator.html": estimator_html_repr(model).encode()}


def demo() -> None:
    """For `runlake demo`: a pipeline, a search and a forest."""
    from sklearn.datasets import load_iris
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GridSearchCV
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    inputs, targets = load_iris(return_X_y=True, as_frame=True)
    make_pipeline(StandardScaler(), LogisticRegression(C=0.5)).fit(inputs, targets)
    GridSearchCV(LogisticRegression(max_iter=500), {"C": [0.1, 1.0, 10.0]}, cv=3).fit(inputs, targets)
    RandomForestClassifier(20, random_state=0).fit(inputs, targets)
