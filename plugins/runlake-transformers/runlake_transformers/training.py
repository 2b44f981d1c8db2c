"""The calls of a Trainer: a training owns a run, a search has one around its trials, and an evaluation adds to the run of its model."""

from __future__ import annotations

import itertools
import weakref
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import runlake
from runlake_transformers import processing, signatures
from runlake_transformers.data import log_data
from runlake_transformers.listening import listener_of, recordings
from runlake_transformers.recording import Recording
from runlake_transformers.reporting import is_asked_for

if TYPE_CHECKING:
    from runlake import Call, OfferedRun

__all__ = ["capture_evaluation", "capture_repeated", "capture_search", "capture_train"]

REPEATED = "repeated"  # what is written to a log of its own is recorded already

_HEARD = "transformers"  # a Trainer of this training is listened to
_runs: WeakKeyDictionary[Any, OfferedRun] = WeakKeyDictionary()  # in which a model was trained last
_searching: WeakKeyDictionary[Any, Iterator[int]] = WeakKeyDictionary()  # the numbers of its trials


def capture_train(call: Call) -> Generator[None, Any, None]:
    """Of several Trainers inside one training the first is listened to: the steps of a second would lie over its own."""
    trainer = call.instance
    if call.owner is not None and call.noted.setdefault(_HEARD, id(trainer)) != id(trainer):
        return
    if listener_of(trainer) in recordings or not _is_recorded(call):  # the method of a subclass calls this one
        return
    call.noted[_HEARD] = id(trainer)
    _tell(call, trainer)
    try:
        with _listening(call, trainer, call.run, is_training=True):
            yield
    finally:
        signatures.forget(call.run)
        _note_trial(call, trainer)
        if trainer.model is not None:
            _runs[trainer.model] = call.run
    processing.remember(trainer.model, trainer)
    if call.owner is None:
        call.fitted(trainer.model)


def capture_evaluation(call: Call) -> Generator[None, Any, None]:
    """It is no training, nor is anything that is fitted in it, to judge the model by say."""
    trainer = call.instance
    listener = listener_of(trainer)
    if call.owner is not None or listener in recordings:
        return
    call.skip("an evaluation is no training")
    run = _run_of(trainer) if _is_recorded(call) else None
    if run is None:
        yield
        return
    with _listening(call, trainer, run, is_training=False):
        yield
    data = call.arguments.get("test_dataset")
    if data is not None and call.options["log_datasets"]:
        log_data(run, data, "test", "test")


def capture_search(call: Call) -> Generator[None, Any, None]:
    """Each trial is a training inside this one; what is recorded here is what was searched for, and what was found."""
    trainer = call.instance
    if call.owner is not None or trainer in _searching or not _is_recorded(call):
        return
    arguments = call.arguments
    call.name = "hyperparameter_search"
    call.run.log_params({name: _plain(arguments.get(name)) for name in ("n_trials", "direction", "backend")})
    call.holds_trainings()
    _searching[trainer] = itertools.count()
    try:
        best = yield
    finally:
        _searching.pop(trainer, None)
    for number, each in enumerate(best if isinstance(best, list) else [best]):
        prefix = f"best{number}_" if isinstance(best, list) else "best_"
        if each is not None:
            call.run.log_params({f"{prefix}{name}": value for name, value in (each.hyperparameters or {}).items()})
            call.run.log_params({f"{prefix}trial": each.run_id})
            several = isinstance(each.objective, (list, tuple))
            values = enumerate(each.objective) if several else [("", each.objective)]
            call.run.log_metrics({f"{prefix}objective{place}": value for place, value in values})


def capture_repeated(call: Call) -> Generator[None, Any, None]:
    """TensorBoard is given what is recorded from the Trainer itself: what it is written with is not to be mirrored."""
    call.noted[REPEATED] = _HEARD in call.noted
    try:
        yield
    finally:
        call.noted[REPEATED] = False


def _is_recorded(call: Call) -> bool:
    """Not in the processes that train along, nor where only the Trainers are recorded that ask for it."""
    if not is_asked_for(call.instance, call.options):
        call.skip("no callback of this Trainer asks for it")
        return False
    if not call.instance.is_world_process_zero() and not call.options["all_ranks"]:
        call.skip("the first of the processes records")
        return False
    return True


def _tell(call: Call, trainer: Any) -> None:
    """Open the run, which is there even where the Trainer fails before it begins."""
    kind = type(trainer)
    arguments = call.arguments
    trial = arguments.get("trial")
    if call.owner is None:
        call.name = str(trainer.args.run_name or type(trainer.model).__name__)
        if trainer in _searching:
            call.name = f"trial-{getattr(trial, 'number', next(_searching[trainer]))}"
    resumed = arguments.get("resume_from_checkpoint")
    if resumed:
        call.resumes()
    call.run.set_tags({"trainer_class": f"{kind.__module__}.{kind.__qualname__}"})
    if resumed:
        call.run.set_tag("resume_from_checkpoint", "last" if resumed is True else resumed)
        before = _runs.get(trainer.model)
        if before is not None and before is not call.run:
            call.run.set_tag("runlake.continues", before.active.run_id)


@contextmanager
def _listening(call: Call, trainer: Any, run: OfferedRun, *, is_training: bool) -> Iterator[None]:
    listener = listener_of(trainer)
    recordings[listener] = Recording(run, weakref.ref(trainer), call.options, is_training)
    try:
        yield
    finally:
        recordings.pop(listener, None)


def _note_trial(call: Call, trainer: Any) -> None:
    """What the search goes by, and whether it stopped the trial."""
    if trainer not in _searching:
        return
    objective = getattr(trainer, "objective", None)
    if isinstance(objective, (int, float)) and call.error is None:
        call.run.log_metric("objective", objective, trainer.state.global_step)
    if type(call.error).__name__ == "TrialPruned":
        call.run.set_tag("pruned", "true")


def _run_of(trainer: Any) -> OfferedRun | None:
    """In which the model was trained, else the user's own; a model that is only evaluated opens none."""
    run = _runs.get(trainer.model)
    if run is None:
        active = runlake.active_run()
        run = None if active is None else active.offered
    return run


def _plain(value: Any) -> Any:
    return getattr(value, "value", value)
