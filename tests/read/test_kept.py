"""Opening what a run keeps: the bytes, of a large file without reading all of it, and never another file's."""

from __future__ import annotations

from pathlib import Path

import pytest

import runlake
from runlake.read import open_artifact
from runlake.read.kept import VERIFIED


@pytest.mark.parametrize("size", [0, 10, VERIFIED + 1])
def test_what_a_run_keeps_is_opened(store: Path, tmp_path: Path, size: int) -> None:
    """However large it is."""
    (tmp_path / "file").write_bytes(b"x" * size)
    with runlake.start_run() as run:
        runlake.log_artifact(tmp_path / "file")

    with open_artifact(runlake.read.open_store(store).run(run.run_id), "file") as file:
        assert file.read() == b"x" * size


def test_what_is_damaged_or_not_kept_is_not_opened(store: Path) -> None:
    """The error says which it is."""
    with runlake.start_run() as run:
        runlake.log_text("text", "file")
    found = runlake.read.open_store(store).run(run.run_id)

    with pytest.raises(runlake.UnknownArtifact, match="keeps nothing named 'other'"):
        open_artifact(found, "other")
    found._state.artifacts["file"] = ("../../../../../../etc/passwd", 4)
    with pytest.raises(runlake.StoreError, match="is no hash"):
        open_artifact(found, "file")
