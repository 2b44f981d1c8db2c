"""An exponential moving average that begins at the first value, not at zero."""

from __future__ import annotations

import numpy as np

__all__ = ["smoothed"]


def smoothed(values: np.ndarray, weight: float) -> np.ndarray:
    """At each value the average of it and all before, each of which weighs `weight` times what the one after it weighs.

    NaN and infinities are passed over: there the average is as before, and NaN where nothing was before.
    """
    is_counted = np.isfinite(values)
    counted = np.cumsum(is_counted)
    averages = np.append(np.nan, _averages(values[is_counted], weight))
    return np.asarray(averages[counted])


def _averages(values: np.ndarray, weight: float) -> np.ndarray:
    """Of finite values. After each round a place holds its share of twice as many values before it."""
    with np.errstate(under="ignore", over="ignore"):
        sums, shift, factor = (1 - weight) * values, 1, weight
        while shift < len(sums) and factor > 0:
            sums[shift:] += factor * sums[:-shift]
            shift, factor = 2 * shift, factor * factor
        return np.asarray(sums / -np.expm1(np.arange(1, len(sums) + 1) * np.log(weight))) if weight else sums
