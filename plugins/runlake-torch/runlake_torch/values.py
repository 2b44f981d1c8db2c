"""Numbers as they are, without a wait for the device that they are on."""

from __future__ import annotations

from typing import Any

__all__ = ["is_number", "taken"]


def is_number(value: Any) -> bool:
    """Whether it is a tensor that holds one, which can be had: work that is recorded into a graph of a device is not done yet."""
    return hasattr(value, "detach") and value.numel() == 1 and not (value.is_cuda and _is_recording())


def taken(value: Any) -> Any:
    """The number as it is now, whatever is done to its tensor later: read where it lies in memory, else a copy on its device."""
    if not hasattr(value, "detach"):
        return value
    return value.item() if value.is_cpu else value.detach().clone()


def _is_recording() -> bool:
    import torch

    return torch.cuda.is_current_stream_capturing()
