"""Fixtures for pytest, which finds them where runlake is installed: a store of the test's own, a run in it, what is recorded."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:  # runlake is imported by the tests that use it
    from runlake.read import Run
    from runlake.recording.runs import ActiveRun

__all__ = ["recorded", "runlake_run", "runlake_store"]


@pytest.fixture
def runlake_store(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The path of a store that this test alone writes to; errors inside runlake are raised, no job is done, no environment noted."""
    import runlake
    from runlake import guard
    from runlake.recording import recorders

    path = tmp_path_factory.mktemp("runlake") / "lake"
    for name in ("RUN_ID", "PARENT_RUN_ID", "PLUGINS", "DISABLE", "TRACKING_URI", "EXPERIMENT", "EXPERIMENT_NAME"):
        monkeypatch.delenv(f"RUNLAKE_{name}", raising=False)
    for name, value in {"STORE": str(path), "STRICT": "1", "SILENT": "1", "JOBS": "off", "ENVIRONMENT": "0"}.items():
        monkeypatch.setenv(f"RUNLAKE_{name}", value)
    guard.set_strict(True)
    yield path
    runlake.disable_autolog()
    while runlake.active_run() is not None:
        runlake.end_run()
    recorders.stop_all()
    guard.set_strict(False)


@pytest.fixture
def runlake_run(runlake_store: Path) -> Iterator[ActiveRun]:
    """An open run in a store of the test's own."""
    import runlake

    with runlake.start_run() as run:
        yield run


@pytest.fixture
def recorded(runlake_store: Path) -> Callable[[], list[Run]]:
    """What gives the runs that are recorded by the time of the call, the first that began first; every patch is undone at the end."""

    def runs() -> list[Run]:
        import runlake

        runlake.flush()
        found = runlake.read.open_store(runlake_store).runs() if runlake_store.exists() else []
        return sorted(found, key=lambda run: run.info.run_id)

    return runs
