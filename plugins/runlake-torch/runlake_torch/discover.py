"""The model that an optimizer trains: found once, among the objects that there are, with no hook in any module."""

from __future__ import annotations

import gc
import weakref
from itertools import compress
from typing import Any
from weakref import WeakKeyDictionary

__all__ = ["forget_models", "is_compiled", "model_of", "unwrapped"]

_FABRIC = ("lightning.fabric.wrappers", "lightning_fabric.wrappers")
_WRAPPERS = ("torch.nn.parallel.", "torch.nn.modules.", "torch.distributed.", "torch._dynamo.", "torch.optim.swa_utils", *_FABRIC)
_HOLDS = ("_orig_mod", "module", "_original_module")

_found: WeakKeyDictionary[Any, Any] = WeakKeyDictionary()  # the model of each optimizer, weak as well


def model_of(optimizer: Any) -> Any:
    """The outermost module that has every parameter which is optimized; None where these are of no module.

    Hooks that would tell of the first forward pass cost microseconds in every module, and make compiled ones compile anew.
    """
    known = _found.get(optimizer)
    if known is not None:
        return known()
    model = _model_of(optimizer)
    _found[optimizer] = _nothing if model is None else weakref.ref(model)
    return model


def forget_models() -> None:
    """Let go of what was found."""
    _found.clear()


def _nothing() -> None:
    return None


def _model_of(optimizer: Any) -> Any:
    wanted = {id(parameter) for group in optimizer.param_groups for parameter in group["params"]}
    having = [module for module in _modules() if wanted <= {id(own) for part in _parts(module) for own in _held(part, "_parameters")}]
    inner = {id(part) for module in having for part in _parts(module) if part is not module}
    outermost = [module for module in having if id(module) not in inner]
    return unwrapped(outermost[0]) if outermost else None


def _modules() -> list[Any]:
    """All that there are. Classes are told by where they lie: `isinstance` would ask objects that lie, and a class may have no hash."""
    import torch

    kinds, waiting = {id(torch.nn.Module)}, [torch.nn.Module]
    while waiting:
        for kind in type.__subclasses__(waiting.pop()):
            if id(kind) not in kinds:
                kinds.add(id(kind))
                waiting.append(kind)
    there = gc.get_objects()
    return list(compress(there, map(kinds.__contains__, map(id, map(type, there)))))


def _parts(module: Any) -> list[Any]:
    """It and every module in it. No method is called: it may be anybody's, and not be made yet."""
    found, waiting = {id(module): module}, [module]
    while waiting:
        for part in _held(waiting.pop(), "_modules"):
            if part is not None and id(part) not in found:
                found[id(part)] = part
                waiting.append(part)
    return list(found.values())


def _held(module: Any, name: str) -> list[Any]:
    held = getattr(module, "__dict__", {}).get(name)
    return list(held.values()) if isinstance(held, dict) else []


def unwrapped(module: Any) -> Any:
    """The user's own module inside those that PyTorch puts around it, to compile it or to train it on several devices."""
    while type(module).__module__.startswith(_WRAPPERS):
        held = next((vars(module).get("_modules", {}).get(name) for name in _HOLDS if name in vars(module).get("_modules", {})), None)
        if held is None:
            return module
        module = held
    return module


def is_compiled(module: Any) -> bool:
    """Whether torch.compile made it."""
    return type(module).__module__.startswith("torch._dynamo.")
