"""What shap says of tree models adds up to what the models say, and where it would not, that is told."""

from __future__ import annotations

import itertools
import random
import re
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from runlake_shap.explaining import explainer_of
from runlake_shap.quiet import nothing_left_behind
from sklearn import ensemble, tree
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.linear_model import LinearRegression, LogisticRegression
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # it has no types

from runlake import Explainer, Unexplained
from runlake.analysis.additivity import not_additive

with nothing_left_behind():
    import shap

Numbers = NDArray[np.float64]

GENERATOR = np.random.default_rng(0)
ROWS = GENERATOR.normal(size=(160, 4)) * [1.0, 10.0, 1000.0, 0.001]
MISSING = np.where(GENERATOR.random(ROWS.shape) < 0.15, np.nan, ROWS)
SIGNAL = ROWS @ [1.0, 0.1, 0.001, 500.0] + np.sin(3 * ROWS[:, 0])
TWO = np.where(SIGNAL > 0, "yes", "no")
FOUR = np.digitize(SIGNAL, [-1.0, 0.0, 1.0]) * 7 - 3  # -3, 4, 11, 18
COUNTS = np.exp(SIGNAL / 2)
WEIGHTS = GENERATOR.random(len(ROWS)) * 3
SEED: dict[str, Any] = {"random_state": 0}
FEW: dict[str, Any] = {"n_estimators": 6, "random_state": 0}
SHORT: dict[str, Any] = {"max_iter": 6, "random_state": 0}

CLASSES = [
    tree.DecisionTreeClassifier(**SEED),
    tree.DecisionTreeClassifier(max_leaf_nodes=6, class_weight="balanced", **SEED),
    tree.ExtraTreeClassifier(**SEED),
    ensemble.RandomForestClassifier(class_weight="balanced_subsample", **FEW),
    ensemble.RandomForestClassifier(1, max_depth=1, criterion="entropy", **SEED),
    ensemble.ExtraTreesClassifier(bootstrap=True, max_samples=0.3, **FEW),
    ensemble.HistGradientBoostingClassifier(**SHORT),
    ensemble.HistGradientBoostingClassifier(early_stopping=True, n_iter_no_change=1, max_features=0.5, **SHORT),
]
OF_TWO = [
    tree.DecisionTreeClassifier(monotonic_cst=[1, 0, -1, 0], **SEED),
    ensemble.GradientBoostingClassifier(**FEW),
    ensemble.GradientBoostingClassifier(subsample=0.5, learning_rate=1.0, n_iter_no_change=2, **FEW),
    ensemble.HistGradientBoostingClassifier(monotonic_cst=[1, 0, -1, 0], **SHORT),
]
NUMBERS = [
    tree.DecisionTreeRegressor(criterion="absolute_error", ccp_alpha=0.01, **SEED),
    tree.ExtraTreeRegressor(**SEED),
    ensemble.RandomForestRegressor(min_samples_leaf=5, **FEW),
    ensemble.ExtraTreesRegressor(monotonic_cst=[1, 0, 0, 0], **FEW),
    *[ensemble.GradientBoostingRegressor(loss=loss, **FEW) for loss in ("squared_error", "absolute_error", "huber", "quantile")],
    *[ensemble.HistGradientBoostingRegressor(loss=loss, **SHORT) for loss in ("squared_error", "absolute_error", "poisson", "gamma")],
    ensemble.HistGradientBoostingRegressor(loss="quantile", quantile=0.2, **SHORT),
]
ISOLATION = [
    ensemble.IsolationForest(**FEW),
    ensemble.IsolationForest(max_features=2, max_samples=40, contamination=0.1, **FEW),
    ensemble.IsolationForest(max_samples=2, **FEW),
]


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    """Histograms of a hundred rows take seconds where threads wait for each other on busy cores."""
    with threadpool_limits(1):
        yield


def made(model: Any) -> Explainer:
    """An explainer that must be there."""
    found = explainer_of(model)
    assert isinstance(found, Explainer)
    return found


def assert_adds_up(model: Any, rows: Any) -> Explainer:
    """Every row's values do, by our check and by a stricter one."""
    found = made(model)
    (values, base), raw = found.values(rows), found.raw(rows)

    assert values.shape == (*rows.shape, len(found.outputs))
    assert (base.shape, raw.shape) == ((len(found.outputs),), (len(rows), len(found.outputs)))
    assert not not_additive(values, base, raw).any()
    np.testing.assert_allclose(values.sum(axis=1) + base, raw, rtol=1e-9, atol=1e-9 * np.abs(raw).max())
    return found


@pytest.mark.parametrize("model", [*CLASSES, *OF_TWO], ids=repr)
def test_two_classes_are_one_output(model: Any) -> None:
    """The second class is explained: its probability, or its log-odds."""
    found = assert_adds_up(model.fit(ROWS, TWO), ROWS)

    probability = "log-odds" if "Boosting" in type(model).__name__ else "probability"
    assert (found.name, found.space, found.outputs) == ("shap.TreeExplainer", probability, ("yes",))


