"""What an estimator learned: explanations of linear ones add up, importances are by name, and curves are scikit-learn's."""

from __future__ import annotations

import random
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from runlake_sklearn.curves import POINTS, curves, residuals
from runlake_sklearn.learning import importance_of, learner_of, linear_terms
from runlake_sklearn.scoring import training_metrics
from sklearn import metrics
from sklearn.calibration import calibration_curve
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.cross_decomposition import PLSRegression
from sklearn.datasets import load_iris
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import (
    LinearRegression,
    LogisticRegression,
    PoissonRegressor,
    Ridge,
    RidgeClassifier,
    SGDClassifier,
    TweedieRegressor,
)
from sklearn.model_selection import GridSearchCV
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler
from sklearn.svm import SVC, SVR, NuSVC, OneClassSVM
from sklearn.utils import all_estimators

import runlake
from runlake import Learner, Linear, Unexplained
from runlake.analysis.additivity import not_additive
from runlake.analysis.linear import of_sums

Runs = Callable[[], list[runlake.read.Run]]

X, Y = load_iris(return_X_y=True)
DICE = np.random.default_rng(0)
ROWS = np.abs(DICE.normal(size=(60, 4))) * [1, 10, 100, 0.1]
SIGNAL = np.exp(ROWS[:, 0] / 2) + ROWS[:, 1] / 10 + 0.1
TARGETS = {
    "one": SIGNAL,
    "two classes": np.where(np.median(SIGNAL) < SIGNAL, "yes", "no"),
    "three classes": np.digitize(SIGNAL, np.quantile(SIGNAL, [0.3, 0.6])),
    "several": np.c_[SIGNAL, ROWS[:, 1]],
    "labels": (ROWS[:, :3] > np.median(ROWS[:, :3], axis=0)).astype(int),
    "none": None,
}
WITHOUT_COEFFICIENTS = set(
    "calibration cluster covariance decomposition ensemble gaussian_process manifold mixture model_selection multiclass multioutput "
    "neighbors neural_network pipeline preprocessing random_projection semi_supervised tree".split()
)
# Their coefficients are no terms of what they say, or of pairs of classes.
NOT_LINEAR = {"SVC": {"three classes"}, "NuSVC": {"three classes"}}


