"""The steps of optimizers: the clock of a training, at each beat of which its losses and settings are recorded."""

from __future__ import annotations

import functools
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from types import ModuleType
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import runlake
from runlake import isolated
from runlake_torch.discover import model_of
from runlake_torch.here import Losses, forget_all, here
from runlake_torch.loading import Epochs, Pass, evaluations, pass_of_step
from runlake_torch.loops import forget_optimizers, is_idle, loop_of
from runlake_torch.losses import of_losses
from runlake_torch.signatures import saw_step, see
from runlake_torch.tensorboard import forget_writers
from runlake_torch.values import is_number, taken
from runlake_torch.watching import look

if TYPE_CHECKING:
    from runlake import OfferedRun, Training

__all__ = ["forget", "listen"]

NOTED = "torch"
SPEED_SECONDS = 1.0  # between two values of the speed
LEAST_SECONDS = 0.005

Moment = tuple[float, int, int]  # the time, how many steps were made, and how many samples were given in this pass
_WATCHED = ("lr", "momentum", "weight_decay", "betas")  # what schedulers change


@dataclass(eq=False)
class Stepping:
    """One optimizer of a training."""

    suffix: str  # of its series, where it is not the first
    steps: int = 0
    losses: Losses | None = None  # recorded last
    accumulates: bool = False  # several losses led to a step
    settings: dict[tuple[int, str], Any] = field(default_factory=dict)  # recorded last, by group and name


@dataclass(eq=False)
class Recorded:
    """What a training has recorded by now."""

    optimizers: WeakKeyDictionary[Any, Stepping] = field(default_factory=WeakKeyDictionary)
    steppings: list[Stepping] = field(default_factory=list)
    epoch: Pass | None = None
    epochs: Epochs = field(default_factory=Epochs)
    speed_from: Moment | None = None
    latest: Moment | None = None
    steps: int = 0


def listen(module: ModuleType) -> Any:
    """Hear of the steps of every optimizer, those that are there already too."""
    return module.register_optimizer_step_post_hook(_on_step)


def forget(handle: Any) -> None:
    """Hear of no further step, and let go of what was held."""
    handle.remove()
    forget_all()
    forget_optimizers()
    forget_writers()


def _on_step(optimizer: Any, args: Any, kwargs: Any) -> None:
    """Called after each step, which may be part of a compiled function: what it does is not compiled with it."""
    closure = args[1] if len(args) > 1 else kwargs.get("closure")  # the optimizer is the first
    _outside_of_graphs()(optimizer, closure is not None)


@functools.cache
def _outside_of_graphs() -> Any:
    import torch

    return torch.compiler.disable(_record_step)  # type: ignore[no-untyped-call]  # torch has no types there


@isolated
def _record_step(optimizer: Any, has_closure: bool) -> None:
    known = here()
    known.steps += 1
    losses, norm = known.losses, known.norm
    losses.is_used, known.norm = True, None
    known.scaled.clear()
    loop = loop_of(optimizer)
    if loop.is_idle:
        return
    training = runlake.training(loop, name=loop.name)
    if training is None or is_idle(loop, training):
        return
    recorded: Recorded = training.noted.get(NOTED) or training.noted.setdefault(NOTED, Recorded())
    stepping = recorded.optimizers.get(optimizer) or _first_step(training, recorded, optimizer)
    run, step = training.run, stepping.steps
    values: dict[str, Any] = {}
    if losses is not stepping.losses and losses.values:
        stepping.losses = losses
        stepping.accumulates = stepping.accumulates or len(losses.values) > 1
        values |= of_losses(losses.values, has_closure=has_closure, accumulates=stepping.accumulates)
    if norm is not None:
        values["train/grad_norm"] = norm
    values |= _changed_settings(stepping, optimizer)
    _record(run, stepping, values, step)
    if stepping.steps == 1:
        saw_step(training)
    stepping.steps += 1
    recorded.steps += 1
    _record_progress(run, recorded, step)
    look(training, optimizer, step)
    training.goes_on()


