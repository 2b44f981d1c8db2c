"""`__all__` is the promise: what it names is there, documented, and nothing else is public."""

from __future__ import annotations

import ast
import inspect
from pathlib import Path

import pytest

import runlake

SRC = Path(runlake.__file__).parent


def test_all_is_what_dir_shows() -> None:
    """Nothing is public that is not promised."""
    assert sorted([*runlake.__all__, "__version__"]) == dir(runlake)
    assert sorted(runlake.__all__) == runlake.__all__


@pytest.mark.parametrize("name", runlake.__all__)
def test_every_promised_name_is_there_and_says_what_it_is(name: str) -> None:
    """A name without a sentence would be a puzzle."""
    assert inspect.getdoc(getattr(runlake, name))


def test_type_checkers_see_the_same_names() -> None:
    """The imports for type checkers stand in one block."""
    tree = ast.parse((SRC / "__init__.py").read_text(encoding="utf-8"))
    block = next(node for node in tree.body if isinstance(node, ast.If))
    seen = {alias.asname or alias.name for node in block.body if isinstance(node, ast.ImportFrom) for alias in node.names}

    assert seen == set(runlake.__all__)


def test_an_unknown_name_is_an_ordinary_attribute_error() -> None:
    """As for any module."""
    with pytest.raises(AttributeError, match="no attribute 'log_metrik'"):
        runlake.log_metrik  # noqa: B018 - looking it up is the point


@pytest.mark.parametrize("path", sorted(SRC.rglob("*.py")), ids=lambda path: str(path.relative_to(SRC)))
def test_every_module_and_public_name_has_its_sentence(path: Path) -> None:
    """Modules, and the functions, classes and methods without an underscore."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    places: list[ast.Module | ast.ClassDef] = [
        tree,
        *(node for node in tree.body if isinstance(node, ast.ClassDef) and not node.name.startswith("_")),
    ]
    named = [node for place in places for node in place.body if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))]
    public = [node for node in named if not node.name.startswith("_")]

    assert ast.get_docstring(tree)
    assert [node.name for node in public if not ast.get_docstring(node)] == []
