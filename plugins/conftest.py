"""The tests of plugins share what the core's tests have."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import runlake
from conftest import store as store


@pytest.fixture
def runs(store: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], list[runlake.read.Run]]]:
    """What is recorded in a store of the test's own by the time of the call; every patch is undone at the end."""
    monkeypatch.setenv("RUNLAKE_JOBS", "off")

    def recorded() -> list[runlake.read.Run]:
        runlake.flush()
        return list(runlake.read.open_store(store).runs()) if store.exists() else []

    yield recorded
    runlake.disable_autolog()
