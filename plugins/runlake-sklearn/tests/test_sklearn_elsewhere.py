"""Every estimator that can be fitted, written here in either form and read in one other process, says there what it says here."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import pytest
import xgboost
from runlake_sklearn import save_model
from sklearn.ensemble import BaggingRegressor, StackingClassifier, VotingClassifier
from sklearn.experimental import enable_halving_search_cv, enable_iterative_imputer  # noqa: F401
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.multioutput import MultiOutputRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import all_estimators, get_tags
from sklearn.utils._test_common.instance_generator import _construct_instances

from fresh import answered, put_down, said_elsewhere
from runlake.instrument.plugins import load, plugin_named

X = np.random.default_rng(0).normal(size=(60, 4))
THREE = np.digitize(X[:, 0], [-0.5, 0.5])
PLENTY = 1 << 28
METHODS = ["predict", "predict_proba", "decision_function", "transform", "score_samples", "kneighbors_graph", "apply"]
TEXTS = np.array([f"the cat sat on mat{row % 5} word{row % 7}" for row in range(60)])

NOT_ARRAYS = {"DictVectorizer", "FeatureHasher", "MultiLabelBinarizer", "PatchExtractor"}  # nothing but these takes what is no array


def fitted(name: str, kind: Any) -> tuple[Any, Any] | None:
    """The first of an estimator's instances that scikit-learn's own tests make, fitted, and the rows to ask it of."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        given = [kind(X[:3])] if name == "SparseCoder" else [kind(Ridge().fit(X, X[:, 0]))] if name == "FrozenEstimator" else None
        model = (given or list(_construct_instances(kind)))[0]
        rows, targets = data_for(model)
        if "n_jobs" in model.get_params():
            model.set_params(n_jobs=1)
        if "random_state" in model.get_params():
            model.set_params(random_state=0)
        if name in ("LabelBinarizer", "LabelEncoder"):
            model.fit(rows)
        else:
            times = 4 if "Halving" in name else 1
            model.fit(np.concatenate([rows] * times), np.concatenate([targets] * times))
    return model, rows


def data_for(model: Any) -> tuple[Any, Any]:
    """By its tags."""
    tags, name = get_tags(model), type(model).__name__
    targets: Any = X[:, 0] if tags.estimator_type == "regressor" else THREE
    if tags.classifier_tags is not None and not tags.classifier_tags.multi_class:
        targets = (X[:, 0] > 0).astype(int)
    rows: Any = X
    if tags.input_tags.positive_only or "Chi2" in name or name in ("ComplementNB", "MultinomialNB", "CategoricalNB"):
        rows = np.digitize(X, [-0.5, 0.5]) if name == "CategoricalNB" else np.abs(X)
    if tags.input_tags.pairwise:
        rows = np.abs(X @ X.T)
    if tags.input_tags.one_d_array and not tags.input_tags.two_d_array:
        rows = X[:, 0]
    if tags.input_tags.string and not tags.input_tags.two_d_array:
        rows = TEXTS
    if name in ("LabelBinarizer", "LabelEncoder"):
        rows = THREE
    if tags.target_tags.positive_only:
        targets = np.abs(targets) + 0.1
    if tags.target_tags.multi_output and not tags.target_tags.single_output:
        targets = np.c_[targets, targets[::-1]]
    return rows, targets


@pytest.fixture(autouse=True)
def _their_plugins() -> None:
    """Those of the parts' libraries are there."""
    assert all(load(plugin_named(name)) for name in ("sklearn", "xgboost", "lightgbm"))


FEW: dict[str, Any] = {"n_estimators": 3, "max_depth": 2, "n_jobs": 1}
LIGHT: dict[str, Any] = {"n_estimators": 3, "num_leaves": 4, "min_child_samples": 3, "n_jobs": 1, "verbosity": -1}

MODELS: dict[str, Callable[[], Any]] = {
    "a pipeline of xgboost": lambda: make_pipeline(StandardScaler(), xgboost.XGBClassifier(**FEW)).fit(X, THREE),
    "a pipeline of lightgbm": lambda: make_pipeline(StandardScaler(), lightgbm.LGBMClassifier(**LIGHT)).fit(X, THREE),
    "a search of xgboost": lambda: GridSearchCV(xgboost.XGBRegressor(**FEW), {"max_depth": [1, 2]}, cv=2).fit(X, X[:, 0]),
    "a search of lightgbm": lambda: GridSearchCV(lightgbm.LGBMRegressor(**LIGHT), {"num_leaves": [3, 4]}, cv=2).fit(X, X[:, 0]),
    "a stack of both": lambda: StackingClassifier(
        [("x", xgboost.XGBClassifier(**FEW)), ("l", lightgbm.LGBMClassifier(**LIGHT))], LogisticRegression(), cv=2
    ).fit(X, THREE),
    "a vote": lambda: VotingClassifier([("x", xgboost.XGBClassifier(**FEW)), ("r", LogisticRegression())], voting="soft").fit(X, THREE),
    "bagged": lambda: BaggingRegressor(lightgbm.LGBMRegressor(**LIGHT), 2, random_state=0).fit(X, X[:, 0]),
    "several outputs": lambda: MultiOutputRegressor(xgboost.XGBRegressor(**FEW)).fit(X, X[:, :2]),
}


@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::FutureWarning")
@pytest.mark.parametrize("form", ["runlake", pytest.param("skops", marks=pytest.mark.long)])
def test_every_estimator_says_the_same_in_another_process(form: str, tmp_path: Path) -> None:
    """Bit for bit; only what NumPy's BLAS adds up may differ in the last digits."""
    made: dict[str, tuple[Any, Any]] = {name: (make(), X) for name, make in MODELS.items()} if form == "runlake" else {}
    for name, kind in all_estimators():
        found = None if name in NOT_ARRAYS else fitted(name, kind)
        if found is not None:
            made[name] = found
    expected: dict[str, Any] = {}
    without = []
    for name, (model, rows) in made.items():
        saved = save_model(model, PLENTY, form)
        assert saved is not None
        if saved.why_not:
            without.append(name)
            continue
        methods = [method for method in METHODS if hasattr(model, method)]
        np.random.seed(0)
        for method in list(methods):
            try:
                expected |= {f"{name}/{key}": said for key, said in answered(model, [method], rows, None, None).items()}
            except (ValueError, TypeError, NotImplementedError, IndexError):
                methods.remove(method)
        put_down(tmp_path / "models" / name, saved, rows, methods)

    said = said_elsewhere(tmp_path / "models", "sklearn")

    assert without == ([] if form == "runlake" else ["Birch"])
    assert said.keys() == expected.keys()
    assert len({name.partition("/")[0] for name in said}) > 170
    for name, array in expected.items():
        if array.dtype.kind == "f":
            np.testing.assert_allclose(said[name], array, rtol=1e-12, atol=1e-12, err_msg=name)
        else:
            np.testing.assert_array_equal(said[name], array, err_msg=name)


def test_the_libraries_of_parts_are_told() -> None:
    """Each once, beside those of scikit-learn's own form."""
    found = save_model(MODELS["a stack of both"](), PLENTY, None)

    assert found is not None
    assert found.modules == ("sklearn", "numpy", "scipy", "lightgbm", "xgboost")