@pytest.fixture
def inline(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> Runs:
    """Jobs are done when a run ends, and scikit-learn is recorded."""
    monkeypatch.setenv("RUNLAKE_JOBS", "inline")
    runlake.autolog("sklearn")
    return runs


def linear(name: str, estimator: type, targets: Any) -> Any:
    """One with coefficients, fitted; None of what has none or takes other targets."""
    if estimator.__module__.split(".")[1] in WITHOUT_COEFFICIENTS:
        return None
    settings = {"kernel": "linear"} if "SV" in name and hasattr(estimator(), "kernel") else {}
    try:
        model = estimator(**settings).fit(ROWS, targets)
    except (AttributeError, TypeError, ValueError):
        return None
    return model if hasattr(model, "coef_") else None


def what_it_says(model: Any) -> Any:
    """By its own method, as a matrix."""
    said = model.decision_function if hasattr(model, "decision_function") else model.predict
    return said(ROWS).reshape(len(ROWS), -1)


def explained(model: Any, rows: Any = ROWS) -> tuple[Any, Any, Linear]:
    """Its values, and their base."""
    terms = linear_terms(model)
    assert isinstance(terms, Linear)
    return *of_sums(terms, rows).values(rows), terms


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", TARGETS)
def test_every_linear_estimator_adds_up(kind: str) -> None:
    """To what it says itself, by the closed form: coefficients times how far a row lies from the mean."""
    found = {name: linear(name, estimator, TARGETS[kind]) for name, estimator in all_estimators()}
    models = {name: model for name, model in found.items() if model is not None}

    assert len(models) >= {"one": 25, "two classes": 12, "three classes": 30, "several": 12, "labels": 12, "none": 2}[kind]
    for name, model in models.items():
        if kind in NOT_LINEAR.get(name, ()):
            assert isinstance(linear_terms(model), Unexplained)
            assert importance_of(model) is None
            continue
        values, base, terms = explained(model)
        said = what_it_says(model)
        said = np.log(said) if terms.space.startswith("log of") else said
        coefficients = np.atleast_2d(model.coef_.toarray() if sp.issparse(model.coef_) else model.coef_)
        assert not not_additive(values, base, said).any(), name
        for output, of_output in enumerate(coefficients):
            np.testing.assert_allclose(values[:, :, output], (ROWS - ROWS.mean(axis=0)) * of_output)
        importance = importance_of(model)
        assert importance is not None
        assert list(importance["coefficient"]) == list(terms.outputs)
        np.testing.assert_array_equal(np.array(list(importance["coefficient"].values())), coefficients)


def test_outputs_are_classes_or_targets() -> None:
    """Of two classes the second alone; labels are targets."""

    def outputs(model: Any, kind: str) -> list[str]:
        return list(explained(model.fit(ROWS, TARGETS[kind]))[2].outputs)

    assert outputs(RidgeClassifier(), "two classes") == ["yes"]
    assert outputs(RidgeClassifier(), "three classes") == ["0", "1", "2"]
    assert outputs(RidgeClassifier(), "labels") == ["target 0", "target 1", "target 2"]
    assert outputs(Ridge(), "several") == ["target 0", "target 1"]
    assert outputs(Ridge(), "one") == [""]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("model", "space"),
    [
        (LogisticRegression(), "log-odds"),
        (LinearDiscriminantAnalysis(), "log-odds"),
        (SGDClassifier(loss="log_loss"), "log-odds"),
        (SGDClassifier(loss="modified_huber"), "decision"),
        (SVC(kernel="linear", probability=True), "decision"),
        (RidgeClassifier(), "decision"),
    ],
    ids=str,
)
def test_log_odds_are_those_of_the_probabilities(model: Any, space: str) -> None:
    """Having probabilities is not enough."""
    values, base, terms = explained(model.fit(StandardScaler().fit_transform(ROWS), TARGETS["two classes"]))

    assert terms.space == space
    if space == "log-odds":
        probable = model.predict_proba(ROWS)[:, 1]
        np.testing.assert_allclose(1 / (1 + np.exp(-(values.sum(axis=1) + base)[:, 0])), probable, rtol=1e-6, atol=1e-12)


@pytest.mark.parametrize(
    ("model", "space"),
    [
        (PoissonRegressor(), "log of the prediction"),
        (TweedieRegressor(power=1.5), "log of the prediction"),
        (TweedieRegressor(power=0, link="log"), "log of the prediction"),
        (TweedieRegressor(power=0), "prediction"),
        (TweedieRegressor(power=1.5, link="identity", max_iter=5), "prediction"),
    ],
    ids=str,
)
@pytest.mark.filterwarnings("ignore")
def test_a_link_is_a_space(model: Any, space: str) -> None:
    """In which the values add up."""
    rows = ROWS / [1, 10, 100, 0.1]
    values, base, terms = explained(model.fit(rows, SIGNAL), rows)
    said = model.predict(rows)

    assert terms.space == space
    np.testing.assert_allclose((values.sum(axis=1) + base)[:, 0], said if space == "prediction" else np.log(said))


def test_what_is_not_a_sum_of_its_features_says_why() -> None:
    """Or is left to other plugins."""
    pairs = linear_terms(NuSVC(kernel="linear", nu=0.1).fit(X, Y))
    other_space = linear_terms(TransformedTargetRegressor(Ridge(), func=np.log, inverse_func=np.exp).fit(ROWS, SIGNAL))

    assert isinstance(pairs, Unexplained)
    assert pairs.why == "NuSVC tells 3 classes apart by pairs, and what it says of one is no sum"
    assert isinstance(other_space, Unexplained)
    assert linear_terms(SVC().fit(X, Y)) is None
    assert linear_terms(RandomForestClassifier(2).fit(X, Y)) is None


