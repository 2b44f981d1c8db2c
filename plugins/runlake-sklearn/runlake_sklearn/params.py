"""The settings of an estimator as people read them."""

from __future__ import annotations

from typing import Any

__all__ = ["path_of", "readable", "settings_of"]


def settings_of(estimator: Any) -> dict[str, Any]:
    """Every setting, those of inner estimators by `step__setting`."""
    return {key: readable(value) for key, value in estimator.get_params(deep=True).items()}


def readable(value: Any) -> Any:
    """A function or class by its name, which is the same in every process; anything else as it is."""
    if isinstance(value, type) or (callable(value) and hasattr(value, "__qualname__") and hasattr(value, "__module__")):
        return path_of(value)
    return value


def path_of(named: Any) -> str:
    """Where it is defined, and its name."""
    return f"{named.__module__}.{named.__qualname__}"
