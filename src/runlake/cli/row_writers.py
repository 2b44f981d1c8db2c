"""Files of rows in the forms that people ask for: what is broken off leaves none."""

from __future__ import annotations

import json
import math
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import IO, Any, Protocol

import click
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv

from runlake.cli.exporting import csv_text, json_text
from runlake.store.row_files import RowFile

__all__ = ["FORMS", "form_of", "row_writer"]

FORMS = ("parquet", "csv", "json", "jsonl")
LINES = 50_000  # of JSON at once


class RowWriter(Protocol):
    """Takes rows."""

    def write(self, rows: pa.Table) -> None:
        """Add them."""


def form_of(path: Path | None, form: str | None) -> str:
    """As is asked for, or as the file's name ends; CSV where nothing says otherwise."""
    if form is not None:
        return form
    if path is None:
        return "csv"
    suffix = path.suffix.removeprefix(".").lower()
    if suffix not in FORMS:
        raise click.UsageError(f"{path.name!r} does not end in one of {', '.join(f'.{each}' for each in FORMS)}: say which with --format.")
    return suffix


@contextmanager
def row_writer(path: Path | None, form: str, schema: pa.Schema) -> Iterator[RowWriter]:
    """What writes such a file, which is there once the block has ended well; or to the standard output."""
    if path is None:
        with _writer(sys.stdout.buffer, form, schema) as writer:
            yield writer
        return
    draft = path.with_name(f".{path.name}.{os.urandom(8).hex()}")
    try:
        file = nullcontext(draft) if form == "parquet" else draft.open("wb")
        with file as opened, _writer(opened, form, schema) as writer:
            yield writer
        os.replace(draft, path)
    finally:
        draft.unlink(missing_ok=True)


@contextmanager
def _writer(file: Any, form: str, schema: pa.Schema) -> Iterator[RowWriter]:
    if form == "parquet":
        with RowFile(file, schema) as rows:
            yield rows
    elif form == "csv":
        yield _Csv(file, schema.names)
    else:
        lines = _Lines(file, is_list=form == "json")
        yield lines
        lines.end()


class _Csv:
    """As `runlake ls --csv` has it: NaN, Infinity, and nothing where there is no value."""

    def __init__(self, file: IO[bytes], names: Sequence[str]) -> None:
        self._file = file
        file.write(csv_text([names], end="\n").encode())

    def write(self, rows: pa.Table) -> None:
        """Add them."""
        if rows.num_rows:  # of a chunk without rows Arrow writes whatever is in its memory
            pa_csv.write_csv(_in_csv(rows).combine_chunks(), self._file, pa_csv.WriteOptions(include_header=False))


class _Lines:
    """Objects, each on a line of its own: a list of them, or JSON lines."""

    def __init__(self, file: IO[bytes], *, is_list: bool) -> None:
        self._file = file
        self._is_list = is_list
        self._before = "[" if is_list else ""  # what is written next

    def write(self, rows: pa.Table) -> None:
        """Add them."""
        between = ",\n " if self._is_list else "\n"
        line = "{" + ", ".join(json_text(name).replace("%", "%%") + ": %s" for name in rows.column_names) + "}"
        for start in range(0, rows.num_rows, LINES):
            columns = [_json_texts(_json_column(column)) for column in rows.slice(start, LINES).columns]
            lines = between.join(line % values for values in zip(*columns, strict=True))
            self._file.write(f"{self._before}{lines}".encode("utf-8", "backslashreplace"))
            self._before = between

    def end(self) -> None:
        """All have been written."""
        if self._is_list:
            self._file.write(b"[]\n" if self._before == "[" else b"]\n")
        elif self._before:
            self._file.write(b"\n")


def _in_csv(rows: pa.Table) -> pa.Table:
    return pa.Table.from_arrays([_csv_column(column) for column in rows.columns], names=rows.column_names)


def _csv_column(column: pa.ChunkedArray) -> pa.ChunkedArray:
    if pa.types.is_floating(column.type) and not pc.all(pc.is_finite(column)).as_py():
        words = column.cast(pa.string())
        words = pc.if_else(pc.fill_null(pc.is_nan(column), False), "NaN", words)
        return pc.if_else(pc.fill_null(pc.is_inf(column), False), pc.if_else(pc.greater(column, 0), "Infinity", "-Infinity"), words)
    if pa.types.is_nested(column.type):
        return pa.chunked_array([[None if each is None else json.dumps(each) for each in column.to_pylist()]], pa.string())
    return column


def _json_column(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Times are milliseconds since 1970, as everywhere; with a fraction where they are known better."""
    if not pa.types.is_timestamp(column.type):
        return column
    numbers = column.cast(pa.int64())
    per_ms = {"s": 0.001, "ms": 1, "us": 1e3, "ns": 1e6}[column.type.unit]
    return numbers if per_ms == 1 else pc.divide(numbers.cast(pa.float64(), safe=False), per_ms)


def _json_texts(column: pa.ChunkedArray) -> list[str]:
    """Each value as JSON: numbers, and texts that come again, without a look at what they may be."""
    values = column.to_pylist()
    if pa.types.is_integer(column.type):
        return ["null" if value is None else str(value) for value in values]
    if pa.types.is_floating(column.type):
        return [repr(value) if value is not None and math.isfinite(value) else json_text(value) for value in values]
    if pa.types.is_string(column.type) or pa.types.is_dictionary(column.type):
        known = {value: json_text(value) for value in set(values)}
        return [known[value] for value in values]
    return [json_text(value) for value in values]