@pytest.mark.parametrize("model", CLASSES, ids=repr)
def test_many_classes_have_an_output_each(model: Any) -> None:
    """Labels may be any numbers."""
    found = assert_adds_up(model.fit(ROWS, FOUR), ROWS)

    assert (found.space, found.outputs) == ("decision" if "Boosting" in repr(model) else "probability", ("-3", "4", "11", "18"))


@pytest.mark.parametrize("model", NUMBERS, ids=repr)
@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["", "weighted"])
def test_numbers(model: Any, weights: Any) -> None:
    """In the space of the link, where a loss has one."""
    found = assert_adds_up(model.fit(ROWS, COUNTS, sample_weight=weights), ROWS)

    linked = getattr(model, "loss", "") in ("poisson", "gamma")
    assert (found.space, found.outputs) == ("log of the prediction" if linked else "prediction", ("",))


@pytest.mark.parametrize("model", ISOLATION, ids=repr)
@pytest.mark.parametrize("rows", [ROWS, MISSING], ids=["", "missing"])
def test_lengths_of_paths(model: Any, rows: Any) -> None:
    """What isolates a row is what makes its path short."""
    assert assert_adds_up(model.fit(rows), rows).space == "path length"


@pytest.mark.parametrize("forest", [tree.DecisionTreeRegressor(**SEED), ensemble.RandomForestRegressor(**FEW)], ids=repr)
def test_targets_have_an_output_each(forest: Any) -> None:
    """They have no names that the model knows."""
    assert assert_adds_up(forest.fit(ROWS, np.c_[SIGNAL, -SIGNAL]), ROWS).outputs == ("target 0", "target 1")


@pytest.mark.parametrize("model", [CLASSES[0], CLASSES[3], CLASSES[5], CLASSES[6]], ids=repr)
@pytest.mark.parametrize(("fitted_on", "asked"), [(MISSING, MISSING), (ROWS, MISSING), (MISSING, ROWS)], ids=["both", "asked", "fitted"])
def test_what_is_missing_goes_where_the_model_sends_it(model: Any, fitted_on: Any, asked: Any) -> None:
    """Whether or not it saw such rows as it was fitted."""
    assert_adds_up(model.fit(fitted_on, TWO), asked)


@pytest.mark.parametrize("model", [NUMBERS[0], NUMBERS[2], NUMBERS[4], NUMBERS[8], ISOLATION[0]], ids=repr)
def test_uncommon_rows(model: Any) -> None:
    """Single precision, whole numbers, rows close to a threshold, a feature that never changes, one row, none."""
    close = ROWS * 1e-4 + 1234.5678
    for rows in (ROWS.astype(np.float32), (ROWS * 100).astype(np.int64), close, np.c_[ROWS[:, :3], np.ones(len(ROWS))]):
        assert_adds_up(model.fit(rows, SIGNAL), rows)
    assert_adds_up(model, rows[:1])
    assert made(model).values(rows[:0])[0].shape == (0, 4, 1)


def test_one_leaf_and_outputs_far_from_zero() -> None:
    """Nothing has an effect; and an effect that is small beside the output is an effect."""
    flat = made(tree.DecisionTreeRegressor().fit(ROWS, np.full(len(ROWS), 7.0)))
    far = made(tree.DecisionTreeRegressor(max_depth=2).fit(ROWS, SIGNAL + 1e9))

    assert not flat.values(ROWS)[0].any()
    values, base = far.values(ROWS)
    assert not not_additive(values, base, far.raw(ROWS)).any()
    assert not_additive(values * 1.1, base, far.raw(ROWS)).all()


@pytest.mark.parametrize("model", [CLASSES[3], OF_TWO[1], CLASSES[6]], ids=repr)
def test_values_are_those_of_shap(model: Any) -> None:
    """Called by hand on the same rows."""
    with nothing_left_behind():
        theirs = np.asarray(shap.TreeExplainer(model.fit(ROWS, TWO)).shap_values(ROWS))

    ours = made(model).values(ROWS)[0]
    np.testing.assert_array_equal(ours[:, :, 0], theirs[:, :, 1] if theirs.ndim == 3 else theirs)


@pytest.mark.parametrize("model", [CLASSES[3], NUMBERS[8], ISOLATION[1]], ids=repr)
def test_batches_give_what_all_at_once_does(model: Any) -> None:
    """To the last bit."""
    found = made(model.fit(ROWS, FOUR if hasattr(model, "predict_proba") else COUNTS))

    batches = [found.values(ROWS[start : start + 37])[0] for start in range(0, len(ROWS), 37)]
    np.testing.assert_array_equal(np.concatenate(batches), found.values(ROWS)[0])


