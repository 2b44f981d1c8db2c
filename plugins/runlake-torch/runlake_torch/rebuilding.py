"""Modules that can be made again without any code of the program: a closed list of PyTorch's own, and the arguments each was made with."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

__all__ = ["built", "is_built_alike", "tree_of"]

_CONTAINERS = (nn.Sequential, nn.ModuleList, nn.ModuleDict)
_RECURRENT = (nn.RNN, nn.LSTM, nn.GRU)
_NAMES = """
    Linear Bilinear Identity Embedding EmbeddingBag Flatten Unflatten RNNCell LSTMCell GRUCell MultiheadAttention TransformerEncoderLayer
    Conv1d Conv2d Conv3d ConvTranspose1d ConvTranspose2d ConvTranspose3d Fold Unfold
    BatchNorm1d BatchNorm2d BatchNorm3d InstanceNorm1d InstanceNorm2d InstanceNorm3d LayerNorm GroupNorm RMSNorm LocalResponseNorm
    Dropout Dropout1d Dropout2d Dropout3d AlphaDropout FeatureAlphaDropout
    MaxPool1d MaxPool2d MaxPool3d AvgPool1d AvgPool2d AvgPool3d LPPool1d LPPool2d
    AdaptiveAvgPool1d AdaptiveAvgPool2d AdaptiveAvgPool3d AdaptiveMaxPool1d AdaptiveMaxPool2d AdaptiveMaxPool3d
    ReLU ReLU6 LeakyReLU PReLU RReLU ELU SELU CELU GELU SiLU Mish Sigmoid LogSigmoid Tanh Softmax Softmax2d LogSoftmax Softmin Softplus
    Softsign Softshrink Hardshrink Hardtanh Hardswish Hardsigmoid Tanhshrink Threshold GLU
    ZeroPad1d ZeroPad2d ZeroPad3d ConstantPad1d ConstantPad2d ConstantPad3d ReflectionPad1d ReflectionPad2d ReflectionPad3d
    ReplicationPad1d ReplicationPad2d ReplicationPad3d
    Upsample PixelShuffle PixelUnshuffle ChannelShuffle CosineSimilarity
