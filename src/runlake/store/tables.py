"""The open tables: what columns they have, how their rows are sorted, and how these become Parquet files and back.

points    what was logged, sorted so that a series lies together
meta      every event, sorted so that one key of many runs lies together
metrics   summaries: each row speaks of the points from `since` up to `covered` of one writer's series
runs      a row for each run, made of `meta`
lod       buckets of the points of long series, by the data file of `points` that they speak of
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from runlake.errors import StoreError
from runlake.store.columns import EVENTS, POINTS, SUMMARIES, as_array, as_numbers, no_rows, texts

__all__ = [
    "TABLES",
    "Table",
    "checked_rows",
    "coded",
    "column_bytes",
    "in_order",
    "is_in_order",
    "parquet_bytes",
    "plain",
    "sortable",
    "table_bytes",
    "table_of",
]

ROW_GROUP = 65_536
_CODES = pa.dictionary(pa.int32(), pa.string())

_RUNS = pa.schema(
    [
        ("run_id", pa.string()),
        ("experiment_id", pa.string()),
        ("name", pa.string()),
        ("status", pa.string()),
        ("start_ns", pa.int64()),
        ("end_ns", pa.int64()),
        ("user", pa.string()),
        ("parent_run_id", pa.string()),
        ("lifecycle", pa.string()),
        ("owner", pa.string()),
    ]
)

_LOD = pa.schema(
    [
        ("file", pa.string()),  # of `points`
        ("run_id", pa.string()),
        ("key", pa.string()),
        ("level", pa.int64()),
        ("row", pa.int64()),  # the number in that file of the bucket's first point
        ("n", pa.int64()),
        ("n_nan", pa.int64()),
        ("step0", pa.int64()),
        ("step1", pa.int64()),
        ("ns0", pa.int64()),
        ("ns1", pa.int64()),
        ("backwards", pa.int64()),  # 0 where the times grow with the rows
        ("min", pa.float64()),
        ("max", pa.float64()),
        ("sum", pa.float64()),
        ("first", pa.float64()),
        ("last", pa.float64()),
    ]
)


def _plain(stream: pa.Schema, *more: tuple[str, pa.DataType]) -> pa.Schema:
    """The columns of a stream as every engine has them: a name is text, a code inside the file only."""
    known = [(each.name, each.type.value_type if pa.types.is_dictionary(each.type) else each.type) for each in stream]
    return pa.schema([*known, *more])


@dataclass(frozen=True)
class Table:
    """One of the tables: its folder's name, its columns, their order, and those whose extent the log tells of each file."""

    name: str
    schema: pa.Schema
    order: tuple[str, ...]
    extents: tuple[str, ...]
    row_group: int = ROW_GROUP

    @cached_property
    def coded_names(self) -> list[str]:
        """The columns whose texts come again and again, and are codes wherever rows are worked with."""
        return [each.name for each in self.schema if pa.types.is_string(each.type) and each.name != "str"]

    @cached_property
    def coded_schema(self) -> pa.Schema:
        """The columns as they are worked with."""
        return pa.schema([(each.name, _CODES if each.name in self.coded_names else each.type) for each in self.schema])

    @cached_property
    def no_rows(self) -> pa.Table:
        """The columns alone, as they are worked with."""
        # Not empty_table(), which imports pandas; nor no batches at all, as columns without chunks do when they are put together.
        return pa.Table.from_batches([no_rows(self.coded_schema)])


_ORIGIN = [("writer", pa.string()), ("seq", pa.int64())]

TABLES = {
    table.name: table
    for table in (
        Table("points", _plain(POINTS, *_ORIGIN), ("key", "run_id", "step", "wall_ns", "writer", "seq"), ("run_id", "key", "step")),
        Table("meta", _plain(EVENTS, *_ORIGIN), ("scope", "key", "run_id", "hlc", "writer", "seq"), ("run_id", "scope", "key")),
        Table(
            "metrics",
            _plain(SUMMARIES, ("writer", pa.string()), ("covered", pa.int64())),
            ("key", "run_id", "writer", "since", "covered"),
            ("run_id", "key"),
        ),
        Table("runs", _RUNS, ("run_id",), ("run_id",)),
        # A part of one series is looked up: little else should have to be read for it.
        Table("lod", _LOD, ("key", "run_id", "level", "row"), ("file", "run_id", "key"), row_group=4096),
    )
}


def coded(table: Table, rows: pa.Table) -> pa.Table:
    """The rows with those columns of the table that they have, as they are worked with."""
    schema = table.coded_schema
    there = rows.schema.names
    if there != schema.names:
        schema = pa.schema([field for field in schema if field.name in there])
    if rows.schema.equals(schema):
        return rows
    return pa.Table.from_arrays([_as(rows[field.name], field.type) for field in schema], schema=schema)


def plain(table: Table, rows: pa.Table) -> pa.Table:
    """The rows with every column as other programs expect it."""
    return rows.cast(pa.schema([table.schema.field(name) for name in rows.column_names]))


