"""An example of a model's input is kept as MLflow keeps it, and comes back as it was, with the types that its signature knows."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import coo_array, csc_matrix, csr_matrix

from runlake.errors import InvalidValue
from runlake.models.signatures import Enforcement, infer_signature
from runlake.models.signatures.examples import EXAMPLE_FILE, MOST_BYTES, SERVING_FILE, data_and_params, example_files, read_example

FRAME = pd.DataFrame(
    {
        "whole": [1, 2],
        "half": [1.5, np.nan],
        "small": np.array([1, 2], "int32"),
        "single": np.array([0.1, 2], "float32"),
        "text": ["a", None],
        "when": np.array(["2026-01-02", "2026-01-03T04:05:06.000000007"], "datetime64[ns]"),
        "true": [True, False],
        "bytes": [b"a", bytes(range(256))],
        "lists": [[1, 2], [3]],
    }
)

WHOLE: dict[str, Any] = {
    "a frame": FRAME,
    "a frame with missing numbers": pd.DataFrame({"a": pd.array([1, None], "Int64"), "b": pd.array([True, None], "boolean")}),
    "a numbered frame": pd.DataFrame(np.arange(6.0).reshape(2, 3)),
    "an array": np.array([[0.5, np.nan], [np.inf, -0.0]]),
    "an array of small floats": np.array([[0.1, np.nan]], "float32"),
    "an array of bytes": np.array([[1, 255]], "uint8"),
    "an array of texts": np.array(["a", "bc"]),
    "an array of times": np.array(["2026-01-02T03", "2026-01-03"], "datetime64[ns]"),
    "arrays": {"a": np.zeros((2, 2), "float32"), "b": np.array([1, 2])},
    "a sparse matrix": csr_matrix(np.array([[0, 1.5], [np.nan, 0]])),
    "a sparse matrix by columns": csc_matrix(np.eye(3, dtype="float32")),
    "a dictionary": {"a": 1, "b": ["x", None], "c": {"d": 0.5}},
    "messages": {"messages": [{"role": "user", "content": "x"}]},
    "texts": ["a", "b"],
    "rows": [[1, 2], [3, 4]],
    "dictionaries": [{"a": 1}, {"a": 2}],
    "a text": "x",
    "a number": 0.5,
    "an array and params": (np.array([[0.5]]), {"a": 1, "b": ["x"]}),
    "a frame and params": (pd.DataFrame({"a": [1]}), {"a": 0.5}),
}


def assert_same(one: Any, other: Any) -> None:
    """The same values, of the same types."""
    assert type(one) is type(other)
    if isinstance(one, pd.DataFrame):
        pd.testing.assert_frame_equal(one, other)
    elif hasattr(one, "tocsr"):
        assert_same(one.toarray(), other.toarray())
    elif isinstance(one, np.ndarray):
        assert one.dtype.kind == other.dtype.kind == "U" or one.dtype == other.dtype
        np.testing.assert_array_equal(one, other)
    elif isinstance(one, tuple) or (isinstance(one, dict) and any(isinstance(each, np.ndarray) for each in one.values())):
        assert len(one) == len(other)
        for left, right in zip(one.values(), other.values(), strict=True) if isinstance(one, dict) else zip(one, other, strict=True):
            assert_same(left, right)
    else:
        assert one == other


@pytest.mark.parametrize("example", WHOLE.values(), ids=WHOLE)
def test_an_example_comes_back_as_it_was(example: Any) -> None:
    """And a model with its signature can be asked with it."""
    data, params = data_and_params(example)
    schema = infer_signature(data).inputs
    assert schema is not None

    files, info = example_files(example)
    back = read_example(files, json.loads(json.dumps(info)), schema)

    assert_same(back, example)
    assert (info["artifact_path"], info["serving_input_path"], "params" in info) == (EXAMPLE_FILE, SERVING_FILE, params is not None)
    assert set(files) == {EXAMPLE_FILE, SERVING_FILE}
    Enforcement(schema)(data_and_params(back)[0])


def test_without_a_schema_types_are_those_of_json() -> None:
    """Numbers, texts, and nothing."""
    frame = pd.DataFrame({"a": np.array([1, 2], "int32"), "b": ["x", None], "c": [0.5, None], "d": pd.to_datetime(["2026-01-02"] * 2)})

    files, info = example_files(frame)

    assert json.loads(files[EXAMPLE_FILE]) == {
        "columns": ["a", "b", "c", "d"],
        "data": [[1, "x", 0.5, "2026-01-02T00:00:00"], [2, None, None, "2026-01-02T00:00:00"]],
    }
    assert [str(dtype) for dtype in read_example(files, info).dtypes] == ["int64", "str", "float64", "str"]


def test_a_server_is_sent_the_same_under_the_name_that_it_knows() -> None:
    """As MLflow's server does."""
    served = {name: json.loads(example_files(example)[0][SERVING_FILE]) for name, example in WHOLE.items()}

    assert served["a frame and params"] == {"dataframe_split": {"columns": ["a"], "data": [[1]]}, "params": {"a": 0.5}}
    assert served["a numbered frame"] == {"dataframe_split": {"data": [[0, 1, 2], [3, 4, 5]]}}
    assert served["an array of bytes"] == {"inputs": [[1, 255]]}
    assert served["a sparse matrix by columns"] == {"inputs": [[1, 0, 0], [0, 1, 0], [0, 0, 1]]}
    assert served["messages"] == {"messages": [{"role": "user", "content": "x"}]}
    assert served["a text"] == {"inputs": "x"}


