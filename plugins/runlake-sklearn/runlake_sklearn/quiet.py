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
    own = [(generator, _state_of(generator)) for generator in _generators(model)]
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
        for generator, state in own:
            _put_back(generator, state)
        if tree is not None and counts is not None:
            tree.__setstate__(counts)


def _generators(model: Any, depth: int = 5) -> Iterator[Any]:
    """Those that the program gave to the estimator or to one inside it: some draw from them as they say how they are set, or predict."""
    # Not by the names of its settings, of which a class that takes any keyword knows a few; what is learned ends with an underscore.
    for value in [value for name, value in vars(model).items() if not name.startswith("_") and not name.endswith("_")]:
        if issubclass(type(value), (np.random.RandomState, np.random.Generator)):
            yield value
        elif depth:
            for part in _estimators_in(value):
                yield from _generators(part, depth - 1)


def _estimators_in(value: Any) -> list[Any]:
    """Itself, or those of a list of names with estimators."""
    if issubclass(type(value), (list, tuple)):
        return [part for item in value for part in (item if isinstance(item, tuple) else (item,)) if _is_estimator(part)]
    return [value] if _is_estimator(value) else []


def _is_estimator(value: Any) -> bool:
    return hasattr(type(value), "get_params") and hasattr(value, "__dict__")


def _state_of(generator: Any) -> Any:
    return generator.get_state(legacy=False) if isinstance(generator, np.random.RandomState) else generator.bit_generator.state


def _put_back(generator: Any, state: Any) -> None:
    if isinstance(generator, np.random.RandomState):
        generator.set_state(state)
    else:
        generator.bit_generator.state = state
