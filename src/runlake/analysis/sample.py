"""A sample of what a model was trained on, kept with the run so that the model can be explained later: in a file that is only data.

What comes back is what the model takes: a frame with its columns and types, an array of the same kind, texts.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from runlake.guard import attempt
from runlake.instrument.rows import kind_of, n_rows, sampled_rows
from runlake.store.columns import as_array, as_numbers, texts
from runlake.store.tables import parquet_bytes, table_of

__all__ = ["ROWS", "SAMPLE", "Sample", "kept_sample", "sample_bytes", "told_apart"]

SAMPLE = "sample.parquet"  # under which the run keeps it
ROWS = 500
MOST_VALUES = 500_000  # of wide data fewer rows
MOST_BYTES = 16 << 20  # of long texts, or of very many categories
LEAST_ROWS = 5
MOST_COLUMNS = 100  # of an array; each takes a third of a millisecond, so those of more are one, of lists
MOST_NAMED = 2_000  # columns that are data of their own

_ABOUT = b"runlake"
_TARGET = "runlake.target"
_NUMBERS = {"int64": pa.int64(), "float64": pa.float64()}
_LABELS = (str, int, float, type(None))  # what columns can be called in JSON

_About = dict[str, Any]


@dataclass(frozen=True)
class Sample:
    """Some rows, in the order in which they lay in the data, and their targets where there are any."""

    rows: Any
    targets: Any
    names: Sequence[str]  # of the columns, each another
    of: int  # how many rows there were


def sample_bytes(inputs: Any, targets: Any) -> bytes | str:
    """The file; or why there is none."""
    n, kind = n_rows(inputs), kind_of(inputs)
    if kind == "opened" and (n is None or inputs.rows is None):
        return "what it was trained on does not give single rows"
    if n is None or kind is None or kind == "arrays":
        return f"rows of {type(inputs).__name__} cannot be kept"
    shape: tuple[int, ...] = getattr(inputs, "shape", (n,))
    width = int(shape[1]) if len(shape) == 2 else 1
    if not n or not width:
        return f"there are no {'columns' if n else 'rows'}"
    if len(shape) > 2:
        return f"a row is no row of columns, but an array of {len(shape) - 1} dimensions"
    wanted = min(ROWS, n, MOST_VALUES // width)
    if wanted < min(n, LEAST_ROWS):
        return f"a row has {width:,} values"
    if width > MOST_NAMED and kind in ("frame", "polars", "arrow"):
        return f"a row has {width:,} columns"
    # By a generator of our own, and not every n-th row: rows may lie in some rhythm.
    places = np.sort(np.random.default_rng(0).choice(n, wanted, replace=False))
    rows = sampled_rows(inputs, places)
    made = attempt(lambda: _table(rows, kind_of(rows)))
    if isinstance(made, BaseException):
        return _why_not(made)
    table, about = made
    kept = attempt(lambda: _with_targets(table, sampled_rows(targets, places)) if n_rows(targets) == n else (table, {}))
    table, about_targets = (table, {}) if isinstance(kept, BaseException) else kept  # rows can be explained without
    if table.nbytes > MOST_BYTES:
        return f"{wanted} of its rows take {table.nbytes / 2**20:,.0f} MiB"
    metadata = {**(table.schema.metadata or {}), _ABOUT: json.dumps({**about, **about_targets, "of": n}).encode()}
    written = attempt(lambda: parquet_bytes(table.replace_schema_metadata(metadata)))
    return _why_not(written) if isinstance(written, BaseException) else written


def kept_sample(data: bytes) -> Sample:
    """What was kept so."""
    table = table_of(data)
    about = json.loads(table.schema.metadata[_ABOUT])
    dtypes = about.get("targets", {})
    given = [_values(table[name], dtype) for name, dtype in dtypes.items()]
    targets = None if not given else np.column_stack(given) if about["are_targets_wide"] else given[0]
    rows = table.select([name for name in table.column_names if name not in dtypes])
    labels = [_label(label) for label in about["labels"]] if "labels" in about else _names(rows)
    return Sample(_rows(rows, about, labels), targets, told_apart(labels), about["of"])


def told_apart(names: Sequence[Any]) -> list[str]:
    """The names as texts, each another: the second of a name is numbered."""
    found: dict[str, None] = {}
    for name in map(str, names):
        number, new = 2, name
        while new in found:
            number, new = number + 1, f"{name} ({number})"
        found[new] = None
    return list(found)


def _why_not(error: BaseException) -> str:
    return f"its rows are no columns of numbers and texts: {type(error).__name__}: {error}"


def _table(rows: Any, kind: str | None) -> tuple[pa.Table, _About]:
    """The rows as columns, and what tells how they were."""
    if rows is None:
        raise TypeError("one row cannot be had by its place; of sparse data in the form CSR it can")
    if kind == "sparse":
        return _table(_with_gaps(rows), "array")[0], {"kind": kind, "dtype": rows.dtype.str, "is_wide": True}
    if kind == "frame":
        return _of_frame(rows)
    if kind == "polars":
        is_column = not hasattr(rows, "columns")
        return (rows.to_frame() if is_column else rows).to_arrow(), {"kind": kind, "is_column": is_column}
    if kind == "arrow":
        return pa.Table.from_batches([rows]) if isinstance(rows, pa.RecordBatch) else rows, {"kind": kind}
    array = _as_array(rows)
    if array.ndim == 2 and array.shape[1] > MOST_COLUMNS and array.dtype.kind not in "OUS":
        columns = [pa.FixedSizeListArray.from_arrays(_column(array.reshape(-1)), array.shape[1])]
    else:
        columns = [_column(column) for column in (array.T if array.ndim == 2 else [array])]
    table = pa.Table.from_arrays(columns, names=[f"x{n}" for n in range(len(columns))])
    return table, {"kind": kind, "dtype": array.dtype.str, "is_wide": array.ndim == 2}


def _with_gaps(rows: Any) -> np.ndarray:
    """Sparse rows, NaN where they say nothing: for some models that is no zero."""
    held = rows.tocoo()
    found = np.full(held.shape, np.nan)
    found[held.row, held.col] = held.data
    return found


def _without_gaps(found: np.ndarray, dtype: str) -> Any:
    from scipy.sparse import csr_matrix

    is_said = ~np.isnan(found)
    return csr_matrix((found[is_said].astype(dtype), np.nonzero(is_said)), shape=found.shape)


def _of_frame(rows: Any) -> tuple[pa.Table, _About]:
    is_column = not hasattr(rows, "columns")
    frame = rows.to_frame(rows.name) if is_column else rows
    labels = [_plain(label) for label in frame.columns]
    # Arrow has names that are texts, each another, and Parquet no categories but texts.
    frame = frame.set_axis(told_apart(labels), axis=1)
    frame.attrs = {}  # the program's own notes
    categories = {name: kind for name, kind in zip(frame.columns, frame.dtypes, strict=True) if hasattr(kind, "categories")}
    about = {
        "kind": "frame",
        "is_column": is_column,
        "labels": labels,
        "objects": [name for name, kind in zip(frame.columns, frame.dtypes, strict=True) if kind == np.dtype(object)],
        "categories": {
            name: [[_plain(value) for value in kind.categories], bool(kind.ordered)]
            for name, kind in categories.items()
            if kind.categories.dtype.kind in "biuf"
        },
    }
    return pa.Table.from_pandas(frame, preserve_index=False), about


def _with_targets(table: pa.Table, targets: Any) -> tuple[pa.Table, _About]:
    array = _as_array(targets)
    prefix = _TARGET
    while any(name.startswith(prefix) for name in table.column_names):
        prefix += "_"
    found = {f"{prefix}{n}": column for n, column in enumerate(array.T if array.ndim == 2 else [array])}
    for name, column in found.items():
        table = table.append_column(name, _column(column))
    return table, {"targets": {name: column.dtype.str for name, column in found.items()}, "are_targets_wide": array.ndim == 2}


def _as_array(rows: Any) -> np.ndarray:
    """With one dimension or two."""
    # Not as an array of texts, which makes a text of each number, and all as long as the longest.
    are_any = isinstance(rows, list) and any(isinstance(row, str) or (isinstance(row, (list, tuple)) and _has_text(row)) for row in rows)
    array = np.array(rows, object) if are_any else np.asarray(rows)
    if array.ndim not in (1, 2):
        raise TypeError(f"an array of {array.ndim} dimensions")
    return array


def _has_text(row: Sequence[Any]) -> bool:
    return any(isinstance(value, str) for value in row)


def _column(values: np.ndarray) -> pa.Array:
    """Numbers as they are or wider, texts; TypeError for anything else."""
    if values.dtype.kind == "O" and (kind := _kind_of_numbers(values)) is not None:
        return as_array(values.astype(kind), _NUMBERS[kind])
    if values.dtype.kind in "OUS":
        for value in values.tolist():
            if value is not None and not isinstance(value, str):
                raise TypeError(f"values of {type(value).__name__}")
        return texts(values.tolist())
    if values.dtype.kind in "mM":
        return as_array(np.ascontiguousarray(values).view(np.int64), pa.int64())
    if values.dtype.kind not in "biuf":
        raise TypeError(f"values of {values.dtype}")
    wider = np.int64 if values.dtype.kind in "biu" else np.float64
    return as_array(np.ascontiguousarray(values, wider), _NUMBERS[np.dtype(wider).name])


def _kind_of_numbers(values: np.ndarray) -> str | None:
    """Of objects that are all numbers of one type."""
    types = {type(value) for value in values.tolist()}
    return {int: "int64", float: "float64"}.get(types.pop()) if len(types) == 1 else None


def _plain(label: Any) -> Any:
    """What a column or a category is called, as JSON has it; TypeError for what JSON has not."""
    if isinstance(label, tuple):
        return [_plain(each) for each in label]
    plain = label.item() if isinstance(label, np.generic) else label
    if not isinstance(plain, _LABELS):
        raise TypeError(f"a column that is called by a {type(label).__name__}")
    return plain


def _names(rows: pa.Table) -> list[str]:
    first = rows.schema.field(0).type
    width = first.list_size if pa.types.is_fixed_size_list(first) else 0
    return [f"x{n}" for n in range(width)] or list(rows.column_names)


def _label(label: Any) -> Any:
    return tuple(label) if isinstance(label, list) else label


def _rows(table: pa.Table, about: _About, labels: Sequence[Any]) -> Any:
    if about["kind"] == "frame":
        return _frame(table, about, labels)
    if about["kind"] == "polars":
        import polars

        frame = polars.DataFrame(table)
        return frame.to_series() if about["is_column"] else frame
    if about["kind"] == "arrow":
        return table
    is_sparse = about["kind"] == "sparse"
    dtype = "<f8" if is_sparse else about["dtype"]
    if pa.types.is_fixed_size_list(table.schema.field(0).type):
        found = _values(table.column(0).combine_chunks().flatten(), dtype).reshape(len(table), -1)
    else:
        columns = [_values(column, dtype) for column in table.columns]
        found = np.column_stack(columns).astype(dtype, copy=False) if about["is_wide"] else columns[0]
    if is_sparse:
        return _without_gaps(found, about["dtype"])
    return found.tolist() if about["kind"] == "list" else found


def _frame(table: pa.Table, about: _About, labels: Sequence[Any]) -> Any:
    import pandas as pd

    frame = table.to_pandas()
    for name, (values, is_ordered) in about["categories"].items():
        frame[name] = pd.Categorical(frame[name], categories=values, ordered=is_ordered)
    for name in about["objects"]:  # which come back as texts
        if pa.types.is_string(table.schema.field(name).type):
            frame[name] = pd.Series(table[name].to_pylist(), dtype=object)
    frame.columns = pd.Index(labels)  # of tuples it makes levels
    return frame.iloc[:, 0] if about["is_column"] else frame


def _values(column: pa.ChunkedArray | pa.Array, dtype: str) -> np.ndarray:
    if pa.types.is_string(column.type):
        return np.array(column.to_pylist(), dtype)
    # Not from numbers to times, which is another unit where the type has none.
    numbers = as_numbers(column)
    return numbers.view(dtype) if np.dtype(dtype).kind in "mM" else numbers.astype(dtype)
