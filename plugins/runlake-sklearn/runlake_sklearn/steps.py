"""How long each step of a pipeline took to fit, by what the step is called in the pipeline."""

from __future__ import annotations

import time
from collections.abc import Generator
from typing import Any

from runlake import Call

__all__ = ["capture_step", "expect_steps", "is_step", "seconds_of_steps"]

_STEPS = "sklearn.steps"  # by the estimator's id its name, as it is fitted where it stands
_SECONDS = "sklearn.seconds"


def expect_steps(noted: dict[str, Any], estimator: Any) -> None:
    """Remember which estimators are the steps, if it has any. A pipeline that caches fits copies of them, which are not timed."""
    steps = getattr(estimator, "steps", None)
    if isinstance(steps, list) and hasattr(estimator, "named_steps"):
        noted[_STEPS] = {id(step): name for name, step in steps if hasattr(step, "fit")}


def is_step(noted: dict[str, Any], estimator: Any) -> bool:
    """Whether it is a step of the pipeline that is being fitted."""
    return id(estimator) in noted.get(_STEPS, ())


def capture_step(call: Call) -> Generator[None, Any, None]:
    """One step; `fit_transform` may call `fit`, which is within it."""
    name = call.noted[_STEPS].pop(id(call.instance))
    began = time.perf_counter()
    yield
    call.noted.setdefault(_SECONDS, {})[name] = time.perf_counter() - began


def seconds_of_steps(noted: dict[str, Any]) -> dict[str, float]:
    """As metrics, in the order of the steps."""
    noted.pop(_STEPS, None)
    return {f"fit_seconds/{name}": seconds for name, seconds in noted.pop(_SECONDS, {}).items()}
