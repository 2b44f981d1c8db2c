"""What is described of data that is inside XGBoost's own containers: without reading it through, and as it was."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
import xgboost
from runlake_xgboost.matrices import facts_of

import runlake

Runs = Callable[[], list[runlake.read.Run]]

X = np.random.default_rng(0).normal(size=(60, 3)).astype(np.float32)
X[5, 1] = np.nan
Y = (X[:, 0] > 0).astype(np.float32)
PLACES = np.array([3, 5, 40])


class Batches(xgboost.DataIter):
    """Data that comes in two parts; counts what it is asked."""

    def __init__(self, cache: Path | None = None) -> None:
        self.place, self.asked = 0, 0
        super().__init__(cache_prefix=None if cache is None else str(cache))

    def next(self, input_data: Any) -> bool:
        """The next part."""
        self.asked += 1
        self.place += 1
        if self.place <= 2:
            input_data(data=X, label=Y)
        return self.place <= 2

    def reset(self) -> None:
        """To the first part."""
        self.asked += 1
        self.place = 0


def test_what_is_inside_a_matrix() -> None:
    """Rows by their places, a missing value as NaN."""
    facts = facts_of(xgboost.DMatrix(X, Y, weight=np.arange(60)))

    assert facts is not None
    assert facts.rows is not None
    assert (facts.shape, facts.columns) == ((60, 3), [("f0", "float"), ("f1", "float"), ("f2", "float")])
    np.testing.assert_array_equal(facts.rows(PLACES), X[PLACES])
    np.testing.assert_array_equal(facts.targets, Y)
    np.testing.assert_array_equal(facts.sample_weight, np.arange(60))
    assert facts_of(X) is None


def test_names_and_categories(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows are a frame if pandas is there, with the codes of categories."""
    frame = pd.DataFrame({"size": X[:, 0], "kind": pd.Categorical(["a", "b", "c"] * 20), "n": np.arange(60)})
    matrix = xgboost.DMatrix(frame, Y, enable_categorical=True)
    facts = facts_of(matrix)

    assert facts is not None
    assert facts.rows is not None
    rows = facts.rows(PLACES)
    assert facts.columns == [("size", "float"), ("kind", "c"), ("n", "int")]
    assert rows.to_dict("list") == {"size": X[PLACES, 0].tolist(), "kind": [0.0, 2.0, 1.0], "n": [3.0, 5.0, 40.0]}
    monkeypatch.delitem(sys.modules, "pandas")
    np.testing.assert_array_equal(facts.rows(PLACES), rows)


def test_what_sparse_data_lacks_is_missing_and_zero_is_not() -> None:
    """A zero that is there is a value."""
    held = scipy.sparse.csr_matrix(np.where(X > 0, X, 0))
    held.data[0] = 0.0
    facts = facts_of(xgboost.DMatrix(held, missing=np.inf))

    assert facts is not None
    assert facts.rows is not None
    expected = np.where(X > 0, X, np.nan)
    expected[np.unravel_index(np.flatnonzero(X > 0)[0], X.shape)] = 0
    np.testing.assert_array_equal(facts.rows(np.arange(60)), expected)
    assert (facts.targets, facts.sample_weight) == (None, None)


def test_queries_and_several_targets() -> None:
    """Rows of a query can be had without the others."""
    grouped = facts_of(xgboost.DMatrix(X, Y, qid=np.arange(60) // 6, weight=np.ones(10)))
    several = facts_of(xgboost.DMatrix(X, np.stack([Y, 1 - Y], axis=1)))

    assert grouped is not None
    assert grouped.rows is not None
    np.testing.assert_array_equal(grouped.rows(PLACES), X[PLACES])
    assert several is not None
    assert several.targets.shape == (60, 2)


@pytest.mark.parametrize("kind", ["DMatrix", "QuantileDMatrix", "ExtMemQuantileDMatrix"])
def test_batches_are_asked_no_more_than_without(runs: Runs, tmp_path: Path, kind: str) -> None:
    """Neither as they are described nor in a training."""
    asked = []
    for name in ("bare", "watched"):
        if name == "watched":
            runlake.autolog("xgboost")
        batches = Batches(tmp_path / name if kind != "QuantileDMatrix" else None)
        matrix = getattr(xgboost, kind)(batches)
        xgboost.train({"nthread": 1, "max_depth": 2}, matrix, 2, evals=[(matrix, "train")], verbose_eval=False)
        asked.append(batches.asked)

    (run,) = runs()
    facts = facts_of(matrix)
    assert facts is not None
    assert (facts.n_rows, facts.rows, len(facts.targets)) == (120, None, 120)
    assert asked[0] == asked[1]
    assert run.errors == []
    assert "runlake.skipped.explanation" in run.tags


def test_what_is_trained_on_and_evaluated_on_is_recorded_by_name(runs: Runs) -> None:
    """As it was: what the program changes later is not seen."""
    given, twin = X.copy(), X.copy()
    runlake.autolog("xgboost")
    train, others = xgboost.DMatrix(given, Y), xgboost.DMatrix(X[:20], Y[:20])
    given[:] = 0
    xgboost.train({"nthread": 1}, train, 2, evals=[(train, "train"), (others, "eval"), (others, "test")], verbose_eval=False)
    xgboost.train({"nthread": 1}, xgboost.DMatrix(twin, Y), 2)

    found = {len(run.metrics): runlake.get_run(run.info.run_id) for run in runs()}
    of = {n: [(each.dataset.name, each.dataset.digest) for each in run.inputs.dataset_inputs] for n, run in found.items()}
    assert [name for name, _ in of[3]] == ["train", "eval", "test"]
    assert of[3][0] == of[0][0]
    assert of[3][1][1] == of[3][2][1] != of[3][0][1]


def test_a_matrix_of_a_file_or_of_nothing_is_no_trouble(runs: Runs, tmp_path: Path) -> None:
    """What XGBoost itself makes of the latter is its own error."""
    path = str(tmp_path / "matrix")
    xgboost.DMatrix(X, Y).save_binary(path)
    runlake.autolog("xgboost")
    xgboost.train({"nthread": 1}, xgboost.DMatrix(path), 2)
    empty = facts_of(xgboost.DMatrix(np.empty((0, 3))))

    (run,) = runs()
    assert (run.info.status, run.errors) == ("FINISHED", [])
    assert empty is not None
    assert (empty.shape, empty.rows) == ((0, 3), None)


def test_a_signature_has_names_and_what_is_said_of_rows(runs: Runs) -> None:
    """Of five rows."""
    frame = pd.DataFrame(X, columns=["a", "b", "c"])
    runlake.autolog("xgboost")
    xgboost.train({"nthread": 1}, xgboost.DMatrix(frame, Y), 2)

    (run,) = runs()
    signature = runlake.get_run(run.info.run_id).signature
    assert signature is not None
    assert signature.inputs is not None
    assert [column.name for column in signature.inputs.inputs] == ["a", "b", "c"]
    assert signature.outputs is not None
