"""The lines of Python that ask a model: of its input example, or of what its signature takes; they work where they are pasted."""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping, Sequence
from typing import Any

from runlake.entities.column_types import Array, DataType, Map, Object
from runlake.entities.described import DescribedModel
from runlake.entities.signatures import ColSpec, Schema, TensorSpec

__all__ = ["asking_lines"]

MOST_COLUMNS = 12  # written out where there is a shorter way
MOST_NUMBERS = 16  # of an array that is written out
MOST_LETTERS = 60  # of a text
MOST_LITERAL = 300  # letters of an example that is no table

_EXAMPLE = "model.input_example"
_VALUES = {
    DataType.boolean: True,
    DataType.integer: 1,
    DataType.long: 1,
    DataType.float: 1.0,
    DataType.double: 1.0,
    DataType.string: "text",
    DataType.binary: b"bytes",
    DataType.datetime: "2026-01-31 12:30:00",
}
_SMALLER = {DataType.integer: "int32", DataType.float: "float32"}  # than what a frame makes of numbers
_ARRAYS = ("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float16", "float32", "float64")


class _Source(str):
    """A value as Python writes it."""

    def __repr__(self) -> str:
        return str(self)


def asking_lines(model: DescribedModel, address: str, store: str | None = None) -> list[str]:
    """Imports, the model by its address, and a prediction; in the store of this path, where the settings name another."""
    data = _data(model)
    imports = [f"import {name}" for name in ("numpy", "pandas") if data is not None and f"{name}." in data]
    named = [] if store is None else [f"runlake.set_tracking_uri({store!r})"]
    asked = ["model.predict(data)  # what data it takes was not kept with it"] if data is None else [f"model.predict({data})"]
    return [*imports, "import runlake", *named, *_loading(model, address), *asked]


def _loading(model: DescribedModel, address: str) -> list[str]:
    if not model.is_code:
        return [f"model = runlake.pyfunc.load_model({address!r})"]
    consent = f"runlake.models.Consent({model.info.digest!r}, 'I know who wrote it')"
    return ["model = runlake.pyfunc.load_model(", f"    {address!r},", f"    allow_unsafe={consent},", ")"]


def _data(model: DescribedModel) -> str | None:
    """What it is asked with; None where nobody knows."""
    about = model.info.saved_input_example_info or {}
    kind, example = str(about.get("type")), model.example
    whole = f"*{_EXAMPLE}" if about.get("params") else _EXAMPLE
    if about.get("params") and isinstance(example, Mapping):
        example = example.get("inputs")
    if example is not None and kind == "json_object":
        return repr(example) if not about.get("params") and len(repr(example)) <= MOST_LITERAL else whole
    schema = None if model.info.signature is None else model.info.signature.inputs
    if example is not None and (schema is None or kind.startswith("sparse")):
        return whole
    if schema is None:
        return None
    if schema.is_tensor_spec():
        return _tensors(schema, example if kind == "ndarray" else None)
    return _frame(schema, _row(schema, example) if kind == "dataframe" else {}, whole if example is not None else None)


def _frame(schema: Schema, known: Mapping[Any, Any], example: str | None) -> str:
    """One row of the columns; many are not written out where the model itself can name them."""
    names, specs = schema.input_names(), [spec for spec in schema.inputs if isinstance(spec, ColSpec)]
    if len(specs) > MOST_COLUMNS and example is not None:
        return example
    kinds = {spec.type for spec in specs}
    if len(specs) > MOST_COLUMNS and len(kinds) == 1 and schema.has_input_names():
        value = _value(specs[0].type, None)
        return f"pandas.DataFrame([dict.fromkeys(model.metadata.get_input_schema().input_names(), {value!r})]){_astype(kinds, {})}"
    values = {name: _value(spec.type, known.get(name)) for name, spec in zip(names, specs, strict=True)}
    row = values if schema.has_input_names() else list(values.values())
    smaller = {name: _SMALLER[spec.type] for name, spec in zip(names, specs, strict=True) if spec.type in _SMALLER}
    return f"pandas.DataFrame([{row!r}]){_astype(kinds, smaller)}"


