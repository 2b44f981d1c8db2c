"""What an Arrow table holds, as JSON and CSV have it and as people read it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date, time
from decimal import Decimal
from typing import Any

import pyarrow as pa
from rich.text import Text

from runlake.display.words import number, one_line

__all__ = ["cell", "in_csv", "is_number", "rows"]


def rows(table: pa.Table) -> Iterator[tuple[Any, ...]]:
    """The rows, of numbers, texts, lists and dicts: a time is a text as ISO 8601 has it, bytes are hexadecimal digits."""
    for batch in table.to_batches(max_chunksize=65_536):
        yield from zip(*map(_values, batch.columns), strict=True)


def in_csv(value: Any) -> Any:
    """The value of a row where every value is a text in the end: of a list JSON."""
    return json.dumps(value, ensure_ascii=False) if isinstance(value, list) else value


def is_number(kind: pa.DataType) -> bool:
    """Whether values of this type stand at the right."""
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind))


def cell(value: Any, kind: pa.DataType) -> Text:
    """A value of a column of this type for people, in one line: of a float six digits that count, of a time no more than milliseconds."""
    if value is None:
        return Text("·", "dim")
    if isinstance(value, float):
        return Text(f"{value:.6g}" if abs(value) < float("inf") else number(value))
    if pa.types.is_timestamp(kind):
        return Text(value[:23].replace("T", " ").removesuffix("Z").removesuffix(".000"), "dim")
    return Text(one_line(str(value)))


def _values(column: pa.Array) -> list[Any]:
    kind = column.type
    if pa.types.is_temporal(kind) and not pa.types.is_interval(kind):
        # A list of times would import pandas, where it is installed, and has no word for infinity.
        return [said and _moment(said) for said in column.cast(pa.string()).to_pylist()]
    if is_number(kind) and not pa.types.is_decimal(kind):
        values: list[Any] = column.to_pylist()
        return values
    return [_plain(each) for each in column.to_pylist(maps_as_pydicts="lossy")]


def _moment(said: str) -> str:
    if said.startswith("<value out of range"):
        return "-infinity" if ": -" in said else "infinity"
    return said.replace(" ", "T")


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return int(value) if value.as_tuple().exponent == 0 else float(value)
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, (date, time)):
        return value.isoformat()
    if isinstance(value, dict):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, (list, set)):
        return [_plain(each) for each in value]
    return value if value is None or isinstance(value, (bool, int, float, str)) else str(value)
