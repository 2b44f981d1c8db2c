"""Record loops that train with PyTorch: the optimizer's settings, and the loss at each of its steps."""

from __future__ import annotations

import functools
import hashlib
import itertools
import threading
from types import ModuleType
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import runlake
from runlake import Patch, Registration, hookimpl, isolated

if TYPE_CHECKING:
    from runlake import Call


@hookimpl
def patches() -> list[Patch | Registration]:
    """A loop has no call around it: its steps are heard of from the optimizer, its loss is seen as it is differentiated."""
    return [
        Registration("torch.optim.optimizer", listen, forget, why="the official hook of every optimizer's every step"),
        Registration("torch._dynamo.trace_rules", leave_uncompiled, compile_again, why="what records is not compiled with the loop"),
        Patch("torch.autograd:backward", capture_backward, role="after", why="every loss is differentiated by it, before any step"),
    ]


def capture_backward(call: Call) -> None:
    """Hold the loss until the step that it leads to: no training may have begun, and reading it would wait for the device."""
    loss: Any = call.args[0] if call.args else call.kwargs.get("tensors")
    if isinstance(loss, (list, tuple)) and len(loss) == 1:
        loss = loss[0]
    if hasattr(loss, "detach") and loss.numel() == 1:
        _here.loss = next(_count), loss.detach().clone()


def listen(module: ModuleType) -> Any:
    """Hear of the steps of every optimizer, those that are there already too."""
    return module.register_optimizer_step_post_hook(on_step)


def forget(handle: Any) -> None:
    """Hear of no further step, and let go of what was held."""
    global _here
    handle.remove()
    _here = threading.local()
    _logged.clear()


def leave_uncompiled(rules: ModuleType) -> Any:
    """Have torch.compile pass over what records, which it would trace and compile where a compiled loop calls it."""
    before = list(rules.SKIP_DIRS)
    for module in ("runlake", __name__):
        rules.add(module)
    return rules, rules.SKIP_DIRS[len(before) :]


def compile_again(added: Any) -> None:
    """Take that back, for which the compiler has no function as it has one to add."""
    rules, places = added
    for place in places:
        rules.SKIP_DIRS.remove(place)
    rules._recompile_re()


def on_step(optimizer: Any, args: Any, kwargs: Any) -> None:
    """Called after each step, which may be part of a compiled function: what it does is not compiled with it."""
    _outside_of_graphs()(optimizer)


@functools.cache
def _outside_of_graphs() -> Any:
    import torch

    return torch.compiler.disable(record_step)  # type: ignore[no-untyped-call]  # torch has no types there


@isolated
def record_step(optimizer: Any) -> None:
    """Log the loss of the latest backward pass, once for each optimizer that steps after it."""
    training = runlake.training(optimizer)
    if training is None:
        return
    if "optimizer_name" not in training.run.params:
        training.run.log_params({"optimizer_name": type(optimizer).__name__, **optimizer.defaults})
    number, loss = getattr(_here, "loss", (0, None))
    if number > _logged.get(optimizer, 0):
        _logged[optimizer] = number
        training.run.log_metric("train/loss", loss)


@hookimpl
def model_digest(model: Any) -> str | None:
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


@hookimpl
def random_states() -> dict[str, Any]:
    """Of the processor, and of each graphics card that was used."""
    import torch

    is_used = torch.cuda.is_initialized()  # type: ignore[no-untyped-call]  # torch has no types there
    cards = torch.cuda.get_rng_state_all() if is_used else []
    return {"torch": torch.get_rng_state()} | {f"torch.cuda:{number}": state for number, state in enumerate(cards)}


_here = threading.local()  # the loss that was last differentiated in each thread, with its number
_count = itertools.count(1)
_logged: WeakKeyDictionary[Any, int] = WeakKeyDictionary()  # the number of the loss that each optimizer logged last


def demo() -> None:
    """For `runlake demo`: the smallest training that shows what is recorded."""
    import torch

    inputs = torch.linspace(-1, 1, 64).unsqueeze(1)
    model = torch.nn.Sequential(torch.nn.Linear(1, 8), torch.nn.Tanh(), torch.nn.Linear(8, 1))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
    for _ in range(100):
        optimizer.zero_grad()
        loss: Any = torch.nn.functional.mse_loss(model(inputs), torch.sin(3 * inputs))
        loss.backward()
        optimizer.step()
