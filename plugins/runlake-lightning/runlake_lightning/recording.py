"""What is recorded of one call of a Trainer, as it goes on."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from runlake_lightning import endings, metrics
from runlake_lightning.metrics import Changes

if TYPE_CHECKING:
    from runlake import OfferedRun

__all__ = ["Recording"]


@dataclass(eq=False)
class Recording:
    """One call: the run that it is recorded in, and what is recorded by now."""

    run: OfferedRun
    is_elsewhere: bool = False  # in a process that the Trainer made
    pid: int = field(default_factory=os.getpid)
    step: int = 0  # what the Trainer counted when a step was recorded last
    began: float | None = None  # this epoch
    ended: int | None = None  # the last step of an epoch whose metrics are still to come
    of_steps: Changes = field(default_factory=Changes)
    of_epochs: Changes = field(default_factory=Changes)

    def log_step(self, trainer: Any) -> None:
        """What was logged by step; of several batches before a step the last."""
        if trainer.global_step != self.step:
            self.step = trainer.global_step
            self._log(self.of_steps.among(metrics.of_step(trainer.fit_loop.epoch_loop._results)), _last_step(trainer))

    def end_epoch(self, trainer: Any) -> None:
        """How long it took."""
        seconds = {} if self.began is None else {"epoch_seconds": time.perf_counter() - self.began}
        self.began, self.ended = None, _last_step(trainer)
        self.run.log_metrics({"epoch": trainer.current_epoch, **seconds}, self.ended)

    def finish_epoch(self, trainer: Any) -> None:
        """What was logged of the epoch that has ended: Lightning has computed it by now, of all batches and processes."""
        ended, self.ended = self.ended, None
        if ended is not None:
            # Not `trainer.callback_metrics`, which computes what is not computed yet, and would wait for processes that do not.
            computed = trainer._logger_connector._callback_metrics
            self._log(self.of_epochs.among(metrics.of_epoch(trainer.fit_loop.epoch_loop._results, computed)), ended)

    def log_evaluation(self, trainer: Any) -> None:
        """What was logged of it, as a whole."""
        step = _last_step(trainer) if trainer.state.fn == "fit" else trainer.global_step
        self._log(metrics.of_evaluation(trainer._results), step)

    def log_endings(self, trainer: Any) -> None:
        """What there is to say in the end."""
        endings.log_endings(self.run, trainer)

    def _log(self, values: Mapping[str, Any], step: int) -> None:
        points = {key: number for key, value in values.items() if (number := metrics.taken(value)) is not None}
        if points:
            self.run.log_metrics(points, step)


def _last_step(trainer: Any) -> int:
    """The number of the step that was made last, counted from 0."""
    return max(int(trainer.global_step) - 1, 0)
