"""Each plugin is a small distribution that can be there without its library, and uses runlake as anybody may."""

from __future__ import annotations

import ast
import sys
import tomllib
from pathlib import Path

import pytest

from children import run_program

FOLDERS = sorted(path.parent for path in Path(__file__).parent.glob("*/pyproject.toml"))
PUBLIC = {"runlake", "runlake.entities", "runlake.read", "runlake.testing"}
COMMANDS = {"runlake-ui"}  # which bring commands, and record no library
LIBRARIES = [folder for folder in FOLDERS if folder.name not in COMMANDS]


def module_of(folder: Path) -> str:
    """The module of a plugin, or the package."""
    return folder.name.replace("-", "_")


def files_of(folder: Path) -> list[Path]:
    """Its source, that which the entry point names first."""
    package = folder / module_of(folder)
    return sorted(package.rglob("*.py")) if package.is_dir() else [package.with_suffix(".py")]


def imported_by(tree: ast.AST) -> set[str]:
    """The modules that are imported anywhere in it."""
    plain = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    return plain | {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_what_brings_commands_says_so(name: str) -> None:
    """Folder, distribution and module agree, and each entry point names a command in it."""
    project = tomllib.loads((FOLDERS[0].parent / name / "pyproject.toml").read_text())["project"]

    assert (project["name"], project["dependencies"][0], list(project["entry-points"])) == (name, "runlake", ["runlake.commands"])
    assert all(where.startswith(name.replace("-", "_") + ".") for where in project["entry-points"]["runlake.commands"].values())


@pytest.mark.parametrize("folder", LIBRARIES, ids=lambda folder: folder.name)
def test_its_names_agree(folder: Path) -> None:
    """Folder, distribution, module and entry point; the library is an extra with a lower bound alone."""
    project = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
    library = folder.name.removeprefix("runlake-")
    tested_with = project["optional-dependencies"]["instruments"]
    groups = {"runlake.plugins", "runlake.services"} & project["entry-points"].keys()

    assert (project["name"], project["dependencies"][0]) == (folder.name, "runlake")
    assert [project["entry-points"][group] for group in groups] == [{library: module_of(folder)}]
    assert all(">=" in each and not set(each) & set(",<!~;") for each in tested_with)
    assert f"RUNLAKE_DISABLE={library}" in (folder / "README.md").read_text()


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_it_uses_public_names_alone(folder: Path) -> None:
    """Whatever is imported of runlake is what anybody may import."""
    trees = [ast.parse(path.read_text()) for path in files_of(folder)]

    assert {name for tree in trees for name in imported_by(tree) if name.partition(".")[0] == "runlake"} <= PUBLIC


@pytest.mark.parametrize("folder", LIBRARIES, ids=lambda folder: folder.name)
def test_it_imports_no_library_before_that_is_there(folder: Path) -> None:
    """What it imports of its library, it imports where that has been imported already: not in what its entry point names."""
    entry = ast.parse(files_of(folder)[0].read_text())
    unconditional = [node for node in entry.body if isinstance(node, (ast.Import, ast.ImportFrom))]
    at_the_top = {name.partition(".")[0] for node in unconditional for name in imported_by(node)}

    assert at_the_top <= {"runlake", module_of(folder), *sys.stdlib_module_names}


def test_enabling_them_all_imports_none_of_their_libraries(tmp_path: Path) -> None:
    """A program pays for what it uses."""
    finished = run_program(
        """
        import sys, runlake
        runlake.autolog()
        libraries = {"lightgbm", "lightning", "pytorch_lightning", "sklearn", "torch", "transformers", "xgboost", "numpy", "pyarrow"}
        print(sorted(libraries & set(sys.modules)))
        """,
        tmp_path / "lake",
    )

    assert finished.stdout == "[]\n"
