"""Passes over a DataLoader: those in which steps are made are the epochs, others are evaluations. No batch is looked at."""

from __future__ import annotations

import math
import time
import weakref
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from runlake_torch.here import here

if TYPE_CHECKING:
    from runlake import Call

__all__ = ["Epochs", "Pass", "capture_pass", "evaluations", "is_in_epoch", "pass_of_step"]

MOST_PASSES = 16  # that are remembered in a thread


@dataclass(eq=False)
class Pass:
    """One iteration over a loader."""

    loader: Any  # weak: a loop over `DataLoader(...)` itself holds none
    iterator: Any  # weak
    settings: dict[str, Any]
    batch_size: int  # 0 where it has none
    length: float  # in batches, as far as it is known
    began: float
    is_training: bool = False  # steps were made in it
    seen: int = 0  # how many batches it had given at the last step that was looked at
    ended: float | None = None  # when nobody held its iterator any more

    @property
    def batches(self) -> int:
        """How many it has given by now."""
        return int(getattr(self.iterator(), "_num_yielded", 0))

    @property
    def samples(self) -> int:
        """How many that is, in batches of the loader's size."""
        return self.batches * self.batch_size


@dataclass(eq=False)
class Epochs:
    """The training passes of one training, counted by their loader."""

    numbers: dict[int, tuple[Any, int]] = field(default_factory=dict)  # of each loader's last pass
    latest: tuple[Any, int] | None = None

    def number_of(self, found: Pass) -> int:
        """Of a pass that begins: which one over its loader it is. A loader that comes in place of one that is gone counts on."""
        loader = found.loader()
        before = self.numbers.get(id(loader)) if loader is not None else None
        if before is None or before[0]() is not loader:
            before = self.latest if self.latest is not None and self.latest[0]() is None else None
        self.latest = found.loader, 0 if before is None else before[1] + 1
        if loader is not None:
            self.numbers[id(loader)] = self.latest
        return self.latest[1]


def capture_pass(call: Call) -> Generator[None, Any, None]:
    """A pass begins."""
    iterator = yield
    if not hasattr(iterator, "_num_yielded"):  # what another library gives in its place
        return
    passes = here().passes
    passes[:] = [other for other in passes if other.iterator() is not iterator]  # which workers that stay give again
    found = _begun(call.instance)

    def end(_: object) -> None:
        found.ended = time.perf_counter()

    found.iterator = weakref.ref(iterator, end)
    passes.append(found)
    del passes[:-MOST_PASSES]


def pass_of_step(before: Pass | None) -> Pass | None:
    """The pass that gave the batch of this step; `before` it was this one.

    That is one that has given another batch since the last step; of several the one that it was before, then one that gives batches
    from step to step, then one that is not through: an evaluation whose iterator is still held has nothing more to give.
    """
    best, best_rank = None, 0
    for found in here().passes:
        if found.ended is not None:
            continue
        batches = found.batches
        if not batches:
            continue
        rank = 1 if batches == found.seen else 9
        found.is_training |= found.seen > 0 and rank == 9  # beside another one, as in `zip`
        rank += 4 * (found is before) + 2 * found.is_training + (batches < found.length)
        found.seen = batches
        if rank >= best_rank:
            best, best_rank = found, rank
    if best is not None:
        best.is_training = True
    return best


def is_in_epoch() -> bool:
    """Whether a pass goes on in which steps are made."""
    return any(found.ended is None and found.is_training for found in here().passes)


def evaluations(passes: list[Pass]) -> Iterator[float]:
    """How long the passes took in which no step was made, and which are over; each is told once."""
    for found in [found for found in passes if found.ended is not None or (not found.is_training and found.batches >= found.length)]:
        passes.remove(found)
        if not found.is_training:
            yield (found.ended or time.perf_counter()) - found.began


def _begun(loader: Any) -> Pass:
    from torch.utils.data import RandomSampler

    batches = getattr(loader, "batch_sampler", None)
    says = loader if batches is None or getattr(loader, "batch_size", None) else batches  # a loader that is given it has none itself
    batch_size = getattr(says, "batch_size", None)
    settings = {"batch_size": batch_size, "num_workers": getattr(loader, "num_workers", None)}
    settings["drop_last"] = getattr(says, "drop_last", None)
    settings["shuffle"] = isinstance(getattr(says, "sampler", None), RandomSampler)
    size = batch_size if type(batch_size) is int else 0
    return Pass(weakref.ref(loader), _nothing, settings, size, _length_of(loader), time.perf_counter())


def _length_of(loader: Any) -> float:
    """What has no length, or says so in a way of its own, may go on for ever."""
    if _is_endless(loader):
        return math.inf
    try:
        return len(loader)
    except (TypeError, NotImplementedError, AttributeError):
        return math.inf


def _is_endless(loader: Any) -> bool:
    """Whether its data are a stream: a loader that was asked for the length of one warns of what comes after it."""
    from torch.utils.data import IterableDataset

    return isinstance(getattr(loader, "dataset", None), IterableDataset)


def _nothing() -> None:
    return None
