"""`report_to="runlake"`: a Trainer that asks for it is recorded, where no `autolog()` records all of them."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from types import ModuleType
from typing import Any

from transformers import TrainerCallback

import runlake
from runlake import isolated

__all__ = ["RunlakeCallback", "add_reporter", "is_asked_for", "remove_reporter"]

ASKED = "runlake.asked_by"
NAME = "runlake"


class RunlakeCallback(TrainerCallback):
    """A Trainer that has it is recorded: `callbacks=[runlake.transformers.RunlakeCallback()]`, or `report_to="runlake"`."""

    def __init__(self) -> None:
        _enable()


def is_asked_for(trainer: Any, options: Mapping[str, Any]) -> bool:
    """Whether all Trainers are recorded, or this one has the callback."""
    only_asked = ASKED in (options["extra_tags"] or {})
    return not only_asked or any(isinstance(each, RunlakeCallback) for each in trainer.callback_handler.callbacks)


def add_reporter(module: ModuleType) -> Any:
    """Have the name be known; None where it is already."""
    known: dict[str, Any] = module.INTEGRATION_TO_CALLBACK
    if NAME in known:
        return None
    known[NAME] = RunlakeCallback
    return known


def remove_reporter(known: Any) -> None:
    """Ours alone."""
    if known is not None and known.get(NAME) is RunlakeCallback:
        del known[NAME]


@isolated
def _enable() -> None:
    """Unless it is on, or was put off by its own word."""
    callbacks = getattr(sys.modules.get("transformers.trainer"), "DEFAULT_CALLBACKS", ())
    if not any(each.__module__ == "runlake_transformers.listening" for each in callbacks):
        runlake.transformers.autolog(extra_tags={ASKED: "report_to"})
