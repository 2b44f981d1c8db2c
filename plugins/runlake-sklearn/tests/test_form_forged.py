"""A forged form is refused, or gives a model that raises or answers: the process never dies of it.

The forms are read, and what they give is used, in child processes: a crash there ends a child, and the case that it had begun is named.
"""

from __future__ import annotations

import contextlib
import copy
import faulthandler
import json
import random
import resource
import signal
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from runlake_sklearn.form import Form, InvalidForm, decode, encode
from scipy.sparse import csr_array
from sklearn.cluster import HDBSCAN, Birch, BisectingKMeans, FeatureAgglomeration, KMeans, MiniBatchKMeans
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import NMF, PCA, LatentDirichletAllocation, MiniBatchDictionaryLearning, MiniBatchNMF
from sklearn.ensemble import (
    BaggingClassifier,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    IsolationForest,
    RandomForestClassifier,
    RandomForestRegressor,
    RandomTreesEmbedding,
    StackingRegressor,
)
from sklearn.feature_extraction import DictVectorizer, FeatureHasher
from sklearn.feature_extraction.text import HashingVectorizer, TfidfVectorizer
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression, Ridge, SGDClassifier
from sklearn.manifold import Isomap
from sklearn.metrics.pairwise import rbf_kernel
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import (
    KernelDensity,
    KNeighborsClassifier,
    KNeighborsRegressor,
    LocalOutlierFactor,
    NearestNeighbors,
    RadiusNeighborsClassifier,
)
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    KBinsDiscretizer,
    MultiLabelBinarizer,
    OneHotEncoder,
    PolynomialFeatures,
    QuantileTransformer,
    SplineTransformer,
    StandardScaler,
    TargetEncoder,
)
from sklearn.svm import SVC, SVR, NuSVC, OneClassSVM
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

NUMBERS = np.random.default_rng(0)
X = NUMBERS.normal(size=(40, 4))
POSITIVE = np.abs(X)
LEVELS = NUMBERS.integers(0, 5, size=(40, 4)).astype(float)
MIXED = np.column_stack([LEVELS[:, :2], X[:, 2:]])
Y = (X[:, 0] + 0.3 * X[:, 1] > 0).astype(int)
THREE = np.digitize(X[:, 0], [-0.5, 0.5])
REAL = X[:, 0] + 0.1 * X[:, 1]
WORDS = [f"the cat sat on mat{row % 5} word{row % 7}" for row in range(40)]
RECORDS = [{"a": 1.0, "b": float(row), f"c{row % 3}": 1.0} for row in range(40)]

