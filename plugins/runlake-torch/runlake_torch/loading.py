"""Passes over a DataLoader: those in which steps are made are the epochs, others are evaluations. No batch is looked at or counted by us."""

from __future__ import annotations

import time
import weakref
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from runlake_torch.here import here

if TYPE_CHECKING:
    from runlake import Call

__all__ = ["Pass", "capture_pass", "evaluations", "pass_of_step"]

MOST_PASSES = 16  # that are remembered in a thread


@dataclass(eq=False)
class Pass:
    """One iteration over a loader."""

    loader: Any  # weak
    iterator: Any  # weak
    began: float
    epoch: int | None = None  # the number of the training passes over this loader before it, once a step was made in it
    ended: float | None = None  # when nobody held its iterator any more

    @property
    def batches(self) -> int:
        """How many it has given by now."""
        return int(getattr(self.iterator(), "_num_yielded", 0))

    @property
    def samples(self) -> int:
        """How many that is, in batches of the loader's size; 0 where it has none."""
        return self.batches * int(getattr(self.loader(), "batch_size", None) or 0)


_epochs: WeakKeyDictionary[Any, int] = WeakKeyDictionary()  # how many training passes there were over each loader


def capture_pass(call: Call) -> Generator[None, Any, None]:
    """A pass begins."""
    iterator = yield
    found = Pass(weakref.ref(call.instance), _nothing, time.perf_counter())

    def end(_: object) -> None:
        found.ended = time.perf_counter()

    try:
        found.iterator = weakref.ref(iterator, end)
    except TypeError:  # what another library gives in its place
        return
    passes = here().passes
    passes.append(found)
    del passes[:-MOST_PASSES]


def pass_of_step() -> Pass | None:
    """The pass that gave the batch of this step: the one that began last, of those that go on."""
    for found in reversed(here().passes):
        if found.ended is None and found.batches:
            if found.epoch is None:
                loader = found.loader()
                found.epoch = _epochs.get(loader, 0)
                _epochs[loader] = found.epoch + 1
            return found
    return None


def evaluations() -> Iterator[float]:
    """How long the passes took in which no step was made, and which are over; each is told once."""
    passes = here().passes
    for found in [found for found in passes if found.ended is not None]:
        passes.remove(found)
        if found.epoch is None and found.ended is not None:
            yield found.ended - found.began


def _nothing() -> None:
    return None
