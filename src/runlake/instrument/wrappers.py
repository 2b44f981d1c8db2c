"""The wrapper that stands in a library's place: to pickle, copy and every look it is the function that it wraps."""

from __future__ import annotations

import copy
import sys
from collections.abc import Callable
from typing import Any

import wrapt

__all__ = ["Wrapper", "unchanged"]


def unchanged(wrapped: Any) -> Any:
    """What unpickling a wrapper gives where it cannot be looked up by name: the function itself."""
    return wrapped


class BoundWrapper(wrapt.BoundFunctionWrapper[Any, Any]):
    """A captured method of an object or a class; pickled as an attribute of that."""

    def __reduce_ex__(self, protocol: Any) -> Any:
        holder = self._self_owner if self._self_instance is None else self._self_instance
        return getattr, (holder, self._self_parent._self_name)

    def __copy__(self) -> Any:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        if self._self_instance is None or isinstance(self._self_instance, type):
            return self
        return getattr(copy.deepcopy(self._self_instance, memo), self._self_parent._self_name)


class Wrapper(wrapt.FunctionWrapper[Any, Any]):
    """Calls `around(wrapped, instance, args, kwargs)` in place of what it wraps."""

    __bound_function_wrapper__ = BoundWrapper

    def __init__(self, wrapped: Any, around: Callable[..., Any], name: str) -> None:
        super().__init__(wrapped, around)
        self._self_name = name
        self._self_around = around

    def __reduce_ex__(self, protocol: Any) -> Any:
        holder: Any = None
        found: Any = sys.modules.get(getattr(self, "__module__", None) or "")
        for name in self.__qualname__.split("."):
            holder, found = found, getattr(found, name, None)
        if found is self:
            return self.__qualname__
        if type(found) is BoundWrapper and found._self_parent is self:  # as it is kept in its class
            return getattr, (holder, name)
        return unchanged, (self.__wrapped__,)

    def __copy__(self) -> Any:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        return self
