"""What a model says is what its own `predict` says, however its rows are given, in this process and in another."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xgboost
from runlake_xgboost import native_formats, predict, save_model
from runlake_xgboost.saving import loaded
from scipy.sparse import csc_array, csr_matrix
from xgboost import DMatrix, XGBClassifier, XGBModel, XGBRanker, XGBRegressor, XGBRFClassifier, XGBRFRegressor

import runlake
from fresh import put_down, said_elsewhere

X = np.random.default_rng(0).normal(size=(80, 3)).astype(np.float32)
Y = (X[:, 0] > 0).astype(int)
THREE = np.digitize(X[:, 0], [-0.5, 0.5])
FRAME = pd.DataFrame({"a": X[:, 0], "kind": pd.Categorical(["x", "y", "z", "w"] * 20), "n": pd.Categorical([3, 1] * 40)})
KIND = X[:, 0] + (FRAME["kind"] == "x") + FRAME["n"].astype(int)
FEW: dict[str, Any] = {"n_estimators": 4, "max_depth": 3, "n_jobs": 1}

FRAMES = {
    "as it was": FRAME,
    "in another order": FRAME[["n", "kind", "a"]],
    "with more columns": FRAME.assign(other=1.0)[["other", "kind", "a", "n"]],
    "as texts and numbers": FRAME.astype({"kind": str, "n": int}),
    "as objects": FRAME.astype({"kind": object, "n": object}),
}


def kept(model: Any, *told: Any) -> runlake.Saved:
    """What it is saved as."""
    found = save_model(model, 1 << 24, *told)
    assert found is not None
    return found


def booster(data: Any, targets: Any = Y, **params: Any) -> Any:
    """A small one."""
    return xgboost.train({"nthread": 1, **params}, DMatrix(data, targets, enable_categorical=True), 4)


@pytest.mark.parametrize("rows", FRAMES.values(), ids=FRAMES)
@pytest.mark.parametrize("is_booster", [True, False], ids=["booster", "estimator"])
def test_columns_are_matched_by_their_names(rows: Any, is_booster: bool) -> None:
    """And categories by theirs, also as the texts that a request has."""
    if is_booster:
        model: Any = booster(FRAME, KIND)
        expected = model.predict(DMatrix(FRAME, enable_categorical=True))
    else:
        model = XGBRegressor(**FEW, enable_categorical=True).fit(FRAME, KIND)
        expected = model.predict(FRAME)

    np.testing.assert_array_equal(predict(model, rows, {}), expected)


@pytest.mark.parametrize("make", [np.asarray, np.ndarray.tolist, csr_matrix, csc_array, pd.DataFrame, DMatrix])
def test_rows_of_every_kind_are_taken(make: Callable[[Any], Any]) -> None:
    """Those without names in the order that they have."""
    model = booster(X)

    np.testing.assert_array_equal(predict(model, make(X), {}), model.predict(DMatrix(X)))


def test_rows_without_names_are_taken_for_those_with() -> None:
    """In the order of the features."""
    named = pd.DataFrame(X, columns=["a", "b", "c"])
    model = booster(named)

    np.testing.assert_array_equal(predict(model, X, {}), model.predict(DMatrix(named)))
    with pytest.raises(runlake.InvalidValue, match="trained with columns that are not there: c"):
        predict(model, named[["a", "b"]], {})


def test_params_go_to_the_call_where_it_takes_them() -> None:
    """What it does not take is said, and left out."""
    model = booster(X, objective="binary:logistic")

    margins = predict(model, X, {"output_margin": True})
    np.testing.assert_array_equal(margins, model.predict(DMatrix(X), output_margin=True))
    with pytest.warns(UserWarning, match="takes no temperature"):
        np.testing.assert_array_equal(predict(model, X, {"temperature": 1}), model.predict(DMatrix(X)))
    assert predict("no model", X, {}) is None


MODELS: dict[str, tuple[Callable[[], Any], dict[str, Any]]] = {
    "booster": (lambda: booster(X), {}),
    "dart": (lambda: booster(X, booster="dart"), {}),
    "line": (lambda: booster(X, booster="gblinear"), {}),
    "targets": (lambda: booster(X, X[:, :2]), {}),
    "leaves": (lambda: booster(X, X[:, :2], multi_strategy="multi_output_tree", tree_method="hist"), {}),
    "classifier": (lambda: XGBClassifier(**FEW).fit(X, THREE), {"methods": ["predict", "predict_proba"]}),
    "any": (lambda: XGBModel(**FEW).fit(X, Y), {}),
    "regressor": (lambda: XGBRegressor(**FEW).fit(X, X[:, :2]), {}),
    "ranker": (lambda: XGBRanker(**FEW).fit(X, Y, qid=np.arange(80) // 8), {}),
    "forest": (lambda: XGBRFClassifier(**FEW).fit(X, Y), {"methods": ["predict_proba"]}),
    "forest of numbers": (lambda: XGBRFRegressor(**FEW).fit(X, X[:, 0]), {}),
    "stopped": (
        lambda: XGBClassifier(n_estimators=60, early_stopping_rounds=2).fit(X, Y, eval_set=[(X[::3], 1 - Y[::3])], verbose=False),
        {"methods": ["predict_proba"]},
    ),
}


@pytest.mark.parametrize("form", [None, "json"])
def test_another_process_says_the_same(tmp_path: Path, form: str | None) -> None:
    """Every kind of model, to the bit, by the files alone."""
    made = {name: make() for name, (make, _) in MODELS.items()}
    for name, model in made.items():
        found = save_model(model, 1 << 24, {}, form)
        assert found is not None
        put_down(tmp_path / "models" / name, found, X, ["hook", *MODELS[name][1].get("methods", [])])

    said = said_elsewhere(tmp_path / "models", "xgboost")

    for name, model in made.items():
        np.testing.assert_array_equal(said[f"{name}/hook"], predict(model, X, {}))
        for method in MODELS[name][1].get("methods", []):
            np.testing.assert_array_equal(said[f"{name}/{method}"], getattr(model, method)(X))
    assert {name.partition("/")[0] for name in said} == set(MODELS)


def test_a_booster_s_signature_is_of_what_its_users_have() -> None:
    """Of numbers of any precision, and categories by their names, though a DMatrix has neither; an estimator's is what it was given."""
    told, untold = kept(booster(FRAME, KIND), {}, None).signature, kept(booster(X), {}, None).signature
    assert told is not None
    assert untold is not None
    schema: Any = told.inputs
    bare: Any = untold.inputs

    assert [(each.name, each.type) for each in schema.inputs] == [("a", "double"), ("kind", "string"), ("n", "long")]
    assert [(each.name, each.type) for each in bare.inputs] == [(None, "double")] * 3
    assert kept(XGBRegressor(**FEW).fit(X, Y), {}, None).signature is None


