"""A fitted model that is written and read is the model that it was, and writing it changes nothing."""

from __future__ import annotations

import ast
import importlib
import pickle
import random
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import sklearn
from runlake_sklearn.form import WRITTEN_WITH, Form, InvalidForm, NoSafeForm, TooLarge, closed_list, decode, encode, names, size_of
from runlake_sklearn.form.natives import NATIVE
from scipy.sparse import csr_array, csr_matrix, issparse
from scipy.stats import gaussian_kde, loguniform
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.cluster import Birch, BisectingKMeans
from sklearn.compose import ColumnTransformer, make_column_selector
from sklearn.ensemble import (
    BaggingClassifier,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    StackingRegressor,
    VotingClassifier,
)
from sklearn.experimental import enable_halving_search_cv, enable_iterative_imputer  # noqa: F401
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.feature_selection import SelectKBest
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, DotProduct, Matern, WhiteKernel
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge, SGDClassifier
from sklearn.metrics import f1_score, make_scorer
from sklearn.metrics.pairwise import rbf_kernel
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV
from sklearn.multiclass import OneVsRestClassifier
from sklearn.neighbors import KernelDensity, KNeighborsClassifier
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor
from sklearn.utils import all_estimators, get_tags
from sklearn.utils._test_common.instance_generator import _construct_instances

NUMBERS = np.random.default_rng(0)
X = NUMBERS.normal(size=(60, 4))
NEW = NUMBERS.normal(size=(15, 4))
Y = (X[:, 0] > 0).astype(int)
THREE = np.digitize(X[:, 0], [-0.5, 0.5])
REAL = X[:, 0] + 0.1 * X[:, 1]
TEXTS = [f"the cat sat on mat{row % 5} word{row % 7}" for row in range(60)]
RECORDS = [{"a": 1.0, "b": float(row), f"c{row % 3}": 1.0} for row in range(60)]

MOST = 2**30

ANSWERS = (
    "predict predict_proba predict_log_proba decision_function transform inverse_transform score_samples kneighbors kneighbors_graph "
    "radius_neighbors apply decision_path staged_predict get_feature_names_out get_support mahalanobis"
).split()


def back(model: Any) -> Any:
    """A model, written and read."""
    form = encode(model, MOST)
    return decode(form.tree, form.buffers)


def instances(name: str, kind: Any) -> list[Any]:
    """Unfitted estimators of a class, as scikit-learn's own common tests make them."""
    if name == "SparseCoder":
        return [kind(NUMBERS.normal(size=(3, 4)))]
    if name == "FrozenEstimator":
        return [kind(Ridge().fit(X, REAL))]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return list(_construct_instances(kind))


def data_for(estimator: Any, rows: Any = X) -> tuple[Any, Any]:
    """Data that an estimator can be fitted on: of the kind and the signs that its tags ask for."""
    tags, name = get_tags(estimator), type(estimator).__name__
    count = len(rows)
    is_for_many = tags.classifier_tags is not None and tags.classifier_tags.multi_class
    labels = np.digitize(rows[:, 0], [-0.5, 0.5]) if is_for_many else (rows[:, 0] > 0).astype(int)
    targets: Any = rows[:, 0] + 0.1 * rows[:, 1] if tags.estimator_type == "regressor" else labels
    data: Any = rows
    if tags.input_tags.positive_only or "Chi2" in name or name in ("ComplementNB", "MultinomialNB", "CategoricalNB"):
        data = np.abs(rows)
    if name == "CategoricalNB":
        data = np.digitize(rows, [-0.5, 0.5])
    if tags.target_tags.positive_only:
        targets = np.abs(targets) + 0.1
    if tags.target_tags.multi_output and not tags.target_tags.single_output:
        targets = np.c_[targets, targets[::-1]]
    if tags.input_tags.one_d_array and not tags.input_tags.two_d_array:
        data = rows[:, 0]
    if tags.input_tags.pairwise:
        data = np.abs(rows @ X.T)
    if tags.input_tags.string and not tags.input_tags.two_d_array:
        data = TEXTS[:count]
    if tags.input_tags.dict:
        data = RECORDS[:count]
    if name in ("LabelBinarizer", "LabelEncoder"):
        data = labels
    if name == "MultiLabelBinarizer":
        data = [(1, 2), (2,), (3,)]
    if name == "PatchExtractor":
        data = NUMBERS.normal(size=(4, 8, 8))
    return data, targets