MODELS: dict[str, Callable[[], tuple[Any, Any]]] = {
    "a tree": lambda: (DecisionTreeClassifier(max_depth=4).fit(X, THREE), X),
    "a tree of two outputs": lambda: (DecisionTreeRegressor(max_depth=3).fit(X, np.c_[REAL, REAL]), X),
    "a forest": lambda: (RandomForestClassifier(3, max_depth=3, random_state=0).fit(X, THREE), X),
    "a forest of numbers": lambda: (RandomForestRegressor(3, max_depth=3, random_state=0).fit(X, REAL), X),
    "a boosting": lambda: (GradientBoostingClassifier(n_estimators=3, max_depth=2).fit(X, THREE), X),
    "a boosting of two classes": lambda: (GradientBoostingClassifier(n_estimators=3, max_depth=2).fit(X, Y), X),
    "a boosting of numbers": lambda: (GradientBoostingRegressor(n_estimators=3, max_depth=2, init="zero").fit(X, REAL), X),
    "bins": lambda: (HistGradientBoostingRegressor(max_iter=3, min_samples_leaf=5).fit(X, REAL), X),
    "bins of categories": lambda: (
        HistGradientBoostingClassifier(max_iter=3, min_samples_leaf=2, categorical_features=[0, 1]).fit(MIXED, Y),
        MIXED,
    ),
    "an isolation forest": lambda: (IsolationForest(n_estimators=3, max_features=3, random_state=0).fit(X), X),
    "leaves as columns": lambda: (make_pipeline(RandomTreesEmbedding(3, max_depth=2), LogisticRegression()).fit(X, Y), X),
    "a bagging": lambda: (BaggingClassifier(n_estimators=3, max_features=2, random_state=0).fit(X, Y), X),
    "neighbors": lambda: (KNeighborsClassifier(3, algorithm="kd_tree", leaf_size=5).fit(X, THREE), X),
    "neighbors in balls": lambda: (
        KNeighborsRegressor(3, algorithm="ball_tree", leaf_size=5, metric="seuclidean", metric_params={"V": X.var(0)}).fit(X, REAL),
        X,
    ),
    "neighbors one by one": lambda: (KNeighborsClassifier(3, algorithm="brute").fit(X, THREE), X),
    "neighbors of sparse rows": lambda: (NearestNeighbors(n_neighbors=3).fit(csr_array(X)), csr_array(X)),
    "neighbors within a radius": lambda: (RadiusNeighborsClassifier(9.0, algorithm="brute").fit(X, THREE), X),
    "outliers": lambda: (LocalOutlierFactor(3, novelty=True).fit(X), X),
    "a density": lambda: (KernelDensity(leaf_size=5).fit(X), X),
    "a manifold": lambda: (Isomap(n_neighbors=5).fit(X), X),
    "a machine": lambda: (SVC().fit(X, THREE), X),
    "a machine of two classes": lambda: (NuSVC(kernel="poly").fit(X, Y), X),
    "a machine with a kernel": lambda: (SVC(kernel="precomputed").fit(X @ X.T, THREE), X @ X.T),
    "a machine with a function": lambda: (SVC(kernel=rbf_kernel).fit(X, THREE), X),
    "a machine of sparse rows": lambda: (SVC().fit(csr_array(X), THREE), csr_array(X)),
    "a machine of numbers": lambda: (SVR().fit(X, REAL), X),
    "a machine of one class": lambda: (OneClassSVM().fit(X), X),
    "clusters": lambda: (KMeans(3, random_state=0).fit(X), X),
    "clusters in batches": lambda: (MiniBatchKMeans(3, random_state=0, n_init=1).fit(X), X),
    "clusters by halves": lambda: (BisectingKMeans(4, random_state=0).fit(X), X),
    "clusters reduced": lambda: (Birch(n_clusters=3).fit(X), X),
    "clusters of features": lambda: (FeatureAgglomeration(2).fit(X), X),
    "clusters by density": lambda: (HDBSCAN(min_cluster_size=3, copy=True).fit(X), X),
    "factors": lambda: (NMF(2, random_state=0, max_iter=500).fit(POSITIVE), POSITIVE),
    "factors in batches": lambda: (MiniBatchNMF(2, random_state=0).fit(POSITIVE), POSITIVE),
    "topics": lambda: (LatentDirichletAllocation(3, random_state=0).fit(POSITIVE), POSITIVE),
    "a dictionary": lambda: (MiniBatchDictionaryLearning(3, random_state=0, max_iter=5).fit(X), X),
    "words": lambda: (make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(WORDS, Y), WORDS),
    "hashed words": lambda: (make_pipeline(HashingVectorizer(n_features=16), SGDClassifier(random_state=0)).fit(WORDS, Y), WORDS),
    "records": lambda: (make_pipeline(DictVectorizer(), Ridge()).fit(RECORDS, REAL), RECORDS),
    "hashed records": lambda: (FeatureHasher(8).fit(RECORDS), RECORDS),
    "categories": lambda: (
        make_pipeline(OneHotEncoder(drop="first", min_frequency=5, handle_unknown="infrequent_if_exist"), LogisticRegression()).fit(
            LEVELS, Y
        ),
        LEVELS,
    ),
    "targets of categories": lambda: (TargetEncoder(random_state=0).fit(LEVELS, Y), LEVELS),
    "bins as columns": lambda: (make_pipeline(KBinsDiscretizer(3, quantile_method="averaged_inverted_cdf"), Ridge()).fit(X, REAL), X),
    "labels": lambda: (MultiLabelBinarizer(sparse_output=True).fit([(1, 2), (2, 3)]), [(1,), (2, 3)]),
    "splines": lambda: (make_pipeline(SplineTransformer(sparse_output=True), Ridge()).fit(X, REAL), X),
    "columns": lambda: (
        make_pipeline(
            ColumnTransformer([("a", StandardScaler(), [0, 1]), ("b", PolynomialFeatures(), slice(2, 4))], remainder="passthrough"), PCA(2)
        ).fit(X),
        X,
    ),
    "steps": lambda: (IsotonicRegression(out_of_bounds="clip").fit(X[:, 0], REAL), X[:, 0]),
    "quantiles": lambda: (QuantileTransformer(n_quantiles=10).fit(X), X),
    "a process": lambda: (GaussianProcessRegressor(random_state=np.random.RandomState(0)).fit(X, REAL), X),
    "a network": lambda: (MLPClassifier((3,), max_iter=5, random_state=0).fit(X, Y), X),
    "a search": lambda: (GridSearchCV(SVC(), {"C": [0.1, 1.0]}, cv=2).fit(X, Y), X),
    "a stack": lambda: (StackingRegressor([("a", Ridge()), ("b", SVR())], cv=2).fit(X, REAL), X),
}

