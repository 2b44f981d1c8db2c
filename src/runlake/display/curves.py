"""The values of several series, to draw."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import numpy as np
import pyarrow as pa

from runlake.entities import ViewType
from runlake.read import Query, Store

__all__ = ["curves_of_metric", "curves_of_run"]

SECONDS_A_POINT = 3e-7  # where all are read at once


def curves_of_metric(store: Store, key: str, run_ids: Sequence[str]) -> dict[str, np.ndarray]:
    """The values of one metric, by step, for each of these runs."""
    n_runs = store.search(Query(max_results=0, view_type=ViewType.ALL)).total
    return _read(run_ids, n_runs, lambda run_id: store.series(run_id, key), lambda: store.points(key=key), "run_id")


def curves_of_run(store: Store, run_id: str, keys: Sequence[str]) -> dict[str, np.ndarray]:
    """The values of each of these metrics, by step, of one run."""
    return _read(keys, len(keys), lambda key: store.series(run_id, key), lambda: store.points(run_id), "key")


def _read(
    names: Sequence[str], n_all: int, one: Callable[[str], pa.Table], every: Callable[[], pa.Table], column: str
) -> dict[str, np.ndarray]:
    """One series after the other, unless the first one tells that this takes longer than to read all there are at once.

    So it is where many runs of few points are wanted, and where much is not published yet.
    """
    found: dict[str, np.ndarray] = {}
    for name in names:
        began = time.perf_counter()
        found[name] = _numbers(one(name)["value"])
        seconds = time.perf_counter() - began
        if len(found) == 1 and seconds * (len(names) - 2) > len(found[name]) * n_all * SECONDS_A_POINT:
            found = _split(every(), column)
            return {wanted: found[wanted] for wanted in names if wanted in found}
    return found


def _split(points: pa.Table, column: str) -> dict[str, np.ndarray]:
    """The values of each series, whose points stand together."""
    names = points[column].dictionary_encode().unify_dictionaries().combine_chunks()
    codes, values = np.from_dlpack(names.indices), _numbers(points["value"])
    if not len(codes):
        return {}
    starts = np.flatnonzero(np.r_[True, codes[1:] != codes[:-1]])
    texts = names.dictionary.to_pylist()
    return {texts[codes[start]]: part for start, part in zip(starts.tolist(), np.split(values, starts[1:]), strict=True)}


def _numbers(column: pa.ChunkedArray) -> np.ndarray:
    # Not to_numpy, which imports pandas where it is installed.
    return np.concatenate([np.empty(0), *(np.from_dlpack(chunk) for chunk in column.chunks)])
