"""What torchmetrics computes in a loop: a value for each time that the program asks, and none that torchmetrics asks itself for."""

from __future__ import annotations

import re
import sys
import threading
import time
import weakref
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import runlake
from runlake_torch.here import here
from runlake_torch.loops import is_idle
from runlake_torch.values import is_number, taken

if TYPE_CHECKING:
    from types import FrameType

    from runlake import Call, Training
    from runlake_torch.clock import Recorded

__all__ = ["capture_several", "capture_value"]

COLLECTION = "torchmetrics.collections:MetricCollection.compute"
NOTED = "torchmetrics"
MOST_OF_A_NAME = 100  # series
MOST_CLASSES = 32  # of a vector of values
MOST_OWNERS = 8  # of a series, that are remembered

_TASK = re.compile("^(Binary|Multiclass|Multilabel)(?=.)")
_WORDS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


class _Here(threading.local):
    computed = 0  # how many values were: none is where all that is asked for is known already


@dataclass(eq=False)
class _Series:
    """One of the series of a name: whose values it has, weakly and the latest last, and of which step."""

    owners: list[Any] = field(default_factory=list)
    step: int = -1


_here = _Here()


def capture_value(call: Call) -> Generator[None, Any, None] | None:
    """A metric has computed a value; one that it has kept since then it gives without coming here.

    What is captured is the function that each `compute` calls by its name, since that is an object of each metric's own.
    """
    _here.computed += 1
    frame = _frame_of_compute() if here().loop() is not None else None
    if frame is None or not _is_asked_by_program(frame.f_back):
        return None
    training, metric = _training_here(), frame.f_locals["self"]
    return None if training is None else _value(training, metric, _asked(metric, frame.f_back))


def capture_several(call: Call) -> Generator[None, Any, None] | None:
    """A collection is asked, or what is made of other metrics and keeps no value."""
    is_collection = call.target == COLLECTION
    _here.computed += not is_collection
    frame = sys._getframe()
    training = _training_here() if here().loop() is not None and _is_asked_by_program(frame) else None
    if training is None:
        return None
    asked = _asked(call.instance, frame)
    return _collection(training, call.instance, asked) if is_collection else _value(training, call.instance, asked)


def _value(training: Training, metric: Any, asked: Any) -> Generator[None, Any, None]:
    value = yield
    _record(training, asked, {_name_of(metric): value})


def _collection(training: Training, collection: Any, asked: Any) -> Generator[None, Any, None]:
    computed = _here.computed
    values = yield
    if _here.computed > computed:  # or all of it was known
        _record(training, asked, values, is_told=bool(collection.prefix))


def _record(training: Training, asked: Any, values: Mapping[str, Any], *, is_told: bool = False) -> None:
    """Each by its name, with the kind of pass in front, unless the names of a collection tell that: it has a prefix."""
    recorded: Recorded = training.noted["torch"]
    known: dict[str, list[_Series]] = training.noted.setdefault(NOTED, {})
    phase = "" if is_told else f"{_phase(training, recorded)}/"
    numbers: dict[str, Any] = {}
    for name, value in values.items():
        number = _number_of(known.setdefault(f"{phase}{name}", []), asked, recorded.step)
        if number > MOST_OF_A_NAME:
            _skip(training, f"{phase}{name}", f"there are {MOST_OF_A_NAME} of it already")
            continue
        key = f"{phase}{name}" if number == 1 else f"{phase}{name}-{number}"
        for part, found in _parts(key, value):
            if isinstance(found, str):
                _skip(training, part, found)
            else:
                numbers[part] = found
    _log(recorded, numbers)


def _log(recorded: Recorded, numbers: Mapping[str, Any]) -> None:
    """At once, since no step may follow, but for what lies on a graphics card."""
    at_once = {key: value for key, value in numbers.items() if not getattr(value, "is_cuda", False)}
    if at_once:
        recorded.run.log_metrics(at_once, recorded.step)
    for key in numbers.keys() - at_once.keys():
        recorded.points.add(key, numbers[key], recorded.step, time.time_ns())


def _skip(training: Training, name: str, why: str) -> None:
    key = f"runlake.skipped.{name}"
    if training.run.tags.get(key) != why:
        training.run.set_tag(key, why)


