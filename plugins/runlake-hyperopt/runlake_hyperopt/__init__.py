"""Record the searches of hyperopt: a run for each `fmin`, and one inside it for each evaluation.

searches   one `fmin`, and all that is evaluated in it
points     the params of a point, however nested the space is
"""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, Any

from runlake import Patch, hookimpl

if TYPE_CHECKING:
    from runlake import Call


@hookimpl
def patches() -> list[Patch]:
    """`Trials.fmin` calls `fmin`, and `fmin` calls that of the trials that it is given."""
    which = "the objective is not told which evaluation it is called for"
    return [
        Patch("hyperopt.fmin:fmin", capture_fmin, why="it evaluates the objective until it is told to stop"),
        Patch("hyperopt.base:Domain.evaluate", glance_at_evaluation, why=which, role="glance"),
    ]


def capture_fmin(call: Call) -> Generator[None, Any, None] | None:
    """A call of `fmin`."""
    if call.owner is not None:
        return None
    from runlake_hyperopt.searches import capture_fmin

    return capture_fmin(call)


def glance_at_evaluation(args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """Which evaluation begins in this thread."""
    from runlake_hyperopt.searches import glance_at_evaluation

    glance_at_evaluation(args, kwargs)


def demo() -> None:
    """For `runlake demo`: a space with a choice in it."""
    import hyperopt
    import numpy as np

    def objective(point: dict[str, Any]) -> dict[str, Any]:
        kind = point["kind"]
        return {"loss": (point["x"] - 1) ** 2 + kind.get("width", 2.0), "status": hyperopt.STATUS_OK}

    kinds = [{"name": "narrow", "width": hyperopt.hp.uniform("width", 0, 1)}, {"name": "wide"}]
    space = {"x": hyperopt.hp.uniform("x", -2, 2), "kind": hyperopt.hp.choice("kind", kinds)}
    hyperopt.fmin(objective, space, algo=hyperopt.rand.suggest, max_evals=6, rstate=np.random.default_rng(0), verbose=False)
