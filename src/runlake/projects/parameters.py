"""The values that an entry point gets: those given and the defaults, checked all at once against what its parameters are."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import unquote, urlsplit

from runlake.errors import InvalidValue, RunlakeError
from runlake.projects.processes import why_not_given
from runlake.projects.project_file import PARAMETER_NAME, Parameter
from runlake.projects.templates import names_in
from runlake.redaction import redacted

__all__ = ["Value", "parameters_of", "texts_given", "values_of"]

COPIED = ("runs:", "models:")

_INT = re.compile(r"[+-]?[0-9]+")
_FLOAT = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
_SCHEME = re.compile(r"([A-Za-z][\w.+-]+):", re.ASCII)  # of two letters or more: C: is a drive


@dataclass(frozen=True)
class Value:
    """A parameter's value: as the program gets it, as it is recorded, and as it can be given again."""

    text: str
    recorded: str | int | float
    again: str | None  # a default place of the project's folder is another in the next checkout, and comes by itself
    is_named: bool  # by the entry point, which has a place for it


def texts_given(given: Mapping[str, Any]) -> dict[str, str]:
    """What was given, as texts."""
    texts = {}
    for name, value in given.items():
        if value is None:
            raise InvalidValue(f"The parameter {name!r} is None. Leave it out, or give it a value.")
        texts[str(name)] = str(value)
    return texts


def parameters_of(declared: Mapping[str, Parameter], words: list[str]) -> dict[str, Parameter]:
    """What an entry point takes: what it declares, and what its command has a place for."""
    return {**{name: Parameter(name) for name in names_in(words)}, **declared}


def values_of(
    parameters: Mapping[str, Parameter], given: Mapping[str, str], folder: Path, stack: ExitStack, storage: Path | None
) -> dict[str, Value]:
    """The value of each parameter. Raises InvalidValue, which tells all that is wrong.

    A relative path that is given is one of the caller's folder, and a default one of the project's. Copies of what runs keep are
    removed with `stack`.
    """
    wrong = [
        f"{name!r} is no name of a parameter: it has letters, digits, `_`, `.` and `-`, and begins with a letter or `_`"
        for name in given
        if not PARAMETER_NAME.fullmatch(name)
    ]
    missing = [f"{each.name} ({each.kind})" for each in parameters.values() if each.name not in given and each.default is None]
    if missing:
        wrong.append(f"no value is given for {', '.join(missing)}: give each with -P NAME=VALUE")
    copies = _Copies(stack, storage)
    found: dict[str, Value] = {}
    for name, parameter in {**{name: Parameter(name) for name in given}, **parameters}.items():
        is_given = name in given
        text = given[name] if is_given else parameter.default
        if text is None:
            continue
        try:
            value = _checked(parameter, text, Path.cwd() if is_given else folder, copies, is_named=name in parameters)
            is_of_folder = not is_given and parameter.kind in ("path", "uri")
            found[name] = replace(value, again=None) if is_of_folder else value
        except (InvalidValue, _Wrong) as error:
            wrong.append(f"{name}={redacted(name, text)!r:.80}: {error}")
    if wrong:
        raise InvalidValue("\n  ".join(["The parameters are wrong, and nothing was started:", *wrong]))
    return found


class _Wrong(Exception):
    """What is wrong with one value, in words."""


@dataclass
class _Copies:
    """Where what runs keep is copied to."""

    stack: ExitStack
    storage: Path | None

    def of(self, uri: str) -> str:
        """A copy of what is at this address."""
        from runlake.client.artifacts import download_artifacts  # late, as it takes a while: few parameters are such addresses

        folder = self.stack.enter_context(TemporaryDirectory(prefix="runlake-", dir=self.storage))
        try:
            return str(Path(download_artifacts(uri, dst_path=folder)).absolute())
        except RunlakeError as error:
            raise _Wrong(str(error)) from error


def _checked(parameter: Parameter, text: str, folder: Path, copies: _Copies, *, is_named: bool) -> Value:
    if why := why_not_given(text):
        raise _Wrong(why)
    resolve: Callable[[], tuple[str, str | int | float, str]] = {
        "string": lambda: (text, text, text),
        "int": lambda: (text, _int(text), text),
        "float": lambda: (text, _float(text), text),
        "path": lambda: _path(text, folder, copies),
        "uri": lambda: (_uri(text, folder),) * 3,
    }[parameter.kind]
    seen, recorded, again = resolve()
    return Value(seen, recorded, again, is_named)


def _int(text: str) -> int | str:
    if not _INT.fullmatch(text):
        raise _Wrong("it is no int, such as 3 or -10")
    return int(text) if len(text) < 1000 else text  # Python converts no more, by default


def _float(text: str) -> float:
    if not _FLOAT.fullmatch(text):
        raise _Wrong("it is no float, such as 0.5, 3 or 1e-3")
    number = float(text)
    if math.isinf(number):
        raise _Wrong("it is greater than any float")
    return number


def _path(text: str, folder: Path, copies: _Copies) -> tuple[str, str, str]:
    scheme = _SCHEME.match(text)
    if scheme and f"{scheme[1]}:" in COPIED:
        return copies.of(text), text, text
    if scheme and scheme[1] == "file":
        text = unquote(urlsplit(text).path)
    elif scheme and not os.path.exists(folder / text):
        raise _Wrong(f"nothing is downloaded from {scheme[1]}: here. Give a path of this machine, or runs:/... or models:/...")
    path = os.path.abspath(folder / os.path.expanduser(text))
    if not os.path.exists(path):
        raise _Wrong(f"there is nothing at {path:.200}")
    return path, path, path


def _uri(text: str, folder: Path) -> str:
    return text if _SCHEME.match(text) else os.path.abspath(folder / text)
