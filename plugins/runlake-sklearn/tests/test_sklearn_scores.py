"""How well a model does is what scikit-learn's own metrics say, to the last digits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics
from sklearn.base import BaseEstimator
from sklearn.cluster import KMeans
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris
from sklearn.ensemble import BaggingClassifier, HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import SVC, LinearSVC
from sklearn.tree import DecisionTreeClassifier

import runlake

Runs = Callable[[], list[runlake.read.Run]]

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

CLASSIFIERS = [
    LogisticRegression(max_iter=30),
    DecisionTreeClassifier(max_depth=2, random_state=0),
    RandomForestClassifier(5, max_depth=2, random_state=0),
    BaggingClassifier(n_estimators=3, random_state=0),
    SVC(),
    make_pipeline(StandardScaler(), LinearSVC()),
    KNeighborsClassifier(7),
]


def scores(run: runlake.read.Run) -> dict[str, float]:
    """What is recorded of how well it does."""
    return {key.removeprefix("training_"): value for key, value in run.data.metrics.items() if key.startswith("training_")}


def as_sklearn_says(model: Any, inputs: Any, targets: Any, weights: Any, **averaged: Any) -> dict[str, float]:
    """The same by its own functions."""
    predicted = model.predict(inputs)
    found = {
        "score": model.score(inputs, targets, **({} if weights is None else {"sample_weight": weights})),
        "accuracy_score": metrics.accuracy_score(targets, predicted, sample_weight=weights),
    }
    averaged = averaged or {"average": "weighted"}
    for name in ("precision_score", "recall_score", "f1_score"):
        found[name] = getattr(metrics, name)(targets, predicted, sample_weight=weights, zero_division=0, **averaged)
    if hasattr(model, "predict_proba"):
        probable = model.predict_proba(inputs)
        found["log_loss"] = metrics.log_loss(targets, probable, sample_weight=weights)
        of_two = len(model.classes_) == 2
        found["roc_auc"] = metrics.roc_auc_score(
            targets,
            probable[:, 1] if of_two else probable,
            average="weighted",
            multi_class="ovo",
            sample_weight=weights if of_two else None,
        )
    return found


@pytest.mark.parametrize("model", CLASSIFIERS, ids=lambda model: type(model).__name__)
@pytest.mark.parametrize("load", [load_iris, load_breast_cancer])
def test_classifiers(runs: Runs, model: Any, load: Callable[..., Any]) -> None:
    """Of two and of three classes; labels may be texts."""
    inputs, targets = load(return_X_y=True)
    targets = np.array(["no", "perhaps", "yes"])[targets]
    runlake.autolog("sklearn")
    model.fit(inputs, targets)
    runlake.disable_autolog()

    assert scores(runs()[0]) == pytest.approx(as_sklearn_says(model, inputs, targets, None), rel=1e-12)


def test_weights_count(runs: Runs) -> None:
    """Where the fit was given some."""
    inputs, targets = load_breast_cancer(return_X_y=True)
    weights = np.random.default_rng(0).uniform(0.1, 3, len(targets))
    runlake.autolog("sklearn")
    model = LogisticRegression(max_iter=50).fit(inputs, targets, sample_weight=weights)
    runlake.disable_autolog()

    assert scores(runs()[0]) == pytest.approx(as_sklearn_says(model, inputs, targets, weights), rel=1e-12)


def test_of_two_classes_one_may_be_meant(runs: Runs) -> None:
    """With the plugin's own option."""
    inputs, targets = load_breast_cancer(return_X_y=True)
    runlake.sklearn.autolog(pos_label=1)
    model = LogisticRegression(max_iter=50).fit(inputs, targets)
    runlake.disable_autolog()

    expected = as_sklearn_says(model, inputs, targets, None, average="binary", pos_label=1)
    assert scores(runs()[0]) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("weighted", [False, True])
