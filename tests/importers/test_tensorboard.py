"""`runlake import tensorboard`: every scalar comes, as TensorBoard's own reader finds it without leaving any out."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from children import environment
from imported_runs import import_runs, imported, runs_of
from runlake.cli.stores import experiments_of
from runlake.errors import InvalidValue
from runlake.importers import event_files
from runlake.importers.event_files import records
from runlake.store.check.whole import check_store
from runlake.store.layout import Layout

pytest.importorskip("tensorboard")

from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary, SummaryMetadata
from tensorboard.summary.writer.event_file_writer import EventFileWriter
from tensorboard.util.tensor_util import make_tensor_proto

CUT = "!event files that are read up to where they are broken"
WITH_A_WRITER = """
import sys, warnings
warnings.simplefilter("ignore")
import numpy as np
from torch.utils.tensorboard import SummaryWriter

with SummaryWriter(sys.argv[1]) as writer:
    for step in range(30):
        writer.add_scalar("loss/train", 1 / (step + 1), step)
        writer.add_scalar("new/größe", step / 7, step, new_style=True)
    writer.add_scalars("both", {"a": 1.0, "b": 2.0}, 3)
    writer.add_histogram("weights", np.arange(10.0), 0)
    writer.add_image("picture", np.zeros((3, 8, 8), np.uint8), 0)
    writer.add_text("note", "hello", 0)
    writer.add_hparams({"lr": 0.1, "layers": 3, "optimizer": "adam"}, {"score": 0.5}, run_name="tried")
"""


def scalar(tag: str, value: float, step: int, wall: float, *, as_tensor: bool = False, dtype: Any = np.float32) -> Event:
    """One value, in the older form or the newer."""
    if as_tensor:
        plugin = SummaryMetadata(plugin_data=SummaryMetadata.PluginData(plugin_name="scalars"))
        written = Summary.Value(tag=tag, tensor=make_tensor_proto(np.array(value, dtype)), metadata=plugin)
    else:
        written = Summary.Value(tag=tag, simple_value=value)
    return Event(wall_time=wall, step=step, summary=Summary(value=[written]))


def write_events(folder: Path, events: list[Event], suffix: str = "") -> Path:
    """A file of these events."""
    before = set(folder.glob("*")) if folder.exists() else set()
    writer = EventFileWriter(str(folder), filename_suffix=suffix)
    for event in events:
        writer.add_event(event)
    writer.close()
    (path,) = set(folder.glob("*")) - before
    return path


def some_events(n: int = 100) -> list[Event]:
    """Two series, one of each form."""
    events = [scalar("loss", 1 / (step + 1), step, 1.7e9 + step / 4) for step in range(n)]
    return [*events, *(scalar("acc", step / n, step - 5, 1.7e9 + step / 3, as_tensor=True, dtype=np.float64) for step in range(n))]


def points(store: Path) -> dict[str, dict[str, list[tuple[int, int, str]]]]:
    """Each run's series, with times in nanoseconds."""
    return {
        name: {
            key: [(row["step"], row["wall_ns"], repr(row["value"])) for row in series.to_arrow().to_pylist()]
            for key, series in run.metrics.items()
        }
        for name, run in runs_of(store).items()
    }


