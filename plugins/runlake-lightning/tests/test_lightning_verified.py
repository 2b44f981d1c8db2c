"""The plugin holds what every plugin does, and `runlake verify` finds programs unchanged by it."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lightning.pytorch
import numpy as np
import pytest
import pytorch_lightning
import torch
from torch.utils.data import DataLoader, TensorDataset

from runlake.testing import Scenario, parametrize_with_plugin_checks
from verifying import verdicts_of, verified

X = np.arange(12, dtype=np.float32).reshape(6, 2) / 12
QUIET: dict[str, Any] = {
    "max_epochs": 2,
    "accelerator": "cpu",
    "logger": False,
    "enable_progress_bar": False,
    "enable_model_summary": False,
    "enable_checkpointing": False,
}


class Steps:
    """A line through points."""

    layer: Any

    def training_step(self, batch: Any) -> Any:
        """The loss of a batch."""
        loss = torch.nn.functional.mse_loss(self.layer(batch[0]), batch[1])
        self.log("loss", loss)  # type: ignore[attr-defined]  # the other base has it
        return loss

    def configure_optimizers(self) -> Any:
        """Plain steps."""
        return torch.optim.SGD(self.layer.parameters(), lr=0.1)


class Line(Steps, lightning.pytorch.LightningModule):
    """For one package."""


class Mirrored(Steps, pytorch_lightning.LightningModule):
    """For the other."""


def fit(library: Any, kind: Any, inputs: Any, **given: Any) -> Any:
    """A model that is trained, always the same."""
    torch.manual_seed(0)
    data = DataLoader(TensorDataset(torch.from_numpy(inputs), torch.from_numpy(inputs.sum(1, keepdims=True))), batch_size=2, shuffle=True)
    model = kind()
    model.layer = torch.nn.Linear(2, 1)
    library.Trainer(**{**QUIET, **given}).fit(model, data)
    return model


def told(model: Any) -> Any:
    """Its numbers, and that nothing was added to it."""
    return {name: value.tolist() for name, value in model.state_dict().items()}, sorted(vars(model))


PROGRAM = """
import warnings, torch
from {name} import LightningModule, Trainer
from torch.utils.data import DataLoader
warnings.simplefilter("ignore")
class Line(LightningModule):
    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(2, 1)
    def training_step(self, batch):
        return self.layer(batch).sum()
    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.1)
quiet = dict(accelerator="cpu", logger=False, enable_progress_bar=False, enable_model_summary=False, enable_checkpointing=False)
trainer = Trainer(max_epochs=1, **quiet)
trainer.fit(Line(), DataLoader(torch.ones(4, 2), batch_size=2))
print(trainer.global_step)
"""

SCENARIOS = {
    name: Scenario(
        train=functools.partial(fit, library, kind),
        data=lambda: (X.copy(),),
        told_by=told,
        patched=[
            *(f"{name}.trainer.trainer:Trainer.{method}" for method in ("fit", "validate", "test", "predict")),
            *(f"{name}.loggers.tensorboard:TensorBoardLogger.log_{what}" for what in ("metrics", "hyperparams")),
        ],
        program=PROGRAM.format(name=name),
        fail=functools.partial(fit, library, kind, X, limit_train_batches=-1.5),
        series="loss",
        generators=lambda: torch.get_rng_state().tolist(),
        seconds=2.0,
    )
    for name, library, kind in (("lightning.pytorch", lightning.pytorch, Line), ("pytorch_lightning", pytorch_lightning, Mirrored))
}

DEMO = """
    import runlake_lightning
    import torch

    torch.manual_seed(0)
    runlake_lightning.demo()
"""


@parametrize_with_plugin_checks("lightning", SCENARIOS)
def test_the_plugin_holds_what_every_plugin_does(check: Callable[[], None]) -> None:
    """The checks are the same for all, and for both packages."""
    check()


@pytest.mark.long
def test_a_program_is_not_changed(tmp_path: Path) -> None:
    """Not what it says, nor the numbers that are drawn; its models are of no global, and looking for them takes a profiler."""
    found = verified(tmp_path, DEMO, options=["--globals-only"])

    assert found["is_same"], found["findings"]
    assert [verdicts_of(found)[about] for about in ("stdout", "stderr", "random")] == ["same"] * 3
    assert (found["recorded"]["runs"], found["recorded"]["errors"]) == (1, [])
