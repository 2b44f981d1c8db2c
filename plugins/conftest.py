"""The tests of plugins share what the core's tests have."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator

import pytest

import runlake
from browsing import chromium as chromium
from browsing import opened as opened
from conftest import store as store


@pytest.fixture
def runs(recorded: Callable[[], list[runlake.read.Run]]) -> Callable[[], list[runlake.read.Run]]:
    """What is recorded in a store of the test's own by the time of the call; every patch is undone at the end."""
    return recorded


@pytest.fixture(autouse=True)
def _nothing_stays_compiled() -> Iterator[None]:
    """Where PyTorch has compiled anything, no look is taken at what a model takes and gives: nor would it be in the next test."""
    yield
    compiler = sys.modules.get("torch._dynamo")
    if compiler is not None:
        compiler.reset()
