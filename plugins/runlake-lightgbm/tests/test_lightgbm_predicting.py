"""What a model says is what its own `predict` says, however its rows are given, in this process and in another."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import pandas as pd
import pytest
from runlake_lightgbm import FORMAT, load_model, native_formats, predict, save_model
from scipy.sparse import csc_matrix, csr_matrix

import runlake
from fresh import put_down, said_elsewhere

X = np.random.default_rng(0).normal(size=(150, 3))
Y = (X[:, 0] > 0).astype(int)
THREE = np.digitize(X[:, 0], [-0.5, 0.5])
FRAME = pd.DataFrame({"a b": X[:, 0], "kind": pd.Categorical(["x", "y", "z"] * 50), "n": pd.Categorical([3, 1] * 75)})
KIND = X[:, 0] + 2 * (FRAME["kind"] == "x") + FRAME["n"].astype(int)
FEW: dict[str, Any] = {"num_threads": 1, "verbosity": -1, "min_data_in_leaf": 3, "num_leaves": 5, "min_data_per_group": 2}
SKLEARN: dict[str, Any] = {
    "n_estimators": 6,
    "min_child_samples": 3,
    "num_leaves": 5,
    "n_jobs": 1,
    "verbosity": -1,
    "min_data_per_group": 2,
}
MOST = 1 << 22

FRAMES = {
    "as it was": FRAME,
    "in another order": FRAME[["n", "kind", "a b"]],
    "with more columns": FRAME.assign(other=1.0)[["other", "kind", "a b", "n"]],
    "as texts and numbers": FRAME.astype({"kind": str, "n": int}),
    "as objects": FRAME.astype({"kind": object, "n": object}),
}


def kept(model: Any, *told: Any) -> runlake.Saved:
    """What it is saved as."""
    found = save_model(model, MOST, *told)
    assert found is not None
    return found


def booster(data: Any, targets: Any = Y, **params: Any) -> Any:
    """A small one."""
    return lightgbm.train({**FEW, **params}, lightgbm.Dataset(data, targets), 6)


@pytest.mark.parametrize("rows", FRAMES.values(), ids=FRAMES)
@pytest.mark.parametrize("is_booster", [True, False], ids=["booster", "estimator"])
def test_columns_are_matched_by_their_names(rows: Any, is_booster: bool) -> None:
    """LightGBM itself would go by their places, and take any number for a category."""
    model = booster(FRAME, KIND) if is_booster else lightgbm.LGBMRegressor(**SKLEARN).fit(FRAME, KIND)
    expected = model.predict(FRAME)
    again = load_model(FORMAT, kept(model).files)

    np.testing.assert_array_equal(predict(again, rows, {}), expected)


@pytest.mark.parametrize("make", [np.asarray, np.ndarray.tolist, csr_matrix, csc_matrix, pd.DataFrame])
def test_rows_of_every_kind_are_taken(make: Callable[[Any], Any]) -> None:
    """Those without names in the order that they have."""
    model = booster(X)

    np.testing.assert_array_equal(predict(model, make(X), {}), model.predict(X))


def test_a_column_that_is_not_there_is_named() -> None:
    """Before LightGBM takes another one for it."""
    model = booster(FRAME, KIND)

    with pytest.raises(runlake.InvalidValue, match="trained with columns that are not there: kind"):
        predict(model, FRAME.rename(columns={"kind": "sort"}), {})
    assert predict("no model", X, {}) is None


def test_the_best_iteration_counts_unless_the_params_say_otherwise() -> None:
    """Also of a model that was loaded."""
    data = lightgbm.Dataset(X[:100], Y[:100])
    params = {**FEW, "objective": "binary", "learning_rate": 0.9, "early_stopping_round": 2}
    held_out = data.create_valid(X[100:], 1 - Y[100:])
    model = lightgbm.train(params, data, 60, [held_out], keep_training_booster=True)
    again = load_model(FORMAT, kept(model).files)

    assert 0 < model.best_iteration < model.current_iteration()
    np.testing.assert_array_equal(predict(again, X, {}), model.predict(X, num_iteration=model.best_iteration))
    whole: dict[str, Any] = {"num_iteration": -1, "raw_score": True}
    np.testing.assert_array_equal(predict(again, X, whole), model.predict(X, **whole))


MODELS: dict[str, tuple[Callable[[], Any], list[str]]] = {
    "booster": (lambda: booster(X), []),
    "dart": (lambda: booster(X, boosting="dart"), []),
    "lines": (lambda: booster(X, linear_tree=True), []),
    "a forest": (lambda: booster(X, boosting="rf", bagging_freq=1, bagging_fraction=0.6), []),
    "classes": (lambda: booster(X, THREE, objective="multiclass", num_class=3), []),
    "classifier": (lambda: lightgbm.LGBMClassifier(**SKLEARN).fit(X, THREE), ["predict", "predict_proba"]),
    "any": (lambda: lightgbm.LGBMModel(**SKLEARN, objective="binary").fit(X, Y), []),
    "regressor": (lambda: lightgbm.LGBMRegressor(**SKLEARN).fit(X, X[:, 0]), []),
    "ranker": (lambda: lightgbm.LGBMRanker(**SKLEARN).fit(X, Y, group=[50, 50, 50]), []),
}


def test_another_process_says_the_same(tmp_path: Path) -> None:
    """Every kind of model, to the bit, by the files alone."""
    made = {name: make() for name, (make, _) in MODELS.items()}
    for name, model in made.items():
        found = save_model(model, MOST)
        assert found is not None
        put_down(tmp_path / "models" / name, found, X, ["hook", *MODELS[name][1]])

    said = said_elsewhere(tmp_path / "models", "lightgbm")

    for name, model in made.items():
        np.testing.assert_array_equal(said[f"{name}/hook"], predict(model, X, {}))
        for method in MODELS[name][1]:
            np.testing.assert_array_equal(said[f"{name}/{method}"], getattr(model, method)(X))
    assert {name.partition("/")[0] for name in said} == set(MODELS)


def test_what_tools_of_mlflow_are_told() -> None:
    """A booster, whatever the class: that is what the file has."""
    model = lightgbm.LGBMRegressor(**SKLEARN)
    about = {"data": "model.txt", "model_class": "lightgbm.basic.Booster", "lgb_version": lightgbm.__version__}

    assert kept(model).flavors == {}
    found = kept(model.fit(X, Y))
    assert (found.flavors, found.modules) == ({"lightgbm": about}, ("lightgbm", "sklearn"))
    assert kept(booster(X)).modules == ("lightgbm",)
    assert native_formats() == (FORMAT,)


def test_parameters_that_do_not_end_are_refused() -> None:
    """LightGBM reads on behind the text, and the process ends."""
    files = dict(kept(booster(X, interaction_constraints=[[0, 1], [2]])).files)
    load_model(FORMAT, files)
    text = files["model.txt"]

    for changed in (text.partition(b"[seed")[0], text.replace(b"[seed", b"seed"), text.replace(b"[seed", b"[\0\0\0\0")):
        with pytest.raises(runlake.InvalidModel, match="what the booster was told"):
            load_model(FORMAT, {**files, "model.txt": changed})


def test_a_module_beside_the_model_is_not_imported(tmp_path: Path) -> None:
    """Named as the library is, or as a file of the model, in the folder from which the model is loaded."""
    for name, content in kept(booster(X)).files.items():
        (tmp_path / name).write_bytes(content)
    canary = tmp_path / "canary"
    for name in ("lightgbm.py", "booster.py", "model.py", "estimator.py"):
        (tmp_path / name).write_text(f"open({str(canary)!r}, 'w').close()\n")
    program = """
import pathlib, sys
from runlake_lightgbm import load_model
files = {path.name: path.read_bytes() for path in pathlib.Path(sys.argv[1]).iterdir()}
print(type(load_model("lightgbm/1", files)).__name__)
"""

    ended = subprocess.run([sys.executable, "-P", "-c", program, str(tmp_path)], cwd=tmp_path, capture_output=True, text=True, check=False)

    assert ended.stdout.strip() == "Booster", ended.stderr
    assert not canary.exists()


def test_a_pickle_under_any_name_is_refused(tmp_path: Path) -> None:
    """And never unpickled."""
    canary = tmp_path / "canary"
    pickled = f"cos\nsystem\n(S'touch {canary}'\ntR.".encode()

    for files in ({"model.pkl": pickled}, {"model.txt": pickled}, {"estimator.json": pickled}):
        with pytest.raises(runlake.InvalidModel):
            load_model(FORMAT, files)
    assert not canary.exists()
