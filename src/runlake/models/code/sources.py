"""A class or a function with all that it needs, as one text that any process can run by itself."""

from __future__ import annotations

import ast
import builtins
import inspect
import sys
from collections import deque
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

from runlake.errors import InvalidValue
from runlake.models.code.definitions import Definition, definition_of, is_defined_by_source
from runlake.models.code.libraries import is_library, own_file, place_in_library
from runlake.models.code.literals import MAX_LENGTH, is_plain, literal_of, named_tuple_of
from runlake.models.code.names import Use, When, chains_in, names_used

__all__ = ["check_imports", "imports_in", "source_of"]

_OF_ANY_MODULE = {"__name__", "__doc__", "__package__", "__spec__", "__loader__", "__builtins__", "__annotations__"}
_WAYS_OUT = (
    "Load it in load_context() from a file that artifacts= names; import it from an installed module; "
    'give the whole file, python_model="model.py"; or keep the object itself with format="pickle".'
)


def source_of(value: Any, shipped: Collection[str] = ()) -> str:
    """The text that makes this class or function again: its own source, and that of all it uses which is no library's.

    Modules of the names `shipped` are imported like those of libraries. Nothing is run. Raises InvalidValue for what cannot come along.
    """
    gathered = _Gathered(frozenset(shipped))
    gathered.want(value.__name__, value, "the model")
    gathered.gather()
    text = gathered.text(value.__name__)
    check_imports(text, f"The source of {value.__name__}", shipped)
    return text


def check_imports(text: str | bytes, what: str, shipped: Collection[str]) -> None:
    """Raises InvalidValue where the text imports a module of the user's own that is not among the shipped."""
    for module in imports_in(text):
        if module.startswith("."):
            raise InvalidValue(
                f"{what} imports from the package around it, {module}, which it has left. "
                "Name the package in the import, and add its folder to code_paths=."
            )
        top = module.partition(".")[0]
        if top not in shipped and (file := own_file(top)) is not None:
            raise InvalidValue(f"{what} imports {module}, which other processes would not find: add code_paths=[{str(file)!r}].")


def imports_in(text: str | bytes) -> list[str]:
    """The modules that the text imports, wherever in it, as they are written there; of what is no Python none."""
    found: list[str] = []
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError):  # beside a model there may lie what was written for other versions
        return found
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            found.append("." * node.level + (node.module or ""))
    return found


@dataclass
class _Piece:
    """A definition or a constant, and the names without which it cannot be run, or used."""

    text: str
    now: list[str] = field(default_factory=list)
    later: list[str] = field(default_factory=list)


