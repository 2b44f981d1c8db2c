"""Where a function or a class is written: in a file, or in the cell of a notebook; and that this is what runs."""

from __future__ import annotations
import __future__

import ast
import functools
import inspect
import linecache
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import CodeType, FunctionType
from typing import Any

from runlake.errors import InvalidValue

__all__ = ["Definition", "definition_of", "is_defined_by_source"]

_FUTURES = functools.reduce(lambda flags, name: flags | getattr(__future__, name).compiler_flag, __future__.all_feature_names, 0)
_WAYS_OUT = 'Write it in a file or a notebook, give that as python_model="model.py", or keep the object with format="pickle".'
_Node = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Definition:
    """A definition as it is written, and what the names around it mean."""

    name: str
    text: str
    place: str
    inner: Mapping[str, Any]  # of the functions around it
    outer: Mapping[str, Any]  # of its module
    bases: Mapping[str, Any]
    is_decorated: bool = False

    @property
    def hints_are_text(self) -> bool:
        """Whether annotations are not evaluated where it stands."""
        return self.outer.get("annotations") is __future__.annotations


def is_defined_by_source(value: object) -> bool:
    """Whether the object is one that a `def` or a `class` makes."""
    return isinstance(value, type) or isinstance(inspect.unwrap(value) if callable(value) else value, FunctionType)


def definition_of(value: Any) -> Definition:
    """The definition of a class or a function. Nothing is run. Raises InvalidValue where it is not known, or has been changed since."""
    if isinstance(value, type):
        return _of_class(value)
    function: FunctionType = inspect.unwrap(value)
    found = _of_function(function)
    if function is not value and not found.is_decorated:
        raise InvalidValue(
            f"{found.name} is wrapped by a call, which its source at {found.place} does not say. "
            f'Write the wrapper as a decorator of {found.name}, @..., or give the whole file as python_model="model.py".'
        )
    return found


def _of_function(function: FunctionType) -> Definition:
    code = function.__code__
    file = _file(code.co_filename, function.__globals__, function.__qualname__)
    file.check_unchanged([code], function.__qualname__)
    inner = _cells([function])
    for node in file.functions():
        if node.name == code.co_name and _first_line(node) == code.co_firstlineno:
            return _definition(node, file, inner, function.__globals__, {})
    for assigned in file.lambdas():
        if assigned.lineno == code.co_firstlineno and isinstance(assigned.targets[0], ast.Name):
            text = file.lines(assigned.lineno, assigned.end_lineno).strip()
            return Definition(assigned.targets[0].id, text, f"{file.name}:{assigned.lineno}", inner, function.__globals__, {})
    raise InvalidValue(f"The function at {file.name}:{code.co_firstlineno} has no name of its own: write it with def.")


def _of_class(kind: type) -> Definition:
    own = [function for function in _functions(kind) if function.__code__.co_qualname.startswith(f"{kind.__qualname__}.")]
    inner, bases = _cells(own), {base.__name__: base for base in kind.__mro__[1:]}
    for name, outer in _places(kind, own):
        file = _file(name, outer, f"the class {kind.__qualname__}") if own else _known_file(name, outer)
        here = [function.__code__ for function in own if function.__code__.co_filename == name]
        file.check_unchanged(here, f"class {kind.__qualname__}")
        nodes = [node for path, node in file.classes() if path == kind.__qualname__ and all(_holds(node, code) for code in here)]
        if nodes and (own or _is_known_as_itself(kind, outer)):
            return _definition(nodes[-1], file, inner, outer, bases)
    raise InvalidValue(
        f"The source of the class {kind.__qualname__} is not known: it was made by a call, by exec(), or in a prompt. {_WAYS_OUT}"
    )


def _definition(node: _Node, file: _File, inner: Mapping[str, Any], outer: Mapping[str, Any], bases: Mapping[str, Any]) -> Definition:
    first = _first_line(node)
    text = file.lines(first, node.end_lineno)
    if node.col_offset:  # not dedented, which would change what its strings hold
        text = f"if True:\n{text}"
    return Definition(node.name, text, f"{file.name}:{first}", inner, outer, bases, is_decorated=bool(node.decorator_list))


def _first_line(node: _Node) -> int:
    return min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])


def _holds(node: ast.ClassDef, code: CodeType) -> bool:
    return node.lineno <= code.co_firstlineno <= (node.end_lineno or 0)


def _is_known_as_itself(kind: type, outer: Mapping[str, Any]) -> bool:
    """Whether its name means the class in its module: one that a call made may have the name of another."""
    return "." in kind.__qualname__ or outer.get(kind.__name__) is kind


