"""What an environment file asks for: a Python, what builds packages, and packages; with all that its requirement files say in it."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from runlake.errors import InvalidValue
from runlake.projects.inside import file_inside
from runlake.projects.strict_yaml import Node, read_yaml
from runlake.recording.telling import say
from runlake.redaction import redacted_text

__all__ = ["Wanted", "read_conda_env", "read_python_env"]

MOST_FILES = 50

_INCLUDED = re.compile(r"(?P<option>-r|--requirement|-c|--constraint)(?:\s+|=|(?<=-[rc]))(?P<file>\S.*)")
_EDITABLE = re.compile(r"(?:-e|--editable)(?:\s|=)")
_OPTION = re.compile(
    r"--(?:pre|no-index|prefer-binary|require-hashes)"
    r"|(?:-i|-f|--(?:index-url|extra-index-url|find-links|trusted-host|no-binary|only-binary|use-feature))(?:\s+|=)\S+"
)
_PYTHON = re.compile(r"(?:python\s*)?[=~]*\s*(?P<version>\d+(?:\.\d+){0,2})(?:\.\*)?")
_LOCAL = re.compile(r"\.{0,2}/|[A-Za-z]:[\\/]|file:")


@dataclass(frozen=True)
class Wanted:
    """What is to be installed; `python` is "" where any will do."""

    folder: Path  # what is relative in it is so to this one
    python: str = ""
    build: list[str] = field(default_factory=list)
    packages: list[str] = field(default_factory=list)
    constraints: list[str] = field(default_factory=list)
    contents: list[str] = field(default_factory=list)  # digests of the local files that it installs

    @property
    def parts(self) -> list[object]:
        """All that goes in."""
        return [self.build, self.packages, self.constraints, self.contents]


def read_python_env(file: Path, project: Path) -> Wanted:
    """What a `python_env.yaml` says. Raises InvalidValue."""
    said = read_yaml(file, file.name).mapping("An environment")
    for name, node in said.items():
        if name not in ("python", "build_dependencies", "dependencies"):
            say(f"runlake: {node.file.shown}, line {node.line}: {name!r} has no meaning here, and is passed over")
    python = _python(said["python"]) if "python" in said and said["python"].value is not None else ""
    return _wanted(file, project, python, _texts(said, "build_dependencies"), _texts(said, "dependencies"))


def read_conda_env(file: Path, project: Path, *, tells: bool = True) -> Wanted:
    """What of a `conda.yaml` pip can install; what it cannot is told. Raises InvalidValue."""
    said = read_yaml(file, file.name).mapping("An environment")
    python, packages, left_out = "", [], []
    for node in said["dependencies"].items("dependencies") if "dependencies" in said else []:
        if isinstance(node.value, dict):
            packages += _texts(node.value, "pip")
            left_out += [name for name in node.value if name != "pip"]
        elif re.match(r"python\s*(?:$|[=<>~!])", text := node.text("A dependency")):
            python = _python(node) if text.strip() != "python" else ""
        elif not re.match(r"pip\s*(?:$|[=<>~!])", text):
            left_out.append(text)
    if left_out and tells:
        say(f"runlake: pip cannot install what {file.name} has for conda, and leaves it out: {', '.join(left_out)}")
    return _wanted(file, project, python, [], packages)


def _wanted(file: Path, project: Path, python: str, build: list[str], packages: list[str]) -> Wanted:
    wanted = Wanted(file.parent, python)
    seen: set[Path] = set()
    wanted.build.extend(_flat(build, file, project, wanted, seen))
    wanted.packages.extend(_flat(packages, file, project, wanted, seen))
    return wanted


def _flat(lines: list[str], file: Path, project: Path, wanted: Wanted, seen: set[Path]) -> Iterator[str]:
    """The requirements with those of the files that they name; constraints are put where they belong."""
    for line in lines:
        found = _INCLUDED.fullmatch(line)
        if found is None:
            if line.startswith("-") and not _EDITABLE.match(line) and not _OPTION.fullmatch(line):
                raise InvalidValue(
                    f"{file.name} has the line {redacted_text(line)!r}, and it is not known which files that names. "
                    "Write one option in a line, in full, as in `-r more.txt` or `--index-url https://host/simple`."
                )
            _note_contents(line, file, wanted)
            yield line
            continue
        place = os.path.normpath(file.parent / found["file"].strip())
        inner = file_inside(project, os.path.relpath(place, project), f"a requirement of {file.name}")
        if inner.resolve() in seen:
            continue
        seen.add(inner.resolve())
        if len(seen) > MOST_FILES:
            raise InvalidValue(f"{file.name} names more than {MOST_FILES} files of requirements. Put them together.")
        below = _flat(_lines(inner), inner, project, wanted, seen)
        if found["option"] in ("-c", "--constraint"):
            wanted.constraints.extend(below)
        else:
            yield from below


def _lines(file: Path) -> list[str]:
    """The requirements of a file, each in one line and without its comment, as pip reads them."""
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidValue(f"{file} cannot be read as UTF-8: {error}. Save it as that.") from error
    lines = re.sub(r"\\\r?\n", " ", text).splitlines()
    return [kept for line in lines if (kept := re.sub(r"(^|\s)#.*", "", line).strip())]


def _note_contents(line: str, file: Path, wanted: Wanted) -> None:
    """What is installed from a file here is another environment once the file is another; a folder changes too easily."""
    if _EDITABLE.match(line) or line in (".", ".."):
        raise _from_folder(line, file)
    if not _LOCAL.match(line):
        return
    path = wanted.folder / line.partition(";")[0].strip().removeprefix("file://").partition("[")[0]
    if path.is_dir():
        raise _from_folder(line, file)
    if path.is_file():
        wanted.contents.append(hashlib.sha256(path.read_bytes()).hexdigest())


def _from_folder(line: str, file: Path) -> InvalidValue:
    return InvalidValue(
        f"{file.name} asks for {line!r}, which installs from a folder, and an environment that is kept would not see its changes. "
        "Name a released package or a wheel; what the project's own scripts import from its folder needs no installing."
    )


def _python(node: Node) -> str:
    found = _PYTHON.fullmatch(node.text("The version of Python").strip())
    if found is None:
        raise node.wrong(f"{node.value!r} is no version of Python. Write one such as 3.11.")
    return found["version"]


def _texts(said: dict[str, Node], name: str) -> list[str]:
    if name not in said:
        return []
    texts = [node.text(f"An item of {name}").strip() for node in said[name].items(name)]
    if wrong := [text for text in texts if not text or not text.isprintable()]:
        raise said[name].wrong(f"{wrong[0]!r} is no requirement. Write one such as numpy>=2.")
    return texts
