"""Which training a library's call is part of: the one that this context is in, none, or one of which it cannot know."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from contextvars import Context, ContextVar, copy_context
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from runlake import platform

if TYPE_CHECKING:
    from runlake.instrument.training import Training

__all__ = ["Scope", "current_scope", "entered", "is_out_of_reach", "is_plugin_at_work", "plugin_context"]


@dataclass(frozen=True, eq=False, slots=True)
class Scope:
    """A call that is being made as part of a training."""

    training: Training
    around: Any  # whose call it is
    instance: Any
    args: tuple[Any, ...]
    pid: int
    level: int

    def is_same_call(self, around: Any, instance: Any, args: tuple[Any, ...]) -> bool:
        """Whether two of our wrappers stand around one call, with another tool's between them."""
        same = self.around is around and self.instance is instance and len(self.args) == len(args)
        return same and all(ours is theirs for ours, theirs in zip(self.args, args, strict=True))


_scope: ContextVar[Scope | None] = ContextVar("runlake_scope", default=None)
_plugin: ContextVar[str] = ContextVar("runlake_plugin", default="")
_open: dict[Scope, None] = {}  # of all threads; whatever is done to it is one C call


def current_scope() -> Scope | None:
    """The call that this one is inside of."""
    scope = _scope.get()
    return scope if scope is not None and scope.pid == os.getpid() else None


def is_out_of_reach() -> bool:
    """Whether this call is part of a training in another process or thread, as joblib makes them: its owner records it."""
    scope = _scope.get()
    if scope is not None:
        return scope.pid != os.getpid()
    level = _level()
    return level > 0 and any(other.level < level for other in list(_open))


@contextlib.contextmanager
def entered(training: Training, around: Any, instance: Any, args: tuple[Any, ...]) -> Iterator[None]:
    """Have calls in this context be part of the training."""
    scope = Scope(training, around, instance, args, os.getpid(), _level())
    token = _scope.set(scope)
    _open[scope] = None
    try:
        yield
    finally:
        _open.pop(scope, None)
        _scope.reset(token)


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
    parallel = sys.modules.get("joblib.parallel")
    return getattr(parallel.get_active_backend()[0], "nesting_level", 0) or 0 if parallel is not None else 0


platform.on_fork(in_child=_open.clear)