HOSTILE: list[Any] = [10**9, -1, 0, 1, 2**63, -(2**63), 10**400, 0.5, 1e308, True, None, "os:system", "", [], {}, [[]], {"ref": 1}]
OUTSIDE = ["os:system", "builtins:eval", "subprocess:Popen", "__main__:Mine", "sklearn.utils._mocking:CheckingClassifier", "pickle:loads"]
ASKED = (
    "predict predict_proba decision_function transform score_samples kneighbors apply decision_path kneighbors_graph radius_neighbors "
    "staged_predict inverse_transform sample get_feature_names_out dbscan_clustering predict_log_proba"
).split()

Tree = dict[str, Any]


def laid_open(form: Form) -> Tree:
    """A form's tree, with the bytes of each array beside what describes it."""
    tree: Tree = json.loads(form.tree)
    data = pa.decompress(form.buffers, tree["buffers"], codec="zstd", asbytes=True) if tree["buffers"] else b""
    arrays = sorted((node for node in nodes(tree) if "array" in node), key=lambda node: int(node["at"]))
    ends = [*(node["at"] for node in arrays[1:]), tree["buffers"]]
    for node, end in zip(arrays, ends, strict=bool(arrays)):
        node["held"] = data[node["at"] : end]
    return tree


def put_together(tree: Tree) -> Form:
    """A form of such a tree, with the arrays one after the other again."""
    data = bytearray()
    for node in nodes(tree):
        if type(node.get("held")) is bytes:
            held = node.pop("held")
            node["at"] = len(data)
            data += held
    tree["buffers"] = len(data)
    return Form(json.dumps(tree).encode(), compressed(bytes(data)))


def compressed(data: bytes) -> bytes:
    return bytes(pa.compress(data, codec="zstd", asbytes=True))


