"""What is inside a `Dataset` is told without constructing, changing or keeping it."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from runlake_lightgbm import describe_data
from scipy.sparse import coo_matrix, csc_matrix, csr_matrix

import runlake

Runs = Callable[[], list[runlake.read.Run]]

X = np.random.default_rng(0).normal(size=(60, 2))
Y = np.arange(60) % 2
FRAME = pd.DataFrame({"size": X[:, 0], "kind": pd.Categorical(["a", "b", "c"] * 20)})
QUIET = {"verbosity": -1, "num_threads": 1, "min_data_in_leaf": 3}
PLACES = np.array([3, 41, 59])


class Rows(lightgbm.Sequence):
    """Rows that come from somewhere."""

    def __init__(self, rows: Any) -> None:
        self.rows = rows
        self.asked: list[Any] = []

    def __getitem__(self, place: Any) -> Any:
        self.asked.append(place)
        return self.rows[place]

    def __len__(self) -> int:
        return len(self.rows)


RAW: dict[str, tuple[Any, Any]] = {
    "an array": (X, X[PLACES]),
    "parts": ([X[:40], X[40:]], X[PLACES]),
    "rows from somewhere": (Rows(X), X[PLACES]),
    "several of them": ([Rows(X[:40]), Rows(X[40:])], X[PLACES]),
    "sparse by rows": (csr_matrix(X), X[PLACES]),
    "sparse by columns": (csc_matrix(X), X[PLACES]),
    "a table": (pa.table({"Column_0": X[:, 0], "Column_1": X[:, 1]}), X[PLACES]),
}


@pytest.mark.parametrize(("raw", "expected"), RAW.values(), ids=RAW)
def test_rows_are_copies_of_a_few(raw: Any, expected: Any) -> None:
    """In order, with the names that LightGBM gives them."""
    data = lightgbm.Dataset(raw, Y, weight=np.ones(60))
    facts = describe_data(data)

    assert facts is not None
    assert facts.rows is not None
    found = facts.rows(PLACES)
    found = found.toarray() if hasattr(found, "toarray") else np.column_stack(found.columns) if isinstance(found, pa.Table) else found
    np.testing.assert_array_equal(found, expected)
    assert (facts.shape, [name for name, _ in facts.columns]) == ((60, 2), ["Column_0", "Column_1"])
    assert (facts.targets is Y, len(facts.sample_weight), data._handle, data.data is raw) == (True, 60, None, True)
    assert sum(len(part.asked) for part in (raw if isinstance(raw, list) else [raw]) if isinstance(part, Rows)) <= 4


def test_a_frame_keeps_its_types_and_names_come_from_the_program() -> None:
    """What the program calls the columns counts."""
    facts, named = describe_data(lightgbm.Dataset(FRAME, Y)), describe_data(lightgbm.Dataset(X, Y, feature_name=["p", "q"]))

    assert facts is not None
    assert named is not None
    assert facts.rows is not None
    assert list(facts.columns) == [("size", "float64"), ("kind", "category")]
    pd.testing.assert_frame_equal(facts.rows(PLACES), FRAME.iloc[PLACES])
    assert [name for name, _ in named.columns] == ["p", "q"]


def test_what_cannot_be_looked_into_says_so(tmp_path: Path) -> None:
    """A file before it is read, sparse data without an order, raw data that was freed, and what is no Dataset."""
    unordered, freed = describe_data(lightgbm.Dataset(coo_matrix(X), Y)), describe_data(lightgbm.Dataset(X, Y, params=QUIET).construct())

    assert describe_data(lightgbm.Dataset(tmp_path / "rows.csv")) is None
    assert describe_data(X) is None
    assert unordered is not None
    assert (unordered.shape, unordered.rows) == ((60, 2), None)
    assert freed is not None
    assert (freed.shape, freed.rows, list(freed.columns)) == ((60, 2), None, [("Column_0", "unknown"), ("Column_1", "unknown")])
    np.testing.assert_array_equal(freed.targets, Y)


def test_a_part_of_a_dataset_has_its_own_rows() -> None:
    """By their places in the whole."""
    whole = lightgbm.Dataset(X, Y, params=QUIET, free_raw_data=False)
    facts = describe_data(whole.subset([5, 6, 50]))

    assert facts is not None
    assert facts.rows is not None
    np.testing.assert_array_equal(facts.rows(np.array([0, 2])), X[[5, 50]])
    np.testing.assert_array_equal(facts.targets, Y[[5, 6, 50]])


@pytest.mark.parametrize("is_freed", [True, False])
def test_the_data_is_as_it_would_be_without(runs: Runs, is_freed: bool) -> None:
    """Freed or there, and not held by anything of ours after the training."""
    runlake.autolog("lightgbm")
    raw = X.copy()
    held = weakref.ref(raw)
    data = lightgbm.Dataset(raw, Y, free_raw_data=is_freed)
    lightgbm.train(QUIET, data, 2)

    assert (data.data is None, data.data is raw) == (is_freed, not is_freed)
    del raw, data
    (run,) = runs()
    assert held() is None
    assert ("sample.parquet" in run.artifacts, run.errors) == (True, [])


def test_what_was_given_is_recorded(runs: Runs) -> None:
    """F13: the data that it evaluates itself on, too, by the names that the program has for them."""
    runlake.autolog("lightgbm")
    data = lightgbm.Dataset(FRAME, Y)
    sets = [data.create_valid(FRAME[:20], Y[:20]), data, data.create_valid(FRAME[20:], Y[20:])]
    lightgbm.train(QUIET, data, 2, sets, ["early", "same", "late"])

    (run,) = runs()
    found = {each.dataset.name: each.dataset for each in run.inputs.dataset_inputs}
    assert sorted(found) == ["early", "late", "train"]
    assert [f'"num_rows": {n}' in found[name].profile for name, n in (("train", 60), ("early", 20), ("late", 40))] == [True] * 3
    assert '"name": "kind", "type": "category"' in found["train"].schema


def test_data_that_is_trained_on_twice_is_recorded_twice(runs: Runs) -> None:
    """The second time it is freed already."""
    runlake.autolog("lightgbm")
    data = lightgbm.Dataset(X, Y)
    for _ in range(2):
        lightgbm.train(QUIET, data, 2)

    first, second = sorted(runs(), key=lambda run: run.info.run_id)
    assert ("runlake.skipped.explanation" in first.tags, "runlake.skipped.explanation" in second.tags) == (False, True)
    assert [run.errors for run in (first, second)] == [[], []]
