"""Functions of a plugin that a library calls: whatever happens in them, the library goes on."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar, overload

from runlake.guard import guarded
from runlake.instrument.plugins import plugin_of_module, standing_work
from runlake.instrument.scope import current_scope, is_plugin_at_work, plugin_context
from runlake.instrument.work import Work

__all__ = ["isolated"]

F = TypeVar("F", bound=Callable[..., Any])


@overload
def isolated(function: F, *, otherwise: Any = None, is_glance: bool = False) -> F:
    """As a decorator."""


@overload
def isolated(function: None = None, *, otherwise: Any = None, is_glance: bool = False) -> Callable[[F], F]:
    """As a decorator that is told more."""


def isolated(function: F | None = None, *, otherwise: Any = None, is_glance: bool = False) -> Any:
    """Make a function, or a method of a callback, safe to hand to a library.

    What it raises is reported and kept in the run, and it answers `otherwise`, which may be a function of the same arguments.
    After three failures it is not called again in that training. One that `is_glance` is called a thousand times a second: it is not
    timed, and what it calls is not the plugin's, as with patches of that role.
    """
    if function is None:
        return functools.partial(isolated, otherwise=otherwise, is_glance=is_glance)
    called: Callable[..., Any] = function
    target = f"{called.__module__}:{called.__qualname__}"

    if is_glance:
        work: Work | None = None

        @functools.wraps(called)
        def glancing(*args: Any, **kwargs: Any) -> Any:
            nonlocal work
            work = work or standing_work(plugin_of_module(called.__module__), target)
            return work.glance(called, *args, **kwargs)

        return glancing

    @functools.wraps(called)
    def safely(*args: Any, **kwargs: Any) -> Any:
        with guarded("calling", target):
            plugin = is_plugin_at_work() or plugin_of_module(called.__module__)
            scope = current_scope()
            work = scope.training.work_of(plugin, target) if scope is not None else standing_work(plugin, target)
            if not work.is_off:
                work.calls += 1
                came_back, value = work.do("answering", plugin_context(plugin), called, *args, **kwargs)
                if came_back:
                    return value
        with guarded("answering instead of", target):
            return otherwise(*args, **kwargs) if callable(otherwise) else otherwise

    return safely
