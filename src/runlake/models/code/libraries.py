"""Which modules every process finds where the same packages are installed, and which are the user's own."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

__all__ = ["is_library", "origin_of", "own_file", "place_in_library"]

_OURS = "runlake"  # and its plugins: what loads a model has them
_INSTALLED = {"site-packages", "dist-packages"}


def is_library(module: str) -> bool:
    """Whether this module comes with Python or from an installed package; its top module is looked for, and nothing is imported."""
    top = module.partition(".")[0]
    if top == "__main__":
        return False
    if top in sys.stdlib_module_names or top == _OURS or (top.startswith(f"{_OURS}_") and not top.startswith(f"{_OURS}_model_")):
        return True
    return any(_INSTALLED.intersection(place.parts) for place in origin_of(top))


def origin_of(top: str) -> list[Path]:
    """The file or the folders that a top module would be imported from, or what stands for them; none where there is no such module."""
    spec = getattr(sys.modules.get(top), "__spec__", None)
    if spec is None and top not in sys.modules:
        spec = importlib.util.find_spec(top)
    if spec is None:
        file = getattr(sys.modules.get(top), "__file__", None)
        return [Path(file)] if file else []
    folders = [Path(folder) for folder in spec.submodule_search_locations or ()]
    return folders or ([Path(spec.origin)] if spec.origin else [])


def own_file(module: str) -> Path | None:
    """Where the user's own module or package of this name lies; None where it is a library's, or there is none."""
    top = module.partition(".")[0]
    if top == "__main__" or is_library(top):
        return None
    return next(iter(origin_of(top)), None)


def place_in_library(value: Any, name: str) -> tuple[str, str] | None:
    """The module and the name there by which a library's object is imported: where it says that it is, or where anything else has it."""
    home = getattr(value, "__module__", None) or type(value).__module__
    top = home.partition(".")[0] if isinstance(home, str) else None
    names = [each for each in dict.fromkeys([getattr(value, "__name__", name), name]) if isinstance(each, str)]
    for libraries in (_libraries(top), _libraries(None)):
        found = [(module, each) for module, content in libraries for each in names if _is(vars(content).get(each), value)]
        if found:
            return min(found, key=_how_private)
    under_any_name = (*_libraries(top), *_libraries("types"))  # which has the types that builtins name, and does not have
    found = [(module, each) for module, content in under_any_name for each, held in list(vars(content).items()) if held is value]
    return min(found, key=_how_private, default=None)


def _is(held: Any, value: Any) -> bool:
    """Whether it is the value, or what stands in its place since a library is watched."""
    return held is value or (held is not None and getattr(held, "__wrapped__", None) is value)


def _libraries(top: str | None) -> Iterator[tuple[str, ModuleType]]:
    known: dict[str, bool] = {}
    for name, module in list(sys.modules.items()):
        first = name.partition(".")[0]
        if not isinstance(module, ModuleType) or (top is not None and first != top):
            continue
        if known.setdefault(first, is_library(first)):
            yield name, module


def _how_private(place: tuple[str, str]) -> tuple[bool, int, str]:
    parts = place[0].split(".")
    return any(part.startswith("_") for part in parts), len(parts), place[0]
