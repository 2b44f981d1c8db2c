"""The tables that pictures are drawn of: what was taken for what, finds against false alarms, probabilities against how it was."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

__all__ = ["confusion", "curves", "residuals"]

MOST_CLASSES = 100  # of a table of what was taken for what
MOST_CURVES = 10  # classes that have curves of their own
POINTS = 200  # of a curve
BINS = 10
MOST_RESIDUALS = 1000

Columns = Mapping[str, list[Any]]


def confusion(counts: np.ndarray, classes: np.ndarray) -> dict[str, Columns]:
    """How often each class was taken for each."""
    n = len(classes)
    if n > MOST_CLASSES:
        return {}
    names = [str(name) for name in classes]
    actual, predicted = [name for name in names for _ in range(n)], names * n
    return {"confusion_matrix": {"actual": actual, "predicted": predicted, "count": counts.ravel().tolist()}}


def curves(truth: np.ndarray, probable: np.ndarray, classes: np.ndarray, weight: np.ndarray) -> dict[str, Columns]:
    """Of two classes the second's, else each one's against all others; `truth` are the places of classes."""
    if len(classes) < 2 or len(classes) > MOST_CURVES:
        return {}
    found: dict[str, dict[str, list[Any]]] = {}
    for place in range(len(classes)) if len(classes) > 2 else [1]:
        for name, columns in _of_class(truth == place, probable[:, place], weight):
            kept = found.setdefault(name, {"class": []})
            kept["class"] += [str(classes[place])] * len(next(iter(columns.values())))
            for column, values in columns.items():
                kept.setdefault(column, []).extend(values.tolist())
    return dict(found)


def residuals(truth: np.ndarray, predicted: np.ndarray) -> dict[str, Columns]:
    """What was predicted beside what was so, of at most a thousand rows."""
    if truth.ndim != 1:
        return {}
    n = len(truth)
    places = np.sort(np.random.default_rng(0).choice(n, min(n, MOST_RESIDUALS), replace=False))
    return {"residuals": {"actual": truth[places].astype(float).tolist(), "predicted": predicted[places].astype(float).tolist()}}


def _of_class(is_it: np.ndarray, score: np.ndarray, weight: np.ndarray) -> Iterator[tuple[str, dict[str, np.ndarray]]]:
    order = np.argsort(-score, kind="stable")
    falling, right, wrong = score[order], (weight * is_it)[order], (weight * ~is_it)[order]
    last = np.r_[np.flatnonzero(np.diff(falling)), len(falling) - 1]  # equal scores are one step
    rights, wrongs = np.cumsum(right)[last], np.cumsum(wrong)[last]
    if not rights[-1] or not wrongs[-1]:
        return
    some = np.unique(np.linspace(0, len(last) - 1, min(len(last), POINTS)).astype(int))
    threshold, rights, wrongs = falling[last][some], rights[some], wrongs[some]
    found, alarms = rights / rights[-1], wrongs / wrongs[-1]
    yield (
        "roc_curve",
        {"false_positive_rate": np.r_[0, alarms], "true_positive_rate": np.r_[0, found], "threshold": np.r_[np.inf, threshold]},
    )
    precision = rights / (rights + wrongs)
    yield "precision_recall_curve", {"recall": np.r_[0, found], "precision": np.r_[1, precision], "threshold": np.r_[np.inf, threshold]}
    bins = np.searchsorted(np.linspace(0, 1, BINS + 1)[1:-1], score)  # a border belongs to the bin below, as in calibration_curve
    heavy = np.bincount(bins, weight, BINS)
    there = heavy > 0
    yield (
        "calibration_curve",
        {
            "predicted_probability": np.bincount(bins, weight * score, BINS)[there] / heavy[there],
            "share_of_the_class": np.bincount(bins, weight * is_it, BINS)[there] / heavy[there],
            "weight": heavy[there],
        },
    )
