"""What a project names stays in its folder: nothing by `..`, an absolute path or a symbolic link leads out."""

from __future__ import annotations

from pathlib import Path

from runlake.errors import InvalidValue

__all__ = ["file_inside", "folder_inside", "path_inside"]


def file_inside(folder: Path, name: str, what: str) -> Path:
    """The file of that name in the folder. Raises InvalidValue where it is not there, or elsewhere."""
    path = path_inside(folder, name, what)
    if not path.is_file():
        raise InvalidValue(f"There is no file {name!r} in {folder}, which is named as {what}.")
    return path


def folder_inside(folder: Path, name: str, what: str) -> Path:
    """The folder of that name in the folder. Raises InvalidValue where it is not there, or elsewhere."""
    path = path_inside(folder, name, what)
    if not path.is_dir():
        raise InvalidValue(f"There is no folder {name!r} in {folder}, which is named as {what}.")
    return path


def path_inside(folder: Path, name: str, what: str) -> Path:
    """What has or would have that name in the folder. Raises InvalidValue where that is elsewhere."""
    if "\0" in name:
        raise InvalidValue(f"{name!r} is no path: it holds a zero byte.")
    path = folder / name
    if ".." in Path(name).parts or Path(name).is_absolute() or not path.resolve().is_relative_to(folder.resolve()):
        raise InvalidValue(f"{name!r}, named as {what}, leads out of {folder}. What a project uses must lie in its folder: copy it there.")
    return path