def fitted(estimator: Any) -> Any:
    """An estimator after its fit; some take no targets."""
    data, targets = data_for(estimator)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if type(estimator).__name__ in ("LabelBinarizer", "LabelEncoder", "MultiLabelBinarizer"):
            return estimator.fit(data)
        if type(estimator).__name__.startswith("Halving"):
            return estimator.fit(np.tile(data, (4, 1)), np.tile(targets, 4))
        return estimator.fit(data, targets)


def answers(model: Any, data: Any) -> dict[str, Any]:
    """Everything that a model says of data, or the class of what it raises; from the same place of the random generator."""
    said: dict[str, Any] = {}
    for method in ANSWERS:
        np.random.seed(0)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                answer = getattr(model, method)(*([] if method in ("get_feature_names_out", "get_support") else [data]))
                said[method] = list(answer) if method == "staged_predict" else answer
            except Exception as error:
                said[method] = type(error)
    return said


def same(one: Any, other: Any, met: set[int] | None = None) -> bool:
    """Whether two values are alike through and through: classes, dtypes, orders, the last bit of each number."""
    met = set() if met is None else met
    if type(one) is not type(other):
        return False
    if id(one) in met:
        return True
    if isinstance(one, np.ndarray):
        alike = one.dtype == other.dtype and one.shape == other.shape
        if one.dtype == object:
            return alike and all(same(a, b, met) for a, b in zip(one.ravel().tolist(), other.ravel().tolist(), strict=True))
        return bool(alike and one.tobytes() == other.tobytes())
    if isinstance(one, pd.DataFrame):
        return bool(one.equals(other))
    if issparse(one):
        return same(vars(one.tocsr())["data"], vars(other.tocsr())["data"]) and same(one.toarray(), other.toarray())
    if isinstance(one, float):
        return np.float64(one).tobytes() == np.float64(other).tobytes()
    if isinstance(one, (list, tuple)):
        return len(one) == len(other) and all(same(a, b, met | {id(one)}) for a, b in zip(one, other, strict=True))
    if isinstance(one, dict):
        return list(one) == list(other) and all(same(one[key], other[key], met | {id(one)}) for key in one)
    if names.class_name(type(one)) in names.CLASSES and hasattr(one, "__reduce_ex__"):
        return same(one.__reduce_ex__(4)[1:3], other.__reduce_ex__(4)[1:3], met | {id(one)})
    return bool(one == other)


NAMES = sorted(name for name, _ in all_estimators())


@pytest.mark.parametrize("name", NAMES)
def test_an_estimator_answers_as_before(name: str) -> None:
    """Written and read, an estimator has its class, its settings, and the same answers bit for bit."""
    made = instances(name, dict(all_estimators())[name])
    assert made
    for estimator in made:
        model = fitted(estimator)
        data, _ = data_for(estimator, NEW)

        read = back(model)

        assert type(read) is type(model)
        assert same(model.get_params(deep=False), read.get_params(deep=False))
        assert same(answers(model, data), answers(read, data))


@pytest.mark.parametrize("name", NAMES)
def test_an_estimator_that_was_not_fitted_has_a_form(name: str) -> None:
    """Before its fit a model is its settings."""
    for estimator in instances(name, dict(all_estimators())[name]):
        assert same(back(estimator).get_params(deep=False), estimator.get_params(deep=False))


FRAME = pd.DataFrame({"a": X[:, 0], "b": X[:, 1], "c": np.where(Y, "x", "y"), "d": pd.Categorical(np.where(THREE == 1, "p", "q"))})

