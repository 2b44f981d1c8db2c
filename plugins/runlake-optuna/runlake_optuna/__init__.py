"""Record Optuna's studies: a run for the study, and one inside it for each trial, whoever runs it and in whatever process.

sweeps    what this process records of a study
parts     one `optimize`, or all that is asked and told outside of it
captures  the calls that are captured
studies   what a study is known by, and what is told of it
trials    what is recorded of one trial
best      what is best so far
"""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, Any

from runlake import Patch, hookimpl

if TYPE_CHECKING:
    from runlake import Call


@hookimpl
def patches() -> list[Patch]:
    """The ways in which trials begin and end, and what is heard of them in between."""
    suggested = "a trial that is killed has its params already"
    return [
        Patch("optuna.study.study:Study.optimize", capture_optimize, why="it runs trials until it is told to stop"),
        Patch("optuna.study.study:Study.ask", capture_ask, why="a trial begins that the program runs itself", role="after"),
        Patch("optuna.study.study:Study.tell", capture_tell, why="the program says how a trial ended", role="after"),
        Patch("optuna.study.study:Study.add_trial", capture_add, why="a trial that was run elsewhere joins a study", role="after"),
        Patch("optuna.trial._trial:Trial.report", capture_report, why="no callback hears of intermediate values", role="after"),
        Patch("optuna.trial._trial:Trial.suggest_float", capture_suggestion, why=suggested, role="after"),
        Patch("optuna.trial._trial:Trial.suggest_int", capture_suggestion, why=suggested, role="after"),
        Patch("optuna.trial._trial:Trial.suggest_categorical", capture_suggestion, why=suggested, role="after"),
    ]


def capture_optimize(call: Call) -> Generator[None, Any, None] | None:
    """A call of `optimize`; inside a training of another library it is how that one works, and not a sweep that was asked for."""
    if call.owner is not None:
        return None
    from runlake_optuna.captures import capture_optimize

    return capture_optimize(call)


def capture_ask(call: Call) -> Generator[None, Any, None] | None:
    """A call of `ask`."""
    from runlake_optuna.captures import capture_ask

    return capture_ask(call)


def capture_tell(call: Call) -> Generator[None, Any, None] | None:
    """A call of `tell`."""
    from runlake_optuna.captures import capture_tell

    return capture_tell(call)


def capture_add(call: Call) -> Generator[None, Any, None]:
    """A call of `add_trial`."""
    from runlake_optuna.captures import capture_add

    return capture_add(call)


def capture_report(call: Call) -> Generator[None, Any, None] | None:
    """A call of `report`."""
    from runlake_optuna.captures import capture_report

    return capture_report(call)


def capture_suggestion(call: Call) -> Generator[None, Any, None] | None:
    """A call of `suggest_float` or its like."""
    from runlake_optuna.captures import capture_suggestion

    return capture_suggestion(call)


def demo() -> None:
    """For `runlake demo`: eight trials, some of which are given up early."""
    import optuna

    def objective(trial: optuna.Trial) -> float:
        rate = trial.suggest_float("rate", 0.01, 1.0, log=True)
        start = trial.suggest_int("start", 1, 5)
        loss = float(start)
        for step in range(5):
            loss *= 1 - rate / 2
            trial.report(loss, step)
            if trial.should_prune():
                raise optuna.TrialPruned
        return loss

    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        pruner = optuna.pruners.MedianPruner(n_startup_trials=3)
        study = optuna.create_study(study_name="demo", sampler=optuna.samplers.RandomSampler(seed=0), pruner=pruner)
        study.optimize(objective, n_trials=8)
    finally:
        optuna.logging.set_verbosity(before)