def _astype(kinds: set[Any], smaller: Mapping[Any, str]) -> str:
    """Numbers of 32 bits as such: larger ones are refused, as they may not fit."""
    if len(kinds) == 1 and (only := next(iter(kinds))) in _SMALLER:
        return f".astype({_SMALLER[only]!r})"
    return f".astype({dict(smaller)!r})" if smaller else ""


def _row(schema: Schema, example: Any) -> dict[Any, Any]:
    """The values of the example's first row by the names of their columns."""
    rows = example.get("data") if isinstance(example, Mapping) else None
    if not isinstance(rows, list) or not rows or not isinstance(rows[0], list):
        return {}
    return dict(zip(example.get("columns") or schema.input_names(), rows[0], strict=False))


def _value(kind: Any, known: Any) -> Any:
    """A value of this type, the known one if there is one: its `repr` is Python."""
    if isinstance(kind, (Array, Map, Object)):
        return known if known is not None and _is_short(known) and not _holds_smaller(kind) else _nested(kind)
    if not isinstance(kind, DataType):
        return known if known is not None and _is_short(known) else "text"
    value = _VALUES[kind] if known is None else known
    if kind == DataType.datetime:
        return _Source(f"pandas.Timestamp({str(value)!r})")
    if kind == DataType.binary:
        return base64.decodebytes(value.encode())[:MOST_LETTERS] if isinstance(value, str) else value
    if kind == DataType.string:
        return str(value)[:MOST_LETTERS]
    if kind in (DataType.double, DataType.float):
        return _short(value) if isinstance(value, (int, float)) and math.isfinite(value) else 1.0
    return value


def _nested(kind: Any) -> Any:
    if isinstance(kind, Array):
        return [_nested(kind.dtype)]
    if isinstance(kind, Map):
        return {"key": _nested(kind.value_type)}
    if isinstance(kind, Object):
        return {each.name: _nested(each.dtype) for each in kind.properties}
    value = _value(kind, None)
    return _Source(f"numpy.{_SMALLER[kind]}({value!r})") if kind in _SMALLER else value


def _holds_smaller(kind: Any) -> bool:
    """Whether there are numbers of 32 bits in it, which an example in JSON does not tell from larger ones."""
    if isinstance(kind, (Array, Map)):
        return _holds_smaller(kind.dtype if isinstance(kind, Array) else kind.value_type)
    if isinstance(kind, Object):
        return any(_holds_smaller(each.dtype) for each in kind.properties)
    return kind in _SMALLER


def _short(value: float) -> float:
    """A number in as few digits as tell which one of a table it is."""
    return float(f"{value:.6g}")


def _is_short(value: Any) -> bool:
    return len(repr(value)) <= MOST_LITERAL


def _tensors(schema: Schema, example: Any) -> str:
    specs = [spec for spec in schema.inputs if isinstance(spec, TensorSpec)]
    if not schema.has_input_names():
        return _array(specs[0], example)
    known = example if isinstance(example, Mapping) else {}
    return repr({spec.name: _Source(_array(spec, known.get(spec.name))) for spec in specs})


def _array(spec: TensorSpec, example: Any) -> str:
    """One row of the example, if it is small; else an array of the shape."""
    row = example[:1] if isinstance(example, list) and spec.shape[:1] == (-1,) else example
    dtype = f", {spec.type!r}" if spec.type in _ARRAYS else ""
    if row is not None and 0 < _n_values(row) <= MOST_NUMBERS and "None" not in repr(row):
        return f"numpy.array({_shortened(row)!r}{dtype})"
    shape = tuple(1 if size < 0 else size for size in spec.shape)
    if spec.type in ("str", "object"):
        return f"numpy.full({shape!r}, 'text'{', object' if spec.type == 'object' else ''})"
    return f"numpy.ones({shape!r}{dtype})"


def _n_values(nested: Any) -> int:
    return sum(map(_n_values, nested)) if isinstance(nested, list) else 1


def _shortened(nested: Any) -> Any:
    if isinstance(nested, Sequence) and not isinstance(nested, str):
        return [_shortened(each) for each in nested]
    return _short(nested) if isinstance(nested, float) else nested
