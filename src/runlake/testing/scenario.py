"""One training with a library, as a plugin's author describes it, and what the checks do with it."""

from __future__ import annotations

import difflib
import importlib
import pickle
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import pytest

import runlake
from runlake.guard import attempt
from runlake.instrument.patches import Patch, Registration
from runlake.instrument.plugins import Plugin, find_plugins, load, plugin_named

if TYPE_CHECKING:
    from runlake.read import Run

__all__ = ["Scenario", "Trial", "attribute", "holder_of", "own_attribute"]


@dataclass(frozen=True)
class Scenario:
    """One training with a library. All but `train` is for checks that need it, which are skipped without.

    `train(*data())` trains one small model, the same at each call, in well under a second, and gives it.
    """

    train: Callable[..., Any]
    data: Callable[[], Sequence[Any]] = tuple  # fresh objects that `train` is called with
    told_by: Callable[[Any], Any] | None = None  # what tells that a model is the same: by default itself, as it is pickled
    fail: Callable[[], Any] | None = None  # trains so that the library raises an exception of its own
    rows: Callable[[], Any] | None = None  # a few that a saved model is asked for when it is loaded: by default the first of `data`
    series: str = ""  # a metric with a point for each round, where the library has rounds
    runs: int = 1  # that one training leaves
    program: str = ""  # the same training as a program of its own: imports first, then at least one more line
    generators: Callable[[], Any] | None = None  # the state of random generators other than Python's and NumPy's
    patched: Sequence[str] = ()  # targets whose attributes the plugin replaces: by default all that its `patches()` name
    seconds: float = 1.0  # that the captures of one training may take, all together


@dataclass(frozen=True)
class Trial:
    """A plugin and its scenario: what each check is given."""

    plugin: str
    scenario: Scenario

    @cached_property
    def found(self) -> Plugin:
        """The plugin, loaded, which applies nothing."""
        find_plugins(anew=True)
        plugin = plugin_named(self.plugin)
        load(plugin)
        if plugin.problem:
            raise AssertionError(f"The plugin {self.plugin} cannot be used: {plugin.problem}")
        return plugin

    def require(self) -> None:
        """Raise AssertionError, in a line for each, where the plugin or one of its targets is not there."""
        found = [(asked.target, _absence(asked)) for asked in self.asked]
        lines = [f"The plugin {self.plugin} cannot capture {target}: {why}" for target, why in found if why]
        if lines:
            raise AssertionError("\n".join(lines))

    @property
    def asked(self) -> Sequence[Patch | Registration]:
        """What it captures and registers."""
        return self.found.asked

    @property
    def libraries(self) -> frozenset[str]:
        """The top modules of its library."""
        return self.found.libraries

    def load(self) -> Trial:
        """Import the library, as far as it is captured."""
        for each in self.asked:
            problem = attempt(lambda module=each.module: importlib.import_module(module))  # type: ignore[misc]  # binds the loop's module
            if isinstance(problem, BaseException) and not (isinstance(each, Patch) and each.optional):
                raise problem
        return self

    @cached_property
    def patched(self) -> list[str]:
        """The targets whose attributes are looked at: those that the scenario names, or that a class or module has of its own."""
        self.load()
        named = self.scenario.patched or [each.target for each in self.asked if isinstance(each, Patch)]
        return [target for target in named if own_attribute(target) != ()]

    @property
    def trained(self) -> list[str]:
        """The patched targets whose calls are trainings, or part of one."""
        others = {each.target for each in self.asked if isinstance(each, Patch) and each.role != "fit"}
        return [target for target in self.patched if target not in others]

    def train(self) -> Any:
        """What one training gives."""
        return self.scenario.train(*self.scenario.data())

    def fingerprint(self) -> bytes:
        """What tells the model of one training from another."""
        model = self.train()
        return pickle.dumps(model if self.scenario.told_by is None else self.scenario.told_by(model))

    @contextmanager
    def enabled(self, is_enabled: bool = True, *, strict: bool = True) -> Iterator[None]:
        """The library is imported, and the plugin records inside; unless it is not to, for comparison."""
        self.load()
        if is_enabled:
            runlake.autolog(self.plugin, strict=strict)
        try:
            yield
        finally:
            runlake.disable_autolog()

    def runs(self) -> list[Run]:
        """What is recorded by now, the first that began first."""
        runlake.flush()
        found = attempt(lambda: runlake.read.open_store().runs())
        if isinstance(found, runlake.StoreError):  # nothing made one
            return []
        if isinstance(found, BaseException):
            raise found
        return sorted(found, key=lambda run: run.info.run_id)

    def statuses(self) -> list[str]:
        """How the runs ended."""
        return [str(run.info.status) for run in self.runs()]

    def shapes(self) -> list[Any]:
        """The runs without what differs from one training to the next: names, statuses, params, numbers of points."""
        return [(run.info.run_name, str(run.info.status), sorted(run.data.params.items()), _lengths(run)) for run in self.runs()]

    def needs(self, what: str, why: str) -> Any:
        """A field of the scenario; the check is skipped where that is not given."""
        given = getattr(self.scenario, what)
        if not given or given is tuple:
            pytest.skip(f"the scenario has no `{what}`, {why}")
        return given


def _absence(asked: Patch | Registration) -> str:
    """Why the installed library has not what is asked for; "" where it has, or need not."""
    if isinstance(asked, Patch) and asked.optional:
        return ""
    holder: Any = attempt(lambda: importlib.import_module(asked.module))
    if isinstance(holder, ImportError):
        return f"{holder}."
    if isinstance(holder, BaseException):
        raise holder
    names = asked.name.split(".") if isinstance(asked, Patch) else []
    for name in names[:-1] if isinstance(asked, Patch) and asked.subclasses else names:
        if not hasattr(holder, name):
            near = difflib.get_close_matches(name, dir(holder), 1)
            return f"there is no such attribute; did you mean {near[0]}?" if near else "there is no such attribute."
        holder = getattr(holder, name)
    return ""


def _lengths(run: Run) -> list[tuple[str, int]]:
    return sorted((key, len(run.metrics[key])) for key in run.metrics)


def holder_of(target: str) -> tuple[Any, str]:
    """The class or module that a target is an attribute of, and the attribute's name. Raises AttributeError, ImportError."""
    module, _, path = target.partition(":")
    holder: Any = importlib.import_module(module)
    *outer, name = path.split(".")
    for part in outer:
        holder = getattr(holder, part)
    return holder, name


def own_attribute(target: str) -> Any:
    """What the class or module itself has there, as it is kept; () where it has nothing of its own."""
    found = attempt(lambda: holder_of(target))
    return () if isinstance(found, BaseException) else vars(found[0]).get(found[1], ())


def attribute(target: str) -> Any:
    """What one gets who asks for it."""
    holder, name = holder_of(target)
    return getattr(holder, name)
