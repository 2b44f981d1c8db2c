"""The job `importance`: how much each feature matters, as the model itself says, and by how much worse it does without."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from runlake.analysis.figures import bars, is_drawn
from runlake.analysis.learners import learner_of, model_and_sample, title_of
from runlake.analysis.sample import Sample
from runlake.instrument.plugins import ask_plugins
from runlake.instrument.rows import kind_of, n_rows
from runlake.jobs.kinds import Skipped, Work
from runlake.models.trained import name_of
from runlake.read.explanation import IMPORTANCE_FILE
from runlake.store.tables import column_bytes

__all__ = ["importance", "permuted"]

SECONDS = 3.0  # for permutations
REPEATS = 5
PERMUTATION = "permutation"
PICTURE = "importance.png"
SCORE = "training_score"


@dataclass(frozen=True)
class _Measured:
    """One feature, for one output or for all, by one measure."""

    feature: str
    output: str
    kind: str
    value: float
    std: float | None = None


def importance(work: Work) -> str:
    """Keep a table of every measure, and a picture of the first."""
    model, sample = model_and_sample(work)
    found = [*_own(model, sample, work.arguments.get("options", {})), *permuted(model, sample, SECONDS)]
    if not found:
        raise Skipped(f"{name_of(model)} does not say, and cannot be asked without its features one by one")
    columns = {name: [getattr(each, name) for each in found] for name in ("feature", "output", "kind", "value", "std")}
    work.keep(IMPORTANCE_FILE, column_bytes(columns))
    first = found[0].kind
    if is_drawn():
        sizes: dict[str, float] = {}
        for each in found:
            if each.kind == first:
                sizes[each.feature] = sizes.get(each.feature, 0.0) + abs(each.value)
        work.keep(PICTURE, bars(list(sizes), list(sizes.values()), title_of(model, work.run), f"importance: {first}"))
    return ", ".join(dict.fromkeys(each.kind for each in found))


def _own(model: Any, sample: Sample, options: Mapping[str, Any]) -> Iterator[_Measured]:
    """What the model says itself, of the features that the part sees which learned."""
    try:
        learner = learner_of(model, sample)
    except Skipped:
        return
    said = ask_plugins("feature_importance", learner.model, model=learner.model, options=lambda plugin: options.get(plugin, {})) or {}
    for kind, by_output in said.items():
        for output, values in by_output.items():
            if len(values) == len(learner.names):
                for feature, value in zip(learner.names, values, strict=True):
                    yield _Measured(str(feature), output, kind, float(value))


def permuted(model: Any, sample: Sample, seconds: float) -> list[_Measured]:
    """By how much the score falls when a column's values are dealt out anew; nothing where that takes too long."""
    names, rows = list(sample.names), sample.rows
    if sample.targets is None or kind_of(rows) not in ("array", "frame", "sparse") or getattr(rows, "ndim", 1) != 2:
        return []
    before = _score(model, rows, sample.targets)  # the first time something is imported
    began = time.perf_counter()
    _score(model, _dealt_anew(rows, 0, np.arange(n_rows(rows) or 0)), sample.targets)
    cost = time.perf_counter() - began
    repeats = min(REPEATS, int(seconds / max(cost * len(names), 1e-9)))
    if before is None or not repeats:
        return []
    dice = np.random.default_rng(0)

    def score(rows: Any) -> float | None:
        return _score(model, rows, sample.targets)

    drops = [list(_drops(score, rows, place, before, repeats, dice)) for place in range(len(names))]
    return [
        _Measured(name, "", PERMUTATION, float(np.mean(found)), float(np.std(found)))
        for name, found in zip(names, drops, strict=True)
        if found
    ]


def _drops(
    score: Callable[[Any], float | None], rows: Any, place: int, before: float, repeats: int, dice: np.random.Generator
) -> Iterator[float]:
    for _ in range(repeats):
        after = score(_dealt_anew(rows, place, dice.permutation(n_rows(rows) or 0)))
        if after is not None:
            yield before - after


def _dealt_anew(rows: Any, place: int, order: Sequence[int] | np.ndarray) -> Any:
    if kind_of(rows) == "sparse":
        lists = rows.tolil(copy=True)
        lists[:, place] = rows[order, place]
        return lists.tocsr()
    changed = rows.copy()
    if hasattr(rows, "iloc"):
        changed.isetitem(place, rows.iloc[order, place].set_axis(rows.index))  # by its place, as two may have one name
    else:
        changed[:, place] = rows[order, place]
    return changed


def _score(model: Any, rows: Any, targets: Any) -> float | None:
    given = {"inputs": rows, "targets": targets, "sample_weight": None}
    found: float | None = (ask_plugins("training_metrics", model, model=model, **given) or {}).get(SCORE)
    return found
