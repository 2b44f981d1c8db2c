"""Which training an optimizer steps for: all that were made before the first step of one belong to it, a later one begins the next."""

from __future__ import annotations

import itertools
import weakref
from collections.abc import Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import runlake
from runlake_torch.discover import model_of
from runlake_torch.here import here

if TYPE_CHECKING:
    from runlake import Call

__all__ = ["Loop", "capture_made", "forget_optimizers", "loop_of"]

_count = itertools.count(1)
_made: WeakKeyDictionary[Any, int] = WeakKeyDictionary()  # in which order, as far as it was seen
_loops: WeakKeyDictionary[Any, Loop] = WeakKeyDictionary()  # held by its optimizers alone: with the last of them it ends


@dataclass(eq=False)
class Loop:
    """A training that no call encloses."""

    began: int
    name: str


def capture_made(call: Call) -> Generator[None, Any, None]:
    """An optimizer is made."""
    yield
    _made[call.instance] = next(_count)


def loop_of(optimizer: Any) -> Loop:
    """The loop that it steps for; the first step of one that was made later begins another."""
    loop = _loops.get(optimizer)
    if loop is None:
        loop = here().loop()
        if loop is None or _made.get(optimizer, 0) > loop.began:
            if loop is not None:
                _end(loop)
            model = model_of(optimizer)
            loop = Loop(next(_count), type(optimizer if model is None else model).__name__)
            here().loop = weakref.ref(loop)
        _loops[optimizer] = loop
    return loop


def forget_optimizers() -> None:
    """Let go of all."""
    _loops.clear()
    _made.clear()


def _end(loop: Loop) -> None:
    training = runlake.training(loop)
    if training is not None and not training.is_of_a_call:
        training.end()