def mean_with(node: int, grown: Any, row: Numbers, known: tuple[int, ...]) -> float:
    """What a tree says where some features are known, and for the others what its rows did."""
    left, right = grown.children_left[node], grown.children_right[node]
    if left == -1:
        return float(grown.value[node].ravel()[0])
    if grown.feature[node] in known:
        return mean_with(left if row[grown.feature[node]] <= grown.threshold[node] else right, grown, row, known)
    share = grown.weighted_n_node_samples[left] / grown.weighted_n_node_samples[node]
    return float(share * mean_with(left, grown, row, known) + (1 - share) * mean_with(right, grown, row, known))


def test_values_are_what_their_definition_says() -> None:
    """The mean, over every order in which the features become known, of how much each changes what the tree says."""
    model = tree.DecisionTreeRegressor(max_depth=5, **SEED).fit(ROWS, SIGNAL, sample_weight=WEIGHTS)
    rows = ROWS[:5].astype(np.float32).astype(np.float64)
    expected = np.zeros(rows.shape)
    orders = list(itertools.permutations(range(4)))
    for place, order, after in itertools.product(range(len(rows)), orders, range(4)):
        known, feature = order[:after], order[after]
        with_it, without = (mean_with(0, model.tree_, rows[place], some) for some in ((*known, feature), known))
        expected[place, feature] += (with_it - without) / len(orders)

    np.testing.assert_allclose(made(model).values(rows)[0][:, :, 0], expected, rtol=1e-9, atol=1e-12)


def categories(classifies: bool) -> Any:
    """A model that splits by category."""
    rows = np.c_[np.arange(len(ROWS)) % 9, ROWS]
    if classifies:
        return ensemble.HistGradientBoostingClassifier(categorical_features=[0], **SHORT).fit(rows, TWO)
    return ensemble.HistGradientBoostingRegressor(categorical_features=[0], **SHORT).fit(rows, SIGNAL)


TOLD = {
    "GradientBoostingClassifier of 4 classes": lambda: ensemble.GradientBoostingClassifier(**FEW).fit(ROWS, FOUR),
    "init='zero'": lambda: ensemble.GradientBoostingRegressor(init="zero", **FEW).fit(ROWS, SIGNAL),
    "init=LinearRegression": lambda: ensemble.GradientBoostingRegressor(init=LinearRegression(), **FEW).fit(ROWS, SIGNAL),
    "init=DummyRegressor": lambda: ensemble.GradientBoostingRegressor(init=DummyRegressor(), **FEW).fit(ROWS, SIGNAL),
    "init=DummyClassifier": lambda: ensemble.GradientBoostingClassifier(init=DummyClassifier(strategy="uniform"), **FEW).fit(ROWS, TWO),
    "init=LogisticRegression": lambda: ensemble.GradientBoostingClassifier(init=LogisticRegression(), **FEW).fit(ROWS, TWO),
    "half the log-odds": lambda: ensemble.GradientBoostingClassifier(loss="exponential", **FEW).fit(ROWS, TWO),
    "1 of its features by category": lambda: categories(False),
    "Classifier splits 1 of its features by category": lambda: categories(True),
    "has no AdaBoostClassifier": lambda: ensemble.AdaBoostClassifier(**FEW).fit(ROWS, TWO),
    "has no AdaBoostRegressor": lambda: ensemble.AdaBoostRegressor(**FEW).fit(ROWS, SIGNAL),
    "has no BaggingClassifier": lambda: ensemble.BaggingClassifier(**FEW).fit(ROWS, TWO),
    "has no BaggingRegressor": lambda: ensemble.BaggingRegressor(**FEW).fit(ROWS, SIGNAL),
    "RandomForestClassifier says 2 things of each row": lambda: ensemble.RandomForestClassifier(**FEW).fit(ROWS, np.c_[FOUR, FOUR > 0]),
    "DecisionTreeClassifier says 2 things of each row": lambda: tree.DecisionTreeClassifier().fit(ROWS, np.c_[FOUR, FOUR > 0]),
    "one class alone, 'no'": lambda: tree.DecisionTreeClassifier().fit(ROWS, np.full(len(ROWS), "no")),
    "one class alone, '3'": lambda: ensemble.HistGradientBoostingClassifier(**SHORT).fit(ROWS, np.full(len(ROWS), 3)),
    "bootstrap=True": lambda: ensemble.IsolationForest(bootstrap=True, **FEW).fit(ROWS),
    "each tree one feature": lambda: ensemble.IsolationForest(max_features=1, **FEW).fit(ROWS),
    "IsolationForest gave each tree one feature": lambda: ensemble.IsolationForest(**FEW).fit(ROWS[:, :1]),
    "each tree from one row": lambda: ensemble.IsolationForest(max_samples=1, **FEW).fit(ROWS),
    "is not fitted": lambda: ensemble.RandomForestClassifier(),
}


