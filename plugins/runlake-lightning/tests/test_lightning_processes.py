"""Of the processes that a Trainer makes, or that make a Trainer, the first records, in one run; Fabric is a loop as any."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import runlake
from children import environment, run_program

PROGRAM = """
import sys, warnings
import torch, runlake
from lightning.pytorch import LightningModule, Trainer
from torch.utils.data import DataLoader, TensorDataset

warnings.simplefilter("ignore")
runlake.autolog()

class Net(LightningModule):
    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(3, 1)

    def training_step(self, batch, place):
        if "fail" in sys.argv and place == 1:
            raise ValueError("no more")
        loss = (self.layer(batch[0]) ** 2).mean()
        self.log("loss", loss)
        self.log("mean", loss, on_step=False, on_epoch=True, sync_dist=True)
        return loss

    def validation_step(self, batch):
        self.log("val_loss", self.layer(batch[0]).mean(), sync_dist=True)

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.1)

def main():
    torch.set_num_threads(1)
    data = DataLoader(TensorDataset(torch.ones(12, 3)), batch_size=3)
    quiet = dict(logger=False, enable_progress_bar=False, enable_model_summary=False, enable_checkpointing="fail" not in sys.argv)
    trainer = Trainer(max_epochs=2, accelerator="cpu", devices=2, strategy=sys.argv[1], default_root_dir=sys.argv[2], **quiet)
    model = Net()
    trainer.fit(model, data, data)
    if "validate" in sys.argv:
        trainer.validate(model, data, verbose=False)

if __name__ == "__main__":
    main()
"""

FABRIC = """
    import lightning, runlake, torch
    from torch.utils.data import DataLoader, TensorDataset
    runlake.autolog()
    fabric = lightning.Fabric(accelerator="cpu", devices=1)
    model = torch.nn.Linear(3, 1)
    model, optimizer = fabric.setup(model, torch.optim.SGD(model.parameters(), lr=0.1))
    for epoch in range(2):
        for (batch,) in fabric.setup_dataloaders(DataLoader(TensorDataset(torch.ones(6, 3)), batch_size=2)):
            optimizer.zero_grad()
            fabric.backward(model(batch).mean())
            optimizer.step()
"""


def ran(tmp_path: Path, *arguments: str, fails: bool = False) -> list[runlake.read.Run]:
    """What the program records."""
    path = tmp_path / "program.py"
    path.write_text(PROGRAM)
    settings = environment(tmp_path / "lake", RUNLAKE_JOBS="off", RUNLAKE_STRICT="1")
    command = [sys.executable, str(path), arguments[0], str(tmp_path), *arguments[1:]]
    finished = subprocess.run(command, env=settings, capture_output=True, text=True, timeout=115, check=False)
    assert (finished.returncode != 0) is fails, finished.stderr
    return runlake.read.open_store(tmp_path / "lake").runs()


def steps(tmp_path: Path, run: runlake.read.Run, key: str) -> list[int]:
    """At which steps there is a point."""
    found: list[int] = runlake.read.open_store(tmp_path / "lake").series(run.info.run_id, key)["step"].to_pylist()
    return found


@pytest.mark.parametrize(
    ("strategy", "later"),
    [
        ("ddp_fork", ["validate"]),
        pytest.param(
            "ddp_spawn", [], marks=pytest.mark.long
        ),  # each process that is spawned imports all of Lightning, and each call of a Trainer spawns its own
        pytest.param("ddp_spawn", ["validate"], marks=pytest.mark.long),
        ("ddp", ["validate"]),
    ],
    ids=["ddp_fork", "ddp_spawn", "ddp_spawn, twice", "ddp"],
)
def test_processes_that_train_together_have_one_run(tmp_path: Path, strategy: str, later: list[str]) -> None:
    """However they are made; and what is done with the model later is in it."""
    (run,) = ran(tmp_path, strategy, *later)

    assert (run.info.run_name, str(run.info.status), run.errors) == ("Net", "FINISHED", [])
    found = {key: steps(tmp_path, run, key) for key in ("loss", "mean", "epoch")}
    assert found == {"loss": [0, 1, 2, 3], "mean": [1, 3], "epoch": [1, 3]}
    afterwards = [4 if strategy == "ddp" else 0 for _ in later]  # as the Trainer counts, which made no step itself where others did
    assert sorted(steps(tmp_path, run, "val_loss")) == sorted([1, 3, *afterwards])
    assert (run.params["devices"], run.params["optimizer_name"]) == (2, "SGD")
    assert {"checkpoints.json", "model/model.safetensors", "model_summary.txt"} <= set(run.artifacts)


def test_a_process_that_fails_fails_the_run(tmp_path: Path) -> None:
    """With what was logged until then."""
    (run,) = ran(tmp_path, "ddp_fork", "fail", fails=True)

    assert (str(run.info.status), run.errors, steps(tmp_path, run, "loss")) == ("FAILED", [], [0])
    assert "no more" in run.tags["runlake.exception"]


def test_a_loop_with_fabric_is_recorded_once(tmp_path: Path) -> None:
    """By the plugin of PyTorch, under the name of the model that is inside Fabric's."""
    finished = run_program(FABRIC, tmp_path / "lake", RUNLAKE_JOBS="off", RUNLAKE_STRICT="1")

    assert finished.returncode == 0, finished.stderr
    (run,) = runlake.read.open_store(tmp_path / "lake").runs()
    assert (run.info.run_name, str(run.info.status), run.errors) == ("Linear", "FINISHED", [])
    assert len(run.metrics["train/loss"]) == 6