class _Gathered:
    """What the text is made of, by the names that it has there."""

    def __init__(self, shipped: frozenset[str]) -> None:
        self._shipped = shipped
        self._held: dict[str, tuple[Any, str]] = {}
        self._imports: set[str] = set()
        self._pieces: dict[str, _Piece] = {}
        self._wanted: deque[tuple[str, Any, str]] = deque()
        self._hints_are_text = False

    def want(self, name: str, value: Any, where: str) -> None:
        """Note that the text has to have this by this name."""
        if name not in self._held:
            self._held[name] = value, where
            self._wanted.append((name, value, where))
            return
        held, before = self._held[name]
        if held is not value and not (
            type(held) is type(value) and literal_of(value) is not None and literal_of(held) == literal_of(value)
        ):
            raise InvalidValue(
                f"{name!r} is one thing in {before} and another in {where}: {_shown(held)} and {_shown(value)}. "
                'Rename one of them, add the modules with code_paths=, or give the whole file as python_model="model.py".'
            )

    def gather(self) -> None:
        """Take all that is wanted, and what that wants in its turn."""
        while self._wanted:
            self._take(*self._wanted.popleft())

    def text(self, root: str) -> str:
        """Imports, then everything after what it needs at once."""
        future = "from __future__ import annotations" if self._hints_are_text else ""
        imports = "\n".join(sorted(self._imports, key=lambda line: (line.startswith("from"), line)))
        definitions = "\n\n\n".join(self._pieces[name].text for name in _ordered(self._pieces, root))
        opening = f'"""{root}, with all that it needs, as it was when the model was kept."""'
        head = "\n\n".join(filter(None, [opening, future, imports]))
        return "\n\n\n".join(filter(None, [head, definitions])) + "\n"

    def _take(self, name: str, value: Any, where: str) -> None:
        if isinstance(value, ModuleType):
            self._take_module(name, value, where)
        elif is_defined_by_source(value) and not self._is_importable(value.__module__):
            if (written := named_tuple_of(value)) is not None:
                self._take_constant(name, *written, where)
            else:
                self._take_definition(name, value)
        elif not is_plain(value) and (place := self._place(value, name)) is not None:
            module, there = place
            self._imports.add(f"from {module} import {there}" + (f" as {name}" if there != name else ""))
        elif not isinstance(value, type) and not inspect.isroutine(value) and (written := literal_of(value)) is not None:
            self._take_constant(name, *written, where)
        else:
            reason = "holds more than plain data" if is_plain(value) else "has no source that could come along"
            raise InvalidValue(f"{name}, used in {where}, is {_shown(value)}, which {reason}. {_WAYS_OUT}")

    def _is_importable(self, module: str) -> bool:
        return module.partition(".")[0] in self._shipped or is_library(module)

    def _place(self, value: Any, name: str) -> tuple[str, str] | None:
        module, there = getattr(value, "__module__", None), getattr(value, "__name__", None)
        if isinstance(module, str) and isinstance(there, str):
            is_ours = module.partition(".")[0] in self._shipped | {"runlake"}  # as it says itself, if it was not imported yet
            if is_ours and (module == "runlake.pyfunc" or getattr(sys.modules.get(module), there, None) is value):
                return module, there
        return place_in_library(value, name)

    def _take_module(self, name: str, module: ModuleType, where: str) -> None:
        if not self._is_importable(module.__name__):
            file = own_file(module.__name__) or module.__name__
            raise InvalidValue(
                f"{name}, used in {where}, is the module {module.__name__}, which other processes would not find: "
                f"add code_paths=[{str(file)!r}]."
            )
        plain = f"import {module.__name__}"
        self._imports.add(plain if module.__name__ == name else f"{plain} as {name}")

    def _take_constant(self, name: str, text: str, taken: Mapping[str, Any], where: str) -> None:
        if len(text) > MAX_LENGTH:
            raise InvalidValue(f"{name}, used in {where}, is data of {len(text):,} characters as text. {_WAYS_OUT}")
        for each, part in taken.items():
            self.want(each, part, f"the constant {name}")
        self._pieces[name] = _Piece(f"{name} = {text}", now=list(taken))

    def _take_definition(self, name: str, value: Any) -> None:
        found = definition_of(value)
        piece = _Piece(found.text)
        if found.name != name:
            self._pieces[name] = _Piece(f"{name} = {found.name}", now=[found.name])
            self.want(found.name, value, f"{found.place}, which {name} is another name of")
            return
        self._pieces[name] = piece
        self._hints_are_text |= found.hints_are_text
        uses = names_used(found.text, hints_are_text=found.hints_are_text)
        chains = chains_in(found.text)
        for use in uses:
            if use.name != name and (meant := self._meant(use, found)):
                self.want(use.name, meant[0], f"{use.where or found.name} ({found.place})")
                (piece.now if use.when in (When.NOW, When.MAYBE) else piece.later).append(use.name)
                if isinstance(meant[0], ModuleType):
                    self._take_submodules(meant[0], [chain[1:] for chain in chains if chain[0] == use.name])

    def _take_submodules(self, module: ModuleType, chains: Iterable[tuple[str, ...]]) -> None:
        """What `a.b.c` asks of the module `a` may be there only since somebody else imported `a.b`."""
        for chain in chains:
            inside: Any = module
            for attribute in chain:
                inside = vars(inside).get(attribute)
                if not isinstance(inside, ModuleType) or sys.modules.get(inside.__name__) is not inside or "." not in inside.__name__:
                    break
                if self._is_importable(inside.__name__):
                    self._imports.add(f"import {inside.__name__} as _{inside.__name__.replace('.', '_')}")

    def _meant(self, use: Use, found: Definition) -> tuple[Any] | None:
        """What the name means there; None where it needs not come along."""
        if use.name in _OF_ANY_MODULE:
            return None
        if use.name == "__file__":
            raise InvalidValue(f"{use.where or found.name} asks for __file__, the place of its file, which it leaves. {_WAYS_OUT}")
        for known in (found.inner, found.outer, found.bases):
            if use.name in known:
                value = known[use.name]
                if getattr(builtins, use.name, None) is value:
                    return None
                return (value,) if use.when is not When.HINT or self._comes_along(use.name, value) else None
        if hasattr(builtins, use.name) or use.when in (When.MAYBE, When.HINT):
            return None
        raise InvalidValue(f"{use.name}, used in {use.where or found.name} ({found.place}), is not defined there yet. {_WAYS_OUT}")

    def _comes_along(self, name: str, value: Any) -> bool:
        """Whether a name that only says a type can be had without more ado."""
        if isinstance(value, ModuleType):
            return self._is_importable(value.__name__)
        if is_defined_by_source(value):
            return True
        return literal_of(value) is not None or self._place(value, name) is not None


def _ordered(pieces: dict[str, _Piece], root: str) -> list[str]:
    """Every piece after those that it needs at once, and if that can be, after those that it needs later: it may be called at once."""
    needed = {name: _reached(pieces, name) for name in pieces}
    placed: dict[str, None] = {}
    begun: set[str] = set()

    def place(name: str) -> None:
        if name in begun or name not in pieces:
            return
        begun.add(name)
        for each in pieces[name].now:
            place(each)
        for each in pieces[name].later:
            if each in pieces and each not in begun and not needed[each] & (begun - placed.keys()):
                place(each)
        placed[name] = None

    for name in [root, *pieces]:
        place(name)
    return list(placed)


def _reached(pieces: dict[str, _Piece], start: str) -> set[str]:
    """What has to stand before it, near and far."""
    found: set[str] = set()
    ahead = [start]
    while ahead:
        for each in pieces[ahead.pop()].now:
            if each in pieces and each not in found:
                found.add(each)
                ahead.append(each)
    return found


def _shown(value: Any) -> str:
    if isinstance(value, ModuleType):
        return f"the module {value.__name__}"
    if isinstance(value, type) or is_defined_by_source(value):
        return f"{value.__module__}.{value.__qualname__}"
    return f"a {type(value).__module__}.{type(value).__qualname__}"
