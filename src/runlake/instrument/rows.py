"""Data as trainings are given it, by what it can do and not by whose it is: how many rows, and some of them, copied.

Nothing is iterated, made dense or copied whole; what can be read only once is left alone.
"""

from __future__ import annotations

from collections.abc import Sequence, Sized
from typing import Any

import numpy as np

from runlake.instrument.opened import DataFacts

_UNORDERED = ("coo", "bsr", "dia")  # forms of sparse data

__all__ = ["kind_of", "n_rows", "sampled_rows", "some_rows"]


def kind_of(data: Any) -> str | None:
    """What sort of data this is: "opened", "frame", "polars", "arrow", "sparse", "array", "arrays", "list", or None."""
    if isinstance(data, DataFacts):
        return "opened"
    if hasattr(data, "iloc"):
        return "frame"
    if hasattr(data, "gather_every") and hasattr(data, "__len__"):
        return "polars"
    if hasattr(data, "__arrow_c_stream__") and hasattr(data, "slice") and hasattr(data, "schema"):
        return "arrow"
    if hasattr(data, "tocsr") and hasattr(data, "nnz"):
        return "sparse"
    if hasattr(data, "__array__") and hasattr(data, "shape") and hasattr(data, "__getitem__"):
        return "array" if data.shape else None
    if isinstance(data, dict) and data and all(kind_of(value) in ("array", "list") for value in data.values()):
        return "arrays"
    return "list" if isinstance(data, (list, tuple)) and data else None


def n_rows(data: Any) -> int | None:
    """How many there are; None where that is not known without reading them."""
    kind = kind_of(data)
    if kind is None:
        return None
    if kind == "opened":
        known: int | None = data.n_rows
        return known
    if kind == "arrays":
        return n_rows(next(iter(data.values())))
    return int(data.shape[0]) if hasattr(data, "shape") else len(data) if isinstance(data, Sized) else None


def some_rows(data: Any, wanted: int) -> Any:
    """At most so many rows, spread evenly, as `sampled_rows` gives them; a copy."""
    n, kind = n_rows(data), kind_of(data)
    if n is None or kind is None:
        return None
    step = max(1, -(-n // wanted))
    if kind == "opened":
        return sampled_rows(data, np.arange(0, n, step))
    if kind == "arrays":
        return {name: some_rows(value, wanted) for name, value in data.items()}
    return _taken(data, kind, slice(0, n, step))


def sampled_rows(data: Any, places: np.ndarray) -> Any:
    """The rows at these places, as the same sort of data, or as what a container holds. None where rows cannot be had by their place."""
    kind = kind_of(data)
    if kind == "opened":
        return data.rows(places) if data.rows is not None and len(places) else None
    if kind == "arrays":
        return {name: sampled_rows(value, places) for name, value in data.items()}
    if kind in ("frame", "arrow"):
        return data.iloc[places] if kind == "frame" else data.take(places)
    if kind == "list":
        return [data[place] for place in places]
    return data[places] if kind is not None and _can_be_taken(data) else None


def _can_be_taken(data: Any) -> bool:
    """Whether rows can be had by their place; of some sparse data they cannot."""
    return hasattr(data, "__getitem__") and getattr(data, "format", None) not in _UNORDERED


def _taken(data: Any, kind: str, places: slice) -> Any:
    if kind == "frame":
        return data.iloc[places].copy()
    if kind == "polars":
        return data.gather_every(places.step)
    if kind == "arrow":
        return data.take(list(range(places.start, places.stop, places.step)))
    if kind == "sparse":
        return data[places] if _can_be_taken(data) else None
    rows = data[places]
    return rows if isinstance(rows, Sequence) else _copied(rows)


def _copied(rows: Any) -> Any:
    """Of a tensor without its history."""
    rows = rows.detach() if hasattr(rows, "detach") else rows
    return rows.clone() if hasattr(rows, "clone") else rows.copy()
