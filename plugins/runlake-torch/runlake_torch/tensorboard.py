"""What a SummaryWriter is given: mirrored into the run of the loop that it is used in, with its steps and times."""

from __future__ import annotations

import math
import threading
from collections.abc import Generator, Iterator, Mapping
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import runlake
from runlake_torch.here import here
from runlake_torch.loading import is_in_epoch
from runlake_torch.loops import Loop, begun, is_idle
from runlake_torch.values import is_number, taken

if TYPE_CHECKING:
    from runlake import Call, OfferedRun

__all__ = ["capture_hparams", "capture_made", "capture_scalar", "capture_scalars", "forget_writers"]

REPEATED = "repeated"  # so the plugin of a Trainer says that what is written now is recorded already

_made: WeakKeyDictionary[Any, int] = WeakKeyDictionary()  # after how many steps of its thread
_loops: WeakKeyDictionary[Any, Loop] = WeakKeyDictionary()  # in which a writer was used last: more may come once its optimizers are gone


class _Inside(threading.local):
    is_so = False


_inside = _Inside()  # a call of a writer, which may use others of its own


def capture_made(call: Call) -> Generator[None, Any, None]:
    """A writer is made: what is written before the next step belongs to that."""
    yield
    _made[call.instance] = here().steps


def capture_scalar(call: Call) -> Generator[None, Any, None]:
    """A point of a series that has the tag's name."""
    yield
    if not _inside.is_so:
        given = call.arguments
        _record(call, {given["tag"]: given["scalar_value"]}, given["global_step"], given["walltime"])


def capture_scalars(call: Call) -> Generator[None, Any, None]:
    """Points of several series, below the main tag."""
    yield
    given = call.arguments
    values = {f"{given['main_tag']}/{tag}": value for tag, value in given["tag_scalar_dict"].items()}
    _record(call, values, given["global_step"], given["walltime"])


def capture_hparams(call: Call) -> Generator[None, Any, None]:
    """Params, and a point of each metric; it makes a writer of its own, which is not looked at."""
    _inside.is_so = True
    try:
        yield
    finally:
        _inside.is_so = False
    given = call.arguments
    run = _run_of(call.instance)
    if run is not None:
        run.log_params({name: taken(value) if is_number(value) else value for name, value in given["hparam_dict"].items()})
    _record(call, given["metric_dict"], given["global_step"], None)


def forget_writers() -> None:
    """Let go of all."""
    _made.clear()
    _loops.clear()


def _record(call: Call, values: Mapping[str, Any], step: Any, walltime: Any) -> None:
    numbers = dict(_numbers(values))
    run = _run_of(call.instance) if numbers else None
    if run is None:
        return
    timestamp = None if walltime is None else int(float(walltime) * 1000)
    step = taken(step) if is_number(step) else step
    for key, value in numbers.items():
        run.log_metric(key, value, None if step is None else int(step), timestamp)


def _numbers(values: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """What is one number, be it in a list or an array; a tensor is not waited for."""
    for key, value in values.items():
        while isinstance(value, (list, tuple)) and len(value) == 1:
            value = value[0]
        if is_number(value):
            yield str(key), taken(value)
        elif hasattr(value, "item") and getattr(value, "size", 0) == 1:
            yield str(key), float(value.item())
        elif isinstance(value, (int, float)) or (isinstance(value, str) and _is_float(value)):
            yield str(key), float(value)


def _is_float(text: str) -> bool:
    return text.strip().lower().lstrip("+-") in ("nan", "inf") or (text.isascii() and math.isfinite(_float(text)))


def _float(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def _run_of(writer: Any) -> OfferedRun | None:
    """That of the loop which goes on in this thread, else of one that begins with the writer."""
    loop = here().loop()
    if loop is None:
        loop = _loops.get(writer)
    elif loop.began is not None and _loops.get(writer) is not loop and here().steps <= _made.get(writer, -1) and not is_in_epoch():
        loop = None  # it is over: nothing has stepped since the writer was made
    if loop is None:
        loop = begun(type(writer).__name__)
    _loops[writer] = loop
    training = runlake.training(loop, name=loop.name)
    return None if training is None or training.noted.get(REPEATED) or is_idle(loop, training) else training.run
