"""Whatever data and settings an estimator is given, it does what it does without us, and the run is there and says what is missing."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.tree import DecisionTreeClassifier

import runlake

Runs = Callable[[], list[runlake.read.Run]]

X = np.random.default_rng(0).normal(size=(20, 3))
Y = (X[:, 0] > 0).astype(int)


class Own(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """An estimator that reads its data once, and counts."""

    def __init__(self, thing: Any = None) -> None:
        self.thing = thing

    def fit(self, X: Any, y: Any = None) -> Own:  # noqa: N803 - as scikit-learn names it
        """Count the rows."""
        self.n_ = sum(1 for _ in X)
        self.classes_ = np.array([0, 1])
        return self

    def predict(self, X: Any) -> Any:  # noqa: N803
        """Always the same."""
        return np.zeros(X.shape[0] if hasattr(X, "shape") else len(X), int)


def read_only() -> np.ndarray:
    """An array that cannot be written to."""
    found = X.copy()
    found.setflags(write=False)
    return found


def mapped() -> np.ndarray:
    """An array that lies in a file."""
    with tempfile.NamedTemporaryFile() as file:
        found = np.memmap(file.name, "f8", "w+", shape=X.shape)
        found[:] = X
        return found


def polars_frame() -> Any:
    """A frame of Polars."""
    return pytest.importorskip("polars").DataFrame({"a": X[:, 0]})


def arrow_table() -> Any:
    """A table of Arrow whose names repeat."""
    return pytest.importorskip("pyarrow").table([X[:, 0], X[:, 1]], names=["a", "a"])


DATA: dict[str, Callable[[], Any]] = {
    "no rows": lambda: np.zeros((0, 3)),
    "no columns": lambda: np.zeros((5, 0)),
    "frame without rows": lambda: pd.DataFrame({"a": []}),
    "frame without columns": lambda: pd.DataFrame(index=range(5)),
    "empty list": list,
    "wide": lambda: np.zeros((20, 100_000)),
    "columns of one name": lambda: pd.DataFrame(X, columns=["a", "a", "b"]),
    "levels of columns": lambda: pd.DataFrame(X, columns=pd.MultiIndex.from_tuples([("a", 1), ("a", 2), ("b", 1)])),
    "levels of rows": lambda: pd.DataFrame(X, index=pd.MultiIndex.from_product([range(4), range(5)])),
    "names of any type": lambda: pd.DataFrame(X, columns=pd.Index([1, "a", None], dtype=object)),
    "categories": lambda: pd.DataFrame({"a": pd.Categorical(list("ab") * 10)}),
    "sparse by rows": lambda: sparse.csr_matrix(X),
    "sparse by columns": lambda: sparse.csc_array(X),
    "sparse triples": lambda: sparse.coo_matrix(X),
    "sparse lists": lambda: sparse.lil_matrix(X),
    "sparse dict": lambda: sparse.dok_matrix(X),
    "sparse diagonal": lambda: sparse.dia_matrix(np.eye(20, 3)),
    "sparse frame": lambda: pd.DataFrame.sparse.from_spmatrix(sparse.csr_matrix(X)),
    "objects": lambda: X.astype(object),
    "mixed objects": lambda: np.array([[1, "a", None]] * 20, object),
    "great numbers": lambda: pd.DataFrame({"a": [10**400] * 20}),
    "lists in cells": lambda: pd.DataFrame({"a": [[1, 2]] * 20}),
    "times of a zone": lambda: pd.DataFrame({"t": pd.date_range("2020", periods=20, tz="Europe/Berlin")}),
    "spans": lambda: pd.DataFrame({"t": pd.timedelta_range("1s", periods=20)}),
    "periods": lambda: pd.DataFrame({"t": pd.period_range("2020", periods=20, freq="D")}),
    "times": lambda: np.arange(20).astype("M8[D]").reshape(-1, 1),
    "Arrow in pandas": lambda: pd.DataFrame(
        {"a": pd.array(range(20), dtype="int64[pyarrow]"), "s": pd.array(["x"] * 20, dtype="string[pyarrow]")}
    ),
    "integers that may be missing": lambda: pd.DataFrame({"a": pd.array([1, None] * 10, dtype="Int64")}),
    "masked": lambda: np.ma.masked_less(X, 0),
    "read-only": read_only,
    "in a file": mapped,
    "by columns": lambda: np.asfortranarray(X),
    "backwards": lambda: X[::-1],
    "records": lambda: np.zeros(20, [("a", "i4"), ("b", "f4")]),
    "long doubles": lambda: X.astype(np.longdouble),
    "short floats": lambda: X.astype("f2"),
    "other bytes": lambda: X.astype(">f8"),
    "complex": lambda: X.astype(complex),
    "bytes": lambda: np.array([[b"a"]] * 20),
    "three dimensions": lambda: np.zeros((20, 2, 2)),
    "no dimensions": lambda: np.array(1.0),
    "infinite": lambda: np.where(X > 0, np.inf, X),
    "lists": X.tolist,
    "ragged lists": lambda: [[1], [1, 2]] * 10,
    "dict": lambda: {"a": X[:, 0]},
    "Polars": polars_frame,
    "Arrow": arrow_table,
}

UNNOTED = ("no dimensions", "dict")  # it is noted what type they are of


def outcome(make: Callable[[], Any], data: Any, targets: Any) -> tuple[str, Any]:
    """What the estimator learned or raised."""
    try:
        model = make().fit(data, targets)
    except Exception as error:
        return type(error).__name__, str(error)
    return "fitted", model.tree_.node_count if hasattr(model, "tree_") else model.n_


@pytest.mark.parametrize("make", [lambda: DecisionTreeClassifier(max_depth=2, random_state=0), Own], ids=["tree", "own"])
@pytest.mark.parametrize("name", DATA)
def test_a_fit_is_as_it_is_without_us_and_its_run_says_what_it_was_given(name: str, make: Callable[[], Any], runs: Runs) -> None:
    """It raises what it raises, or succeeds with its data noted, and a signature."""
    data = DATA[name]()
    targets = Y[: data.shape[0]] if getattr(data, "shape", ()) else Y
    plain = outcome(make, DATA[name](), targets)
    runlake.autolog("sklearn", strict=False)

    assert outcome(make, data, targets) == plain

    (run,) = runs()
    assert str(run.info.status) == ("FINISHED" if plain[0] == "fitted" else "FAILED")
    assert [used.dataset.name for used in run.inputs.dataset_inputs] == ["train"]
    assert run.params
    assert [error for error in run.errors if "data_given" in error] == []
    if plain[0] == "fitted" and name not in ("mixed objects", "ragged lists", "empty list", "no dimensions", "dict"):
        assert "signature.json" in run.artifacts


@pytest.mark.parametrize(
    "make", [lambda: iter(X.tolist()), lambda: (row for row in X), lambda: map(list, X), lambda: zip(X, Y, strict=True)]
)
def test_what_can_be_read_once_is_read_by_the_training(make: Callable[[], Iterator[Any]], runs: Runs) -> None:
    """All of it."""
    runlake.autolog("sklearn", strict=False)

    assert Own().fit(make(), Y).n_ == 20

    (run,) = runs()
    assert (str(run.info.status), [used.dataset.name for used in run.inputs.dataset_inputs]) == ("FINISHED", ["train"])


def generator() -> Iterator[int]:
    """Something that no file can hold."""
    yield 1


def deep() -> list[Any]:
    """A list in a list in a list."""
    found: list[Any] = []
    for _ in range(10_000):
        found = [found]
    return found


class Failing:
    """It has no text."""

    def __repr__(self) -> str:
        raise RuntimeError("no text")


class Liar:
    """It does not say what it is."""

    @property  # type: ignore[misc]  # that it is another is the point
    def __class__(self) -> Any:
        raise RuntimeError("I will not say")


SETTINGS: dict[str, Callable[[], Any]] = {
    "lambda": lambda: lambda x: x,
    "lock": threading.Lock,
    "generator": generator,
    "failing": Failing,
    "deep": deep,
    "mock": Mock,
    "liar": Liar,
    "frame": lambda: pd.DataFrame({"a": [1]}),
}


@pytest.mark.parametrize("name", SETTINGS)
def test_an_estimator_may_be_set_to_anything(name: str, runs: Runs) -> None:
    """The run has its settings and its data, and says why it has no model."""
    runlake.autolog("sklearn", strict=False)
    model = Own(SETTINGS[name]())

    assert model.fit(X, Y).n_ == 20

    (run,) = runs()
    assert (str(run.info.status), set(run.params), run.errors) == ("FINISHED", {"thing"}, [])
    assert "runlake.skipped.model" in run.tags
    assert "signature.json" in run.artifacts


def test_an_estimator_may_hold_an_open_file(runs: Runs) -> None:
    """Which no file can hold, and which stays open."""
    runlake.autolog("sklearn", strict=False)

    with Path(__file__).open() as file:
        assert Own(file).fit(X, Y).n_ == 20
        assert not file.closed

    (run,) = runs()
    assert (str(run.info.status), "runlake.skipped.model" in run.tags) == ("FINISHED", True)


@pytest.mark.parametrize(
    "wrap", [lambda model: model, lambda model: [model], lambda model: {"inner": model}], ids=["itself", "list", "dict"]
)
def test_an_estimator_may_hold_itself(wrap: Callable[[Any], Any], runs: Runs) -> None:
    """Which can be neither printed nor kept."""
    runlake.autolog("sklearn", strict=False)
    model = Own()
    model.thing = wrap(model)

    assert model.fit(X, Y).n_ == 20

    (run,) = runs()
    assert (str(run.info.status), set(run.params), len(run.inputs.dataset_inputs)) == ("FINISHED", {"thing"}, 1)
    assert "runlake.skipped.model" in run.tags


@pytest.mark.parametrize("thing", [lambda x: x, threading.Lock()], ids=["lambda", "lock"])
def test_a_tree_that_holds_what_cannot_be_kept_is_recorded_without_a_model(thing: Any, runs: Runs) -> None:
    """It trains, and the run says why."""
    runlake.autolog("sklearn", strict=False)
    model = DecisionTreeClassifier(max_depth=2, random_state=0)
    model.note_ = thing

    assert model.fit(X, Y).tree_.node_count > 1

    (run,) = runs()
    assert str(run.info.status) == "FINISHED"
    assert run.tags["runlake.skipped.model"]
    assert "training_score" in run.metrics
