"""The job `explanation`: what each feature did to what the model says, of a sample of the rows that it was trained on.

Every value is checked: what does not add up to what the model itself says is not kept.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from runlake.analysis.additivity import not_additive
from runlake.analysis.learners import learner_of, model_and_sample, title_of
from runlake.analysis.linear import of_sums
from runlake.instrument.explained import Explainer, Learner, Linear, Unexplained
from runlake.instrument.plugins import ask_plugins
from runlake.jobs.kinds import Skipped, Work
from runlake.models.trained import name_of
from runlake.read.explanation import ABOUT, EXPLANATION_FILE
from runlake.store.columns import as_array, texts
from runlake.store.tables import parquet_bytes

__all__ = ["SECONDS", "explanation", "in_time"]

SECONDS = 3.0

Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class _Found:
    """Some of the rows, by their places in the sample, with their values, rows x features x outputs, and what these are counted from."""

    places: NDArray[np.intp]
    values: Numbers
    base: Numbers


def explanation(work: Work) -> str:
    """Keep the values as a table, and the pictures that are drawn of them."""
    model, sample = model_and_sample(work)
    learner = learner_of(model, sample)
    explainer = _explainer_of(learner, is_full=bool(work.arguments.get("is_full")))
    found = in_time(explainer, learner.rows, SECONDS)
    said = explainer.raw(learner.rows[found.places])
    is_wrong = not_additive(found.values, found.base, said, is_single=explainer.is_single)
    if is_wrong.all():
        raise Skipped(f"not additive: what {explainer.name} says of {len(is_wrong)} rows does not add up to what the model says of any")
    found = _Found(found.places[~is_wrong], found.values[~is_wrong], found.base)
    about = {"explainer": explainer.name, "space": explainer.space, "outputs": list(explainer.outputs), "of": sample.of}
    work.keep(EXPLANATION_FILE, _table_bytes(learner, found, about))
    title = title_of(learner.model, work.run)
    for name, picture in (_pictures(learner, explainer, found, title) or {}).items():
        work.keep(name, picture)
    wrong = f"; of {int(is_wrong.sum())} rows the values are not additive" if is_wrong.any() else ""
    return f"{len(found.places)} of {sample.of:,} rows, {explainer.space} by {explainer.name}{wrong}"


def _explainer_of(learner: Learner, *, is_full: bool) -> Explainer:
    found = ask_plugins("explainer", learner.model, model=learner.model, rows=learner.rows, is_full=is_full)
    if isinstance(found, Unexplained):
        raise Skipped(found.why)
    if isinstance(found, Linear):
        return of_sums(found, np.asarray(learner.rows, np.float64))
    if found is None:
        raise Skipped(f"no installed plugin explains {name_of(learner.model)}")
    explainer: Explainer = found
    return explainer


def in_time(explainer: Explainer, rows: NDArray[np.generic], seconds: float) -> _Found:
    """As many rows as can be explained in this time, and one at least, drawn by a generator of our own."""
    order = np.random.default_rng(0).permutation(len(rows))
    began, n_done, size, parts = time.perf_counter(), 0, 1, []
    base = np.empty(0)
    while size and n_done < len(rows):
        start = time.perf_counter()
        values, base = explainer.values(rows[order[n_done : n_done + size]])
        parts.append(values)
        n_done += len(values)
        now = time.perf_counter()
        fitting = (seconds - (now - began)) / max((now - start) / len(values), 1e-9)
        size = max(0, int(min(fitting / 2 if fitting > 2 else fitting, 8 * size)))
    back = np.argsort(order[:n_done])
    return _Found(order[:n_done][back], np.concatenate(parts)[back], base)


def _pictures(learner: Learner, explainer: Explainer, found: _Found, title: str) -> dict[str, bytes] | None:
    pictures: dict[str, bytes] | None = ask_plugins(
        "draw_explanation",
        learner.model,
        values=found.values,
        rows=np.asarray(learner.rows[found.places], np.float64),
        names=learner.names,
        outputs=explainer.outputs,
        space=explainer.space,
        title=title,
    )
    return pictures


def _table_bytes(learner: Learner, found: _Found, about: dict[str, object]) -> bytes:
    """A row for each row of the sample, output and feature."""
    n_rows, n_features, n_outputs = found.values.shape
    shape = n_rows, n_outputs, n_features
    rows = np.asarray(learner.rows[found.places], np.float64)
    outputs = about["outputs"]
    assert isinstance(outputs, list)
    columns = {
        "row": _numbers(np.broadcast_to(found.places[:, np.newaxis, np.newaxis], shape), pa.int64(), np.int64),
        "output": _names(outputs, np.broadcast_to(np.arange(n_outputs)[np.newaxis, :, np.newaxis], shape)),
        "feature": _names(learner.names, np.broadcast_to(np.arange(n_features), shape)),
        "value": _numbers(found.values.transpose(0, 2, 1), pa.float64(), np.float64),
        "feature_value": _numbers(np.broadcast_to(rows[:, np.newaxis, :], shape), pa.float64(), np.float64),
        "base": _numbers(np.broadcast_to(found.base[np.newaxis, :, np.newaxis], shape), pa.float64(), np.float64),
    }
    table = pa.Table.from_arrays(list(columns.values()), names=list(columns))
    return parquet_bytes(table.replace_schema_metadata({ABOUT: json.dumps(about).encode()}))


def _numbers(values: NDArray[np.generic], kind: pa.DataType, dtype: type[np.generic]) -> pa.Array:
    return as_array(np.ascontiguousarray(values, dtype).reshape(-1), kind)


def _names(names: Sequence[str], codes: NDArray[np.intp]) -> pa.Array:
    return pa.DictionaryArray.from_arrays(as_array(codes.reshape(-1).astype(np.int32), pa.int32()), texts([str(name) for name in names]))
