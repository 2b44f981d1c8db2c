"""Tells of modules as they are imported, so that a library is patched when it arrives and not brought in for that."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import TYPE_CHECKING, Any

from runlake.guard import guarded

if TYPE_CHECKING:
    from importlib.abc import Loader  # only to check with: they bring in a good deal

__all__ = ["Arrivals"]


class Arrivals:
    """On `sys.meta_path` while there is something to wait for; it finds nothing itself, it looks at what the others find."""

    def __init__(self, arrived: Callable[[ModuleType], None]) -> None:
        self._arrived = arrived
        self._awaited: frozenset[str] = frozenset()
        self._looking = threading.local()

    def wait_for(self, modules: frozenset[str]) -> None:
        """Tell of these from now on, also when one is loaded anew; of none any more when there are none."""
        self._awaited = modules
        if modules and self not in sys.meta_path:
            sys.meta_path.insert(0, self)
        elif not modules and self in sys.meta_path:
            sys.meta_path.remove(self)

    def find_spec(self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        """The spec that the finders behind this one give, with a loader that tells of the module."""
        if fullname not in self._awaited or getattr(self._looking, "at", None) == fullname:
            return None
        self._looking.at = fullname
        try:
            spec = _found_by_others(self, fullname, path, target)
        finally:
            self._looking.at = None
        if spec is not None and hasattr(spec.loader, "exec_module"):
            spec.loader = _TellingLoader(spec.loader, self._arrived)  # type: ignore[assignment,arg-type]  # that it has exec_module was seen
        return spec


class _TellingLoader:
    """Loads as the real one does, and is gone from the module once that is there."""

    def __init__(self, loader: Loader, arrived: Callable[[ModuleType], None]) -> None:
        self._loader = loader
        self._arrived = arrived

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        """As the real one does."""
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        """As the real one does, and tell."""
        spec = module.__spec__
        if spec is not None and spec.loader is self:  # type: ignore[comparison-overlap]  # it took the place of another loader
            spec.loader = self._loader
        if getattr(module, "__loader__", None) is self:
            module.__loader__ = self._loader
        self._loader.exec_module(module)
        with guarded(f"patching {module.__name__}"):
            self._arrived(module)


def _found_by_others(ours: object, fullname: str, path: Sequence[str] | None, target: ModuleType | None) -> ModuleSpec | None:
    for finder in list(sys.meta_path):
        if finder is not ours and hasattr(finder, "find_spec"):
            spec = finder.find_spec(fullname, path, target)
            if spec is not None:
                return spec
    return None
