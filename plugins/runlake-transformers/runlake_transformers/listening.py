"""The callback that hears what a Trainer logs, and the recordings that are under way."""

from __future__ import annotations

from types import ModuleType
from typing import Any
from weakref import WeakKeyDictionary

from transformers import TrainerCallback

from runlake import isolated
from runlake_transformers.recording import Recording

__all__ = ["Listener", "add_listener", "listener_of", "recordings", "remove_listener"]


class Listener(TrainerCallback):
    """It holds nothing itself, so that a Trainer may be copied and pickled with it, and is silent outside of a recorded call."""

    @isolated
    def on_train_begin(self, args: Any, state: Any, control: Any, **given: Any) -> None:
        """A training begins, or begins again with a smaller batch."""
        recording = recordings.get(self)
        if recording is not None:
            recording.begin(args, state, given.get("model"))

    @isolated
    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **given: Any) -> None:
        """The numbers of a step."""
        recording = recordings.get(self)
        if recording is not None and logs:
            recording.log(logs, state.global_step)

    @isolated
    def on_evaluate(self, args: Any, state: Any, control: Any, metrics: Any = None, **given: Any) -> None:
        """They were logged before; what a checkpoint is worth is among them."""
        recording = recordings.get(self)
        if recording is not None and metrics:
            recording.evaluated = dict(metrics)

    @isolated
    def on_predict(self, args: Any, state: Any, control: Any, metrics: Any = None, **given: Any) -> None:
        """The metrics of a prediction, which nobody logs."""
        recording = recordings.get(self)
        if recording is not None and metrics:
            recording.log(metrics, state.global_step)

    @isolated
    def on_save(self, args: Any, state: Any, control: Any, **given: Any) -> None:
        """A checkpoint was written."""
        recording = recordings.get(self)
        if recording is not None:
            recording.note_checkpoint(args, state)

    @isolated
    def on_train_end(self, args: Any, state: Any, control: Any, **given: Any) -> None:
        """The steps are over, and the best model is loaded."""
        recording = recordings.get(self)
        if recording is not None:
            recording.end(args, state)


recordings: WeakKeyDictionary[Listener, Recording] = WeakKeyDictionary()


def listener_of(trainer: Any) -> Listener:
    """The one that it has; a Trainer that was made before `autolog()` is given one, behind all others."""
    callbacks: list[Any] = trainer.callback_handler.callbacks
    found = next((each for each in callbacks if type(each) is Listener), None)
    if found is None:
        found = Listener()
        callbacks.append(found)
    return found


def add_listener(module: ModuleType) -> Any:
    """In the list itself, which modules of others hold, too."""
    callbacks: list[Any] = module.DEFAULT_CALLBACKS
    if any(each is Listener for each in callbacks):
        return None
    callbacks.append(Listener)
    return callbacks


def remove_listener(callbacks: Any) -> None:
    """Ours alone."""
    for place in range(len(callbacks or ()) - 1, -1, -1):
        if callbacks[place] is Listener:
            del callbacks[place]
