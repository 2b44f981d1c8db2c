"""Whatever a model says has a form in JSON, and no number is written that JSON does not know."""

from __future__ import annotations

import json
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from scipy.sparse import csr_matrix

from runlake.errors import InvalidValue
from runlake.serving.answers import answer_body, as_json
from runlake.serving.tables import as_table


class Colour(Enum):
    """A value with a name."""

    RED = "red"


NAN, INF = float("nan"), float("inf")
SAID: dict[str, tuple[Any, Any]] = {
    "an array": (np.array([1, 2]), [1, 2]),
    "rows": (np.array([[0.5, NAN], [INF, -0.0]], "float32"), [[0.5, None], [None, -0.0]]),
    "a huge sum": (np.array([1.7e308, 1.7e308]), [1.7e308, 1.7e308]),
    "truths": (np.array([True, False]), [True, False]),
    "texts": (np.array(["a", "\ud800"]), ["a", "\ud800"]),
    "objects": (np.array(["a", None, 0.5, b"a"], object), ["a", None, 0.5, "YQ=="]),
    "times": (np.array(["2026-01-02T03:04:05.5", "NaT"], "datetime64[ns]"), ["2026-01-02T03:04:05.5", None]),
    "days": (np.array([["2026-01-02"]], "datetime64[D]"), [["2026-01-02"]]),
    "whole seconds": (np.array(["2026-01-02T03:04:00"], "datetime64[ms]"), ["2026-01-02T03:04:00"]),
    "a number of NumPy": (np.float32(0.5), 0.5),
    "a truth of NumPy": (np.bool_(True), True),
    "no number": (np.float64(NAN), None),
    "an array of no dimension": (np.array(5), 5),
    "a sparse matrix": (csr_matrix(np.eye(2)), [[1.0, 0.0], [0.0, 1.0]]),
    "a frame": (pd.DataFrame({"a": [1, 2], 0: [0.5, NAN]}, index=[7, 8]), [{"a": 1, "0": 0.5}, {"a": 2, "0": None}]),
    "a frame of times": (pd.DataFrame({"t": pd.to_datetime(["2026-01-02", None])}), [{"t": "2026-01-02T00:00:00"}, {"t": None}]),
    "a frame of a time zone": (pd.DataFrame({"t": pd.to_datetime(["2026-01-02"], utc=True)}), [{"t": "2026-01-02T00:00:00+00:00"}]),
    "a frame with what is missing": (
        pd.DataFrame({"i": pd.array([1, None], "Int64"), "s": ["x", None], "c": pd.Categorical(["u", None])}),
        [{"i": 1, "s": "x", "c": "u"}, {"i": None, "s": None, "c": None}],
    ),
    "a series": (pd.Series([1, 2], name="a"), [{"a": 1}, {"a": 2}]),
    "a frame of Polars": (pl.DataFrame({"a": [1, None]}), [{"a": 1.0}, {"a": None}]),
    "a table of Arrow": (pa.table({"a": ["x"]}), [{"a": "x"}]),
    "lists and dictionaries": ({"a": (1, NAN), 2: {"b": {3}}}, {"a": [1, None], "2": {"b": [3]}}),
    "a dictionary of arrays": ({"a": np.array([1]), "b": np.zeros((1, 2))}, {"a": [1], "b": [[0.0, 0.0]]}),
    "single values": (
        [Decimal("0.5"), date(2026, 1, 2), time(3), datetime(2026, 1, 2, 3), timedelta(seconds=1.5), b"\xff", Colour.RED, None, 2**70],
        [0.5, "2026-01-02", "03:00:00", "2026-01-02T03:00:00", 1.5, "/w==", "red", None, 2**70],
    ),
    "a text": ("x", "x"),
    "nothing": (None, None),
}


@pytest.mark.parametrize(("answer", "said"), SAID.values(), ids=SAID)
def test_answers_are_json(answer: Any, said: Any) -> None:
    """Of lists, objects and what JSON has."""
    assert as_json(answer) == said
    assert json.loads(answer_body(answer, is_bare=False)) == {"predictions": said}
    assert json.loads(answer_body(answer, is_bare=True)) == said


@pytest.mark.long  # its import takes two seconds
def test_a_tensor_is_an_array() -> None:
    """Of a library that has its own."""
    torch = pytest.importorskip("torch")

    assert as_json(torch.ones((1, 2), requires_grad=True)) == [[1.0, 1.0]]


def test_what_has_no_form_is_said() -> None:
    """By its type."""
    with pytest.raises(InvalidValue, match="answered with a object"):
        as_json([object()])


TABLES: dict[str, tuple[Any, dict[str, Any]]] = {
    "an array": (np.array([1, 2]), {"predictions": [1, 2]}),
    "rows": (np.array([[1.0, 2.0]]), {"0": [1.0], "1": [2.0]}),
    "a series": (pd.Series([1]), {"predictions": [1]}),
    "a series with a name": (pd.Series(["x"], name="a"), {"a": ["x"]}),
    "a frame": (pd.DataFrame({"a": [1], 2: [0.5]}, index=[9]), {"a": [1], "2": [0.5]}),
    "a frame of Polars": (pl.DataFrame({"a": [1]}), {"a": [1]}),
    "texts": (["x", "y"], {"predictions": ["x", "y"]}),
    "dictionaries": ([{"a": 1}], {"a": [1]}),
    "a dictionary of arrays": ({"a": np.array([1]), "b": np.zeros((1, 2))}, {"a": [1], "b": [[0.0, 0.0]]}),
    "a sparse matrix": (csr_matrix(np.eye(1)), {"0": [1.0]}),
}


@pytest.mark.parametrize(("answer", "columns"), TABLES.values(), ids=TABLES)
def test_answers_are_tables(answer: Any, columns: dict[str, Any]) -> None:
    """With the columns that they have."""
    assert as_table(answer).to_pydict() == columns


def test_what_is_no_table_is_said() -> None:
    """With what can be written instead."""
    with pytest.raises(InvalidValue, match=r"a int, is no table .*: write JSON"):
        as_table(5)