def nodes(value: Any) -> Iterator[dict[str, Any]]:
    """Every object of a tree, in its order."""
    if type(value) is dict:
        yield value
        for inner in list(value.values()):
            yield from nodes(inner)
    elif type(value) is list:
        for inner in value:
            yield from nodes(inner)


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to every value of a tree."""
    if path:
        yield path
    inside = value.items() if type(value) is dict else enumerate(value) if type(value) is list else ()
    for key, inner in list(inside):
        yield from places(inner, (*path, key))


def at(tree: Tree, path: tuple[Any, ...]) -> Any:
    """The value at the end of a way."""
    value: Any = tree
    for key in path:
        value = value[key]
    return value


def forged_values(tree: Tree) -> Iterator[tuple[str, Callable[[], Form]]]:
    """Every value of the tree replaced by hostile ones, and left out."""
    for path in places(tree):
        if path[-1] == "held" or type(at(tree, path)) in (dict, list):
            continue
        for value in HOSTILE:
            yield f"{path} is {value!r:.30}", partial(_with, tree, path, value)


def forged_classes(tree: Tree, chance: random.Random) -> Iterator[tuple[str, Callable[[], Form]]]:
    """Every class replaced by others of the list, and by some outside it."""
    from runlake_sklearn.form.names import CLASSES, NAMES

    inside, names = sorted(CLASSES), sorted(NAMES)
    for path in places(tree):
        if path[-1] in ("class", "name"):
            known = chance.sample(inside if path[-1] == "class" else names, 6)
            for value in OUTSIDE + known:
                yield f"{path} is {value}", partial(_with, tree, path, value)


def forged_grafts(tree: Tree, chance: random.Random, count: int) -> Iterator[tuple[str, Callable[[], Form]]]:
    """Objects in each other's places, and attributes left out or under other names."""
    ways = [path for path in places(tree["model"], ("model",)) if type(at(tree, path)) is dict]
    if len(ways) < 3:
        return
    for _ in range(count):
        here, there = chance.sample(ways[1:], 2)
        yield (
            f"{here} is what {there} is",
            partial(_with, tree, here, at(tree, there)),
        )
        yield f"{here} is left out", partial(_without, tree, here)


def _with(tree: Tree, path: tuple[Any, ...], value: Any) -> Form:
    forged = copy.deepcopy(tree)
    at(forged, path[:-1])[path[-1]] = copy.deepcopy(value)
    return put_together(forged)


def _without(tree: Tree, path: tuple[Any, ...]) -> Form:
    forged = copy.deepcopy(tree)
    del at(forged, path[:-1])[path[-1]]
    return put_together(forged)


def forged_bytes(tree: Tree, chance: random.Random, count: int) -> Iterator[tuple[str, Callable[[], Form]]]:
    """Arrays with bytes flipped, and with hostile numbers in them."""
    ways = [path for path in places(tree) if path[-1] == "held" and at(tree, path)]
    words = [number.to_bytes(8, "little", signed=True) for number in (10**9, -1, -(2**63), 2**62, 3, 255)]
    for path in ways:
        held = at(tree, path)
        for _ in range(count):
            place, word = chance.randrange(len(held)), chance.choice([*words, *(word[:4] for word in words), b"\xff", b"\x01"])
            place -= place % min(8, len(word)) if chance.random() < 0.9 else 0
            changed = (held[:place] + word + held[place + len(word) :])[: len(held)]
            yield f"{path} has {word.hex()} at {place}", partial(_with, tree, path, changed)


def forged(name: str, seed: int) -> Iterator[tuple[str, Callable[[], Form]]]:
    """The forged forms of a model, each with what was done to it."""
    chance = random.Random(seed)
    tree = laid_open(encode(MODELS[name]()[0], 2**30))
    yield from forged_bytes(tree, chance, 12)
    yield from forged_grafts(tree, chance, 60)
    yield from forged_classes(tree, chance)
    yield from forged_values(tree)


def attack(wanted: list[str], seed: int, share: float, first: int) -> None:
    """Read and use a share of the forged forms of some models, telling the number of each before it is begun."""
    faulthandler.enable()
    resource.setrlimit(resource.RLIMIT_AS, (6 * 2**30, 6 * 2**30))
    signal.signal(signal.SIGALRM, _too_long)
    warnings.simplefilter("ignore")
    for name in wanted:
        model, data = MODELS[name]()
        whole = encode(model, 2**30)
        use(decode(whole.tree, whole.buffers), data)
        chosen = random.Random(seed)
        for number, (what, forge) in enumerate(forged(name, seed)):
            if chosen.random() >= share or number < first:
                continue
            print(name, number, what, sep="\t", flush=True)
            with contextlib.suppress(InvalidForm):
                form = forge()
                use(decode(form.tree, form.buffers), data)
        first = 0
    print("done", flush=True)