@pytest.mark.parametrize("model", [PLSRegression(2), OneClassSVM(kernel="linear")], ids=["mean row", "no classes"])
def test_intercepts_of_other_kinds_are_found(model: Any) -> None:
    """Where they are counted from the mean row, and where a decision is of no class."""
    values, base, _ = explained(model.fit(ROWS, SIGNAL))

    np.testing.assert_allclose(values.sum(axis=1) + base, what_it_says(model), rtol=1e-9)


FRAME = pd.DataFrame({"size": ROWS[:, 0], "colour": ["red", "green", "blue"] * 20, "kind": pd.Categorical(["x", "y"] * 30)})
ENCODED = ColumnTransformer([("n", StandardScaler(), ["size"]), ("c", OneHotEncoder(drop="first"), ["colour"]), ("k", "passthrough", [])])


@pytest.mark.filterwarnings("ignore:X does not have valid feature names")
@pytest.mark.parametrize(
    ("model", "rows", "names"),
    [
        (make_pipeline(ENCODED, Ridge()), FRAME, ["n__size", "c__colour_green", "c__colour_red"]),
        (make_pipeline(FunctionTransformer(np.log1p), Ridge()), ROWS, ["x0", "x1", "x2", "x3"]),
        (make_pipeline(FunctionTransformer(np.log1p), Ridge()), pd.DataFrame(ROWS, columns=[*"abcd"]), [*"abcd"]),
        (make_pipeline(FunctionTransformer(np.sum, kw_args={"axis": 1, "keepdims": True}), Ridge()), ROWS, ["x0"]),
        (Pipeline([("a", "passthrough"), ("b", Ridge())]), pd.DataFrame(ROWS, columns=[1, 2, 3, 4]), ["1", "2", "3", "4"]),
        (Pipeline([("only", Ridge())]), ROWS, ["x0", "x1", "x2", "x3"]),
        (make_pipeline(make_pipeline(StandardScaler()), make_pipeline(StandardScaler(), Ridge())), ROWS, ["x0", "x1", "x2", "x3"]),
        (
            GridSearchCV(make_pipeline(ENCODED, Ridge()), {"ridge__alpha": [1]}, cv=2),
            FRAME,
            ["n__size", "c__colour_green", "c__colour_red"],
        ),
        (make_pipeline(GridSearchCV(Ridge(), {"alpha": [1]}, cv=2)), ROWS, ["x0", "x1", "x2", "x3"]),
        (make_pipeline(TfidfVectorizer(), Ridge()), FRAME["colour"], ["blue", "green", "red"]),
        (make_pipeline(TfidfVectorizer(), Ridge()), FRAME["colour"].tolist(), ["blue", "green", "red"]),
        (Ridge(), sp.csr_matrix(ROWS), ["x0", "x1", "x2", "x3"]),
    ],
    ids=[
        "columns",
        "no names",
        "kept names",
        "one of four",
        "passthrough",
        "alone",
        "nested",
        "search",
        "inner search",
        "texts",
        "list",
        "sparse",
    ],
)
def test_the_part_that_learned_sees_what_the_steps_make(model: Any, rows: Any, names: list[str]) -> None:
    """With the names that they give, and says the same of it as the whole."""
    model.fit(rows, SIGNAL)

    found = learner_of(model, rows)

    assert isinstance(found, Learner)
    assert (type(found.model), list(found.names)) == (Ridge, names)
    np.testing.assert_allclose(found.model.predict(found.rows), model.predict(rows))


def test_rows_that_are_no_matrix_of_numbers_are_refused() -> None:
    """With what to do about it."""
    texts = learner_of(Ridge(), FRAME)
    wide = learner_of(Ridge(), sp.csr_matrix((500, 20_001)))

    assert isinstance(texts, Unexplained)
    assert texts.why == "Ridge takes columns that are no numbers; of a pipeline that encodes them it is explained"
    assert isinstance(wide, Unexplained)
    assert wide.why == "its rows have 20,001 columns, too many to look at one by one"


def test_a_forest_says_of_every_feature_how_much_it_matters() -> None:
    """As scikit-learn does."""
    forest = RandomForestClassifier(3, random_state=0).fit(X, Y)

    found = importance_of(forest)

    assert found is not None
    assert {kind: list(outputs) for kind, outputs in found.items()} == {"impurity": [""]}
    np.testing.assert_array_equal(found["impurity"][""], forest.feature_importances_)


