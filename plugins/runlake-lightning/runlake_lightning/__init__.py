"""Record Lightning's trainings: settings, every metric that is logged, where it stopped, its checkpoints, and the model.

captures   the calls of a Trainer: which run each is recorded in
listening  the callback that every Trainer has, and that sleeps outside of those calls
recording  what is recorded of one call of a Trainer, as it goes on
metrics    what was logged, read where Lightning keeps it
settings   what a training was told: of the Trainer, the model, the optimizers
endings    what there is to say in the end: early stopping, checkpoints
demonstration  a curve through a few points
"""

from __future__ import annotations

import importlib
from typing import Any

from runlake import Patch, hookimpl

PACKAGES = ("lightning.pytorch", "pytorch_lightning")  # one library under two names, which share no class


@hookimpl
def patches() -> list[Patch]:
    """The four ways to have a Trainer work, of both packages, and what writes the same once more."""
    return [patch for package in PACKAGES for patch in (*_patches_of(f"{package}.trainer.trainer:Trainer"), *_patches_of_logger(package))]


def _patches_of(trainer: str) -> list[Patch]:
    return [
        Patch(f"{trainer}.fit", _capture("capture_fit"), why="what trains"),
        Patch(f"{trainer}.validate", _capture("capture_evaluation"), why="how good a model is, of which the run may be known"),
        Patch(f"{trainer}.test", _capture("capture_evaluation"), why="the same of other data"),
        Patch(f"{trainer}.predict", _capture("capture_predict"), why="what a model is used for once it is trained"),
    ]


def _patches_of_logger(package: str) -> list[Patch]:
    logger, why = f"{package}.loggers.tensorboard:TensorBoardLogger", "what it writes is recorded already"
    return [Patch(f"{logger}.{name}", _capture("capture_repeated"), role="inside", why=why) for name in ("log_metrics", "log_hyperparams")]


def _capture(name: str) -> Any:
    """A capture that is imported when it is first called."""

    def capture(call: Any) -> Any:
        return getattr(importlib.import_module("runlake_lightning.captures"), name)(call)

    capture.__name__ = name
    return capture


class _Unannounced(list[Any]):
    """Lightning says on standard error what it was given, for each Trainer that is made, unless that is nothing."""

    def __bool__(self) -> bool:
        return False


def callbacks_of_lightning() -> list[Any]:
    """For each Trainer of `lightning.pytorch` that is made: a callback that sleeps until a call of the Trainer is recorded."""
    return _callbacks(PACKAGES[0])


def callbacks_of_pytorch_lightning() -> list[Any]:
    """The same of `pytorch_lightning`."""
    return _callbacks(PACKAGES[1])


def _callbacks(package: str) -> list[Any]:
    from runlake_lightning.listening import listener_of

    return _Unannounced([listener_of(package)])


def demo() -> None:
    """For `runlake demo`: the smallest training that shows what is recorded."""
    importlib.import_module("runlake_lightning.demonstration").train()
