"""Each call of `fit` is a run, with everything that was logged in it, and what is done with its model later is in that run too."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import torchmetrics
from runlake_lightning import demo
from torch.utils.data import DataLoader

import runlake
from reading import series

Runs = Callable[[], list[runlake.read.Run]]
Made = Callable[..., Any]


def steps(run: runlake.read.Run, key: str) -> list[int]:
    """At which steps there is a point."""
    return [step for step, _ in series(run.info.run_id, key)]


def test_nothing_is_recorded_before_everything_during_and_nothing_after(runs: Runs, net: Any, data: Any, trainer: Made) -> None:
    """Of a Trainer that was made before, too."""
    early = trainer()
    early.fit(net(), data)
    assert runs() == []

    runlake.autolog("lightning")
    early = trainer()
    early.fit(net(rate=0.2), data, data)
    (run,) = runs()
    assert (run.info.run_name, str(run.info.status), run.errors) == ("Net", "FINISHED", [])
    assert {run.params[name] for name in ("rate", "lr")} == {0.2}
    assert (run.params["model_name"], run.params["parameters"], run.params["optimizer_name"]) == ("Net", 4, "Adam")
    assert (run.params["scheduler_name"], run.params["scheduler_step_size"], run.params["max_epochs"]) == ("StepLR", 1, 2)
    assert (
        run.read_artifact("model_summary.txt") == b"model: Net\n  layer: Linear(in_features=3, out_features=1, bias=True)  4 parameters\n"
    )

    runlake.disable_autolog()
    trainer().fit(net(), data)
    assert len(runs()) == 1


def test_a_trainer_that_was_made_before_is_recorded(runs: Runs, net: Any, data: Any, trainer: Made) -> None:
    """Its callback was asleep until then, and is asleep again."""
    early = trainer()
    runlake.autolog("lightning")
    early.fit(net(), data)

    assert [run.info.run_name for run in runs()] == ["Net"]
    (callback,) = [each for each in early.callbacks if type(each).__name__ == "Runlake"]
    assert vars(callback) == {"_recording": None}


def test_every_metric_has_the_steps_at_which_it_was_logged(runs: Runs, net: Any, data: Any, trainer: Made) -> None:
    """Once each, under Lightning's names, and none of the check before the training."""
    runlake.autolog("lightning")
    fitted = trainer(check_val_every_n_epoch=1)
    fitted.fit(net(), data, data)

    (run,) = runs()
    found = {key: steps(run, key) for key in run.metrics if not key.startswith("epoch")}
    every, epochs = list(range(6)), [2, 5]
    assert found == {
        "train_loss": every,
        "both_step": every,
        "both_epoch": epochs,
        "rare": [0, 2, 3, 5],
        "late": epochs,
        "val_loss": epochs,
    }
    assert series(run.info.run_id, "late") == [(2, 0.0), (5, 1.0)]
    means = [sum(value for _, value in series(run.info.run_id, "both_step")[place : place + 3]) / 3 for place in (0, 3)]
    assert [value for _, value in series(run.info.run_id, "both_epoch")] == pytest.approx(means)
    assert series(run.info.run_id, "val_loss")[-1][1] == pytest.approx(float(fitted.callback_metrics["val_loss"]))
    assert (series(run.info.run_id, "epoch"), len(run.metrics["epoch_seconds"])) == ([(2, 0.0), (5, 1.0)], 2)


def test_a_step_is_made_of_several_batches(runs: Runs, net: Any, data: Any, trainer: Made) -> None:
    """Where gradients are accumulated: one point for each step."""
    runlake.autolog("lightning")
    trainer(accumulate_grad_batches=2).fit(net(), data)

    (run,) = runs()
    assert (steps(run, "train_loss"), steps(run, "both_epoch")) == ([0, 1, 2, 3], [1, 3])
    assert run.params["accumulate_grad_batches"] == 2


def test_several_loaders_are_told_apart(runs: Runs, net: Any, data: Any, trainer: Made) -> None:
    """As Lightning names them."""

    class Two(net):  # type: ignore[misc]  # of whichever package
        def validation_step(self, batch: Any, place: int, dataloader_idx: int = 0) -> None:
            self.log("val_loss", torch.tensor(float(dataloader_idx)))

    runlake.autolog("lightning")
    trainer().fit(Two(), data, [data, data])

    (run,) = runs()
    assert series(run.info.run_id, "val_loss/dataloader_idx_1") == [(2, 1.0), (5, 1.0)]
    assert series(run.info.run_id, "val_loss/dataloader_idx_0") == [(2, 0.0), (5, 0.0)]


