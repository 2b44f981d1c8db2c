"""From an object to its name in the closed list, and back; a name counts only if it leads to that very object."""

from __future__ import annotations

import importlib
from functools import cache
from typing import Any

from runlake_sklearn.form import closed_list
from runlake_sklearn.form.errors import InvalidForm


def _names_of(table: dict[str, str]) -> frozenset[str]:
    return frozenset(f"{module}:{name}" for module, names in table.items() for name in names.split())


INSTANCES = _names_of(closed_list.INSTANCES)
NATIVES = _names_of(closed_list.NATIVES)
NAMES = _names_of(closed_list.NAMES)
DISTRIBUTIONS = _names_of(closed_list.DISTRIBUTIONS)
CLASSES = INSTANCES | NATIVES


@cache
def class_named(name: str) -> Any:
    """The class of this name, which the caller has found in the closed list."""
    return _found(name)


def class_name(kind: type) -> str | None:
    """The name of a class in the closed list, or None; a class that only says that it is of that name has none."""
    name = _class_names.get(kind)
    if name is None:
        name = f"{kind.__module__}:{kind.__qualname__}"
        if name not in CLASSES or class_named(name) is not kind:
            return None
        _class_names[kind] = name
    return name


_class_names: dict[type, str] = {}


def thing_named(name: str) -> Any:
    """The function or class that a model holds by this name."""
    if name not in NAMES:
        raise InvalidForm(f"{name[:200]!r} is not a function or class that a form may name.")
    return _found(name)


def name_of(thing: Any) -> str | None:
    """The name of a function or class in the closed list, or None."""
    own = getattr(thing, "__name__", "")
    module = getattr(thing, "__module__", None)
    # A ufunc of numpy's or scipy's does not say where it is from.
    for name in (f"{module}:{own}", f"numpy:{own}", f"scipy.special:{own}"):
        if name in NAMES and _found(name) is thing:
            return name
    return None


@cache
def _found(name: str) -> Any:
    module, _, attribute = name.partition(":")
    try:
        return getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise InvalidForm(f"{name} is not in the versions that are installed here: {error}") from error
