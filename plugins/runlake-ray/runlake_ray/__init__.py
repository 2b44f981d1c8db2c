"""Record what Ray spreads over processes and machines: sweeps of Ray Tune trial by trial, and trainings of Ray Train.

sweeping     `tune.run`, which every `Tuner.fit` comes through
listening    the callback that hears of every trial and of every result
joining      what is done in the processes that Ray trains in
demonstration what `runlake demo` trains
training     `fit` of the trainers, and the callback that hears what their workers report
values       settings and results, as params and metrics
"""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, Any

from runlake import Patch, hookimpl

if TYPE_CHECKING:
    from runlake import Call


@hookimpl
def patches() -> list[Patch]:
    """Where a sweep, or a training, begins in the program that asks for it."""
    trainer = "ray.train.v2.api.data_parallel_trainer:DataParallelTrainer"
    return [
        Patch("ray.tune.tune:run", capture_sweep, why="the function that runs all trials, where Tune takes callbacks"),
        Patch(f"{trainer}.fit", capture_training, why="the method that trains"),
        Patch(
            f"{trainer}._initialize_and_run_controller",
            capture_controller,
            why="what the process that looks after the workers is begun with: no list of callbacks is left to the caller alone",
            role="inside",
        ),
    ]


def capture_sweep(call: Call) -> Generator[None, Any, None] | None:
    """A sweep."""
    from runlake_ray.sweeping import capture_sweep

    return capture_sweep(call)


def capture_training(call: Call) -> Generator[None, Any, None]:
    """A training in several processes."""
    from runlake_ray.training import capture_training

    return capture_training(call)


def capture_controller(call: Call) -> Generator[None, Any, None]:
    """What looks after the workers of a training."""
    from runlake_ray.training import let_workers_join

    return let_workers_join(call)


def demo() -> None:
    """For `runlake demo`: a sweep of three trials."""
    from runlake_ray.demonstration import sweep

    sweep()
