"""What a model takes and gives: seen once, in its first forward pass after its first step, with no hook before and none after that."""

from __future__ import annotations

import inspect
import sys
import threading
import weakref
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from runlake import entities, isolated
from runlake_torch.compiling import compiled_with_the_rest

if TYPE_CHECKING:
    from runlake import OfferedRun, Training

__all__ = ["forget", "saw_step", "see"]

SKIPPED = "runlake.skipped.signature"
COMPILED = "a part of the program was compiled, which a look at the model would have compiled anew"

_looking: WeakKeyDictionary[Any, Any] = WeakKeyDictionary()  # the hook of each run


def see(training: Training, model: Any) -> None:
    """Have the next forward pass of the model looked at, by this thread alone.

    The hook is on no module: whoever copies or saves the model meanwhile has it without.
    """
    import torch
    from torch.nn.modules.module import register_module_forward_hook

    if not (training.options["log_model_signatures"] or training.options["log_datasets"]):
        return
    if _has_compiled():
        training.run.set_tag(SKIPPED, COMPILED)
        return
    thread, looked_for, within = threading.get_ident(), weakref.ref(model), weakref.ref(training)

    @isolated
    def look(module: Any, args: Any, kwargs: Any, output: Any) -> None:
        found = within()
        if found is not None and threading.get_ident() == thread and forget(found.run):
            _record(found, module, args, kwargs, output)

    def hook(module: Any, args: Any, kwargs: Any, output: Any) -> None:
        if not is_compiling() and module is looked_for():
            look(module, args, kwargs, output)

    is_compiling = torch.compiler.is_compiling
    forget(training.run)
    _looking[training.run] = register_module_forward_hook(compiled_with_the_rest(hook), with_kwargs=True)


def saw_step(training: Training) -> None:
    """The second step: whatever was not seen by now is not looked for."""
    if forget(training.run):
        training.run.set_tag(SKIPPED, "the model was not called between the first step and the second")


def forget(run: OfferedRun) -> bool:
    """Look no longer; whether that was still to come."""
    handle = _looking.pop(run, None)
    if handle is not None:
        handle.remove()
    return handle is not None


def _has_compiled() -> bool:
    converting = sys.modules.get("torch._dynamo.convert_frame")
    return getattr(converting, "FRAME_COUNTER", 0) > 0


def _record(training: Training, model: Any, args: Any, kwargs: Any, output: Any) -> None:
    inputs = _given(model, args, kwargs)
    outputs = dict(_tensors("output", output))
    if training.options["log_model_signatures"] and inputs:
        signature = entities.ModelSignature(_schema(inputs), _schema(outputs) if outputs else None)
        training.run.log_signature(signature)
    if inputs and all(each.is_cpu and type(each) in _plain_types() and each.dtype in _numpy_types() for each in inputs.values()):
        training.trains(model, next(iter(inputs.values())) if len(inputs) == 1 else dict(inputs))


def _given(model: Any, args: Any, kwargs: Any) -> dict[str, Any]:
    """The tensors that it was given, by the names of its arguments."""
    try:
        bound = inspect.signature(model.forward).bind(*args, **kwargs).arguments
    except (ValueError, TypeError):
        bound = {**{f"input_{place}": each for place, each in enumerate(args)}, **kwargs}
    return dict(found for name, each in bound.items() for found in _tensors(name, each))


def _tensors(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    """The tensors in it, wherever in tuples and dictionaries; single numbers are none."""
    import torch

    if isinstance(value, torch.Tensor):
        if value.ndim:
            yield name, value
    elif isinstance(value, Mapping):
        for key, each in value.items():
            yield from _tensors(str(key) if name in ("output", "kwargs") else f"{name}.{key}", each)
    elif isinstance(value, (list, tuple)):
        for place, each in enumerate(value):
            yield from _tensors(f"{name}.{place}", each)


def _schema(tensors: Mapping[str, Any]) -> entities.Schema:
    """What is the same in every batch: all but the first size."""
    names = list(tensors) if len(tensors) > 1 else [None]
    return entities.Schema(
        tuple(
            entities.TensorSpec(str(each.dtype).removeprefix("torch."), (-1, *map(int, each.shape[1:])), name)
            for name, each in zip(names, tensors.values(), strict=True)
        )
    )


def _plain_types() -> tuple[type, ...]:
    import torch

    return torch.Tensor, torch.nn.Parameter


def _numpy_types() -> tuple[Any, ...]:
    import torch

    return torch.float16, torch.float32, torch.float64, torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64, torch.bool
