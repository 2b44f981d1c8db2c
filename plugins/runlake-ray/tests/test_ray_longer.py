"""What takes Ray longer: trainings of Ray Train, classes as trainables, sweeps that end before their time, and what every plugin holds."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import runlake
from raying import ray_folder as ray_folder
from raying import run_with_ray as run_with_ray
from reading import series

Run = Callable[..., Any]

TRAINING = """
import torch
from ray.train import RunConfig, ScalingConfig, UserCallback
from ray.train.torch import TorchTrainer, prepare_model

class Mine(UserCallback):
    def after_report(self, run_context, metrics, checkpoint):
        open(os.environ["TEST_HEARD"], "a").write(f"{len(metrics)}\\n")

def loop(config):
    import os
    import ray.train
    import runlake
    runlake.autolog("torch", log_models=False)
    rank = ray.train.get_context().get_world_rank()
    if rank == 0:
        runlake.log_param("seen_by", os.environ["MINE"])
    runlake.log_metric(f"rank_{rank}", 1.0)
    model = prepare_model(torch.nn.Linear(2, 1))
    optimizer = torch.optim.SGD(model.parameters(), lr=config["lr"])
    for epoch in range(3):
        loss = model(torch.ones(4, 2)).pow(2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        ray.train.report({"epoch": epoch, "loss": loss.item()})
    if config["lr"] > 1:
        raise ValueError("no good")

if __name__ == "__main__":
    begin()
    runlake.autolog()
    def trainer(lr):
        settings = RunConfig(
            name="nets", storage_path=os.environ["TEST_RAY"], callbacks=[Mine()], worker_runtime_env={"env_vars": {"MINE": "kept"}}
        )
        return TorchTrainer(loop, train_loop_config={"lr": lr}, scaling_config=ScalingConfig(num_workers=2), run_config=settings)
    good = trainer(0.1)
    print(good.fit().metrics)
    assert good.run_config.worker_runtime_env == {"env_vars": {"MINE": "kept"}}, good.run_config
    assert len(good.run_config.callbacks) == 1
    try:
        trainer(2.0).fit()
    except ray.train.TrainingFailedError as error:
        print("failed")
"""


@pytest.mark.long
@pytest.mark.timeout(200)
def test_a_training_in_several_processes_is_one_run(run_with_ray: Run, store: Path, tmp_path: Path) -> None:
    """What its workers report, and what each logs itself; the loop of the first worker is a run inside."""
    heard = tmp_path / "heard"
    finished = run_with_ray(TRAINING, store, TEST_HEARD=str(heard))
    assert finished.returncode == 0, finished.stderr

    runs = [runlake.get_run(run.info.run_id) for run in runlake.search_runs(output_format="list")]
    trainings = sorted((run for run in runs if run.info.run_name == "TorchTrainer"), key=lambda run: run.info.start_time)
    assert [(str(run.info.status), run.params["lr"], run.params["num_workers"]) for run in trainings] == [
        ("FINISHED", 0.1, 2),
        ("FAILED", 2.0, 2),
    ]
    good, failed = trainings
    assert [step for step, _ in series(good.info.run_id, "loss")] == [0, 1, 2]
    assert {"rank_0", "rank_1"} <= good.metrics.keys()
    assert good.params["seen_by"] == "kept"
    assert "no good" in failed.tags["runlake.exception"]
    inside = [(run.info.parent_run_id, str(run.info.status)) for run in runs if run not in trainings]
    assert sorted(inside) == sorted([(good.info.run_id, "FINISHED"), (failed.info.run_id, "FINISHED")])
    assert heard.read_text() == "2\n" * 6
    assert [run.errors for run in runs] == [[]] * 4


CLASSES = """
class Counting(tune.Trainable):
    def setup(self, config):
        self.x = config["x"]
    def step(self):
        import runlake
        runlake.log_param("inside", self.x)
        return {"score": self.x * self.iteration}
    def reset_config(self, config):
        self.x = config["x"]
        return True
    def save_checkpoint(self, folder):
        return None
    def load_checkpoint(self, folder):
        pass

if __name__ == "__main__":
    begin()
    runlake.autolog("ray")
    settings = tune.TuneConfig(metric="score", mode="max", reuse_actors=True, max_concurrent_trials=1)
    told = tune.RunConfig(name="counted", storage_path=os.environ["TEST_RAY"], verbose=0, stop={"training_iteration": 3})
    with runlake.start_run(run_name="own"):
        tune.Tuner(Counting, param_space={"x": tune.grid_search([1, 2])}, tune_config=settings, run_config=told).fit()
"""


@pytest.mark.long
def test_trials_that_are_done_by_one_process_one_after_the_other_are_told_apart(run_with_ray: Run, store: Path) -> None:
    """What is logged goes to the trial that is at work; the sweep is the run that the user has open."""
    finished = run_with_ray(CLASSES, store)
    assert finished.returncode == 0, finished.stderr

    runs = {run.info.run_name: runlake.get_run(run.info.run_id) for run in runlake.search_runs(output_format="list")}
    own = runs.pop("own")
    assert {run.info.parent_run_id for run in runs.values()} == {own.info.run_id}
    assert sorted((str(run.info.status), run.params["x"], run.params["inside"], len(run.metrics["score"])) for run in runs.values()) == [
        ("FINISHED", 1, 1, 3),
        ("FINISHED", 2, 2, 3),
    ]
    assert (own.params["metric"], own.tags["best_x"]) == ("score", "2")


STOPPED = """
import signal, threading, time

def train(config):
    for number in range(1000):
        tune.report({"score": number})
        time.sleep(0.05)

class Stop(tune.Callback):
    def on_trial_result(self, result, **info):
        if result["training_iteration"] == 3:
            os.kill(os.getpid(), signal.SIGINT)

if __name__ == "__main__":
    begin()
    runlake.autolog("ray")
    tune.run(train, config={}, callbacks=[Stop()], storage_path=os.environ["TEST_RAY"], name="stopped", verbose=0)
"""


@pytest.mark.long
def test_trials_that_were_at_work_when_the_sweep_was_stopped_were_killed(run_with_ray: Run, store: Path) -> None:
    """Ray ends a sweep itself at Ctrl-C, and goes on."""
    finished = run_with_ray(STOPPED, store)
    assert finished.returncode in (0, 1, 130, -2), finished.stderr

    (trial,) = [run for run in runlake.search_runs(output_format="list") if run.info.parent_run_id]
    assert str(trial.info.status) == "KILLED"
    assert len(runlake.get_run(trial.info.run_id).metrics["score"]) >= 3