def in_order(rows: pa.Table, order: Sequence[str]) -> pa.Table:
    """The rows sorted by these columns; where they are already, as they are."""
    if rows.num_rows < 2:
        return rows
    first = sortable(rows[order[0]])
    if (first[1:] > first[:-1]).all():
        return rows
    keys = [first, *(sortable(rows[name]) for name in order[1:])]
    if _are_sorted(keys):
        return rows
    places = np.lexsort(keys[::-1])
    return rows.take(as_array(places, pa.int64()))


def is_in_order(rows: pa.Table, order: Sequence[str]) -> bool:
    """Whether no row comes before one that it should follow."""
    return _are_sorted([sortable(rows[name]) for name in order])


def _are_sorted(keys: Sequence[np.ndarray]) -> bool:
    is_less = np.zeros(max(0, len(keys[0]) - 1), bool)
    is_equal = ~is_less
    for key in keys:
        is_less |= is_equal & (key[:-1] < key[1:])
        is_equal &= key[:-1] == key[1:]
        if not (is_less | is_equal).all():
            return False
    return True


def table_bytes(table: Table, rows: pa.Table) -> bytes:
    """Rows that are in the table's order as a Parquet file: a checksum on every page, and encodings that fit what the columns hold."""
    encodings = {
        each.name: "BYTE_STREAM_SPLIT" if pa.types.is_floating(each.type) else "DELTA_BINARY_PACKED"
        for each in table.schema
        if not pa.types.is_string(each.type)
    }
    sink = pa.BufferOutputStream()
    pq.write_table(
        rows.select(table.schema.names),
        sink,
        row_group_size=table.row_group,
        compression="zstd",
        use_dictionary=table.coded_names,
        column_encoding=encodings,
        write_page_checksum=True,
        write_page_index=True,
        store_schema=False,
    )
    return bytes(sink.getvalue())


def checked_rows(path: Path, table: Table) -> pa.Table:
    """Every row of a file, each page checked. Raises StoreError for one that is damaged."""
    try:
        with pq.ParquetFile(path, page_checksum_verification=True, read_dictionary=table.coded_names) as file:
            return coded(table, file.read())
    except (OSError, pa.ArrowException, KeyError) as error:
        if isinstance(error, FileNotFoundError):
            raise
        raise StoreError(f"{path} is damaged: {error}") from error


def column_bytes(columns: Mapping[str, Sequence[Any]]) -> bytes:
    """Columns of numbers or of texts, None where there is no value, as such a file."""
    arrays = {}
    for name, values in columns.items():
        types = set(map(type, values))
        has_gaps, known = type(None) in types, types - {type(None)}
        if all(issubclass(each, (int, float, np.number)) and each is not bool for each in known):
            kind = pa.int64() if known and all(issubclass(each, (int, np.integer)) for each in known) else pa.float64()
            numbers = np.array([0 if value is None else value for value in values], np.int64 if kind == pa.int64() else np.float64)
            bits = pa.py_buffer(np.packbits([each is not None for each in values], bitorder="little")) if has_gaps else None
            arrays[name] = as_array(numbers, kind, bits)
        else:
            arrays[name] = _texts(values)
    return parquet_bytes(pa.Table.from_arrays(list(arrays.values()), names=list(arrays)))


def _texts(values: Sequence[Any]) -> pa.Array:
    """A column of texts. Where few are repeated, each is encoded once: a curve says the name of its class in every row."""
    said = [None if value is None else str(value) for value in values]
    distinct = {text: code for code, text in enumerate(dict.fromkeys(said))}
    codes = as_array(np.fromiter(map(distinct.__getitem__, said), np.int32, len(said)), pa.int32())
    return pa.DictionaryArray.from_arrays(codes, texts(list(distinct))).dictionary_decode()


def parquet_bytes(table: pa.Table) -> bytes:
    """A table of a run's own as a Parquet file whose every page has a checksum."""
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd", write_page_checksum=True)
    return bytes(sink.getvalue())


def table_of(data: bytes) -> pa.Table:
    """The table that such a file holds. Raises StoreError for one that is damaged."""
    try:
        with pq.ParquetFile(pa.py_buffer(data), page_checksum_verification=True) as file:
            return file.read()
    except (OSError, pa.ArrowException) as error:
        raise StoreError(f"A Parquet file of {len(data):,} bytes is damaged: {error}") from error


def _as(column: pa.ChunkedArray, kind: pa.DataType) -> pa.ChunkedArray:
    if column.type == kind:
        return column
    return column.dictionary_encode() if kind == _CODES and pa.types.is_string(column.type) else column.cast(kind)


def sortable(column: pa.ChunkedArray) -> np.ndarray:
    """Numbers that sort as the column does."""
    if not pa.types.is_string(column.type) and not pa.types.is_dictionary(column.type):
        return as_numbers(column)
    coded = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
    codes = coded.unify_dictionaries().combine_chunks()
    rank = np.empty(len(codes.dictionary), np.int32)
    rank[as_numbers(pc.array_sort_indices(codes.dictionary).cast(pa.int64()))] = np.arange(len(rank), dtype=np.int32)
    return np.asarray(rank[as_numbers(codes.indices)])