@pytest.mark.parametrize("why", TOLD)
def test_what_shap_cannot_do_is_told(why: str) -> None:
    """Before anything is computed, with the reason, and what is possible instead."""
    said = explainer_of(TOLD[why]())

    assert isinstance(said, Unexplained)
    assert why in said.why
    assert said.why.count(". ") >= 1


def test_trees_too_large_to_copy_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """They are counted first."""
    monkeypatch.setattr("runlake_shap.limits.MOST_BYTES", 10_000)

    said = explainer_of(ensemble.RandomForestRegressor(**FEW).fit(ROWS, SIGNAL))
    assert isinstance(said, Unexplained)
    assert re.search(r"6 trees of up to \d+ nodes", said.why)


def test_leaves_that_weigh_nothing_are_told() -> None:
    """Weights below zero can make them."""
    weights = np.resize([-1.0, 1.0, 1.0, 0.5], len(ROWS))

    said = explainer_of(tree.DecisionTreeRegressor(max_depth=4, **SEED).fit(ROWS, SIGNAL, sample_weight=weights))
    assert isinstance(said, Unexplained)
    assert re.search("leaves whose rows weigh nothing or less", said.why)


def test_other_models_are_not_ours() -> None:
    """Linear ones, what is made of them, and what is no model."""
    bagged = ensemble.BaggingClassifier(LogisticRegression(), n_estimators=2).fit(ROWS[:, :2], TWO)

    assert [explainer_of(model) for model in (LogisticRegression(), bagged, None, "forest")] == [None] * 4


class Squared(ensemble.RandomForestClassifier):  # type: ignore[misc]  # scikit-learn has no types
    """Says something else than its trees do."""

    def predict_proba(self, rows: Any) -> Any:
        """No probability any more."""
        return super().predict_proba(rows) ** 2


def test_a_model_that_says_something_else_is_found_by_our_check() -> None:
    """Nothing told of it beforehand."""
    found = made(Squared(max_depth=3, **FEW).fit(ROWS, TWO))

    assert not_additive(*found.values(ROWS), found.raw(ROWS)).sum() > len(ROWS) / 2


def test_paths_with_very_many_features_are_found_by_our_check() -> None:
    """shap loses every digit where a hundred features are divided by, and says nothing."""
    rows = np.eye(121, 120)
    model = tree.DecisionTreeRegressor(random_state=0).fit(rows, np.arange(121.0) ** 2)
    found = made(model)

    assert model.get_depth() == 120
    assert not_additive(*found.values(rows), found.raw(rows)).all()


def test_what_is_no_number_does_not_add_up() -> None:
    """Nor does what is infinite; a row beside it is judged by itself."""
    values, base = np.ones((4, 2, 1)), np.zeros(1)
    values[1], values[2, 0], values[2, 1] = np.nan, np.inf, -np.inf
    raw = np.array([[2.0], [2.0], [np.inf], [2.00001]])

    assert not_additive(values, base, raw).tolist() == [False, True, True, True]
    assert not_additive(values[:0], base, raw[:0]).tolist() == []


def test_rows_of_another_width_are_refused() -> None:
    """The library would read memory that is not theirs."""
    found = made(tree.DecisionTreeRegressor(**SEED).fit(ROWS, SIGNAL))

    with pytest.raises(ValueError, match=r"fitted on 4 features, and the rows are \(160, 3\)"):
        found.values(ROWS[:, :3])


@pytest.mark.parametrize(
    "model",
    [
        ensemble.RandomForestClassifier(3, verbose=2, n_jobs=2, random_state=np.random.RandomState(1)),
        ensemble.HistGradientBoostingClassifier(verbose=1, **SHORT),
        ensemble.IsolationForest(n_estimators=3, verbose=2, random_state=0),
    ],
    ids=lambda model: type(model).__name__,
)
def test_nothing_is_left_behind(model: Any, capfd: pytest.CaptureFixture[str]) -> None:
    """Generators, filters, output, and the model itself are as before; columns with names make no warning."""
    pandas = pytest.importorskip("pandas")
    model.fit(pandas.DataFrame(ROWS, columns=list("abcd")), TWO)
    capfd.readouterr()
    before = np.random.get_state(legacy=False), random.getstate(), list(warnings.filters), dict(vars(model))

    found = made(model)
    found.values(ROWS)
    found.raw(ROWS)

    after = np.random.get_state(legacy=False), random.getstate(), list(warnings.filters), dict(vars(model))
    np.testing.assert_equal(after[0], before[0])
    assert after[1:3] == before[1:3]
    assert all(after[3][name] is value for name, value in before[3].items())
    assert after[3].keys() == before[3].keys()
    assert tuple(capfd.readouterr()) == ("", "")
