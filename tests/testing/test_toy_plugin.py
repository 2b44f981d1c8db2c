"""The toy plugin holds what every plugin holds, for a function and for a method with subclasses."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from runlake.testing import Scenario, parametrize_with_plugin_checks
from toys import toylib_installed


def toy(function: str, *arguments: Any) -> Any:
    """Call the toy library as it is at that moment."""
    return importlib.import_module("toylib.core").__dict__[function](*arguments)


SCENARIOS = {
    "function": Scenario(
        train=lambda data, callbacks: toy("train", data, 4, callbacks),
        data=lambda: ([1, 2], []),
        told_by=lambda model: model.best_round,
        fail=lambda: toy("train", "bad"),
        series="loss",
        program="from toylib import train\nprint(train('data', 4).best_round)",
    ),
    "method": Scenario(
        train=lambda data: toy("Estimator", 4).fit(data),
        data=lambda: ([1, 2],),
        told_by=lambda estimator: vars(estimator.model_),
        fail=lambda: toy("Child").fit("bad"),
        program="import toylib\nprint(toylib.Child(4).fit('data').model_.best_round)",
        patched=["toylib.core:Estimator.fit", "toylib.core:Child.fit"],
    ),
}


@pytest.fixture(autouse=True)
def toylib(runlake_store: object) -> Iterator[None]:
    """The toy library with its plugin installed."""
    with toylib_installed():
        yield


@parametrize_with_plugin_checks("toylib", SCENARIOS)
def test_the_toy_plugin_holds(check: Callable[[], None]) -> None:
    """Each check passes."""
    check()
