"""A program whose trainings are recorded ends up with the same models, numbers, output and state as its twin that records nothing."""

from __future__ import annotations

import pickle
import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import xgboost
from xgboost import XGBClassifier, XGBRegressor
from xgboost.callback import EarlyStopping, LearningRateScheduler

import runlake

Runs = Callable[[], list[runlake.read.Run]]

X = np.random.default_rng(0).normal(size=(100, 3))
X[7, 1] = np.nan
Y = (X[:, 0] > 0).astype(int)
PARAMS: dict[str, Any] = {"nthread": 1, "max_depth": 2, "subsample": 0.7, "objective": "binary:logistic", "eval_metric": ["auc", "logloss"]}


def squared(said: Any, data: xgboost.DMatrix) -> tuple[Any, Any]:
    """An objective of the program's own."""
    return said - data.get_label(), np.ones_like(said)


def farthest(said: Any, data: xgboost.DMatrix) -> tuple[str, float]:
    """A metric of the program's own."""
    return "farthest", float(np.abs(said - data.get_label()).max())


def of_sklearn(targets: Any, said: Any) -> float:
    """A metric as estimators take it."""
    return float(np.abs(said - targets).mean())


def native(**given: Any) -> list[Any]:
    """A booster with evaluations, and all that it leaves behind."""
    train, others = xgboost.DMatrix(X[:70], Y[:70]), xgboost.DMatrix(X[70:], Y[70:])
    history: dict[str, Any] = {}
    params = dict(PARAMS)
    evals = [(train, "train"), (others, "eval")]
    booster = xgboost.train(params, train, 30, evals=evals, evals_result=history, verbose_eval=5, **given)
    return [bytes(booster.save_raw()), booster, history, params, len(evals), booster.attributes(), booster.predict(others)]


def of_iterators() -> list[Any]:
    """What can be gone through once alone."""
    data = xgboost.DMatrix(X, Y)
    history: dict[str, Any] = {}
    evals: Any = ((data, name) for name in ("train", "again"))
    callbacks: Any = (each for each in [EarlyStopping(rounds=2)])
    booster = xgboost.train(PARAMS, data, 9, evals=evals, callbacks=callbacks, evals_result=history, verbose_eval=False)
    return [bytes(booster.save_raw()), history]


def continued() -> list[Any]:
    """A booster that goes on with another, which stays what it was."""
    first = xgboost.train(PARAMS, xgboost.DMatrix(X, Y), 3)
    return [*native(xgb_model=first, early_stopping_rounds=2), first]


def estimator(kind: Any = XGBClassifier, **settings: Any) -> list[Any]:
    """An estimator with evaluations."""
    inputs, targets = X.copy(), Y.copy()
    model = kind(n_estimators=20, n_jobs=1, subsample=0.7, **settings)
    outcome = model.fit(inputs, targets, eval_set=[(X[70:], Y[70:])], verbose=False)
    assert outcome is model
    return [model, model.evals_result(), inputs, targets, sorted(vars(model)), model.predict(X)]


def estimator_of(generator: Callable[[], Any]) -> list[Any]:
    """One that draws its seed from the program's generator."""
    drawn = generator()
    model = XGBRegressor(n_estimators=3, n_jobs=1, subsample=0.5, random_state=drawn).fit(X, Y)
    return [bytes(model.get_booster().save_raw()), drawn]


def cross_validated(**given: Any) -> list[Any]:
    """The table of a cross-validation."""
    return [xgboost.cv(PARAMS, xgboost.DMatrix(X, Y), 20, nfold=3, as_pandas=False, **given)]


CASES: dict[str, Callable[[], list[Any]]] = {
    "native": native,
    "no callbacks": lambda: native(callbacks=None),
    "an empty list of callbacks": lambda: native(callbacks=[]),
    "a tuple of callbacks": lambda: native(callbacks=(LearningRateScheduler([0.1] * 30),)),
    "stopped by keyword": lambda: native(early_stopping_rounds=2),
    "stopped by callback": lambda: native(callbacks=[EarlyStopping(rounds=2, save_best=True)]),
    "own objective and metric": lambda: native(obj=squared, custom_metric=farthest, maximize=False, early_stopping_rounds=3),
    "of iterators": of_iterators,
    "continued": continued,
    "an estimator": estimator,
    "an estimator that stops": lambda: estimator(early_stopping_rounds=2),
    "an estimator with a callback": lambda: estimator(callbacks=[EarlyStopping(rounds=2)]),
    "an estimator with a metric": lambda: estimator(XGBRegressor, eval_metric=of_sklearn),
    "an estimator that draws": lambda: estimator_of(lambda: np.random.RandomState(3)),
    "an estimator that draws anew": lambda: estimator_of(lambda: np.random.default_rng(3)),
    "cv": cross_validated,
    "cv that stops": lambda: cross_validated(early_stopping_rounds=2, stratified=True),
    "cv with callbacks": lambda: cross_validated(callbacks=[EarlyStopping(rounds=3)]),
}


@pytest.mark.parametrize("train", CASES.values(), ids=list(CASES))
def test_twins_are_alike(runs: Runs, capfd: pytest.CaptureFixture[str], train: Callable[[], list[Any]]) -> None:
    """Byte for byte, and so are the generators and what is printed."""
    seen = []
    for is_watched in (False, True):
        if is_watched:
            runlake.autolog("xgboost")
        random.seed(5)
        np.random.seed(5)
        left = pickle.dumps(train())
        states = pickle.dumps(random.getstate()) + pickle.dumps(np.random.get_state())
        seen.append((left, states, capfd.readouterr()))

    assert seen[0] == seen[1]
    assert [run.errors for run in runs()] == [[]] * len(runs())
    assert runs()
