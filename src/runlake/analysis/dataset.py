"""The data that a model was trained on: its schema and shape, a fingerprint that is the same in another process, and a sketch."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from runlake.analysis.sketches import sketch_of
from runlake.entities import Dataset
from runlake.guard import attempt
from runlake.instrument.given import Fitted, Given
from runlake.instrument.hookspecs import hookimpl
from runlake.instrument.rows import kind_of, n_rows, some_rows
from runlake.recording.datasets import array_bytes, column_bytes, digest_of, stable_text

__all__ = ["CHANGED", "data_given", "described", "fingerprint", "has_changed"]

CHANGED = "the training changed the data that it was given"

SAMPLED_ROWS = 1000
SAMPLED_VALUES = 250_000  # of wide data fewer rows are looked at
SKETCHED_COLUMNS = 200
MOST_COLUMNS = 2_000  # of a frame, which are data of their own
LOOKED_INTO = 500  # columns of one that has more
SKETCH_BYTES = 64 << 10


@hookimpl
def data_given(given: Given) -> None:
    """Look before the training can change what it is given, and note what was seen."""
    parts = _given(given.inputs, given.targets)
    seen = _look_at(parts)
    given.kept["fingerprint"] = _digest(seen)
    if given.options["log_datasets"] and given.inputs is not None:
        given.run.log_input(_dataset(given.name, parts, seen), "train")
        for name, (inputs, targets) in given.held_out.items():
            given.run.log_input(described(name, inputs=inputs, targets=targets), "eval")


def has_changed(fitted: Fitted) -> bool:
    """Whether the training changed the data that it was given, as far as the sampled rows tell; they are looked at once."""
    if "has_changed" not in fitted.kept:
        before = fitted.kept.get("fingerprint")
        fitted.kept["has_changed"] = before is not None and before != fingerprint(fitted.inputs, fitted.targets)
    return bool(fitted.kept["has_changed"])


@dataclass
class _Seen:
    """What was seen of one part: its columns and their types, bytes that tell it from others, and single columns to sketch."""

    columns: list[tuple[str, str]]
    content: list[bytes] = field(default_factory=list)
    to_sketch: Iterable[tuple[str, Any]] = ()


def described(name: str, inputs: Any, targets: Any = None) -> Dataset:
    """Some data, inputs and targets say, as one data set; of what can be read only once the type is all that is known."""
    given = _given(inputs, targets)
    return _dataset(name, given, _look_at(given))


def fingerprint(inputs: Any, targets: Any = None) -> str:
    """What tells this data from other data."""
    return _digest(_look_at(_given(inputs, targets)))


def _given(inputs: Any, targets: Any = None) -> dict[str, Any]:
    return {part: data for part, data in (("inputs", inputs), ("targets", targets)) if data is not None}


def _look_at(parts: Mapping[str, Any]) -> list[_Seen]:
    return [_seen(part, data) for part, data in parts.items()]


def _digest(seen: Sequence[_Seen], rows: int = 0) -> str:
    return digest_of([column for each in seen for column in each.columns], rows, [content for each in seen for content in each.content])


def _dataset(name: str, parts: Mapping[str, Any], seen: Sequence[_Seen]) -> Dataset:
    columns = [column for each in seen for column in each.columns]
    rows = next((n for n in map(n_rows, parts.values()) if n is not None), None)
    profile = {"num_rows": rows, "num_elements": sum(_elements(data) for data in parts.values())}
    told = json.dumps(profile | {"columns": sketch_of(column for each in seen for column in each.to_sketch)})
    return Dataset(
        name=name,
        digest=_digest(seen, rows or 0),
        schema=json.dumps({"columns": [{"name": column, "type": kind} for column, kind in columns]}),
        profile=told if len(told) <= SKETCH_BYTES else json.dumps(profile),
    )


def _elements(data: Any) -> int:
    rows = n_rows(data)
    return 0 if rows is None else rows * _width(data)


def _width(data: Any) -> int:
    shape = getattr(data, "shape", None)
    if shape is not None:
        return int(np.prod(shape[1:], dtype=np.int64))
    if isinstance(data, dict):
        return sum(_width(value) for value in data.values())
    return len(data[0]) if kind_of(data) == "list" and isinstance(data[0], (list, tuple)) else 1


def _seen(part: str, data: Any) -> _Seen:
    kind = kind_of(data)
    rows = some_rows(data, max(10, min(SAMPLED_ROWS, SAMPLED_VALUES // max(1, _width(data)))))
    if kind == "opened":
        content = [] if rows is None else _seen(part, rows).content
        return _Seen(list(data.columns), content, [] if rows is None else _sketched(data, rows))
    if rows is None:
        return _Seen([(part, type(data).__name__)])
    if kind == "arrays":
        each = [_seen(f"{part}.{name}", value) for name, value in rows.items()]
        return _Seen(
            [column for one in each for column in one.columns],
            [content for one in each for content in one.content],
            (column for one in each for column in one.to_sketch),
        )
    looks = {"frame": _frame, "polars": _frame, "arrow": _arrow, "sparse": _sparse, "array": _array, "list": _list}
    return looks[str(kind)](part, rows)


def _sketched(data: Any, rows: Any) -> Iterable[tuple[str, Any]]:
    """Each column that is looked into, under the name that the container has for it."""
    columns = (column for _, column in _seen("", rows).to_sketch)
    return ((name, column) for (name, _), column in zip(data.columns, columns, strict=False))


def _frame(part: str, rows: Any) -> _Seen:
    if not hasattr(rows, "columns"):  # a single column
        named = [(part if rows.name is None else str(rows.name), rows)]
    else:
        if hasattr(rows, "iloc") and len(rows.columns) > MOST_COLUMNS:
            return _wide_frame(rows)
        named = [(str(name), rows.iloc[:, n] if hasattr(rows, "iloc") else rows[name]) for n, name in enumerate(rows.columns)]
    return _Seen([(name, str(column.dtype)) for name, column in named], [column_bytes(column) for _, column in named], named)


def _wide_frame(rows: Any) -> _Seen:
    """All names and types, and what some of the columns hold: each of them takes a tenth of a millisecond."""
    said = {dtype: str(dtype) for dtype in set(rows.dtypes)}  # few, and each takes ten microseconds to say
    types = [(str(name), said[dtype]) for name, dtype in zip(rows.columns, rows.dtypes, strict=True)]
    places = range(0, len(types), -(-len(types) // LOOKED_INTO))
    some = rows.iloc[:, list(places)]
    named = [(types[place][0], some.iloc[:, n]) for n, place in enumerate(places)]
    return _Seen(types, [column_bytes(column) for _, column in named], named)


def _arrow(part: str, rows: Any) -> _Seen:
    named = [(name, column.to_pylist()) for name, column in zip(rows.schema.names, rows.columns, strict=True)]  # names may repeat
    contents = [stable_text(values).encode("utf-8", "surrogatepass") for _, values in named]
    return _Seen([(each.name, str(each.type)) for each in rows.schema], contents, named)


def _sparse(part: str, rows: Any) -> _Seen:
    inner = rows.tocsr()  # of the sampled rows only
    content = [array_bytes(array) for array in (inner.data, inner.indices, inner.indptr)]
    return _Seen([(part, f"sparse {rows.dtype}[{rows.shape[1]}]")], content)


def _array(part: str, rows: Any) -> _Seen:
    array = np.asarray(rows)
    shape = "".join(f"[{size}]" for size in array.shape[1:])
    columns = [(f"{part}[{n}]", array[:, n]) for n in range(min(array.shape[1], SKETCHED_COLUMNS))] if array.ndim == 2 else []
    return _Seen([(part, f"{array.dtype}{shape}")], [array_bytes(array)], columns or ([(part, array)] if array.ndim == 1 else []))


def _list(part: str, rows: Any) -> _Seen:
    text = attempt(lambda: stable_text(rows))
    content = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else b""  # a list inside itself, or without an end
    return _Seen([(part, f"list of {type(rows[0]).__name__}")], [content], [(part, rows)] if not hasattr(rows[0], "__len__") else [])