def as_tensorboard_reads(folder: Path) -> dict[str, list[tuple[int, int, str]]]:
    """The same by its reader, which is told to leave nothing out."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    read = EventAccumulator(str(folder), size_guidance={"tensors": 0, "scalars": 0}, purge_orphaned_data=False).Reload()
    found = {
        tag: [(each.step, round(each.wall_time * 1e9), repr(float(each.tensor_proto.float_val[0]))) for each in read.Tensors(tag)]
        for tag in read.Tags()["tensors"]
        if read.SummaryMetadata(tag).plugin_data.plugin_name == "scalars" and not tag.startswith("acc")
    }
    found |= {
        tag: [(each.step, round(each.wall_time * 1e9), repr(each.value)) for each in read.Scalars(tag)] for tag in read.Tags()["scalars"]
    }
    return found


def test_what_a_summary_writer_wrote_is_what_tensorboard_reads(tmp_path: Path) -> None:
    """Scalars of both forms, a run for each folder, hyperparameters; pictures and the like are counted."""
    logs, store = tmp_path / "my logs", tmp_path / "lake"
    subprocess.run([sys.executable, "-c", WITH_A_WRITER, str(logs)], env=environment(store), check=True, capture_output=True, timeout=100)
    said = [import_runs(store, "tensorboard", logs) for _ in range(2)]
    found = points(store)

    folders = {"my logs": logs, **{name: logs / name for name in ("both_a", "both_b", "tried")}}
    assert found == {name: as_tensorboard_reads(folder) for name, folder in folders.items()}
    assert (len(found["my logs"]), len(found["my logs"]["new/größe"])) == (2, 30)
    assert runs_of(store)["tried"].params == {"lr": 0.1, "layers": 3, "optimizer": "adam"}
    assert said[0]["remarks"] == said[1]["remarks"] == {"histograms": 1, "images": 1, "text": 1}
    assert (said[0]["new"]["runs"], set(said[1]["new"].values())) == (4, {0})
    assert [each.name for each in experiments_of(store)] == ["Default", "my logs"]


def test_times_steps_and_the_span_of_the_run_are_those_of_the_events(tmp_path: Path) -> None:
    """The run has ended with its last event; with more of them it is brought up to date."""
    logs, store = tmp_path / "logs", tmp_path / "lake"
    write_events(logs / "a", some_events())
    import_runs(store, "tensorboard", logs, "--experiment", "churn")
    (first,) = runs_of(store).values()
    write_events(logs / "a", [scalar("loss", 7.0, 100, 2e9)], suffix=".later")
    said = import_runs(store, "tensorboard", logs, "--experiment", "churn")
    (run,) = runs_of(store).values()

    assert (first.info.run_name, first.info.status) == ("a", "FINISHED")
    assert first.info.start_time == 1_700_000_000_000
    assert [(step, time) for step, time, _ in points(store)["a"]["acc"]] == [(n - 5, round((1.7e9 + n / 3) * 1e9)) for n in range(100)]
    assert (said["new"]["grown"], said["new"]["points"], run.info.run_id) == (1, 1, first.info.run_id)
    assert (run.info.end_time, run.data.metrics["loss"]) == (2_000_000_000_000, 7.0)
    assert check_store(Layout(store), lambda what: None, with_summaries=True).is_good


def test_a_file_is_read_up_to_where_it_is_broken(tmp_path: Path) -> None:
    """Cut off within a record, or with a bit that turned: what is before it comes, and it is said where it ends."""
    for harm in ("cut", "turned", "no record"):
        folder, store = tmp_path / harm, tmp_path / f"lake of {harm}"
        path = write_events(folder, some_events(200))
        data, place = bytearray(path.read_bytes()), path.stat().st_size // 2
        if harm == "cut":
            path.write_bytes(data[:place])
        elif harm == "turned":
            data[place] ^= 1
            path.write_bytes(data)
        else:
            path.write_bytes(data + b"no record of any kind")
        said = import_runs(store, "tensorboard", folder, code=1)
        read = points(store)[harm]["loss"]

        assert said["remarks"] == {CUT: 1}
        assert read == [(n, round((1.7e9 + n / 4) * 1e9), repr(float(np.float32(1 / (n + 1))))) for n in range(len(read))]
        assert 80 < len(read) <= 200


def test_any_bit_that_turns_is_found(tmp_path: Path) -> None:
    """In lengths, checksums and bytes: what is given is always the beginning of what was written."""
    path = write_events(tmp_path / "logs", some_events(4))
    data, written = path.read_bytes(), list(records(path))
    for place in range(len(data)):
        path.write_bytes(data[:place] + bytes([data[place] ^ (1 << place % 8)]) + data[place + 1 :])
        found: list[bytes] = []
        with pytest.raises(InvalidValue):
            found.extend(records(path))
        assert found == written[: len(found)]
    assert len(written) == 9


def test_long_records_are_stepped_over_and_many_short_ones_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In several goes."""
    events = some_events(300)
    picture = Summary.Value(tag="picture", image=Summary.Image(encoded_image_string=b"x" * 2_000_000))
    events.insert(150, Event(wall_time=1.7e9, step=0, summary=Summary(value=[picture])))
    path = write_events(tmp_path / "logs", events)
    monkeypatch.setattr(event_files, "TOGETHER", 64)

    assert [Event.FromString(record) for record in records(path)][1:] == [*events[:150], *events[151:]]


def test_links_between_folders_lead_to_each_once(tmp_path: Path) -> None:
    """In circles, too."""
    write_events(tmp_path / "logs" / "a", some_events(3))
    (tmp_path / "logs" / "a" / "up").symlink_to(tmp_path / "logs", target_is_directory=True)
    (tmp_path / "logs" / "b").symlink_to(tmp_path / "logs" / "a", target_is_directory=True)
    import_runs(tmp_path / "lake", "tensorboard", tmp_path / "logs")

    assert list(runs_of(tmp_path / "lake")) == ["a"]


def test_a_folder_without_events_is_refused(tmp_path: Path) -> None:
    """And one that is not there."""
    (tmp_path / "empty").mkdir()
    said = [imported(tmp_path / "lake", "tensorboard", tmp_path / name) for name in ("empty", "gone")]

    assert [(each.returncode, each.stdout) for each in said] == [(1, "")] * 2
    assert (
        said[0].stderr
        == f"runlake: {tmp_path}/empty holds no event file, nor does a folder below: such a file has 'tfevents' in its name.\n"
    )
    assert said[1].stderr == f"runlake: {tmp_path}/gone is no folder. Name the one that TensorBoard is started with.\n"
    assert not (tmp_path / "lake").exists()


def test_without_tensorboard_it_is_said_what_to_install(tmp_path: Path) -> None:
    """In one line."""
    program = "import sys, importlib.util as u; f = u.find_spec; u.find_spec = lambda n, *a: None if n == 'tensorboard' else f(n, *a)"
    program += f"; from runlake.cli import main; sys.argv = ['runlake', 'import', 'tensorboard', {str(tmp_path)!r}]; main()"
    finished = subprocess.run(
        [sys.executable, "-c", program], env=environment(tmp_path / "lake"), capture_output=True, text=True, timeout=60
    )

    said = "runlake: Event files are read with tensorboard, which is not installed: pip install 'runlake[tensorboard]'\n"
    assert (finished.returncode, finished.stderr) == (1, said)


@pytest.mark.long
def test_a_million_points_take_seconds(tmp_path: Path) -> None:
    """The reader of TensorBoard, which checks record by record in Python, takes minutes."""
    write_events(tmp_path / "logs", [])
    path = write_events(tmp_path / "logs", [scalar("loss", 1 / (step + 1), step, 1.7e9 + step) for step in range(1000)], suffix=".x")
    data = path.read_bytes()
    head = next(iter(records(path)))
    path.write_bytes(data + data[len(head) + 16 :] * 999)
    start = time.perf_counter()
    said = import_runs(tmp_path / "lake", "tensorboard", tmp_path / "logs")

    assert said["read"]["points"] == 1_000_000
    assert time.perf_counter() - start < 90
