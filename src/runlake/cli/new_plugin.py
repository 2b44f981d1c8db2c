"""The files of a new plugin: a whole distribution that works as it is written, to be changed."""

from __future__ import annotations

import keyword
import os
import re
import shutil
import tempfile
from pathlib import Path
from string import Template

import runlake
from runlake.errors import InvalidValue

__all__ = ["files_of_plugin", "write_plugin"]

_TEMPLATES = Path(__file__).parent / "new_plugin_files"
_FILES = {
    "pyproject.toml": "pyproject.toml.txt",
    "README.md": "README.md.txt",
    "runlake_{name}.py": "module.py.txt",
    "tests/test_{name}.py": "test.py.txt",
}


def files_of_plugin(name: str) -> dict[str, str]:
    """The text of each file by its path in the plugin's folder. Raises InvalidValue for a name that no plugin can have."""
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name) or keyword.iskeyword(name):
        raise InvalidValue(f"{name!r} cannot be the name of a plugin: it is part of a module's name. Use a-z, 0-9 and _, a letter first.")
    ours = Path(runlake.__file__).parent
    if name in runlake.__all__ or (ours / name).exists() or (ours / f"{name}.py").exists():
        raise InvalidValue(f"{name!r} cannot be the name of a plugin: `runlake.{name}` is something else already.")
    texts = {path.format(name=name): (_TEMPLATES / template).read_text(encoding="utf-8") for path, template in _FILES.items()}
    return {path: Template(text).substitute(name=name) for path, text in texts.items()}


def write_plugin(name: str, folder: Path) -> Path:
    """Write a plugin into `folder/runlake-<name>`, all of it or nothing. Raises InvalidValue where something is there already."""
    texts = files_of_plugin(name)
    plugin = folder / f"runlake-{name}"
    if os.path.lexists(plugin):
        raise InvalidValue(f"{plugin} is there already, and nothing was written. Name another with --folder, or move it away.")
    folder.mkdir(parents=True, exist_ok=True)
    made = Path(tempfile.mkdtemp(prefix=f".runlake-{name}-", dir=folder))
    try:
        made.chmod(0o755)  # a temporary folder is its owner's alone
        for path, text in texts.items():
            (made / path).parent.mkdir(exist_ok=True)
            (made / path).write_text(text, encoding="utf-8")
        made.rename(plugin)
    finally:
        shutil.rmtree(made, ignore_errors=True)
    return plugin
