"""The checks by name, as tests of a plugin."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from runlake.errors import InvalidValue
from runlake.testing import documented, enabling, failing, harmless, leaving, recorded, saving
from runlake.testing.scenario import Scenario, Trial

__all__ = ["check_names", "parametrize_with_plugin_checks", "run_check"]

_FAMILIES = (documented, enabling, recorded, harmless, saving, failing, leaving)
_CHECKS: dict[str, Callable[[Trial], None]] = {name: getattr(family, name) for family in _FAMILIES for name in family.__all__}


def check_names() -> list[str]:
    """The name of every check, as it stands in `expected_failed_checks` and in the names of tests."""
    return list(_CHECKS)


def parametrize_with_plugin_checks(
    plugin: str,
    scenario: Scenario | Mapping[str, Scenario],
    expected_failed_checks: Mapping[str, str] | None = None,
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Have a test be run once for each check of what every plugin holds, and for each scenario where there are several, by name.

        @parametrize_with_plugin_checks("statistics", Scenario(train=fit_line))
        def test_plugin(check):
            check()

    A check that the plugin is known to fail is declared with the reason; if it passes after all, that is a failure. Of several scenarios
    it is one's own as `"<scenario>-<check>"`. A check that needs what the scenario does not have is skipped. Each check has a store of its
    own, the fixture `runlake_store`.
    """
    known = dict(expected_failed_checks or {})
    scenarios = {"": scenario} if isinstance(scenario, Scenario) else scenario
    params = []
    for title, each in scenarios.items():
        for name in _CHECKS:
            test_id = f"{title}-{name}" if title else name
            reason = known.get(test_id, known.get(name))
            marks = [pytest.mark.xfail(reason=reason, strict=True)] if reason else []
            params.append(pytest.param(functools.partial(run_check, name, plugin, each), id=test_id, marks=marks))
    unknown = known.keys() - _CHECKS.keys() - {str(param.id) for param in params}
    if unknown:
        raise InvalidValue(f"There is no check {', '.join(sorted(unknown))}; there is {', '.join(_CHECKS)}.")

    def decorated(test: Callable[..., Any]) -> Callable[..., Any]:
        for mark in (pytest.mark.parametrize("check", params), pytest.mark.usefixtures("runlake_store")):
            test = mark(test)
        return test

    return decorated


def run_check(name: str, plugin: str, scenario: Scenario) -> None:
    """One check, in the store that the settings name: raises AssertionError where the plugin fails it.

    A plugin that cannot be used, or a target that is not there, fails each check with the same line, and not with what comes of it.
    """
    trial = Trial(plugin, scenario)
    trial.require()
    _CHECKS[name](trial)
