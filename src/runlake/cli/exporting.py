"""What other programs read: JSON with typed values, and CSV as RFC 4180 has it; always UTF-8."""

from __future__ import annotations

import csv
import io
import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import click

from runlake.read import Run, Store
from runlake.read.listing import values_of
from runlake.read.search.found import Found

__all__ = ["csv_text", "flat", "json_text", "objects", "print_csv", "print_list", "print_object", "run_object"]

# What a terminal obeys beyond ASCII, and half a surrogate pair; the rest JSON escapes by itself.
_OBEYED = re.compile("[\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")
_PLAIN = ("run_id", "run_name", "experiment_id", "status", "start_time", "end_time", "duration", "parent_run_id")
_PARTS = ("metrics", "params", "tags")


def objects(store: Store, found: Found) -> Iterator[dict[str, Any]]:
    """The runs, each as an object."""
    for run, seconds in zip(store.found(found), values_of(found, "duration"), strict=True):
        yield run_object(run, seconds)


def run_object(run: Run, seconds: float | None) -> dict[str, Any]:
    """A run: times are milliseconds since 1970, and `seconds` is how long it took so far."""
    info = run.info
    return {
        "run_id": info.run_id,
        "run_name": info.run_name,
        "experiment_id": info.experiment_id,
        "status": info.status,
        "start_time": info.start_time,
        "end_time": info.end_time,
        "duration": seconds,
        "parent_run_id": info.parent_run_id,
        "params": run.params,
        "metrics": dict(run.data.metrics),
        "tags": run.tags,
    }


def flat(runs: Sequence[Mapping[str, Any]]) -> tuple[list[str], Iterator[list[Any]]]:
    """The same as a table: its columns, and a row for each run."""
    keys = [(part, key) for part in _PARTS for key in sorted({key for run in runs for key in run[part]})]
    header = [*_PLAIN, *(f"{part}.{key}" for part, key in keys)]
    return header, ([*(run[name] for name in _PLAIN), *(run[part].get(key) for part, key in keys)] for run in runs)


def print_object(value: Mapping[str, Any]) -> None:
    """One object."""
    _print(json_text(value, indent=2) + "\n")


def print_list(values: Iterable[Mapping[str, Any]]) -> None:
    """A list of objects, each on a line of its own."""
    lines = [json_text(value) for value in values]
    _print("[" + ",\n ".join(lines) + "]\n")


def print_csv(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """A table."""
    _print(csv_text([header]) + csv_text([_in_csv(value) for value in row] for row in rows))


def csv_text(rows: Iterable[Sequence[str]], end: str = "\r\n") -> str:
    """Texts as lines of CSV."""
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator=end).writerows(rows)
    return text.getvalue()


def json_text(value: Any, indent: int | None = None) -> str:
    """A value as JSON that no terminal obeys."""
    text = json.dumps(_in_json(value), indent=indent, ensure_ascii=False)
    return _OBEYED.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def _print(text: str) -> None:
    click.echo(text.encode("utf-8", "backslashreplace"), nl=False)


def _in_json(value: Any) -> Any:
    """The value in JSON's words: a tuple or a set is a list, and what it has no word for is a text, as NaN is."""
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else _not_finite(value)
    if isinstance(value, Mapping):
        return {str(key): _in_json(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_in_json(each) for each in value]
    if isinstance(value, (set, frozenset)):
        return [_in_json(each) for each in sorted(value, key=repr)]
    return str(value)


def _in_csv(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return repr(value) if math.isfinite(value) else _not_finite(value)
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict) else str(value)


def _not_finite(value: float) -> str:
    return "NaN" if value != value else "Infinity" if value > 0 else "-Infinity"
