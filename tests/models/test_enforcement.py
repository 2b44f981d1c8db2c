"""What a model is asked with is made as its signature has it where nothing is lost, and refused in words where something would be."""

from __future__ import annotations

import logging
import timeit
from collections.abc import Callable
from copy import deepcopy
from datetime import datetime
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csc_array, csr_array, csr_matrix

from runlake.entities.column_types import AnyType, Array, DataType, Map, Object, Property
from runlake.entities.model_params import ParamSchema, ParamSpec
from runlake.entities.signatures import ColSpec, Schema, TensorSpec
from runlake.errors import InvalidValue
from runlake.models.signatures import Enforcement, enforced_params, matched, schema_of

TWO = Schema([ColSpec("long", "a"), ColSpec("double", "b", required=False)])
MATRIX = Schema([TensorSpec("float64", (-1, 2))])

TAKEN: dict[str, Any] = {
    "numbers": [1, 2],
    "small numbers": np.array([1, 2], "int16"),
    "numbers of 8 bits without a sign": np.array([1, 2], "uint8"),
    "numbers of 64 bits without a sign": np.array([1, 2], "uint64"),
    "floats": [0.5, np.nan],
    "small floats": np.array([0.5, 1], "float32"),
    "longer floats": np.array([0.5, 1], "longdouble"),
    "complex numbers": [1j, 2],
    "truths": [True, False],
    "truths and none": np.array([True, None], object),
    "texts": ["a", None],
    "texts as objects": np.array(["a", None], object),
    "bytes": [b"a", b"b"],
    "times": np.array(["2026-01-02", "NaT"], "datetime64[ns]"),
    "spans of time": pd.to_timedelta([1, 2], "s"),
    "periods": pd.period_range("2026-01", periods=2, freq="M"),
    "intervals": pd.interval_range(0, 2),
    "categories": pd.Categorical(["u", None]),
    "categories of numbers": pd.Categorical([1, 2]),
    "categories of times": pd.Categorical(np.array(["2026-01-02", "2026-01-03"], "datetime64[ns]")),
    "Int64 with one missing": pd.array([1, None], "Int64"),
    "boolean with one missing": pd.array([True, None], "boolean"),
    "string[python]": pd.array(["a", None], "string[python]"),
    "string[pyarrow]": pd.array(["a", None], "string[pyarrow]"),
    "string of Arrow": pd.array(["a", None], pd.ArrowDtype(pa.string())),
    "int64[pyarrow] with one missing": pd.array([1, None], "int64[pyarrow]"),
    "binary[pyarrow]": pd.array([b"a", None], "binary[pyarrow]"),
    "sparse numbers": pd.arrays.SparseArray([0.0, 1.0]),
    "lists": pd.Series([[1, 2], [3]]),
    "lists and none": pd.Series([[1, 2], None]),
    "arrays": pd.Series([np.zeros(2, "float32"), np.ones(3, "float32")]),
    "lists of several types": pd.Series([[1], ["x", None]]),
    "dictionaries": pd.Series([{"x": 1, "y": "s"}, {"x": 2, "z": [0.5]}]),
    "several types": np.array([1, "a"], object),
    "nothing but none": np.array([None, None], object),
}


@pytest.mark.parametrize("values", TAKEN.values(), ids=TAKEN)
def test_what_a_signature_was_inferred_from_is_let_through_as_it_is(values: Any) -> None:
    """Of any type of pandas, with what is missing in it."""
    frame = pd.DataFrame({"a": values}).set_axis([5, 7])

    given = Enforcement(schema_of(frame) or TWO)(frame)

    is_small = str(frame["a"].dtype) in ("int16", "uint8")  # for which there is no type
    pd.testing.assert_frame_equal(given, frame.astype("int32") if is_small else frame)


DAYS = [pd.Timestamp(2026, 1, 2), pd.Timestamp(2026, 1, 3)]


