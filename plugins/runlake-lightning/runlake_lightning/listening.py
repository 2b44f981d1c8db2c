"""The callback that every Trainer has: it sleeps, unless a call of the Trainer is recorded."""

from __future__ import annotations

import contextlib
import functools
import importlib
import os
import time
from collections.abc import Iterator
from typing import Any

import runlake
from runlake import isolated
from runlake_lightning import PACKAGES

__all__ = ["Listener", "listener_in", "listener_of"]

# Called for each batch, which costs a little even where nothing is done: what is no function is not called.
_PASSED_OVER = (
    "on_after_backward on_before_backward on_before_optimizer_step on_before_zero_grad on_predict_batch_end on_predict_batch_start "
    "on_test_batch_end on_test_batch_start on_train_batch_end on_train_batch_start on_validation_batch_end on_validation_batch_start"
)


class Listener:
    """What is done in each hook. It has no state that a checkpoint would keep, and its copies in other processes know the run alone."""

    package = ""
    _joins: dict[str, str] | None = None  # in a copy: the environment of the run that its process is part of

    def __init__(self) -> None:
        self._sleep()

    @contextlib.contextmanager
    def awake(self, run: Any) -> Iterator[None]:
        """Record what happens inside in this run."""
        self._wake(run)
        try:
            yield
        finally:
            self._sleep()

    @isolated
    def setup(self, trainer: Any, module: Any, stage: str) -> None:
        """In a process that the Trainer made: the first of them records."""
        inherited, joins = self._recording, self._joins
        if joins is None and (inherited is None or inherited.pid == os.getpid()):
            return
        self._sleep()
        runlake.disable_autolog()  # what other libraries do in here would be runs of their own
        if trainer.is_global_zero:
            self._wake(_joined(joins) if inherited is None else inherited.run, is_elsewhere=True)

    @isolated
    def on_fit_start(self, trainer: Any, module: Any) -> None:
        """Everything is set up: models, optimizers, devices."""
        if self._recording is not None:
            from runlake_lightning.settings import log_settings

            log_settings(self._recording.run, trainer, module)

    @isolated
    def on_test_start(self, trainer: Any, module: Any) -> None:
        """What is judged, where its training is not known."""
        if self._recording is not None and trainer.state.fn != "fit" and "model_name" not in self._recording.run.params:
            from runlake_lightning.settings import log_model

            log_model(self._recording.run, module)

    on_validation_start = on_test_start

    @isolated
    def on_train_epoch_start(self, trainer: Any, module: Any) -> None:
        """What the one before came to is known by now."""
        if self._recording is not None:
            self._recording.finish_epoch(trainer)
            self._recording.began = time.perf_counter()

    @isolated
    def hear_batch(self, trainer: Any, module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        """What was logged by step."""
        if self._recording is not None:
            self._recording.log_step(trainer)

    @isolated
    def on_train_epoch_end(self, trainer: Any, module: Any) -> None:
        """How long it took; its metrics are computed only after this."""
        if self._recording is not None:
            self._recording.end_epoch(trainer)

    @isolated
    def on_train_end(self, trainer: Any, module: Any) -> None:
        """What the last epoch came to."""
        if self._recording is not None:
            self._recording.finish_epoch(trainer)

    @isolated
    def on_validation_end(self, trainer: Any, module: Any) -> None:
        """What an evaluation came to, in a training or of its own."""
        if self._recording is not None and not trainer.sanity_checking:
            self._recording.log_evaluation(trainer)

    on_test_end = on_validation_end

    @isolated
    def on_fit_end(self, trainer: Any, module: Any) -> None:
        """Every checkpoint is written."""
        if self._recording is not None:
            self._recording.log_endings(trainer)

    @isolated
    def on_exception(self, trainer: Any, module: Any, exception: BaseException) -> None:
        """What was found out until then counts."""
        if self._recording is not None and trainer.state.fn == "fit":
            self._recording.finish_epoch(trainer)
            self._recording.log_endings(trainer)
        self._leave()

    @isolated
    def teardown(self, trainer: Any, module: Any, stage: str) -> None:
        """A process that the Trainer made ends without a word."""
        self._leave()

    def __reduce__(self) -> Any:
        recording = self._recording
        return _restored, (self.package, self._joins if recording is None else recording.run.active.env())

    def _wake(self, run: Any, *, is_elsewhere: bool = False) -> None:
        from runlake_lightning.recording import Recording

        self._recording: Recording | None = Recording(run, is_elsewhere=is_elsewhere)
        self.on_train_batch_end = self.hear_batch

    def _sleep(self) -> None:
        self.__dict__.clear()  # what Lightning put here holds the model
        self._recording = None

    def _leave(self) -> None:
        if self._recording is not None and self._recording.is_elsewhere:
            self._sleep()
            runlake.end_run()
            runlake.flush()


@functools.cache
def _class_of(package: str) -> type[Any]:
    """The callback as a class of this package, which has its own `Callback`."""
    base = importlib.import_module(f"{package}.callbacks.callback").Callback
    passed_over = dict.fromkeys(_PASSED_OVER.split())
    return type("Runlake", (Listener, base), {**passed_over, "package": package, "__module__": __name__})


def listener_of(package: str) -> Any:
    """A new one, which sleeps."""
    return _class_of(package)()


def listener_in(trainer: Any) -> Any:
    """That of the Trainer; one that lost it is given another, before what saves checkpoints."""
    for callback in trainer.callbacks:
        if isinstance(callback, Listener):
            return callback
    package = next(name for kind in type(trainer).__mro__ for name in PACKAGES if kind.__module__.startswith(f"{name}."))
    listener, checkpoints = listener_of(package), trainer.checkpoint_callbacks
    place = next((place for place, each in enumerate(trainer.callbacks) if each in checkpoints), len(trainer.callbacks))
    trainer.callbacks.insert(place, listener)
    return listener


def _restored(package: str, joins: dict[str, str] | None) -> Any:
    listener = listener_of(package)
    if joins is not None:
        listener._joins = joins
    return listener


def _joined(joins: dict[str, str] | None) -> Any:
    """The run of the process that made this one."""
    os.environ.update(joins or {})
    return runlake.start_run().offered
