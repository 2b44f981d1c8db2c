"""What is best of the trials that are known so far: one, or those that no other one beats in every objective."""

from __future__ import annotations

from collections.abc import Sequence

from optuna.trial import FrozenTrial, TrialState

__all__ = ["Best"]


class Best:
    """Counts trials that are over, each once, in any order."""

    def __init__(self, is_minimized: Sequence[bool]) -> None:
        self.front: list[FrozenTrial] = []
        self._signs = [1.0 if less else -1.0 for less in is_minimized]
        self._counted: set[int] = set()

    @property
    def n_counted(self) -> int:
        """How many were counted."""
        return len(self._counted)

    def count(self, trial: FrozenTrial) -> bool:
        """Count one; whether what is best is another now."""
        if trial.number in self._counted or not trial.state.is_finished():
            return False
        self._counted.add(trial.number)
        if trial.state != TrialState.COMPLETE or any(excess > 0 for excess in trial.constraints.values()):
            return False
        costs = self._costs(trial)
        if len(costs) == 1:
            return self._count_single(trial, costs)
        others = [(other, self._costs(other)) for other in self.front]
        if any(_dominates(theirs, costs) for _, theirs in others):
            return False
        self.front = sorted([other for other, theirs in others if not _dominates(costs, theirs)] + [trial], key=lambda each: each.number)
        return True

    def _count_single(self, trial: FrozenTrial, costs: list[float]) -> bool:
        if self.front:
            best = self.front[0]
            if (costs[0], trial.number) > (self._costs(best)[0], best.number):  # the first of those that are alike
                return False
        self.front = [trial]
        return True

    def _costs(self, trial: FrozenTrial) -> list[float]:
        return [sign * value for sign, value in zip(self._signs, trial.values, strict=True)]


def _dominates(one: list[float], other: list[float]) -> bool:
    return one != other and all(less <= more for less, more in zip(one, other, strict=True))
