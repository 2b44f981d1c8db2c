"""Models without trees or terms are explained by asking them, where that is asked for."""

from __future__ import annotations

import pickle
import random
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from runlake_shap.asking import explainer_by_asking
from sklearn.cluster import KMeans
from sklearn.datasets import load_diabetes, load_iris
from sklearn.ensemble import AdaBoostClassifier
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.svm import SVR

import runlake
from runlake.analysis.additivity import not_additive

Runs = Callable[[], list[runlake.read.Run]]

IRIS = load_iris(return_X_y=True)
DIABETES = load_diabetes(return_X_y=True)

MODELS: dict[str, tuple[Callable[[], Any], Any, tuple[str, ...]]] = {
    "three classes": (lambda: KNeighborsClassifier(5).fit(*IRIS), IRIS[0], ("0", "1", "2")),
    "two classes": (lambda: KNeighborsClassifier(5).fit(IRIS[0], IRIS[1] > 0), IRIS[0], ("True",)),
    "a number": (lambda: SVR().fit(*DIABETES), DIABETES[0], ("",)),
    "two numbers": (lambda: KNeighborsRegressor(5).fit(IRIS[0][:, :2], IRIS[0][:, 2:]), IRIS[0][:, :2], ("target 0", "target 1")),
}


@pytest.mark.parametrize("kind", MODELS)
def test_values_add_up_to_what_the_model_says(kind: str) -> None:
    """And no random generator is moved, nor anybody warned."""
    make, rows, outputs = MODELS[kind]
    model, states = make(), pickle.dumps((np.random.get_state(), random.getstate()))
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        found = explainer_by_asking(model, rows)
        assert found is not None
        values, base = found.values(rows[::10])

    assert (found.outputs, values.shape) == (outputs, (len(rows[::10]), rows.shape[1], len(outputs)))
    assert not not_additive(values, base, found.raw(rows[::10])).any()
    assert pickle.dumps((np.random.get_state(), random.getstate())) == states
    assert warned == []


def test_what_says_neither_is_not_explained() -> None:
    """Clusters have no order."""
    assert explainer_by_asking(KMeans(2).fit(IRIS[0]), IRIS[0]) is None


@pytest.mark.parametrize(("asked", "state"), [(True, "skipped"), ("full", "done")])
def test_it_is_done_only_when_asked_for(runs: Runs, monkeypatch: pytest.MonkeyPatch, asked: Any, state: str) -> None:
    """Also where shap has another way which this model cannot go."""
    monkeypatch.setenv("RUNLAKE_JOBS", "inline")
    runlake.autolog("sklearn", log_explanations=asked)
    AdaBoostClassifier(n_estimators=3).fit(*IRIS)

    (run,) = runs()
    assert run.jobs["explanation"].state == state
    assert ("shap.PermutationExplainer" in run.jobs["explanation"].why) == (state == "done")
