"""Of many processes that train or load, those record whose training it is, and none of them waits for us."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import runlake
from children import environment, run_program

FORKED = """
    import gc, threading, torch, runlake
    from torch.utils.data import DataLoader, TensorDataset
    runlake.autolog("torch")
    torch.set_num_threads(1)
    model = torch.nn.Linear(2, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    class Data(torch.utils.data.Dataset):
        def __len__(self):
            return 8
        def __getitem__(self, place):
            weights = torch.nn.Parameter(torch.ones(2))  # whoever trains in a worker does so for himself
            weights.sum().backward()
            return torch.ones(2)
    data = DataLoader(Data(), batch_size=4, num_workers=2)
    gc.set_threshold(1)
    for epoch in range(20):
        for batch in data:
            optimizer.zero_grad()
            model(batch).sum().backward()
            optimizer.step()
"""

SPAWNED = """
import torch, runlake
from torch.utils.data import DataLoader, TensorDataset

def main():
    runlake.autolog("torch")
    model = torch.nn.Linear(2, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    data = DataLoader(TensorDataset(torch.ones(8, 2)), batch_size=4, num_workers=1, multiprocessing_context="spawn")
    for (batch,) in data:
        model(batch).sum().backward()
        optimizer.step()

if __name__ == "__main__":
    main()
"""

RANKS = """
import sys, tempfile, torch, runlake
import torch.distributed as group
from torch.nn.parallel import DistributedDataParallel

class Net(torch.nn.Linear):
    pass

def train(rank, place, all_ranks):
    runlake.autolog("torch", all_ranks=all_ranks)
    torch.set_num_threads(1)
    group.init_process_group("gloo", init_method="file://" + place, rank=rank, world_size=2)
    model = DistributedDataParallel(Net(2, 1))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for step in range(3):
        optimizer.zero_grad()
        (model(torch.ones(2, 2)).sum() * 0 + rank).backward()
        optimizer.step()
    runlake.disable_autolog()
    group.destroy_process_group()

if __name__ == "__main__":
    torch.multiprocessing.spawn(train, (tempfile.mktemp(), sys.argv[1] == "all"), nprocs=2)
"""


def test_workers_are_forked_while_everything_is_recorded(tmp_path: Path) -> None:
    """At every epoch, with the collector at work all the time; nothing hangs, and nothing is recorded in them."""
    finished = run_program(FORKED, tmp_path / "lake", timeout=60, RUNLAKE_JOBS="off", RUNLAKE_STRICT="1")

    assert finished.returncode == 0, finished.stderr
    (run,) = runlake.read.open_store(tmp_path / "lake").runs()
    assert (str(run.info.status), run.errors, len(run.metrics["train/loss"])) == ("FINISHED", [], 40)
    assert values(tmp_path, run, "train/epoch") == list(range(20))


def values(tmp_path: Path, run: runlake.read.Run, key: str) -> list[float]:
    """The points of a series without their steps."""
    found: list[float] = runlake.read.open_store(tmp_path / "lake").series(run.info.run_id, key)["value"].to_pylist()
    return found


def ran(tmp_path: Path, program: str, *arguments: str) -> list[runlake.read.Run]:
    """What a program records whose processes import it."""
    path = tmp_path / "program.py"
    path.write_text(program)
    settings = environment(tmp_path / "lake", RUNLAKE_JOBS="off", RUNLAKE_STRICT="1")
    finished = subprocess.run([sys.executable, path, *arguments], env=settings, capture_output=True, text=True, timeout=90, check=False)
    assert finished.returncode == 0, finished.stderr
    return runlake.read.open_store(tmp_path / "lake").runs()


def test_workers_that_are_spawned_record_nothing(tmp_path: Path) -> None:
    """They import the program, and no more of us than that does."""
    (run,) = ran(tmp_path, SPAWNED)

    assert (str(run.info.status), run.errors, len(run.metrics["train/loss"])) == ("FINISHED", [], 2)


@pytest.mark.parametrize(("ranks", "expected"), [("first", [0.0]), ("all", [0.0, 1.0])])
def test_the_first_of_the_processes_that_train_one_model_records(tmp_path: Path, ranks: str, expected: list[float]) -> None:
    """Unless all are asked to, with runs of their own."""
    runs = ran(tmp_path, RANKS, ranks)

    assert [(run.info.run_name, str(run.info.status), run.errors) for run in runs] == [("Net", "FINISHED", [])] * len(expected)
    assert sorted(values(tmp_path, run, "train/loss")[0] for run in runs) == expected
