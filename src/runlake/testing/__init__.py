"""For authors of plugins: what every plugin holds, as checks of one training, and fixtures for pytest.

scenario     one training with the library, as the author describes it
kit          the checks by name, as tests
enabling     programs that enable the plugin in every order
recorded     what is recorded: once, in every thread, in a forked child
harmless     the training is what it is without
saving       a saved model says the same when it is loaded
failing      exceptions, interrupts, and stores that cannot be written
leaving      nothing is left when it is over
documented   targets that are there, reasons, options
calls, programs, planting      what the checks are made with
fixtures     for pytest, which finds them by itself
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from runlake.testing.kit import check_names, parametrize_with_plugin_checks
    from runlake.testing.scenario import Scenario

__all__ = ["Scenario", "check_names", "parametrize_with_plugin_checks"]

_HOMES = {"Scenario": "scenario", "check_names": "kit", "parametrize_with_plugin_checks": "kit"}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:  # every run of pytest imports this package: nothing is loaded before it is used
        raise AttributeError(f"module 'runlake.testing' has no attribute {name!r}")
    return getattr(importlib.import_module(f"runlake.testing.{_HOMES[name]}"), name)
