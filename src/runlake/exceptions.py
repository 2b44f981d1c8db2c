"""The errors, under the names that programs written for MLflow catch."""

from runlake.errors import InvalidValue, NoActiveRun, RunlakeError, StoreError, UnknownExperiment, UnknownRun

MlflowException = RunlakeError

__all__ = [
    "InvalidValue",
    "MlflowException",
    "NoActiveRun",
    "RunlakeError",
    "StoreError",
    "UnknownExperiment",
    "UnknownRun",
]
