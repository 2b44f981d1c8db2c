"""A module of a class of the program's own may be kept as a pickle, and is asked as any other."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

import runlake


class Doubled(torch.nn.Module):
    """It is nobody else's."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = torch.nn.Linear(3, 2)

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        """Twice what the layer says."""
        doubled: torch.Tensor = 2 * self.linear(rows)
        return doubled


def test_a_module_that_was_pickled_is_asked_as_any_other(tmp_path: Path) -> None:
    """With arrays, though it has no `predict`; its example told the signature."""
    net, rows = Doubled(), np.ones((4, 3), np.float32)
    runlake.torch.save_model(net, tmp_path / "model", format="pickle", input_example=rows)
    loaded = runlake.pyfunc.load_model(str(tmp_path / "model"))

    assert np.array_equal(loaded.predict(rows), net(torch.from_numpy(rows)).detach().numpy())
    assert loaded.metadata.signature is not None
    assert "torch" in (tmp_path / "model" / "requirements.txt").read_text()
