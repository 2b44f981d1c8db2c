"""The callback that listens to each round of the first booster of a training: the rounds of a second would lie over its own."""

from __future__ import annotations

import sys
from collections.abc import Generator, Iterable, Mapping
from typing import Any

from xgboost.callback import EarlyStopping, TrainingCallback

from runlake import Call, isolated

__all__ = ["Listener", "capture_rounds", "is_first", "is_in_search"]

_HEARD = "xgboost.heard"


def capture_rounds(call: Call) -> Generator[None, Any, None]:
    """Put ours before the others: none is asked any more once one says stop, so one after early stopping misses a round."""
    if is_in_search(call) or not is_first(call, _HEARD):
        return
    callbacks = list(call.arguments["callbacks"])
    stopping = [each for each in callbacks if isinstance(each, EarlyStopping)]  # in whatever form that was asked for
    if stopping:
        call.run.log_param("early_stopping_rounds", stopping[0].rounds)
    call.rewrite(callbacks=[Listener(call.run, stopping), *callbacks])
    yield


def is_first(call: Call, what: str) -> bool:
    """Whether this was not asked before in this training."""
    mark = object()
    return call.noted.setdefault(what, mark) is mark


def is_in_search(call: Call) -> bool:
    """Whether this is a candidate of a search, of which there are many."""
    searches = sys.modules.get("sklearn.model_selection._search")
    return call.owner is not None and searches is not None and isinstance(call.owner.model, searches.BaseSearchCV)


class Listener(TrainingCallback):
    """Logs each round; a copy in another process logs nothing."""

    def __init__(self, run: Any, stopping: Iterable[EarlyStopping] = ()) -> None:
        super().__init__()
        self._run = run
        self._stopping = list(stopping)

    def __reduce__(self) -> Any:
        return Listener, (None,)

    @isolated(otherwise=False)
    def after_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:
        """Never stops anything."""
        if self._run is not None:
            # Not before the first round: who asks a booster then has it look at its parameters, and raise what is wrong with them.
            if epoch == 0 and (rounds := model.num_boosted_rounds() - 1) > 0:
                self._run.log_param("continued_from_rounds", rounds)
            self._run.log_metrics(_newest_of(evals_log), step=epoch)
        return False

    @isolated(otherwise=lambda self, model: model)
    def after_training(self, model: Any) -> Any:
        """Where early stopping found the best round, and where it ended the training; rounds that are continued are counted in."""
        if self._run is not None and self._stopping and model.attr("best_iteration") is not None:
            found = {"best_iteration": int(model.attr("best_iteration")), "best_score": float(model.attr("best_score"))}
            if any(each.current_rounds >= each.rounds for each in self._stopping):
                found["stopped_iteration"] = model.num_boosted_rounds() - 1
            self._run.log_metrics(found, step=0)
        return model


def _newest_of(evals_log: Mapping[str, Mapping[str, Any]]) -> dict[str, float]:
    """The last value of each metric of each data set; mean and deviation where there are folds."""
    found: dict[str, float] = {}
    for data, metrics in evals_log.items():
        for metric, values in metrics.items():
            key, value = f"{data}-{metric}", values[-1]
            found |= {f"{key}-mean": float(value[0]), f"{key}-std": float(value[1])} if isinstance(value, tuple) else {key: float(value)}
    return found
