"""What is said once of a training: its optimizer's settings, and the model as it is made up."""

from __future__ import annotations

from typing import Any

from runlake_torch.rates import plain

__all__ = ["params_of", "summary_of"]


def params_of(optimizer: Any, model: Any) -> dict[str, Any]:
    """The settings of an optimizer, and how large the model is that it trains, where that is known."""
    params = {"optimizer_name": type(optimizer).__name__, **{name: plain(value) for name, value in optimizer.defaults.items()}}
    if model is None:
        return params
    counts = [(parameter.numel(), parameter.requires_grad) for parameter in model.parameters()]
    return params | {
        "model_name": type(model).__name__,
        "parameters": sum(count for count, _ in counts),
        "trainable_parameters": sum(count for count, is_trained in counts if is_trained),
    }


def summary_of(model: Any) -> str:
    """Every module with its own parameters, as they are nested."""
    lines = []
    for name, module in model.named_modules():
        own = sum(parameter.numel() for parameter in module.parameters(recurse=False))
        said = module.extra_repr()
        indent = "  " * (name.count(".") + 1 if name else 0)
        shown = f"{indent}{name.rpartition('.')[2] or 'model'}: {type(module).__name__}{f'({said})' if said else ''}"
        lines.append(f"{shown}  {own:,} parameters" if own else shown)
    return "\n".join(lines) + "\n"
