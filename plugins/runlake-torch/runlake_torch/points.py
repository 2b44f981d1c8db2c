"""What is to be recorded of steps, handed on many at a time: no step waits for a device, and few do anything for the store."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from runlake import OfferedRun

__all__ = ["Points"]

MOST = 256
SECONDS = 0.5  # that the first of them waits

Point = tuple[str, int, int]  # key, step, and time in nanoseconds


@dataclass(eq=False)
class _Sent:
    """Numbers on their way from a graphics card to memory."""

    points: list[Point]
    numbers: Any  # in memory, as soon as they are there
    arrived: Any  # the event that tells


@dataclass(eq=False)
class Points:
    """Of one training. Nothing but its own steps, and its end, touches a device."""

    here: list[tuple[Point, Any]] = field(default_factory=list)
    there: dict[Any, list[tuple[Point, Any]]] = field(default_factory=dict)  # on graphics cards
    underway: deque[_Sent] = field(default_factory=deque)
    due: float = 0.0  # when what waits is to be handed on

    def add(self, key: str, value: Any, step: int, at_ns: int) -> None:
        """A number that nothing changes any more. On other devices, or spread over several, the store's own thread reads it."""
        is_there = getattr(value, "is_cuda", False) and type(value).__name__ == "Tensor"
        waiting = self.there.setdefault(value.device, []) if is_there else self.here
        waiting.append(((key, step, at_ns), value))

    def go_on(self, run: OfferedRun, now: float) -> None:
        """At a step: record what there is, and send for what is on a device, where it is time.

        Not at the first one: the program may log the same itself, right after it.
        """
        self.due = self.due or now + SECONDS
        if now >= self.due or len(self.here) >= MOST or (self.there and max(map(len, self.there.values())) >= MOST):
            self.due = now + SECONDS
            self._hand_on(run)
        while self.underway and self.underway[0].arrived.query():
            _record_sent(run, self.underway.popleft())

    def finish(self, run: OfferedRun) -> None:
        """The training is over: wait for all."""
        self._hand_on(run)
        while self.underway:
            self.underway[0].arrived.synchronize()
            _record_sent(run, self.underway.popleft())

    def _hand_on(self, run: OfferedRun) -> None:
        here, self.here = self.here, []
        there, self.there = self.there, {}
        _record(run, here)
        for device, found in there.items():
            self.underway.append(_sent(device, found))


def _sent(device: Any, found: list[tuple[Point, Any]]) -> _Sent:
    """One copy of them all, which the stream that made them does when it gets there."""
    import torch

    with torch.no_grad(), torch.cuda.device(device):
        together = torch.stack([value.detach().reshape(()).to(torch.float64) for _, value in found])
        numbers = torch.empty(len(found), dtype=torch.float64, pin_memory=True)
        numbers.copy_(together, non_blocking=True)
        arrived = torch.cuda.Event()  # type: ignore[no-untyped-call]  # torch has no types there
        arrived.record()
    return _Sent([point for point, _ in found], numbers, arrived)


def _record_sent(run: OfferedRun, sent: _Sent) -> None:
    _record(run, list(zip(sent.points, sent.numbers.tolist(), strict=True)))


def _record(run: OfferedRun, points: list[tuple[Point, Any]]) -> None:
    for (key, step, at_ns), value in points:
        run.log_metric(key, value, step, at_ns // 1_000_000)
