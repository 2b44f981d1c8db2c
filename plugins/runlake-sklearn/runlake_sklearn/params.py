"""What an estimator is and how it is set, as people read it."""

from __future__ import annotations

from typing import Any

from sklearn.utils import get_tags

from runlake_sklearn.quiet import nothing_left_behind

__all__ = ["innermost", "is_kind_of", "path_of", "readable", "settings_of", "tags_of"]


def settings_of(estimator: Any) -> dict[str, Any]:
    """Every setting, those of inner estimators by `step__setting`."""
    with nothing_left_behind(estimator):
        # As texts already: some estimators draw from the program's generator when they are asked how they are set, to print themselves.
        return {str(key): _said(readable(value)) for key, value in _params_of(estimator).items()}


def _params_of(estimator: Any) -> dict[str, Any]:
    """Without those of what is inside, where that only looks as if it had any, or holds the estimator itself."""
    try:
        return dict(estimator.get_params(deep=True))
    except (TypeError, ValueError, AttributeError, RuntimeError):
        return dict(estimator.get_params(deep=False))


def _said(value: Any) -> Any:
    is_estimator = hasattr(type(value), "get_params")
    # By their types, which some say other things of.
    return (
        str(value) if is_estimator or (issubclass(type(value), (list, tuple)) and any(isinstance(item, tuple) for item in value)) else value
    )


def tags_of(estimator: Any) -> dict[str, str]:
    """Its class, and which kind of estimator it says it is."""
    tags = {"estimator_name": type(estimator).__name__, "estimator_class": path_of(type(estimator))}
    kind = get_tags(estimator).estimator_type
    return tags if kind is None else {**tags, "estimator_type": kind}


def innermost(estimator: Any, *, once: bool = False) -> Any:
    """The estimator that learns: of a search the best one, of a pipeline the last step; `once` goes one step inside."""
    for _ in range(1 if once else 10):
        inner = getattr(estimator, "best_estimator_", None)
        steps = getattr(estimator, "steps", None)
        if inner is None and isinstance(steps, list) and steps:
            inner = steps[-1][1]
        if inner is None or isinstance(inner, str):
            break
        estimator = inner
    return estimator


def is_kind_of(estimator: Any, path: str) -> bool:
    """Whether its class derives from the one that is defined there, which need not be imported for that."""
    return any(path_of(kind) == path for kind in type(estimator).__mro__)


def readable(value: Any) -> Any:
    """A function or class by its name, which is the same in every process; anything else as it is."""
    if issubclass(type(value), type) or (callable(value) and hasattr(value, "__qualname__") and hasattr(value, "__module__")):
        return path_of(value)
    return value


def path_of(named: Any) -> str:
    """Where it is defined, and its name."""
    return f"{named.__module__}.{named.__qualname__}"