def curve_data(n: int, ties: int | None, is_weighed: bool) -> tuple[Any, Any, Any]:
    """What was so, how probable it seemed, and weights."""
    dice = np.random.default_rng(n)
    truth = dice.random(n) < 0.3
    score = np.clip(dice.normal(0.4 + 0.2 * truth, 0.2), 0, 1)
    score = score if ties is None else np.round(score * ties) / ties
    return truth, score, dice.random(n) * 3 if is_weighed else np.ones(n)


@pytest.mark.parametrize("is_weighed", [False, True])
@pytest.mark.parametrize(("n", "ties"), [(40, None), (150, 7), (5_000, None), (5_000, 20)])
def test_curves_are_those_of_scikit_learn(n: int, ties: int | None, is_weighed: bool) -> None:
    """Every point is one of theirs, and where there are few, every one of theirs is here."""
    truth, score, weight = curve_data(n, ties, is_weighed)

    found = curves(truth.astype(int), np.c_[1 - score, score], np.array(["no", "yes"]), weight)

    theirs = {
        "roc_curve": metrics.roc_curve(truth, score, sample_weight=weight, drop_intermediate=False),
        "precision_recall_curve": metrics.precision_recall_curve(truth, score, sample_weight=weight),
    }
    for (name, (first, second, thresholds)), columns in zip(
        theirs.items(), [("false_positive_rate", "true_positive_rate"), ("precision", "recall")], strict=True
    ):
        curve = found[name]
        place_of = {value: place for place, value in enumerate(np.append(thresholds, np.inf)[: len(first)])}
        places = [place_of[value] for value in curve["threshold"]]
        np.testing.assert_allclose(curve[columns[0]], first[places])
        np.testing.assert_allclose(curve[columns[1]], second[places])
        assert len(places) == min(len(np.unique(score)), POINTS) + 1
        assert set(curve["class"]) == {"yes"}
    ends = found["roc_curve"]
    assert (ends["false_positive_rate"][-1], ends["true_positive_rate"][-1]) == (1, 1)


@pytest.mark.parametrize("score_of", [lambda score: score, lambda score: np.round(score * 10) / 10, lambda score: score**9])
def test_calibration_is_that_of_scikit_learn(score_of: Callable[[Any], Any]) -> None:
    """Also on the borders of bins."""
    truth, score, weight = curve_data(5_000, None, False)
    score = score_of(score)

    found = curves(truth.astype(int), np.c_[1 - score, score], np.array(["no", "yes"]), weight)["calibration_curve"]

    share, mean = calibration_curve(truth, score, n_bins=10)
    np.testing.assert_allclose(found["share_of_the_class"], share)
    np.testing.assert_allclose(found["predicted_probability"], mean)
    assert sum(found["weight"]) == 5_000


def test_of_several_classes_each_is_held_against_the_others() -> None:
    """And one that no row has, or every row, has no curve."""
    probable = DICE.dirichlet(np.ones(3), 60)

    found = curves(np.tile([0, 1], 30), probable, np.array([5, 7, 9]), np.ones(60))
    alone = curves(np.zeros(60, int), probable[:, :1], np.array([5]), np.ones(60))

    assert list(dict.fromkeys(found["roc_curve"]["class"])) == ["5", "7"]
    area = metrics.auc(
        *(
            [value for value, name in zip(found["roc_curve"][column], found["roc_curve"]["class"], strict=True) if name == "7"]
            for column in ("false_positive_rate", "true_positive_rate")
        )
    )
    assert area == pytest.approx(metrics.roc_auc_score(np.tile([0, 1], 30), probable[:, 1]))
    assert alone == {}
    assert curves(np.zeros(60, int), probable, np.array([5, 7, 9]), np.ones(60)) == {}


