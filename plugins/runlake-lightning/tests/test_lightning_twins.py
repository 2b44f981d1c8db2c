"""A training that is recorded is, to the bit, the one that it is without: losses, weights, generators, checkpoints, callbacks."""

from __future__ import annotations

import copy
import logging
import pickle
import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import runlake

Runs = Callable[[], list[runlake.read.Run]]
Made = Callable[..., Any]


def alike(one: Any, other: Any) -> bool:
    """To the bit, whatever it is made of."""
    if isinstance(one, torch.Tensor):
        return torch.equal(one, other)
    if isinstance(one, dict):
        return list(one) == list(other) and all(alike(one[key], other[key]) for key in one)
    if isinstance(one, Sequence) and not isinstance(one, str):
        return len(one) == len(other) and all(map(alike, one, other))
    return bool(one == other) or str(one) == str(other)


def order_of(trainer: Any) -> list[str]:
    """The callbacks but for ours."""
    return [type(each).__name__ for each in trainer.callbacks if type(each).__name__ != "Runlake"]


def trained(library: Any, net: Any, data: Any, trainer: Made, folder: Path) -> list[Any]:
    """Everything that a training leaves."""
    library.seed_everything(3, verbose=False)
    heard: list[Any] = []

    class Hearing(library.Callback):  # type: ignore[misc]  # of whichever package
        def on_train_batch_end(self, trainer: Any, *_: Any) -> None:
            heard.append((trainer.global_step, dict(trainer.callback_metrics), torch.get_rng_state(), order_of(trainer)))

    saving = library.callbacks.ModelCheckpoint(folder, monitor="val_loss", save_last=True, save_top_k=2)
    stopping = library.callbacks.EarlyStopping("val_loss", patience=5)
    one = trainer(enable_checkpointing=True, callbacks=[saving, Hearing(), stopping], gradient_clip_val=0.5, max_epochs=3)
    model = net()
    one.fit(model, data, data)
    said = one.test(model, data, verbose=False)
    files = sorted(path.name for path in folder.iterdir())
    checkpoints = [torch.load(folder / name, weights_only=False) for name in files]
    for each in checkpoints:
        each["callbacks"] = {key.replace(str(folder), ""): str(value).replace(str(folder), "") for key, value in each["callbacks"].items()}
    states = [torch.get_rng_state(), random.getstate(), pickle.dumps(np.random.get_state())]
    return [heard, dict(model.state_dict()), sorted(vars(model)), files, checkpoints, states, said, order_of(one)]


def test_it_is_the_same_training(runs: Runs, library: Any, net: Any, data: Any, trainer: Made, tmp_path: Path) -> None:
    """With everything that is logged, saved and drawn."""
    bare = trained(library, net, data, trainer, tmp_path / "bare")
    runlake.autolog("lightning", "torch")
    watched = trained(library, net, data, trainer, tmp_path / "watched")

    (run,) = runs()
    assert [place for place, (one, other) in enumerate(zip(bare, watched, strict=True)) if not alike(one, other)] == []
    assert (run.errors, len(run.metrics["train_loss"])) == ([], 9)


def test_no_checkpoint_has_anything_of_ours(runs: Runs, net: Any, data: Any, trainer: Made, tmp_path: Path) -> None:
    """Nor does a Trainer that goes on from it miss a callback."""
    runlake.autolog("lightning")
    one = trainer(max_epochs=1)
    one.fit(net(), data)
    one.save_checkpoint(tmp_path / "one.ckpt")

    content = (tmp_path / "one.ckpt").read_bytes()
    assert torch.load(tmp_path / "one.ckpt", weights_only=False)["callbacks"] == {}
    assert b"runlake" not in content
    runlake.disable_autolog()
    trainer(max_epochs=2).fit(net(), data, ckpt_path=tmp_path / "one.ckpt")


def test_the_callback_comes_before_what_saves_checkpoints(library: Any, trainer: Made) -> None:
    """After everything that the program has."""
    stopping, saving = library.callbacks.EarlyStopping("val_loss"), library.callbacks.ModelCheckpoint()
    one = trainer(enable_checkpointing=True, callbacks=[saving, stopping])

    assert [type(each).__name__ for each in one.callbacks] == ["EarlyStopping", "Runlake", "ModelCheckpoint"]


def test_a_trainer_that_lost_the_callback_is_recorded(runs: Runs, library: Any, net: Any, data: Any, trainer: Made) -> None:
    """It is given another, in its place."""
    runlake.autolog("lightning")
    one = trainer(enable_checkpointing=True)
    one.callbacks = [each for each in one.callbacks if type(each).__name__ != "Runlake"]
    one.fit(net(), data)

    (run,) = runs()
    assert len(run.metrics["train_loss"]) == 6
    assert type(one.callbacks[-1]).__name__ == "ModelCheckpoint"


def test_making_a_trainer_says_nothing_of_us(library: Any, trainer: Made, caplog: pytest.LogCaptureFixture) -> None:
    """Lightning lists callbacks that others bring, for each Trainer."""
    caplog.set_level(logging.DEBUG)
    trainer()

    assert not [record for record in caplog.records if "callback" in record.message or "runlake" in record.message.lower()]


def test_the_callback_pickles_and_copies(library: Any, trainer: Made) -> None:
    """As Trainers do that start processes; it brings nothing along."""
    (callback,) = [each for each in trainer().callbacks if type(each).__name__ == "Runlake"]

    for again in (pickle.loads(pickle.dumps(callback)), copy.deepcopy(callback)):
        assert type(again) is type(callback)
        assert isinstance(again, library.Callback)
        assert (again.state_dict(), vars(again)) == ({}, {"_recording": None})


def test_what_fails_in_the_callback_costs_no_step(runs: Runs, net: Any, data: Any, trainer: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    """The run says what it was."""

    def raising(*_: Any) -> Any:
        raise OSError("no place left")

    monkeypatch.setattr("runlake_lightning.metrics.of_step", raising)
    monkeypatch.setattr("runlake_lightning.settings.log_settings", raising)
    runlake.autolog("lightning", strict=False)
    one = trainer()
    one.fit(net(), data)

    (run,) = runs()
    assert (one.global_step, str(run.info.status), len(run.errors)) == (6, "FINISHED", 4)  # the third time of one hook is its last
    assert len(run.metrics["both_epoch"]) == 2


def test_a_user_of_the_profiler_is_told_of_no_hook_for_each_batch(library: Any, net: Any, data: Any, trainer: Made) -> None:
    """Nothing is called in a callback that sleeps but once in an epoch."""
    profiler = library.profilers.SimpleProfiler()
    trainer(profiler=profiler).fit(net(), data)

    ours = {name.rpartition(".")[2] for name in profiler.recorded_durations if "Runlake" in name}
    assert not {name for name in ours if "batch" in name or "backward" in name or "optimizer" in name}
