"""What plugins give so that a model can be explained: the part of it that learned, and how its outputs come apart by features."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Explainer", "Learner", "Linear", "Unexplained"]


@dataclass(frozen=True)
class Learner:
    """The model inside that learned, and rows as it sees them: a matrix, with the names of its columns."""

    model: Any
    rows: NDArray[Any]
    names: Sequence[str]


@dataclass(frozen=True)
class Explainer:
    """How one model is explained, in batches of rows.

    `space` is what values add up to: "probability", "log-odds", "prediction". `outputs` names what the model says: of two classes the
    second alone, `("",)` where it is one number. `values` gives for rows a value each, rows x features x outputs, and what these are
    counted from, by output. `raw` gives what the model itself says in that space, rows x outputs, by its own public methods.
    `is_single` says that the library computes them in single precision.
    """

    name: str
    space: str
    outputs: Sequence[str]
    values: Callable[[NDArray[Any]], tuple[NDArray[np.float64], NDArray[np.float64]]]
    raw: Callable[[NDArray[Any]], NDArray[np.float64]]
    is_single: bool = False


@dataclass(frozen=True)
class Linear:
    """A model whose outputs are sums: coefficients, outputs x features, and intercepts, by output. `space`, `outputs`, `raw` as above."""

    coefficients: NDArray[Any]
    intercepts: NDArray[Any]
    space: str
    outputs: Sequence[str]
    raw: Callable[[NDArray[Any]], NDArray[Any]]


@dataclass(frozen=True)
class Unexplained:
    """Why a model cannot be explained, and what is possible instead."""

    why: str
