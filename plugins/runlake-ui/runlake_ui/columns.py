"""Columns of runs in the few forms that a page reads: texts, numbers, truths, and times as milliseconds."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from runlake.read import Found

__all__ = ["coded", "in_few_forms", "numbers_of", "shortened", "table_of"]


def in_few_forms(column: pa.ChunkedArray | pa.Array) -> pa.ChunkedArray | pa.Array:
    """The same, in the form nearest to it."""
    kind = column.type
    if pa.types.is_timestamp(kind):
        return column.cast(pa.timestamp("ms", kind.tz), safe=False).cast(pa.int64()).cast(pa.float64(), safe=False)
    if pa.types.is_integer(kind) and kind != pa.int32():
        return column.cast(pa.float64(), safe=False)
    if pa.types.is_null(kind):
        return column.cast(pa.string())
    return column


def table_of(columns: Mapping[str, pa.ChunkedArray | pa.Array]) -> pa.Table:
    """Columns of one length, each in one of those forms."""
    return pa.Table.from_arrays([in_few_forms(column) for column in columns.values()], names=list(columns))


def coded(found: Found, name: str) -> tuple[np.ndarray, pa.Array]:
    """A column of texts as codes, and the distinct ones; of one that has none, no codes."""
    return found.texts(name) or (np.empty(0, np.int64), pa.array([], pa.string()))


def shortened(texts: pa.ChunkedArray, most: int) -> pa.ChunkedArray:
    """As many letters of each as that."""
    return pc.utf8_slice_codeunits(texts, 0, most)


def numbers_of(column: pa.ChunkedArray) -> np.ndarray:
    """A column of 64-bit numbers, none of which is null. Not by to_numpy, which imports pandas as well."""
    array = column.combine_chunks()
    data, kind = array.buffers()[1], np.int64 if array.type == pa.int64() else np.float64
    return np.empty(0, kind) if data is None else np.frombuffer(data, kind)[array.offset : array.offset + len(array)]