def test_what_is_done_with_a_model_later_is_in_the_run_of_its_training(runs: Runs, net: Any, data: Any, trainer: Made) -> None:
    """With another Trainer, too."""
    runlake.autolog("lightning")
    model, first = net(), trainer(enable_checkpointing=True)
    first.fit(model, data)
    first.validate(model, data, verbose=False)
    first.test(dataloaders=data, ckpt_path="best", verbose=False)
    trainer().predict(model, data)

    (run,) = runs()
    assert (str(run.info.status), run.errors) == ("FINISHED", [])
    assert {key: steps(run, key) for key in ("val_loss", "test_loss")} == {"val_loss": [6], "test_loss": [6]}
    assert len(run.metrics["predict_seconds"]) == 1


def test_what_a_logger_writes_of_a_trainer_is_recorded_once(
    runs: Runs, library: Any, net: Any, data: Any, trainer: Made, tmp_path: Path
) -> None:
    """With PyTorch's plugin, which mirrors what is written to TensorBoard; what the program writes there is mirrored still."""

    class Writing(net):  # type: ignore[misc]  # a fixture
        def on_train_end(self) -> None:
            self.logger.experiment.add_scalar("own", 1.0, 3)

    runlake.autolog("lightning", "torch")
    model, logger = Writing(), library.loggers.TensorBoardLogger(tmp_path)
    made = trainer(logger=logger, log_every_n_steps=1)
    made.fit(model, data, data)
    made.validate(model, data, verbose=False)
    made.predict(model, data)
    trainer(logger=logger).predict(net(), data)

    (run,) = runs()
    assert (run.errors, steps(run, "own"), steps(run, "val_loss")) == ([], [3], [2, 5, 6])
    assert (steps(run, "train_loss"), steps(run, "epoch")) == ([0, 1, 2, 3, 4, 5], [2, 5])
    assert "hp_metric" not in run.metrics


def test_an_evaluation_alone_has_a_run(runs: Runs, net: Any, data: Any, trainer: Made) -> None:
    """And what a model says alone has none."""
    runlake.autolog("lightning")
    (said,) = trainer().test(net(), data, verbose=False)
    trainer().predict(net(), data)

    (run,) = runs()
    assert (run.info.run_name, str(run.info.status), run.params["parameters"]) == ("Net", "FINISHED", 4)
    assert run.tags["runlake.lightning.stage"] == "test"
    assert run.data.metrics == {"test_loss": pytest.approx(said["test_loss"])}


def test_each_training_is_a_run(runs: Runs, net: Any, data: Any, trainer: Made) -> None:
    """The second `fit` of a Trainer goes on where the first one stopped."""
    runlake.autolog("lightning")
    one, model = trainer(max_epochs=1), net()
    one.fit(model, data)
    one.fit_loop.max_epochs = 2
    one.fit(model, data)

    first, second = sorted(runs(), key=lambda run: run.info.run_id)
    assert (steps(first, "train_loss"), steps(second, "train_loss")) == ([0, 1, 2], [3, 4, 5])
    assert [run.errors for run in (first, second)] == [[], []]


def test_a_training_that_fails_keeps_what_was_logged(runs: Runs, net: Any, data: Any, trainer: Made) -> None:
    """And the one after it is recorded as any."""
    runlake.autolog("lightning")
    failing = trainer()
    with pytest.raises(ValueError, match="no more"):
        failing.fit(net(fails_at=4), data)
    trainer(max_epochs=1).fit(net(), data)

    first, second = sorted(runs(), key=lambda run: run.info.run_id)
    assert (str(first.info.status), first.tags["runlake.exception"]) == ("FAILED", "ValueError: no more")
    assert (steps(first, "train_loss"), steps(first, "both_epoch")) == ([0, 1, 2, 3], [2])
    assert (str(second.info.status), steps(second, "train_loss")) == ("FINISHED", [0, 1, 2])


def test_a_training_that_is_interrupted_was_killed(runs: Runs, net: Any, data: Any, trainer: Made) -> None:
    """Lightning answers Ctrl-C by an exit."""

    class Interrupted(net):  # type: ignore[misc]  # of whichever package
        def on_train_epoch_end(self) -> None:
            os.kill(os.getpid(), signal.SIGINT)

    runlake.autolog("lightning")
    handler = signal.getsignal(signal.SIGINT)
    try:
        with pytest.raises(SystemExit):
            trainer().fit(Interrupted(), data)
    finally:
        signal.signal(signal.SIGINT, handler)  # Lightning leaves it off

    (run,) = runs()
    assert (str(run.info.status), run.errors, steps(run, "train_loss")) == ("KILLED", [], [0, 1, 2])