def use(model: Any, data: Any) -> None:
    """Ask a model everything that it answers; what it raises is its own affair."""
    for method in ASKED:
        for given in (data, data[:3]):
            signal.setitimer(signal.ITIMER_REAL, 5)
            with contextlib.suppress(Exception), contextlib.redirect_stdout(None):
                answer = getattr(model, method)(given)
                if method == "staged_predict":
                    list(answer)
            signal.setitimer(signal.ITIMER_REAL, 0)


def _too_long(_signal: int, _frame: object) -> None:
    raise TimeoutError("It takes too long.")


def died(wanted: list[str], seed: int, share: float) -> list[str]:
    """The cases that ended a child, or in which `decode` raised something else; the next child goes on behind each."""
    found: list[str] = []
    first = 0
    environment = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "PATH": "", "PYTHONPATH": str(Path(__file__).parents[1])}
    while len(found) < 20:
        command = [sys.executable, __file__, str(seed), str(share), str(first), *wanted]
        child = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=1800, check=False)
        last = child.stdout.rpartition("\n")[0].rpartition("\n")[2]
        if last == "done":
            break
        found.append(f"{last or 'the start'}\n{child.stderr[:2000]}")
        if not last:
            break
        name, number, _ = last.split("\t")
        wanted, first = wanted[wanted.index(name) :], int(number) + 1
    return found


def test_no_forged_form_of_some_ends_the_process() -> None:
    """One in a hundred of the forms that the long test reads."""
    assert died(list(MODELS), seed=1, share=0.01) == []


@pytest.mark.long
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("name", MODELS)
def test_no_forged_form_ends_the_process(name: str) -> None:
    """Each value, class, object and array of a model's form is replaced, and what can still be read is used."""
    assert died([name], seed=2, share=1.0) == []


def changed(model: Any, **arrays: Any) -> Form:
    """The form of a model in which the first array after each of these keys has other values."""
    tree = laid_open(encode(model, 2**30))
    for key, change in arrays.items():
        node = next(part[key] for part in nodes(tree) if key in part and "held" in part[key])
        dtype = node["array"] if type(node["array"]) is str else np.dtype(node["array"])
        # Truths as bytes: numpy could not be told of another than 0 and 1.
        array = np.frombuffer(node["held"], np.uint8 if dtype == "|b1" else dtype).copy()
        change(array)
        node["held"] = array.tobytes()
    return put_together(tree)


def put(place: int, value: Any, field: str | None = None) -> Callable[[Any], None]:
    """A change of one number of an array, or of one field of a record."""

    def change(array: Any) -> None:
        (array if field is None else array[field])[place] = value

    return change


FORGED: dict[str, tuple[str, dict[str, Any], str]] = {
    "a child far away": ("a tree", {"nodes": put(0, 10**9, "left_child")}, "A node of a tree has a child that does not come after it"),
    "a child before its parent": ("a tree", {"nodes": put(1, 0, "right_child")}, "has a child that does not come after it|no child"),
    "two parents": ("a tree", {"nodes": put(0, 1, "right_child")}, "has two parents, or none"),
    "a feature below the first": ("a tree", {"nodes": put(0, -1, "feature")}, "asks for a feature that there is not"),
    "a feature beyond the last": ("a tree", {"nodes": put(0, 4, "feature")}, "asks for a feature that there is not"),
    "no threshold": ("a tree", {"nodes": put(0, np.nan, "threshold")}, "has no threshold"),
    "a child of a predictor": ("bins", {"nodes": put(0, 10**9, "right")}, "A node of a predictor has a child that does not come after it"),
    "a feature of a predictor": ("bins", {"nodes": put(0, 4, "feature_idx")}, "asks for features that there are not"),
    "a bitset of a predictor": ("bins", {"nodes": put(0, 1, "is_categorical")}, "asks for a bitset that there is not"),
    "a category that is none": ("bins of categories", {"is_categorical_": put(0, 0)}, "What prepares for a boosting has other columns"),
    "a point far away": ("neighbors", {"idx_array": put(3, 10**9)}, "has a point that there is not"),
    "a point twice": ("neighbors", {"idx_array": put(3, 1)}, "has a point twice"),
    "points beyond the last": ("neighbors", {"node_data": put(0, 10**6, "idx_end")}, "The first node of a tree has all points"),
    "no leaf at the end": ("neighbors", {"node_data": put(-1, 0, "is_leaf")}, "A last node of a tree is no leaf"),
    "halves that overlap": ("neighbors", {"node_data": put(1, 39, "idx_end")}, "do not share its points"),
    "a label of no class": ("neighbors", {"_y": put(0, 3)}, "A label of neighbors is of no class"),
    "rows that go backwards": ("a machine of sparse rows", {"indptr": put(1, 9)}, "go backwards|not where it says"),
    "a column beyond the last": ("a machine of sparse rows", {"indices": put(0, 4)}, "has a value outside itself"),
    "too many support vectors": ("a machine", {"_n_support": put(0, 1000)}, "not as many as it says"),
    "fewer than none": ("a machine of numbers", {"_n_support": put(0, -1)}, "a number of support vectors for each class"),
    "a row that was not fitted": ("a machine with a kernel", {"support_": put(0, 40)}, "A support vector is of no row"),
    "a truth of two": ("a search", {"mask": put(0, 2)}, "neither 0 nor 1"),
    "a linkage of nothing": ("clusters by density", {"_single_linkage_tree_": put(0, 10**9, "left_node")}, "joins what there is not"),
    "a cluster of no feature": ("clusters of features", {"labels_": put(0, 10**9)}, "A feature is in no cluster"),
}


