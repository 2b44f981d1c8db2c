"""Programs of their own: `report_to="runlake"`, several processes that train one model, the demo, PyTorch's plugin beside ours."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import runlake
from children import environment, run_program
from reading import series
from trainers import history, trainer

Runs = Callable[[], list[runlake.read.Run]]

REPORTING = """
    import os, sys, tempfile
    os.environ["HF_HUB_OFFLINE"] = "1"
    import runlake.transformers
    from trainers import trainer
    folder = tempfile.mkdtemp()
    trainer(folder).train()
    asked = trainer(folder, report_to="runlake", run_name="asked")
    asked.train()
    trainer(folder, callbacks=[runlake.transformers.RunlakeCallback()], run_name="called").train()
    trainer(folder).train()
    runlake.autolog()
    trainer(folder, report_to="runlake", run_name="both").train()
    runlake.disable_autolog()
    asked.train()
"""

RANKS = """
import os, sys, tempfile, torch, runlake

def train(rank, folder, port):
    os.environ |= {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    torch.set_num_threads(1)
    from trainers import SAMPLES, trainer
    runlake.autolog("transformers", "torch")
    made = trainer(folder, eval_dataset=SAMPLES, ddp_backend="gloo", max_steps=3)
    made.train()
    made.evaluate()
    torch.distributed.destroy_process_group()

if __name__ == "__main__":
    import socket
    from trainers import trainer  # so that each process has it at once
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    torch.multiprocessing.start_processes(train, (tempfile.mkdtemp(), port), nprocs=2, start_method="fork")
"""

TESTS = Path(__file__).parents[3] / "tests"


def test_a_trainer_that_asks_is_recorded_where_not_all_are(tmp_path: Path) -> None:
    """Once, though `autolog()` records it too; and no longer than that is on."""
    ended = run_program(REPORTING, tmp_path / "lake", PYTHONPATH=str(TESTS), RUNLAKE_STRICT="1", RUNLAKE_JOBS="off")

    assert ended.returncode == 0, ended.stderr
    runs = runlake.read.open_store(tmp_path / "lake").runs()
    assert sorted(run.info.run_name for run in runs) == ["asked", "both", "called"]
    assert [[step for step, _ in points(tmp_path, run, "loss")] for run in runs] == [[1, 2, 3, 4, 5]] * 3


def points(tmp_path: Path, run: runlake.read.Run, key: str) -> list[tuple[int, float]]:
    """A series of a program's store."""
    found = runlake.read.open_store(tmp_path / "lake").points(run.info.run_id, key)
    return list(zip(found["step"].to_pylist(), found["value"].to_pylist(), strict=True))


def test_the_first_of_the_processes_that_train_one_model_records(tmp_path: Path) -> None:
    """Its own evaluations too; the others keep silent, whatever plugin is on."""
    path = tmp_path / "program.py"
    path.write_text(RANKS)
    settings = environment(tmp_path / "lake", PYTHONPATH=str(TESTS), RUNLAKE_JOBS="off", RUNLAKE_STRICT="1", HF_HUB_OFFLINE="1")

    ended = subprocess.run([sys.executable, path], env=settings, capture_output=True, text=True, timeout=90, check=False)

    assert ended.returncode == 0, ended.stderr
    (run,) = runlake.read.open_store(tmp_path / "lake").runs()
    assert (str(run.info.status), run.errors) == ("FINISHED", [])
    assert [[step for step, _ in points(tmp_path, run, name)] for name in ("loss", "eval_loss")] == [[1, 2, 3], [3]]


def test_the_plugin_of_pytorch_adds_to_the_same_run(runs: Runs, tmp_path: Path) -> None:
    """Under names of its own: each loss that is differentiated, where the Trainer logs their mean."""
    runlake.autolog("transformers", "torch")

    made = trainer(tmp_path, gradient_accumulation_steps=2)
    made.train()

    (run,) = runs()
    assert series(run.info.run_id, "loss") == history(made, "loss")
    assert (run.info.run_name, run.errors) == ("BertForSequenceClassification", [])


def test_the_demo_learns(runs: Runs) -> None:
    """With the evaluations that it announces."""
    from runlake_transformers import demo

    runlake.autolog("transformers")

    demo()

    (run,) = runs()
    losses = [value for _, value in series(run.info.run_id, "eval_loss")]
    assert len(losses) == 3
    assert losses[-1] < losses[0]
