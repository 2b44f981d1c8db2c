"""Other tools wrap the same functions, before us and after us: every order of coming and going leaves a working library."""

from __future__ import annotations

import functools
import itertools
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest
import wrapt

import runlake
from toys import probe_of, seen

Install = Callable[..., None]
CALLED: list[str] = []


class Tool:
    """Another tool: puts its wrapper on whatever stands there, and restores what it found."""

    def __init__(self, kind: str, parent: Any, name: str) -> None:
        self.kind, self.parent, self.name = kind, parent, name
        self.was: Any = None

    def enable(self) -> None:
        """Wrap."""
        was = self.was = vars(self.parent)[self.name]
        if self.kind == "wrapt":

            def note(wrapped: Any, instance: Any, args: Any, kwargs: Any) -> Any:
                CALLED.append("theirs")
                return wrapped(*args, **kwargs)

            setattr(self.parent, self.name, wrapt.FunctionWrapper(was, note))
            return

        def closure(*args: Any, **kwargs: Any) -> Any:
            CALLED.append("theirs")
            function = was if not isinstance(self.parent, type) else was.__get__(args[0], self.parent)
            return function(*(args[1:] if isinstance(self.parent, type) else args), **kwargs)

        setattr(self.parent, self.name, functools.wraps(was)(closure) if self.kind == "wraps" else closure)

    def disable(self) -> None:
        """Restore."""
        setattr(self.parent, self.name, self.was)


@pytest.fixture(params=["train", "checked_train", "Estimator.fit"])
def place(request: pytest.FixtureRequest, toylib: ModuleType, install: Install) -> tuple[Any, str, Callable[[], Any]]:
    """Where both patch: a class or module, a name, and a call of it; our plugin is installed."""
    core = sys.modules["toylib.core"]
    install("probe", probe_of(f"toylib.core:{request.param}"))
    CALLED.clear()
    if request.param == "Estimator.fit":
        return core.Estimator, "fit", lambda: core.Estimator(3).fit("data").model_.best_round
    return core, request.param, lambda: getattr(core, request.param)("data").best_round


def ours() -> int:
    """How many times our capture ran since the last look."""
    return sum(when == "before" for when, *_ in seen())


def theirs() -> int:
    """How many times their wrapper was called since the last look."""
    found = len(CALLED)
    CALLED.clear()
    return found


@pytest.mark.parametrize("kind", ["plain", "wraps", "wrapt"])
@pytest.mark.parametrize("first", ["ours", "theirs"])
def test_both_work_and_either_goes_first(first: str, kind: str, place: Any) -> None:
    """Whoever came first, and whoever leaves first: the other goes on, and each call is seen once by each."""
    parent, name, call = place
    tool = Tool(kind, parent, name)

    if first == "theirs":
        tool.enable()
    runlake.autolog("probe")
    if first == "ours":
        tool.enable()
    both = (call(), ours(), theirs())
    runlake.autolog("probe")
    again = (call(), ours(), theirs())
    runlake.disable_autolog()
    alone = (call(), ours(), theirs())
    runlake.autolog("probe")
    back = (call(), ours(), theirs())

    assert [both, again, alone, back] == [(2, 1, 1), (2, 1, 1), (2, 0, 1), (2, 1, 1)]


@pytest.mark.parametrize("kind", ["plain", "wraps", "wrapt"])
def test_nothing_of_either_stays_where_they_leave_in_order(kind: str, place: Any) -> None:
    """Theirs on ours: theirs goes, then ours, and the very same object is there."""
    parent, name, call = place
    original = vars(parent)[name]
    tool = Tool(kind, parent, name)

    runlake.autolog("probe")
    tool.enable()
    tool.disable()
    assert (call(), ours(), theirs()) == (2, 1, 0)
    runlake.disable_autolog()

    assert vars(parent)[name] is original
    assert (call(), ours(), theirs()) == (2, 0, 0)


@pytest.mark.parametrize("kind", ["plain", "wraps", "wrapt"])
def test_what_theirs_drops_is_set_again(kind: str, place: Any) -> None:
    """Theirs came first and restores the original over ours, which the report says; the next `autolog()` captures again, once."""
    parent, name, call = place
    original = vars(parent)[name]
    tool = Tool(kind, parent, name)
    tool.enable()
    given = runlake.autolog("probe")
    states = [row.state for row in given.report() if row.plugin == "probe"]

    tool.disable()
    later = [row.state for row in given.report() if row.plugin == "probe"]
    call()
    assert (states, later) == (["in place"], ["in place" if ours() else "lost"])
    runlake.autolog("probe")

    assert (call(), ours(), theirs()) == (2, 1, 0)
    runlake.disable_autolog()
    assert vars(parent)[name] is original
    assert (call(), ours()) == (2, 0)


@pytest.mark.parametrize("kind", ["plain", "wraps", "wrapt"])
def test_any_sequence_leaves_a_library_that_works(kind: str, place: Any) -> None:
    """All sequences of four steps that change something: the result is the same, and each call is captured at most once.

    It is captured once after `autolog()`.
    """
    parent, name, call = place
    original = vars(parent)[name]

    for steps in itertools.product(["on", "off", "theirs"], repeat=4):
        tool, is_theirs_on = Tool(kind, parent, name), False
        for step in steps:
            if step == "on":
                runlake.autolog("probe")
            elif step == "off":
                runlake.disable_autolog()
            elif is_theirs_on:
                tool.disable()
                is_theirs_on = False
            else:
                tool.enable()
                is_theirs_on = True
            seen()
            assert call() == 2
            assert ours() <= 1, steps
            if step in ("on", "off"):
                call()
                assert ours() == (step == "on"), steps
        runlake.disable_autolog()
        setattr(parent, name, original)