@pytest.mark.parametrize("make", [pl.DataFrame, pa.table], ids=["polars", "arrow"])
def test_missing_integers_of_polars_and_arrow_stay_integers(make: Any) -> None:
    """All of their digits, where the model was given such."""
    data = make({"a": [2**53 + 1, None], "b": [1, None]})

    given = Enforcement(schema_of(data) or TWO)(data)

    assert given.dtypes.astype(str).tolist() == ["Int64", "Int64"]
    assert [each if each is not pd.NA else None for each in given["a"]] == [2**53 + 1, None]
    with pytest.raises(InvalidValue, match="some are missing"):
        Enforcement(Schema([ColSpec("long", "a")]))(data)
    for other in (make({"a": [0.5, None], "b": [1, 2]}), make({"a": pa.array([2**63, None], "uint64"), "b": [1, 2]})):
        with pytest.raises(InvalidValue, match="'a' is of type float64"):
            Enforcement(schema_of(data) or TWO)(other)
    small = Schema([ColSpec("integer", "b", required=False)])
    assert Enforcement(small)(data).dtypes.astype(str).tolist() == ["Int32"]
    with pytest.raises(InvalidValue, match="'b' is of type float64"):
        Enforcement(small)(make({"b": [1 << 31, None]}))


CONVERTED: dict[str, tuple[Any, str, Any, Any]] = {
    "times of seconds": (np.array(["2026-01-02", "2026-01-03"], "datetime64[s]"), "datetime", "datetime64[ns]", DAYS),
    "dates": ([each.date() for each in DAYS], "datetime", "datetime64[ns]", DAYS),
    "dates of Arrow": (pd.array([each.date() for each in DAYS], pd.ArrowDtype(pa.date32())), "datetime", "datetime64[ns]", DAYS),
    "Int64 that are all there": (pd.array([1, 2], "Int64"), "long", "int64", [1, 2]),
    "Float32 of which one is missing": (pd.array([0.5, None], "Float32"), "double", "float64", [0.5, None]),
    "int32 of Arrow, of which one is missing": (pd.array([1, None], "int32[pyarrow]"), "double", "float64", [1, None]),
    "boolean that are all there": (pd.array([True, False], "boolean"), "boolean", "bool", [True, False]),
    "uint32": (np.array([1, 2**32 - 1], "uint32"), "long", "int64", [1, 2**32 - 1]),
    "zeros and ones": (np.array([1, 0]), "float", "float32", [1, 0]),
    "whole numbers as objects": (np.array([1, 2], object), "long", "int64", [1, 2]),
    "decimals": ([Decimal("1.5"), Decimal(2)], "double", "float64", [1.5, 2]),
}


@pytest.mark.parametrize(("values", "wanted", "dtype", "expected"), CONVERTED.values(), ids=CONVERTED)
def test_what_loses_nothing_becomes_the_wanted_type(values: Any, wanted: str, dtype: str, expected: Any) -> None:
    """And the frame that was given stays as it was."""
    frame = pd.DataFrame({"a": values, "b": [0.5, 1.5]})
    before = frame.copy(deep=True)

    enforced = Enforcement(Schema([ColSpec(wanted, "a"), ColSpec("double", "b")]))(frame)

    assert str(enforced["a"].dtype) == dtype
    assert [None if pd.isna(each) else each for each in enforced["a"]] == expected
    pd.testing.assert_frame_equal(frame, before)


