"""Tables that runs keep as Parquet: the first rows of one, however many it has, or all of a small one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

import runlake
from runlake.read import Run
from runlake_ui.run.opened import content

__all__ = ["Beginning", "beginning_of", "columns_of", "listed", "table_of"]

MOST_BYTES = 32 << 20
MOST_VALUES = 20_000_000  # of one table that is read as a whole
MOST_GROUP = 1 << 30  # bytes of a group of rows, unpacked


@dataclass(frozen=True)
class Beginning:
    """The first rows and columns of a table, and how many there are of both."""

    names: Sequence[str]
    types: Sequence[str]
    columns: Sequence[Sequence[Any]]
    n_rows: int
    n_columns: int

    @property
    def rows(self) -> list[tuple[Any, ...]]:
        """Its rows."""
        return list(zip(*self.columns, strict=True))


def beginning_of(file: BinaryIO, most_rows: int, most_columns: int) -> Beginning:
    """That of a Parquet file."""
    with pq.ParquetFile(file, pre_buffer=False, buffer_size=1 << 20) as parquet:
        schema, about = parquet.schema_arrow, parquet.metadata
        fields = [schema.field(place) for place in range(min(len(schema), most_columns))]
        names = [field.name for field in fields]
        batch = _first_batch(parquet, about, names, most_rows)
        columns = [listed(batch.column(name)) if batch is not None and names.count(name) == 1 else [] for name in names]
        n = max(map(len, columns), default=0)
        columns = [[*column, *[None] * (n - len(column))] for column in columns]
        return Beginning(names, [str(field.type) for field in fields], columns, about.num_rows, len(schema))


def _first_batch(parquet: pq.ParquetFile, about: pq.FileMetaData, names: Sequence[str], most: int) -> pa.RecordBatch | None:
    if not names or not about.num_row_groups:
        return None
    if about.row_group(0).total_byte_size > MOST_GROUP:
        raise runlake.InvalidValue("Its rows come in groups too large to be looked into here.")
    found = next(parquet.iter_batches(batch_size=most, columns=list(names)), None)
    if found is not None:
        found.validate(full=True)
    return found


def table_of(run: Run, name: str) -> pa.Table:
    """A small table that a run keeps, all of it. Raises InvalidValue for a large one, or what Arrow raises for a damaged one."""
    data = content(run, name, MOST_BYTES)
    with pq.ParquetFile(pa.py_buffer(data), page_checksum_verification=True) as file:
        if file.metadata.num_rows * max(1, file.metadata.num_columns) > MOST_VALUES:
            raise runlake.InvalidValue(f"{name!r} has more than the {MOST_VALUES:,} values that are looked into here.")
        table = file.read()
    table.validate(full=True)
    return table


def columns_of(run: Run, name: str, wanted: Sequence[str]) -> dict[str, list[Any]]:
    """Columns of a small table. Raises InvalidValue where one is missing."""
    table = table_of(run, name)
    if missing := [each for each in wanted if table.column_names.count(each) != 1]:
        raise runlake.InvalidValue(f"{name!r} has no column {missing[0]!r}.")
    return {each: listed(table[each]) for each in wanted}


def listed(column: pa.Array | pa.ChunkedArray) -> list[Any]:
    """The values; those that Python has none for as texts."""
    if pa.types.is_temporal(column.type):  # some of these have no value of Python's, and some would import pandas
        column = column.cast(pa.string())
    try:
        found: list[Any] = column.to_pylist()
    except (ValueError, OverflowError, pa.ArrowException):
        return ["unreadable"] * len(column)
    return found
