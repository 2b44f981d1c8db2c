"""A training that is recorded gives the same model, the same results and the same words as one that is not, byte for byte."""

from __future__ import annotations

import pickle
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_matrix

import runlake

Runs = Callable[[], list[runlake.read.Run]]

X = np.random.default_rng(0).normal(size=(120, 3))
Y = (X[:, 0] + 0.3 * np.random.default_rng(1).normal(size=120) > 0).astype(int)
PARAMS: dict[str, Any] = {
    "objective": "binary",
    "verbosity": 1,  # LightGBM remembers what it was told before
    "num_threads": 1,
    "min_data_in_leaf": 3,
    "num_leaves": 4,
    "force_col_wise": True,
}  # else it measures, and says how long that took
SKLEARN: dict[str, Any] = {"verbosity": 1, "force_col_wise": True, "n_estimators": 6, "min_child_samples": 3, "num_leaves": 4, "n_jobs": 1}


def own_objective(said: Any, given: Any) -> Any:
    """Squared errors."""
    return said - given.get_label(), np.ones(len(said))


def own_metric(said: Any, given: Any) -> tuple[str, float, bool]:
    """The largest error."""
    return "worst", float(np.max(np.abs(said - given.get_label()))), False


def sklearn_metric(truth: Any, said: Any) -> tuple[str, float, bool]:
    """The same for scikit-learn's side."""
    return "worst", float(np.max(np.abs(truth - said))), False


def native(*others: Any, params: Any = PARAMS, raw: Any = X, **settings: Any) -> Any:
    """A booster, what it says of itself, and its data as it is left."""
    data = lightgbm.Dataset(raw, Y, free_raw_data=settings.pop("free_raw_data", True))
    history: dict[str, Any] = {}
    if not others:
        settings = {"callbacks": [lightgbm.record_evaluation(history)], **settings}
    booster = lightgbm.train(params, data, 8, [data.create_valid(X[80:], Y[80:])], *others, **settings)
    left = sorted((name, str(value)) for name, value in vars(data).items() if name not in ("_handle", "reference", "_predictor"))
    return booster.model_to_string(), booster.params.keys(), booster.best_iteration, booster.best_score, history, left


def model(estimator: Any, **settings: Any) -> Any:
    """All of a model that pickles."""
    return pickle.dumps(estimator.fit(X, Y, **settings)), pickle.dumps(vars(estimator)["_evals_result"])


HELD_OUT: dict[str, Any] = {"eval_X": X[80:], "eval_y": Y[80:]}

CASES: dict[str, Callable[[], Any]] = {
    "a booster": lambda: native(),
    "no callbacks": lambda: native(callbacks=None),
    "an empty list": lambda: native(callbacks=[]),
    "a tuple": lambda: native(callbacks=(lightgbm.log_evaluation(2),)),
    "by position": lambda: native(["a"], None, None, False, [lightgbm.log_evaluation(2)]),
    "raw data that stays": lambda: native(free_raw_data=False),
    "sparse": lambda: native(raw=csr_matrix(X)),
    "a frame": lambda: native(raw=pd.DataFrame(X, columns=["a", "b", "c"])),
    "bagging": lambda: native(params={**PARAMS, "bagging_fraction": 0.5, "bagging_freq": 1, "seed": 7}),
    "functions": lambda: native(params={**PARAMS, "objective": own_objective}, feval=own_metric),
    "stopped": lambda: native(params={**PARAMS, "early_stopping_round": 1, "learning_rate": 1.0}),
    "a booster that goes on": lambda: native(keep_training_booster=True),
    "continued": lambda: native(init_model=lightgbm.train(PARAMS, lightgbm.Dataset(X, Y), 2)),
    "changing": lambda: native(callbacks=[lightgbm.reset_parameter(learning_rate=lambda n: 0.1 / (n + 1))]),
    "folds": lambda: lightgbm.cv(PARAMS, lightgbm.Dataset(X, Y), 5, nfold=2, eval_train_metric=True),
    "folds that stop": lambda: lightgbm.cv({**PARAMS, "early_stopping_round": 1}, lightgbm.Dataset(X, Y), 50, nfold=2, feval=own_metric),
    "a classifier": lambda: model(lightgbm.LGBMClassifier(**SKLEARN), **HELD_OUT),
    "a regressor": lambda: model(
        lightgbm.LGBMRegressor(**SKLEARN, subsample=0.5, subsample_freq=1), eval_metric=sklearn_metric, **HELD_OUT
    ),
    "a generator": lambda: model(lightgbm.LGBMRegressor(**SKLEARN, random_state=np.random.RandomState(3))),
    "a class that stops": lambda: model(
        lightgbm.LGBMClassifier(**SKLEARN), callbacks=[lightgbm.early_stopping(1, verbose=True)], **HELD_OUT
    ),
}


