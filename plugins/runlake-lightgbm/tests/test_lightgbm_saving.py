"""Models that were saved say the same when they are loaded, and files that are forged raise."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import lightgbm
import numpy as np
import pandas as pd
import pytest
from runlake_lightgbm import FORMAT, load_model, save_model
from sklearn.base import clone

import runlake

X = np.random.default_rng(0).normal(size=(150, 3))
X[::9, 2] = np.nan
Y = (X[:, 0] + 0.3 * np.random.default_rng(1).normal(size=150) > 0).astype(int)
FRAME = pd.DataFrame({"a": X[:, 0], "kind": pd.Categorical(np.where(X[:, 1] > 0, "up", "down"))})
FEW: dict[str, Any] = {"num_threads": 1, "verbosity": -1, "min_data_in_leaf": 3, "num_leaves": 5, "min_data_per_group": 2}
SKLEARN: dict[str, Any] = {"n_estimators": 6, "min_child_samples": 3, "num_leaves": 5, "n_jobs": 1, "verbosity": -1}
MOST = 1 << 20


def again(model: Any) -> Any:
    """Saved and loaded."""
    saved = save_model(model, MOST)
    assert saved is not None
    assert (saved.format_id, saved.why_not) == (FORMAT, "")
    return load_model(FORMAT, saved.files)


def own_objective(truth: Any, said: Any) -> Any:
    """Squared errors."""
    return said - truth, np.ones(len(said))


@pytest.mark.parametrize("is_kept", [True, False])
def test_a_booster_comes_back(is_kept: bool) -> None:
    """With the iteration at which it was best, and its categories."""
    data = lightgbm.Dataset(FRAME[:100], Y[:100])
    params = {**FEW, "objective": "binary", "learning_rate": 0.9, "early_stopping_round": 3}
    booster = lightgbm.train(params, data, 50, [data.create_valid(FRAME[100:], Y[100:])], keep_training_booster=is_kept)
    found = again(booster)

    assert (found.best_iteration, found.current_iteration()) == (booster.best_iteration, booster.current_iteration())
    assert (found.best_score, found.feature_name()) == (booster.best_score, ["a", "kind"])
    np.testing.assert_array_equal(found.predict(FRAME), booster.predict(FRAME))
    np.testing.assert_array_equal(again(found).predict(FRAME), booster.predict(FRAME))


@pytest.mark.parametrize(
    "params", [{"linear_tree": True}, {"boosting": "dart"}, {"boosting": "rf", "bagging_freq": 1, "bagging_fraction": 0.6}]
)
def test_boosters_of_every_kind_come_back(params: dict[str, Any]) -> None:
    """Trees that are leaves alone, too."""
    for least in (3, 150):
        booster = lightgbm.train({**FEW, **params, "min_data_in_leaf": least}, lightgbm.Dataset(X, Y), 5)
        np.testing.assert_array_equal(again(booster).predict(X), booster.predict(X))


def test_sizes_of_trees_are_not_believed() -> None:
    """An error in one of the threads that would read by them ends the process."""
    booster = lightgbm.train(FEW, lightgbm.Dataset(X, Y), 3)
    saved = save_model(booster, MOST)
    assert saved is not None
    text = re.sub(rb"(?m)^tree_sizes=.*$", b"tree_sizes=7 7 7", saved.files["model.txt"])

    np.testing.assert_array_equal(load_model(FORMAT, {"model.txt": text}).predict(X), booster.predict(X))


MODELS: dict[str, tuple[Callable[[], Any], Any]] = {
    "texts": (lambda: lightgbm.LGBMClassifier(**SKLEARN), np.array(["no", "yes"])[Y]),
    "texts as objects": (lambda: lightgbm.LGBMClassifier(**SKLEARN), np.array(["no", "yes"], object)[Y]),
    "truth": (lambda: lightgbm.LGBMClassifier(**SKLEARN), Y > 0),
    "three": (
        lambda: lightgbm.LGBMClassifier(**SKLEARN, class_weight={0: 1.0, 5: 2.0, 7: np.float64(1.5)}),
        np.array([0, 5, 7])[Y + (X[:, 1] > 0)],
    ),
    "numbers": (lambda: lightgbm.LGBMRegressor(**SKLEARN, monotone_constraints=(1, 0, 0), objective="poisson"), Y),
    "any": (lambda: lightgbm.LGBMModel(**SKLEARN, objective="binary"), Y),
}


@pytest.mark.parametrize(("make", "targets"), MODELS.values(), ids=MODELS)
@pytest.mark.parametrize("rows", [X, pd.DataFrame(X, columns=["a", "b", "c d"])], ids=["array", "frame"])
def test_a_model_for_scikit_learn_comes_back(make: Callable[[], Any], targets: Any, rows: Any) -> None:
    """It says the same, knows the same, and can be trained anew."""
    model = make().fit(rows, targets)
    found = again(model)

    assert type(found) is type(model)
    assert found.get_params() == model.get_params()
    for method in ("predict", "predict_proba", "decision_function"):
        if hasattr(model, method):
            said, expected = getattr(found, method)(rows), getattr(model, method)(rows)
            assert said.dtype == expected.dtype
            np.testing.assert_array_equal(said, expected)
    for name in ("n_features_in_", "feature_name_", "best_iteration_", "n_estimators_", "objective_", "evals_result_", "best_score_"):
        assert getattr(found, name) == getattr(model, name)
    assert hasattr(found, "feature_names_in_") == hasattr(model, "feature_names_in_")
    if hasattr(model, "classes_"):
        assert (found.classes_.tolist(), found.classes_.dtype) == (model.classes_.tolist(), model.classes_.dtype)
    assert clone(found).fit(rows, targets).booster_.model_to_string() == model.booster_.model_to_string()


def test_one_that_stopped_early_comes_back() -> None:
    """With its rounds."""
    model = lightgbm.LGBMClassifier(**{**SKLEARN, "n_estimators": 80}, learning_rate=0.9, early_stopping_round=2)
    model.fit(X[:100], Y[:100], eval_X=X[100:], eval_y=Y[100:])
    found = again(model)

    assert (found.best_iteration_, found.evals_result_, found.best_score_) == (
        model.best_iteration_,
        model.evals_result_,
        model.best_score_,
    )
    np.testing.assert_array_equal(found.predict_proba(X), model.predict_proba(X))


def test_one_that_ranks_comes_back() -> None:
    """With the places that it was judged at."""
    model = lightgbm.LGBMRanker(**SKLEARN).fit(X, Y, group=[50, 50, 50], eval_at=[1, 3])

    np.testing.assert_array_equal(again(model).predict(X), model.predict(X))


def test_one_that_is_not_fitted_comes_back_so() -> None:
    """Settings that LightGBM alone knows, too."""
    model = lightgbm.LGBMRegressor(**SKLEARN, path_smooth=0.5)
    found = again(model)

    assert (found.get_params(), found.__sklearn_is_fitted__()) == (model.get_params(), False)
    found.fit(X, Y)


def test_a_function_is_left_out_and_that_is_said() -> None:
    """What is predicted is the same; to train anew takes the function."""
    model = lightgbm.LGBMClassifier(**SKLEARN, objective=own_objective, random_state=np.random.RandomState(0)).fit(X, Y)
    saved = save_model(model, MOST)
    assert saved is not None
    found = load_model(FORMAT, saved.files)

    assert sorted(saved.notes["left_out"].split(", ")) == ["objective", "random_state"]
    with pytest.warns(UserWarning, match="Returning raw scores"):
        np.testing.assert_array_equal(found.predict(X), model.predict(X))
    with pytest.raises(runlake.RunlakeError, match="set it anew"):
        found.fit(X, Y)


class Mine(lightgbm.LGBMRegressor):
    """Of the program's own."""


