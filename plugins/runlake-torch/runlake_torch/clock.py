"""The steps of optimizers: the clock of a training, at each beat of which its losses and settings are recorded."""

from __future__ import annotations

import functools
import sys
import time
import weakref
from collections.abc import Callable
from dataclasses import dataclass, field
from types import ModuleType
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import runlake
from runlake import isolated
from runlake_torch.describing import params_of, summary_of
from runlake_torch.discover import forget_models, model_of
from runlake_torch.gradients import norm_of
from runlake_torch.here import Losses, forget_all, here
from runlake_torch.loops import forget_optimizers, is_idle, loop_of, name_of
from runlake_torch.losses import of_losses
from runlake_torch.points import Points
from runlake_torch.progress import Progress
from runlake_torch.rates import changed_rates
from runlake_torch.signatures import forget as forget_look
from runlake_torch.signatures import saw_step, see
from runlake_torch.tensorboard import forget_writers
from runlake_torch.watching import is_watched, look

if TYPE_CHECKING:
    from runlake import OfferedRun, Training

__all__ = ["forget", "listen"]

NOTED = "torch"

_who_compiles: Callable[[], object] = object  # None where the compiler does not see what is called: to leave its sight takes longer


def _nothing() -> None:
    return None


@dataclass(eq=False)
class Stepping:
    """One optimizer of a training."""

    recorded: Recorded
    suffix: str  # of its series, where it is not the first
    optimizer: Callable[[], Any] = _nothing  # weak, as the next one
    loop: Callable[[], Any] = _nothing
    first: int = 0  # where a run is resumed, the step that comes after its last
    steps: int = 0
    losses: Losses | None = None  # recorded last
    accumulates: bool = False  # several losses led to a step
    rates: dict[tuple[int, str], Any] = field(default_factory=dict)  # recorded last


@dataclass(eq=False)
class Recorded:
    """What a training has recorded by now."""

    training: Training
    run: OfferedRun
    norm_every: int  # steps; 0 for never
    optimizers: WeakKeyDictionary[Any, Stepping] = field(default_factory=WeakKeyDictionary)
    steppings: list[Stepping] = field(default_factory=list)
    progress: Progress = field(default_factory=Progress)
    points: Points = field(default_factory=Points)
    step: int = 0  # the latest, of the optimizer that has made the most

    def finish(self) -> None:
        """The training is over."""
        forget_look(self.run)
        self.progress.finish(self.run, self.step)
        self.points.finish(self.run)


def listen(module: ModuleType) -> Any:
    """Hear of the steps of every optimizer, those that are there already too."""
    global _who_compiles
    _who_compiles = getattr(sys.modules["torch"]._C._dynamo.eval_frame, "get_eval_frame_callback", object)
    return module.register_optimizer_step_post_hook(_on_step)


def forget(handle: Any) -> None:
    """Hear of no further step, and let go of what was held."""
    handle.remove()
    forget_all()
    forget_models()
    forget_optimizers()
    forget_writers()


def _on_step(optimizer: Any, args: Any, kwargs: Any) -> None:
    """Called after each step, which may be part of a compiled function: what it does is not compiled with it."""
    closure = args[1] if len(args) > 1 else kwargs.get("closure")  # the optimizer is the first
    hear = _hear if _who_compiles() is None else _outside_of_graphs()
    hear(optimizer, closure is not None)


@functools.cache
def _outside_of_graphs() -> Any:
    import torch

    return torch.compiler.disable(_hear)  # type: ignore[no-untyped-call]  # torch has no types there


@isolated(is_glance=True)
def _hear(optimizer: Any, has_closure: bool) -> None:
    """A step, of a training that goes on as it did at the last one, or of another."""
    known = here()
    known.steps += 1
    stepping: Stepping | None = known.steppings.get(id(optimizer))
    if (
        stepping is None
        or stepping.optimizer() is not optimizer
        or stepping.loop is not known.loop
        or not stepping.recorded.training.goes_on(stepping.first + stepping.steps)
    ):
        stepping = _stepping_of(optimizer)
    losses, norm = known.losses, known.norm
    losses.is_used, known.norm = True, None
    if known.scaled:
        known.scaled.clear()
    if stepping is not None:
        _record(stepping, optimizer, losses, norm, has_closure=has_closure)


