"""The callback that hears every round."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from runlake import isolated

__all__ = ["Listener"]


class Listener:
    """Logs each round when it is over; a copy in another process logs nothing."""

    def __init__(self, log_metrics: Callable[..., None] | None) -> None:
        # First of all callbacks: those after early stopping, or one of the user's that raises, miss that round.
        self.order = float("-inf")
        self.before_iteration = False
        self.model: Any = None  # a `cv` gives its boosters to nobody else
        self.begun_at = self.rounds = self.planned = 0
        self._log_metrics = log_metrics

    @isolated
    def __call__(self, env: Any) -> None:
        """Whatever was evaluated, as `record_evaluation` has it."""
        if self._log_metrics is None:
            return
        self.model, self.begun_at, self.rounds, self.planned = env.model, env.begin_iteration, env.iteration + 1, env.end_iteration
        points: dict[str, float] = {}
        for result in env.evaluation_result_list or ():
            key = f"{result.dataset_name}-{result.metric_name}"
            if result.is_cv_result():
                points |= {f"{key}-mean": result.metric_value, f"{key}-std": result.metric_std_dev}
            else:
                points[key] = result.metric_value
        self._log_metrics(points, step=env.iteration)

    def __reduce__(self) -> Any:
        return Listener, (None,)
