"""What has to be installed for a model to be loaded, as files that pip, conda and MLflow's tools read."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from runlake.errors import InvalidValue
from runlake.recording.documents import dict_bytes
from runlake.recording.surroundings.packages import distributions_of

__all__ = ["CONDA", "CONSTRAINTS", "REQUIREMENTS", "VIRTUALENV", "environment_files", "requirements_of"]

REQUIREMENTS, CONSTRAINTS, CONDA, VIRTUALENV = "requirements.txt", "constraints.txt", "conda.yaml", "python_env.yaml"
MOST_FILES = 20  # that requirements may name in turn

Given = Sequence[str] | str | os.PathLike[str]


def requirements_of(modules: Sequence[str]) -> list[str]:
    """The distributions that these modules came from, each with its version as an index has it: without what a build adds to that."""
    found = distributions_of(modules)
    return [f"{name}=={version.partition('+')[0]}" for name, version in sorted(found.items(), key=lambda each: each[0].lower())]


def environment_files(
    modules: Sequence[str],
    pip_requirements: Given | None = None,
    extra_pip_requirements: Given | None = None,
    conda_env: Mapping[str, Any] | str | os.PathLike[str] | None = None,
) -> dict[str, bytes]:
    """The files. What is given takes the place of what is known of the modules, what is extra is added. Raises InvalidValue."""
    if conda_env is not None and (pip_requirements is not None or extra_pip_requirements is not None):
        raise InvalidValue("Give conda_env, or pip_requirements and extra_pip_requirements, not both.")
    if pip_requirements is not None and extra_pip_requirements is not None:
        raise InvalidValue("Give pip_requirements, which are all of them, or extra_pip_requirements, which are added; not both.")
    if conda_env is not None:
        conda, needed = _of_conda(conda_env, modules)
        return _files(needed, [], conda)
    lines = list(_lines_of(pip_requirements)) if pip_requirements is not None else requirements_of(modules)
    lines += _lines_of(extra_pip_requirements) if extra_pip_requirements is not None else ()
    constraints = [line.partition(" ")[2].strip() for line in lines if line.startswith("-c ")]
    needed = list(dict.fromkeys(line for line in lines if not line.startswith("-c ")))
    pinned = [line for name in constraints for line in _text_of(Path(name)).splitlines()]
    return _files(needed, pinned, None)


def _files(needed: Sequence[str], constraints: Sequence[str], conda: bytes | None) -> dict[str, bytes]:
    python = platform.python_version()
    needed = [*needed, *([f"-c {CONSTRAINTS}"] if constraints else [])]
    virtualenv = f"python: {json.dumps(python)}\nbuild_dependencies:\n- pip\ndependencies:\n- -r {REQUIREMENTS}\n"
    return {
        REQUIREMENTS: "".join(f"{line}\n" for line in needed).encode(),
        **({CONSTRAINTS: "".join(f"{line}\n" for line in constraints).encode()} if constraints else {}),
        CONDA: _conda(needed, python) if conda is None else conda,
        VIRTUALENV: virtualenv.encode(),
    }


def _conda(needed: Sequence[str], python: str) -> bytes:
    below = "".join(f"  - {json.dumps(line)}\n" for line in needed)
    pip = f"- pip\n- pip:\n{below}" if needed else "- pip\n"
    return f"channels:\n- conda-forge\ndependencies:\n- python={python}\n{pip}name: runlake-env\n".encode()


def _of_conda(given: Mapping[str, Any] | str | os.PathLike[str], modules: Sequence[str]) -> tuple[bytes, list[str]]:
    """The file, and what pip is to install of it; of one that is given by its path, what is known of the modules."""
    if not isinstance(given, Mapping):
        return _text_of(Path(given)).encode(), requirements_of(modules)
    listed = given.get("dependencies", [])
    needed = [line for each in listed if isinstance(each, Mapping) for line in each.get("pip", ())]
    return dict_bytes(dict(given), CONDA), list(map(str, needed))


def _lines_of(given: Given) -> Iterator[str]:
    """Requirements one by one: those of a list, or of a file, which may name further files."""
    if isinstance(given, (str, os.PathLike)):
        yield from _lines_in([f"-r {os.fspath(given)}"], Path(), [])
    elif not isinstance(given, Sequence) or not all(isinstance(line, str) for line in given):
        raise InvalidValue(f"Requirements are a list such as ['numpy>=2'], or the path of a file, not {given!r}.")
    else:
        yield from _lines_in(given, Path(), [])


def _lines_in(lines: Sequence[str], folder: Path, seen: list[Path]) -> Iterator[str]:
    for line in lines:
        text = line.strip()
        option, _, name = text.replace("--requirement", "-r").replace("--constraint", "-c").partition(" ")
        if option == "-r":
            file = folder / name.strip()
            seen.append(file)
            if len(seen) > MOST_FILES:
                raise InvalidValue(f"{seen[0]} names more than {MOST_FILES} files of requirements, one inside the other.")
            yield from _lines_in(_text_of(file).splitlines(), file.parent, seen)
        elif option == "-c":
            yield f"-c {folder / name.strip()}"
        elif text and not text.startswith("#"):
            yield text


def _text_of(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise InvalidValue(f"The requirements in {str(file)!r} cannot be read: {error}.") from error