def test_the_table_of_classes_is_that_of_scikit_learn() -> None:
    """With the weights of rows."""
    weights = DICE.random(len(X))
    model = LogisticRegression(C=0.01).fit(X, Y)

    found = training_metrics(model, X, Y, weights, None)

    assert found is not None
    table = found["training_confusion_matrix"]
    expected = metrics.confusion_matrix(Y, model.predict(X), sample_weight=weights)
    np.testing.assert_allclose(np.reshape(table["count"], (3, 3)), expected)
    assert (table["actual"][:4], table["predicted"][:4]) == (["0", "0", "0", "1"], ["0", "1", "2", "0"])


def test_residuals_are_of_a_thousand_rows_at_most() -> None:
    """In their order, and of one target."""
    truth = np.arange(3_000)

    found = residuals(truth, truth / 2)["residuals"]

    assert len(found["actual"]) == 1_000
    assert found["predicted"] == [value / 2 for value in sorted(found["actual"])]
    assert residuals(np.zeros((5, 2)), np.zeros((5, 2))) == {}


def states() -> tuple[Any, Any]:
    """Of the generators that a program shares."""
    return random.getstate(), repr(np.random.get_state())


def test_a_pipeline_is_explained_where_it_is_recorded(inline: Runs) -> None:
    """By the names that its steps make, adding up to what it says; data and generators are as they were."""
    rows, before = FRAME.copy(), states()
    model = make_pipeline(ENCODED, LogisticRegression()).fit(rows, TARGETS["two classes"])
    assert states() == before
    pd.testing.assert_frame_equal(rows, FRAME)

    (run,) = inline()
    found, importance = run.explanation(), run.importance()
    assert (found.explainer, found.space, found.outputs, found.of) == ("linear", "log-odds", ["yes"], 60)
    assert found.features == ["n__size", "c__colour_green", "c__colour_red"]
    np.testing.assert_allclose((found.values.sum(axis=1) + found.base)[:, 0], model.decision_function(FRAME))
    table = importance.to_pandas()
    assert importance.kinds == ["coefficient", "permutation"]
    assert table[table.kind == "coefficient"]["feature"].tolist() == found.features
    assert table[table.kind == "permutation"]["feature"].tolist() == list(FRAME)
    np.testing.assert_array_equal(table[table.kind == "coefficient"]["value"], model[-1].coef_[0])
    assert {"importance.png", "training_confusion_matrix.png", "training_roc_curve.png"} < set(run.artifacts)


def test_coefficients_are_recorded_for_each_class(inline: Runs) -> None:
    """And a search is explained by its best estimator; that this is asked without the frame's names is nobody's business."""
    frame = pd.DataFrame(X, columns=[*"abcd"])
    model = GridSearchCV(LogisticRegression(max_iter=500), {"C": [1.0]}, cv=2).fit(frame, Y)

    run = next(run for run in inline() if run.info.parent_run_id is None)
    found, table = run.explanation(), run.importance().to_pandas()
    own = table[table.kind == "coefficient"].pivot(index="output", columns="feature", values="value")
    assert (list(own.index), list(own.columns)) == (["0", "1", "2"], [*"abcd"])
    np.testing.assert_array_equal(own, model.best_estimator_.coef_)
    np.testing.assert_allclose(found.values.sum(axis=1) + found.base, model.decision_function(frame))


def test_texts_are_explained_by_their_words(inline: Runs) -> None:
    """Their words have no permutation."""
    texts = ["good film", "bad film", "good good", "awful bad"] * 5
    model = make_pipeline(TfidfVectorizer(), Ridge()).fit(texts, [1.0, 0.0, 2.0, -1.0] * 5)

    (run,) = inline()
    found = run.explanation()
    assert (found.features, run.importance().kinds) == (["awful", "bad", "film", "good"], ["coefficient"])
    np.testing.assert_allclose((found.values.sum(axis=1) + found.base)[:, 0], model.predict(texts))


