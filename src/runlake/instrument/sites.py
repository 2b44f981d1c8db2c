"""One place that is captured: an attribute of a class or module, a property, or what a decorated function has inside."""

from __future__ import annotations

import functools
import inspect
import sys
import weakref
from collections.abc import Callable, Iterator
from types import FunctionType, ModuleType
from typing import Any, Protocol

import wrapt

from runlake.instrument.passed_over import passed_over
from runlake.instrument.wrappers import Wrapper

__all__ = ["Site", "around_of", "site_at"]

Around = Callable[..., Any]


class Site(Protocol):
    """Puts a wrapper in place and takes it back. A wrapper that somebody has wrapped again stays under theirs."""

    @property
    def rung(self) -> str:
        """What kind of place it is, in words."""

    def current(self) -> Any:
        """What stands there now, be it ours or around ours."""

    def put(self, around: Around) -> None:
        """Put a wrapper there that calls `around(wrapped, instance, args, kwargs)`."""

    def take_back(self) -> str | None:
        """Leave everything as it was; why not, where that cannot be."""

    def is_in_place(self) -> bool:
        """Whether the wrapper is still called, as far as can be seen."""

    def again(self) -> Site:
        """A new one at the same place, for what stands there now."""


def site_at(parent: Any, name: str) -> Site:
    """The site of this attribute. Raises AttributeError where there is none."""
    raw = inspect.getattr_static(parent, name) if isinstance(parent, type) else getattr(parent, name)
    if type(raw) is property:
        return _Property(parent, name, raw)
    if isinstance(parent, type) and callable(vars(raw).get("fn") if hasattr(raw, "__dict__") else None):
        return _Delegate(raw, name)
    cell = _cell_inside(raw) if isinstance(parent, ModuleType) else None
    return _Cell(parent, name, raw, cell) if cell is not None else _Attribute(parent, name)


def around_of(site: Site) -> Around | None:
    """What our wrapper calls that stands there already, if any."""
    found = next((entry._self_around for entry in _chain(site.current()) if type(entry) is Wrapper), None)
    return getattr(found, "around", found)


class _Attribute:
    """Of a class or module. A function of a module is replaced under every name that it was imported as, too."""

    def __init__(self, parent: Any, name: str) -> None:
        self._held = weakref.ref(parent)  # a class that was made in a function may go
        self._name = name
        self._wrapper: Wrapper | None = None

    @property
    def rung(self) -> str:
        return "a method" if isinstance(self._parent, type) else "a function, under every name that it was imported as"

    @property
    def _parent(self) -> Any:
        return self._held()

    def current(self) -> Any:
        """Of a class its own: what it inherits is another place."""
        if isinstance(self._parent, type):
            return vars(self._parent).get(self._name)
        return getattr(self._parent, self._name, None)

    def put(self, around: Around) -> None:
        parent, original = self._parent, self.current()
        if parent is None:
            return
        self._wrapper = wrapt.wrap_object(parent, self._name, Wrapper, (around, self._name))
        if _is_the_librarys_own(original, parent):
            _rename_everywhere(original, self._wrapper)

    def take_back(self) -> str | None:
        wrapper, parent = self._wrapper, self._parent
        if wrapper is None or parent is None:
            return None
        why = None
        try:
            wrapt.unwrap_object(parent, self._name, wrapper, missing_ok=True)
        except wrapt.WrapperNotOutermostError as error:
            why = str(error)
        if isinstance(parent, ModuleType):
            _rename_everywhere(wrapper, wrapper.__wrapped__)  # for whoever imported it since, too
        if why is None:
            self._wrapper = None
        return why

    def is_in_place(self) -> bool:
        return self._parent is None or _is_in(self._wrapper, self.current())

    def again(self) -> Site:
        return site_at(self._parent, self._name)