def test_early_stopping_says_why_and_when(runs: Runs, library: Any, net: Any, data: Any, trainer: Made) -> None:
    """And what was best."""
    runlake.autolog("lightning")
    stop = library.callbacks.EarlyStopping("val_loss", patience=1, min_delta=10.0)
    trainer(max_epochs=9, callbacks=[stop]).fit(net(), data, data)

    (run,) = runs()
    found = {name: run.params[f"early_stopping_{name}"] for name in ("monitor", "mode", "patience", "min_delta")}
    assert found == {"monitor": "val_loss", "mode": "min", "patience": 1, "min_delta": 10.0}
    assert run.data.metrics["best_score"] == pytest.approx(float(stop.best_score))
    assert run.data.metrics["stopped_epoch"] == 1
    assert "val_loss" in run.tags["runlake.early_stopping"]


def test_checkpoints_are_referenced_and_stay_where_they_are(runs: Runs, library: Any, net: Any, data: Any, trainer: Made) -> None:
    """Each with its score, and the best of them by its path."""
    runlake.autolog("lightning")
    saving = library.callbacks.ModelCheckpoint(monitor="val_loss", save_top_k=2, save_last=True)
    trainer(enable_checkpointing=True, callbacks=[saving]).fit(net(), data, data)

    (run,) = runs()
    (told,) = json.loads(run.read_artifact("checkpoints.json"))
    scores = {each["path"]: each["score"] for each in told["checkpoints"]}
    assert scores == {path: pytest.approx(float(score)) for path, score in saving.best_k_models.items()}
    assert (told["best"], told["last"], told["monitor"]) == (saving.best_model_path, saving.last_model_path, "val_loss")
    assert run.tags["best_checkpoint"] == saving.best_model_path
    assert run.data.metrics["best_checkpoint_score"] == pytest.approx(float(saving.best_model_score))
    assert not [name for name in run.artifacts if name.endswith(".ckpt")]


def test_settings_are_params_where_they_were_chosen(runs: Runs, library: Any, net: Any, data: Any, trainer: Made) -> None:
    """The rest is in a file; a data module's own are params as well."""

    class Data(library.LightningDataModule):  # type: ignore[misc]  # of whichever package
        def __init__(self, fold: int = 3) -> None:
            super().__init__()
            self.save_hyperparameters()

        def train_dataloader(self) -> Any:
            return data

    runlake.autolog("lightning")
    trainer(gradient_clip_val=0.5, precision="bf16-mixed", limit_train_batches=2).fit(net(), datamodule=Data())

    (run,) = runs()
    chosen = {"gradient_clip_val": 0.5, "precision": "bf16-mixed", "limit_train_batches": 2, "fold": 3}
    assert {name: run.params[name] for name in chosen} == chosen
    assert not {"accumulate_grad_batches", "devices", "strategy", "log_every_n_steps"} & run.params.keys()
    assert json.loads(run.read_artifact("lightning_trainer.json"))["strategy"] == "singledevice"


def test_several_optimizers_have_names_of_their_own(runs: Runs, net: Any, data: Any, trainer: Made) -> None:
    """Which the program steps itself."""

    class Manual(net):  # type: ignore[misc]  # of whichever package
        automatic_optimization = False

        def training_step(self, batch: Any, place: int) -> None:
            for optimizer in self.optimizers():
                optimizer.zero_grad()
                self.manual_backward(self.layer(batch[0]).sum())
                optimizer.step()
            self.log("steps", float(self.global_step))

        def configure_optimizers(self) -> Any:
            return torch.optim.SGD([self.layer.weight], lr=0.1), torch.optim.Adam([self.layer.bias], lr=0.2)

    runlake.autolog("lightning")
    trainer(max_epochs=1).fit(Manual(), data)

    (run,) = runs()
    assert series(run.info.run_id, "steps") == [(1, 2.0), (3, 4.0), (5, 6.0)]
    assert [run.params[name] for name in ("optimizer_name", "lr", "optimizer2/optimizer_name", "optimizer2/lr")] == [
        "SGD",
        0.1,
        "Adam",
        0.2,
    ]


