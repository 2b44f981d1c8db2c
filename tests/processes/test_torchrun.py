"""torchrun: what the ranks train together is recorded once, or by each of them; what they log themselves is all there."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from processes.programs import Recorded, command_of, launched, recorded, values

TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]

TRAIN = """
import sys, torch, runlake
import torch.distributed as group
from torch.nn.parallel import DistributedDataParallel

class Net(torch.nn.Linear):
    pass

runlake.autolog(all_ranks="all" in sys.argv)
torch.set_num_threads(1)
group.init_process_group("gloo")
rank = group.get_rank()
model = DistributedDataParallel(Net(2, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for step in range(5):
    optimizer.zero_grad()
    model(torch.ones(4, 2)).square().mean().backward()
    optimizer.step()
    runlake.log_metric(f"rank {rank}", step, step)
    runlake.log_metric("both", 10 * rank + step, step)
group.destroy_process_group()
"""

LAUNCH = """
import os, subprocess, sys, runlake
with runlake.start_run(run_name="launcher") as run:
    subprocess.run(sys.argv[1:], env=os.environ | run.env(), check=True)
"""

TRAINED = {"train/loss": 5, "train/lr": 1}


@pytest.fixture
def train(tmp_path: Path) -> str:
    """The path of the program that each rank runs."""
    path = tmp_path / "train.py"
    path.write_text(TRAIN)
    return str(path)


def test_without_a_run_the_first_rank_has_one_and_what_the_other_logs_is_in_another(tmp_path: Path, train: str) -> None:
    """One training, one run; a metric that the second rank is told to log is not lost."""
    launched([*TORCHRUN, train], tmp_path / "lake")
    found = recorded(tmp_path / "lake")
    trained = found.pop("Net")

    assert trained == Recorded("FINISHED", None, {**TRAINED, "rank 0": 5, "both": 5}, 1)
    assert list(found.values()) == [Recorded("FINISHED", None, {"rank 1": 5, "both": 5}, 1)]


def test_in_the_run_of_who_launched_them_the_training_is_one_child_and_what_they_log_is_there(tmp_path: Path, train: str) -> None:
    """Of every rank, in the launcher's run; under a key that both use there is what both logged."""
    launched(command_of(tmp_path, LAUNCH, *TORCHRUN, train), tmp_path / "lake")

    assert recorded(tmp_path / "lake") == {
        "launcher": Recorded("FINISHED", None, {"rank 0": 5, "rank 1": 5, "both": 10}, 2),
        "Net": Recorded("FINISHED", "launcher", TRAINED, 1),
    }
    assert values(tmp_path / "lake", "launcher", "both") == sorted((step, 10.0 * rank + step) for rank in (0, 1) for step in range(5))


@pytest.mark.long
@pytest.mark.parametrize("is_launched", [False, True], ids=["alone", "in the launcher's run"])
def test_all_ranks_are_runs_where_that_is_asked(tmp_path: Path, train: str, is_launched: bool) -> None:
    """Each has its own losses; what they log themselves goes where it went before."""
    command = [*TORCHRUN, train, "all"]
    launched(command_of(tmp_path, LAUNCH, *command) if is_launched else command, tmp_path / "lake")
    found = recorded(tmp_path / "lake")
    inside = "launcher" if is_launched else None
    logged: list[dict[str, int]] = [{}, {}] if is_launched else [{"rank 0": 5, "both": 5}, {"rank 1": 5, "both": 5}]
    by_rank = sorted((run for name, run in found.items() if name.startswith("Net")), key=lambda run: "rank 1" in run.n_points)

    assert by_rank == [Recorded("FINISHED", inside, TRAINED | own, 1) for own in logged]
    assert len(found) == 2 + is_launched
