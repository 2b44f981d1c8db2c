"""The toy plugin holds what every plugin holds; the checks themselves see it where one does not."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from contract import CHECKS, Scenario


def toy(function: str, *arguments: Any) -> Any:
    """Call the toy library as it is at that moment."""
    return importlib.import_module("toylib.core").__dict__[function](*arguments)


FUNCTION = Scenario(
    plugin="toylib",
    modules=["toylib"],
    train=lambda: toy("train", "data", 4).best_round,
    patched=["toylib.core:train"],
    fail=lambda: toy("train", "bad"),
    series="loss",
)
METHOD = Scenario(
    plugin="toylib",
    modules=["toylib"],
    train=lambda: vars(toy("Estimator", 4).fit("data").model_),
    patched=["toylib.core:Estimator.fit", "toylib.core:Child.fit"],
    fail=lambda: toy("Child").fit("bad"),
)


@pytest.mark.parametrize("scenario", [FUNCTION, METHOD], ids=["function", "method"])
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_the_toy_plugin_holds(check: Callable[[Scenario, Path], None], scenario: Scenario, toylib: ModuleType, store: Path) -> None:
    """Each check passes for a function and for a method with subclasses."""
    check(scenario, store)
