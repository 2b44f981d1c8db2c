"""Record loops that train with PyTorch, which no call encloses: what steps is heard of, and no step waits for a device.

clock        the steps of optimizers: what is recorded at each
progress     the epochs, and how fast they go
rates        what schedulers change
gradients    their norm, where it is asked for
describing   what is said once, before all that
points       what is to be recorded, handed on many at a time
losses       what is differentiated before a step
loops        which optimizers train together
loading      passes over data: epochs and evaluations
discover     the model that an optimizer trains
clipping     the norm of gradients that are clipped
compiling    code that records is not compiled
digests      what tells whether a model, or a generator, is the same
saving       a model as files that are safe to read
predicting   what a model says of rows as its users give them
rebuilding   the modules that can be made again from those alone
signatures   what a model takes and gives, seen once
tensorboard  what a SummaryWriter is given
metrics      what torchmetrics computes
watching     weights and gradients, by a sample of them
here         what is known in each thread
values       numbers, without a wait
demonstration  the loop that newcomers write
"""

from __future__ import annotations

import functools
import importlib
import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from runlake import Patch, Registration, hookimpl

if TYPE_CHECKING:
    from types import ModuleType

    from runlake import Saved

FORMAT = "torch/1"


@hookimpl
def patches() -> list[Patch | Registration]:
    """A loop has no call around it: its steps are heard of from the optimizer, its loss is seen as it is differentiated."""
    return [
        Registration("torch.optim.optimizer", listen, forget, why="the official hook of every optimizer's every step"),
        Registration("torch._dynamo.trace_rules", leave_uncompiled, compile_again, why="what records is not compiled with the loop"),
        Patch("torch.autograd:backward", glance_at_backward, role="glance", why="every loss is differentiated by it, before any step"),
        _after("torch.amp.grad_scaler:GradScaler.scale", "losses", "capture_scale", "the loss as it is before it is scaled"),
        _after("torch.amp.grad_scaler:GradScaler.step", "losses", "capture_scaled_step", "it may leave a step out"),
        Registration("torch.nn.utils.clip_grad", hear_norms, hear_no_norms, why="clipping gives the norm of the gradients"),
        _after("torch.utils.data.dataloader:DataLoader.__iter__", "loading", "capture_pass", "an epoch begins, or an evaluation"),
        _after("torch.utils.tensorboard.writer:SummaryWriter.__init__", "tensorboard", "capture_made", "which training it belongs to"),
        _after("torch.utils.tensorboard.writer:SummaryWriter.add_scalar", "tensorboard", "capture_scalar", "a point of a series"),
        _after("torch.utils.tensorboard.writer:SummaryWriter.add_scalars", "tensorboard", "capture_scalars", "points of several series"),
        _after(
            "torch.utils.tensorboard.writer:SummaryWriter.add_hparams", "tensorboard", "capture_hparams", "params, and what they led to"
        ),
        _after("torchmetrics.metric:_squeeze_if_scalar", "metrics", "capture_value", "every metric's `compute` calls it by its name"),
        _after("torchmetrics.metric:CompositionalMetric.compute", "metrics", "capture_several", "what is made of metrics by arithmetic"),
        _after("torchmetrics.collections:MetricCollection.compute", "metrics", "capture_several", "several metrics, by their names"),
        Patch(
            "torchmetrics.wrappers.abstract:WrapperMetric.compute",
            _standing("metrics", "capture_several"),
            role="after",
            why="what is made of other metrics",
            subclasses=True,
        ),
        _after(
            "torch.optim.optimizer:Optimizer.__init__",
            "loops",
            "capture_made",
            "an optimizer made after a first step is another training's",
        ),
    ]


@hookimpl
def options() -> Mapping[str, Any]:
    """How often the norm of the gradients is recorded where nothing clips them, in steps; None for never. It costs a look at each."""
    return {"gradient_norm_every": None}


def _after(target: str, module: str, name: str, why: str) -> Patch:
    return Patch(target, _standing(module, name), role="after", why=why)


def _standing(module: str, name: str) -> Callable[..., Any]:
    """A capture that stands in a module of its own, which is imported when it is first called."""

    def capture(call: Any) -> Any:
        return _of(module, name)(call)

    capture.__name__ = name
    return capture


@functools.cache  # it is asked for at every step
def _of(module: str, name: str) -> Callable[..., Any]:
    found: Callable[..., Any] = getattr(importlib.import_module(f"runlake_torch.{module}"), name)
    return found


def glance_at_backward(args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """A loss is differentiated."""
    _of("losses", "glance_at_backward")(args, kwargs)


def listen(module: ModuleType) -> Any:
    """Hear of every step."""
    return _of("clock", "listen")(module)


def forget(handle: Any) -> None:
    """Hear of no further step."""
    _of("clock", "forget")(handle)


def hear_norms(module: ModuleType) -> Any:
    """Hear of the norm of gradients that are clipped."""
    return _of("clipping", "hear_norms")(module)


def hear_no_norms(placed: Any) -> None:
    """Hear of no further one."""
    _of("clipping", "hear_no_norms")(placed)


def leave_uncompiled(rules: ModuleType) -> Any:
    """Have torch.compile pass over what records."""
    return _of("compiling", "leave_uncompiled")(rules)


def compile_again(added: Any) -> None:
    """Take that back."""
    _of("compiling", "compile_again")(added)


@hookimpl
def save_model(model: Any, max_bytes: int) -> Saved | None:
    """Its tensors, and the classes that it is made of."""
    saved: Saved | None = _of("saving", "saved")(model, max_bytes)
    return saved


@hookimpl
def load_model(format_id: str, files: Mapping[str, bytes], options: Mapping[str, Any]) -> Any:
    """The model that was saved so; one of a class of the program's own with that as `model_class`."""
    return _of("saving", "loaded")(files, options) if format_id == FORMAT else None


@hookimpl
def predict(model: Any, data: Any, params: Mapping[str, Any]) -> Any:
    """What a module says of rows of any kind."""
    return _of("predicting", "predicted")(model, data, params)


@hookimpl
def model_fitted(fitted: Any) -> None:
    """The histograms of a model that was watched."""
    if "torch" in sys.modules:
        _of("watching", "log_histograms")(fitted)


@hookimpl
def model_digest(model: Any) -> str | None:
    """Of every parameter and buffer of a module, bit for bit, and of what it is made of."""
    digest: str | None = _of("digests", "digest_of")(model)
    return digest


@hookimpl
def random_states() -> dict[str, Any]:
    """Of the processor, and of each graphics card that was used."""
    states: dict[str, Any] = _of("digests", "random_states")()
    return states


def demo() -> None:
    """For `runlake demo`: the loop that newcomers write."""
    _of("demonstration", "train")()
