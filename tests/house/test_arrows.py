"""Imports point downwards: each package imports only what its row allows."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import runlake

SRC = Path(runlake.__file__).parent
GROUND = {"errors", "guard", "config", "platform", "background", "redaction"}
MAY_IMPORT: dict[str, set[str]] = {
    "errors": set(),
    "guard": {"redaction"},
    "config": {"errors", "platform"},
    "platform": set(),
    "redaction": set(),
    "background": {"config", "platform"},
    "entities": GROUND,
    "store": GROUND | {"entities"},
    "recording": GROUND | {"entities", "store"},
    "read": GROUND | {"entities", "store"},
    "display": GROUND | {"entities", "read"},
    "jobs": GROUND | {"entities", "store", "recording", "read"},
    "instrument": GROUND | {"entities", "recording"},
    "facades": {"client", "entities", "instrument", "models"},
    "models": GROUND | {"entities", "recording", "read", "instrument", "runlake"},
    "analysis": GROUND | {"entities", "store", "recording", "read", "instrument", "jobs", "models"},
    "verify": GROUND | {"instrument", "read", "runlake"},
    "testing": GROUND | {"instrument", "read", "recording", "runlake"},
    "client": GROUND | {"entities", "instrument", "models", "read", "recording"},
    "serving": GROUND | {"client", "entities", "models", "store", "runlake"},
    "importers": GROUND | {"entities", "store", "recording", "read"},
    "projects": GROUND | {"client", "entities", "read", "recording"},
    "artifacts": {"client"},
    "data": {"recording"},
    "exceptions": {"errors"},
    "pyfunc": {"client", "models"},
    "tracking": {"client", "recording"},
    "types": {"entities"},
    "cli": GROUND
    | {
        "client",
        "display",
        "entities",
        "importers",
        "instrument",
        "jobs",
        "projects",
        "read",
        "recording",
        "runlake",
        "serving",
        "store",
        "verify",
    },
    "__init__": {
        "artifacts",
        "client",
        "data",
        "entities",
        "errors",
        "exceptions",
        "facades",
        "instrument",
        "models",
        "projects",
        "pyfunc",
        "read",
        "recording",
        "tracking",
        "types",
    },
    "__main__": {"cli"},
}


def room_of(path: Path) -> str:
    """The package or module directly below `runlake` that a file belongs to."""
    return path.relative_to(SRC).parts[0].removesuffix(".py")


def imported_rooms(path: Path) -> Iterator[str]:
    """The rooms that a file imports from; `runlake` itself where it takes the public names."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}: relative imports hide where an arrow points"
            is_root = node.module == "runlake"
            modules = [f"runlake.{alias.name}" for alias in node.names] if is_root else [node.module or ""]
        else:
            continue
        for module in modules:
            first, *rest = module.split(".")
            if first == "runlake":
                yield rest[0] if rest else "runlake"


@pytest.mark.parametrize("path", sorted(SRC.rglob("*.py")), ids=lambda path: str(path.relative_to(SRC)))
def test_imports_point_downwards(path: Path) -> None:
    """A file imports its own room and what its row allows."""
    room = room_of(path)

    assert set(imported_rooms(path)) - {room} <= MAY_IMPORT[room]


# What is asked for by its name once somebody wants it: a process of its own, the looks of what was read, a public name among others; and
# what stands in files that are written, for whoever loads them.
BY_NAME = {
    "background.py": {"jobs"},
    "models/__init__.py": {"client"},
    "models/code/python_model.py": {"pyfunc"},
    "models/code/sources.py": {"pyfunc"},
    "models/writing.py": {"pyfunc"},
    "read/looks.py": {"display"},
    "read/told.py": {"client", "display"},
}


def named_rooms(path: Path) -> Iterator[str]:
    """The rooms of which a file says the name of a module, which it may import late."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        said = node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""
        if re.fullmatch(r"runlake(\.\w+)+", said):
            place = SRC.joinpath(*said.split(".")[1:])
            if place.is_dir() or place.with_suffix(".py").exists():
                yield said.split(".")[1]


def test_what_is_imported_by_its_name_points_downwards_too() -> None:
    """But for what the list above says."""
    found = {}
    for path in SRC.rglob("*.py"):
        upward = set(named_rooms(path)) - {room_of(path)} - MAY_IMPORT[room_of(path)]
        if upward:
            found[str(path.relative_to(SRC))] = upward

    assert found == BY_NAME


def test_the_table_has_a_row_for_every_room_and_no_other() -> None:
    """A new package gets its row before its first import."""
    rooms = {room_of(path) for path in SRC.rglob("*.py")}

    assert rooms == set(MAY_IMPORT)


def test_only_the_store_knows_the_file_formats() -> None:
    """No other package imports Parquet, IPC or Delta."""
    for path in SRC.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        if room_of(path) != "store":
            assert "pyarrow.parquet" not in text, path
            assert "pa.ipc" not in text, path
            assert "deltalake" not in text, path


def test_no_library_that_plugins_are_for_is_named() -> None:
    """The core does not know whom it watches."""
    libraries = re.compile(
        r"\b(sklearn|scikit|xgboost|lightgbm|catboost|torch|lightning|keras|tensorflow|transformers|optuna)\b", re.IGNORECASE
    )
    found = {path.name: libraries.findall(path.read_text(encoding="utf-8")) for path in SRC.rglob("*.py") if room_of(path) != "cli"}

    assert {name: names for name, names in found.items() if names} == {}
