"""A warning of a library names the line that it named without us, whatever is captured."""

from __future__ import annotations

import asyncio
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import runlake
from children import run_program
from toys import LIBRARY, path_setting, probe_of, write_plugin

Install = Callable[..., None]

LIBRARY_CODE = """
import functools, warnings

def warn(level):
    warnings.warn("said of its caller", DeprecationWarning, stacklevel=level + 1)

def function(level):
    warn(level)

def decorated(inner):
    @functools.wraps(inner)
    def outer(level):
        return inner(level + 1)
    return outer

@decorated
def inside(level):
    warn(level)

async def coroutine(level):
    warn(level)

def generator(level):
    warn(level)
    yield

class Estimator:
    level = 2

    def method(self, level):
        warn(level)

    @classmethod
    def of_class(cls, level):
        warn(level)

    @property
    def prop(self):
        warn(self.level)

    def __init_subclass__(cls):
        warn(2)
"""


def make_class(module: ModuleType, level: int) -> None:
    """Derive from the library's class."""
    type("Made", (module.Estimator,), {"fit": print})


def read_property(module: ModuleType, level: int) -> None:
    """Ask for what a property gives."""
    made = module.Estimator()
    made.level = level
    made.prop  # noqa: B018  # it is asked for what it warns of


CALLS: dict[str, Callable[[ModuleType, int], Any]] = {
    "function": lambda module, level: module.function(level),
    "inside": lambda module, level: module.inside(level),
    "coroutine": lambda module, level: asyncio.run(module.coroutine(level)),
    "generator": lambda module, level: list(module.generator(level)),
    "Estimator.method": lambda module, level: module.Estimator().method(level),
    "Estimator.of_class": lambda module, level: module.Estimator.of_class(level),
    "Estimator.prop": read_property,
    "Estimator.fit": make_class,
}


@pytest.fixture
def warner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """A library that warns of its caller, or of whoever called that."""
    (tmp_path / "warner.py").write_text(LIBRARY_CODE)
    monkeypatch.syspath_prepend(str(tmp_path))
    import warner  # type: ignore[import-not-found]  # it was made just now

    warner.Estimator.fit = lambda self: self
    yield warner
    del sys.modules["warner"]


def said(call: Callable[[ModuleType, int], Any], warner: ModuleType, level: int) -> list[tuple[str, int]]:
    """Which lines the warnings concern."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        call(warner, level)
    return [(warning.filename, warning.lineno) for warning in caught if "said of its caller" in str(warning.message)]


@pytest.mark.parametrize("level", [1, 2, 3])
@pytest.mark.parametrize("target", CALLS)
def test_a_warning_concerns_the_line_that_it_concerned_without_us(
    target: str, level: int, warner: ModuleType, install: Install, store: Path
) -> None:
    """The line itself, its caller, and whoever called that."""
    bare = said(CALLS[target], warner, level)

    install("probe", probe_of(f"warner:{target}", subclasses=target == "Estimator.fit"))
    runlake.autolog("probe")
    watched = said(CALLS[target], warner, level)

    assert len(bare) == 1
    assert watched == bare


def test_what_python_shows_of_the_main_program_alone_is_shown(tmp_path: Path, store: Path) -> None:
    """A DeprecationWarning is shown where it concerns the program, and once for each of its lines."""
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "warner.py").write_text(LIBRARY_CODE)
    write_plugin(tmp_path / "plugin", "probe", probe_of("warner:function"))
    program = "import runlake, warner\nrunlake.autolog('probe')\nfor _ in range(2):\n    warner.function(2)\n    warner.function(2)\n"

    done = run_program(program, store, PYTHONPATH=path_setting(LIBRARY, tmp_path / "site", tmp_path / "plugin"))

    assert [line for line in done.stderr.splitlines() if line] == [
        "<string>:4: DeprecationWarning: said of its caller",
        "<string>:5: DeprecationWarning: said of its caller",
    ]
