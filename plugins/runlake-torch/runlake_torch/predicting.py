"""What a module says of rows as its users give them: as tensors, without training it, and what it gives as arrays again."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

from runlake import InvalidValue

__all__ = ["as_arrays", "asked", "predicted"]


def predicted(model: Any, data: Any, params: Mapping[str, Any]) -> Any:
    """Of a frame a frame with its index, where the module gives one number or one row for each; None for what is no module."""
    if not isinstance(model, torch.nn.Module):
        return None
    taken = _taken(model, params)
    with asked(model):
        if isinstance(data, Mapping):
            _check_names(model, data)
            said = model(**{str(name): _tensor(model, each) for name, each in data.items()}, **taken)
        else:
            said = model(_tensor(model, data), **taken)
        given = as_arrays(said)
    is_table = hasattr(data, "iloc") and isinstance(given, np.ndarray) and given.ndim in (1, 2) and len(given) == len(data)
    return _framed(given, data.index) if is_table else given


@contextmanager
def asked(model: torch.nn.Module) -> Iterator[None]:
    """As it is when it is asked: nothing is dropped or counted, and no gradient is kept; each part is then as it was before."""
    modes = [(part, part.training) for part in model.modules()]
    model.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        for part, mode in modes:
            part.training = mode


def as_arrays(said: Any) -> Any:
    """Tensors as arrays, wherever in dictionaries and lists; numbers of a type that arrays lack as wider ones."""
    if isinstance(said, torch.Tensor):
        held = said.detach().cpu()
        held = held.to_dense() if held.layout is not torch.strided else held
        return (held.float() if held.dtype is torch.bfloat16 else held).resolve_conj().resolve_neg().numpy()
    if isinstance(said, Mapping):
        return {str(name): as_arrays(each) for name, each in said.items()}
    return [as_arrays(each) for each in said] if isinstance(said, (list, tuple)) else said


def _tensor(model: torch.nn.Module, data: Any) -> torch.Tensor:
    """On its device. Numbers with a point have the precision of its parameters; whole ones stay whole, but for those of a frame."""
    first = next(iter((*model.parameters(), *model.buffers())), None)
    device = torch.device("cpu") if first is None else first.device
    if isinstance(data, torch.Tensor):
        return data.to(device)
    if hasattr(data, "iloc"):
        held = torch.from_numpy(np.array(data.to_numpy(), np.float32 if _precision(model) is not torch.float64 else np.float64))
    else:
        held = torch.from_numpy(np.array(data.toarray() if hasattr(data, "toarray") else data))
    return held.to(device, _precision(model)) if held.is_floating_point() else held.to(device)


def _precision(model: torch.nn.Module) -> torch.dtype | None:
    """Of its parameters, where they agree; a module that has none takes what there is."""
    found = {each.dtype for each in model.parameters() if each.is_floating_point()}
    return found.pop() if len(found) == 1 else None


def _taken(model: torch.nn.Module, params: Mapping[str, Any]) -> dict[str, Any]:
    known = inspect.signature(model.forward).parameters
    takes_all = any(each.kind is each.VAR_KEYWORD for each in known.values())
    unknown = [] if takes_all else [name for name in params if name not in known]
    if unknown:
        warnings.warn(f"The model's forward takes no {', '.join(unknown)}, which is left out.", stacklevel=4)
    return {name: value for name, value in params.items() if name not in unknown}


def _check_names(model: torch.nn.Module, data: Mapping[Any, Any]) -> None:
    known = inspect.signature(model.forward).parameters
    unknown = [str(name) for name in data if str(name) not in known]
    if unknown and not any(each.kind is each.VAR_KEYWORD for each in known.values()):
        raise InvalidValue(f"The model is given arrays by the names of its forward, {', '.join(known)}; there is no {', '.join(unknown)}.")


def _framed(given: Any, index: Any) -> Any:
    import pandas as pd

    return pd.DataFrame(given, index=index)