MODELS: dict[str, Callable[[], tuple[Any, Any]]] = {
    "a pipeline": lambda: (make_pipeline(StandardScaler(), SelectKBest(k=2), LogisticRegression()).fit(X, THREE), NEW),
    "columns of a frame": lambda: (
        make_pipeline(
            ColumnTransformer([("n", StandardScaler(), ["a", "b"]), ("c", OneHotEncoder(), make_column_selector(dtype_include=object))]),
            LogisticRegression(),
        ).fit(FRAME[["a", "b", "c"]].astype({"c": object}), Y),
        FRAME[["a", "b", "c"]].astype({"c": object}),
    ),
    "a union": lambda: (FeatureUnion([("a", StandardScaler()), ("b", SelectKBest(k=1))]).fit(X, Y), NEW),
    "a search": lambda: (
        GridSearchCV(SVC(), {"C": [0.1, 1], "kernel": ["rbf", "linear"]}, cv=2, scoring=make_scorer(f1_score)).fit(X, Y),
        NEW,
    ),
    "a random search": lambda: (
        RandomizedSearchCV(Ridge(), {"alpha": loguniform(1e-3, 1)}, n_iter=3, cv=2, random_state=0).fit(X, REAL),
        NEW,
    ),
    "a vote": lambda: (VotingClassifier([("a", LogisticRegression()), ("b", SVC())]).fit(X, THREE), NEW),
    "a stack": lambda: (StackingRegressor([("a", Ridge()), ("b", DecisionTreeRegressor())], cv=2).fit(X, REAL), NEW),
    "calibrated": lambda: (CalibratedClassifierCV(SVC(), method="isotonic", cv=2).fit(X, Y), NEW),
    "one against the rest": lambda: (OneVsRestClassifier(LogisticRegression()).fit(X, THREE), NEW),
    "bagged trees": lambda: (
        BaggingClassifier(DecisionTreeClassifier(), n_estimators=5, max_features=2, random_state=0).fit(X, THREE),
        NEW,
    ),
    "a forest of texts": lambda: (RandomForestClassifier(10, random_state=0).fit(X, np.array(["no", "yes"], object)[Y]), NEW),
    "categories of a frame": lambda: (
        HistGradientBoostingClassifier(max_iter=5, min_samples_leaf=3, categorical_features="from_dtype").fit(FRAME[["a", "b", "d"]], Y),
        FRAME[["a", "b", "d"]],
    ),
    "a boosting of two classes": lambda: (GradientBoostingClassifier(n_estimators=5).fit(X, Y), NEW),
    "a machine of two classes": lambda: (SVC().fit(X, Y), NEW),
    "a tree of two outputs": lambda: (DecisionTreeClassifier().fit(X, np.c_[Y, THREE]), NEW),
    "a pruned tree": lambda: (DecisionTreeClassifier(ccp_alpha=0.02).fit(X, THREE), NEW),
    "a tree grown best first": lambda: (DecisionTreeRegressor(max_leaf_nodes=7).fit(X, REAL), NEW),
    "a tree with gaps": lambda: (DecisionTreeRegressor().fit(np.where(X > 1.5, np.nan, X), REAL), np.where(NEW > 1, np.nan, NEW)),
    "sparse coefficients": lambda: (SGDClassifier(penalty="l1", random_state=0).fit(X, THREE).sparsify(), NEW),
    "sparse support vectors": lambda: (SVC().fit(csr_matrix(X), THREE), csr_matrix(NEW)),
    "a kernel by name": lambda: (SVC(kernel=rbf_kernel).fit(X, THREE), NEW),
    "neighbors of another number": lambda: (
        KNeighborsClassifier(algorithm="ball_tree", metric="minkowski", p=1.5).fit(X.astype(np.float32), Y),
        NEW,
    ),
    "weighted density": lambda: (KernelDensity().fit(X, sample_weight=np.abs(X[:, 0]) + 0.1), NEW),
    "a function by name": lambda: (FunctionTransformer(np.log1p, np.expm1).fit(np.abs(X)), np.abs(NEW)),
    "a long chain": lambda: (Birch(threshold=0.01, branching_factor=2, n_clusters=None).fit(NUMBERS.normal(size=(150, 4))), NEW),
    "gaps": lambda: (SimpleImputer(missing_values=np.nan, strategy="median", add_indicator=True).fit(np.where(X > 1, np.nan, X)), NEW),
    "columns in Fortran's order": lambda: (Ridge().fit(np.asfortranarray(X), np.c_[REAL, REAL]), NEW),
    "halves of sparse rows": lambda: (BisectingKMeans(3, random_state=0).fit(csr_matrix(np.abs(X))), csr_matrix(np.abs(NEW))),
    "chances of a machine of sparse rows": lambda: (with_chances(), csr_matrix(NEW)),
    "words but for some": lambda: (TfidfVectorizer(stop_words="english", max_features=5).fit(TEXTS), TEXTS),
    "kernels": lambda: (
        GaussianProcessRegressor(ConstantKernel() * Matern(nu=1.5) + WhiteKernel() + DotProduct() ** 2, optimizer=None).fit(X, REAL),
        NEW,
    ),
    "a frame as output": lambda: (StandardScaler().set_output(transform="pandas").fit(FRAME[["a", "b"]]), FRAME[["a", "b"]]),
    "a generator": lambda: (GaussianProcessRegressor(random_state=np.random.RandomState(3)).fit(X, REAL), NEW),
}


