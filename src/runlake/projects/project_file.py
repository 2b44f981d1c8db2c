"""What a project says of itself in its file `MLproject`: its entry points, their parameters, and the environment that they need."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, cast

from runlake.errors import InvalidValue
from runlake.projects.inside import file_inside
from runlake.projects.strict_yaml import Node, read_yaml
from runlake.recording.telling import say

__all__ = ["PARAMETER_NAME", "EntryPoint", "Environment", "Kind", "Parameter", "Project", "entry_point_named", "read_project"]

NAME = "mlproject"
INTERPRETERS = {".py": "python", ".sh": "bash", ".R": "Rscript"}
PARAMETER_NAME = re.compile(r"[A-Za-z_][\w.-]*", re.ASCII)
MOST_LISTED = 20

Kind = Literal["string", "float", "int", "path", "uri"]
EnvironmentKind = Literal["python_env", "conda_env", "docker_env"]
_KINDS = ("string", "float", "int", "path", "uri")
_ENVIRONMENTS = ("python_env", "conda_env", "docker_env")
_DEFAULT_FILES: tuple[tuple[EnvironmentKind, str], ...] = (("python_env", "python_env.yaml"), ("conda_env", "conda.yaml"))


@dataclass(frozen=True)
class Parameter:
    """A value that an entry point takes."""

    name: str
    kind: Kind = "string"
    default: str | None = None


@dataclass(frozen=True)
class EntryPoint:
    """What can be started: a command with places for parameters, and a script's file is one without any."""

    name: str
    command: str
    parameters: Mapping[str, Parameter] = field(default_factory=dict)
    script: str | None = None  # the file in the folder, where the entry point is one that no project file names


@dataclass(frozen=True)
class Environment:
    """What a project needs to run: a file that says it, or for docker the image."""

    kind: EnvironmentKind
    file: Path | None = None
    image: str = ""


@dataclass(frozen=True)
class Project:
    """A folder that holds one."""

    folder: Path
    shown: str  # where it comes from
    name: str | None = None
    environment: Environment | None = None
    entry_points: Mapping[str, EntryPoint] = field(default_factory=dict)
    has_file: bool = False


def read_project(folder: Path, shown: str = "") -> Project:
    """The project in this folder. Raises InvalidValue for a file that is wrong, with the line and what to do."""
    found = sorted(path.name for path in folder.iterdir() if path.name.lower() == NAME)
    if not found:
        return Project(folder, shown or str(folder), environment=_default_environment(folder))
    if len(found) > 1:
        raise InvalidValue(f"{folder} holds {' and '.join(found)}, and a project has one file. Leave one of them.")
    root = read_yaml(file_inside(folder, found[0], "the project's file"), found[0])
    said = root.mapping("A project")
    _name_unknown(said, ("name", *_ENVIRONMENTS, "entry_points"), "a project")
    entry_points = said["entry_points"].mapping("entry_points") if "entry_points" in said else {}
    return Project(
        folder,
        shown or str(folder),
        said["name"].text("The name") if "name" in said and said["name"].value is not None else None,
        _environment(folder, said) or _default_environment(folder),
        {name: _entry_point(name, node) for name, node in entry_points.items()},
        has_file=True,
    )


def entry_point_named(project: Project, name: str) -> EntryPoint:
    """The entry point, or the script of the folder that is one unnamed. Raises InvalidValue, which names those that there are."""
    if name in project.entry_points:
        return project.entry_points[name]
    if Path(name).suffix in INTERPRETERS:
        file_inside(project.folder, name, "the entry point")
        return EntryPoint(name, INTERPRETERS[Path(name).suffix], script=name)
    scripts = sorted(path.name for path in project.folder.iterdir() if path.suffix in INTERPRETERS and path.is_file())
    there = [*project.entry_points, *scripts]
    more = f" and {len(there) - MOST_LISTED} more" if len(there) > MOST_LISTED else ""
    choice = f"There are {', '.join(there[:MOST_LISTED])}{more}: say which with -e." if there else "It holds no script, either."
    where = f"The project in {project.shown}" if project.has_file else f"{project.shown} has no file MLproject, and"
    raise InvalidValue(f"{where} has no entry point {name!r}. {choice}")


def _environment(folder: Path, said: Mapping[str, Node]) -> Environment | None:
    named = [kind for kind in _ENVIRONMENTS if kind in said]
    if len(named) > 1:
        raise said[named[1]].wrong(f"{' and '.join(named)} are both named, and a project has one environment. Leave one of them.")
    if not named:
        return None
    kind, node = cast(EnvironmentKind, named[0]), said[named[0]]
    if kind == "docker_env":
        inner = node.mapping(kind)
        _name_unknown(inner, ("image", "volumes", "environment"), kind)
        if "image" not in inner:
            raise node.wrong("docker_env names no image. Write `image: NAME` below it.")
        return Environment(kind, image=inner["image"].text("The image"))
    return Environment(kind, file_inside(folder, node.text(kind), kind))


def _default_environment(folder: Path) -> Environment | None:
    there = ((kind, name) for kind, name in _DEFAULT_FILES if (folder / name).is_file())
    return next((Environment(kind, file_inside(folder, name, kind)) for kind, name in there), None)


def _entry_point(name: str, node: Node) -> EntryPoint:
    said = node.mapping(f"The entry point {name!r}")
    _name_unknown(said, ("parameters", "command"), f"the entry point {name!r}")
    if "command" not in said:
        raise node.wrong(f"the entry point {name!r} has no command. Write `command: ...` below it.")
    parameters = said["parameters"].mapping("parameters") if "parameters" in said else {}
    command = said["command"].text("A command")
    return EntryPoint(name, command, {key: _parameter(key, each) for key, each in parameters.items()})


def _parameter(name: str, node: Node) -> Parameter:
    if not PARAMETER_NAME.fullmatch(name):
        raise node.wrong(f"{name!r} is no name of a parameter. Use letters, digits, `_`, `.` and `-`, and begin with a letter or `_`.")
    if not isinstance(node.value, dict):
        return Parameter(name, _parameter_kind(name, node))
    said = node.value
    _name_unknown(said, ("type", "default"), f"the parameter {name!r}")
    kind: Kind = _parameter_kind(name, said["type"]) if "type" in said else "string"
    default = said["default"].text(f"The default of {name!r}") if "default" in said and said["default"].value is not None else None
    return Parameter(name, kind, default)


def _parameter_kind(name: str, node: Node) -> Kind:
    if node.value is None:
        return "string"
    kind = node.text(f"The type of {name!r}")
    if kind not in _KINDS:  # such as bool, which other programs pass on as it is
        say(
            f"runlake: {node.file.shown}, line {node.line}: {kind!r}, the type of the parameter {name!r}, is none of "
            f"{', '.join(_KINDS)}, and is taken for string"
        )
        return "string"
    return cast(Kind, kind)


def _name_unknown(said: Mapping[str, Node], known: tuple[str, ...], what: str) -> None:
    for name, node in said.items():
        if name not in known:
            say(f"runlake: {node.file.shown}, line {node.line}: {name!r} has no meaning for {what}, and is passed over")
