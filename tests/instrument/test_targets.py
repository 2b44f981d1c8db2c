"""Every kind of target is captured, and undone to the very objects that were there."""

from __future__ import annotations

import asyncio
import importlib
import operator
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

import runlake
from toys import probe_of, seen

Install = Callable[..., None]

CALLS: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "a function": ("train", lambda core: core.train("data")),
    "a decorated function": ("checked_train", lambda core: core.checked_train("data")),
    "a function made in C": ("multiply", lambda core: core.multiply(2, 3)),
    "a coroutine": ("atrain", lambda core: asyncio.run(core.atrain("data"))),
    "a generator": ("rounds", lambda core: list(core.rounds("data"))),
    "a method": ("Estimator.fit", lambda core: core.Estimator().fit("data")),
    "a method called through its class": ("Estimator.fit", lambda core: core.Estimator.fit(core.Estimator(), "data")),
    "an inherited method": ("Grandchild.fit", lambda core: core.Grandchild().fit("data")),
    "a class method": ("Estimator.from_data", lambda core: core.Estimator.from_data("data")),
    "a static method": ("Estimator.quick", lambda core: core.Estimator.quick("data")),
    "a static method of an object": ("Estimator.quick", lambda core: core.Estimator().quick("data")),
    "a property": ("Estimator.fitted", lambda core: core.Estimator().fitted),
    "an inherited property": ("Child.fitted", lambda core: core.Child().fitted),
    "a conditional method": ("Estimator.predict", lambda core: core.Estimator().fit("data").predict("data")),
    "a class": ("Model.__init__", lambda core: core.Model(3)),
}


def slot(core: ModuleType, path: str) -> Any:
    """What is kept under the name, or "none"; of a decorated function and a conditional method, what is inside that."""
    *outer, name = path.split(".")
    parent: Any = core
    for part in outer:
        parent = getattr(parent, part)
    return vars(parent).get(name, "none")


@pytest.mark.parametrize("kind", CALLS)
def test_it_is_captured_once_and_undone_by_identity(kind: str, toylib: ModuleType, install: Install) -> None:
    """The call gives what it gave; the slot holds the same object again, or is gone where it was inherited."""
    path, call = CALLS[kind]
    core = sys.modules["toylib.core"]
    install("probe", probe_of(f"toylib.core:{path}"))
    before, outcome = slot(core, path), call(core)

    runlake.autolog("probe")
    watched = call(core)
    found = [when for when, *_ in seen()]
    runlake.disable_autolog()
    call(core)

    assert found == ["before", "after"]
    assert type(watched) is type(outcome)
    assert slot(core, path) is before
    assert seen() == []


def test_a_builtin_is_captured_under_the_librarys_name_alone(toylib: ModuleType, install: Install) -> None:
    """Others that call it see nothing of it."""
    install("probe", probe_of("toylib.core:multiply"))
    mul = operator.mul

    runlake.autolog("probe")

    assert operator.mul is mul
    assert sys.modules["toylib.core"].multiply(2, 3) == 6
    assert len(seen()) == 2


def test_names_that_were_imported_before_are_captured_and_given_back(toylib: ModuleType, install: Install) -> None:
    """Another module's `from toylib import train` is the same function before and after."""
    user, original = ModuleType("user"), toylib.train
    user.train, user.checked_train = toylib.train, toylib.checked_train  # type: ignore[attr-defined]  # a module made here
    sys.modules["user"] = user
    install("probe", probe_of("toylib.core:train", "toylib.core:checked_train"))

    runlake.autolog("probe")
    user.train("data")
    user.checked_train("data")
    calls = len(seen())
    runlake.disable_autolog()
    del sys.modules["user"]

    assert calls == 4
    assert user.train is toylib.train is original


def test_a_decorated_function_stays_the_same_object(toylib: ModuleType, install: Install) -> None:
    """Only what is inside it changes, so a name that a local variable holds is captured too."""
    held = toylib.checked_train
    inside = held.__closure__[0].cell_contents
    install("probe", probe_of("toylib.core:checked_train"))

    runlake.autolog("probe")
    held("data")

    assert toylib.checked_train is held
    assert len(seen()) == 2
    runlake.disable_autolog()
    assert held.__closure__[0].cell_contents is inside


