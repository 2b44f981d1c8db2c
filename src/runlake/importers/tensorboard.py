"""What programs have written for TensorBoard: a run for each folder with event files, its scalars and hyperparameters."""

from __future__ import annotations

import hashlib
import importlib.util
import os
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from runlake.entities import Event, Experiment, Scope, Status
from runlake.errors import InvalidValue, RunlakeError
from runlake.importers.arriving import ArrivingRun, ArrivingSeries
from runlake.importers.event_files import records
from runlake.importers.remarks import Remarks
from runlake.recording.values import as_key, as_text

__all__ = ["TensorBoardFolder"]

LATEST_NS = 2**63 - 1024  # of what a double can say and 64 bits can hold

_MARK = "tfevents"  # in the name of every event file
_BEGIN, _END = "_hparams_/session_start_info", "_hparams_/session_end_info"
_FAILED = 2  # how a session of hyperparameters may end
_NAMES = {"histo": "histograms", "image": "images", "graph_def": "graphs", "meta_graph_def": "graphs", "tagged_run_metadata": "profiles"}


@dataclass
class TensorBoardFolder:
    """The runs in a folder and those below it. Raises InvalidValue where no event file is, RunlakeError without tensorboard to read one."""

    root: Path
    experiment: str = ""
    remarks: Remarks = field(default_factory=Remarks)

    def __post_init__(self) -> None:
        self.title = f"TensorBoard's folder {self.root}"
        self.experiment = self.experiment or self.root.resolve().name or "TensorBoard"
        if importlib.util.find_spec("tensorboard") is None:
            raise RunlakeError("Event files are read with tensorboard, which is not installed: pip install 'runlake[tensorboard]'")
        self._folders = dict(_with_event_files(self.root, self.remarks))
        if not self._folders:
            raise InvalidValue(f"{self.root} holds no event file, nor does a folder below: such a file has {_MARK!r} in its name.")

    def experiments(self) -> Sequence[Experiment]:
        """One, for all."""
        return [Experiment("", self.experiment, "")]

    def count(self, experiments: Sequence[Experiment]) -> int:
        """How many folders there are."""
        return len(self._folders)

    def runs(self, experiments: Sequence[Experiment]) -> Iterator[ArrivingRun]:
        """The runs, by the names of their folders."""
        for folder, files in self._folders.items():
            read = _Folder(self.remarks)
            for file in files:
                read.take(file)
            if read.scalars or read.params:
                name = folder.relative_to(self.root).as_posix() if folder != self.root else self.root.resolve().name
                yield self._run(name, files[0].name, read)
            else:
                self.remarks.left_out("folders without a scalar", folder)

    def remark_on_the_rest(self, experiments: Sequence[Experiment]) -> None:
        """All was said with each file."""

    def close(self) -> None:
        """No file is open but while it is read."""

    def _run(self, name: str, first: str, read: _Folder) -> ArrivingRun:
        """By its place and the name of its first file a run is known, wherever the whole of it has been moved."""
        run_id = hashlib.sha256(f"{name}/{first}".encode("utf-8", "surrogatepass")).hexdigest()[:32]
        times = _nanoseconds([read.began, read.ended])
        began, ended = (ns // 1_000_000 << 16 for ns in times.tolist())
        said: dict[str, str | int] = {"name": name.encode("utf-8", "replace").decode(), "start_ns": int(times[0])}
        events = [Event.set(run_id, Scope.RUN, key, value, began) for key, value in said.items()]
        events += [Event.set(run_id, Scope.PARAM, key, value, began) for key, value in read.params.items()]
        events += [Event.set(run_id, Scope.RUN, key, value, ended) for key, value in (("end_ns", int(times[1])), ("status", read.status))]
        return ArrivingRun(run_id, self.experiment, events, list(read.series()))


class _Folder:
    """What the event files of one folder hold, one after the other."""

    def __init__(self, remarks: Remarks) -> None:
        self.params: dict[str, bool | float | str] = {}
        self.scalars: dict[str, tuple[array[int], array[float], array[float]]] = {}
        self.status = Status.FINISHED
        self.began, self.ended = float("inf"), float("-inf")
        self._remarks = remarks
        self._plugins: dict[str, str] = {}  # of a tag; some writers name it the first time only

    def take(self, file: Path) -> None:
        """Read a file as far as it goes."""
        from google.protobuf.message import DecodeError
        from tensorboard.compat.proto.event_pb2 import Event as Written

        try:
            for record in records(file):
                self._take_event(Written.FromString(record), file)
        except DecodeError:
            self._remarks.broken("event files that are read up to where they are broken", f"{file}: a record is no event")
        except InvalidValue as error:
            self._remarks.broken("event files that are read up to where they are broken", f"{file}: {error}")
        except OSError as error:
            self._remarks.broken("event files that cannot be read", f"{file}: {error.strerror}")

    def series(self) -> Iterator[ArrivingSeries]:
        """The scalars by their tags."""
        for tag, columns in self.scalars.items():
            steps, times, values = (np.array(column) for column in columns)
            try:
                yield ArrivingSeries(as_key(tag), steps, _nanoseconds(times), values)
            except InvalidValue as error:
                self._remarks.broken("scalars that cannot be kept", error)

    def _take_event(self, event: Any, file: Path) -> None:
        self.began, self.ended = min(self.began, event.wall_time), max(self.ended, event.wall_time)
        what = event.WhichOneof("what")
        if what in _NAMES:
            self._remarks.left_out(_NAMES[what], file)
        for value in event.summary.value if what == "summary" else ():
            kind = value.WhichOneof("value")
            if value.tag in (_BEGIN, _END):
                self._take_hyperparameters(value.metadata.plugin_data.content)
            elif kind == "simple_value":
                self._add(event, value.tag, value.simple_value)
            elif kind == "tensor":
                self._take_tensor(event, value, file)
            elif kind is not None:
                self._remarks.left_out(_NAMES.get(kind, kind), f"{value.tag} in {file}")

    def _take_tensor(self, event: Any, value: Any, file: Path) -> None:
        plugin = self._plugins.setdefault(value.tag, value.metadata.plugin_data.plugin_name)
        number = _number(value.tensor) if plugin == "scalars" else None
        if number is not None:
            self._add(event, value.tag, number)
        elif plugin != "hparams":
            self._remarks.left_out(plugin or "tensors", f"{value.tag} in {file}")

    def _add(self, event: Any, tag: str, number: float) -> None:
        columns = self.scalars.get(tag)
        if columns is None:
            columns = self.scalars[tag] = array("q"), array("d"), array("d")
        columns[0].append(event.step)
        columns[1].append(event.wall_time)
        columns[2].append(number)

    def _take_hyperparameters(self, content: bytes) -> None:
        from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

        said = HParamsPluginData.FromString(content)
        if said.session_end_info.status == _FAILED:
            self.status = Status.FAILED
        for key, value in said.session_start_info.hparams.items():
            kind = value.WhichOneof("kind")
            try:
                self.params[as_key(key, "param")] = _plain(getattr(value, kind)) if kind else ""
                as_text(key, self.params[key])
            except InvalidValue as error:
                self.params.pop(key, None)
                self._remarks.broken("hyperparameters that cannot be kept", error)


def _with_event_files(root: Path, remarks: Remarks) -> Iterator[tuple[Path, list[Path]]]:
    """The folders with event files, each once, whatever links lead to it."""
    seen: set[tuple[int, int]] = set()

    def remark(error: OSError) -> None:
        remarks.broken("folders that cannot be read", f"{error.filename}: {error.strerror}")

    if not root.is_dir():
        raise InvalidValue(f"{root} is no folder. Name the one that TensorBoard is started with.")
    for place, folders, names in os.walk(root, onerror=remark, followlinks=True):
        status = os.stat(place)
        if (status.st_dev, status.st_ino) in seen:
            folders.clear()
            continue
        seen.add((status.st_dev, status.st_ino))
        folders.sort()
        files = [Path(place, name) for name in sorted(names) if _MARK in name and Path(place, name).is_file()]
        if files:
            yield Path(place), files


def _number(tensor: Any) -> float | None:
    """The number that a tensor holds, None where it is not one alone."""
    if tensor.dtype == 1 and len(tensor.float_val) == 1:  # as nearly all are
        return float(tensor.float_val[0])
    from tensorboard.util.tensor_util import make_ndarray

    try:
        held = make_ndarray(tensor)
        return float(held.item()) if held.size == 1 else None
    except (TypeError, ValueError):
        return None


def _plain(value: Any) -> bool | float | str:
    """Whole numbers, which the file has as others, are whole again."""
    if isinstance(value, float):
        return int(value) if value.is_integer() and abs(value) < 2**53 else value
    return value if isinstance(value, (bool, str)) else str(value)


def _nanoseconds(seconds: Sequence[float] | np.ndarray) -> np.ndarray:
    return np.rint(np.clip(np.nan_to_num(np.asarray(seconds, np.float64)) * 1e9, 0, LATEST_NS)).astype(np.int64)
