"""How a training gets on: its epochs, how long what was evaluated between them took, and how fast it goes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from runlake_torch.here import here
from runlake_torch.loading import Epochs, Pass, evaluations, pass_of_step

if TYPE_CHECKING:
    from runlake import OfferedRun

__all__ = ["Progress"]

SPEED_SECONDS = 1.0  # between two values of the speed
LEAST_SECONDS = 0.005  # of an epoch

Moment = tuple[float, int, int]  # the time, how many steps were made, and how many samples were given in this pass


@dataclass(eq=False)
class Progress:
    """Of one training."""

    epoch: Pass | None = None
    steps: int = 0  # of all optimizers
    step: int = 0  # the latest
    epochs: Epochs = field(default_factory=Epochs)
    passes: list[Pass] = field(default_factory=list)  # of the thread that trains
    told_at: Moment | None = None  # the speed
    latest: Moment | None = None

    def go_on(self, run: OfferedRun, step: int, seconds: float) -> None:
        """At a step: the epoch where one begins, and the speed, about once a second and when an epoch is over."""
        self.steps += 1
        self.passes = here().passes
        at = pass_of_step(self.epoch) if self.passes else None
        now = seconds, self.steps, at.samples if at is not None else 0
        if self.latest is None:
            for _ in evaluations(self.passes):  # before the first step: they may be another training's
                pass
        if at is not self.epoch:
            self.finish(run, self.step)
            if at is not None:
                if self.epoch is None:
                    run.log_params(at.settings)
                run.log_metric("train/epoch", self.epochs.number_of(at), step)
            self.epoch, self.told_at = at, now
        elif self.told_at is None:
            self.told_at = now
        elif now[0] - self.told_at[0] >= SPEED_SECONDS:
            _record_speed(run, self.told_at, now, step, SPEED_SECONDS)
            self.told_at = now
        self.step, self.latest = step, now

    def finish(self, run: OfferedRun, step: int) -> None:
        """An epoch is over, or the training: how fast it went to its last step, and what was evaluated since."""
        if self.told_at is not None and self.latest is not None:
            _record_speed(run, self.told_at, self.latest, step, SPEED_SECONDS if self.epoch is None else LEAST_SECONDS)
            self.told_at = self.latest
        for seconds in evaluations(self.passes):
            run.log_metric("eval/seconds", seconds, step)


def _record_speed(run: OfferedRun, since: Moment, now: Moment, step: int, least: float) -> None:
    """Of the time between two steps, unless that is too short to tell."""
    seconds = now[0] - since[0]
    if seconds < least:
        return
    run.log_metric("train/steps_per_second", (now[1] - since[1]) / seconds, step)
    if now[2]:
        run.log_metric("train/samples_per_second", (now[2] - since[2]) / seconds, step)
