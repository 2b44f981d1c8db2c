"""A small model and a quiet Trainer, of either package."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.utils.data import DataLoader, TensorDataset

QUIET: dict[str, Any] = {"accelerator": "cpu", "logger": False, "enable_progress_bar": False, "enable_model_summary": False}
ADVICE = [
    "ignore:.*LeafSpec.* is deprecated:FutureWarning",  # Lightning's own use of PyTorch
    "ignore:You defined a `validation_step` but have no `val_dataloader`",
    "ignore:The '.*_dataloader' does not have many workers",
    "ignore:Checkpoint directory .* exists and is not empty",
    "ignore:.*You called `self.log.*but have no logger configured",
]
# A process takes eight seconds to import either package, and what these show of one they show of its twin.
OF_A_TWIN = [
    f"[pytorch_lightning-{check}]" for check in ("names_imported_before_are_recorded_and_given_back", "a_forked_child_records_for_itself")
]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Lightning gives advice that small data has no use for."""
    for item in items:
        if item.path.parent == Path(__file__).parent:
            for advice in ADVICE:
                item.add_marker(pytest.mark.filterwarnings(advice))
            if item.name.endswith(tuple(OF_A_TWIN)):
                item.add_marker(pytest.mark.long)


@pytest.fixture(params=["lightning.pytorch", "pytorch_lightning"])
def library(request: pytest.FixtureRequest) -> Any:
    """The package; a test that says nothing of it is run with both."""
    return importlib.import_module(request.param)


@pytest.fixture
def net(library: Any) -> Any:
    """A model that logs in all the ways that there are."""

    class Net(library.LightningModule):  # type: ignore[misc]  # of whichever package
        """One layer."""

        def __init__(self, rate: float = 0.1, fails_at: int = -1) -> None:
            super().__init__()
            self.save_hyperparameters()
            self.layer = torch.nn.Linear(3, 1)

        def training_step(self, batch: Any, place: int) -> Any:
            if self.global_step == self.hparams["fails_at"]:
                raise ValueError("no more")
            loss = torch.nn.functional.mse_loss(self.layer(batch[0]), batch[1])
            self.log("train_loss", loss)
            self.log("both", loss, on_step=True, on_epoch=True)
            if place % 2 == 0:
                self.log("rare", loss, logger=False)
            return loss

        def on_train_epoch_end(self) -> None:
            self.log("late", torch.tensor(float(self.current_epoch)))

        def validation_step(self, batch: Any, place: int) -> None:
            self.log("val_loss", torch.nn.functional.mse_loss(self.layer(batch[0]), batch[1]))

        def test_step(self, batch: Any, place: int) -> None:
            self.log("test_loss", torch.nn.functional.mse_loss(self.layer(batch[0]), batch[1]))

        def predict_step(self, batch: Any, place: int) -> Any:
            return self.layer(batch[0])

        def configure_optimizers(self) -> Any:
            optimizer = torch.optim.Adam(self.parameters(), lr=self.hparams["rate"])
            return [optimizer], [torch.optim.lr_scheduler.StepLR(optimizer, 1, 0.5)]

    return Net


@pytest.fixture
def data() -> Any:
    """Three batches."""
    generator = torch.Generator().manual_seed(0)
    inputs, targets = torch.randn(12, 3, generator=generator), torch.randn(12, 1, generator=generator)
    return DataLoader(TensorDataset(inputs, targets), batch_size=4)


@pytest.fixture
def trainer(library: Any, tmp_path: Path) -> Callable[..., Any]:
    """Makes one that says nothing and keeps no checkpoints, unless it is told."""

    def made(**given: Any) -> Any:
        return library.Trainer(**{**QUIET, "max_epochs": 2, "enable_checkpointing": False, "default_root_dir": tmp_path, **given})

    return made