NUMBERS = {"integer": "int32", "long": "int64", "float": "float32", "double": "float64", "boolean": "bool"}


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(["bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float16", "float32", "float64"]),
    st.binary(min_size=8, max_size=64).map(lambda found: found[: len(found) // 8 * 8]),
    st.sampled_from(sorted(NUMBERS)),
)
def test_numbers_that_are_let_through_are_the_same_numbers(dtype: str, content: bytes, wanted: str) -> None:
    """Bit for bit, back in the type that they had; and what is refused leaves no trace."""
    raw = np.frombuffer(content, "uint8")
    values = raw.astype(bool) if dtype == "bool" else raw.view(dtype)
    frame = pd.DataFrame({"a": values})
    before = frame.copy(deep=True)

    try:
        enforced = Enforcement(Schema([ColSpec(wanted, "a")]))(frame)["a"].to_numpy()
    except InvalidValue:
        assert dtype != NUMBERS[wanted]
    else:
        assert enforced.dtype == NUMBERS[wanted]
        with np.errstate(invalid="ignore"):  # of NaNs that are to be noticed
            np.testing.assert_array_equal(enforced.astype(dtype), values)
            np.testing.assert_array_equal(enforced.astype("longdouble"), values.astype("longdouble"))
    pd.testing.assert_frame_equal(frame, before)


def test_a_nan_that_is_to_be_noticed_is_a_nan() -> None:
    """No warning comes of it."""
    frame = pd.DataFrame({"a": np.frombuffer(b"\x00\x00\x81\x7f", "float32")})

    assert np.isnan(Enforcement(Schema([ColSpec("double", "a")]))(frame)["a"][0])


REFUSED: dict[str, tuple[Schema, Any, str]] = {
    "a column missing": (TWO, pd.DataFrame({"b": [0.5], "c": [1]}), r"'a', which the data lacks; what it has beside is 'c'"),
    "several columns missing": (Schema([ColSpec("long", "x"), ColSpec("long", "y")]), pd.DataFrame({"a": [1]}), "columns 'x', 'y'"),
    "very many columns missing": (Schema([ColSpec("long", f"c{n}") for n in range(50)]), pd.DataFrame({"a": [1]}), "'c19' and 30 more"),
    "names missing": (TWO, np.zeros((2, 2)), "have no names"),
    "a name missing": (TWO, np.array([1]), "have no names"),
    "columns missing, by count": (Schema([ColSpec("long"), ColSpec("long")]), pd.DataFrame({"a": [1]}), "2 columns, and the data has 1"),
    "a column twice": (TWO, pd.DataFrame([[1, 2]], columns=["a", "a"]), "several columns of the name 'a'"),
    "floats for whole numbers": (TWO, pd.DataFrame({"a": [0.5]}), r"'a' is of type float64.*long \(int64\).*data\['a'\].astype\('int64'\)"),
    "a missing whole number": (TWO, pd.DataFrame({"a": [1, None]}), "whole, but some are missing.*double"),
    "a missing Int64": (TWO, pd.DataFrame({"a": pd.array([1, None], "Int64")}), "some are missing"),
    "a missing whole number as an object": (TWO, pd.DataFrame({"a": np.array([2**60, None], object)}), "some are missing"),
    "a text among many truths": (
        Schema([ColSpec("boolean", "a")]),
        pd.DataFrame({"a": pd.Series([True, None] * 1_000 + ["x"], dtype=object)}),
        "'a' is of type object",
    ),
    "texts for numbers": (TWO, pd.DataFrame({"a": ["1"]}), "'a' is of type str"),
    "texts as objects for numbers": (TWO, pd.DataFrame({"a": [1], "b": np.array(["x"], object)}), "'b' is of type str.*double"),
    "large numbers for doubles": (TWO, pd.DataFrame({"a": [1], "b": [2**60]}), r"'b' is of type int64.*double \(float64\)"),
    "numbers for texts": (Schema([ColSpec("string", "a")]), pd.DataFrame({"a": [1]}), "'a' is of type int64.*takes string"),
    "categories for numbers": (TWO, pd.DataFrame({"a": pd.Categorical(["x"])}), "'a' is of type category"),
    "intervals for numbers": (TWO, pd.DataFrame({"a": pd.interval_range(0, 1)}), "'a' is of type interval"),
    "times of a zone": (
        Schema([ColSpec("datetime", "a")]),
        pd.DataFrame({"a": pd.to_datetime(["2026-01-02"]).tz_localize("UTC")}),
        r"time zone.*tz_convert\(None\)",
    ),
    "categories that are times of a zone": (
        Schema([ColSpec("datetime", "a")]),
        pd.DataFrame({"a": pd.Categorical(pd.to_datetime(["2026-01-02"]).tz_localize("UTC"))}),
        "'a' is of type category",
    ),
    "times that nanoseconds do not reach": (
        Schema([ColSpec("datetime", "a")]),
        pd.DataFrame({"a": np.array(["9999-01-02"], "datetime64[s]")}),
        "'a'.*datetime64",
    ),
    "texts that are no times": (
        Schema([ColSpec("datetime", "a")]),
        pd.DataFrame({"a": np.array(["soon", datetime(2026, 1, 2)], object)}),
        "'a' of objects cannot become datetime",
    ),
    "a list of two lengths": (TWO, {"a": [1, 2], "b": [0.5]}, "cannot become a frame"),
    "an array of three dimensions": (TWO, np.zeros((2, 2, 2)), "cannot become a frame"),
    "a sparse matrix": (TWO, csr_matrix(np.eye(2)), r"toarray\(\)"),
    "an object": (TWO, object(), "not data of type object"),
    "nothing": (TWO, None, "not data of type NoneType"),
    "data and params": (TWO, (pd.DataFrame({"a": [1]}), {}), "not data of type tuple"),
    "values for lists": (Schema([ColSpec(Array("long"), "a")]), pd.DataFrame({"a": [1]}), r"'a' there is 1 \(int\).*list, Array\(long\)"),
    "nothing for lists": (Schema([ColSpec(Array("long"), "a")]), pd.DataFrame({"a": [[1], None]}), "NoneType"),
    "lists of other values": (Schema([ColSpec(Array("long"), "a")]), pd.DataFrame({"a": [[0.5]]}), "'a' is of type float64"),
    "matrices for lists": (Schema([ColSpec(Array("long"), "a")]), pd.DataFrame({"a": [np.zeros((2, 2), int)]}), r"shape \(2, 2\)"),
    "a list for a dictionary": (Schema([ColSpec(Map("long"), "a")]), pd.DataFrame({"a": [[1]]}), "takes a dictionary"),
    "numbers as keys": (Schema([ColSpec(Map("long"), "a")]), pd.DataFrame({"a": [{1: 2}]}), "not all texts"),
    "a key missing": (Schema([ColSpec(Object([Property("x", "long")]), "a")]), pd.DataFrame({"a": [{}]}), "lacks x"),
    "a key beside": (Schema([ColSpec(Object([Property("x", "long")]), "a")]), pd.DataFrame({"a": [{"x": 1, "y": 2}]}), "has y"),
    "a list below a key": (
        Schema([ColSpec(Object([Property("x", "long")]), "a")]),
        pd.DataFrame({"a": [{"x": [1]}]}),
        "'a.x'.*single value",
    ),
    "a matrix of another width": (MATRIX, np.zeros((2, 3)), r"shape \(-1, 2\).*\(2, 3\)"),
    "a matrix of another type": (MATRIX, np.zeros((2, 2), "float32"), r"of float64, and the data is of float32.*astype\('float64'\)"),
    "a matrix of another byte order": (MATRIX, np.zeros((2, 2), ">f8"), "of >f8"),
    "arrays of another type in a frame": (MATRIX, pd.DataFrame({"a": [np.zeros(2, "float32")]}), "of float32"),
    "a vector": (MATRIX, np.zeros(2), r"shape"),
    "a matrix of objects": (MATRIX, np.zeros((2, 2), object), "of object"),
    "rows of two lengths": (MATRIX, [[1, 2], [3]], "list cannot become one"),
    "rows of texts": (MATRIX, [["a", "b"]], "cannot become one"),
    "a text for a matrix": (MATRIX, "x", "not data of type str"),
    "a frame of another width": (MATRIX, pd.DataFrame(np.zeros((2, 3))), "shape"),
    "a frame without rows for a matrix": (MATRIX, pd.DataFrame({"a": []}), "no rows"),
    "single values for a matrix": (MATRIX, pd.DataFrame({"a": [1]}), "single values"),
    "lists of another length": (MATRIX, pd.DataFrame({"a": [[1, 2, 3]]}), "cannot become an array of the shape"),
    "large numbers in a list": (Schema([TensorSpec("float32", (-1,))]), [2**53 + 1], "values that would change"),
    "fractions in a list": (Schema([TensorSpec("int64", (-1,))]), [0.5], "values that would change"),
    "a tensor missing": (
        Schema([TensorSpec("float64", (-1,), "a"), TensorSpec("float64", (-1,), "b")]),
        {"a": np.zeros(2), "c": np.zeros(2)},
        "'b', which the data lacks; what it has beside is 'c'",
    ),
    "an array for tensors": (
        Schema([TensorSpec("float64", (-1,), "a"), TensorSpec("int8", (-1,), "b")]),
        np.zeros(2),
        "'a', 'b', not data of type ndarray",
    ),
    "a named tensor of another type": (Schema([TensorSpec("float64", (-1,), "a")]), {"a": np.zeros(2, "int8")}, "input 'a'.*int8"),
}


@pytest.mark.parametrize(("schema", "data", "said"), REFUSED.values(), ids=REFUSED)
def test_what_does_not_fit_is_refused_with_what_there_is_and_what_is_wanted(schema: Schema, data: Any, said: str) -> None:
    """And what to do, where that is known."""
    with pytest.raises(InvalidValue, match=f"(?s){said}"):
        Enforcement(schema)(data)


FRAMES: dict[str, tuple[Schema, Any, pd.DataFrame]] = {
    "a frame of Polars": (TWO, pl.DataFrame({"b": [0.5], "a": [1], "c": ["x"]}), pd.DataFrame({"a": [1], "b": [0.5]})),
    "a table of Arrow": (TWO, pa.table({"b": [0.5], "a": [1]}), pd.DataFrame({"a": [1], "b": [0.5]})),
    "a dictionary of values": (TWO, {"a": 1, "b": 0.5}, pd.DataFrame({"a": [1], "b": [0.5]})),
    "a dictionary of values of NumPy": (TWO, {"a": np.array(1), "b": np.float64(0.5)}, pd.DataFrame({"a": [1], "b": [0.5]})),
    "a dictionary of a time of NumPy": (
        Schema([ColSpec("datetime", "a")]),
        {"a": np.datetime64("2026-01-02", "ns")},
        pd.DataFrame({"a": np.array(["2026-01-02"], "M8[ns]")}),
    ),
    "a dictionary of lists": (TWO, {"a": [1, 2], "b": (0.5, 1.5)}, pd.DataFrame({"a": [1, 2], "b": [0.5, 1.5]})),
    "a dictionary of texts": (Schema([ColSpec("string", "a")]), {"a": ["x", "y"]}, pd.DataFrame({"a": ["x", "y"]})),
    "a list of dictionaries": (TWO, [{"a": 1}, {"a": 2, "b": 0.5}], pd.DataFrame({"a": [1, 2], "b": [None, 0.5]})),
    "a list of texts": (Schema([ColSpec("string", "a")]), ["x", "y"], pd.DataFrame({"a": ["x", "y"]})),
    "a text": (Schema([ColSpec("string", "a")]), "x", pd.DataFrame({"a": ["x"]})),
    "a number": (Schema([ColSpec("long")]), 3, pd.DataFrame([3])),
    "a time": (Schema([ColSpec("datetime", "t")]), datetime(2026, 1, 2), pd.DataFrame({"t": np.array(["2026-01-02"], "M8[ns]")})),
    "a series": (Schema([ColSpec("double", "a")]), pd.Series([0.5], name="a", index=[9]), pd.DataFrame({"a": [0.5]}, index=[9])),
    "a row as an array": (Schema([ColSpec("double"), ColSpec("double")]), np.array([[0.5, 1]]), pd.DataFrame([[0.5, 1.0]])),
    "an array for one name": (Schema([ColSpec("double", "a")]), np.array([0.5]), pd.DataFrame({"a": [0.5]})),
    "lists in a list": (Schema([ColSpec(Array("long"))]), [[1, 2], [3]], pd.DataFrame({0: [[1, 2], [3]]})),
    "a dictionary with a list": (Schema([ColSpec(Array("long"), "a")]), {"a": [1, 2]}, pd.DataFrame({"a": [[1, 2]]})),
    "small numbers in lists": (
        Schema([ColSpec(Array("double"), "a")]),
        pd.DataFrame({"a": [[0, 1], [0.5, None]]}),
        pd.DataFrame({"a": pd.Series([[0.0, 1.0], [0.5, None]], dtype=object)}),
    ),
    "no rows": (
        TWO,
        pd.DataFrame({"a": [], "b": []}, dtype=object),
        pd.DataFrame({"a": np.array([], "int64"), "b": np.array([], "float64")}),
    ),
    "names that are pairs": (
        schema_of(pd.DataFrame([[1]], columns=pd.MultiIndex.from_tuples([("a", "b")]))) or TWO,
        pd.DataFrame([[2, 3]], columns=pd.MultiIndex.from_tuples([("a", "c"), ("a", "b")])),
        pd.DataFrame([[3]], columns=pd.MultiIndex.from_tuples([("a", "b")])),
    ),
    "names of any type": (
        schema_of(pd.DataFrame([[1, 2, 3]], columns=[None, 1.5, "c"])) or TWO,
        pd.DataFrame([[4, 3, 2]], columns=["c", 1.5, None]),
        pd.DataFrame([[2, 3, 4]], columns=pd.Index([None, 1.5, "c"], dtype=object)),
    ),
    "the same two of a name": (
        Schema([ColSpec("long", "a"), ColSpec("string", "a")]),
        pd.DataFrame([[1, "x"]], columns=["a", "a"]),
        pd.DataFrame([[1, "x"]], columns=["a", "a"]),
    ),
}


@pytest.mark.parametrize(("schema", "data", "frame"), FRAMES.values(), ids=FRAMES)
def test_columns_become_a_frame_however_they_are_given(schema: Schema, data: Any, frame: pd.DataFrame) -> None:
    """By their names, or in their order."""
    before = deepcopy(data)

    pd.testing.assert_frame_equal(Enforcement(schema)(data), frame, check_column_type=False)
    assert str(data) == str(before)


TENSORS: dict[str, tuple[Any, Any]] = {
    "a list of rows": ([[1, 2], [0.5, 3]], np.array([[1, 2], [0.5, 3]])),
    "a frame": (pd.DataFrame({"x": [0.5], "y": [1.5]}), np.array([[0.5, 1.5]])),
    "a frame of lists": (pd.DataFrame({"x": [[0.5, 1.5], [2, 3]]}, index=[4, 5]), np.array([[0.5, 1.5], [2, 3]])),
    "a frame of Polars": (pl.DataFrame({"x": [0.5], "y": [1.5]}), np.array([[0.5, 1.5]])),
    "no rows": (np.zeros((0, 2)), np.zeros((0, 2))),
}


@pytest.mark.parametrize(("data", "array"), TENSORS.values(), ids=TENSORS)
def test_a_matrix_is_made_of_what_holds_one(data: Any, array: np.ndarray) -> None:
    """In the wanted type."""
    given = Enforcement(MATRIX)(data)

    np.testing.assert_array_equal(given, array)
    assert given.dtype == "float64"


@pytest.mark.parametrize("data", [np.ones((2, 2)), csr_array(np.eye(2)), csc_array(np.eye(2))], ids=["array", "csr", "csc"])
def test_a_tensor_that_fits_is_given_itself(data: Any) -> None:
    """Nothing is made dense, or copied."""
    assert Enforcement(MATRIX)(data) is data


def test_named_tensors_are_given_in_the_order_of_the_schema() -> None:
    """From a dictionary, a frame, or the only array that there is."""
    schema = Schema([TensorSpec("float64", (-1, 2), "a"), TensorSpec("int64", (-1,), "b")])
    enforced = Enforcement(schema)

    for data in ({"b": [1], "a": [[0.5, 1.5]]}, pd.DataFrame({"b": [1], "a": [[0.5, 1.5]]})):
        given = enforced(data)
        assert list(given) == ["a", "b"]
        assert [(each.dtype.name, each.tolist()) for each in given.values()] == [("float64", [[0.5, 1.5]]), ("int64", [1])]
    only = np.zeros((3, 2))
    assert Enforcement(Schema([TensorSpec("float64", (-1, 2), "a")]))(only) == {"a": only}


def test_a_tensor_of_a_library_becomes_an_array() -> None:
    """Even one that is part of a training."""
    torch = pytest.importorskip("torch")
    tensor = torch.ones((2, 2), dtype=torch.float64, requires_grad=True)

    given = Enforcement(MATRIX)(tensor)

    assert isinstance(given, np.ndarray)
    assert given.tolist() == [[1, 1], [1, 1]]
    assert Enforcement(TWO)({"a": torch.tensor(1), "b": torch.tensor([0.5])})["b"].tolist() == [0.5]
    with pytest.raises(InvalidValue, match="cannot become an array"):
        Enforcement(MATRIX)(torch.ones((2, 2), dtype=torch.bfloat16))


def test_what_may_be_anything_is_given_as_it_is() -> None:
    """Neither looked at nor made a frame."""
    data = object()

    assert Enforcement(Schema([ColSpec(AnyType())]))(data) is data


def test_columns_beside_are_left_out_and_said_once(caplog: pytest.LogCaptureFixture) -> None:
    """For a model, however often it is asked."""
    enforced, other = Enforcement(TWO), Enforcement(TWO)
    frame = pd.DataFrame({"c": ["x"], "b": [0.5], "d": [1], "a": [1]})

    given = [enforced(frame) for _ in range(3)] + [other(frame)]

    assert [list(each.columns) for each in given] == [["a", "b"]] * 4
    assert [(record.levelno, record.getMessage()) for record in caplog.records] == [
        (logging.WARNING, "The data has columns that the model does not take, and which are left out: 'c', 'd'.")
    ] * 2


def test_a_frame_that_fits_is_not_copied_and_is_not_changed_by_what_the_model_does() -> None:
    """The first time and the next; a column that the model adds or replaces is in its own frame."""
    frame = pd.DataFrame({"a": [1, 2], "b": [0.5, 1.5]})
    before = frame.copy(deep=True)
    enforced = Enforcement(TWO)

    for _ in range(2):
        given = enforced(frame)
        assert np.shares_memory(given["b"].to_numpy(), frame["b"].to_numpy())
        given["c"] = 1
        given["a"] = [7, 8]
        given.loc[0, "b"] = 9.5
    pd.testing.assert_frame_equal(frame, before)


def test_a_frame_that_fitted_says_nothing_of_the_next() -> None:
    """Where that has other types, names or values."""
    schema = Schema([ColSpec("boolean", "a"), ColSpec("double", "b")])
    enforced = Enforcement(schema)
    enforced(pd.DataFrame({"a": np.array([True, None], object), "b": [0.5, 1.5]}))
    enforced(pd.DataFrame({"a": [True], "b": [0.5]}))

    with pytest.raises(InvalidValue, match="'a'"):
        enforced(pd.DataFrame({"a": np.array([True, "x"], object), "b": [0.5, 1.5]}))
    with pytest.raises(InvalidValue, match="'a'"):
        enforced(pd.DataFrame({"a": [1.5], "b": [0.5]}))
    with pytest.raises(InvalidValue, match="'a'"):
        enforced(pd.DataFrame({"x": [True], "b": [0.5]}))
    assert enforced(pd.DataFrame({"b": [0.5], "a": [True]})).columns.tolist() == ["a", "b"]
    for _ in range(2):
        assert enforced(pd.DataFrame({"a": [True], "b": np.array([1], "int32")}))["b"].dtype == "float64"


def test_a_row_that_fits_costs_less_than_making_a_frame_of_it() -> None:
    """Of ten columns: what is known of the last frame is not found out again."""
    frame = pd.DataFrame({f"c{n}": [float(n)] for n in range(10)})
    enforced = Enforcement(schema_of(frame) or TWO)

    def cost(act: Callable[[], Any]) -> float:
        return min(timeit.repeat(act, number=20, repeat=20))

    assert cost(lambda: enforced(frame)) < cost(lambda: pd.DataFrame({name: frame[name] for name in frame.columns}))


def test_params_are_completed_and_widened(caplog: pytest.LogCaptureFixture) -> None:
    """What is unknown is left out, and said."""
    schema = ParamSchema([ParamSpec("a", "double", 0.5), ParamSpec("b", "long", [1], (-1,)), ParamSpec("c", "string", None)])

    assert enforced_params(None, schema) == {"a": 0.5, "b": [1], "c": None}
    given = enforced_params({"a": 2, "b": np.array([3, 4], "int32"), "x": 1}, schema)
    assert given == {"a": 2.0, "b": [3, 4], "c": None}
    assert (type(given["a"]), type(given["b"][0])) == (float, int)
    assert enforced_params({"x": 1}, None) == {}
    assert [record.getMessage() for record in caplog.records] == [
        "The model does not take the param 'x', left out: it takes 'a', 'b', 'c'.",
        "The model does not take the param 'x', left out: its signature has none.",
    ]


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({"a": "x"}, "'a' is of type double, and 'x' of type str"),
        ({"a": True}, "'a'.*bool"),
        ({"b": 1}, "'b' is a list"),
        ({"b": [0.5]}, "'b'.*float"),
        ([1], "dictionary"),
    ],
)
def test_a_param_of_another_type_is_refused(params: Any, said: str) -> None:
    """By its name, with the value."""
    with pytest.raises(InvalidValue, match=said):
        enforced_params(params, ParamSchema([ParamSpec("a", "double", 0.5), ParamSpec("b", "long", [1], (-1,))]))


