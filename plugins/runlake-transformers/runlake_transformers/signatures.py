"""What a model takes and gives, seen in its first forward pass."""

from __future__ import annotations

import inspect
import sys
import threading
import weakref
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from runlake import entities, isolated

if TYPE_CHECKING:
    from runlake import OfferedRun

__all__ = ["forget", "see"]

SKIPPED = "runlake.skipped.signature"
COMPILED = "a part of the program is compiled, which a look at the model would have compiled anew"

_looking: WeakKeyDictionary[Any, Any] = WeakKeyDictionary()  # the hook of each run


def see(run: OfferedRun, model: Any, args: Any) -> None:
    """Have the next forward pass of the model looked at, by this thread alone; the hook is on no module, and gone after it."""
    from torch.nn.modules.module import register_module_forward_hook

    if args.torch_compile or hasattr(model, "_orig_mod") or getattr(_converting(), "FRAME_COUNTER", 0) > 0:
        run.set_tag(SKIPPED, COMPILED)
        return
    thread, looked_for, within = threading.get_ident(), weakref.ref(model), weakref.ref(run)

    @isolated
    def look(module: Any, given: Any, kwargs: Any, output: Any) -> None:
        found = within()
        if found is not None and forget(found):
            _record(found, module, given, kwargs, output)

    def hook(module: Any, given: Any, kwargs: Any, output: Any) -> None:
        if module is looked_for() and threading.get_ident() == thread:
            look(module, given, kwargs, output)

    _looking[run] = register_module_forward_hook(hook, with_kwargs=True)


def forget(run: OfferedRun) -> bool:
    """Look no longer; whether that was still to come."""
    handle = _looking.pop(run, None)
    if handle is not None:
        handle.remove()
    return handle is not None


def _converting() -> Any:
    return sys.modules.get("torch._dynamo.convert_frame")


def _record(run: OfferedRun, model: Any, args: Any, kwargs: Any, output: Any) -> None:
    """Targets are no inputs, nor is what the Trainer tells the model of its batches."""
    takes = list(inspect.signature(model.forward).parameters)
    named = {**dict(zip(takes, args, strict=False)), **kwargs}
    wanted = {name: value for name, value in named.items() if "label" not in name and name != "num_items_in_batch"}
    inputs = {found: each for name, value in wanted.items() for found, each in _tensors(name, value)}
    outputs = dict(_tensors("output", output))
    if inputs:
        signature = entities.ModelSignature(_schema(inputs), _schema(outputs) if outputs else None)
        run.log_signature(signature)


def _tensors(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    """The tensors in it, wherever in tuples and dictionaries; single numbers are none."""
    if hasattr(value, "detach"):
        if value.ndim:
            yield name, value
    elif isinstance(value, Mapping):
        for key, each in value.items():
            yield from _tensors(str(key) if name == "output" else f"{name}.{key}", each)
    elif isinstance(value, (list, tuple)):
        for place, each in enumerate(value):
            yield from _tensors(f"{name}.{place}", each)


def _schema(tensors: Mapping[str, Any]) -> entities.Schema:
    """Batches differ in their first size, and texts in their length."""
    return entities.Schema(
        tuple(
            entities.TensorSpec(str(each.dtype).removeprefix("torch."), (-1, *_sizes(each)), name) for name, each in sorted(tensors.items())
        )
    )


def _sizes(tensor: Any) -> Iterator[int]:
    is_of_tokens = tensor.ndim == 2 and not tensor.is_floating_point()
    yield from (-1 if is_of_tokens else int(size) for size in tensor.shape[1:])
