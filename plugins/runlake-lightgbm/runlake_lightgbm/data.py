"""What is inside a `Dataset`, which is neither constructed nor changed by looking."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

import lightgbm
import numpy as np

from runlake import DataFacts

__all__ = ["MOST_HELD", "facts_of"]

MOST_HELD = 64 << 20  # bytes of raw data that are kept from being freed while a training lasts

_Take = Callable[[list[Any], Any], Any]  # the parts of the data, and the places of the wanted rows


def facts_of(data: Any) -> DataFacts | None:
    """Of the raw data while it is there; of what was freed, what LightGBM knows itself; None of a file that was not read yet."""
    if not isinstance(data, lightgbm.Dataset):
        return None
    raw = data.data
    if raw is None and data.used_indices is not None and data.reference is not None:
        return _of_subset(facts_of(data.reference), np.asarray(data.used_indices))
    seen = None if raw is None else _look_into(raw)
    if seen is not None:
        n_rows, types, take = seen
        columns = list(zip(_names(data, raw, len(types)), types, strict=True))
        rows = None if take is None else _rows_of(raw, take, n_bytes=8 * n_rows * len(types))
        return DataFacts(n_rows, columns, rows, data.label, data.weight)
    if data._handle is None:
        return None
    return DataFacts(data.num_data(), [(name, "unknown") for name in data.get_feature_name()], None, data.label, data.weight)


def _of_subset(whole: DataFacts | None, indices: Any) -> DataFacts | None:
    if whole is None:
        return None
    rows = whole.rows
    targets, weights = (None if each is None else np.asarray(each)[indices] for each in (whole.targets, whole.sample_weight))
    return DataFacts(len(indices), whole.columns, None if rows is None else lambda places: rows(indices[places]), targets, weights)


def _names(data: lightgbm.Dataset, raw: Any, width: int) -> list[str]:
    """As the program or the frame has them; else as LightGBM makes them."""
    for names in (data.feature_name, getattr(raw, "column_names", None), getattr(raw, "columns", None)):
        if names is not None and not isinstance(names, str) and len(names) == width:
            return [str(name) for name in names]
    return [f"Column_{place}" for place in range(width)]


def _look_into(raw: Any) -> tuple[int, list[str], _Take | None] | None:
    """How many rows there are, the types of the columns, and how to take some of the rows; None of what is no data, or in a file."""
    if hasattr(raw, "iloc"):
        return len(raw), [str(dtype) for dtype in raw.dtypes], lambda parts, places: parts[0].iloc[places]
    if hasattr(raw, "schema") and hasattr(raw, "take"):
        return raw.num_rows, [str(dtype) for dtype in raw.schema.types], lambda parts, places: parts[0].take(places)
    if hasattr(raw, "gather_every"):
        return len(raw), [str(dtype) for dtype in raw.dtypes], lambda parts, places: parts[0][places]
    if hasattr(raw, "tocsr"):
        take = (lambda parts, places: parts[0][places]) if raw.format in ("csr", "csc") else None
        return raw.shape[0], [str(raw.dtype)] * raw.shape[1], take
    parts = raw if isinstance(raw, list) else [raw]
    if not parts or not all(isinstance(part, lightgbm.Sequence) or getattr(part, "ndim", 0) == 2 for part in parts):
        return None
    first = np.asarray(parts[0][0])
    return sum(map(len, parts)), [str(first.dtype)] * first.shape[0], _take_of_parts


def _take_of_parts(parts: list[Any], places: Any) -> Any:
    """Of arrays or sequences that lie one after the other; a sequence need not take more than one place at once."""
    ends = np.cumsum([len(part) for part in parts])
    if len(parts) == 1 and isinstance(parts[0], np.ndarray):
        return parts[0][places]
    found = ((int(np.searchsorted(ends, place, side="right")), int(place)) for place in places)
    return np.stack([np.asarray(parts[part][place - int(ends[part]) + len(parts[part])]) for part, place in found])


def _rows_of(raw: Any, take: _Take, n_bytes: int) -> Callable[[Any], Any]:
    """Large data is freed when it would be without us; rows that were asked for before are still known then."""
    parts = raw if isinstance(raw, list) else [raw]
    if n_bytes <= MOST_HELD:
        return lambda places: take(parts, places)
    held = [weakref.ref(part) for part in parts]
    known: dict[bytes, Any] = {}

    def rows(places: Any) -> Any:
        there = [reference() for reference in held]
        key = np.asarray(places).tobytes()
        if key not in known and all(part is not None for part in there):
            known[key] = take(there, places)
        return known.get(key)

    return rows
