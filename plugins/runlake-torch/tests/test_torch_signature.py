"""What a model takes and gives is seen once, with no hook left behind, and its first batch is a data set."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn.modules import module as modules

import runlake
from runlake.entities import ModelSignature, Schema, TensorSpec

Runs = Callable[[], list[runlake.read.Run]]


def trained(model: nn.Module, give: Callable[[nn.Module], torch.Tensor], steps: int = 3) -> list[int]:
    """A training; how many hooks there were at each of its passes."""
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    hooks = []
    for _ in range(steps):
        hooks.append(len(modules._global_forward_hooks))
        give(model).backward()  # type: ignore[no-untyped-call]  # torch has no types there
        optimizer.step()
    return hooks


class Pair(nn.Module):
    """Takes and gives several tensors."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(3, 2)

    def forward(self, left: torch.Tensor, right: dict[str, torch.Tensor], scale: float = 1.0) -> dict[str, Any]:
        """With what is no tensor beside them."""
        outputs = self.layer(left) + right["ids"].unsqueeze(1) * scale
        return {"logits": outputs, "states": (outputs, outputs), "loss": outputs.mean()}


def test_a_signature_is_seen_between_the_first_step_and_the_second(runs: Runs) -> None:
    """The first size is any; the hook is there for that one pass."""
    runlake.autolog("torch")
    hooks = trained(nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 1)), lambda model: model(torch.ones(8, 3)).mean())
    runlake.disable_autolog()

    (run,) = runs()
    assert hooks == [0, 1, 0]
    assert run.signature == ModelSignature(Schema((TensorSpec("float32", (-1, 3)),)), Schema((TensorSpec("float32", (-1, 1)),)))
    assert [(each.dataset.name, each.tags[0].value) for each in run.inputs.dataset_inputs] == [("first batch", "train")]


def test_several_tensors_are_told_by_the_names_of_the_arguments(runs: Runs) -> None:
    """Wherever they are in tuples and dictionaries; single numbers are none."""
    runlake.autolog("torch")
    ids = torch.ones(8, dtype=torch.int64)
    trained(Pair(), lambda model: next(reversed(model(torch.ones(8, 3), right={"ids": ids}, scale=2.0).values())))
    runlake.disable_autolog()

    (run,) = runs()
    assert run.signature == ModelSignature(
        Schema((TensorSpec("float32", (-1, 3), "left"), TensorSpec("int64", (-1,), "right.ids"))),
        Schema(tuple(TensorSpec("float32", (-1, 2), name) for name in ("logits", "states.0", "states.1"))),
    )


def test_a_model_that_is_not_called_again_has_no_signature_and_no_hook(runs: Runs) -> None:
    """As of a program that computes with its parameters itself."""
    runlake.autolog("torch")
    trained(nn.Linear(3, 1, bias=False), lambda model: sum(map(torch.sum, model.parameters()), torch.zeros(())))
    runlake.disable_autolog()

    (run,) = runs()
    assert (run.signature, len(modules._global_forward_hooks)) == (None, 0)
    assert run.tags["runlake.skipped.signature"] == "the model was not called between the first step and the second"


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # PyTorch's own, from its own code
def test_where_something_was_compiled_no_hook_is_set(runs: Runs) -> None:
    """It would be compiled anew."""

    @torch.compile(backend="eager")
    def doubled(value: torch.Tensor) -> torch.Tensor:
        return value * 2

    doubled(torch.ones(2))
    runlake.autolog("torch")
    hooks = trained(nn.Linear(3, 1), lambda model: model(torch.ones(8, 3)).mean())
    runlake.disable_autolog()

    (run,) = runs()
    assert (hooks, run.signature) == ([0, 0, 0], None)
    assert "compiled" in run.tags["runlake.skipped.signature"]


def test_a_training_that_ends_at_once_leaves_no_hook_and_no_model(runs: Runs) -> None:
    """After a single step."""
    runlake.autolog("torch")
    model = nn.Linear(3, 1)
    held = weakref.ref(model)
    trained(model, lambda model: model(torch.ones(8, 3)).mean(), steps=1)
    del model
    gc.collect()

    assert (len(modules._global_forward_hooks), held()) == (0, None)
    assert [run.signature for run in runs()] == [None]
