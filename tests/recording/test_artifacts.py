"""Dictionaries, figures, images and tables come back; names stay inside; copies go where they are asked to."""

from __future__ import annotations

import json
import os
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import runlake
from runlake.entities import Dataset
from runlake.errors import InvalidValue, RunlakeError
from runlake.recording.artifact_names import checked_name


class Figure:
    """What a plotting library's figure can do."""

    def savefig(self, sink: Any, **options: Any) -> None:
        """Draw."""
        sink.write(json.dumps(options).encode())


def content(run: runlake.ActiveRun, name: str) -> bytes:
    """What the run keeps under this name."""
    return runlake.get_run(run.run_id).read_artifact(name)


def test_documents_are_written_as_their_names_ask(store: Path) -> None:
    """JSON, and the figure's own format."""
    with runlake.start_run() as run:
        runlake.log_dict({"a": np.float64(0.5), "b": [1, None]}, "config/a.json")
        runlake.log_figure(Figure(), "plots/loss.svg", save_kwargs={"dpi": 80})

    assert json.loads(content(run, "config/a.json")) == {"a": 0.5, "b": [1, None]}
    assert json.loads(content(run, "plots/loss.svg")) == {"format": "svg", "dpi": 80}


def pixels_of(png: bytes) -> np.ndarray:
    """Read back a PNG of eight bits a channel whose lines are not filtered."""
    width, height, depth, colour = struct.unpack(">IIBB", png[16:26])
    channels = {0: 1, 4: 2, 2: 3, 6: 4}[colour]
    start = png.index(b"IDAT") + 4
    size = struct.unpack(">I", png[start - 8 : start - 4])[0]
    lines = np.frombuffer(zlib.decompress(png[start : start + size]), np.uint8).reshape(height, 1 + width * channels)
    assert (depth, set(lines[:, 0])) == (8, {0})
    return lines[:, 1:].reshape(height, width, channels)


@pytest.mark.parametrize("shape", [(3, 5), (3, 5, 1), (3, 5, 2), (3, 5, 3), (3, 5, 4)])
def test_an_array_becomes_a_picture_of_the_same_pixels(store: Path, shape: tuple[int, ...]) -> None:
    """Grey and colour, with and without transparency; floats from 0 to 1 and booleans too."""
    image = np.random.default_rng(3).integers(0, 256, shape, np.uint8)
    with runlake.start_run() as run:
        runlake.log_image(image, "a.png")
        runlake.log_image(image / 255, "b.png")
        runlake.log_image(image > 127, key="mask", step=2)

    expected = image.reshape(3, 5, -1)
    assert np.array_equal(pixels_of(content(run, "a.png")), expected)
    assert np.array_equal(pixels_of(content(run, "b.png")), expected)
    assert np.array_equal(pixels_of(content(run, "images/mask/step-00000002.png")), (expected > 127) * 255)


@pytest.mark.parametrize(
    "image", [np.zeros((2, 2, 5)), np.zeros(4), np.full((2, 2), 1.5), np.full((2, 2), 300), "a picture", np.zeros((0, 2))]
)
def test_what_is_no_picture_is_refused(store: Path, image: Any) -> None:
    """And nothing is kept."""
    with runlake.start_run() as run, pytest.raises(runlake.InvalidValue):
        runlake.log_image(image, "a.png")

    assert runlake.get_run(run.run_id).artifacts == {}


def test_rows_of_a_table_go_below_the_earlier_ones(store: Path) -> None:
    """Also after the run was resumed; a new column is empty above."""
    with runlake.start_run() as run:
        runlake.log_table({"a": [1, 2], "b": ["x", "y"]}, "t.json")
        runlake.log_table({"a": 3, "b": "z"}, "t.json")
    with runlake.start_run(run_id=run.run_id):
        runlake.log_table({"a": [4], "c": [True]}, "t.json")
        with pytest.raises(runlake.InvalidValue, match="one length"):
            runlake.log_table({"a": [1, 2], "b": [1]}, "t.json")

    assert json.loads(content(run, "t.json")) == {
        "columns": ["a", "b", "c"],
        "data": [[1, "x", None], [2, "y", None], [3, "z", None], [4, None, True]],
    }