def test_pytorchs_plugin_adds_to_the_run_and_opens_none(runs: Runs, net: Any, data: Any, trainer: Made) -> None:
    """The loss that was differentiated, and the rate, at the same steps; the model's tensors."""
    runlake.autolog("lightning", "torch")
    model = net()
    trainer().fit(model, data, data)

    (run,) = runs()
    assert series(run.info.run_id, "train/loss") == series(run.info.run_id, "train_loss")
    assert series(run.info.run_id, "train/lr") == [(0, 0.1), (3, 0.05)]
    again = runlake.torch.load_model(f"runs:/{run.info.run_id}/model", model_class=net)
    assert all(torch.equal(one, other) for one, other in zip(again.parameters(), model.parameters(), strict=True))
    assert run.params["batch_size"] == 4


def test_a_run_of_the_users_is_used(runs: Runs, net: Any, data: Any, trainer: Made) -> None:
    """And what they log themselves counts."""
    runlake.autolog("lightning")
    with runlake.start_run(run_name="mine"):
        runlake.log_param("rate", "my own")
        trainer().validate(net(), data, verbose=False)
        trainer().fit(net(), data)
        trainer().fit(net(), data)

    mine, other = sorted(runs(), key=lambda run: run.info.run_id)
    assert (mine.info.run_name, mine.params["rate"], len(mine.metrics["train_loss"])) == ("mine", "my own", 6)
    assert steps(mine, "val_loss") == [0]
    assert (other.info.run_name, other.tags["mlflow.parentRunId"]) == ("Net", mine.info.run_id)


def test_metrics_of_torchmetrics_are_of_the_epoch(runs: Runs, net: Any, data: Any, trainer: Made) -> None:
    """Whoever logs the object itself."""

    class Measured(net):  # type: ignore[misc]  # of whichever package
        def __init__(self) -> None:
            super().__init__()
            self.error = torchmetrics.MeanSquaredError()

        def validation_step(self, batch: Any, place: int) -> None:
            self.error(self.layer(batch[0]), batch[1])
            self.log("error", self.error, on_step=True, on_epoch=True)

    runlake.autolog("lightning", "torch")
    fitted = trainer()
    fitted.fit(Measured(), data, data)

    (run,) = runs()
    found = series(run.info.run_id, "error_epoch")
    assert ([step for step, _ in found], run.errors) == ([2, 5], [])
    assert found[-1][1] == pytest.approx(float(fitted.callback_metrics["error_epoch"]))


def test_trying_rates_out_is_no_training(runs: Runs, library: Any, net: Any, data: Any, trainer: Made) -> None:
    """What a Tuner finds is used in the training after it, which is recorded."""

    class Tuned(net):  # type: ignore[misc]  # of whichever package
        rate = 0.1

    runlake.autolog("lightning", "torch")
    tuned, model = trainer(), Tuned()
    library.tuner.Tuner(tuned).lr_find(model, data, num_training=6, attr_name="rate", update_attr=False)
    tuned.fit(model, data)

    (run,) = runs()
    assert (steps(run, "train_loss"), run.errors) == ([0, 1, 2, 3, 4, 5], [])


def test_the_demo_is_silent(runs: Runs, capfd: pytest.CaptureFixture[str]) -> None:
    """One run, and no word."""
    runlake.autolog("lightning")
    demo()

    (run,) = runs()
    assert (run.info.run_name, str(run.info.status), len(run.metrics["train_loss"])) == ("Curve", "FINISHED", 20)
    assert capfd.readouterr() == ("", "")


def test_data_of_every_kind_is_left_alone(runs: Runs, net: Any, trainer: Made) -> None:
    """What can be read once is read once."""
    read: list[int] = []

    def batches() -> Any:
        for place in range(3):
            read.append(place)
            yield torch.ones(2, 3), torch.ones(2, 1)

    class Once(torch.utils.data.IterableDataset[Any]):
        def __iter__(self) -> Any:
            return batches()

    runlake.autolog("lightning")
    trainer(max_epochs=1).fit(net(), DataLoader(Once(), batch_size=None))

    (run,) = runs()
    assert (read, run.errors, steps(run, "train_loss")) == ([0, 1, 2], [], [0, 1, 2])


def test_a_checkpoint_that_is_gone_on_from_is_noted(runs: Runs, net: Any, data: Any, trainer: Made, tmp_path: Path) -> None:
    """And the steps go on after its own."""
    one = trainer(max_epochs=1)
    one.fit(net(), data)
    one.save_checkpoint(tmp_path / "one.ckpt")
    runlake.autolog("lightning")
    trainer(max_epochs=2).fit(net(), data, ckpt_path=tmp_path / "one.ckpt")

    (run,) = runs()
    assert (run.tags["runlake.continues"], steps(run, "train_loss")) == (str(tmp_path / "one.ckpt"), [3, 4, 5])