@pytest.mark.parametrize("case", FORGED)
def test_an_array_that_leads_astray_is_refused(case: str) -> None:
    """Before C sees it, and in words."""
    name, arrays, reason = FORGED[case]
    form = changed(MODELS[name]()[0], **arrays)

    with pytest.raises(InvalidForm, match=reason):
        decode(form.tree, form.buffers)


def said(name: str, key: str, value: Any) -> Form:
    """The form of a model in which the first attribute or part of this name has another value."""
    tree = laid_open(encode(MODELS[name]()[0], 2**30))
    next(part for part in nodes(tree) if key in part)[key] = value
    return put_together(tree)


def in_parts(name: str, key: str, value: Any) -> Form:
    """The form of a model in which the first part of this name has another value."""
    tree = laid_open(encode(MODELS[name]()[0], 2**30))
    next(node["parts"] for node in nodes(tree) if key in node.get("parts", ()))[key] = value
    return put_together(tree)


def added(name: str, key: str, value: Any) -> Form:
    """The form of a model that has one attribute more."""
    tree = laid_open(encode(MODELS[name]()[0], 2**30))
    tree["model"]["state"][key] = value
    return put_together(tree)


SAID: dict[str, tuple[Callable[[], Form], str]] = {
    "more features than the tree": (lambda: said("a forest", "n_features_in_", 9), "takes other features"),
    "a tree that is deeper": (lambda: in_parts("a tree", "max_depth", 9), "as deep as it says"),
    "a method of one's own": (lambda: added("a tree", "_validate_X_predict", {"name": "numpy:asarray"}), "defined by its class"),
    "another machine": (lambda: added("a machine", "_impl", "epsilon_svr"), "defined by its class"),
    "chances without numbers": (
        lambda: said("a machine of sparse rows", "_effective_probability", True),
        "The probabilities are of other pairs",
    ),
    "another kernel": (lambda: said("a machine with a kernel", "kernel", "rbf"), "of other features"),
    "a function as kernel": (lambda: said("a machine with a function", "kernel", {"name": "numpy:add"}), "not one of scikit-learn's"),
    "a million threads": (lambda: said("clusters", "_n_threads", 10**6), "threads|_n_threads"),
    "workers without end": (lambda: said("a forest", "n_jobs", 10**9), "n_jobs of RandomForestClassifier is 1000000000"),
    "no columns to hash into": (lambda: said("hashed words", "n_features", 0), "What hashes into columns has none"),
    "a word far away": (lambda: said("words", "cat", 10**9), "not those of its columns"),
    "a first answer that is short": (
        lambda: said("a boosting", "init_", {"class": "sklearn.linear_model._ridge:Ridge", "state": {}}),
        "known shape",
    ),
    "other classes at first": (lambda: said("a boosting", "class_prior_", {"list": [0.5, 0.5]}), "The classes of the first stage"),
    "a generator beyond its words": (lambda: said("a process", "position", 625), "The position of a generator"),
    "a degree without knots": (lambda: in_parts("splines", "degree", 60), "do not make one"),
    "norms of other rows": (
        lambda: said("neighbors one by one", "effective_metric_params_", {"dict": {"Y_norm_squared": None}}),
        "computed anew",
    ),
    "a class outside the list": (lambda: said("a tree", "class", "os:system"), "'os:system' is not in the closed list"),
    "a number as class": (lambda: said("a tree", "class", 3), "not in the closed list"),
    "a function outside the list": (lambda: added("a tree", "a", {"name": "builtins:eval"}), "'builtins:eval' is not a function or class"),
    "an unknown node": (lambda: added("a tree", "a", {"call": "os:system"}), "'call' is not a kind of node"),
    "an attribute of Python's": (lambda: added("a tree", "__class__", None), "no set of attributes"),
    "an unknown id": (lambda: added("a tree", "a", {"ref": 77}), "The id 77 is not known"),
    "objects in an array": (lambda: added("a tree", "a", {"array": "|O8", "shape": [1], "at": 0}), "is not a dtype"),
    "an array out of order": (lambda: added("a tree", "a", {"array": "<f8", "shape": [1], "at": 0}), "is not what comes next"),
    "an array without end": (lambda: added("a tree", "a", {"array": "<f8", "shape": [2**39, 2**39], "at": 0}), "is not what comes next"),
    "a shape below nothing": (lambda: added("a tree", "a", {"array": "<f8", "shape": [-1], "at": 0}), "is not the shape"),
    "depth": (lambda: added("a tree", "a", deep(200)), "nodes deep"),
    "more depth": (lambda: added("a tree", "a", deep(400)), "deep|recursion"),
    "a set of lists": (lambda: added("a tree", "a", {"set": [{"list": []}]}), "unhashable"),
}


