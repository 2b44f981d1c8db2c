"""Programs that use Ray, each with a small Ray of its own that is gone when the program is."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from children import environment

WITH_RAY = """
import os, sys
import ray
import runlake
from ray import tune

def begin(**options):
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, configure_logging=False, _temp_dir=os.environ["TEST_RAY"], **options)
"""
Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def ray_folder() -> Iterator[Path]:
    """Where Ray puts its sockets, whose paths must be short, and its results."""
    with tempfile.TemporaryDirectory(prefix="rl") as folder:
        yield Path(folder)


@pytest.fixture(scope="session")
def run_with_ray(ray_folder: Path) -> Run:
    """Runs a program to its end."""

    def run(code: str, store: Path, **settings: str) -> subprocess.CompletedProcess[str]:
        quiet = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_DISABLE_MEMORY_MONITOR": "1", "OMP_NUM_THREADS": "1"}
        return subprocess.run(
            [sys.executable, "-c", WITH_RAY + textwrap.dedent(code)],
            env=environment(store, **(quiet | {"TEST_RAY": str(ray_folder), "RUNLAKE_JOBS": "off"} | settings)),
            capture_output=True,
            text=True,
            timeout=110,
            check=False,
        )

    return run
