"""Asking a model leaves the program as it was: its random numbers, what it was warned of, and the model itself."""

from __future__ import annotations

import contextlib
import random
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np

__all__ = ["nothing_left_behind"]


@contextlib.contextmanager
def nothing_left_behind(model: Any) -> Iterator[None]:
    """Some estimators draw as they predict, and the program's next draw must be what it would have been. Nor is anything said twice."""
    states = np.random.get_state(), random.getstate()
    tree = getattr(model, "_tree", None)  # of neighbours: it counts how often it was asked, and pickles the number
    counts = tree.__getstate__() if hasattr(tree, "reset_n_calls") else None
    # Not catch_warnings: it makes Python forget what it has warned of, and say it again.
    silence = ("ignore", None, Warning, None, 0)
    warnings.filters.insert(0, silence)  # type: ignore[attr-defined]  # it is a list
    try:
        yield
    finally:
        warnings.filters.remove(silence)  # type: ignore[attr-defined]  # it is a list
        np.random.set_state(states[0])
        random.setstate(states[1])
        if tree is not None and counts is not None:
            tree.__setstate__(counts)
