"""A model as files that are safe to read: its tensors as safetensors has them, and JSON of the classes that it is made of."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import safetensors.torch
import torch

from runlake import InvalidModel, RunlakeError, Saved
from runlake_torch import FORMAT
from runlake_torch.rebuilding import built, is_built_alike, tree_of

__all__ = ["loaded", "saved"]

TENSORS, MODEL = "model.safetensors", "model.json"

_WRONG = (
    ValueError,
    TypeError,
    KeyError,
    AttributeError,
    IndexError,
    RuntimeError,
    RecursionError,
    ArithmeticError,
    AssertionError,
    MemoryError,
    safetensors.SafetensorError,
)

Place = tuple[Any, ...]


def saved(model: Any, max_bytes: int) -> Saved | None:
    """Its files; or why there are none."""
    if not isinstance(model, torch.nn.Module):
        return None
    state = model.state_dict()
    tensors = {name: held for name, held in state.items() if isinstance(held, torch.Tensor)}
    why_not = next((f"{name} {why}" for name, held in tensors.items() if (why := _why_not(held))), "")
    if why_not:
        return Saved(FORMAT, why_not=why_not)
    unique, aliases = _told_apart(tensors)
    if sum(held.numel() * held.element_size() for held in unique.values()) > max_bytes:
        return Saved(FORMAT, why_not=f"it takes more than {max_bytes:,} bytes")
    try:
        content = safetensors.torch.save(_copied(unique))
    except _WRONG as error:  # of a type of numbers that it does not have
        return Saved(FORMAT, why_not=f"safetensors does not take it: {error}")
    tree = tree_of(model)
    about: dict[str, Any] = {
        "class": tree["class"],
        "is_rebuilt": is_built_alike(tree, model),
        "tree": tree,
        "aliases": aliases,
        "frozen": [name for name, held in model.named_parameters(remove_duplicate=False) if not held.requires_grad],
    }
    left_out = [name for name in state if name not in tensors]
    if any(part._forward_hooks or part._forward_pre_hooks for part in model.modules()):
        left_out.append("hooks")
    notes = {"class": tree["class"], **({"left_out": ", ".join(left_out)} if left_out else {})}
    files = {MODEL: json.dumps(about).encode(), TENSORS: content}
    # A format that MLflow does not have, and says so: it is told of the tensors, and that they are no pickle.
    flavor = {"model_data": TENSORS, "pytorch_version": str(torch.__version__), "serialization_format": "safetensors"}
    return Saved(
        FORMAT, files, notes=notes, needs_class=not about["is_rebuilt"], flavors={"pytorch": flavor}, modules=_modules_of(model, about)
    )


def loaded(files: Mapping[str, bytes], options: Mapping[str, Any]) -> Any:
    """The model, or its tensors. Raises InvalidModel for files that none was saved as, and RunlakeError where its class is wanted."""
    arguments = {name: value for name, value in options.items() if name not in ("model_class", "weights_only")}
    model_class = options.get("model_class")
    if arguments and model_class is None:
        raise RunlakeError(f"The arguments {', '.join(arguments)} are the class's own; pass it too, as model_class=...")
    try:
        about, tensors = _read(files)
        if options.get("weights_only"):
            return tensors
        if model_class is None and about["is_rebuilt"] is True:
            return _rebuilt(about, tensors)
        name = str(about["class"])
    except _WRONG as error:
        raise InvalidModel(f"These files are no model of PyTorch: {type(error).__name__}: {error}") from error
    if model_class is None:
        raise RunlakeError(
            f"The model is a {name}, a class of the program that trained it, which no file can bring. Pass it with what it is made with: "
            "runlake.torch.load_model(uri, model_class=..., **arguments); with weights_only=True the tensors alone are given."
        )
    return _filled(model_class(**arguments), about, tensors)


def _modules_of(model: torch.nn.Module, about: Mapping[str, Any]) -> tuple[str, ...]:
    """Those of PyTorch, and that of a class which has to be passed."""
    own = type(model).__module__.partition(".")[0]
    return ("torch", "safetensors") if about["is_rebuilt"] or own in ("torch", "__main__") else ("torch", "safetensors", own)


def _why_not(held: torch.Tensor) -> str:
    """Why a tensor has no safe form."""
    if torch.nn.parameter.is_lazy(held):
        return "has no shape yet"
    if held.is_meta:
        return "holds no numbers"
    if held.layout is not torch.strided or held.is_quantized:
        return "is sparse or quantized, which the format does not have"
    if type(held.detach()) is not torch.Tensor:
        return f"is a {type(held.detach()).__name__}, which only its own code can tell of"
    if held.is_cuda and torch.cuda.is_current_stream_capturing():
        return "was on a device that took no other work"
    return ""


def _told_apart(tensors: Mapping[str, torch.Tensor]) -> tuple[dict[str, torch.Tensor], dict[str, str]]:
    """Each tensor once, and the names that mean one of them."""
    first: dict[Place, str] = {}
    unique, aliases = {}, {}
    for name, held in tensors.items():
        place = (held.untyped_storage().data_ptr(), held.storage_offset(), held.shape, held.stride(), held.dtype, held.device)
        known = first.setdefault(place, name) if held.numel() else name
        if known == name:
            unique[name] = held
        else:
            aliases[name] = known
    return unique, aliases


def _copied(unique: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """In memory, one after the other; parts of one tensor are copies, as the format has none of those."""
    kept: dict[str, torch.Tensor] = {}
    storages: set[int] = set()
    for name, held in unique.items():
        held = held.detach().cpu().resolve_conj().resolve_neg().contiguous()
        storage = held.untyped_storage().data_ptr()
        kept[name] = held.clone() if storage in storages else held
        storages.add(storage)
    return kept


def _read(files: Mapping[str, bytes]) -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
    about = json.loads(files[MODEL])
    tensors = safetensors.torch.load(bytes(files[TENSORS]))
    if not isinstance(about, dict):
        raise TypeError(f"{MODEL} holds no dictionary")
    for name, first in about["aliases"].items():
        tensors[name] = tensors[first]
    return about, tensors


def _rebuilt(about: Mapping[str, Any], tensors: Mapping[str, torch.Tensor]) -> Any:
    """Of the classes of the list alone, first without memory: what does not fit the tensors takes none."""
    model = built(about["tree"], most_layers=len(tensors))
    _check(model, tensors)
    model.load_state_dict(tensors, assign=True, strict=False)
    for name, first in about["aliases"].items():  # they were one parameter
        owner, _, last = name.rpartition(".")
        first_owner, _, first_last = first.rpartition(".")
        setattr(model.get_submodule(owner), last, getattr(model.get_submodule(first_owner), first_last))
    parameters = dict(model.named_parameters(remove_duplicate=False))
    for name in about["frozen"]:
        parameters[name].requires_grad_(False)
    if any(held.is_meta for held in (*model.parameters(), *model.buffers())):
        raise ValueError("some of its tensors are not there")
    return model


def _filled(model: Any, about: Mapping[str, Any], tensors: Mapping[str, torch.Tensor]) -> Any:
    """A model of the user's class with these tensors; Raises RunlakeError where they do not fit."""
    if not isinstance(model, torch.nn.Module):
        raise RunlakeError(f"model_class gave a {type(model).__name__}, not a module of PyTorch.")
    try:
        _check(model, tensors)
        for name, held in {**dict(model.named_parameters(remove_duplicate=False)), **dict(model.named_buffers())}.items():
            if name in tensors and held.dtype != tensors[name].dtype:
                held.data = held.data.to(tensors[name].dtype)
        model.load_state_dict(tensors, strict=False)
        return model.train(about["tree"]["training"] is True)
    except _WRONG as error:
        raise RunlakeError(f"The model of {about['class']} does not fit {type(model).__qualname__}: {error}") from error


def _check(model: torch.nn.Module, tensors: Mapping[str, torch.Tensor]) -> None:
    own = {name: held for name, held in model.state_dict().items() if isinstance(held, torch.Tensor)}
    said = [f"{name} is missing" for name in own if name not in tensors]
    said += [f"there is no {name}" for name in tensors if name not in own]
    said += [
        f"{name} has the shape {list(tensors[name].shape)}, not {list(held.shape)}"
        for name, held in own.items()
        if name in tensors and tensors[name].shape != held.shape
    ]
    if said:
        raise ValueError("; ".join(said[:5]) + (f", and {len(said) - 5} more" if len(said) > 5 else ""))