@pytest.mark.parametrize("when", ["before", "after"])
def test_subclasses_are_captured_whenever_they_are_made(when: str, toylib: ModuleType, install: Install) -> None:
    """Those that exist, and those that come: each class's own method, once a call."""
    install("probe", probe_of("toylib.core:Estimator.fit", subclasses=True))
    if when == "after":
        runlake.autolog("probe")

    class Later(toylib.Estimator):  # type: ignore[name-defined,misc]  # a module known at run time
        def fit(self, data: str, targets: object = None) -> object:
            return super().fit(data, targets)

    own = None if when == "after" else vars(Later)["fit"]
    runlake.autolog("probe")
    Later().fit("data")
    assert [when for when, *_ in seen()] == ["before", "before", "after", "after"]

    runlake.disable_autolog()
    Later().fit("data")
    assert seen() == []
    assert type(vars(Later)["fit"]).__name__ == "function"
    assert own is None or vars(Later)["fit"] is own
    assert "__init_subclass__" not in vars(toylib.Estimator)


def test_a_patch_of_an_inherited_method_concerns_that_class_alone(toylib: ModuleType, install: Install) -> None:
    """Also where the class that it comes from is captured by another plugin."""
    install("probe", probe_of("toylib.core:Grandchild.fit"))
    install("other", probe_of("toylib.core:Child.fit"))

    runlake.autolog("other", "probe")
    toylib.Child().fit("data")

    assert len(seen("other")) == 2
    assert seen("probe") == []


def test_a_module_that_is_loaded_anew_is_captured_again(toylib: ModuleType, install: Install) -> None:
    """New functions, and old ones that somebody holds; all of them are given back."""
    core = sys.modules["toylib.core"]
    install("probe", probe_of("toylib.core:train", "toylib.core:Estimator.fit"))
    runlake.autolog("probe")
    old = core.Estimator()

    importlib.reload(core)
    core.train("data")
    toylib.train("data")
    core.Estimator().fit("data")
    old.fit("data")

    assert len(seen()) == 8
    runlake.disable_autolog()
    old.fit("data")
    assert seen() == []
    assert [type(each).__name__ for each in (core.train, toylib.train, vars(core.Estimator)["fit"], vars(type(old))["fit"])] == [
        "function"
    ] * 4


def test_a_library_that_comes_later_is_captured_as_it_comes(toylib: ModuleType, install: Install) -> None:
    """The finder that waits for it is gone from `sys.meta_path` when autologging is; the module's loader is its own."""
    install("probe", probe_of("toylib.core:train"))
    for name in [name for name in sys.modules if name.startswith("toylib")]:
        del sys.modules[name]
    finders = list(sys.meta_path)

    runlake.autolog("probe")
    library = importlib.import_module("toylib")
    library.train("data")

    assert len(seen()) == 2
    spec = sys.modules["toylib.core"].__spec__
    assert spec is not None
    assert type(spec.loader).__name__ == "SourceFileLoader"
    runlake.disable_autolog()
    assert sys.meta_path == finders


def test_a_conditional_method_stays_conditional(toylib: ModuleType, install: Install) -> None:
    """`hasattr` says no where the method is not available."""
    install("probe", probe_of("toylib.core:Estimator.predict"))

    runlake.autolog("probe")
    has = [hasattr(toylib.Estimator(), "predict"), hasattr(toylib.Estimator().fit("data"), "predict")]

    assert has == [False, True]


def test_a_target_that_is_not_there_is_listed_and_leaves_the_others(toylib: ModuleType, install: Install, lenient: None) -> None:
    """One patch failed, one is in place."""
    install("probe", probe_of("toylib.core:nothing", "toylib.core:train"))

    rows = [row for row in runlake.autolog("probe").report() if row.plugin == "probe"]

    assert [row.state for row in rows] == ["failed", "in place"]
    assert rows[0].why == "AttributeError: module 'toylib.core' has no attribute 'nothing'"
