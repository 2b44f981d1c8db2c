"""What the engine's tests share: the toy library, and plugins for it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from types import ModuleType

import pytest

from runlake import guard
from toys import installed, toylib_installed, write_plugin

Install = Callable[..., None]


@pytest.fixture
def toylib(store: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """The toy library with its plugin installed; errors inside runlake are raised."""
    monkeypatch.setenv("RUNLAKE_JOBS", "off")
    guard.set_strict(True)
    finders = list(sys.meta_path)
    with toylib_installed() as library:
        yield library
    assert sys.meta_path == finders


@pytest.fixture
def lenient(toylib: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """Errors inside runlake are kept from the program, as users have it."""
    monkeypatch.setenv("RUNLAKE_STRICT", "0")
    guard.set_strict(False)


@pytest.fixture
def install(toylib: ModuleType, tmp_path: Path) -> Iterator[Install]:
    """Installs another plugin: `install(name, code)`."""
    with ExitStack() as stack:

        def add(name: str, code: str, *, tested_from: str = "3.0") -> None:
            stack.enter_context(installed(write_plugin(tmp_path / f"site_{name}", name, code, tested_from=tested_from)))

        yield add
