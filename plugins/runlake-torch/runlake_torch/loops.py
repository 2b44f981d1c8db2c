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
    from runlake import Call, Training

__all__ = ["Loop", "begun", "capture_made", "forget_optimizers", "is_idle", "loop_of", "name_of"]

RETURNS = 2  # of a loop: then what is made meanwhile is part of it, as in learning to learn

_count = itertools.count(1)
_made: WeakKeyDictionary[Any, int] = WeakKeyDictionary()  # in which order, as far as it was seen
_loops: WeakKeyDictionary[Any, Loop] = WeakKeyDictionary()  # held by its optimizers alone: with the last of them it ends


@dataclass(eq=False)
class Loop:
    """A training that no call encloses."""

    began: int | None  # with its first step: what was made before that belongs to it
    name: str  # "" until it is wanted
    is_idle: bool | None = None  # another process records it; not known before the first step
    returns: int = 0  # how often it went on after a later one had begun


def capture_made(call: Call) -> Generator[None, Any, None]:
    """An optimizer is made."""
    yield
    _made[call.instance] = next(_count)


def loop_of(optimizer: Any) -> Loop:
    """The loop that it steps for; the first step of one that was made later begins another."""
    known = here()
    loop, current = _loops.get(optimizer), known.loop()
    if loop is None:
        loop = current
        if loop is None or (loop.began is not None and _made.get(optimizer, 0) > loop.began and loop.returns < RETURNS):
            loop = begun("")
        loop.began = next(_count) if loop.began is None else loop.began
        _loops[optimizer] = loop
    elif loop is not current:
        loop.returns += 1
        known.loop = weakref.ref(loop)
    return loop


def name_of(optimizer: Any) -> str:
    """What a loop with this optimizer is called: as its model's class, which takes a look through memory."""
    model = model_of(optimizer)
    return type(optimizer if model is None else model).__name__


def is_idle(loop: Loop, training: Training) -> bool:
    """Of the processes that train one model together the first one records, unless all are asked to."""
    if loop.is_idle is None:
        import torch.distributed as group

        is_another = group.is_available() and group.is_initialized() and group.get_rank() > 0
        loop.is_idle = is_another and not training.options["all_ranks"]
    here().is_idle = loop.is_idle
    return loop.is_idle


def begun(name: str) -> Loop:
    """A loop that makes no step yet; what this thread did before is over."""
    before = here().loop()
    if before is not None:
        _end(before)
    loop = Loop(None, name)
    here().loop = weakref.ref(loop)
    return loop


def forget_optimizers() -> None:
    """Let go of all."""
    _loops.clear()
    _made.clear()


def _end(loop: Loop) -> None:
    training = runlake.training(loop)
    if training is not None and not training.is_of_a_call:
        training.end()
