"""What classifiers are judged by: the numbers of `sklearn.metrics`, from one table of how often each class was taken for each.

The functions of scikit-learn look at the labels anew each time, which takes ten times as long as the fit of a small model.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations
from typing import Any

import numpy as np

from runlake_sklearn.curves import confusion, curves

__all__ = ["judged"]


def judged(targets: Any, predicted: Any, probable: Any, classes: np.ndarray, weights: Any, pos_label: Any) -> dict[str, Any] | None:
    """Numbers and tables by the names of scikit-learn's functions; None for labels that are not among the classes."""
    truth, said = _places(targets, classes), _places(predicted, classes)
    if truth is None or said is None:
        return None
    weight = np.ones(len(truth)) if weights is None else np.asarray(weights, np.float64)
    n = len(classes)
    table = np.bincount(truth * n + said, weights=weight, minlength=n * n).reshape(n, n)
    tables = confusion(table, classes)
    found = {"accuracy_score": _share(np.trace(table), table.sum()), **_of_table(table, classes, pos_label)}
    if probable is not None and getattr(probable, "shape", None) == (len(truth), n):
        tables |= curves(truth, probable, classes, weight)
        found["log_loss"] = _log_loss(truth, probable, weight)
        if n >= 2 and (table.sum(axis=1) > 0).all():  # else some class has no area
            found["roc_auc"] = _area_of_two(truth == 1, probable[:, 1], weight) if n == 2 else _area_of_many(truth, probable)
    return {name: float(value) for name, value in found.items()} | tables


def _places(labels: Any, classes: np.ndarray) -> np.ndarray | None:
    """Which class each label is."""
    given = np.asarray(labels)
    try:
        places = np.minimum(np.searchsorted(classes, given), len(classes) - 1)
        return places if (classes[places] == given).all() else None
    except TypeError:  # numbers beside texts
        return None


def _of_table(table: np.ndarray, classes: np.ndarray, pos_label: Any) -> Mapping[str, float]:
    """Precision, recall and F1: of the class that is meant, else their means, each class as often as it occurs."""
    right, said, there = np.diag(table), table.sum(axis=0), table.sum(axis=1)
    each = {
        "precision_score": _shares(right, said),
        "recall_score": _shares(right, there),
        "f1_score": _shares(2 * right, said + there),
    }
    if pos_label is not None and len(classes) == 2 and pos_label in classes.tolist():
        return {name: values[classes.tolist().index(pos_label)] for name, values in each.items()}
    return {name: _share((values * there).sum(), there.sum()) for name, values in each.items()}


def _log_loss(truth: np.ndarray, probable: np.ndarray, weight: np.ndarray) -> float:
    least = np.finfo(probable.dtype).eps
    chosen = np.clip(probable[np.arange(len(truth)), truth], least, 1 - least)
    return float(np.average(-np.log(chosen), weights=weight))


def _area_of_two(is_first: np.ndarray, score: np.ndarray, weight: np.ndarray) -> float:
    """Under the curve of right against wrong finds, as the score that counts as a find falls."""
    order = np.argsort(-score, kind="stable")
    score, right, wrong = score[order], (weight * is_first)[order], (weight * ~is_first)[order]
    last = np.r_[np.flatnonzero(np.diff(score)), len(score) - 1]  # equal scores are one step
    rights, wrongs = np.r_[0, np.cumsum(right)[last]], np.r_[0, np.cumsum(wrong)[last]]
    return float(np.trapezoid(rights, wrongs) / (rights[-1] * wrongs[-1]))


def _area_of_many(truth: np.ndarray, probable: np.ndarray) -> float:
    """Of each class against each other, which takes no weights; a pair counts as often as its classes occur."""
    areas, shares = [], []
    for a, b in combinations(range(probable.shape[1]), 2):
        of_pair = (truth == a) | (truth == b)
        is_a, ones = truth[of_pair] == a, np.ones(int(of_pair.sum()))
        both = _area_of_two(is_a, probable[of_pair, a], ones), _area_of_two(~is_a, probable[of_pair, b], ones)
        areas.append(sum(both) / 2)
        shares.append(of_pair.mean())
    return float(np.average(areas, weights=shares))


def _shares(parts: np.ndarray, wholes: np.ndarray) -> np.ndarray:
    return np.asarray(np.divide(parts, wholes, out=np.zeros(len(parts)), where=wholes > 0))


def _share(part: float, whole: float) -> float:
    return float(part / whole) if whole else 0.0
