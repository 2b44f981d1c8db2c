"""A training that is recorded is the training that it is without."""

from __future__ import annotations

import contextlib
import copy
import importlib.util
import inspect
import io
import logging
import pickle
import random
import sys
import warnings
from collections.abc import Mapping
from typing import Any

import pytest

from runlake.guard import attempt
from runlake.testing.calls import counted
from runlake.testing.scenario import Trial, attribute

__all__ = [
    "it_costs_little",
    "nothing_is_said",
    "random_numbers_are_as_without",
    "the_arguments_are_as_they_were",
    "the_library_does_the_same_work",
    "the_model_is_the_same_bit_for_bit",
    "what_is_patched_looks_and_pickles_the_same",
]


def the_model_is_the_same_bit_for_bit(trial: Trial) -> None:
    """Nothing that is recorded changes what is trained."""
    bare = trial.load().fingerprint()
    assert trial.fingerprint() == bare, "the scenario trains another model each time, without the plugin"

    with trial.enabled():
        watched = trial.fingerprint()

    is_same = watched == bare  # not compared below, where their pickles would be printed
    assert is_same, "the model is another one when it is recorded"


def random_numbers_are_as_without(trial: Trial) -> None:
    """Random generators stand where a bare training leaves them."""
    states = []
    for is_watched in (False, True):
        with trial.enabled(is_watched):
            random.seed(7)
            if "numpy" in sys.modules:
                sys.modules["numpy"].random.seed(7)
            trial.train()
        states.append(_random_states(trial))

    moved = [name for name in states[0] if states[0][name] != states[1][name]]
    assert moved == [], f"the plugin draws from generators that are not its own: {', '.join(moved)}"


def the_arguments_are_as_they_were(trial: Trial) -> None:
    """What the caller gave is not changed, beyond what the library does to it."""
    trial.needs("data", "which `train` would be given")
    left = []
    for is_watched in (False, True):
        given = list(trial.scenario.data())
        with trial.enabled(is_watched):
            trial.scenario.train(*given)
        left.append([_pickled(each) for each in given])

    if not any(left[0]):
        pytest.skip("none of the arguments has a pickle to compare")
    assert left[0] == left[1], "an argument is changed"


def the_library_does_the_same_work(trial: Trial) -> None:
    """Its functions that train are called as often as without."""
    called = []
    for is_watched in (False, True):
        with counted(trial.trained) as counts, trial.enabled(is_watched):
            trial.train()
        called.append(dict(counts))

    assert called[0] == called[1], "the plugin trains by itself"


def what_is_patched_looks_and_pickles_the_same(trial: Trial) -> None:
    """Signature, name, text, pickle and copy of each patched attribute are the library's own."""
    bare = [_look(target) for target in trial.patched]

    with trial.enabled():
        watched = [_look(target) for target in trial.patched]

    assert watched == bare


def nothing_is_said(trial: Trial) -> None:
    """Nothing is printed, no warning more is given, nothing more is logged, and how logging is set stays as it was."""
    trial.load().train()  # what a library says the first time only
    bare = _said_by(trial, is_watched=False)

    assert _said_by(trial, is_watched=True) == bare


def it_costs_little(trial: Trial) -> None:
    """All captures of one training together stay below the scenario's `seconds`, what they import the first time aside."""
    with trial.enabled():
        trial.train()
        first = len(trial.runs())
        trial.train()

    cost = sum(capture.cost_ns for run in trial.runs()[first:] for capture in run.captures) / 1e9
    assert cost <= trial.scenario.seconds, f"the captures of one training take {cost:.3f} s"


def _random_states(trial: Trial) -> dict[str, bytes]:
    """By the names of the generators, of which the scenario's may be several."""
    states: dict[str, Any] = {"random": random.getstate()}
    if "numpy" in sys.modules:
        states["numpy.random"] = sys.modules["numpy"].random.get_state()
    if trial.scenario.generators is not None:
        others = trial.scenario.generators()
        states |= others if isinstance(others, Mapping) else {"the scenario's `generators`": others}
    return {name: pickle.dumps(state) for name, state in states.items()}


def _pickled(given: Any) -> bytes:
    """b"" for what has no pickle."""
    text = attempt(lambda: pickle.dumps(given))
    return text if isinstance(text, bytes) else b""


def _look(target: str) -> tuple[Any, ...]:
    found = attribute(target)
    names = [getattr(found, name, None) for name in ("__name__", "__qualname__", "__module__", "__doc__")]
    again = [attempt(copying) == found for copying in (lambda: copy.copy(found), lambda: copy.deepcopy(found), lambda: _unpickled(found))]
    return (*names, str(inspect.signature(found)), inspect.isfunction(found), *again, _by_cloudpickle(found))


def _unpickled(found: Any) -> Any:
    text = pickle.dumps(found)
    assert b"runlake" not in text, "a process that reads the pickle would need runlake"
    return pickle.loads(text)


def _by_cloudpickle(found: Any) -> Any:
    """The name of what comes back, where cloudpickle is installed: it takes a method that is looked up anew each time by its code."""
    if importlib.util.find_spec("cloudpickle") is None:
        return None
    text = attempt(lambda: importlib.import_module("cloudpickle").dumps(found))
    if not isinstance(text, bytes):
        return str(text)
    assert b"runlake" not in text, "a process that reads the pickle would need runlake"
    return pickle.loads(text).__qualname__


def _said_by(trial: Trial, *, is_watched: bool) -> dict[str, Any]:
    printed, complained, logged = io.StringIO(), io.StringIO(), _Listener()
    with (
        contextlib.redirect_stdout(printed),
        contextlib.redirect_stderr(complained),
        warnings.catch_warnings(record=True) as warned,
        logged,
    ):
        warnings.simplefilter("always")
        with trial.enabled(is_watched):
            trial.train()
    return {
        "printed": printed.getvalue(),
        "on stderr": complained.getvalue(),
        "warnings": [str(each.message) for each in warned],
        "logged": logged.texts,
        "logging": logged.settings,
    }


class _Listener(logging.Handler):
    """Hears what reaches the root logger, and knows how that was set when it left."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.settings: tuple[Any, ...] = ()

    def __enter__(self) -> _Listener:
        logging.root.addHandler(self)
        return self

    def __exit__(self, *_: object) -> None:
        logging.root.removeHandler(self)
        self.settings = logging.root.level, [type(each).__name__ for each in logging.root.handlers], logging.root.disabled

    def emit(self, record: logging.LogRecord) -> None:
        """One record."""
        self.texts.append(f"{record.name}: {record.getMessage()}")