def _functions(kind: type) -> Iterator[FunctionType]:
    for member in vars(kind).values():
        held = member.__func__ if isinstance(member, (staticmethod, classmethod)) else member
        several = (held.fget, held.fset, held.fdel) if isinstance(held, property) else (getattr(held, "func", held),)
        for each in several:
            function = inspect.unwrap(each) if callable(each) else each
            if isinstance(function, FunctionType):
                yield function


def _cells(functions: list[FunctionType]) -> dict[str, Any]:
    """What the functions around these hold for them."""
    found = {}
    for function in functions:
        for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
            try:
                found[name] = cell.cell_contents
            except ValueError:  # not yet assigned
                continue
    return found


def _places(kind: type, own: list[FunctionType]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Where the class may be written: where its functions are; else in the file of its module, or in the cells, the latest first."""
    if own:
        yield own[0].__code__.co_filename, own[0].__globals__
        return
    module = sys.modules.get(kind.__module__)
    if module is None:
        return
    if file := getattr(module, "__file__", None):
        yield file, vars(module)
    cells = [name for name, entry in linecache.cache.items() if len(entry) == 4 and entry[1] is None]
    for cell in reversed(cells):
        yield cell, vars(module)


class _File:
    """A file or a cell, as it is read now."""

    def __init__(self, name: str, text: str) -> None:
        self.name = name
        self._text = text

    def lines(self, first: int, last: int | None) -> str:
        """From the first to the last, which is one of them."""
        return "\n".join(self._text.split("\n")[first - 1 : last])

    def functions(self) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
        """Every function with a name."""
        return [node for node in ast.walk(_parsed(self._text)) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))]

    def lambdas(self) -> list[ast.Assign]:
        """What gives a function without a name one."""
        return [node for node in ast.walk(_parsed(self._text)) if isinstance(node, ast.Assign) and isinstance(node.value, ast.Lambda)]

    def classes(self) -> list[tuple[str, ast.ClassDef]]:
        """Every class by its qualified name."""
        return _classes(self._text)

    def check_unchanged(self, codes: list[CodeType], name: str) -> None:
        """A program that runs for hours is edited meanwhile: what is kept has to be what ran."""
        # A name that begins with @ stands in no source: the function was rewritten when it was imported, as pytest does with assert.
        checked = [code for code in codes if not any(each.startswith("@") for each in (*code.co_names, *code.co_varnames))]
        if checked and not set(checked) <= _codes(self._text, self.name, checked[0].co_flags & _FUTURES):
            raise InvalidValue(
                f"{self.name} does not hold the {name} that is running: it was changed after it was loaded. "
                'Run it anew; or give the file that is meant as python_model="model.py", or keep the object with format="pickle".'
            )


def _file(name: str, outer: Mapping[str, Any], what: str) -> _File:
    file = _known_file(name, outer)
    if not file.lines(1, None):
        raise InvalidValue(f"The source of {what} is not known: {name} cannot be read. {_WAYS_OUT}")
    return file


def _known_file(name: str, outer: Mapping[str, Any]) -> _File:
    linecache.checkcache(name)
    return _File(name, "".join(linecache.getlines(name, dict(outer))))


@functools.lru_cache(maxsize=4)  # here and below: most of what is asked for stands in one file
def _parsed(text: str) -> ast.Module:
    try:
        return ast.parse(text)
    except SyntaxError:
        return ast.Module(body=[], type_ignores=[])


@functools.lru_cache(maxsize=4)
def _classes(text: str) -> list[tuple[str, ast.ClassDef]]:
    return list(_classes_in(_parsed(text), ""))


def _classes_in(node: ast.AST, path: str) -> Iterator[tuple[str, ast.ClassDef]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.ClassDef):
            yield f"{path}{child.name}", child
            yield from _classes_in(child, f"{path}{child.name}.")
        elif isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield from _classes_in(child, f"{path}{child.name}.<locals>.")
        else:
            yield from _classes_in(child, path)


@functools.lru_cache(maxsize=4)
def _codes(text: str, name: str, futures: int) -> frozenset[CodeType]:
    """Of every function in it; it is compiled, not run."""
    try:
        whole = compile(text, name, "exec", flags=futures | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
    except (SyntaxError, ValueError):
        return frozenset()
    return frozenset(_codes_in(whole))


def _codes_in(code: CodeType) -> Iterator[CodeType]:
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield constant
            yield from _codes_in(constant)
