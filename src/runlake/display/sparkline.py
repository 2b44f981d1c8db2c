"""A curve in a few letters."""

from __future__ import annotations

import numpy as np

__all__ = ["sparkline"]

_BARS = "▁▂▃▄▅▆▇█"
_NO_NUMBER = "x"


def sparkline(values: np.ndarray, width: int) -> str:
    """A letter for each stretch of equally many points, as high as their mean, between the least and the greatest of these."""
    if not len(values) or not width:
        return ""
    places = np.linspace(0, len(values), min(width, len(values)), endpoint=False).astype(np.intp)
    is_finite = np.isfinite(values)
    counts = np.add.reduceat(is_finite, places, dtype=np.int64)
    finite = np.where(is_finite, values, 0.0)
    scaled = finite / (np.abs(finite).max() or 1.0)  # so that no sum is too great
    means = np.add.reduceat(scaled, places) / np.maximum(counts, 1)
    there = means[counts > 0]
    low, high = (there.min(), there.max()) if len(there) else (0.0, 0.0)
    heights = (means - low) / (high - low) * len(_BARS) + 1e-9 if high > low else np.full(len(means), len(_BARS) // 2 - 1)
    return "".join(_BARS[min(len(_BARS) - 1, int(height))] if n else _NO_NUMBER for height, n in zip(heights, counts, strict=True))