def _training_here() -> Training | None:
    """That of the loop which goes on in this thread and has made a step; none inside a library's call, which says what it measures."""
    loop = here().loop()
    if loop is None or loop.began is None or loop.is_idle:
        return None
    training = runlake.training(loop, name=loop.name)
    if training is None or training.is_of_a_call or is_idle(loop, training) or "torch" not in training.noted:
        return None
    return training


def _frame_of_compute() -> FrameType | None:
    """Where the metric computes that has just called what is captured."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and not _is_theirs(frame):
        frame = frame.f_back
    return frame if frame is not None and frame.f_code.co_name == "wrapped_func" and "self" in frame.f_locals else None


def _is_asked_by_program(frame: FrameType | None) -> bool:
    """Not by torchmetrics: in `forward` for a batch, in a collection, in a metric that is made of others."""
    while frame is not None:
        if _is_theirs(frame) and not _is_trackers(frame):
            return False
        frame = frame.f_back
    return True


def _asked(metric: Any, frame: FrameType | None) -> Any:
    """What the program asked: the metric, or a tracker, which has another one in each epoch."""
    while frame is not None:
        if _is_trackers(frame):
            return frame.f_locals["self"]
        frame = frame.f_back
    return metric


def _is_theirs(frame: FrameType) -> bool:
    name: str = frame.f_globals.get("__name__") or ""
    return name.partition(".")[0] == "torchmetrics"


def _is_trackers(frame: FrameType) -> bool:
    return frame.f_code.co_name == "compute" and frame.f_globals.get("__name__") == "torchmetrics.wrappers.tracker"


def _name_of(metric: Any) -> str:
    """In words, without the kind of task: `accuracy` for a MulticlassAccuracy."""
    return _WORDS.sub("_", _TASK.sub("", type(metric).__name__)).lower()


def _phase(training: Training, recorded: Recorded) -> str:
    """Of an evaluation where the model is set to that, or where data have been passed since the last step that are not trained on."""
    if not getattr(training.model, "training", True):
        return "eval"
    passes = here().passes
    since = recorded.progress.latest[0] if recorded.progress.latest is not None else 0.0
    trained_on = [loader for found in passes if found.is_training and (loader := found.loader()) is not None]
    for found in passes:
        is_new = found.batches > found.seen if found.ended is None else found.ended > since
        loader = found.loader()
        if is_new and not found.is_training and not any(loader is each for each in trained_on):
            return "eval"
    return "train" if any(found.is_training for found in passes) or sys.modules["torch"].is_grad_enabled() else "eval"


def _number_of(known: list[_Series], asked: Any, step: int) -> int:
    """Which series of its name it is: its own; else one that has no value of this step, since a metric may be made anew for each
    evaluation; else the next. One whose series another took over takes it back.
    """
    for number, series in enumerate(known, 1):
        for place, owner in enumerate(series.owners):
            if owner() is asked:
                del series.owners[place + 1 :]
                series.step = step
                return number
    number = next((number for number, series in enumerate(known, 1) if series.step != step), len(known) + 1)
    if number > MOST_OF_A_NAME:
        return number
    if number > len(known):
        known.append(_Series())
    series = known[number - 1]
    series.owners = [*series.owners[1 - MOST_OWNERS :], weakref.ref(asked)]
    series.step = step
    return number


def _parts(key: str, value: Any) -> Iterator[tuple[str, Any]]:
    """The numbers in it by their names, as they are now, or why there is none."""
    if isinstance(value, Mapping):
        for name, part in value.items():
            yield from _parts(f"{key}/{name}", part)
    elif is_number(value) or (isinstance(value, (int, float)) and not isinstance(value, bool)):
        yield key, taken(value)
    elif not hasattr(value, "detach"):
        yield key, f"it is a {type(value).__name__} and no number"
    elif value.ndim != 1:
        yield key, f"it is a tensor of the shape {tuple(value.shape)} and no number"
    elif value.numel() > MOST_CLASSES:
        yield key, f"it has {value.numel()} values, more than {MOST_CLASSES}"
    else:
        held = value.tolist() if value.is_cpu else value.detach().clone().unbind()
        yield from ((f"{key}/{place}", each) for place, each in enumerate(held))
