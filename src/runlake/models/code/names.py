"""The names that a piece of source takes from where it stands: which, where in it, and when it needs them."""

from __future__ import annotations

import ast
import symtable
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

__all__ = ["Use", "When", "chains_in", "names_used"]


class When(Enum):
    """When a name has to be there."""

    NOW = "once the piece is run: bases, decorators, defaults, the body of a class"
    LATER = "once a function in it is called"
    MAYBE = "as NOW, unless it is one that the piece makes itself"
    HINT = "once somebody asks for the types"


@dataclass(frozen=True)
class Use:
    """A name, and the function or class of the piece that uses it."""

    name: str
    where: str
    when: When


def names_used(text: str, *, hints_are_text: bool) -> list[Use]:
    """What this definition uses and does not define. `hints_are_text` where annotations are not evaluated (PEP 563)."""
    bare = _WithoutAnnotations(hints_are_text)
    tree = bare.visit(ast.parse(text))
    table = symtable.symtable(ast.unparse(ast.fix_missing_locations(tree)), "<source>", "exec")
    return list(dict.fromkeys([*_uses(table, (), When.NOW), *bare.found]))


def chains_in(text: str) -> set[tuple[str, ...]]:
    """The names with the attributes that are asked of them: `a.b.c` is (a, b, c)."""
    return {chain for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Attribute) and (chain := _chain(node))}


def _chain(node: ast.expr) -> tuple[str, ...]:
    if isinstance(node, ast.Name):
        return (node.id,)
    before = _chain(node.value) if isinstance(node, ast.Attribute) else ()
    return (*before, node.attr) if before and isinstance(node, ast.Attribute) else ()


def _uses(table: symtable.SymbolTable, path: tuple[str, ...], when: When) -> Iterator[Use]:
    is_module, is_class = table.get_type() == "module", table.get_type() == "class"
    for symbol in table.get_symbols():
        if symbol.get_name() == "__class__" or not (symbol.is_referenced() or symbol.is_declared_global()):
            continue
        if symbol.is_assigned() and (is_module or is_class) and not symbol.is_declared_global():
            if is_class:  # `x = x`: the one around it, if there is one
                yield Use(symbol.get_name(), ".".join(path), When.MAYBE)
        elif is_module or symbol.is_global():
            yield Use(symbol.get_name(), ".".join(path), When.MAYBE if symbol.is_declared_global() and symbol.is_assigned() else when)
    for child in table.get_children():
        is_named = child.get_name().isidentifier() and child.get_name() not in ("lambda", "genexpr", "listcomp", "setcomp", "dictcomp")
        is_later = child.get_type() == "function" and (is_named or child.get_name() == "lambda")
        yield from _uses(child, (*path, child.get_name()) if is_named else path, When.LATER if is_later else when)


class _WithoutAnnotations(ast.NodeTransformer):
    """Takes annotations out, whose names are looked up otherwise than the rest."""

    def __init__(self, hints_are_text: bool) -> None:
        self.found: list[Use] = []
        self._text = hints_are_text
        self._path: list[str] = []
        self._functions = 0

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        """Goes on inside."""
        self._path.append(node.name)
        self.generic_visit(node)
        self._path.pop()
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> ast.AST:
        """Takes those of its arguments and of what it returns."""
        self._path.append(node.name)
        every = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs, node.args.vararg, node.args.kwarg]
        for argument in every:
            if argument is not None and argument.annotation is not None:
                self._take(argument.annotation, When.LATER if self._functions else When.MAYBE)
                argument.annotation = None
        if node.returns is not None:
            self._take(node.returns, When.LATER if self._functions else When.MAYBE)
            node.returns = None
        self._functions += 1
        self.generic_visit(node)
        self._functions -= 1
        self._path.pop()
        return node

    visit_AsyncFunctionDef = visit_FunctionDef  # noqa: N815 - ast names it

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        """Leaves what is assigned."""
        self._take(node.annotation, When.HINT if self._functions else When.MAYBE)
        bare = ast.Assign([node.target], node.value) if node.value is not None else ast.Pass()
        return self.generic_visit(ast.copy_location(bare, node))

    def _take(self, annotation: ast.expr, when: When) -> None:
        for node in ast.walk(annotation):
            if isinstance(node, ast.Name):
                self.found.append(Use(node.id, ".".join(self._path), When.HINT if self._text else when))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                self._take_text(node.value)

    def _take_text(self, text: str) -> None:
        try:
            names = [node.id for node in ast.walk(ast.parse(text, mode="eval")) if isinstance(node, ast.Name)]
        except (SyntaxError, ValueError):  # a Literal, or a remark
            return
        self.found.extend(Use(name, ".".join(self._path), When.HINT) for name in names)