def test_the_form_outranks_the_option() -> None:
    """And one that there is not is an error; of other libraries' models nothing is said."""
    model = XGBRegressor(**FEW).fit(X, Y)

    assert "model.json" in kept(model, {"model_format": "ubj"}, "json").files
    assert "model.json" in kept(model, {"model_format": "json"}, None).files
    with pytest.raises(runlake.InvalidValue, match="ubj or json, not 'onnx'"):
        save_model(model, 1 << 24, {}, "onnx")
    assert save_model("no model", 1 << 24, {}, "onnx") is None


def test_what_tools_of_mlflow_are_told() -> None:
    """The file, its format and the class; of what was not fitted there is no booster to tell of."""
    found = kept(XGBRegressor(**FEW).fit(X, Y), {}, "json")

    about = {
        "data": "model.json",
        "model_class": "xgboost.sklearn.XGBRegressor",
        "model_format": "json",
        "xgb_version": xgboost.__version__,
    }
    assert (found.flavors, found.modules) == ({"xgboost": about}, ("xgboost", "sklearn"))
    assert kept(XGBRegressor(), {}, None).flavors == {}
    assert kept(booster(X), {}, None).modules == ("xgboost",)
    assert native_formats() == ("xgboost/1",)


@pytest.mark.parametrize("name", ["model.pkl", "model.ubj", "model.json"])
def test_a_pickle_under_any_name_is_refused(name: str, tmp_path: Path) -> None:
    """And never unpickled."""
    canary = tmp_path / "canary"
    pickled = f"cos\nsystem\n(S'touch {canary}'\ntR.".encode()

    with pytest.raises(runlake.InvalidModel):
        loaded({name: pickled})
    assert not canary.exists()
