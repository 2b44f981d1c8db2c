"""What is served, for people: the model, what it takes, and a line that asks it."""

from __future__ import annotations

import json
import shlex
from typing import Any

from runlake.entities.column_types import Array, ColumnType, DataType, Map, Object
from runlake.entities.signatures import Schema, TensorSpec
from runlake.errors import InvalidValue
from runlake.models.signatures.examples import SERVING_FILE, data_and_params, example_files

__all__ = ["curl_line", "model_lines"]

MOST_NAMED = 12  # columns in a line
MOST_CHARACTERS = 2_000  # of a body in a line that people copy
MOST_DIMENSION = 64  # of a tensor that is made up

_MADE_UP: dict[DataType, Any] = {
    DataType.boolean: True,
    DataType.integer: 0,
    DataType.long: 0,
    DataType.float: 0.0,
    DataType.double: 0.0,
    DataType.string: "text",
    DataType.binary: "AA==",
    DataType.datetime: "2026-01-31T12:30:00",
}


def model_lines(model: Any) -> list[str]:
    """What the model is, what it takes and what it gives."""
    info = model.metadata.info
    lines = [f"{info.model_uri}", f"  format  {info.format_id}", f"  sha256  {info.digest}"]
    if info.signature is not None:
        said = {"takes": info.signature.inputs, "gives": info.signature.outputs, "params": info.signature.params}
        lines += [f"  {name:<6}  {_schema_line(schema)}" for name, schema in said.items() if schema is not None]
    return lines


def curl_line(model: Any, address: str, token_file: str | None) -> str | None:
    """A line for a shell that asks the model for a row: of its example, or made up. None where nobody knows what it takes."""
    body = _example_body(model) or _made_up_body(model.metadata.get_input_schema())
    if body is None or len(body) > MOST_CHARACTERS:
        return None
    bearer = "" if token_file is None else f' -H "Authorization: Bearer $(cat {shlex.quote(token_file)})"'
    return f"curl {address}/invocations{bearer} -H 'Content-Type: application/json' -d {shlex.quote(body)}"


def _schema_line(schema: Any) -> str:
    specs = [repr(each).removesuffix(" (required)") for each in schema]
    left = len(specs) - MOST_NAMED
    return ", ".join(specs[:MOST_NAMED]) + (f" and {left} more" if left > 0 else "")


def _example_body(model: Any) -> str | None:
    """The first row of the example that the model was kept with."""
    try:
        example = model.input_example
        if example is None:
            return None
        data, params = data_and_params(example)
        files, _ = example_files(_first_row(data) if params is None else (_first_row(data), params))
    except InvalidValue:
        return None
    return json.dumps(json.loads(files[SERVING_FILE])) if SERVING_FILE in files else None


def _first_row(data: Any) -> Any:
    if hasattr(data, "iloc"):
        return data.iloc[:1]
    if isinstance(data, dict) and all(hasattr(each, "shape") for each in data.values()):
        return {name: each[:1] for name, each in data.items()}
    return data[:1] if hasattr(data, "shape") and data.shape else data


def _made_up_body(schema: Schema | None) -> str | None:
    if schema is None:
        return None
    if not schema.is_tensor_spec() and schema.has_input_names():
        row = [_made_up(each.type) for each in schema]
        return json.dumps({"dataframe_split": {"columns": schema.input_names(), "data": [row]}})
    if not schema.is_tensor_spec():
        return json.dumps({"dataframe_split": {"data": [[_made_up(each.type) for each in schema]]}})
    tensors = {each.name: _zeros(each) for each in schema if isinstance(each, TensorSpec)}
    if any(value is None for value in tensors.values()):
        return None
    return json.dumps({"inputs": tensors if schema.has_input_names() else tensors[None]})


def _made_up(kind: ColumnType | str) -> Any:
    if isinstance(kind, DataType):
        return _MADE_UP[kind]
    if isinstance(kind, Array):
        return [_made_up(kind.dtype)]
    if isinstance(kind, Map):
        return {"key": _made_up(kind.value_type)}
    if isinstance(kind, Object):
        return {each.name: _made_up(each.dtype) for each in kind.properties}
    return "text"


def _zeros(spec: TensorSpec) -> Any:
    """Nested lists of one row; None for what would be too long."""
    value: Any = "text" if spec.type in ("str", "object", "bytes") else False if spec.type == "bool" else 0
    for size in reversed(spec.shape):
        if size > MOST_DIMENSION:
            return None
        value = [value] * max(1, size)
    return value