def test_what_has_no_safe_form_says_why() -> None:
    """A class of one's own, classes that are no plain values, too many bytes; of other libraries nothing is said."""
    odd = lightgbm.LGBMClassifier(**SKLEARN).fit(X, Y)
    odd._classes = np.array([b"no", b"yes"])
    whole = save_model(lightgbm.LGBMRegressor(**SKLEARN).fit(X, Y), 100)

    for found, why in ((save_model(Mine(), MOST), "a class of its own"), (save_model(odd, MOST), "its classes"), (whole, "100 bytes")):
        assert found is not None
        assert (why in found.why_not, found.files) == (True, {})
    assert save_model(3, MOST) is None
    assert load_model("sklearn/1", {}) is None


def forged() -> dict[str, dict[str, bytes]]:
    """Files that none was saved as."""
    saved = save_model(lightgbm.LGBMClassifier(**SKLEARN).fit(X, Y), MOST)
    assert saved is not None
    files = dict(saved.files)
    text, about = files["model.txt"].decode(), json.loads(files["estimator.json"])
    line = next(line for line in text.splitlines() if line.startswith("left_child="))
    children = line.removeprefix("left_child=").split()

    def with_text(changed: str) -> dict[str, bytes]:
        return {**files, "model.txt": changed.encode()}

    def with_line(*numbers: Any) -> dict[str, bytes]:
        return with_text(text.replace(line, f"left_child={' '.join(map(str, numbers))}", 1))

    return {
        "nothing": {},
        "no text": {**files, "model.txt": b"\xff\xfe"},
        "another text": with_text("import os"),
        "cut off": with_text(text[: len(text) // 2]),
        "another class": {**files, "estimator.json": json.dumps({**about, "class": "os.system"}).encode()},
        "no object": {**files, "estimator.json": b"[1, 2]"},
        "no JSON": {**files, "estimator.json": b"\x80\x04."},
        "settings that are none": {**files, "estimator.json": json.dumps({**about, "params": {"a": {"call": "os"}}}).encode()},
        "an array that runs": {
            **files,
            "estimator.json": json.dumps({**about, "classes": {"dtype": "O", "values": [{"a": 1}, 2]}}).encode(),
        },
        "a child far away": with_line(10**6, *children[1:]),
        "a loop": with_line(0, *children[1:]),
        "too few children": with_line(*children[1:]),
        "a feature far away": with_text(text.replace("split_feature=", "split_feature=999 ", 1)),
        "more leaves": with_text(text.replace("num_leaves=5", "num_leaves=2000000000", 1)),
        "more classes": with_text(text.replace("num_tree_per_iteration=1", "num_tree_per_iteration=7", 1)),
        "more features": with_text(text.replace("max_feature_idx=2", "max_feature_idx=1", 1)),
    }


@pytest.mark.parametrize("name", forged())
def test_forged_files_raise(name: str) -> None:
    """With the reason, and LightGBM never sees a tree that does not hold together."""
    with pytest.raises(runlake.RunlakeError, match="no model of LightGBM"):
        load_model(FORMAT, forged()[name])
