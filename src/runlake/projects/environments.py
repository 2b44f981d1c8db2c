"""Where a project's program finds Python and its packages: as they are here, or in an environment that is built for it."""

from __future__ import annotations

import os
import platform
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

from runlake.errors import InvalidValue, RunlakeError
from runlake.projects.kept import environment_of
from runlake.projects.processes import shown_as_it_comes
from runlake.projects.project_file import Environment
from runlake.projects.pythons import Python, python_for
from runlake.projects.requirements import Wanted, read_conda_env, read_python_env

__all__ = ["MANAGERS", "Manager", "Ready", "made_ready", "manager_for"]

Manager = Literal["local", "virtualenv", "conda"]
MANAGERS: tuple[Manager, ...] = ("local", "virtualenv", "conda")

_CONDAS = ("conda", "mamba", "micromamba")
_SCRIPTS = "Scripts" if sys.platform == "win32" else "bin"


@dataclass(frozen=True)
class Ready:
    """What a program is started with."""

    python: Path
    variables: dict[str, str]


def manager_for(wanted: str | None, environment: Environment | None) -> Manager:
    """Who sees to the environment: as was said, else as the project needs it. Raises InvalidValue for what is not done here."""
    if wanted is not None:
        found = next((manager for manager in MANAGERS if manager == wanted), None)
        if found is None:
            raise InvalidValue(f"There is no environment manager {wanted!r}. There are {', '.join(MANAGERS)}.")
        if found == "conda" and (environment is None or environment.kind != "conda_env"):
            raise InvalidValue("The project has no conda_env, which conda would need. Leave --env-manager out, or say local or virtualenv.")
        if found == "virtualenv" and (environment is None or environment.file is None):
            raise InvalidValue("The project says nothing of its packages, so there is nothing to install. Use --env-manager local.")
        return found
    if environment is None:
        return "local"
    if environment.kind == "docker_env":
        raise InvalidValue(
            f"The project wants to run in the docker image {environment.image!r}, and images are not run here. "
            "Where its packages are installed already, run it with --env-manager local."
        )
    return "virtualenv" if environment.kind == "python_env" else "conda"


def made_ready(manager: Manager, environment: Environment | None, project: Path, variables: Mapping[str, str]) -> Ready:
    """The environment, built if it is not there yet. Raises RunlakeError where it cannot be."""
    if manager == "local" or environment is None or environment.file is None:
        return _ready(Path(sys.executable), [Path(sys.executable).parent], variables)
    if manager == "conda":
        return _conda(environment.file, project, variables)
    read = read_python_env if environment.kind == "python_env" else read_conda_env
    wanted = read(environment.file, project)
    python = python_for(wanted.python, variables)
    parts = ["virtualenv", python.version, python.executable, platform.machine(), wanted.parts]
    folder = environment_of(parts, _in_words(python, wanted), lambda folder: _build(folder, python, wanted, variables))
    inner = folder / _SCRIPTS
    rest = {name: value for name, value in variables.items() if name != "PYTHONHOME"}
    return _ready(inner / "python", [inner], rest | {"VIRTUAL_ENV": str(folder)})


def _ready(python: Path, first: Sequence[Path], variables: Mapping[str, str]) -> Ready:
    path = os.pathsep.join([*map(str, first), variables.get("PATH", os.defpath)])
    return Ready(python, {**variables, "PATH": path})


def _in_words(python: Python, wanted: Wanted) -> str:
    packages = ", ".join([*wanted.build, *wanted.packages]) or "no packages"
    return f"Python {python.version} with {packages}"


def _build(folder: Path, python: Python, wanted: Wanted, variables: Mapping[str, str]) -> None:
    """A virtual environment with what is wanted, by pip."""
    # -I: else a file of the project that is called as one of Python's would be run in its place.
    _need([python.executable, "-I", "-m", "venv", str(folder)], variables, wanted.folder, "The environment cannot be made")
    pip = [str(folder / _SCRIPTS / "python"), "-I", "-m", "pip", "install", "--disable-pip-version-check", "--no-input"]
    with TemporaryDirectory(prefix="runlake-") as listed:
        constraints = _written(Path(listed) / "constraints.txt", wanted.constraints)
        limits = ["-c", str(constraints)] if wanted.constraints else []
        for name, lines in (("build.txt", wanted.build), ("packages.txt", wanted.packages)):
            if lines:
                file = _written(Path(listed) / name, lines)
                _need([*pip, "-r", str(file), *limits], variables, wanted.folder, "The packages cannot be installed")


def _written(file: Path, lines: Sequence[str]) -> Path:
    file.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return file


def _conda(file: Path, project: Path, variables: Mapping[str, str]) -> Ready:
    """An environment of conda, with its programs first on the PATH; what its activation would run besides is not run."""
    found = next((program for name in _CONDAS if (program := shutil.which(name, path=variables.get("PATH")))), None)
    if found is None:
        raise RunlakeError(
            f"None of {', '.join(_CONDAS)} is on the PATH, and {file.name} is for them. Install one, or take what pip can install "
            "with --env-manager virtualenv, or what is installed here with --env-manager local."
        )
    program = found

    def build(folder: Path) -> None:
        words = ["create", "--yes"] if Path(program).stem == "micromamba" else ["env", "create"]
        _need([program, *words, "--prefix", str(folder), "--file", str(file)], variables, file.parent, "The environment cannot be made")

    named = read_conda_env(file, project, tells=False)  # which reads the files of requirements that it names, too
    parts = ["conda", Path(program).stem, platform.machine(), file.read_text(encoding="utf-8-sig"), named.parts]
    folder = environment_of(parts, f"what {file.name} names, by {Path(program).name},", build)
    variables = {**variables, "CONDA_PREFIX": str(folder), "CONDA_DEFAULT_ENV": str(folder)}
    return _ready(folder / _SCRIPTS / "python", [folder / _SCRIPTS], variables)


def _need(argv: Sequence[str], variables: Mapping[str, str], folder: Path, what: str) -> None:
    code, last = shown_as_it_comes(argv, variables, folder)
    if code != 0:
        raise RunlakeError("\n  ".join([f"{what}; {Path(argv[0]).name} ended with {code}, and said last:", *last]))
