"""Whether the values of an explanation add up to what the model says: asked of every one, whoever made it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["not_additive"]

PATHS = 1e-6
ROUNDING = 1e-12
SINGLE_PATHS = 1e-4
SINGLE_ROUNDING = 1e-6


def not_additive(
    values: NDArray[np.float64], base: NDArray[np.float64], raw: NDArray[np.float64], *, is_single: bool = False
) -> NDArray[np.bool_]:
    """Which rows have values that do not add up to what the model says.

    Two errors are not wrong values. Dividing again and again along the path of a tree costs about 1e-15 of how far outputs lie from the
    base, 1e-9 where paths have fifty features, and everything where they have a hundred, so the line is drawn at a millionth, which is
    far below what can be seen in a chart. And adding costs the last digits of what is added, however close to each other the outputs
    are: outputs about 1e9 that differ by 1 cannot be held to a millionth of 1. What else was found wrong is so by a thousandth or more.
    Values of single precision, `is_single`, that a library added up over hundreds of trees are held to a ten-thousandth.

    Both are measured on what the model says, never on the values, which could be so wrong that nothing looks wrong beside them; and
    over all rows, so that a row at the base is not held to nothing.
    """
    with np.errstate(invalid="ignore"):
        off = np.abs(values.sum(axis=1) + base - raw)
        away = np.abs(raw - base)
    paths, rounding = (SINGLE_PATHS, SINGLE_ROUNDING) if is_single else (PATHS, ROUNDING)
    allowed = paths * away.max(axis=0, initial=0.0, where=np.isfinite(away)) + rounding * (np.abs(raw) + np.abs(base))
    # What is not a number is not smaller than anything; infinite outputs would allow all.
    good: NDArray[np.bool_] = ((off <= allowed) & np.isfinite(off)).all(axis=1)
    return ~good
