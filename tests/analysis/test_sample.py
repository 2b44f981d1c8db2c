"""A sample of rows comes back as the model takes them, or a sentence says why there is none."""

from __future__ import annotations

import hashlib
import random
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import scipy.sparse as sp

from runlake.analysis.sample import ROWS, Sample, kept_sample, sample_bytes

NUMBERS = np.random.default_rng(0).normal(size=(6, 3)) * 100
TEXTS = np.array(list("ababcc"))
TIMES = np.array([["2020-01-01T00:00:00.123456789", "NaT"], ["1900-01-01", "2200-12-31T23:59:59.999999999"]], "M8[ns]")

FRAME = pd.DataFrame(
    {
        "whole": [1, 2, 3],
        "single": np.array([0.1, np.nan, 3], np.float32),
        "is": [True, False, True],
        "text": ["x", None, "z"],
        "object": pd.Series(["x", None, "z"], dtype=object),
        "kind": pd.Categorical(["u", None, "u"], categories=["v", "u", "w"], ordered=True),
        "numbered": pd.Categorical([3, None, 1], categories=[9, 3, 1]),
        "perhaps": pd.array([1, None, 3], dtype="Int64"),
        "maybe": pd.array([True, None, False], dtype="boolean"),
        "said": pd.array(["q", None, "r"], dtype="string"),
        "when": pd.to_datetime(["2020", None, "2022"]),
        "where": pd.date_range("2020", periods=3, tz="Europe/Paris"),
        "for": pd.to_timedelta([1, 2, None], unit="s"),
    }
)


def kept(rows: Any, targets: Any = None) -> Sample:
    """What comes back."""
    data = sample_bytes(rows, targets)
    assert isinstance(data, bytes), data
    return kept_sample(data)


def refused(rows: Any) -> str:
    """Why nothing does."""
    why = sample_bytes(rows, None)
    assert isinstance(why, str)
    return why


@pytest.mark.parametrize("dtype", ["f8", "f4", "f2", ">f8", "i1", "i8", "u1", "u8", "?", "U4"])
@pytest.mark.parametrize("shape", [(6, 3), (18,), (1, 18), (18, 1), (9, 200)])
def test_an_array_comes_back_with_its_type(dtype: str, shape: tuple[int, ...]) -> None:
    """Of one row, of one column, of very many, and of one dimension too."""
    rows = np.resize(np.abs(NUMBERS).astype(dtype), shape)

    sample = kept(rows, rows)
    found = sample.rows

    assert list(sample.names) == [f"x{n}" for n in range(shape[1] if len(shape) == 2 else 1)]
    np.testing.assert_array_equal(sample.targets, rows)

    assert (type(found), found.dtype) == (np.ndarray, rows.dtype)
    np.testing.assert_array_equal(found, rows)


@pytest.mark.parametrize(
    "rows",
    [
        np.array([[2**64 - 1], [2**63]], np.uint64),
        np.array([[2**63 - 1], [-(2**63)]]),
        np.array([[np.nan, np.inf], [-np.inf, -0.0]]),
        np.array([["a", None], ["", "déjà\0vu"]], object),
        np.array([["a", 1.5, 7], ["b", np.nan, 8]], object),
        np.asfortranarray(NUMBERS),
        NUMBERS[::2, ::-1],
        TIMES,
        TIMES - TIMES[0, 0],
    ],
    ids=["unsigned", "signed", "not finite", "texts and none", "mixed columns", "by column", "turned", "times", "durations"],
)
def test_values_at_the_borders_come_back_exactly(rows: Any) -> None:
    """Also those that a double cannot hold."""
    found = kept(rows).rows

    assert found.dtype == rows.dtype
    assert repr(found.tolist()) == repr(rows.tolist())


def test_a_frame_comes_back_with_its_types() -> None:
    """Categories with those that no row has, and in their order; its index is counted anew."""
    found = kept(FRAME.set_axis([7, 3, 5])).rows

    pd.testing.assert_frame_equal(found, FRAME)
    pd.testing.assert_frame_equal(kept(FRAME.iloc[:1]).rows, FRAME.iloc[:1])


