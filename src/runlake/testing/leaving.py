"""What is left of the plugin once it is disabled, and of a training once it is over: nothing."""

from __future__ import annotations

import gc
import sys
import threading
import time
import warnings
import weakref
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import Any

import pytest

import runlake
from runlake import config
from runlake.guard import attempt
from runlake.testing.scenario import Trial, holder_of, own_attribute

__all__ = [
    "it_is_unpatched_before_and_after",
    "no_thread_and_no_file_is_left",
    "nothing_of_the_training_is_kept",
    "somebody_elses_wrapper_survives_ours",
    "the_library_is_as_it_was",
]

_CODE = (FunctionType, BuiltinFunctionType, type, staticmethod, classmethod, property)  # by type: to look at a lazy object loads it

PATIENCE_SECONDS = 2.0  # for a thread that is about to end, or a file that is being written


def it_is_unpatched_before_and_after(trial: Trial) -> None:
    """Enabling puts every patch in place, and disabling puts the very same objects back."""
    before = [own_attribute(target) for target in trial.patched]

    with trial.enabled():
        states = {row.target: row.state for row in runlake.autolog(trial.plugin).report() if row.plugin == trial.plugin}
    after = [own_attribute(target) for target in trial.patched]

    missing = {target: state for target, state in states.items() if state not in ("in place", "absent")}
    assert missing == {}, "the library is imported, and these patches are not in place"
    changed = [target for target, old, new in zip(trial.patched, before, after, strict=True) if new is not old]
    assert changed == [], "these are not the library's own objects afterwards"


def the_library_is_as_it_was(trial: Trial) -> None:
    """No module or class of the library has something else afterwards, or more, than before: nothing is set by hand and forgotten."""
    trial.load().train()
    before = dict(_attributes(trial))

    with trial.enabled():
        trial.train()

    ours = ("runlake", trial.found.entry.module)
    with warnings.catch_warnings(action="ignore"):  # what is deprecated may say so when it is looked at
        after = dict(_attributes(trial))
        changed = [f"{place}.{name}" for (place, name), value in before.items() if _is_replaced(place, name, value)]
        added = [f"{at}.{name}" for at, name in after.keys() - before.keys() if _home_of(after[at, name]).startswith(ours)]
    assert (changed, added) == ([], []), "something of the library is replaced or added"


def nothing_of_the_training_is_kept(trial: Trial) -> None:
    """Once it is over, neither its data nor the model is held on to."""
    bare, watched = _held(trial, is_watched=False), _held(trial, is_watched=True)
    if not bare[0] and bare[1] is None:
        pytest.skip("the scenario has no `data`, and its model knows no weak references")

    assert watched[1] == bare[1], "the model is alive"
    assert [more for less, more in zip(bare[0], watched[0], strict=True) if more > less] == [], "an argument is held on to"


def no_thread_and_no_file_is_left(trial: Trial) -> None:
    """Threads named `runlake-*` and the store's own files aside."""
    trial.load().train()
    threads, files = _threads(), _open_files()

    with trial.enabled():
        trial.train()

    deadline = time.monotonic() + PATIENCE_SECONDS
    while (_threads() - threads or _open_files() - files) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert [thread.name for thread in _threads() - threads] == [], "a thread is left"
    assert sorted((_open_files() - files).elements()) == [], "a file is left open"


def somebody_elses_wrapper_survives_ours(trial: Trial) -> None:
    """What another tool puts on top stays when the plugin is disabled; it records no more, and theirs comes off to the library's own."""
    import wrapt

    called: list[str] = []

    def theirs(wrapped: Any, instance: Any, args: Any, kwargs: Any) -> Any:
        called.append("theirs")
        return wrapped(*args, **kwargs)

    before = {target: own_attribute(target) for target in trial.patched}
    with trial.enabled(strict=False):
        for target in before:
            setattr(*holder_of(target), wrapt.FunctionWrapper(own_attribute(target), theirs))
    left = {target: own_attribute(target) for target in trial.patched}
    trial.train()
    for target, was in before.items():
        setattr(*holder_of(target), was)

    assert all(type(found) is wrapt.FunctionWrapper for found in left.values()), "theirs is gone"
    assert [target for target, found in left.items() if found.__wrapped__ is not before[target]] == [], (
        "below theirs is not the library's own"
    )
    assert trial.statuses() == [], "a training is recorded after the plugin was disabled"


def _attributes(trial: Trial) -> Iterator[tuple[tuple[str, str], Any]]:
    """Of the library's modules, and of the classes that they define."""
    for module_name, module in list(sys.modules.items()):
        if module_name.partition(".")[0] not in trial.libraries or type(module) is not ModuleType:
            continue
        for name, value in list(vars(module).items()):
            yield (module_name, name), value
            if issubclass(type(value), type) and value.__module__ == module_name:
                for inner, held in list(vars(value).items()):
                    yield (f"{module_name}:{name}", inner), held


def _is_replaced(place: str, name: str, was: Any) -> bool:
    """Whether a function or class is another one now; other values are the library's to change."""
    if not issubclass(type(was), _CODE):
        return False
    module, _, kind = place.partition(":")
    holder: Any = sys.modules.get(module)
    holder = vars(holder).get(kind) if kind and holder is not None else holder
    return holder is not None and vars(holder).get(name) is not was


def _home_of(value: Any) -> str:
    home = attempt(lambda: getattr(value, "__module__", ""))
    return home if isinstance(home, str) else ""


def _held(trial: Trial, *, is_watched: bool) -> tuple[list[int], bool | None]:
    """How often each object of the data is referred to after the training, and whether the model lives; None where that cannot be told."""
    given = list(trial.scenario.data())
    with trial.enabled(is_watched):
        model = trial.scenario.train(*given)
        seen = _weakly(model)
        del model
        runlake.flush()
        gc.collect()
        lives = seen() is not None if seen is not None else None
        return [sys.getrefcount(given[place]) for place in range(len(given))], lives


def _weakly(model: Any) -> weakref.ref[Any] | None:
    return weakref.ref(model) if type(model).__weakrefoffset__ else None


def _threads() -> set[threading.Thread]:
    return {thread for thread in threading.enumerate() if not thread.name.startswith("runlake-")}


def _open_files() -> Counter[str]:
    """By their paths, where the system tells; the store, the folder that it is in, and logs of other stores, which others write, aside."""
    folder = Path("/proc/self/fd")
    store = config.find_store()
    if not folder.exists():
        return Counter()
    found = [attempt(lambda entry=entry: entry.readlink()) for entry in folder.iterdir()]  # type: ignore[misc]  # binds the loop's entry
    places = [place for place in found if isinstance(place, Path) and place.is_absolute()]
    return Counter(str(place) for place in places if place != store.parent and not place.is_relative_to(store) and place.suffix != ".wal")
