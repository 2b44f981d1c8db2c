"""What every plugin holds, with a sweep of one trial."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import ray
from ray import tune

from raying import ray_folder as ray_folder
from runlake.testing import Scenario, parametrize_with_plugin_checks

pytestmark = [pytest.mark.long, pytest.mark.timeout(300)]


@pytest.fixture(scope="module", autouse=True)
def _with_ray(ray_folder: Path) -> Iterator[None]:
    quiet = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_DISABLE_MEMORY_MONITOR": "1", "TEST_RAY": str(ray_folder)}
    before = {name: os.environ.get(name) for name in quiet}
    os.environ.update(quiet)
    ray.init(num_cpus=1, include_dashboard=False, log_to_driver=False, configure_logging=False, _temp_dir=str(ray_folder))
    yield
    ray.shutdown()
    for name, value in before.items():
        os.environ.pop(name) if value is None else os.environ.update({name: value})


def tried(config: dict[str, Any]) -> None:
    """Reports twice."""
    if config["x"] > 8:
        raise ValueError("no good")
    for number in (1, 2):
        tune.report({"score": config["x"] * number})


def sweep(config: dict[str, Any]) -> Any:
    """One trial; gives what Ray knows of it in the end."""
    told: dict[str, Any] = {"metric": "score", "mode": "max", "name": "kit", "verbose": 0, "storage_path": os.environ["TEST_RAY"]}
    results = tune.run(tried, config=config, trial_name_creator=lambda trial: "trial", **told)
    return {"config": results.best_config, "score": results.best_result["score"]}


SCENARIO = Scenario(
    train=sweep,
    data=lambda: ({"x": 3},),
    fail=lambda: sweep({"x": 9}),
    runs=2,
    seconds=2.0,
)


EXPECTED = {
    "nothing_is_said": "Ray prints when it began, and where its results are",
    "two_trainings_at_once_are_two_complete_runs": "Ray runs one sweep at a time: the threads change one dictionary of its own",
}


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")  # as Ray has it of the second
@parametrize_with_plugin_checks("ray", SCENARIO, expected_failed_checks=EXPECTED)
def test_the_plugin_holds_what_every_plugin_does(check: Callable[[], None]) -> None:
    """A trial is done in a process of Ray's, so the checks of one process say less here than elsewhere."""
    check()