"""


def _name(kind: type) -> str:
    return f"{kind.__module__}:{kind.__qualname__}"


_LEAVES: tuple[type[nn.Module], ...] = (*_RECURRENT, *(getattr(nn, name) for name in _NAMES.split() if hasattr(nn, name)))
_KINDS: dict[str, type[nn.Module]] = {_name(kind): kind for kind in (*_CONTAINERS, *_LEAVES)}
_NOT_KEPT = {"self", "device", "dtype", "min_value", "max_value"}  # the last two are older names of others


def tree_of(model: nn.Module) -> dict[str, Any]:
    """The classes, as they are nested, with the arguments of those of the list."""
    return _node(model, "", {})


def is_built_alike(tree: Mapping[str, Any], model: nn.Module) -> bool:
    """Whether the tree alone makes a module of the same parts, with tensors of the same names and shapes."""
    if not _is_of_the_list(tree) or any("forward" in vars(part) for part in model.modules()):
        return False
    try:
        other = built(tree, most_layers=len(model.state_dict()))
    except (ValueError, TypeError, KeyError, AttributeError, RuntimeError):
        return False
    return _shape_of(other) == _shape_of(model)


def built(tree: Mapping[str, Any], *, most_layers: int) -> nn.Module:
    """The module, whose tensors take no memory yet. Nothing outside the list is called; what is wrong raises one error or another."""
    with torch.device("meta"):
        return _built(tree, "", {}, most_layers)


def _node(module: nn.Module, path: str, seen: dict[int, str]) -> dict[str, Any]:
    if id(module) in seen:
        return {"same_as": seen[id(module)]}
    seen[id(module)] = path
    kind = type(module)
    about: dict[str, Any] = {"class": _name(kind), "training": module.training}
    arguments = _arguments(module) if kind in _LEAVES else None
    if arguments is not None:
        return about | {"arguments": arguments}
    children = {name: child and _node(child, f"{path}.{name}" if path else name, seen) for name, child in module._modules.items()}
    return about | {"children": children}


def _arguments(module: Any) -> dict[str, Any] | None:
    """What it was made with, as its attributes tell; None where one is no plain value."""
    kind = type(module)
    if kind in _RECURRENT:
        names = ["input_size", "hidden_size", "num_layers", "bias", "batch_first", "dropout", "bidirectional"]
        names += {nn.LSTM: ["proj_size"], nn.RNN: ["nonlinearity"]}.get(kind, [])
        found = {name: getattr(module, name) for name in names}
    elif kind is nn.MultiheadAttention:
        names = ["embed_dim", "num_heads", "dropout", "add_zero_attn", "kdim", "vdim", "batch_first"]
        found = {name: getattr(module, name) for name in names}
        found |= {"bias": module.in_proj_bias is not None, "add_bias_kv": module.bias_k is not None}
    elif kind is nn.TransformerEncoderLayer:
        found = _of_encoder_layer(module)
    else:
        found = {name: _told(module, name) for name in _parameters(kind)}
    return found if all(map(_is_plain, found.values())) else None


def _parameters(kind: type[nn.Module]) -> list[str]:
    signature = inspect.signature(kind.__init__)
    named = [name for name, each in signature.parameters.items() if each.kind not in (each.VAR_POSITIONAL, each.VAR_KEYWORD)]
    return [name for name in named if name not in _NOT_KEPT and not name.startswith("_")]


def _told(module: nn.Module, name: str) -> Any:
    """An attribute; of a bias whether there is one."""
    value = getattr(module, name, module)
    if name == "bias":
        return bool(value is not None and value is not False)
    return value


def _of_encoder_layer(module: Any) -> dict[str, Any]:
    activations = {nn.functional.relu: "relu", nn.functional.gelu: "gelu"}
    return {
        "d_model": module.self_attn.embed_dim,
        "nhead": module.self_attn.num_heads,
        "dim_feedforward": module.linear1.out_features,
        "dropout": module.dropout.p,
        "activation": activations.get(module.activation, module),
        "layer_norm_eps": module.norm1.eps,
        "batch_first": module.self_attn.batch_first,
        "norm_first": module.norm_first,
        "bias": module.linear1.bias is not None,
    }


def _is_plain(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return all(map(_is_plain, value))
    return value is None or type(value) in (bool, int, float, str)


def _is_of_the_list(tree: Mapping[str, Any] | None) -> bool:
    if tree is None or "same_as" in tree:
        return True
    kind = _KINDS.get(tree["class"])
    if kind in _CONTAINERS:
        return all(map(_is_of_the_list, tree["children"].values()))
    return kind is not None and "arguments" in tree


def _shape_of(model: nn.Module) -> list[Any]:
    parts: list[Any] = [(name, type(part)) for name, part in model.named_modules(remove_duplicate=False)]
    held = {name: each for name, each in model.state_dict().items() if isinstance(each, torch.Tensor)}
    kept = {**dict(model.named_parameters(remove_duplicate=False)), **dict(model.named_buffers(remove_duplicate=False))}
    return parts + [(name, each.shape, each.is_floating_point()) for name, each in held.items()] + sorted(kept)


def _built(tree: Mapping[str, Any], path: str, made: dict[str, nn.Module], most_layers: int) -> nn.Module:
    if "same_as" in tree:
        return made[tree["same_as"]]
    kind = _KINDS.get(tree["class"])
    if kind is None:
        raise ValueError(f"{tree['class']!r} is no class of the list")
    if kind in _CONTAINERS:
        module: Any = kind()
        for name, child in tree["children"].items():
            below = f"{path}.{name}" if path else name
            module.add_module(name, None if child is None else _built(child, below, made, most_layers))
    else:
        module = _leaf(kind, {name: _tupled(value) for name, value in tree["arguments"].items()}, most_layers)
    for part in module.modules() if kind not in _CONTAINERS else (module,):
        part.training = tree["training"] is True
    made[path] = module
    return module  # type: ignore[no-any-return]  # one of the list


def _leaf(kind: type[nn.Module], arguments: dict[str, Any], most_layers: int) -> Any:
    if not all(map(_is_plain, arguments.values())) or any(name.startswith("_") or name in ("device", "dtype") for name in arguments):
        raise ValueError(f"{kind.__name__} is made with plain values")
    if kind not in _RECURRENT:
        return kind(**arguments)
    if arguments["num_layers"] > most_layers:  # each is made in turn
        raise ValueError(f"{arguments['num_layers']} layers are more than there are tensors")
    dropout = arguments.pop("dropout")
    module: Any = kind(**arguments)
    module.dropout = float(dropout)  # which a single layer warns of, as it did when it was made first
    return module


def _tupled(value: Any) -> Any:
    return tuple(map(_tupled, value)) if isinstance(value, list) else value
