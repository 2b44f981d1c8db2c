"""The modules that come with a model, `code/`: importable from memory, with no folder on the path, and never in place of another.

A module is served where an `import` finds nothing else by its name, so an installed library is never shadowed, whatever a model calls its
files. In one process a name means one thing: a second model whose module of that name is another is refused, as is one whose module
the process finds elsewhere with another content, since it would silently run that.
"""

from __future__ import annotations

import contextlib
import itertools
import linecache
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.machinery import ModuleSpec
from importlib.util import decode_source
from pathlib import Path
from types import ModuleType

from runlake.errors import RunlakeError
from runlake.guard import log
from runlake.models.code.libraries import is_library, origin_of

__all__ = ["FOLDER", "module_of", "serve"]

FOLDER = "code/"


@dataclass(frozen=True)
class _Served:
    """A module, and the model that it came with."""

    content: bytes
    path: str
    model: str
    is_package: bool

    @property
    def file(self) -> str:
        """What stands for its file, which is none."""
        return f"<{self.model}: {self.path}>"


_served: dict[str, _Served] = {}
_numbers = itertools.count(1)


def serve(files: Mapping[str, bytes], model: str) -> None:
    """Make the modules below `code/` importable: what imports them runs them, so this is called only after consent.

    `model` says in errors whose they are. Raises RunlakeError where a name means something else already; nothing is served then.
    """
    asked = _modules(files, model)
    used: dict[str, _Served] = {}
    for top in sorted({name.partition(".")[0] for name in asked}):
        here = {name: each for name, each in asked.items() if name.partition(".")[0] == top}
        if _is_wanted(top, here, model):
            used |= here
    _served.update(used)
    if used:
        sys.meta_path[:] = [*(finder for finder in sys.meta_path if finder is not _finder), _finder]  # others may have come since


def module_of(text: str, label: str) -> ModuleType:
    """Run a source as a module of its own and give that: called only after consent. It has a private name, never `__main__`.

    It stays importable by that name for as long as the process lives, as classes expect it of their modules.
    """
    name = f"runlake_model_{next(_numbers)}"
    module = ModuleType(name)
    module.__file__ = f"<{label} {name}>"
    sys.modules[name] = module
    with contextlib.ExitStack() as undo:
        undo.callback(sys.modules.pop, name)
        _run(module, text, module.__file__)
        undo.pop_all()  # it ran to its end
    return module


def _modules(files: Mapping[str, bytes], model: str) -> dict[str, _Served]:
    found: dict[str, _Served] = {}
    for path, content in files.items():
        parts = path.removeprefix(FOLDER).removesuffix(".py").split("/")
        if not path.startswith(FOLDER) or not path.endswith(".py") or not all(part.isidentifier() for part in parts):
            continue
        is_package = parts[-1] == "__init__"
        name = ".".join(parts[:-1] if is_package else parts)
        if name and (is_package or name not in found or not found[name].content):
            found[name] = _Served(content, path, model, is_package)
        for length in range(1, len(parts)):  # a folder needs no __init__.py to be a package
            folder = ".".join(parts[:length])
            if folder not in found:
                found[folder] = _Served(b"", f"{FOLDER}{'/'.join(parts[:length])}/__init__.py", model, is_package=True)
    return found


def _is_wanted(top: str, here: Mapping[str, _Served], model: str) -> bool:
    before = {name: each for name, each in _served.items() if name.partition(".")[0] == top}
    if before:
        if _contents(before) == _contents(here):
            return False
        other = next(iter(before.values()))
        raise RunlakeError(
            f"{model} and {other.model}, which this process has loaded, both bring a module {top!r}, and the two differ: "
            "a process has one module of a name. Load one of the models in another process."
        )
    if is_library(top):
        log.warning("%s brings a module %r, which is the name of an installed library: the library is used.", model, top)
        return False
    places = origin_of(top)
    if top in sys.modules and not places:
        raise RunlakeError(
            f"{model} brings a module {top!r}, and this process has another by that name that is no file. Load it elsewhere."
        )
    if places and not any(_is_same(place, top, here) for place in places):
        raise RunlakeError(
            f"{model} brings a module {top!r}, and this process has another by that name, {places[0]}, whose content differs. "
            "Load the model where that is not found: from another folder, or without it in PYTHONPATH."
        )
    return not places


def _contents(modules: Mapping[str, _Served]) -> dict[str, bytes]:
    return {name: each.content for name, each in modules.items()}


def _is_same(place: Path, top: str, here: Mapping[str, _Served]) -> bool:
    """Whether what lies there has each of these modules as it is."""
    folder = place if place.is_dir() else place.parent
    for each in here.values():
        file = folder.joinpath(*Path(each.path.removeprefix(FOLDER)).parts[1 if place.is_dir() else 0 :])
        if each.content and not (file.is_file() and file.read_bytes() == each.content):
            return False
    return True


class _Finder:
    """Gives the modules that are served; it stands behind all other finders."""

    def find_spec(self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        """The spec of a module that is served."""
        served = _served.get(fullname)
        return (
            None
            if served is None
            else ModuleSpec(
                fullname,
                self,  # type: ignore[arg-type]  # which has what a loader needs
                origin=served.file,
                is_package=served.is_package,
            )
        )

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        """An ordinary one."""
        return None

    def exec_module(self, module: ModuleType) -> None:
        """Run it, as `import` asks."""
        served = _served[module.__name__]
        module.__file__ = served.file
        _run(module, decode_source(served.content), served.file)


def _run(module: ModuleType, text: str, file: str) -> None:
    linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)  # for tracebacks, and for who asks for its source
    exec(compile(text, file, "exec", dont_inherit=True), vars(module))


_finder = _Finder()
