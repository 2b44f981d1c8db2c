"""The tests of plugins share what the core's tests have."""

from __future__ import annotations

from collections.abc import Callable

import pytest

import runlake
from conftest import store as store


@pytest.fixture
def runs(recorded: Callable[[], list[runlake.read.Run]]) -> Callable[[], list[runlake.read.Run]]:
    """What is recorded in a store of the test's own by the time of the call; every patch is undone at the end."""
    return recorded