@pytest.mark.parametrize(
    ("columns", "names"),
    [
        (pd.Index(["a", "a", "a (2)"]), ["a", "a (2)", "a (2) (2)"]),
        (pd.RangeIndex(3), ["0", "1", "2"]),
        (pd.Index([1, "1", 2.5]), ["1", "1 (2)", "2.5"]),
        (pd.MultiIndex.from_tuples([("a", 1), ("a", 2), ("b", 1)]), ["('a', 1)", "('a', 2)", "('b', 1)"]),
        (pd.Index(["runlake.target0", "", "=1\n"]), ["runlake.target0", "", "=1\n"]),
    ],
    ids=["twice", "numbers", "numbers and texts", "levels", "ours"],
)
def test_columns_come_back_as_they_are_called(columns: pd.Index, names: list[str]) -> None:
    """The names are texts, each another."""
    rows = pd.DataFrame(NUMBERS, columns=columns)

    found = kept(rows, TEXTS)

    pd.testing.assert_frame_equal(found.rows, rows, check_column_type=False)
    assert (list(found.names), found.targets.tolist()) == (names, TEXTS.tolist())


@pytest.mark.parametrize("name", [None, "v", 3], ids=str)
@pytest.mark.parametrize("values", [["a", None, "c"], [1.5, 2.5, 3.5]], ids=["texts", "numbers"])
def test_a_column_comes_back_as_one(values: list[Any], name: Any) -> None:
    """Whether or not it has a name."""
    rows = pd.Series(values, name=name)

    pd.testing.assert_series_equal(kept(rows).rows, rows)


def test_polars_comes_back_as_polars() -> None:
    """A frame and a column."""
    rows = pl.DataFrame({"a": [1, None, 3], "runlake.target0": ["x", "y", None], "c": pl.Series(["u", "v", "u"], dtype=pl.Categorical)})

    found = kept(rows, [1, 2, 3])

    assert found.rows.equals(rows)
    assert (found.rows.schema, list(found.targets)) == (rows.schema, [1, 2, 3])
    assert kept(rows["a"]).rows.equals(rows["a"])


def test_arrow_comes_back_as_a_table() -> None:
    """Also of a batch."""
    rows = pa.table({"a": [1, None, 3], "b": ["x", "y", None]})

    assert kept(rows).rows.equals(rows)
    assert kept(rows.to_batches()[0]).rows.equals(rows)


@pytest.mark.parametrize("form", ["csr", "csc", "lil", "dok"])
@pytest.mark.parametrize("make", [sp.csr_matrix, sp.csr_array])
def test_sparse_rows_come_back_sparse(form: str, make: Callable[[Any], Any]) -> None:
    """With their type: for some models what they do not say is no zero."""
    dense = (NUMBERS * (NUMBERS > 0)).astype(np.float32)

    found = kept(make(dense).asformat(form)).rows

    assert (found.dtype, found.format, found.nnz) == (np.float32, "csr", np.count_nonzero(dense))
    np.testing.assert_array_equal(found.toarray(), dense)


def test_a_zero_that_sparse_rows_say_stays_one() -> None:
    """Which is another thing than one that they do not say."""
    rows = sp.csr_array((np.array([0, 7]), (np.array([0, 1]), np.array([1, 0]))), shape=(2, 2))

    found = kept(rows).rows

    assert (found.dtype, found.nnz, found.toarray().tolist()) == (np.int64, 2, [[0, 0], [7, 0]])


@pytest.mark.parametrize(
    "rows",
    [["a", "", "déjà vu\0", "b"], [1, 2, 3], [1.5, 2], [True, False], [[1, 2], [3, 4]], [["a", 1], ["b", 2]], [[0.5], [1.5]]],
    ids=repr,
)
def test_a_list_comes_back_as_one(rows: list[Any]) -> None:
    """Of texts, of numbers, of rows; no number becomes a text."""
    assert kept(rows).rows == rows


