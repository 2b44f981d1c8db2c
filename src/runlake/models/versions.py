"""The versions of the libraries that a model was written with, and what to say where those here are older."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from runlake.errors import InvalidModel, RunlakeError
from runlake.guard import log
from runlake.instrument.plugins import find_plugins

__all__ = ["told_of_newer", "versions_of"]


def versions_of(modules: Sequence[str]) -> dict[str, str]:
    """Of those modules that plugins are for, as they say themselves."""
    captured = frozenset[str]().union(*(plugin.libraries for plugin in find_plugins().values()))
    found = {module: getattr(sys.modules.get(module), "__version__", None) for module in modules if module in captured}
    return {module: str(version) for module, version in found.items() if version is not None}


@contextmanager
def told_of_newer(then: Mapping[str, str], where: str) -> Iterator[None]:
    """Inside, the model is loaded: what goes wrong names the libraries that are older here; where nothing does, they are logged."""
    try:
        yield
    except RunlakeError as error:
        if newer := _newer(then):
            raise InvalidModel(f"{str(error).rstrip('.')}. The model was written with {newer}.") from error
        raise
    if newer := _newer(then):
        log.warning("The model at %s was written with %s, which may not know all that it says.", where, newer)


def _newer(then: Mapping[str, str]) -> str:
    """In words; "" where none is. Between patches nothing changes that is written."""
    here = {module: str(getattr(sys.modules.get(module), "__version__", "")) for module in then}
    newer = {module: version for module, version in then.items() if _numbers(version) > _numbers(here[module]) > []}
    return " and ".join(f"{module} {version:.40}, and is read with {here[module]}" for module, version in newer.items())


def _numbers(version: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d{1,9}", version)[:2]]
