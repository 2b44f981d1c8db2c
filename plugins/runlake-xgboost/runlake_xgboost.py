"""Record XGBoost's trainings: what they were told, every evaluation of every round, and where they stopped."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

from runlake import Patch, hookimpl, isolated

if TYPE_CHECKING:
    from runlake import Call


@hookimpl
def patches() -> list[Patch]:
    """Whoever trains, scikit-learn's classes included, comes through these."""
    return [
        Patch("xgboost.training:train", capture_train, why="the function that trains"),
        Patch("xgboost.training:cv", capture_cv, why="the function that trains once for each fold"),
        Patch("xgboost.callback:CallbackContainer.__init__", capture_rounds, role="inside", why="it has the callbacks of both"),
    ]


def capture_train(call: Call) -> Generator[None, Any, None]:
    """Note the parameters, hand over the booster."""
    _log_params(call, "Booster")
    booster = yield
    if booster.attr("best_iteration") is not None:
        call.run.log_metrics({"best_iteration": booster.best_iteration, "best_score": booster.best_score}, step=0)
    call.fitted(booster, inputs=call.arguments["dtrain"])


def capture_cv(call: Call) -> Generator[None, Any, None]:
    """Note the parameters; the boosters of the folds are XGBoost's own affair."""
    _log_params(call, "cv")
    call.run.log_param("nfold", call.arguments["nfold"])
    yield


def capture_rounds(call: Call) -> Generator[None, Any, None]:
    """Listen to the first booster of a training: the rounds of a second would lie over its own."""
    if call.owner in _heard:
        return
    _heard.add(call.owner)
    # First in the list: the container asks no further callbacks once one says stop, so one after early stopping misses a round.
    call.rewrite(callbacks=[listener(call.run.log_metrics), *call.arguments["callbacks"]])
    yield


_heard: WeakSet[Any] = WeakSet()


def _log_params(call: Call, name: str) -> None:
    if call.owner is None:
        call.name = name
    rounds = {key: call.arguments[key] for key in ("num_boost_round", "early_stopping_rounds") if call.arguments[key] is not None}
    call.run.log_params(dict(call.arguments["params"]) | rounds)


def listener(log_metrics: Callable[..., None] | None) -> Any:
    """A callback that logs each round; a copy in another process logs nothing."""
    from xgboost.callback import TrainingCallback

    class Listener(TrainingCallback):
        @isolated(otherwise=False)
        def after_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:
            if log_metrics is not None:
                log_metrics(_last_of(evals_log), step=epoch)
            return False

        def __reduce__(self) -> Any:
            return listener, (None,)

    return Listener()


def _last_of(evals_log: Any) -> dict[str, float]:
    """The newest value of each metric of each data set; the mean where there are folds."""
    newest = {f"{data}-{metric}": values[-1] for data, metrics in evals_log.items() for metric, values in metrics.items()}
    return {key: float(value[0] if isinstance(value, tuple) else value) for key, value in newest.items()}


def demo() -> None:
    """For `runlake demo`: the smallest training that shows what is recorded."""
    import numpy as np
    import xgboost

    inputs = np.random.default_rng(0).normal(size=(200, 4))
    targets = inputs[:, 0] + inputs[:, 1] > 0
    train, evaluated = xgboost.DMatrix(inputs[:150], targets[:150]), xgboost.DMatrix(inputs[150:], targets[150:])
    params = {"objective": "binary:logistic", "max_depth": 3}
    xgboost.train(params, train, 50, evals=[(train, "train"), (evaluated, "eval")], early_stopping_rounds=3, verbose_eval=False)
