"""Points and events as columns: the self-contained Arrow streams that frames carry, and back."""

from __future__ import annotations

from array import array
from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from runlake.entities import Event

__all__ = ["EVENTS", "POINTS", "decode", "encode_events", "encode_points"]

_NAMES = pa.dictionary(pa.int32(), pa.string())

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
    index = pa.array(np.asarray(codes, np.int32))
    run_codes, runs = _coded([run_id for run_id, _ in series])
    key_codes, keys = _coded([key for _, key in series])
    return _stream(
        [
            pa.DictionaryArray.from_arrays(run_codes.take(index), runs),
            pa.DictionaryArray.from_arrays(key_codes.take(index), keys),
            _int64(steps),
            _int64(times),
            _float64(values),
        ],
        POINTS,
    )


def encode_events(events: Sequence[Event]) -> bytes:
    """A payload of events, in their order."""
    columns = zip(*events, strict=True)
    arrays = []
    for column, field in zip(columns, EVENTS, strict=True):
        plain = pa.array(column, pa.string() if field.type == _NAMES else field.type)
        arrays.append(plain.dictionary_encode() if field.type == _NAMES else plain)
    return _stream(arrays, EVENTS)


def decode(payload: bytes) -> pa.Table:
    """The rows of a payload whose checksum was right: no other bytes may ever come here, Arrow crashes on some of them."""
    return pa.ipc.open_stream(payload).read_all()


def _stream(arrays: list[pa.Array], schema: pa.Schema) -> bytes:
    batch = pa.RecordBatch.from_arrays(arrays, schema=schema)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, schema) as writer:
        writer.write_batch(batch)
    return bytes(sink.getvalue())


def _coded(names: list[str]) -> tuple[pa.Array, pa.Array]:
    coded = pa.array(names, pa.string()).dictionary_encode()
    return coded.indices, coded.dictionary


def _int64(numbers: Sequence[int] | np.ndarray) -> pa.Array:
    return pa.array(np.asarray(numbers, np.int64))


def _float64(numbers: Sequence[float] | np.ndarray) -> pa.Array:
    # array() takes whatever has __float__; NumPy would look into a tensor of one element as if it were a sequence.
    column = np.frombuffer(array("d", numbers), np.float64) if isinstance(numbers, list) else np.asarray(numbers, np.float64)
    return pa.array(column, from_pandas=False)  # NaN stays a value
