"""One call of a library: the captures look, the library is called once, the captures record.

A wrapper calls `Around`, which asks each capture for its first half, makes the library's call outside of any `except`, and gives
each capture its second half, or closes it where the call failed. Whatever a capture does, the caller gets what the library gave.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import AbstractContextManager
from contextvars import Context
from dataclasses import dataclass
from inspect import iscoroutinefunction, isgeneratorfunction
from types import GeneratorType, TracebackType
from typing import Any, Literal

from runlake.guard import guarded
from runlake.instrument.call import Call, changed_arguments
from runlake.instrument.options import options_of
from runlake.instrument.passed_over import passed_over
from runlake.instrument.patches import OUTERMOST, Patch
from runlake.instrument.plugins import records
from runlake.instrument.scope import Outermost, Scope, current_scope, find_scope, is_in_outermost, is_plugin_at_work, plugin_context
from runlake.instrument.training import Training, run_of
from runlake.instrument.work import Work
from runlake.recording.active import working_inside

__all__ = ["Around", "Entry", "Invocation"]


@dataclass(eq=False)
class Entry:
    """A patch of an enabled plugin."""

    plugin: str
    patch: Patch
    work: Work  # what is done outside of any training


class Around:
    """What stands around one of a library's functions: the captures of every plugin that patched it, in order."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.entries: tuple[Entry, ...] = ()  # replaced whole, so that a call sees one list
        self._parted: tuple[tuple[Entry, ...], tuple[Entry, ...], tuple[Entry, ...]] = (), (), ()  # all, and those that glance, and look
        self._special: Callable[..., Any] | Literal[False] | None = None  # how a coroutine function is called, or a generator function

    @passed_over
    def __call__(self, wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Call the library, exactly once."""
        entries = self.entries
        if not entries or is_plugin_at_work():
            return wrapped(*args, **kwargs)
        if self._parted[0] is not entries:
            self._parted = entries, *_parted(entries)
        _, glances, others = self._parted
        for entry in glances:
            entry.work.glance(entry.patch.capture, args, kwargs)
        if not others:
            return wrapped(*args, **kwargs)
        if self._special is None:
            self._special = _awaited if iscoroutinefunction(wrapped) else _generated if isgeneratorfunction(wrapped) else False
        if self._special:
            return self._special(self, others, wrapped, instance, args, kwargs)
        invocation = _begun(self, others, wrapped, instance, args, kwargs)
        if invocation is None:
            return wrapped(*args, **kwargs)
        with invocation:
            with invocation.inside():
                outcome = wrapped(*invocation.args, **invocation.kwargs)
            invocation.outcome = outcome
        return outcome


def _parted(entries: tuple[Entry, ...]) -> tuple[tuple[Entry, ...], tuple[Entry, ...]]:
    """Those that glance, and the others."""
    glances = tuple(entry for entry in entries if entry.patch.role == "glance")
    return glances, tuple(entry for entry in entries if entry not in glances)


def _passes_by(entries: tuple[Entry, ...], instance: Any) -> bool:
    """Whether nothing is captured for sure: most models that predict were not trained in a run, and most metrics are called by another."""
    for entry in entries:
        role = entry.patch.role
        if role not in OUTERMOST or ((role == "judge" or run_of(instance) is not None) and not is_in_outermost()):
            return False
    return True


@passed_over
async def _awaited(
    around: Around, entries: tuple[Entry, ...], wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    invocation = _begun(around, entries, wrapped, instance, args, kwargs)
    if invocation is None:
        return await wrapped(*args, **kwargs)
    with invocation:
        with invocation.inside():
            outcome = await wrapped(*invocation.args, **invocation.kwargs)
        invocation.outcome = outcome
    return outcome


@passed_over
def _generated(
    around: Around, entries: tuple[Entry, ...], wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Generator[Any, Any, Any]:
    invocation = _begun(around, entries, wrapped, instance, args, kwargs)
    if invocation is None:
        return (yield from wrapped(*args, **kwargs))
    with invocation:
        invocation.outcome = yield from _Resumed(wrapped(*invocation.args, **invocation.kwargs), invocation)
    return invocation.outcome


class _Resumed(Generator[Any, Any, Any]):
    """The library's generator, inside the training only while its own code runs: what comes between two values is the user's."""

    def __init__(self, inner: Generator[Any, Any, Any], invocation: Invocation) -> None:
        self._inner = inner
        self._invocation = invocation

    @passed_over
    def __next__(self) -> Any:
        return self.send(None)

    @passed_over
    def send(self, value: Any) -> Any:
        with self._invocation.inside():
            return self._inner.send(value)

    @passed_over
    def throw(self, *error: Any) -> Any:
        with self._invocation.inside():
            return self._inner.throw(*error)

    @passed_over
    def close(self) -> None:
        with self._invocation.inside():
            self._inner.close()


class _Inside:
    """The library's exceptions pass by it: nothing here sees them, and nothing that goes wrong here is seen by the library."""

    __slots__ = ("_entered", "_invocation")

    def __init__(self, invocation: Invocation) -> None:
        self._invocation = invocation
        self._entered: list[AbstractContextManager[Any]] = []

    def __enter__(self) -> None:
        with guarded("entering a training"):
            for surrounding in self._invocation.surroundings():
                surrounding.__enter__()
                self._entered.append(surrounding)

    def __exit__(self, *_: object) -> None:
        while self._entered:
            with guarded("leaving a training"):
                self._entered.pop().__exit__(None, None, None)


@dataclass(eq=False)
class _Half:
    """A capture that has begun, and waits for the library to come back."""

    call: Call
    work: Work
    context: Context
    generator: GeneratorType[None, Any, None]


_NOWHERE = contextlib.nullcontext()


class Invocation:
    """A call that is captured, from the first capture's first half to the last one's second."""

    def __init__(self, around: Around, wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self.instance = instance
        self.args = args
        self.kwargs = kwargs
        self.outcome: Any = None
        self._around = around
        self._wrapped = wrapped
        self._own: Training | None = None
        self._training: Training | None = None
        self._failed: Training | None = None
        self._halves: list[_Half] = []
        self._is_outermost = False

    @functools.cached_property
    def signature(self) -> inspect.Signature:
        """What the library's function takes."""
        return inspect.signature(self._wrapped)

    def options_of(self, plugin: str) -> Mapping[str, Any]:
        """The settings that the training began with."""
        return self._own.options if self._own is not None and self._own.plugin == plugin else options_of(plugin)

    def rewrite(self, changed: Mapping[str, Any]) -> None:
        """Have the library called with these instead."""
        self.args, self.kwargs = changed_arguments(self.signature, self.args, self.kwargs, changed)

    def begin(self, entries: list[Entry], enclosing: Training | None) -> bool:
        """Run the first half of each capture; whether any waits for the second."""
        self._training = enclosing
        for entry in entries:
            if entry.patch.role in OUTERMOST:
                self._begin_outermost(entry)
            elif entry.patch.role == "after":
                self._begin_one(entry, None, is_owner=False)
            elif self._training is not None:
                if not self._training.skipped:
                    self._begin_one(entry, self._training, is_owner=False)
            elif entry.patch.role == "fit":
                self._begin_owner(entry)
        if self._training is None and self._failed is not None:  # what it trains inside is still no training of its own
            self._failed.skip("its capture failed")
            self._training = self._own = self._failed
        return self.is_under_way

    @property
    def is_under_way(self) -> bool:
        """Whether anything is to be done once the library comes back."""
        return bool(self._halves) or self._own is not None or self._is_outermost

    def _begin_outermost(self, entry: Entry) -> None:
        if self._training is None and not is_in_outermost() and (entry.patch.role == "judge" or run_of(self.instance) is not None):
            self._is_outermost = True
            self._begin_one(entry, None, is_owner=False)

    def _begin_owner(self, entry: Entry) -> None:
        training = Training(entry.plugin, _name_of(self.instance, self._wrapped))
        came_back = False
        try:
            came_back = self._begin_one(entry, training, is_owner=True)
        finally:  # Ctrl-C too: a run that was opened is to be ended
            if training.active is not None or training.skipped or any(half.call.belongs_to(training) for half in self._halves):
                self._training = self._own = training
            elif not came_back:
                self._failed = training

    def inside(self) -> AbstractContextManager[None]:
        """Around the library's own code: what it calls is part of the training, and what users' callbacks log goes to its run."""
        return _Inside(self) if self._training is not None or self._is_outermost else _NOWHERE

    def surroundings(self) -> Iterator[AbstractContextManager[None]]:
        """What is to be entered with the library's code and left with it."""
        if self._is_outermost:
            yield Outermost()
        if self._training is not None:
            if not self._training.holds_trainings:
                yield Scope(self._training, self._around, self.instance, self.args, current_scope())
            if self._own is not None and self._own.owns_run and self._own.active is not None:
                yield working_inside(self._own.active)

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.finish(error)

    def finish(self, error: BaseException | None) -> None:
        """Run the second half of each capture, the owner's last, or close them where the call failed."""
        try:
            while self._halves:
                with guarded("going on after a call"):
                    self._finish_one(self._halves.pop(), error)
        except KeyboardInterrupt as interrupt:
            error = interrupt
            raise
        finally:
            if self._own is not None:
                with guarded("ending a training"):
                    self._own.finish(error)

    def _finish_one(self, half: _Half, error: BaseException | None) -> None:
        half.call.error, half.call.outcome = error, self.outcome
        if error is None:
            came_back, has_ended = half.work.do("recording after", half.context, _advance, half.generator, self.outcome)
            if came_back and not has_ended:
                half.work.failed("it yields more than once")
        if half.generator.gi_frame is not None:  # it is not through
            half.work.do("closing after", half.context, half.generator.close)
        half.call.error = half.call.outcome = None  # or the call would keep its own traceback alive

    def _begin_one(self, entry: Entry, training: Training | None, *, is_owner: bool) -> bool:
        """Whether it did not fail."""
        target = entry.patch.target
        work = training.work_of(entry.plugin, target) if training is not None else entry.work
        if work.is_off or entry.work.is_off:
            return True
        work.calls += 1
        call = Call(self, entry.plugin, target, training, is_owner=is_owner)
        context = plugin_context(entry.plugin)
        before = self.args, self.kwargs
        came_back, generator = work.do("looking at", context, _started, entry.patch.capture, call)
        if not came_back:
            self.args, self.kwargs = before
        elif generator is not None:
            self._halves.append(_Half(call, work, context, generator))
        return came_back


def _begun(
    around: Around, entries: tuple[Entry, ...], wrapped: Any, instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Invocation | None:
    """The call with the first halves behind it; None where nothing is to be captured."""
    invocation = None
    try:
        with guarded("looking at a call of", around.name):
            if _passes_by(entries, instance):
                return None
            invocation = Invocation(around, wrapped, instance, args, kwargs)
            return invocation if _begin(invocation, around, entries, instance, args) else None
    except KeyboardInterrupt as interrupt:
        if invocation is not None:
            invocation.finish(interrupt)
        raise
    return invocation if invocation is not None and invocation.is_under_way else None


def _begin(invocation: Invocation, around: Around, entries: tuple[Entry, ...], instance: Any, args: tuple[Any, ...]) -> bool:
    scope, is_out_of_reach = find_scope()
    if is_out_of_reach:
        return False
    if scope is not None and scope.is_same_call(around, instance, args):
        return False
    recording = [entry for entry in entries if records(entry.plugin)]
    if len(recording) > 1:
        recording.sort(key=lambda entry: _distance(entry, instance if instance is not None else args[0] if args else None))
    return invocation.begin(recording, scope.training if scope is not None else None)


def _started(capture: Callable[[Call], Any], call: Call) -> GeneratorType[None, Any, None] | None:
    """The capture at its `yield`; None for one that returned before that, or has none: it has nothing to record afterwards."""
    generator = capture(call)
    if generator is None:
        return None
    if type(generator) is not GeneratorType:
        raise TypeError(f"a capture yields once or gives nothing; {capture!r} gave {type(generator).__name__}")
    return None if _advance(generator, None) else generator


def _advance(generator: Generator[None, Any, None], sent: Any) -> bool:
    """Whether it has ended."""
    try:
        generator.send(sent)
    except StopIteration:
        return True
    return False


def _name_of(instance: Any, wrapped: Any) -> str:
    """The model's class, or the function's name."""
    if instance is None:
        return str(getattr(wrapped, "__name__", wrapped))
    return instance.__name__ if isinstance(instance, type) else type(instance).__name__


def _distance(entry: Entry, trained: Any) -> int:
    """How far up the object's classes the plugin's library comes: the one that defines it goes first."""
    libraries = [base.__module__.partition(".")[0] for base in type(trained).__mro__]
    library = entry.patch.module.partition(".")[0]
    return libraries.index(library) if library in libraries else len(libraries)
