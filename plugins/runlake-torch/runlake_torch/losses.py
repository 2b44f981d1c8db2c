"""The loss of each step: what is differentiated before it, as it was before a GradScaler scaled it."""

from __future__ import annotations

import weakref
from collections.abc import Generator, Mapping
from typing import TYPE_CHECKING, Any

from runlake_torch.here import Losses, Scaled, here
from runlake_torch.values import is_number, taken

if TYPE_CHECKING:
    from runlake import Call

__all__ = ["capture_scale", "capture_scaled_step", "glance_at_backward", "of_losses"]

MOST_LOSSES = 10_000  # before a step that may never come
MOST_SCALED = 100


def glance_at_backward(args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """Note the loss until the step that it leads to: no training may have begun by now."""
    loss: Any = args[0] if args else kwargs.get("tensors")
    if isinstance(loss, (list, tuple)) and len(loss) == 1:
        loss = loss[0]
    known = here()
    if known.is_idle or not is_number(loss):
        return
    losses = known.losses
    if losses.is_used or len(losses.values) >= MOST_LOSSES:
        losses = known.losses = Losses()
    losses.values.append(_unscaled(loss, known.scaled) if known.scaled else taken(loss))


def capture_scale(call: Call) -> Generator[None, Any, None]:
    """Note what a loss is before it is scaled, or each of several."""
    given: Any = call.args[0] if call.args else call.kwargs.get("outputs")
    outcome = yield
    several = isinstance(given, (list, tuple))
    scaled, scale = here().scaled, getattr(call.instance, "_scale", None)
    for loss, made in zip(given, outcome, strict=True) if several else [(given, outcome)]:
        if is_number(loss) and len(scaled) < MOST_SCALED:
            scaled.append(Scaled(weakref.ref(made), taken(loss), scale))


def capture_scaled_step(call: Call) -> Generator[None, Any, None]:
    """A step that a GradScaler leaves out, as gradients overflowed, ends what is accumulated before it all the same."""
    known = here()
    before = known.steps
    yield
    if known.steps == before:
        known.losses.is_used = True
        known.scaled.clear()


def of_losses(values: list[Any], *, has_closure: bool, accumulates: bool) -> Mapping[str, Any]:
    """What is recorded of the losses before a step: one as it is; of several the mean, the sum, and how many.

    Whether they were divided by their number the program alone knows. An optimizer that asks a closure again and again within a step
    began it at the first.
    """
    if not accumulates:
        return {"train/loss": values[0]}
    if has_closure:
        return {"train/loss": values[0], "train/backwards_per_step": len(values)}
    total = sum(values[1:], values[0])
    return {"train/loss": total / len(values), "train/loss_sum": total, "train/backwards_per_step": len(values)}


def _unscaled(loss: Any, scaled: list[Scaled]) -> Any:
    """As it was before it was scaled, or what was made of scaled ones, a sum say."""
    for known in scaled:
        if known.outcome() is loss:
            return known.value
    scale = scaled[-1].scale
    return taken(loss if scale is None else loss.detach() / scale)
