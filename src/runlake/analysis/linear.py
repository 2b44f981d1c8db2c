"""The explanation of a sum: what each term is more than it is on average."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from runlake.instrument.explained import Explainer, Linear

__all__ = ["of_sums"]


def of_sums(linear: Linear, rows: NDArray[np.float64]) -> Explainer:
    """How a linear model is explained, counted from the mean of these rows."""
    coefficients = np.asarray(linear.coefficients, np.float64).reshape(len(linear.outputs), -1)
    mean = rows.mean(axis=0)
    base = np.asarray(linear.intercepts, np.float64).reshape(-1) + coefficients @ mean

    def values(asked: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        return (asked - mean)[:, :, np.newaxis] * coefficients.T[np.newaxis], base

    def raw(asked: NDArray[np.float64]) -> NDArray[np.float64]:
        # Of rows in single precision many a model says what it says in that, which is not held to what is made in double precision.
        return np.asarray(linear.raw(np.asarray(asked, np.float64)), np.float64).reshape(len(asked), -1)

    return Explainer("linear", linear.space, linear.outputs, values, raw)