def deep(levels: int) -> Any:
    """Lists in lists."""
    node: Any = None
    for _ in range(levels):
        node = {"list": [node]}
    return node


@pytest.mark.parametrize("case", SAID)
def test_what_does_not_fit_together_is_refused(case: str) -> None:
    """A class outside the list, a place out of range, an attribute that stands for a method: none of them is made."""
    forge, reason = SAID[case]
    form = forge()

    with pytest.raises(InvalidForm, match=reason):
        decode(form.tree, form.buffers)


def test_buffers_are_as_long_as_the_tree_says() -> None:
    """Cut off, drawn out, not zstd at all, or a bomb: little memory is taken before it is refused."""
    form = encode(MODELS["a tree"]()[0], 2**30)
    bomb = compressed(bytes(2**28))

    for buffers in (b"", form.buffers[:-1], form.buffers[: len(form.buffers) // 2], b"no zstd", form.buffers + form.buffers, bomb):
        with pytest.raises(InvalidForm, match="The arrays"):
            decode(form.tree, buffers)
    with pytest.raises(InvalidForm, match="from 0 to 100 are read"):
        decode(form.tree, form.buffers, max_bytes=100)


def test_a_name_stands_once() -> None:
    """Of two values for one name, no reader takes either."""
    form = encode(Ridge(), 2**30)
    twice = form.tree.replace(b'"form":1,', b'"form":1,"form":1,')

    with pytest.raises(InvalidForm, match="stands twice"):
        decode(twice, form.buffers)


@pytest.mark.parametrize("text", [b"NaN", b"Infinity", b"[[[", b"1" * 5000])
def test_what_is_not_json_is_refused(text: bytes) -> None:
    """Python's reader of JSON takes more than JSON; ours does not."""
    form = encode(Ridge(alpha=3.25), 2**30)

    with pytest.raises(InvalidForm):
        decode(form.tree.replace(b"3.25", text), form.buffers)


if __name__ == "__main__":
    attack(sys.argv[4:], int(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3]))