def test_of_a_wide_model_of_texts_fewer_rows_are_kept(inline: Runs) -> None:
    """Of one too wide none, which is said."""
    rows = sp.random(600, 5_000, density=0.002, format="csr", random_state=0)
    model = Ridge(solver="sparse_cg").fit(rows, np.arange(600.0))
    Ridge(solver="sparse_cg").fit(sp.random(600, 100_001, density=0.0001, format="csr", random_state=0), np.arange(600.0))

    first, second = inline()
    found = first.explanation()
    sampled = np.sort(np.random.default_rng(0).choice(600, 100, replace=False))
    assert (found.values.shape, found.of, first.importance().kinds[0]) == ((100, 5_000, 1), 600, "coefficient")
    np.testing.assert_allclose((found.values.sum(axis=1) + found.base)[:, 0], model.predict(rows[sampled]))
    assert second.tags["runlake.skipped.explanation"] == "a row has 100,001 values"
    assert "explanation" not in second.jobs


@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
def test_what_is_not_explained_says_why(inline: Runs) -> None:
    """In the job; its permutations are there nonetheless."""
    MLPRegressor(hidden_layer_sizes=[2], max_iter=3).fit(ROWS, SIGNAL)
    SVR().fit(ROWS, SIGNAL)
    SVC(kernel="linear").fit(X, Y)

    why = [run.jobs["explanation"].why for run in inline()]
    assert [str(run.jobs["explanation"].state) for run in inline()] == ["skipped"] * 3
    assert [run.importance().kinds for run in inline()] == [["permutation"]] * 3
    assert why == [
        "no installed plugin explains sklearn.neural_network._multilayer_perceptron.MLPRegressor",
        "no installed plugin explains sklearn.svm._classes.SVR",
        "SVC tells 3 classes apart by pairs, and what it says of one is no sum",
    ]
    with pytest.raises(runlake.errors.UnknownArtifact, match=r"has no explanation\.parquet: the job is skipped: no installed plugin"):
        inline()[0].explanation()


def test_a_model_without_a_safe_form_leaves_no_jobs(inline: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    """One of the program's own class, or with a function of it inside."""

    class Mine(Ridge):  # type: ignore[misc]  # scikit-learn has no types
        pass

    Mine.__module__, Mine.__qualname__ = "__main__", "Mine"
    monkeypatch.setattr(sys.modules["__main__"], "Mine", Mine, raising=False)
    Mine().fit(ROWS, SIGNAL)
    make_pipeline(FunctionTransformer(lambda rows: rows), Ridge()).fit(ROWS, SIGNAL)

    own, with_function = inline()
    assert own.tags["runlake.skipped.model"] == "the model is of class __main__.Mine"
    assert "lambda" in with_function.tags["runlake.skipped.model"]
    for run in (own, with_function):
        assert not {"explanation", "importance"} & set(run.jobs)
        assert "sample.parquet" not in run.artifacts


def test_nothing_is_explained_where_that_is_not_wanted(runs: Runs, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Neither a sample nor a job is left."""
    monkeypatch.setenv("RUNLAKE_JOBS", "inline")
    runlake.autolog("sklearn", log_explanations=False)
    LinearRegression().fit(ROWS, SIGNAL)

    (run,) = runs()
    assert not {"explanation", "importance"} & set(run.jobs)
    assert not {"sample.parquet", "importance.parquet", "explanation.parquet"} & set(run.artifacts)


def test_a_training_that_changes_its_data_is_not_explained(runs: Runs) -> None:
    """By rows that it never saw."""
    rows = np.random.default_rng(0).normal(100, 1, (50, 3))
    runlake.autolog("sklearn")
    LinearRegression(copy_X=False).fit(rows, rows[:, 0].copy())

    (run,) = runs()
    assert run.tags["runlake.skipped.explanation"] == "the training changed the data that it was given"
    assert "sample.parquet" not in run.artifacts


def test_data_whose_rows_cannot_be_had_one_by_one_is_recorded_without_an_error(runs: Runs) -> None:
    """The signature then says what the model takes and not what it gives."""
    runlake.autolog("sklearn")
    Ridge().fit(sp.coo_array(np.eye(20)), np.arange(20.0))

    (run,) = runs()
    assert run.errors == []
    assert run.signature is not None
    assert (run.signature.inputs is not None, run.signature.outputs) == (True, None)
