"""A published store and a cache folder of the test's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from caches import NAMES, add
from runlake.read.search import cache, chunks
from runlake.store.layout import Layout, create
from runlake.store.publish import publish
from written_runs import WrittenRun


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of caches; chunks are of five runs, and of what few of them have there is a list."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "runtime"))
    monkeypatch.setenv("RUNLAKE_JOBS", "off")
    monkeypatch.setattr(cache, "CHUNK", 5)
    monkeypatch.setattr(chunks, "RARE", 3)
    return tmp_path / "home"


@pytest.fixture
def layout(tmp_path: Path, home: Path) -> Layout:
    """A published store of twelve runs, of which the last has not ended, though its process has."""
    layout = create(tmp_path / "lake")
    add(layout, *(WrittenRun(name, {"n": place}, {"loss": [place, -place]}, {"team": "x"}) for place, name in enumerate(NAMES[:-1])))
    add(layout, WrittenRun(NAMES[-1], {"n": 11}, {"loss": [11]}, {"team": "x"}, status="RUNNING", seconds=None))
    publish(layout)
    return layout