def _first_step(training: Training, recorded: Recorded, optimizer: Any) -> Stepping:
    going_on = set(map(id, recorded.optimizers.values()))
    for stepping in recorded.steppings:
        if id(stepping) not in going_on:  # its optimizer is gone: this one goes on in its place
            recorded.optimizers[optimizer] = stepping
            return stepping
    number = len(recorded.steppings) + 1
    stepping = recorded.optimizers[optimizer] = Stepping("" if number == 1 else f"/optimizer{number}")
    recorded.steppings.append(stepping)
    prefix = "" if number == 1 else f"optimizer{number}/"
    model = model_of(optimizer)
    params = {"optimizer_name": type(optimizer).__name__, **{name: _plain(value) for name, value in optimizer.defaults.items()}}
    if model is not None:
        params |= _of_model(model)
    if training.is_of_a_call:
        return stepping
    training.run.log_params({f"{prefix}{name}": value for name, value in params.items()})
    if model is not None and number == 1:
        training.run.log_text(_summary(model), "model_summary.txt")
        training.trains(model, until_gone=optimizer)
        see(training, model)
    return stepping


def _of_model(model: Any) -> dict[str, Any]:
    counts = [(parameter.numel(), parameter.requires_grad) for parameter in model.parameters()]
    return {
        "model_name": type(model).__name__,
        "parameters": sum(count for count, _ in counts),
        "trainable_parameters": sum(count for count, is_trained in counts if is_trained),
    }


def _summary(model: Any) -> str:
    """Every module with its own parameters, as they are nested."""
    lines = []
    for name, module in model.named_modules():
        own = sum(parameter.numel() for parameter in module.parameters(recurse=False))
        said = module.extra_repr()
        indent = "  " * (name.count(".") + 1 if name else 0)
        shown = f"{indent}{name.rpartition('.')[2] or 'model'}: {type(module).__name__}{f'({said})' if said else ''}"
        lines.append(f"{shown}  {own:,} parameters" if own else shown)
    return "\n".join(lines) + "\n"


def _plain(value: Any) -> Any:
    return taken(value) if is_number(value) else value


def _record(run: OfferedRun, stepping: Stepping, values: dict[str, Any], step: int) -> None:
    if stepping.suffix:
        values = {f"{key}{stepping.suffix}": value for key, value in values.items()}
    if len(values) == 1:
        for key, value in values.items():
            run.log_metric(key, value, step)
    elif values:
        run.log_metrics(values, step)


def _changed_settings(stepping: Stepping, optimizer: Any) -> dict[str, Any]:
    """The rates of each group at the first step, and whenever one is another than before."""
    found: dict[str, Any] = {}
    known = stepping.settings
    groups = optimizer.param_groups
    for number, group in enumerate(groups):
        for name in _WATCHED:
            value = group.get(name)
            if value is None:
                continue
            version = (id(value), value._version) if hasattr(value, "_version") else value  # a tensor is changed in place
            if known.get((number, name), found) == version:
                continue
            is_first = (number, name) not in known
            known[number, name] = version
            if name == "lr" or not is_first:  # what stays as it is is a param
                place = f"/group{number}" if len(groups) > 1 else ""
                found |= {f"train/{each}{place}": number_ for each, number_ in _named(name, value)}
    return found


def _named(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    if name == "betas":
        yield from ((f"beta{place + 1}", _plain(each)) for place, each in enumerate(value))
    else:
        yield name, _plain(value)


def _record_progress(run: OfferedRun, recorded: Recorded, step: int) -> None:
    """The epoch when it begins, and how fast it goes: about once a second, and when an epoch is over."""
    at = pass_of_step(recorded.epoch)
    now = time.perf_counter(), recorded.steps, at.samples if at is not None else 0
    if at is not recorded.epoch:
        _record_speed(run, recorded.speed_from, recorded.latest, step - 1)
        for seconds in evaluations():
            run.log_metric("eval/seconds", seconds, step - 1)
        if at is not None:
            if recorded.epoch is None:
                run.log_params(at.settings)
            run.log_metric("train/epoch", recorded.epochs.number_of(at), step)
        recorded.epoch, recorded.speed_from = at, now
    elif recorded.speed_from is None:
        recorded.speed_from = now
    elif now[0] - recorded.speed_from[0] >= SPEED_SECONDS:
        _record_speed(run, recorded.speed_from, now, step)
        recorded.speed_from = now
    recorded.latest = now


def _record_speed(run: OfferedRun, since: Moment | None, now: Moment | None, step: int) -> None:
    """Of the time between two steps, unless that is too short to tell."""
    if since is None or now is None or now[0] - since[0] < LEAST_SECONDS:
        return
    seconds = now[0] - since[0]
    run.log_metric("train/steps_per_second", (now[1] - since[1]) / seconds, step)
    if now[2]:
        run.log_metric("train/samples_per_second", (now[2] - since[2]) / seconds, step)
