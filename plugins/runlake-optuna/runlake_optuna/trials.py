"""What is recorded of one trial, as Optuna has it, once it is over or when it is heard of first."""

from __future__ import annotations

import reprlib
from collections.abc import Collection, Sequence
from numbers import Real
from typing import Any

from optuna.trial import FrozenTrial, TrialState

from runlake_optuna.studies import as_ns

__all__ = ["NUMBER_TAG", "REPORTED", "STATE_TAG", "plain", "record", "why_refused"]

REPORTED = "intermediate_value"
NUMBER_TAG = "optuna.number"
STATE_TAG = "optuna.state"

_STATUSES = {TrialState.COMPLETE: "FINISHED", TrialState.PRUNED: "PRUNED", TrialState.FAIL: "FAILED"}


def record(trial: Any, frozen: FrozenTrial, names: Sequence[str], reported: Collection[int], error: BaseException | str | None) -> None:
    """All of a trial that is over but the steps that were recorded as they were reported, and how it ended."""
    trial.run.log_params({name: plain(value) for name, value in frozen.params.items()})
    rest = {step: value for step, value in frozen.intermediate_values.items() if step not in reported}
    if rest:
        trial.run.log_batch(REPORTED, list(rest.values()), list(rest))
    if frozen.values is not None:  # a pruned one has the last that it reported
        trial.run.log_metrics(dict(zip(names, frozen.values, strict=False)), step=0)
    trial.run.set_tags({STATE_TAG: frozen.state.name, **{key: value for key, value in frozen.user_attrs.items() if key}})
    status = None if isinstance(error, BaseException) else _STATUSES[frozen.state]  # Ctrl-C kills it
    trial.end(status, error, as_ns(frozen.datetime_complete) if frozen.datetime_complete is not None else None)


def plain(value: Any) -> Any:
    """A number, text or None as it is; a choice of any other kind as it shows itself."""
    return value if value is None or isinstance(value, (bool, int, float, str)) else repr(value)


def why_refused(outcome: Any, n_objectives: int) -> str:
    """Why what an objective gave is no value, in words."""
    values = outcome if isinstance(outcome, Sequence) and not isinstance(outcome, str) else [outcome]
    if len(values) != n_objectives and all(isinstance(value, Real) for value in values):
        return f"the objective gave {len(values)} values for {n_objectives} objectives"
    return f"the objective gave {reprlib.repr(outcome)}, which is no value"
