"""Work of others that leaves the process as it was: nothing warned, nothing drawn from the generators that a program shares."""

from __future__ import annotations

import contextlib
import random
import warnings
from collections.abc import Iterator

import numpy as np

__all__ = ["nothing_left_behind"]


@contextlib.contextmanager
def nothing_left_behind() -> Iterator[None]:
    """Inside, warnings are not shown; afterwards filters and the generators of `random` and `numpy.random` are what they were.

    These are the process's own: where other threads draw or warn meanwhile, do this in a process of its own.
    """
    states = np.random.get_state(), random.getstate()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        np.random.set_state(states[0])
        random.setstate(states[1])
