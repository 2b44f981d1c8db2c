"""The calls of a Trainer: a training has a run, and what is done with its model later is recorded in that run."""

from __future__ import annotations

import time
from collections.abc import Generator
from typing import TYPE_CHECKING, Any

import runlake
from runlake import Call
from runlake_lightning.listening import listener_in

if TYPE_CHECKING:
    from runlake import OfferedRun

__all__ = ["capture_evaluation", "capture_fit", "capture_predict", "capture_repeated"]

STAGE = "runlake.lightning.stage"
CONTINUES = "runlake.continues"

REPEATED = "repeated"  # what is written to a log of its own is recorded already

_HEARD = "lightning"  # a call of a Trainer in this training is listened to


def capture_fit(call: Call) -> Generator[None, Any, None]:
    """Of several trainings inside one, the first is listened to: the steps of a second would lie over its own."""
    trainer, model = call.instance, _model_of(call)
    if call.owner is not None and _HEARD in call.noted:
        return
    if call.owner is None:
        why_not = _why_not(trainer, all_ranks=call.options["all_ranks"])
        if why_not:
            call.skip(why_not)
            return
        call.name = type(model).__name__
    checkpoint = call.arguments["ckpt_path"]
    if checkpoint is not None:
        call.resumes()
    call.noted[_HEARD] = True
    call.run.set_tag(STAGE, "fit")
    if checkpoint is not None:
        call.run.set_tag(CONTINUES, checkpoint)
    with listener_in(trainer).awake(call.run):
        yield
    if call.owner is None:
        call.fitted(model)


def capture_evaluation(call: Call) -> Generator[None, Any, None]:
    """`validate` or `test`: of a model that was trained here, in the run of its training; else in a run of its own."""
    trainer, model = call.instance, _model_of(call)
    if call.owner is not None and _HEARD in call.noted:
        return
    why_not = _why_not(trainer, all_ranks=call.options["all_ranks"])
    known = None if call.owner is not None else call.run_of(model) or _run_of_the_users(call)
    if why_not or known is not None:
        call.skip(why_not or "another run has its metrics: that of its model, or the one that is open")
    if why_not:
        return
    if known is None:
        if call.owner is None:
            call.name = type(model).__name__
        known = call.run
        call.noted[_HEARD] = True
        known.set_tag(STAGE, call.target.rpartition(".")[2])
        if call.arguments["ckpt_path"] is not None:
            known.log_param("ckpt_path", call.arguments["ckpt_path"])
    with listener_in(trainer).awake(known):
        yield


def capture_predict(call: Call) -> Generator[None, Any, None]:
    """How long it took, for a model that was trained here; what is written meanwhile is no training's."""
    run = call.run_of(_model_of(call))
    call.skip("it predicts, and trains nothing")
    began = time.perf_counter()
    yield
    if run is not None:
        run.log_metric("predict_seconds", time.perf_counter() - began, call.instance.global_step)


def capture_repeated(call: Call) -> Generator[None, Any, None]:
    """A logger is given what is recorded from the Trainer itself: what it writes with is not to be mirrored."""
    call.noted[REPEATED] = _HEARD in call.noted
    try:
        yield
    finally:
        call.noted[REPEATED] = False


def _run_of_the_users(call: Call) -> OfferedRun | None:
    """The one that is open, which stays free for a training."""
    active = None if call.options["exclusive"] else runlake.active_run()
    return None if active is None else active.offered


def _model_of(call: Call) -> Any:
    """The user's own module: inside what torch.compile made of it, or the one of the Trainer's last call."""
    model = call.arguments["model"]
    if model is None:
        model = call.instance.lightning_module
    return getattr(model, "_orig_mod", model)


def _why_not(trainer: Any, *, all_ranks: bool) -> str:
    """Why nothing is recorded of this call."""
    if trainer.global_rank > 0 and not all_ranks:
        return "another process records it"
    if any(getattr(callback, "_early_exit", False) for callback in trainer.callbacks):
        return "it tries settings out and trains nothing"  # as `Tuner` does
    return ""
