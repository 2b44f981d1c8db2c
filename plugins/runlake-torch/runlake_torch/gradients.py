"""The norm of the gradients, where a program asks for it and does not clip them."""

from __future__ import annotations

from typing import Any

__all__ = ["norm_of"]


def norm_of(optimizer: Any) -> Any:
    """As clipping would give it, of what this optimizer trains; None where nothing of that has gradients."""
    import torch

    with torch.no_grad():
        gradients = [each.grad for group in optimizer.param_groups for each in group["params"] if each.grad is not None]
        return torch.nn.utils.get_total_norm(gradients) if gradients else None