class _Property:
    """The getter of a property; the property around it is a new one, since a property cannot be changed."""

    rung = "the getter of a property"

    def __init__(self, parent: type, name: str, original: property) -> None:
        self._parent = parent
        self._name = name
        self._original = original
        self._is_inherited = name not in vars(parent)
        self._put: property | None = None

    def current(self) -> Any:
        return getattr(vars(self._parent).get(self._name), "fget", None)

    def put(self, around: Around) -> None:
        was = self._original
        self._put = property(Wrapper(was.fget, _unbound(around), self._name), was.fset, was.fdel, was.__doc__)
        setattr(self._parent, self._name, self._put)

    def take_back(self) -> str | None:
        put = self._put
        if put is None:
            return None
        if vars(self._parent).get(self._name) is not put:
            return f"{self._parent.__qualname__}.{self._name} was replaced since"
        self._put = None
        if self._is_inherited:
            delattr(self._parent, self._name)
        else:
            setattr(self._parent, self._name, self._original)
        return None

    def is_in_place(self) -> bool:
        return self._put is not None and _is_in(self._put.fget, self.current())

    def again(self) -> Site:
        return site_at(self._parent, self._name)


class _Delegate(_Attribute):
    """The function inside a descriptor that gives it out under a condition: other tools look into that descriptor, too."""

    rung = "a method that is there under a condition"

    def __init__(self, descriptor: Any, name: str) -> None:
        super().__init__(descriptor, "fn")

    def put(self, around: Around) -> None:
        super().put(_unbound(around))

    def again(self) -> Site:
        return _Delegate(self._parent, self._name)


class _Cell:
    """What a decorator calls: the decorated function stays the very same object, under all the names that it was taken as."""

    rung = "what a decorated function has inside"

    def __init__(self, parent: ModuleType, name: str, function: Any, cell: Any) -> None:
        self._parent = parent
        self._name = name
        self._function = function
        self._cell = cell
        self._wrapper: Wrapper | None = None

    def current(self) -> Any:
        return self._cell.cell_contents

    def put(self, around: Around) -> None:
        self._cell.cell_contents = self._wrapper = Wrapper(self._cell.cell_contents, around, self._name)

    def take_back(self) -> str | None:
        wrapper = self._wrapper
        if wrapper is None or not _is_in(wrapper, self.current()):
            return None
        if self.current() is wrapper:
            self._cell.cell_contents = wrapper.__wrapped__
        else:
            above = next(entry for entry in _chain(self.current()) if getattr(entry, "__wrapped__", None) is wrapper)
            if not issubclass(type(above), wrapt.BaseObjectProxy):
                return f"what {self._name} calls inside was wrapped again, by {above!r}"
            above.__wrapped__ = wrapper.__wrapped__
        self._wrapper = None
        return None

    def is_in_place(self) -> bool:
        return _is_in(self._wrapper, self.current()) and _is_in(self._function, getattr(self._parent, self._name, None))

    def again(self) -> Site:
        return site_at(self._parent, self._name)


def _unbound(around: Around) -> Around:
    """The same for a function that gets its object as an argument."""

    @passed_over
    def around_unbound(wrapped: Any, _: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        instance, *others = args
        return around(functools.partial(wrapped, instance), instance, tuple(others), kwargs)

    around_unbound.around = around  # type: ignore[attr-defined]  # for `around_of`
    return around_unbound


def _cell_inside(function: Any) -> Any:
    """The closure cell that holds the function which this one decorates."""
    if not issubclass(type(function), FunctionType):  # isinstance would take a wrapper for one
        return None
    decorated = getattr(function, "__wrapped__", None)
    if decorated is None:
        return None
    cells = function.__closure__ or ()
    return next((cell for cell in cells if any(entry is decorated for entry in _chain(_contents(cell)))), None)


def _contents(cell: Any) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # empty
        return None


def _chain(wrapped: Any) -> Iterator[Any]:
    return iter(wrapt.wrapper_chain(wrapped)) if callable(wrapped) or hasattr(wrapped, "__get__") else iter(())


def _is_in(wrapper: Any, current: Any) -> bool:
    return wrapper is not None and any(entry is wrapper for entry in _chain(current))


def _is_the_librarys_own(function: Any, module: Any) -> bool:
    """Not so a builtin that it merely has a name for: others call that, too."""
    home = str(getattr(function, "__module__", None) or "")
    return isinstance(module, ModuleType) and home.partition(".")[0] == module.__name__.partition(".")[0]


def _rename_everywhere(old: Any, new: Any) -> None:
    """Have every module that holds the one hold the other: whoever imported a function by name calls what they hold."""
    for module in list(sys.modules.values()):
        if isinstance(module, ModuleType):
            for name, value in list(vars(module).items()):
                if value is old:
                    vars(module)[name] = new
