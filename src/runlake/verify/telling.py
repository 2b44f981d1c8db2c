"""What a program that is over leaves behind: the states of its random generators, and its models, each as a digest."""

from __future__ import annotations

import contextlib
import hashlib
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import wrapt

import runlake
from runlake.guard import attempt
from runlake.instrument.plugins import ask_one, ask_plugins, find_plugins, load

__all__ = ["tell"]


def tell(asked: Sequence[str], generators: Mapping[str, Any], models: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """The states of these generators and those that these plugins know of, these models, and where code of ours lies."""
    with _unheard():
        states = {name: _digest(state) for name, state in {**generators, **_of_libraries(asked)}.items()}
        for plugin in find_plugins().values():
            if not plugin.is_service:
                load(plugin)
        found = [[name, f"{type(model).__module__}.{type(model).__qualname__}", _digest_of(model)] for name, model in models]
    return {"states": states, "models": found, "is_recorded": _is_recorded(), "ours": _places()}


@contextlib.contextmanager
def _unheard() -> Iterator[None]:
    """What is printed meanwhile is not the program's."""
    _flush()
    kept: dict[int, int] = {}
    with contextlib.suppress(OSError):
        kept = {number: os.dup(number) for number in (1, 2)}
        nowhere = os.open(os.devnull, os.O_WRONLY)
        for number in kept:
            os.dup2(nowhere, number)
    try:
        yield
    finally:
        _flush()
        for number, was in kept.items():
            os.dup2(was, number)


def _flush() -> None:
    """Have what the program printed be where it printed it; it may have closed that, or put something of its own there."""
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            attempt(stream.flush)


def _of_libraries(asked: Sequence[str]) -> dict[str, Any]:
    """What plugins say of generators whose library is imported."""
    found: dict[str, Any] = {}
    for name in asked:
        plugin = find_plugins().get(name)
        if plugin is not None and load(plugin) and not plugin.libraries.isdisjoint(sys.modules):
            said = attempt(lambda plugin=plugin: ask_one(plugin, "random_states"))  # type: ignore[misc]  # the default binds the loop's plugin
            found |= said if isinstance(said, Mapping) else {}
    return found


def _digest_of(model: Any) -> str | None:
    """By the plugin of its library; None where that has none."""
    digest = attempt(lambda: ask_plugins("model_digest", model, model=model))
    return digest if isinstance(digest, str) else None


def _digest(state: Any) -> str:
    return hashlib.sha256(repr(_plain(state)).encode()).hexdigest()


def _plain(state: Any) -> Any:
    """Arrays as lists: what stands for one in print leaves numbers out."""
    if isinstance(state, Mapping):
        return {str(key): _plain(value) for key, value in state.items()}
    return state.tolist() if hasattr(state, "tolist") else state


def _is_recorded() -> bool:
    """Whether anything is captured in this process."""
    autolog = sys.modules.get("runlake.instrument.autolog")
    return autolog is not None and any(row.state == "in place" for row in autolog.report())


def _places() -> list[str]:
    """The folders whose frames a traceback of the program alone would not have."""
    return [str(Path(str(module.__file__)).parent) for module in (runlake, wrapt)]
