"""What tells whether a model is the same to the bit, and where the random generators stand."""

from __future__ import annotations

import hashlib
from typing import Any

__all__ = ["digest_of", "random_states"]


def digest_of(model: Any) -> str | None:
    """Of every parameter and buffer of a module, bit for bit, and of what it is made of."""
    import torch

    if not isinstance(model, torch.nn.Module):
        return None
    tensors = {name: held for name, held in model.state_dict().items() if isinstance(held, torch.Tensor)}
    if not tensors:
        return None
    parts = [(name, type(part).__name__, part.training) for name, part in model.named_modules()]
    digest = hashlib.sha256(repr(parts).encode())
    for name, tensor in tensors.items():
        digest.update(repr((name, str(tensor.dtype), tuple(tensor.shape))).encode())
        digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def random_states() -> dict[str, Any]:
    """Of the processor, and of each graphics card that was used."""
    import torch

    is_used = torch.cuda.is_initialized()  # type: ignore[no-untyped-call]  # torch has no types there
    cards = torch.cuda.get_rng_state_all() if is_used else []
    return {"torch": torch.get_rng_state()} | {f"torch.cuda:{number}": state for number, state in enumerate(cards)}