def see(case: Callable[[], Any], capfd: pytest.CaptureFixture[str]) -> Any:
    """What it gives, what it printed, and where the random generators stand then."""
    np.random.seed(5)
    random.seed(5)
    given = case()
    return given, capfd.readouterr(), random.getstate(), np.random.get_state()[1].tolist()  # type: ignore[index]  # its old form


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_recording_changes_nothing(runs: Runs, case: Callable[[], Any], capfd: pytest.CaptureFixture[str]) -> None:
    """Not what is printed either; and it is recorded."""
    bare = see(case, capfd)
    assert runs() == []
    runlake.autolog("lightgbm", "sklearn")
    watched = see(case, capfd)

    assert [str(one) for one in watched] == [str(one) for one in bare]
    assert [run.info.status for run in runs()] == ["FINISHED"] * len(runs()) != []
    assert [run.errors for run in runs() if run.errors] == []


def test_words_of_a_later_step_are_as_without(runs: Runs, capfd: pytest.CaptureFixture[str]) -> None:
    """LightGBM remembers how much it may say: a booster that goes on says the same."""

    def go_on() -> str:
        constant = lightgbm.Dataset(np.zeros((40, 1)), np.arange(40) % 2)
        booster = lightgbm.train({**PARAMS, "feature_pre_filter": False}, constant, 1, keep_training_booster=True)
        booster.update()
        return booster.model_to_string()

    bare = go_on(), capfd.readouterr()
    runlake.autolog("lightgbm")

    assert (go_on(), capfd.readouterr()) == bare
    assert "[Warning]" in bare[1].out
    assert len(runs()) == 1


@pytest.mark.parametrize(
    "call",
    [
        lambda: lightgbm.train(PARAMS, X, 3),  # type: ignore[arg-type]  # as users get it wrong
        lambda: lightgbm.train(PARAMS, lightgbm.Dataset(X, Y), 0),
        lambda: lightgbm.train(PARAMS, lightgbm.Dataset(X, Y), 3, callbacks=[1]),  # type: ignore[list-item]  # as users get it wrong
        lambda: lightgbm.train(PARAMS, lightgbm.Dataset(X, Y), 3, callbacks=iter([own_metric])),  # type: ignore[arg-type]  # as users get it wrong
        lambda: lightgbm.train(None, lightgbm.Dataset(X, Y), 3),  # type: ignore[arg-type]  # as users get it wrong
        lambda: lightgbm.cv(PARAMS, lightgbm.Dataset(X, Y), 3, folds=3),
        lambda: lightgbm.LGBMClassifier(**SKLEARN).fit(X, Y[:5]),
        lambda: lightgbm.LGBMClassifier(**SKLEARN).fit(X, Y, callbacks=()),  # type: ignore[arg-type]  # as users get it wrong
        lambda: lightgbm.LGBMClassifier(**SKLEARN).fit(X, Y, eval_X=X),
    ],
)
def test_what_is_refused_is_refused_as_without(runs: Runs, call: Callable[[], Any]) -> None:
    """The same exception with the same words."""
    errors = []
    for is_recorded in (False, True):
        if is_recorded:
            runlake.autolog("lightgbm", "sklearn")
        with pytest.raises(Exception) as caught:  # noqa: PT011  # whatever it is
            call()
        errors.append((caught.type, str(caught.value)))

    assert errors[0] == errors[1]
    assert {run.info.status for run in runs()} <= {"FAILED"}
    assert [run.errors for run in runs() if run.errors] == []


def test_saving_data_as_lightgbm_does_works(runs: Runs, tmp_path: Path) -> None:
    """F9: and is trained on from there."""
    runlake.autolog("lightgbm")
    lightgbm.Dataset(X, Y).save_binary(tmp_path / "data.bin")
    booster = lightgbm.train({**PARAMS, "verbosity": -1}, lightgbm.Dataset(str(tmp_path / "data.bin")), 3)

    assert (booster.current_iteration(), [run.errors for run in runs()]) == (3, [[]])
