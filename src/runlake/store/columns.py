"""Points and events as columns: the self-contained Arrow streams that frames carry, and back."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from itertools import accumulate
from typing import Any

import numpy as np
import pyarrow as pa

from runlake.entities import Event

__all__ = ["EVENTS", "POINTS", "as_array", "decode", "encode_events", "encode_points"]

_TEXT = pa.string()
_NAMES = pa.dictionary(pa.int32(), _TEXT)

POINTS = pa.schema([("run_id", _NAMES), ("key", _NAMES), ("step", pa.int64()), ("wall_ns", pa.int64()), ("value", pa.float64())])

EVENTS = pa.schema(
    [
        ("run_id", _NAMES),
        ("scope", _NAMES),
        ("key", pa.string()),
        ("op", _NAMES),
        ("type", _NAMES),
        ("num", pa.float64()),
        ("int", pa.int64()),
        ("str", pa.string()),
        ("hlc", pa.int64()),
    ]
)


def encode_points(
    series: Sequence[tuple[str, str]],
    codes: Sequence[int],
    steps: Sequence[int] | np.ndarray,
    times: Sequence[int] | np.ndarray,
    values: Sequence[float] | np.ndarray,
) -> bytes:
    """A payload: point i belongs to the run and key of `series[codes[i]]`. Raises what a value raises that is no number."""
    which = np.asarray(codes, np.intp)
    return _stream(
        [
            _coded([run_id for run_id, _ in series], which),
            _coded([key for _, key in series], which),
            _int64(steps),
            _int64(times),
            _float64(values),
        ],
        POINTS,
    )


def encode_events(events: Sequence[Event]) -> bytes:
    """A payload of events, in their order."""
    columns = zip(*events, strict=True)
    return _stream([_column(column, field.type) for column, field in zip(columns, EVENTS, strict=True)], EVENTS)


def decode(payload: bytes) -> pa.Table:
    """The rows of a payload whose checksum was right: no other bytes may ever come here, Arrow crashes on some of them."""
    return pa.ipc.open_stream(payload).read_all()


def as_array(numbers: np.ndarray, kind: pa.DataType, known: pa.Buffer | None = None) -> pa.Array:
    """The numbers, without a copy, null where they are not `known`."""
    # Not pa.array, here and below: it looks for pandas, and imports it into a program that may never have wanted it.
    return pa.Array.from_buffers(kind, len(numbers), [known, pa.py_buffer(np.ascontiguousarray(numbers))])


def _stream(arrays: list[pa.Array], schema: pa.Schema) -> bytes:
    batch = pa.RecordBatch.from_arrays(arrays, schema=schema)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, schema) as writer:
        writer.write_batch(batch)
    return bytes(sink.getvalue())


def _column(values: Sequence[Any], kind: pa.DataType) -> pa.Array:
    if kind == _NAMES:
        return _coded(values)
    if kind == _TEXT:
        return _texts(values)
    numbers = np.array([value or 0 for value in values], np.float64 if kind == pa.float64() else np.int64)
    return as_array(numbers, kind, _known(values))


def _coded(names: Sequence[str], which: np.ndarray | slice = slice(None)) -> pa.DictionaryArray:
    """The names, or those that `which` points at, as codes."""
    code_of = {name: code for code, name in enumerate(dict.fromkeys(names))}
    codes = np.array([code_of[name] for name in names], np.int32)
    return pa.DictionaryArray.from_arrays(as_array(codes[which], pa.int32()), _texts(list(code_of)))


def _texts(texts: Sequence[str | None]) -> pa.Array:
    encoded = [b"" if text is None else text.encode() for text in texts]
    ends = np.array(list(accumulate(map(len, encoded), initial=0)), np.int32)
    return pa.Array.from_buffers(_TEXT, len(encoded), [_known(texts), pa.py_buffer(ends), pa.py_buffer(b"".join(encoded))])


def _known(values: Sequence[Any]) -> pa.Buffer | None:
    """Which rows hold a value, as Arrow wants it: a bit each, or nothing where all do."""
    if None not in values:
        return None
    return pa.py_buffer(np.packbits([value is not None for value in values], bitorder="little"))


def _int64(numbers: Sequence[int] | np.ndarray) -> pa.Array:
    return as_array(np.asarray(numbers, np.int64), pa.int64())


def _float64(numbers: Sequence[float] | np.ndarray) -> pa.Array:
    # array() takes whatever has __float__; NumPy would look into a tensor of one element as if it were a sequence.
    doubles = np.frombuffer(array("d", numbers), np.float64) if isinstance(numbers, list) else np.asarray(numbers, np.float64)
    return as_array(doubles, pa.float64())  # NaN stays a value
