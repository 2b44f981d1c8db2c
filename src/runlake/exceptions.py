"""The errors, under the names that programs written for MLflow catch."""

from runlake.errors import (
    ConsentNeeded,
    InvalidModel,
    InvalidValue,
    NoActiveRun,
    RunlakeError,
    StoreError,
    UnknownArtifact,
    UnknownExperiment,
    UnknownModel,
    UnknownRun,
)

MlflowException = RunlakeError

__all__ = [
    "ConsentNeeded",
    "InvalidModel",
    "InvalidValue",
    "MlflowException",
    "NoActiveRun",
    "RunlakeError",
    "StoreError",
    "UnknownArtifact",
    "UnknownExperiment",
    "UnknownModel",
    "UnknownRun",
]
