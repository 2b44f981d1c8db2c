"""Data as models are given it: its schema in MLflow's types, a fingerprint, a sketch, and nothing read that can be read only once."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from scipy.sparse import coo_array, csc_array, csr_array

from children import run_program
from runlake.analysis.dataset import described, fingerprint
from runlake.entities.signatures import ModelSignature
from runlake.instrument.rows import n_rows, sampled_rows, some_rows
from runlake.models.signatures import schema_of

FRAME = pd.DataFrame(
    {
        "whole": [1, 2],
        "half": [1.5, np.nan],
        "small": np.array([1, 2], "int32"),
        "single": np.array([1, 2], "float32"),
        "text": ["a", None],
        "kind": pd.Categorical(["u", "v"]),
        "when": pd.to_datetime(["2026-01-01", "2026-01-02"]),
        "true": [True, False],
        "bytes": [b"a", b"b"],
    }
)

SCHEMAS: list[tuple[Any, Any]] = [
    (np.zeros((3, 2)), [{"type": "tensor", "tensor-spec": {"dtype": "float64", "shape": [-1, 2]}}]),
    (np.array(["a", "b"]), [{"type": "tensor", "tensor-spec": {"dtype": "str", "shape": [-1]}}]),
    (csr_array(np.eye(3)), [{"type": "tensor", "tensor-spec": {"dtype": "float64", "shape": [-1, 3]}}]),
    (["a text", "another"], [{"type": "string", "required": True}]),
    ([1.5, 2.5], [{"type": "double", "required": True}]),
    ([[1, 2], [3, 4]], [{"type": "tensor", "tensor-spec": {"dtype": "int64", "shape": [-1, 2]}}]),
    (
        {"a": np.zeros((2, 3)), "b": np.zeros(2, "float32")},
        [
            {"name": "a", "type": "tensor", "tensor-spec": {"dtype": "float64", "shape": [-1, 3]}},
            {"name": "b", "type": "tensor", "tensor-spec": {"dtype": "float32", "shape": [-1]}},
        ],
    ),
    (pd.Series([1, 2], name="y"), [{"type": "long", "name": "y", "required": True}]),
    (
        FRAME,
        [
            {"type": "long", "name": "whole", "required": True},
            {"type": "double", "name": "half", "required": False},
            {"type": "integer", "name": "small", "required": True},
            {"type": "float", "name": "single", "required": True},
            {"type": "string", "name": "text", "required": False},
            {"type": "string", "name": "kind", "required": True},
            {"type": "datetime", "name": "when", "required": True},
            {"type": "boolean", "name": "true", "required": True},
            {"type": "binary", "name": "bytes", "required": True},
        ],
    ),
    (
        pl.DataFrame({"a": [1, 2], "b": [1.5, None], "c": ["x", "y"]}),
        [
            {"type": "long", "name": "a", "required": True},
            {"type": "double", "name": "b", "required": False},
            {"type": "string", "name": "c", "required": True},
        ],
    ),
    (
        pa.table({"a": [1, None], "b": ["x", "y"]}),
        [{"type": "long", "name": "a", "required": False}, {"type": "string", "name": "b", "required": True}],
    ),
]

FORMS: dict[str, Any] = {
    "array": np.arange(60.0).reshape(30, 2),
    "frame": pd.DataFrame({"a": range(30), "b": ["x"] * 30}),
    "polars": pl.DataFrame({"a": list(range(30))}),
    "arrow": pa.table({"a": list(range(30))}),
    "rows": csr_array(np.eye(30)),
    "columns": csc_array(np.eye(30)),
    "texts": [f"text {n}" for n in range(30)],
    "arrays": {"a": np.arange(30), "b": np.arange(60).reshape(30, 2)},
}


@pytest.mark.parametrize(("data", "expected"), SCHEMAS, ids=lambda value: type(value).__name__)
def test_the_schema_is_in_mlflows_types(data: Any, expected: Any) -> None:
    """Columns of frames and lists, tensors of arrays."""
    schema = schema_of(data)

    assert schema is not None
    assert schema.to_list() == expected
    assert ModelSignature.from_dict(ModelSignature(schema).to_dict()) == ModelSignature(schema)


@pytest.mark.parametrize("data", FORMS.values(), ids=FORMS)
def test_rows_are_copies_of_the_same_sort(data: Any) -> None:
    """At most so many, or those at given places."""
    few, chosen = some_rows(data, 5), sampled_rows(data, np.array([0, 7]))

    assert (n_rows(data), n_rows(few), n_rows(chosen)) == (30, 5, 2)
    assert type(few) is type(data)


@pytest.mark.parametrize("data", FORMS.values(), ids=FORMS)
def test_a_fingerprint_tells_data_apart(data: Any) -> None:
    """The same data has the same, other data another."""
    assert fingerprint(data) == fingerprint(data)
    assert fingerprint(data) != fingerprint(some_rows(data, 10))
    assert fingerprint(data, None) != fingerprint(data, [1] * 30)


def test_a_fingerprint_is_the_same_in_another_process(tmp_path: Path) -> None:
    """Whatever the seeds of its hashes are."""
    program = """
        import numpy as np, pandas as pd
        from runlake.analysis.dataset import described
        frame = pd.DataFrame({"a": np.arange(5000), "b": [{"x", "y", n} for n in range(5000)]})
        print(described("train", inputs=frame, targets=np.arange(5000) % 2).digest)
    """
    found = {run_program(program, tmp_path / "lake", PYTHONHASHSEED=seed).stdout for seed in ("1", "2")}

    assert len(found) == 1


def test_a_sketch_says_how_columns_are_filled() -> None:
    """Of texts and numbers, as far as the sampled rows go."""
    profile = json.loads(described("train", inputs=pd.DataFrame({"a": [1, 2, 2], "b": ["x", None, "x"]}), targets=[0, 1, 1]).profile)

    assert profile == {
        "num_rows": 3,
        "num_elements": 9,
        "columns": {
            "a": {"missing": 0, "distinct": 2, "min": 1, "max": 2, "mean": pytest.approx(5 / 3)},
            "b": {"missing": 1, "distinct": 1},
            "targets": {"missing": 0, "distinct": 2, "min": 0, "max": 1, "mean": pytest.approx(2 / 3)},
        },
    }


@pytest.mark.parametrize("data", [iter([1, 2]), (n for n in range(3)), map(str, [1]), coo_array(np.eye(3)), object()])
def test_what_can_be_read_only_once_is_left_alone(data: Any) -> None:
    """All that is known of it is its type."""
    assert schema_of(data) is None or isinstance(data, coo_array)
    assert json.loads(described("train", inputs=data).schema)["columns"][0]["name"] == "inputs"
    if isinstance(data, Iterator):
        assert len(list(data)) > 0


@pytest.mark.parametrize("form", [np.asarray, csr_array, csc_array, pd.DataFrame], ids=["array", "csr", "csc", "frame"])
def test_large_data_is_neither_copied_nor_made_dense(form: Any) -> None:
    """A few megabytes at most, whatever there is."""
    data = form(np.ones((200_000, 20)))
    tracemalloc.start()
    described("train", inputs=data)
    schema_of(data)
    fingerprint(data)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert peak < 5_000_000


def test_wide_data_is_looked_at_in_fewer_rows() -> None:
    """So that a fingerprint takes milliseconds."""
    assert len(described("train", inputs=np.ones((2000, 100_000), np.int8)).profile) < 70_000