def test_artifacts_are_listed_a_level_at_a_time_and_copied_out(store: Path, tmp_path: Path) -> None:
    """By id and by URI, the tutorials' path too."""
    with runlake.start_run() as run:
        runlake.log_text("one", "a/one.txt")
        runlake.log_text("two", "a/b/two.txt")
        uri = runlake.get_artifact_uri("a")
    copied = Path(runlake.artifacts.download_artifacts(uri, dst_path=tmp_path / "copy"))
    single = Path(runlake.artifacts.download_artifacts(f"./mlruns/0/{run.run_id}/artifacts/a/one.txt"))

    assert [(f.path, f.is_dir, f.file_size) for f in runlake.list_artifacts(run_id=run.run_id)] == [("a", True, None)]
    assert [(f.path, f.is_dir, f.file_size) for f in runlake.list_artifacts(uri)] == [("a/b", True, None), ("a/one.txt", False, 3)]
    assert {path.relative_to(copied).as_posix(): path.read_text() for path in copied.rglob("*.txt")} == {
        "one.txt": "one",
        "b/two.txt": "two",
    }
    assert (single.read_text(), runlake.artifacts.load_text(f"runs:/{run.run_id}/a/one.txt")) == ("one", "one")
    with pytest.raises(runlake.UnknownArtifact, match="'gone'"):
        runlake.artifacts.download_artifacts(run_id=run.run_id, artifact_path="gone")


@given(st.text(max_size=40) | st.sampled_from(["../x", "/etc/passwd", "a/../../b", "C:\\x", "nul.txt", "a/.", "a ", "\ud800"]))
def test_no_name_leads_out_of_a_folder(name: str) -> None:
    """Whatever is accepted stays below where it is joined to."""
    try:
        accepted = checked_name(name)
    except InvalidValue:
        return

    assert not accepted.is_absolute()
    assert not {"..", ".", ""} & set(accepted.parts)
    assert Path("/store", *accepted.parts).is_relative_to("/store")


def test_a_data_set_is_named_with_its_digest_and_its_use(store: Path) -> None:
    """The digest is the same for equal data and another for other data."""
    rows = np.arange(12.0).reshape(4, 3)
    dataset = runlake.data.from_numpy(rows, source="https://example.org/rows.csv", name="rows", targets=np.arange(4))
    with runlake.start_run() as run:
        runlake.log_input(dataset, context="training", tags={"part": 1})
        with pytest.raises(runlake.InvalidValue, match="from_pandas"):
            runlake.log_input(rows)  # type: ignore[arg-type]  # that it is wrong is the point
    (used,) = runlake.get_run(run.run_id).inputs.dataset_inputs

    assert (used.dataset, {tag.key: tag.value for tag in used.tags}) == (dataset, {"mlflow.data.context": "training", "part": "1"})
    assert isinstance(dataset, Dataset)
    assert json.loads(dataset.profile) == {"num_rows": 4, "num_elements": 8}
    assert dataset.source_type == "http"
    assert runlake.data.from_numpy(rows.copy()).digest == runlake.data.from_numpy(rows).digest != runlake.data.from_numpy(rows + 1).digest


def test_two_artifacts_that_are_one_file_there_are_not_copied_over_each_other(store: Path, tmp_path: Path) -> None:
    """As on a disk that tells no upper case from lower: the second is refused, by name."""
    with runlake.start_run() as run:
        runlake.log_text("small", "a.txt")
        runlake.log_text("large", "A.txt")
    runlake.flush()
    target = tmp_path / "copies"
    target.mkdir()
    (target / "A.txt").touch()
    os.link(target / "A.txt", target / "a.txt")

    with pytest.raises(RunlakeError, match=r"'a.txt' and 'A.txt' are one file in .*/copies, which tells no upper case from lower"):
        runlake.artifacts.download_artifacts(run_id=run.run_id, dst_path=target)
    assert (target / "A.txt").read_text() == "large"
