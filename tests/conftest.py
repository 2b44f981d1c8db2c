"""What every test shares: a store of its own, and the rule for what a machine may lack."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

import runlake
from runlake.recording import recorders


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The path of a store that this test alone writes to; errors inside runlake are raised."""
    path = tmp_path / "lake"
    monkeypatch.setenv("RUNLAKE_STORE", str(path))
    monkeypatch.setenv("RUNLAKE_STRICT", "1")
    monkeypatch.setenv("RUNLAKE_SILENT", "1")
    monkeypatch.setenv("RUNLAKE_ENVIRONMENT", "0")  # what a run ran on is the same for all, and would stand in each comparison
    yield path
    while runlake.active_run() is not None:
        runlake.end_run()
    recorders.stop_all()


@pytest.fixture
def as_root() -> None:
    """The test mounts or becomes another user, which root alone may."""
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        lacking("root")


def lacking(what: str) -> None:
    """Skip for want of something, or fail where RUNLAKE_TESTS_REQUIRE says that it is there."""
    required = os.environ.get("RUNLAKE_TESTS_REQUIRE", "").split(",")
    if what in required:
        pytest.fail(f"this test needs {what}, which RUNLAKE_TESTS_REQUIRE promises")
    pytest.skip(f"needs {what}")