def with_chances() -> Any:
    """A machine that fits probabilities too, which the library will drop."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return SVC(probability=True, random_state=0).fit(csr_matrix(X), THREE)


@pytest.mark.parametrize("name", MODELS)
def test_a_model_answers_as_before(name: str) -> None:
    """Composed models, and models of unusual data, come back with all that they hold."""
    model, data = MODELS[name]()

    read = back(model)

    assert same(answers(model, data), answers(read, data))
    assert encode(read, MOST) == encode(model, MOST)


def test_a_search_keeps_its_table() -> None:
    """Every fold of every candidate is there, masks included."""
    search = GridSearchCV(SVC(), [{"C": [0.1, 1.0]}, {"gamma": ["auto"]}], cv=2).fit(X, Y)

    read = back(search)

    assert same(search.cv_results_, read.cv_results_)
    assert read.cv_results_["param_C"].mask.tolist() == [False, False, True]
    assert read.best_params_ == search.best_params_


def holding(**values: Any) -> Any:
    """A listed object that holds whatever it is given, as a setting does."""
    return FunctionTransformer(kw_args=values)


def test_odd_values_come_back() -> None:
    """Numbers that JSON lacks, records, large numbers, read-only and Fortran arrays, texts beyond Unicode: each is what it was."""
    locked = np.arange(3)
    locked.flags.writeable = False
    columns = np.asfortranarray(NUMBERS.normal(size=(3, 4)))
    record = np.zeros(2, [("a", "<i4"), ("b", ">f8")])
    values = {
        "nan": float("nan"),
        "inf": [np.inf, -np.inf],
        "zero": -0.0,
        "big": 10**5000,
        "small": -(2**80),
        "none": None,
        "single": np.float32(0.1),
        "gap": np.float64("nan"),
        "truth": np.bool_(True),
        "text": np.str_("é\ud800"),
        "day": np.datetime64("2026-01-02"),
        "array": X.astype(np.float16),
        "texts": np.array(["a", "bé"]),
        "days": np.array(["2026-01-02"], "M8[D]"),
        "empty": np.empty((0, 3)),
        "locked": locked,
        "columns": columns,
        "record": record,
        "complex": 1 - 2j,
        "bytes": b"\x00\xff",
        "slice": slice(None, 3),
        "range": range(3),
        "pairs": {1: "a", (2, None): "b"},
        "set": {"b", "a", 3},
        "frozen": frozenset({1.5}),
        "dtype": np.dtype("<f4"),
        "class": np.float64,
        "objects": np.array([[None, "a"], [1.5, ("b",)]], object),
        "surrogate": "\ud800",
        "number": np.array(3.5),
    }

    read = back(holding(**values)).kw_args

    assert same(values, read)
    assert not read["locked"].flags.writeable
    assert read["columns"].flags.f_contiguous
    assert read["array"].flags.writeable


def test_what_is_one_object_stays_one() -> None:
    """An estimator that a model holds twice comes back once; so do arrays."""
    inner, numbers = Ridge().fit(X, REAL), np.arange(3.0)

    read = back(holding(first=[inner, inner], second=inner, a=numbers, b=(numbers,))).kw_args

    assert read["first"][0] is read["first"][1] is read["second"]
    assert read["a"] is read["b"][0]


def test_a_model_that_holds_itself_comes_back() -> None:
    """A circle, and a circle that lies deep, are closed again."""
    model = holding()
    model.kw_args["itself"] = model
    deepest: Any = model
    for _ in range(500):
        deepest = holding(inner=deepest)
    model.kw_args["chain"] = deepest

    read = back(model)

    assert read.kw_args["itself"] is read
    inner = read.kw_args["chain"]
    for _ in range(500):
        inner = inner.kw_args["inner"]
    assert inner is read


def test_the_same_model_has_the_same_bytes() -> None:
    """A digest can be compared: sets and the state of the process do not matter, and neither does what was encoded before."""
    model = holding(words={f"word{number}" for number in range(50)}, forest=RandomForestClassifier(5, random_state=0).fit(X, Y))

    forms = [encode(model, MOST), encode(back(model), MOST), encode(pickle.loads(pickle.dumps(model)), MOST)]

    assert forms[0] == forms[1] == forms[2]


@pytest.mark.parametrize("name", [*MODELS, "generators"])
def test_writing_changes_nothing(name: str) -> None:
    """The model is what it was to the last bit, and so are the random generators."""
    model = holding(new=np.random.default_rng(3), old=np.random.RandomState(4)) if name == "generators" else MODELS[name]()[0]
    before = pickle.dumps(model), np.random.get_state(), random.getstate()

    encode(model, MOST)
    size_of(model, MOST)

    assert same(before, (pickle.dumps(model), np.random.get_state(), random.getstate()))


@pytest.mark.parametrize("kind", ["MT19937", "PCG64", "PCG64DXSM", "Philox", "SFC64"])
def test_generators_go_on_where_they_stood(kind: str) -> None:
    """The next numbers are the same, and so are those of what is spawned."""
    generator = np.random.Generator(getattr(np.random, kind)(5))
    generator.integers(3, size=7, dtype=np.uint32)
    old = np.random.RandomState(6)
    old.normal()

    read = back(holding(new=generator, old=old)).kw_args

    assert same(read["new"].normal(size=9), generator.normal(size=9))
    assert same(read["new"].spawn(1)[0].normal(size=2), generator.spawn(1)[0].normal(size=2))
    assert same(read["old"].normal(size=9), old.normal(size=9))


def test_the_global_generator_stays_the_global_one() -> None:
    """A model that draws from the process's generator has bytes that do not depend on where that stands."""
    model = GaussianProcessRegressor().fit(X, REAL)
    form = encode(model, MOST)
    np.random.random()

    assert encode(model, MOST) == form
    assert back(model)._rng is np.random.mtrand._rand