@pytest.mark.parametrize(
    ("rows", "why"),
    [
        (NUMBERS[:0], "there are no rows"),
        (FRAME.iloc[:0], "there are no rows"),
        (NUMBERS[:, :0], "there are no columns"),
        (pd.DataFrame(index=range(3)), "there are no columns"),
        ([], "rows of list cannot be kept"),
        (iter([1]), "rows of list_iterator cannot be kept"),
        ({"a": NUMBERS}, "rows of dict cannot be kept"),
        (np.zeros((3, 4, 5)), "a row is no row of columns, but an array of 2 dimensions"),
        (np.zeros((6, 100_001)), "a row has 100,001 values"),
        (pd.DataFrame(np.zeros((6, 2_001))), "a row has 2,001 columns"),
        (["x" * 2**21] * 20, "20 of its rows take 40 MiB"),
        (sp.coo_matrix(NUMBERS), "TypeError: one row cannot be had by its place; of sparse data in the form CSR it can"),
        (sp.bsr_array(NUMBERS), "TypeError: one row cannot be had by its place; of sparse data in the form CSR it can"),
        (NUMBERS + 1j, "TypeError: values of complex128"),
        (np.array([[b"a"]]), "TypeError: values of bytes"),
        (np.array([1, None], object), "TypeError: values of int"),
        (np.array([(1, 2.0)], "i4,f8"), "TypeError: values of [('f0', '<i4'), ('f1', '<f8')]"),
        ([{"a": 1}], "TypeError: values of dict"),
        ([[1], [2, 3]], "ValueError: setting an array element with a sequence"),
        (["\ud800"], "UnicodeEncodeError: 'utf-8' codec can't encode character"),
        ([2**70, 1], "OverflowError: Python int too large"),
        (pd.DataFrame({"a": [1, "x"]}), "ArrowInvalid: (\"Could not convert 'x' with type str"),
        (
            pa.table({"a": pa.array([(1, 2, 3)], pa.month_day_nano_interval())}),
            "ArrowNotImplementedError: Unhandled type for Arrow to Parquet",
        ),
        (pd.DataFrame({"a": [1j]}), "ArrowNotImplementedError"),
        (pd.DataFrame({pd.Timestamp("2020"): [1]}), "TypeError: a column that is called by a Timestamp"),
        (pd.DataFrame.sparse.from_spmatrix(sp.csr_matrix(np.eye(3))), "TypeError: Sparse pandas data"),
    ],
    ids=lambda value: value[:40] if isinstance(value, str) else "",
)
def test_what_cannot_be_kept_is_said(rows: Any, why: str) -> None:
    """In a sentence, and without a warning."""
    begins = "its rows are no columns of numbers and texts: " if "Error" in why or "Arrow" in why else ""

    assert refused(rows).startswith(begins + why)


