"""What is known in each thread that trains: its losses since the last step, its passes over data, its loop."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from runlake_torch.clock import Stepping
    from runlake_torch.loading import Pass
    from runlake_torch.loops import Loop

__all__ = ["Here", "Losses", "Scaled", "forget_all", "here"]


@dataclass(eq=False)
class Losses:
    """What was differentiated before a step, in order: one loss, or several where gradients are accumulated."""

    values: list[Any] = field(default_factory=list)
    is_used: bool = False  # by a step: the next backward pass leads to another


@dataclass(eq=False)
class Scaled:
    """What a GradScaler made of a loss."""

    outcome: Callable[[], Any]  # weak
    value: Any  # as it was before
    scale: Any


class Here(threading.local):
    """Of the thread that asks."""

    def __init__(self) -> None:
        self.losses = Losses()
        self.scaled: list[Scaled] = []  # since the last step
        self.norm: Any = None  # of the gradients, where they were clipped
        self.steps = 0  # of any optimizer
        self.steppings: dict[int, Stepping] = {}  # by where the optimizer lies, which may be another one by now
        self.passes: list[Pass] = []
        self.loop: Callable[[], Loop | None] = _none
        self.is_idle = False  # what trains here is another process's to record


def _none() -> None:
    return None


def here() -> Here:
    """What is known in this thread."""
    return _here


def forget_all() -> None:
    """Let go of everything, in every thread."""
    global _here
    _here = Here()


_here = Here()
