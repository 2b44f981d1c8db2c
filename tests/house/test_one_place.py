"""What has one place stays there: system calls in platform, catching everything in guard, settings in config."""

from __future__ import annotations

import ast
import re
import subprocess
from pathlib import Path

import pytest

import runlake
from runlake import config

SRC = Path(runlake.__file__).parent
ROOT = SRC.parent.parent
FILES = sorted(SRC.rglob("*.py"))
SYSTEM_MODULES = {"fcntl", "resource", "pwd", "ctypes", "msvcrt", "grp"}
CATCH_ALL = {"Exception", "BaseException"}


def names_in(node: ast.AST | None) -> set[str]:
    """The plain names and attribute names in an expression."""
    found = ast.walk(node) if node is not None else iter(())
    return {n.id if isinstance(n, ast.Name) else n.attr for n in found if isinstance(n, (ast.Name, ast.Attribute))}


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(SRC)))
def test_only_platform_uses_what_differs_by_system(path: Path) -> None:
    """The package works where these modules are missing because one module knows that they may be."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    imported |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    called = names_in(tree)

    if path.name != "platform.py":
        assert not imported & SYSTEM_MODULES
        assert not called & {"register_at_fork", "fdatasync", "fsync", "link"}


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(SRC)))
def test_only_guard_catches_everything(path: Path) -> None:
    """Elsewhere an error that nobody thought of must be seen."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    caught = [
        node for node in ast.walk(tree) if isinstance(node, ast.ExceptHandler) and (node.type is None or names_in(node.type) & CATCH_ALL)
    ]
    suppressed = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and names_in(node.func) & {"suppress"} and any(names_in(arg) & CATCH_ALL for arg in node.args)
    ]

    assert path.name == "guard.py" or not [*caught, *suppressed]


def test_no_instrumented_library_is_named() -> None:
    """Library work belongs to plugins; data is known by its protocol."""
    named = re.compile(r"\b(sklearn|scikit|xgboost|lightgbm|torch|transformers|lightning|catboost|keras|tensorflow|jax)\b", re.I)

    assert [str(path) for path in FILES if named.search(path.read_text(encoding="utf-8"))] == []


def test_the_environment_is_read_by_config_alone() -> None:
    """One place answers what a setting is and where it came from."""
    readers = [path for path in FILES if re.search(r"os\.environ|getenv", path.read_text(encoding="utf-8"))]

    assert [path.name for path in readers] == ["as_mlflow.py", "config.py", "observer.py"]
    # The first reads MLflow's, which no setting does; the last takes its folder out of PYTHONPATH before anything of ours is imported.


def test_every_setting_stands_in_the_readme_with_its_variable_and_default() -> None:
    """The table that users read is the one that the code reads."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    rows = {row[0]: row for row in (re.findall(r"`([^`]*)`", line) for line in readme.splitlines() if line.startswith("| `")) if row}

    for setting in config.SETTINGS:
        assert list(setting.environment) == [name for name in rows[setting.name] if name.startswith("RUNLAKE_")]


def test_the_top_level_holds_what_it_should_and_nothing_else() -> None:
    """A newcomer sees the whole house at once."""
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    seen = {name.partition("/")[0] for name in listed if not name.startswith(".")}

    assert seen == {
        *("pyproject.toml", "README.md", "Makefile", "constraints.txt", "LICENSE", "CHANGELOG.md"),
        *("src", "plugins", "tests", "benchmarks"),
    }


def test_every_plugin_folder_is_installed_by_all_txt() -> None:
    """`pip install -r plugins/all.txt` is the whole product."""
    folders = sorted(path.parent.name for path in (ROOT / "plugins").glob("*/pyproject.toml"))

    assert (ROOT / "plugins" / "all.txt").read_text().split("\n") == ["-e .", *(f"-e plugins/{name}" for name in folders), ""]
