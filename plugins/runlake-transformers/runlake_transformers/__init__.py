"""Record the trainings of the Hugging Face Trainer: what they were told, what it logs, its data, checkpoints, and the model in a safe form.

training     `train`, `evaluate`, `predict` and `hyperparameter_search` of a Trainer
listening    the callback that hears what a Trainer logs
reporting    `report_to="runlake"`, for programs that record the Trainers alone that ask for it
arguments    what a training was told
describing   what the model is, and what prepares its inputs
facade       the verbs of `runlake.transformers`
recording    what is recorded of one training
processing   the tokenizer that a model was trained with
data         what a data set is, without a look at its samples
signatures   what the model takes and gives, seen once
checkpoints  where they are, and which is the best
saving       a model or pipeline as files that are safe to read
loading      and back, without any code that they name
predicting   what a model says of texts, or of arrays of tokens
tasks        what pipelines of texts give
demonstration  for `runlake demo`
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from runlake import Patch, Registration, hookimpl

if TYPE_CHECKING:
    from types import ModuleType

    from runlake import Saved

FORMAT = "transformers/1"

_TENSORBOARD = "transformers.integrations.integration_utils:TensorBoardCallback"


@hookimpl
def patches() -> list[Patch | Registration]:
    """A callback hears what a Trainer logs; the calls around it say where a training begins and how it ends."""
    return [
        Registration("transformers.trainer", add_listener, remove_listener, why="the callbacks that every new Trainer has"),
        Registration("transformers.integrations.integration_utils", add_reporter, remove_reporter, why='`report_to="runlake"` is known'),
        _patch("train", "capture_train", "one training is one run"),
        _patch("hyperparameter_search", "capture_search", "its trials are runs inside its own"),
        _patch("evaluate", "capture_evaluation", "how good a model is that was trained before"),
        _patch("predict", "capture_evaluation", "the same, on data that were held out"),
        Patch(f"{_TENSORBOARD}.on_log", _capture("capture_repeated"), role="inside", why="what it writes is recorded already"),
    ]


def _patch(method: str, name: str, why: str) -> Patch:
    return Patch(f"transformers.trainer:Trainer.{method}", _capture(name), why=why, subclasses=True)


def _capture(name: str) -> Callable[[Any], Any]:
    """A capture that stands in a module of its own, which is imported when it is first called."""

    def capture(call: Any) -> Any:
        return _of("training", name)(call)

    capture.__name__ = name
    return capture


def _of(module: str, name: str) -> Callable[..., Any]:
    found: Callable[..., Any] = getattr(importlib.import_module(f"runlake_transformers.{module}"), name)
    return found


def add_listener(module: ModuleType) -> Any:
    """Have every Trainer that is made from here on call ours."""
    return _of("listening", "add_listener")(module)


def remove_listener(added: Any) -> None:
    """Take that back."""
    _of("listening", "remove_listener")(added)


def add_reporter(module: ModuleType) -> Any:
    """Have `report_to="runlake"` be known."""
    return _of("reporting", "add_reporter")(module)


def remove_reporter(added: Any) -> None:
    """Take that back."""
    _of("reporting", "remove_reporter")(added)


@hookimpl
def save_model(model: Any, max_bytes: int) -> Saved | None:
    """A model, an adapter or a pipeline."""
    saved: Saved | None = _of("saving", "saved")(model, max_bytes)
    return saved


@hookimpl
def load_model(format_id: str, files: Mapping[str, bytes], options: Mapping[str, Any]) -> Any:
    """What was saved so, or as `return_type` says a "model", a "pipeline" or "components"; an adapter needs its `base_model`."""
    return _of("loading", "loaded")(files, options) if format_id == FORMAT else None


@hookimpl
def predict(model: Any, data: Any, params: Mapping[str, Any]) -> Any:
    """What a model or a pipeline says of texts or tokens."""
    return _of("predicting", "predicted")(model, data, params)


def demo() -> None:
    """For `runlake demo`: a small classifier, which learns whether a number is odd."""
    _of("demonstration", "train")()