@pytest.mark.parametrize(
    ("example", "kind"),
    [
        (pd.Series([1, 2], name="a"), "dataframe"),
        (pl.DataFrame({"a": [1, 2]}), "dataframe"),
        (pa.table({"a": [1, 2]}), "dataframe"),
        (coo_array(np.eye(2)), "sparse_matrix_csr"),
        (datetime(2026, 1, 2), "json_object"),
        (np.float32(0.5), "json_object"),
        (b"x", "json_object"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_data_of_any_kind_is_an_example(example: Any, kind: str) -> None:
    """Of the kind that comes nearest."""
    files, info = example_files(example)

    assert info["type"] == kind
    assert read_example(files, info) is not None


def test_a_tensor_is_kept_as_an_array() -> None:
    """Of a library that has its own."""
    torch = pytest.importorskip("torch")
    files, info = example_files(torch.ones((1, 2), requires_grad=True))

    assert (json.loads(files[EXAMPLE_FILE]), info["type"]) == ([[1, 1]], "ndarray")


LARGE: dict[str, Any] = {
    "a frame": pd.DataFrame({"a": np.arange(500_000), "b": 0.5}),
    "a frame of long texts": pd.DataFrame({"a": ["x" * 10_000] * 200}),
    "an array": np.zeros((500_000, 2)),
    "arrays": {"a": np.zeros((500_000, 2)), "b": np.zeros(500_000)},
    "a list": ["x" * 100] * 50_000,
    "a frame of Polars": pl.DataFrame({"a": range(600_000)}),
    "a table of Arrow": pa.table({"a": range(600_000)}),
}


@pytest.mark.parametrize("example", LARGE.values(), ids=LARGE)
def test_of_very_much_data_the_first_rows_are_kept(example: Any, caplog: pytest.LogCaptureFixture) -> None:
    """Which is said: a training is not stopped by that."""
    files, info = example_files(example)
    back = read_example(files, info)

    rows = next(iter(back.values())) if isinstance(back, dict) else back
    assert len(rows) == 5
    assert ["the first 5 are kept" in record.getMessage() for record in caplog.records] == [True]


@pytest.mark.parametrize(
    "example", [{"a": "x" * MOST_BYTES}, "x" * MOST_BYTES, np.zeros((3, 1_000_000)), pd.DataFrame({"a": ["x" * MOST_BYTES]})]
)
def test_an_example_that_is_too_large_is_refused(example: Any, caplog: pytest.LogCaptureFixture) -> None:
    """With what is kept at most; and nothing is said of rows that are not there."""
    with pytest.raises(InvalidValue, match=r"more than 1,048,576 bytes as JSON"):
        example_files(example)
    assert caplog.records == []


def test_of_a_large_sparse_matrix_what_a_server_is_sent_is_left_out() -> None:
    """It would be dense."""
    files, info = example_files(csr_matrix((5, 1_000_000)))

    assert (set(files), info) == ({EXAMPLE_FILE}, {"artifact_path": EXAMPLE_FILE, "type": "sparse_matrix_csr"})


@pytest.mark.parametrize(
    ("example", "said"),
    [
        (object(), "not data of type object"),
        ({"a": np.zeros(2), "b": "x"}, "of this dictionary some are"),
        ({"a": object()}, "cannot be written as JSON"),
        ([{1, 2}], "cannot be written as JSON"),
        (None, "not data of type NoneType"),
    ],
)
def test_what_is_no_example_is_refused(example: Any, said: str) -> None:
    """With what it is."""
    with pytest.raises(InvalidValue, match=said):
        example_files(example)


FORGED: dict[str, tuple[bytes, Any]] = {
    "another file": (b"[]", {"artifact_path": "../../etc/passwd", "type": "ndarray"}),
    "no file": (b"[]", {"type": "ndarray"}),
    "another type": (b"[]", {"artifact_path": EXAMPLE_FILE, "type": "pickle"}),
    "no JSON": (b"[", {"artifact_path": EXAMPLE_FILE, "type": "ndarray"}),
    "no text": (b"\xff\xfe\x00", {"artifact_path": EXAMPLE_FILE, "type": "ndarray"}),
    "deep JSON": (b"[" * 100_000, {"artifact_path": EXAMPLE_FILE, "type": "ndarray"}),
    "no data": (b"{}", {"artifact_path": EXAMPLE_FILE, "type": "dataframe"}),
    "a list for a frame": (b"[1]", {"artifact_path": EXAMPLE_FILE, "type": "dataframe"}),
    "a frame of other columns": (b'{"columns": ["a"], "data": [[1, 2]]}', {"artifact_path": EXAMPLE_FILE, "type": "dataframe"}),
    "no params": (b"[1]", {"artifact_path": EXAMPLE_FILE, "type": "ndarray", "params": "true"}),
    "rows of two lengths": (b"[[1], [1, 2]]", {"artifact_path": EXAMPLE_FILE, "type": "ndarray"}),
    "a matrix of no shape": (b'{"data": [1]}', {"artifact_path": EXAMPLE_FILE, "type": "sparse_matrix_csr"}),
    "a matrix with places outside": (
        b'{"data": [1.0], "indices": [1000000000], "indptr": [0, 1], "shape": [1, 2]}',
        {"artifact_path": EXAMPLE_FILE, "type": "sparse_matrix_csr"},
    ),
    "a matrix with starts outside": (
        b'{"data": [1.0], "indices": [0], "indptr": [0, 1000000000], "shape": [1, 2]}',
        {"artifact_path": EXAMPLE_FILE, "type": "sparse_matrix_csc"},
    ),
}


@pytest.mark.parametrize(("content", "info"), FORGED.values(), ids=FORGED)
def test_what_was_never_an_example_is_refused_in_words(content: bytes, info: Any) -> None:
    """Never by an error of Python's own."""
    with pytest.raises(InvalidValue):
        read_example({EXAMPLE_FILE: content}, info)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(-(2**63), 2**63 - 1), st.floats() | st.none(), st.text(), st.booleans(), st.binary()), min_size=1, max_size=4
    )
)
def test_a_frame_of_any_values_comes_back(rows: list[Any]) -> None:
    """To the bit."""
    frame = pd.DataFrame(rows, columns=["a", "b", "c", "d", "e"]).astype({"b": "float64"})

    files, info = example_files(frame)

    pd.testing.assert_frame_equal(read_example(files, info, infer_signature(frame).inputs), frame, check_exact=True)
