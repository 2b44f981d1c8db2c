"""The smallest training that shows what is recorded: a curve through a few points, with whichever package is there."""

from __future__ import annotations

import importlib
import importlib.util
import logging
import tempfile
import warnings
from typing import Any

import torch
from torch.utils.data import DataLoader, TensorDataset

from runlake_lightning import PACKAGES

__all__ = ["train"]

_PACKAGE = PACKAGES[0] if importlib.util.find_spec("lightning") is not None else PACKAGES[1]
_library: Any = importlib.import_module(_PACKAGE)


class Curve(_library.LightningModule):  # type: ignore[misc]  # of whichever package is there
    """A curve through a few points."""

    def __init__(self, hidden: int = 8, rate: float = 0.05) -> None:
        super().__init__()
        self.save_hyperparameters()
        self.net = torch.nn.Sequential(torch.nn.Linear(1, hidden), torch.nn.Tanh(), torch.nn.Linear(hidden, 1))

    def training_step(self, batch: Any) -> Any:
        """A step of the curve."""
        return self._loss(batch, "train_loss")

    def validation_step(self, batch: Any) -> None:
        """How far off it is."""
        self._loss(batch, "val_loss")

    def configure_optimizers(self) -> Any:
        """With the rate that it was made with."""
        return torch.optim.Adam(self.parameters(), lr=self.hparams["rate"])

    def _loss(self, batch: Any, name: str) -> Any:
        loss = torch.nn.functional.mse_loss(self.net(batch[0]), batch[1])
        self.log(name, loss)
        return loss


def train() -> None:
    """In a folder that is gone afterwards, and without Lightning's advice."""
    inputs = torch.linspace(-1, 1, 64).unsqueeze(1)
    data = DataLoader(TensorDataset(inputs, torch.sin(3 * inputs)), batch_size=16)
    loud = logging.getLogger(_PACKAGE)
    level = loud.level
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        loud.setLevel(logging.ERROR)
        try:
            _trainer(folder).fit(Curve(), data, data)
        finally:
            loud.setLevel(level)


def _trainer(folder: str) -> Any:
    return _library.Trainer(
        max_epochs=5, accelerator="cpu", logger=False, default_root_dir=folder, enable_progress_bar=False, enable_model_summary=False
    )
