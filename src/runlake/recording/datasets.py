"""Data sets that a program names itself: what they are called, how they look, and a digest to tell versions apart."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from runlake.entities import Dataset
from runlake.errors import InvalidValue
from runlake.recording.documents import columns_of

__all__ = ["array_bytes", "column_bytes", "digest_of", "from_numpy", "from_pandas", "from_polars", "stable_text"]

SAMPLED_ROWS = 1000  # of a longer table every n-th row goes into the digest: no copy, no pass over all of it

_PLAIN = {bool, int, float, str, type(None)}
_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")


def from_pandas(
    df: Any,
    source: Any = None,
    targets: str | None = None,
    name: str | None = None,
    digest: str | None = None,
    predictions: str | None = None,
) -> Dataset:
    """A data frame of pandas."""
    _must_have(df, "pandas DataFrame", "iloc", "columns")
    return _of_frame(df, df.iloc[_sampled(len(df))], source, targets, name, digest, predictions)


def from_polars(
    df: Any,
    source: Any = None,
    targets: str | None = None,
    name: str | None = None,
    digest: str | None = None,
    predictions: str | None = None,
) -> Dataset:
    """A data frame of Polars."""
    _must_have(df, "polars DataFrame", "gather_every", "get_columns")
    return _of_frame(df, df.gather_every(_sampled(len(df)).step), source, targets, name, digest, predictions)


def from_numpy(features: Any, source: Any = None, targets: Any = None, name: str | None = None, digest: str | None = None) -> Dataset:
    """Arrays of NumPy: the features, and the targets if there are any; each an array or a dict of arrays."""
    arrays = {f"features{suffix}": array for suffix, array in _named(features)}
    arrays |= {f"targets{suffix}": array for suffix, array in _named(targets)} if targets is not None else {}
    for array in arrays.values():
        _must_have(array, "NumPy array", "dtype", "shape", "tobytes")
    columns = [(key, f"{array.dtype}{list(array.shape)}") for key, array in arrays.items()]
    parts = (array_bytes(array[_sampled(len(array))] if array.shape else array) for array in arrays.values())
    n_rows = next((len(array) for array in arrays.values() if array.shape), 1)
    return _dataset(name, source, digest or digest_of(columns, n_rows, parts), columns, n_rows, None, None)


def _of_frame(
    df: Any, sampled: Any, source: Any, targets: str | None, name: str | None, digest: str | None, predictions: str | None
) -> Dataset:
    _columns_must_exist(list(df.columns), targets, predictions)
    columns = [(str(name), str(column.dtype)) for name, column in columns_of(df)]
    parts = (column_bytes(column) for _, column in columns_of(sampled))
    return _dataset(name, source, digest or digest_of(columns, len(df), parts), columns, len(df), targets, predictions)


def _dataset(
    name: str | None,
    source: Any,
    digest: str,
    columns: list[tuple[str, str]],
    n_rows: int,
    targets: str | None,
    predictions: str | None,
) -> Dataset:
    schema: dict[str, Any] = {"columns": [{"name": column, "type": kind} for column, kind in columns]}
    schema |= {role: str(column) for role, column in (("targets", targets), ("predictions", predictions)) if column is not None}
    return Dataset(
        name=name or "dataset",
        digest=digest,
        source_type="code" if source is None else _source_type(str(source)),
        source="" if source is None else str(source),
        schema=json.dumps(schema),
        profile=json.dumps({"num_rows": n_rows, "num_elements": n_rows * len(columns)}),
    )


def digest_of(columns: list[tuple[str, str]], n_rows: int, parts: Iterable[bytes]) -> str:
    """Eight digits that are the same in another process, and others when a sampled row, a type or the length is."""
    found = hashlib.sha256(repr((columns, n_rows)).encode())
    for part in parts:
        found.update(b"%d:" % len(part))  # or the end of a column could pass for the start of the next
        found.update(part)
    return found.hexdigest()[:8]


def column_bytes(column: Any) -> bytes:
    """By NumPy where the column is an array of it, which is twenty times as fast."""
    if hasattr(column.dtype, "hasobject"):
        return array_bytes(column.to_numpy())
    return stable_text(column.to_list()).encode("utf-8", "surrogatepass")


def array_bytes(array: Any) -> bytes:
    """The numbers as they lie in memory; objects lie there as addresses only."""
    return stable_text(array.tolist()).encode("utf-8", "surrogatepass") if array.dtype.hasobject else bytes(array.tobytes())


def stable_text(value: Any) -> str:
    """The same text in every process: sets in order, objects without their addresses, and text in quotes, for "1" is not 1."""
    if type(value) in _PLAIN or (isinstance(value, list) and set(map(type, value)) <= _PLAIN):
        return repr(value)
    if isinstance(value, Mapping):
        return f"{{{','.join(f'{stable_text(key)}:{stable_text(inner)}' for key, inner in value.items())}}}"
    if isinstance(value, (set, frozenset)):
        return f"{{{','.join(sorted(map(stable_text, value)))}}}"
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(stable_text, value))}]"
    if hasattr(value, "tolist"):
        return stable_text(value.tolist())
    return _ADDRESS.sub("", str(value))


def _sampled(n_rows: int) -> slice:
    return slice(0, n_rows, max(1, -(-n_rows // SAMPLED_ROWS)))


def _named(arrays: Any) -> list[tuple[str, Any]]:
    return [(f".{key}", array) for key, array in arrays.items()] if isinstance(arrays, dict) else [("", arrays)]


def _source_type(source: str) -> str:
    for start, kind in (("http://", "http"), ("https://", "http"), ("s3://", "s3"), ("gs://", "gs"), ("hf://", "hugging_face")):
        if source.startswith(start):
            return kind
    return "local"


def _must_have(data: Any, what: str, *names: str) -> None:
    if not all(hasattr(data, name) for name in names):
        raise InvalidValue(f"This takes a {what}, not {type(data).__name__}.")


def _columns_must_exist(columns: list[Any], *wanted: str | None) -> None:
    for column in wanted:
        if column is not None and column not in columns:
            raise InvalidValue(f"The data has no column {column!r}; it has {', '.join(map(repr, columns[:20]))}.")
