"""What all checks have in common: this must be so, and this must be an array of that dtype, a whole number, an object of that class."""

from __future__ import annotations

from typing import Any

import numpy as np

from runlake_sklearn.form.errors import InvalidForm
from runlake_sklearn.form.names import class_name

Parts = dict[str, Any]
Held = dict[str, Any]  # the attributes of an estimator


def require(is_so: object, otherwise: str) -> None:
    """Refuse the form unless this is so."""
    if not is_so:
        raise InvalidForm(otherwise)


def array_of(value: Any, dtype: Any, dimensions: int, what: str) -> np.ndarray[Any, Any]:
    """The value, which is a plain array of this dtype and so many dimensions, in rows."""
    if type(value) is not np.ndarray or value.dtype != dtype or value.ndim != dimensions or not value.flags.c_contiguous:
        raise InvalidForm(f"{what} is not an array of {dimensions} dimensions and the dtype {np.dtype(dtype)}.")
    return value


def whole(value: Any, low: int, high: int, what: str) -> int:
    """The value, which is a whole number from low to high."""
    if type(value) is not int or not low <= value <= high:
        raise InvalidForm(f"{what} is not a whole number from {low} to {high}.")
    return value


def is_of(value: Any, *names: str) -> bool:
    """Whether a value is of exactly one of these classes."""
    return class_name(type(value)) in names


def derives_from(value: Any, name: str) -> bool:
    """Whether a value is of this class or one that derives from it; asked by name, which imports nothing."""
    return any(f"{base.__module__}:{base.__qualname__}" == name for base in type(value).__mro__)


def features_in(held: Held) -> int:
    """How many columns an estimator lets through; without the number it would let any through."""
    features: Any = held.get("n_features_in_")
    require(isinstance(features, (int, np.integer)) and features >= 0, "A fitted estimator does not say how many features it takes.")
    return int(features)
