"""What a program says of a model beside the model itself, under MLflow's names: as files, and as words of `MLmodel`."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from runlake.entities.signatures import ModelSignature
from runlake.errors import InvalidValue
from runlake.guard import attempt, log
from runlake.instrument.saved import Saved
from runlake.models.requirements import Given, environment_files
from runlake.models.signatures import infer_signature
from runlake.models.signatures.examples import data_and_params, example_files
from runlake.models.writing import Said, checked_metadata, modules_of

__all__ = ["PREDICTIONS", "Ask", "Beside"]

Ask = Callable[[Any, Mapping[str, Any]], Any]  # what a model says of rows, with params

PREDICTIONS = (
    "predict",
    "predict_proba",
    "predict_log_proba",
    "predict_joint_log_proba",
    "decision_function",
    "score_samples",
    "transform",
)


@dataclass(frozen=True)
class Beside:
    """What the program says of its model, under MLflow's names."""

    signature: ModelSignature | Mapping[str, Any] | bool | None = None
    input_example: Any = None
    conda_env: Mapping[str, Any] | str | os.PathLike[str] | None = None
    pip_requirements: Given | None = None
    extra_pip_requirements: Given | None = None
    metadata: Mapping[str, Any] | None = None
    predict_fn: str | None = None

    def __post_init__(self) -> None:
        if self.predict_fn is not None and self.predict_fn not in PREDICTIONS:
            raise InvalidValue(f"pyfunc_predict_fn is one of {', '.join(PREDICTIONS)}, not {self.predict_fn!r}.")
        if not (self.signature is None or self.signature is False or isinstance(self.signature, (ModelSignature, Mapping))):
            raise InvalidValue(f"A signature is what runlake.models.infer_signature gives, not {self.signature!r}.")

    def said(self, saved: Saved, ask: Ask) -> Said:
        """In files and words. Without a signature that of the example is taken, and of what the model says of it by `ask`."""
        files, info = example_files(self.input_example) if self.input_example is not None else ({}, None)
        signature = self._signature(ask) or saved.signature
        modules = modules_of(saved, signature)
        files |= environment_files(modules, self.pip_requirements, self.extra_pip_requirements, self.conda_env)
        return Said(files, signature, info, checked_metadata(self.metadata), self.predict_fn)

    def _signature(self, ask: Ask) -> ModelSignature | None:
        if isinstance(self.signature, ModelSignature):
            return self.signature
        if isinstance(self.signature, Mapping):
            return ModelSignature.from_dict(self.signature)
        if self.signature is False or self.input_example is None:
            return None
        rows, params = data_and_params(self.input_example)
        outputs = attempt(lambda: ask(rows, params or {}))
        if isinstance(outputs, BaseException):
            log.warning("The model cannot be asked for its input_example, so its signature says nothing of outputs: %r", outputs)
            outputs = None
        return infer_signature(rows, outputs, params)