@pytest.mark.parametrize(
    ("targets", "dtype"),
    [
        (np.arange(6), "i8"),
        (np.arange(6, dtype=np.float32), "f4"),
        (np.array([1, np.nan] * 3), "f8"),
        (np.array([True, False] * 3), "?"),
        (TEXTS, "U1"),
        (TEXTS.astype(object), "O"),
        (np.array(["a", None] * 3, object), "O"),
        (np.array([1, 2] * 3, object), "O"),
        (np.arange(6).astype("M8[D]"), "M8[D]"),
        (NUMBERS[:, :2], "f8"),
        (TEXTS.reshape(6, 1), "U1"),
        (np.eye(6, dtype=bool), "?"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_targets_come_back_with_their_type(targets: np.ndarray, dtype: str) -> None:
    """Of one column or several."""
    found = kept(NUMBERS, targets).targets

    assert (found.dtype, found.shape) == (np.dtype(dtype), targets.shape)
    assert repr(found.tolist()) == repr(targets.tolist())


@pytest.mark.parametrize(
    ("targets", "expected"),
    [
        (pd.Series(TEXTS, dtype="category", index=list("zyxwvu")), TEXTS.tolist()),
        (pd.Categorical([3, 1] * 3), [3, 1] * 3),
        (pd.Series(TEXTS, dtype="string"), TEXTS.tolist()),
        (pd.Series([1, 2] * 3, dtype="Int64"), [1, 2] * 3),
        (pd.DataFrame({"y": [1, 2] * 3}), [[1], [2]] * 3),
        (pl.Series([1, 2] * 3), [1, 2] * 3),
        (["a", "b"] * 3, ["a", "b"] * 3),
        ([[1, 0], [0, 1]] * 3, [[1, 0], [0, 1]] * 3),
    ],
    ids=lambda value: type(value).__name__,
)
def test_targets_of_other_libraries_are_arrays(targets: Any, expected: list[Any]) -> None:
    """As every library takes them."""
    found = kept(NUMBERS, targets).targets

    assert (type(found), found.tolist()) == (np.ndarray, expected)


@pytest.mark.parametrize("targets", [None, np.arange(4), np.zeros((6, 2, 2)), sp.csr_matrix(np.eye(6)), [{"a": 1}] * 6, NUMBERS + 1j])
def test_rows_are_kept_without_targets_that_cannot_be(targets: Any) -> None:
    """They can be explained nonetheless."""
    found = kept(NUMBERS, targets)

    assert found.targets is None
    np.testing.assert_array_equal(found.rows, NUMBERS)


@pytest.mark.parametrize(("n", "width", "expected"), [(499, 2, 499), (10_000, 2, 500), (10_000, 5_000, 100)])
def test_of_many_rows_some_are_kept(n: int, width: int, expected: int) -> None:
    """Fewer where they are wide; in their order, with their targets, none twice."""
    rows = np.zeros((n, width), np.float32)
    rows[:, 0] = np.arange(n)

    found = kept(rows, np.arange(n) * 2)

    assert (found.rows.shape, found.of, expected <= ROWS) == ((expected, width), n, True)
    assert (np.diff(found.rows[:, 0]) > 0).all()
    np.testing.assert_array_equal(found.targets, found.rows[:, 0] * 2)


def test_every_process_keeps_the_same_rows() -> None:
    """And draws nothing from the generators that a program shares."""
    states = random.getstate(), repr(np.random.get_state())
    here = sample_bytes(np.arange(9_000).reshape(3_000, 3), None)
    code = (
        "import sys, numpy as np\nfrom runlake.analysis.sample import sample_bytes\n"
        "sys.stdout.buffer.write(sample_bytes(np.arange(9_000).reshape(3_000, 3), None))"
    )

    there = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout

    assert isinstance(here, bytes)
    assert hashlib.sha256(here).digest() == hashlib.sha256(there).digest()
    assert (random.getstate(), repr(np.random.get_state())) == states


def test_what_is_given_is_left_as_it_was() -> None:
    """The frame, its columns, the array."""
    frame, array = FRAME.copy(), NUMBERS.copy()
    columns = frame.columns

    kept(frame)
    kept(array, array[:, 0])

    assert frame.columns is columns
    pd.testing.assert_frame_equal(frame, FRAME)
    np.testing.assert_array_equal(array, NUMBERS)


def test_what_a_program_notes_on_its_frame_is_not_kept() -> None:
    """Nor does anything warn of it."""
    rows = FRAME.copy()
    rows.attrs["note"] = object()

    found = kept(rows).rows

    assert found.attrs == {}
    pd.testing.assert_frame_equal(found, FRAME)


def test_a_sample_of_much_takes_little() -> None:
    """Neither the data is copied nor every text as long as the longest."""
    rows, wide = np.zeros((1_000_000, 10)), np.zeros((10, 50_000))
    documents = ["short"] * 2_000 + ["long" * 100_000]
    tracemalloc.start()
    began = time.perf_counter()
    try:
        kept(rows, rows[:, 0])
        kept(wide)
        kept(documents)
        took, (_, most) = time.perf_counter() - began, tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert took < 5
    assert most < 50 << 20