@pytest.mark.parametrize(
    "data",
    [
        pd.DataFrame({"c": [3], "b": [2], "a": [1]}),
        pl.DataFrame({"c": [3], "b": [2], "a": [1]}),
        pa.table({"c": [3], "b": [2], "a": [1]}),
        {"c": [3], "b": [2], "a": [1]},
    ],
    ids=["pandas", "polars", "arrow", "dictionary"],
)
def test_a_model_without_a_signature_gets_its_own_columns_in_its_order(data: Any) -> None:
    """Others are left out; without its own it is refused."""
    given = matched(data, ["a", "b"])

    assert type(given) is type(data)
    assert {name: list(map(int, given[name].to_numpy() if hasattr(given[name], "to_numpy") else given[name])) for name in "ab"} == {
        "a": [1],
        "b": [2],
    }
    assert "c" not in (given if isinstance(given, dict) else getattr(given, "column_names", None) or list(given.columns))
    with pytest.raises(InvalidValue, match="'x', which the data lacks; what it has beside is"):
        matched(data, ["a", "x"])


@pytest.mark.parametrize("data", [np.zeros((2, 2)), [[1, 2]], pd.DataFrame(np.zeros((2, 2))), csr_array(np.eye(2)), "x", None], ids=repr)
def test_data_whose_columns_have_no_names_is_given_back(data: Any) -> None:
    """The model takes it as it does without runlake."""
    assert matched(data, ["a", "b"]) is data


def test_a_frame_in_the_models_own_order_is_given_back() -> None:
    """Itself."""
    frame = pd.DataFrame({"a": [1], "b": [2]})

    assert matched(frame, ["a", "b"]) is frame


@settings(max_examples=100, deadline=None)
@given(st.permutations(list("abcd")), st.lists(st.sampled_from("xyz"), unique=True), st.sampled_from(list(DataType)))
def test_columns_are_found_by_their_names_in_any_order(names: list[str], beside: list[str], kind: DataType) -> None:
    """Among any others."""
    made: dict[str, Any] = {
        "boolean": [True, False],
        "integer": np.array([1, 2], "int32"),
        "float": np.array([1, 2], "float32"),
        "string": ["x", "y"],
        "binary": [b"x", b"y"],
        "datetime": np.array([1, 2], "datetime64[ns]"),
    }
    frame = pd.DataFrame({name: made.get(kind, np.array([1, 2], "int64" if kind == "long" else "float64")) for name in [*beside, *names]})

    given = Enforcement(Schema(ColSpec(kind, name) for name in "abcd"))(frame)

    pd.testing.assert_frame_equal(given, frame[list("abcd")])
