"""Which training a library's call is part of: the one that this context is in, none, or one of which it cannot know."""

from __future__ import annotations

import contextlib
import os
import sys
from contextvars import Context, ContextVar, copy_context
from typing import TYPE_CHECKING, Any

from runlake import platform

if TYPE_CHECKING:
    from runlake.instrument.training import Training

__all__ = ["Outermost", "Scope", "current_scope", "find_scope", "is_in_outermost", "is_plugin_at_work", "plugin_context"]


class Scope:
    """A call that is being made as part of a training: entered, calls in this context are part of it too."""

    __slots__ = ("_token", "args", "around", "instance", "level", "outer", "pid", "training")

    def __init__(self, training: Training, around: Any, instance: Any, args: tuple[Any, ...], outer: Scope | None) -> None:
        self.training = training
        self.around = around  # whose call it is
        self.instance = instance
        self.args = args
        self.outer = outer
        self.pid = os.getpid()
        self.level = _level()

    def __enter__(self) -> None:
        self._token = _scope.set(self)
        _open[self] = None

    def __exit__(self, *_: object) -> None:
        _open.pop(self, None)
        with contextlib.suppress(ValueError):  # a generator or coroutine that is closed in another context
            _scope.reset(self._token)

    def is_same_call(self, around: Any, instance: Any, args: tuple[Any, ...]) -> bool:
        """Whether two of our wrappers stand around one call, with another tool's between them, which may add arguments."""
        if self.around is not around or self.instance is not instance:
            return False
        return instance is not None or self.args[:1] == () == args[:1] or (bool(self.args and args) and self.args[0] is args[0])


class Outermost:
    """A call that predicts or judges: entered, such calls in this context are part of it."""

    __slots__ = ("_token",)

    def __enter__(self) -> None:
        self._token = _outermost.set(True)

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(ValueError):  # a generator or coroutine that is closed in another context
            _outermost.reset(self._token)


_outermost: ContextVar[bool] = ContextVar("runlake_outermost", default=False)
_scope: ContextVar[Scope | None] = ContextVar("runlake_scope", default=None)
_plugin: ContextVar[str] = ContextVar("runlake_plugin", default="")
_open: dict[Scope, None] = {}  # of all threads; whatever is done to it is one C call


def find_scope() -> tuple[Scope | None, bool]:
    """The call that this one is inside of, and whether this one is out of reach.

    That is a call which is part of a training in another process or thread, as joblib makes them: its owner records it.
    """
    scope = _scope.get()
    if scope is not None and scope.pid != os.getpid():
        return None, True
    while scope is not None and scope not in _open:  # a task or thread that took the context along may outlive the call
        scope = scope.outer
    if scope is not None or not _open:
        return scope, False
    level = _level()
    return None, level > 0 and any(other.level < level for other in list(_open))


def current_scope() -> Scope | None:
    """The call that this one is inside of."""
    return find_scope()[0]


def is_in_outermost() -> bool:
    """Whether this call is made by one that predicts or judges."""
    return _outermost.get()


def plugin_context(name: str) -> Context:
    """A copy of this context for a plugin's code: what it sets stays in there, and the library's calls that it makes are its own."""
    context = copy_context()
    context.run(_plugin.set, name)
    return context


def is_plugin_at_work() -> str:
    """The plugin whose code runs here, or an empty text."""
    return _plugin.get()


def _level() -> int:
    """How deep inside joblib's workers this thread is: they do not take the context along."""
    parallel: Any = sys.modules.get("joblib.parallel")
    if not hasattr(parallel, "get_active_backend"):  # not there, or just being imported
        return 0
    return getattr(parallel.get_active_backend()[0], "nesting_level", 0) or 0


platform.on_fork(in_child=_open.clear)
