"""Points and events as columns: the self-contained Arrow streams that frames carry, and back."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import Any, get_type_hints

import numpy as np
import pyarrow as pa

from runlake.entities import Event
from runlake.store.summaries import Summary

__all__ = [
    "EVENTS",
    "POINTS",
    "SUMMARIES",
    "as_array",
    "as_numbers",
    "decode",
    "distinct_texts",
    "encode_events",
    "encode_points",
    "encode_summaries",
    "extent_of_column",
    "is_known",
    "no_rows",
    "point_columns",
    "repeated",
    "rows_by_run",
    "text_scalar",
    "texts",
]

_TEXT = pa.string()
_DTYPES = {pa.int64(): np.int64, pa.int32(): np.int32, pa.float64(): np.float64}
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

_NUMBERS = {int: pa.int64(), float: pa.float64(), float | None: pa.float64(), int | None: pa.int64()}

# `since` and the writer tell summaries apart that one process began anew, after the run had ended there.
SUMMARIES = pa.schema(
    [
        ("run_id", _NAMES),
        ("key", _NAMES),
        ("since", pa.int64()),
        *((name, _NUMBERS[kind]) for name, kind in get_type_hints(Summary).items()),
    ]
)


def point_columns(
    codes: Sequence[int],
    steps: Sequence[int] | np.ndarray,
    times: Sequence[int] | np.ndarray,
    values: Sequence[float] | np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Points as arrays. Raises what a value raises that is no number."""
    # array() takes whatever has __float__; NumPy would look into a tensor of one element as if it were a sequence.
    doubles = np.frombuffer(array("d", values), np.float64) if isinstance(values, list) else np.asarray(values, np.float64)
    return np.asarray(codes, np.intp), np.asarray(steps, np.int64), np.asarray(times, np.int64), doubles


def encode_points(series: Sequence[tuple[str, str]], codes: np.ndarray, steps: np.ndarray, times: np.ndarray, values: np.ndarray) -> bytes:
    """A payload: point i belongs to the run and key of `series[codes[i]]`; NaN is a value."""
    arrays = [
        _coded([run_id for run_id, _ in series], codes),
        _coded([key for _, key in series], codes),
        as_array(steps, pa.int64()),
        as_array(times, pa.int64()),
        as_array(values, pa.float64()),
    ]
    return _stream(arrays, POINTS)


def encode_summaries(rows: Sequence[tuple[str, str, int, Summary]]) -> bytes:
    """A payload of summaries: of which run and key, and how many points the writer had when it began with them."""
    columns = zip(*((*row, *summary) for *row, summary in rows), strict=True)
    return _stream([_column(column, field.type) for column, field in zip(columns, SUMMARIES, strict=True)], SUMMARIES)


def encode_events(events: Sequence[Event]) -> bytes:
    """A payload of events, in their order."""
    columns = zip(*events, strict=True)
    return _stream([_column(column, field.type) for column, field in zip(columns, EVENTS, strict=True)], EVENTS)


def decode(payload: bytes) -> pa.Table:
    """The rows of a payload whose checksum was right: no other bytes may ever come here, Arrow crashes on some of them."""
    return pa.ipc.open_stream(payload).read_all()


def no_rows(schema: pa.Schema) -> pa.RecordBatch:
    """Nothing, in these columns."""
    return pa.RecordBatch.from_arrays([_column([], field.type) for field in schema], schema=schema)


def distinct_texts(column: pa.ChunkedArray) -> pa.Array:
    """The texts that a coded column has, each once."""
    if not len(column):
        return texts([])
    whole = column.unify_dictionaries().combine_chunks()
    return whole.dictionary.take(as_array(np.unique(as_numbers(whole.indices)), pa.int32()))


def extent_of_column(column: pa.ChunkedArray) -> tuple[Any, Any]:
    """The least and the greatest of a column of whole numbers or of coded texts, which is not empty."""
    if pa.types.is_dictionary(column.type):
        found = distinct_texts(column).to_pylist()
        return min(found), max(found)
    numbers = as_numbers(column)
    return int(numbers.min()), int(numbers.max())


def rows_by_run(points: pa.Table) -> Iterator[tuple[str, pa.Table]]:
    """The rows of each run."""
    column = points["run_id"].combine_chunks()
    for code, run_id in enumerate(column.dictionary.to_pylist()):
        places = np.flatnonzero(as_numbers(column.indices) == code)
        yield run_id, points.take(as_array(places, pa.int64()))


def text_scalar(text: str) -> pa.Scalar:
    """To compare with."""
    return texts([text])[0]


def repeated(text: str, n: int) -> pa.Array:
    """A column of one text."""
    return pa.DictionaryArray.from_arrays(as_array(np.zeros(n, np.int32), pa.int32()), texts([text]))


def texts(values: Sequence[str | None]) -> pa.Array:
    """A column of texts."""
    encoded = [b"" if text is None else text.encode() for text in values]
    ends = np.array(list(accumulate(map(len, encoded), initial=0)), np.int32)
    return pa.Array.from_buffers(_TEXT, len(encoded), [_known(values), pa.py_buffer(ends), pa.py_buffer(b"".join(encoded))])


def as_array(numbers: np.ndarray, kind: pa.DataType, known: pa.Buffer | None = None) -> pa.Array:
    """The numbers, without a copy, null where they are not `known`."""
    # Not pa.array, here and below: it looks for pandas, and imports it into a program that may never have wanted it.
    return pa.Array.from_buffers(kind, len(numbers), [known, pa.py_buffer(np.ascontiguousarray(numbers))])


def as_numbers(column: pa.ChunkedArray | pa.Array) -> np.ndarray:
    """The numbers of a column; where one is null, any."""
    # Not to_numpy, which imports pandas as well.
    array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    data = array.buffers()[1]
    if data is None:
        return np.empty(0, _DTYPES[array.type])
    return np.frombuffer(data, _DTYPES[array.type])[array.offset : array.offset + len(array)]


def is_known(column: pa.ChunkedArray | pa.Array) -> np.ndarray:
    """Which rows hold a value."""
    array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    bits = array.buffers()[0]
    if bits is None:
        return np.ones(len(array), bool)
    return np.unpackbits(np.frombuffer(bits, np.uint8), count=array.offset + len(array), bitorder="little")[array.offset :].view(bool)


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
        return texts(values)
    numbers = np.array([0 if value is None else value for value in values], np.float64 if kind == pa.float64() else np.int64)
    return as_array(numbers, kind, _known(values))


def _coded(names: Sequence[str], which: np.ndarray | slice = slice(None)) -> pa.DictionaryArray:
    """The names, or those that `which` points at, as codes."""
    code_of = {name: code for code, name in enumerate(dict.fromkeys(names))}
    codes = np.array([code_of[name] for name in names], np.int32)
    return pa.DictionaryArray.from_arrays(as_array(codes[which], pa.int32()), texts(list(code_of)))


def _known(values: Sequence[Any]) -> pa.Buffer | None:
    """Which rows hold a value, as Arrow wants it: a bit each, or nothing where all do."""
    if None not in values:
        return None
    return pa.py_buffer(np.packbits([value is not None for value in values], bitorder="little"))