def test_regressions(runs: Runs, weighted: bool) -> None:
    """One target and several."""
    inputs, targets = load_diabetes(return_X_y=True)
    weights = np.random.default_rng(0).uniform(0.1, 3, len(targets)) if weighted else None
    several = np.column_stack([targets, -targets, np.ones(len(targets))])
    runlake.autolog("sklearn")
    one, many = (Ridge().fit(inputs, each, sample_weight=weights) for each in (targets, several))
    runlake.disable_autolog()

    for run, model, truth in zip(runs(), (one, many), (targets, several), strict=True):
        predicted = model.predict(inputs)
        assert scores(run) == pytest.approx(
            {
                "score": model.score(inputs, truth, weights),
                "mean_squared_error": metrics.mean_squared_error(truth, predicted, sample_weight=weights),
                "root_mean_squared_error": metrics.root_mean_squared_error(truth, predicted, sample_weight=weights),
                "mean_absolute_error": metrics.mean_absolute_error(truth, predicted, sample_weight=weights),
                "r2_score": metrics.r2_score(truth, predicted, sample_weight=weights),
            },
            rel=1e-12,
            abs=1e-12,
        )


def test_clusters_are_judged_by_how_far_they_are_apart(runs: Runs) -> None:
    """Without labels there is nothing else."""
    inputs, _ = load_iris(return_X_y=True)
    runlake.autolog("sklearn")
    model = KMeans(3, random_state=0).fit(inputs)
    runlake.disable_autolog()

    expected = {"score": model.score(inputs), "silhouette_score": metrics.silhouette_score(inputs, model.labels_)}
    assert scores(runs()[0]) == pytest.approx(expected)


def test_what_a_training_is_judged_by_is_told_from_what_it_trains_on(runs: Runs) -> None:
    """Of an estimator that takes rows to validate on."""
    inputs, targets = load_iris(return_X_y=True)
    runlake.autolog("sklearn")
    HistGradientBoostingClassifier(max_iter=3, early_stopping=True).fit(inputs[::2], targets[::2], X_val=inputs[1::2], y_val=targets[1::2])

    used = {each.dataset.name: (each.tags[0].value, each.dataset.digest) for each in runs()[0].inputs.dataset_inputs}
    assert {name: context for name, (context, _) in used.items()} == {"train": "train", "validation": "eval"}
    assert used["train"][1] != used["validation"][1]


def test_a_training_that_changes_its_data_is_not_judged_by_what_became_of_it(runs: Runs) -> None:
    """And its signature tells what it was given."""

    class Spoiling(BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
        def fit(self, X: Any, y: Any) -> Any:  # noqa: N803
            X["a"] = "spoiled"
            return self

        def predict(self, X: Any) -> Any:  # noqa: N803
            return np.zeros(len(X))

    runlake.autolog("sklearn")
    Spoiling().fit(pd.DataFrame({"a": [1, 2, 3], "b": [1.5, 2.5, np.nan]}), [0, 1, 0])

    (run,) = runs()
    assert scores(run) == {}
    assert run.tags["runlake.skipped.training_metrics"] == "the training changed the data that it was given"
    assert run.signature is not None
    assert run.signature.to_dict()["inputs"] == (
        '[{"type": "long", "name": "a", "required": true}, {"type": "double", "name": "b", "required": false}]'
    )


def test_a_score_that_fails_is_told_and_the_rest_is_recorded(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the metrics nothing, of the model all."""
    monkeypatch.setenv("RUNLAKE_STRICT", "0")

    class Refusing(LinearRegression):  # type: ignore[misc]  # scikit-learn has no types
        def predict(self, X: Any) -> Any:  # noqa: N803
            raise ValueError("not today")

    runlake.autolog("sklearn")
    Refusing().fit([[1.0], [2.0]], [1.0, 2.0])

    (run,) = runs()
    assert (run.info.status, scores(run)) == ("FINISHED", {})
    assert any("not today" in error for error in run.errors)
    assert run.params["fit_intercept"] is True


def test_a_search_and_what_it_kept_are_judged_once(runs: Runs) -> None:
    """By the best estimator."""
    inputs, targets = load_iris(return_X_y=True)
    runlake.autolog("sklearn")
    search = GridSearchCV(make_pipeline(FunctionTransformer(np.log1p), LogisticRegression(max_iter=300)), {"logisticregression__C": [1, 9]})
    search.fit(inputs, targets)
    runlake.disable_autolog()

    parent = next(run for run in runs() if run.info.parent_run_id is None)
    assert scores(parent) == pytest.approx(as_sklearn_says(search, inputs, targets, None), rel=1e-12)