class Mine(TransformerMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """A user's own estimator, which says that it is one of the library's."""

    def fit(self, data: Any, targets: Any = None) -> Mine:
        """Take note of nothing."""
        return self

    def __getstate__(self) -> dict[str, Any]:
        """Never asked."""
        raise AssertionError("the user's code was called")

    def __getattribute__(self, name: str) -> Any:
        """Never asked either."""
        raise AssertionError(f"the user's code was called for {name}")


class Posing(Ridge):  # type: ignore[misc]  # scikit-learn has no types
    """A subclass under the name of its parent."""

    __module__ = "sklearn.linear_model._ridge"
    __qualname__ = "Ridge"


def own_score(truth: Any, guess: Any) -> float:
    """A user's own score."""
    return 0.0


def made_inside() -> Callable[[Any], Any]:
    """A function that only this call knows."""

    def closure(data: Any) -> Any:
        return data

    return closure


UNSAFE: dict[str, Callable[[], tuple[Any, str]]] = {
    "a lambda": lambda: (make_pipeline(FunctionTransformer(lambda data: data)), "steps[0][1].func is a lambda"),
    "a function": lambda: (FunctionTransformer(own_score), f"func is the function {__name__}.own_score"),
    "a closure": lambda: (FunctionTransformer(made_inside()), "func is closure, a function made inside another"),
    "a class of the user's": lambda: (StackingRegressor([("a", Ridge())], Mine()), f"final_estimator is of class {__name__}.Mine"),
    "a class in disguise": lambda: (holding(a=[Posing()]), "kw_args['a'][0] is of class sklearn.linear_model._ridge.Ridge"),
    "a class itself": lambda: (holding(a=Mine), f"kw_args['a'] is <class '{__name__}.Mine'>"),
    "a score": lambda: (
        GridSearchCV(Ridge(), {}, scoring=make_scorer(own_score)),
        f"scoring._score_func is the function {__name__}.own_score",
    ),
    "a builtin": lambda: (FunctionTransformer(eval), "func is of class builtins.builtin_function_or_method"),
    "a method": lambda: (FunctionTransformer([].append), "func is of class builtins.builtin_function_or_method"),
    "a frame": lambda: (holding(a=pd.DataFrame()), "kw_args['a'] is of class pandas.DataFrame"),
    "another library's model": lambda: (holding(a=gaussian_kde([1, 2, 4])), "kw_args['a'] is of class scipy.stats._kde.gaussian_kde"),
    "a first stage of its own": lambda: (
        GradientBoostingRegressor(n_estimators=1, init=Ridge()).fit(X, REAL),
        "the model is of class sklearn.ensemble._gb.GradientBoostingRegressor, and not safe: "
        "The first stage of a boosting is not one whose answer has a known shape.",
    ),
    "a method replaced": lambda: (replacing_a_method(), "the model is of class"),
    "depth": lambda: (nested_lists(), "is nested more than 64 deep"),
}


def replacing_a_method() -> Any:
    """A model whose method was replaced on the object."""
    model = Ridge().fit(X, REAL)
    model.predict = np.mean
    return model


def nested_lists() -> Any:
    """Lists in lists in lists."""
    deep: list[Any] = []
    for _ in range(2000):
        deep = [deep]
    return holding(a=deep)


@pytest.mark.parametrize("name", UNSAFE)
def test_what_is_not_listed_has_no_form(name: str) -> None:
    """The reason says where it is and what it is, at once, and nothing of the user's is called."""
    model, reason = UNSAFE[name]()
    began = time.thread_time()

    with pytest.raises(NoSafeForm) as raised:
        encode(model, MOST)

    assert reason in str(raised.value)
    assert time.thread_time() - began < 0.5


def test_a_model_over_its_size_is_not_written() -> None:
    """Both sizes are told, and no byte is copied."""
    model = KNeighborsClassifier().fit(np.zeros((10_000, 10)), np.arange(10_000) % 2)

    with pytest.raises(TooLarge, match=r"The model has \d{3},\d{3} bytes or more, and at most 100,000 are kept"):
        encode(model, 100_000)


def test_a_size_is_about_that_of_the_form() -> None:
    """What is counted is what the arrays and the tree take, up to the cap."""
    model = RandomForestClassifier(20, random_state=0).fit(X, Y)
    form = encode(model, MOST)
    written = len(form.tree) + form_bytes(form)

    assert 0.5 * written < size_of(model, MOST) < 2 * written
    assert 1000 < size_of(model, 1000) < written


def form_bytes(form: Form) -> int:
    """The bytes of the arrays before they were compressed, which the tree ends with."""
    return int(form.tree.rpartition(b":")[2].rstrip(b"}"))


def test_another_version_is_a_warning(recwarn: pytest.WarningsRecorder) -> None:
    """A model of another minor version is read, with a word of it; another patch needs none."""
    form = encode(Ridge(), MOST)
    now = WRITTEN_WITH["scikit-learn"]
    patch, minor = (form.tree.replace(f'"{now}"'.encode(), f'"{version}"'.encode()) for version in (f"{now}9", "1.3.0"))

    decode(patch, form.buffers)
    assert not recwarn.list
    with pytest.warns(UserWarning, match=rf"written with scikit-learn 1.3.0 and is read with {now}"):
        decode(minor, form.buffers)


def listed(table: dict[str, str]) -> list[str]:
    """The names of a table, as they stand there."""
    return [f"{module}:{name}" for module, line in table.items() for name in line.split()]


TABLES = {name: getattr(closed_list, name) for name in ("INSTANCES", "NATIVES", "NAMES", "DISTRIBUTIONS")}


@pytest.mark.parametrize("name", TABLES)
def test_the_closed_list_is_in_order(name: str) -> None:
    """Every name is there once, in order, and is in the installed library."""
    words = listed(TABLES[name])

    assert words == sorted(set(words), key=lambda word: word.split(":"))
    assert all(names._found(word) is not None for word in words)


def test_the_closed_list_has_every_estimator() -> None:
    """An estimator that the installed scikit-learn has and the list lacks is named here."""
    estimators = {f"{kind.__module__}:{kind.__qualname__}" for _, kind in all_estimators()}

    assert estimators - names.INSTANCES == set()
    assert set(NATIVE) == names.NATIVES


HARMFUL_MODULES = """
    os sys subprocess importlib operator shutil pathlib io pickle ctypes joblib threading socket types inspect codecs
""".split()
HARMFUL_NAMES = """
    eval exec compile getattr setattr __import__ open reduce attrgetter methodcaller itemgetter load loads save fromfile memmap type
""".split()


def test_nothing_in_the_closed_list_does_harm() -> None:
    """No module that reaches out of the process, no function that runs or reads what it is given by name."""
    for name in (word for table in TABLES.values() for word in listed(table)):
        module, _, attribute = name.partition(":")
        assert module.split(".")[0] in {"builtins", "collections", "functools", "numpy", "scipy", "sklearn"}, name
        assert not set(module.split(".")) & set(HARMFUL_MODULES), name
        assert attribute not in HARMFUL_NAMES, name


def test_a_listed_python_class_needs_no_constructor() -> None:
    """What is made bare takes any attributes, and runs nothing as it is made, given a state, or forgotten."""
    for name in names.INSTANCES:
        kind = names.class_named(name)
        assert vars(object.__new__(kind)) == {}, name
        assert not hasattr(kind, "__del__"), name


def imported_and_called(path: Path) -> Iterator[str]:
    """The names that a module imports, calls and looks up."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""
        elif isinstance(node, ast.Name):
            yield node.id
        elif isinstance(node, ast.Attribute):
            yield node.attr


def test_no_pickle_is_near() -> None:
    """The package neither imports nor calls anything that pickles or runs text."""
    modules = sorted(Path(str(names.__file__)).parent.glob("*.py"))
    forbidden = {"pickle", "cloudpickle", "dill", "joblib", "skops", "eval", "exec", "__import__", "_pickle", "marshal", "shelve"}

    assert len(modules) > 10
    assert {name for path in modules for name in imported_and_called(path)} & forbidden == set()


def test_a_form_is_not_a_pickle_and_a_pickle_is_no_form() -> None:
    """Bytes of another kind are refused in words."""
    for tree in (pickle.dumps(Ridge()), b"", b"[]", b"{}", b"\xff", b'{"form":1}', b'{"form":2}', b"[" * 100_000):
        with pytest.raises(InvalidForm):
            decode(tree, b"")


def test_the_versions_are_those_of_the_libraries() -> None:
    """What is written down is what is installed."""
    assert {
        "numpy": np.__version__,
        "scikit-learn": sklearn.__version__,
        "scipy": importlib.import_module("scipy").__version__,
    } == WRITTEN_WITH


def test_sparse_arrays_come_back_as_they_were() -> None:
    """Width of the indices, order and class are kept."""
    matrix = csr_array(np.round(X, 0))
    matrix.indices = matrix.indices.astype(np.int64)
    matrix.indptr = matrix.indptr.astype(np.int64)

    read = back(holding(a=matrix, b=matrix.tocsc(), c=matrix.tocoo(), d=csr_matrix(matrix))).kw_args

    assert read["a"].indices.dtype == np.int64
    assert [type(held).__name__ for held in read.values()] == ["csr_array", "csc_array", "coo_array", "csr_matrix"]
    assert all(np.array_equal(held.toarray(), matrix.toarray()) for held in read.values())