def _record(stepping: Stepping, optimizer: Any, losses: Losses, norm: Any, *, has_closure: bool) -> None:
    recorded, step, at, now = stepping.recorded, stepping.first + stepping.steps, time.time_ns(), time.perf_counter()
    recorded.step = max(recorded.step, step)  # each optimizer counts its own
    values = changed_rates(stepping.rates, optimizer)
    if losses is not stepping.losses and losses.values:
        stepping.losses = losses
        stepping.accumulates = stepping.accumulates or len(losses.values) > 1
        values |= of_losses(losses.values, has_closure=has_closure, accumulates=stepping.accumulates)
    if norm is None and recorded.norm_every and step % recorded.norm_every == 0:
        norm = norm_of(optimizer)
    if norm is not None:
        values["train/grad_norm"] = norm
    if is_watched():
        values |= look(recorded.run, optimizer, step)
    for key, value in values.items():
        recorded.points.add(key + stepping.suffix, value, step, at)
    if stepping.steps == 1:
        saw_step(recorded.training)
    stepping.steps += 1
    recorded.progress.go_on(recorded.run, recorded.step, now)
    recorded.points.go_on(recorded.run, now)


@isolated
def _stepping_of(optimizer: Any) -> Stepping | None:
    """What its step belongs to, begun now if it is the first; None where that is not recorded, or was: by the optimizer inside it."""
    known = here()
    if any((inner := stepping.optimizer()) is not optimizer and _are_one(inner, optimizer) for stepping in known.steppings.values()):
        return None
    loop = loop_of(optimizer)
    known.steppings = {place: stepping for place, stepping in known.steppings.items() if stepping.optimizer() not in (None, optimizer)}
    if loop.is_idle:
        return None
    training = runlake.training(loop, name=loop.name or None)
    if training is None or is_idle(loop, training):
        return None
    if not loop.name and not training.is_of_a_call:
        loop.name = training.name = name_of(optimizer)
    recorded: Recorded = training.noted.get(NOTED) or _begun(training)
    stepping = recorded.optimizers.get(optimizer) or _first_step(recorded, optimizer)
    stepping.optimizer, stepping.loop = weakref.ref(optimizer), known.loop
    known.steppings[id(optimizer)] = stepping
    training.goes_on(stepping.first + stepping.steps)
    return stepping


def _are_one(inner: Any, outer: Any) -> bool:
    """Whether one steps by the other, as some do that look ahead: they hold the very same list of groups."""
    return inner is not None and getattr(inner, "param_groups", None) is outer.param_groups


def _begun(training: Training) -> Recorded:
    every = training.options.get("gradient_norm_every")
    recorded = Recorded(training, training.run, every if isinstance(every, int) and every > 0 else 0)
    training.noted[NOTED] = recorded
    training.before_end(recorded.finish)
    return recorded


def _first_step(recorded: Recorded, optimizer: Any) -> Stepping:
    going_on, training = set(map(id, recorded.optimizers.values())), recorded.training
    for stepping in recorded.steppings:
        if id(stepping) not in going_on:  # its optimizer is gone: this one goes on in its place
            recorded.optimizers[optimizer] = stepping
            return stepping
    number = len(recorded.steppings) + 1
    stepping = recorded.optimizers[optimizer] = Stepping(recorded, "" if number == 1 else f"/optimizer{number}")
    recorded.steppings.append(stepping)
    stepping.first = recorded.run.last_step(f"train/loss{stepping.suffix}") + 1
    if training.is_of_a_call:
        return stepping
    prefix, model = "" if number == 1 else f"optimizer{number}/", model_of(optimizer)
    recorded.run.log_params({f"{prefix}{name}": value for name, value in params_of(optimizer, model).items()})
    if model is not None and number == 1:
        recorded.run.log_text(summary_of(model), "model_summary.txt")
        training.trains(model, until_gone=optimizer)
        see(training, model)
    return stepping
