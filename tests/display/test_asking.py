"""The lines that ask a model work where they are pasted, whatever it takes."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

import runlake
from runlake.client.described import described
from runlake.display.asking import asking_lines
from runlake.entities.column_types import Array, DataType, Map, Object, Property
from runlake.entities.model_params import ParamSchema, ParamSpec
from runlake.entities.signatures import ColSpec, ModelSignature, Schema, TensorSpec

PLAIN = [ColSpec(kind, f"a {kind}") for kind in DataType]
NESTED = [
    ColSpec(Array(Array("double")), "lists"),
    ColSpec(Object([Property("x", "long"), Property("y", Array("string"))]), "object"),
    ColSpec(Map("float"), "map"),
    ColSpec(Array(Object([Property("n", "integer"), Property("at", "datetime")])), "of objects"),
]
FRAME = pd.DataFrame(
    {
        "size": [1.5, np.nan],
        "n": np.array([3, 4], "int32"),
        "half": np.array([0.25, 0.5], "float32"),
        "is": [True, False],
        'it\'s "quoted"': ["a\nb'c\"" * 30, "d"],
        "when": [datetime(2026, 1, 31, 12, 30), datetime(2026, 2, 1)],
        "raw": [b"\x00\xff", b""],
    }
)


def of_columns(*specs: Any) -> ModelSignature:
    """A model that takes these."""
    return ModelSignature(Schema(specs))


KINDS: dict[str, dict[str, Any]] = {
    "every plain type": {"signature": of_columns(*PLAIN)},
    "an example of most": {"input_example": FRAME},
    "an example that lacks values": {"input_example": FRAME[::-1].reset_index(drop=True)},
    "small whole numbers": {"signature": of_columns(ColSpec("integer", "a"), ColSpec("integer", "b"))},
    "columns without names": {"signature": of_columns(ColSpec("double"), ColSpec("float"), ColSpec("string"))},
    "numbered columns": {"input_example": pd.DataFrame(np.ones((2, 3)))},
    "columns that may be missing": {
        "signature": of_columns(ColSpec("double", "a", required=False), ColSpec("integer", "b", required=False))
    },
    "many alike": {"signature": of_columns(*(ColSpec("float", f"x{n}") for n in range(100)))},
    "many of several types": {"signature": of_columns(*(ColSpec(("float", "string")[n % 2], f"x{n}") for n in range(30)))},
    "many with an example": {"input_example": pd.DataFrame(np.ones((2, 50)), columns=[f"x{n}" for n in range(50)])},
    "lists and objects": {"signature": of_columns(*NESTED)},
    "an array": {"signature": ModelSignature(Schema([TensorSpec("float32", (-1, 28, 28))]))},
    "a small array": {"input_example": np.array([[1, 2], [3, 4]])},
    "an array of one shape": {"signature": ModelSignature(Schema([TensorSpec("int64", (2, 3))]))},
    "named arrays": {"input_example": {"a": np.ones((2, 3)), "b": np.array([[1], [2]])}},
    "a sparse matrix": {"input_example": sparse.csr_matrix(np.eye(3))},
    "texts": {"input_example": ["what is it?", "and this?"]},
    "a chat": {"input_example": {"messages": [{"role": "user", "content": "hello"}]}},
    "a long text": {"input_example": ["x" * 1000]},
    "params": {
        "signature": ModelSignature(Schema([ColSpec("double", "a")]), None, ParamSchema([ParamSpec("k", "long", 3)])),
        "input_example": (pd.DataFrame({"a": [0.5]}), {"k": 4}),
    },
}


def echo(model_input: Any) -> list[Any]:
    """Says which rows it was given."""
    return list(model_input)


def echo_with_params(model_input: Any, params: Any) -> list[Any]:
    """The same, and takes params."""
    return list(model_input)


@pytest.fixture(autouse=True)
def _no_jobs(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is explained here."""
    monkeypatch.setenv("RUNLAKE_JOBS", "off")


def pasted(path: Path) -> tuple[list[str], Any]:
    """The lines that ask the model in a folder, and what the last one gives."""
    lines = asking_lines(described(str(path)), str(path))
    names: dict[str, Any] = {}
    exec("\n".join(lines[:-1]), names)
    return lines, eval(lines[-1], names)


@pytest.mark.parametrize("kind", KINDS)
def test_the_lines_work(tmp_path: Path, kind: str) -> None:
    """Imports, consent for what is code, and one row that its signature lets through."""
    given = KINDS[kind]
    if kind == "many with an example":
        given = {**given, "signature": runlake.models.infer_signature(given["input_example"])}
    model = echo_with_params if kind == "params" else echo
    runlake.pyfunc.save_model(tmp_path / "model", python_model=model, **given)

    lines, answer = pasted(tmp_path / "model")

    assert isinstance(answer, list)
    assert max(map(len, lines)) < 1500
    assert all(line.isprintable() for line in lines)


def test_the_rows_of_the_example_are_asked(tmp_path: Path) -> None:
    """Its first one, with types as they were; without values that are missing."""
    runlake.pyfunc.save_model(tmp_path / "model", python_model=echo, input_example=FRAME.drop(columns=['it\'s "quoted"']))

    assert asking_lines(described(str(tmp_path / "model")), "models:/m/1")[-1:] == [
        "model.predict(pandas.DataFrame([{'size': 1.5, 'n': 3, 'half': 0.25, 'is': True, "
        "'when': pandas.Timestamp('2026-01-31T12:30:00'), 'raw': b'\\x00\\xff'}]).astype({'n': 'int32', 'half': 'float32'}))"
    ]


def test_a_model_of_a_library_needs_no_consent(tmp_path: Path) -> None:
    """And one that says nothing of its data is loaded all the same."""
    from sklearn.linear_model import LinearRegression

    runlake.sklearn.save_model(LinearRegression().fit(np.ones((3, 2)), np.ones(3)), tmp_path / "model", signature=False)

    assert asking_lines(described(str(tmp_path / "model")), "models:/m@champion") == [
        "import runlake",
        "model = runlake.pyfunc.load_model('models:/m@champion')",
        "model.predict(data)  # what data it takes was not kept with it",
    ]


def test_another_store_is_named(tmp_path: Path) -> None:
    """So that the address means something."""
    runlake.pyfunc.save_model(tmp_path / "model", python_model=echo, input_example=["a"])

    lines = asking_lines(described(str(tmp_path / "model")), "models:/m/1", str(tmp_path / "other"))
    assert lines[:2] == ["import runlake", f"runlake.set_tracking_uri({str(tmp_path / 'other')!r})"]
