"""The folder `mlruns` of MLflow: a folder for each experiment and in it one for each run, a file for each param, tag and metric."""

from __future__ import annotations

import io
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import numpy as np

from runlake.entities import Dataset, Experiment, LifecycleStage, Status
from runlake.errors import InvalidValue
from runlake.importers.arriving import ArrivingRun, ArrivingSeries
from runlake.importers.flat_yaml import Yaml, read_yaml
from runlake.importers.mlflow_artifacts import artifact_folder, files_below
from runlake.importers.mlflow_runs import GOES_ON, MetricColumns, MlflowRun, checked_id, events_of, milliseconds, series_of, status_called
from runlake.importers.remarks import Remarks

__all__ = ["MlflowFolder"]

T = TypeVar("T")

META = "meta.yaml"
TRASH, REGISTRY = ".trash", "models"
_OF_EXPERIMENTS = ("tags", "datasets", "traces", "models")  # folders beside those of runs
_POINT = re.compile(rb"(-?\d+) (\S+)(?: (-?\d+)(?: (\S.*) (\S+))?)?")
_POINTS = np.dtype([("time", np.int64), ("value", np.float64), ("step", np.int64)])


@dataclass
class MlflowFolder:
    """The runs in a folder `mlruns`. Raises InvalidValue for a folder that is none."""

    root: Path
    remarks: Remarks = field(default_factory=Remarks)

    def __post_init__(self) -> None:
        self.title = f"MLflow's folder {self.root}"
        self._came: set[str] = set()
        self._folders: dict[str, Path] = {}
        self._experiments = self._read_experiments()
        if not self._experiments:
            broken = [remark.example for remark in self.remarks.found.values()]
            raise InvalidValue(f"{self.root} is no folder of MLflow's: {_looked_for(self.root, broken)}")

    def experiments(self) -> Sequence[Experiment]:
        """The experiments of the folder, and of its trash."""
        return self._experiments

    def count(self, experiments: Sequence[Experiment]) -> int:
        """How many folders of runs these have."""
        return sum(len(_run_folders(self._folders[each.experiment_id])) for each in experiments)

    def runs(self, experiments: Sequence[Experiment]) -> Iterator[ArrivingRun]:
        """The runs, those of one experiment after those of another."""
        for experiment in experiments:
            models = self._models(self._folders[experiment.experiment_id])
            for folder in _run_folders(self._folders[experiment.experiment_id]):
                run = self._try("runs that cannot be read", folder, self._run, experiment, models)
                if run is not None:
                    yield run

    def remark_on_the_rest(self, experiments: Sequence[Experiment]) -> None:
        """Registered models and traces."""
        models = [folder for folder in _folders(self.root / REGISTRY) if (folder / META).is_file()]
        versions = [version for model in models for version in _folders(model) if version.name.startswith("version-")]
        first = models[0].name if models else ""
        self.remarks.left_out("registered models, whose models lie in MLflow's own folders", first, len(models))
        self.remarks.left_out("versions of registered models, whose models lie in MLflow's own folders", first, len(versions))
        for experiment in experiments:
            traces = _folders(self._folders[experiment.experiment_id] / "traces")
            self.remarks.left_out("traces", traces[0].name if traces else "", len(traces))

    def close(self) -> None:
        """No file is open but while it is read."""

    def _read_experiments(self) -> list[Experiment]:
        found: list[Experiment] = []
        names: set[str] = set()
        for folder in [*_folders(self.root), *_folders(self.root / TRASH)]:
            if folder.name == REGISTRY or not _holds_anything(folder):
                continue
            experiment = self._try("experiments that cannot be read", folder, self._experiment)
            if experiment is None:
                continue
            if experiment.name in names or experiment.experiment_id in self._folders:
                self.remarks.broken("experiments that are there twice, of which the first came", folder)
                continue
            names.add(experiment.name)
            self._folders[experiment.experiment_id] = folder
            found.append(experiment)
        return found

    def _experiment(self, folder: Path) -> Experiment:
        meta = _meta(folder)
        stage = LifecycleStage.DELETED if folder.parent.name == TRASH else _text(meta, "lifecycle_stage", LifecycleStage.ACTIVE)
        tags = self._texts(folder / "tags", "tags of experiments")
        return Experiment(_needed(meta, "experiment_id"), _needed(meta, "name"), _text(meta, "artifact_location"), stage, tags=tags)

    def _run(self, folder: Path, experiment: Experiment, models: Mapping[str, list[Mapping[str, str]]]) -> ArrivingRun | None:
        meta = _meta(folder)
        run_id = checked_id(_text(meta, "run_id") or _text(meta, "run_uuid"))
        if run_id != folder.name:
            raise InvalidValue(f"its folder has another name than the run, which is {run_id}")
        if _text(meta, "experiment_id", experiment.experiment_id) != experiment.experiment_id:
            raise InvalidValue(
                f"it is in the folder of the experiment {experiment.experiment_id}, and says it is of {meta['experiment_id']}"
            )
        if run_id in self._came:
            self.remarks.broken("runs that are there twice, of which the first came", folder)
            return None
        self._came.add(run_id)
        run = MlflowRun(
            run_id=run_id,
            experiment=experiment.name,
            name=_text(meta, "run_name") or _text(meta, "name"),
            status=status_called(_needed(meta, "status")),
            start_ms=milliseconds(_needed(meta, "start_time")) or 0,
            end_ms=milliseconds(meta.get("end_time")),
            user=_text(meta, "user_id"),
            is_deleted=_text(meta, "lifecycle_stage") == LifecycleStage.DELETED,
            deleted_ms=milliseconds(meta.get("deleted_time")),
            params=self._texts(folder / "params", "params"),
            tags=self._texts(folder / "tags", "tags"),
            inputs=self._inputs(folder),
        )
        if run.status == Status.RUNNING:
            self.remarks.left_out(GOES_ON, run.name or run_id)
        files = self._files(folder, run_id, _text(meta, "artifact_uri"), models.get(run_id, []))
        return ArrivingRun(run_id, experiment.name, events_of(run, self.remarks), self._series(folder, run_id), files)

    def _texts(self, folder: Path, what: str) -> dict[str, str]:
        """A text for each file."""
        found = {}
        for key, path in _keyed(folder):
            text = self._try(f"{what} that cannot be read", path, _read_text)
            if text is not None:
                found[key] = text
        return found

    def _inputs(self, folder: Path) -> list[tuple[Dataset, Mapping[str, str]]]:
        found = []
        for place in _folders(folder / "inputs"):
            read = self._try("data sets of runs that cannot be read", place, _input, folder.parent / "datasets")
            found += [read] if read is not None else []
        return found

    def _series(self, folder: Path, run_id: str) -> Iterator[ArrivingSeries]:
        for key, path in _keyed(folder / "metrics"):
            columns = self._try("metrics that cannot be read", path, self._points)
            if columns is not None:
                yield from series_of(run_id, key, columns, self.remarks)

    def _points(self, path: Path) -> MetricColumns:
        data = path.read_bytes()
        whole, _, rest = data.rpartition(b"\n")
        if rest:
            self.remarks.broken("points of which only the beginning is written", f"{path}: {rest[:60].decode(errors='replace')!r}")
        return _columns(whole) or self._one_by_one(path, whole)

    def _one_by_one(self, path: Path, whole: bytes) -> MetricColumns:
        """Line by line, where not all of them are a time, a value and a step."""
        points = []
        for number, line in enumerate(whole.split(b"\n"), 1):
            match = _POINT.fullmatch(line.strip())
            point = _point(match) if match else None
            if point is not None:
                points.append(point)
            elif line.strip():
                self.remarks.broken("lines of metrics that are no point", f"{path} line {number}: {line[:60].decode(errors='replace')!r}")
            if point is not None and match and match[4]:
                self.remarks.left_out("names of data sets beside points", f"{path} line {number}")
        rows = np.array(points, _POINTS)
        return MetricColumns(rows["step"], rows["time"], rows["value"], rows["value"])

    def _files(self, folder: Path, run_id: str, uri: str, models: Sequence[Mapping[str, str]]) -> dict[str, Path]:
        own = folder / "artifacts"
        place = own if _holds_anything(own) or not uri else artifact_folder(uri, run_id, folder.parent.parent, self.remarks) or own
        found = files_below(place, "", self.remarks) if place.is_dir() else {}
        taken: set[str] = set()
        for model in models:  # the newest first, whose name MLflow means
            prefix = model["name"] if model["name"] not in taken else f"models/{model['model_id']}"
            taken.add(prefix)
            lies = folder.parent / "models" / model["model_id"] / "artifacts"
            beside = (
                lies
                if lies.is_dir()
                else artifact_folder(model["artifact_location"], model["model_id"], folder.parent.parent, self.remarks)
            )
            found = {**(files_below(beside, f"{prefix}/", self.remarks) if beside else {}), **found}
        return found

    def _models(self, folder: Path) -> dict[str, list[Mapping[str, str]]]:
        """The models that MLflow 3 keeps beside the runs, by the runs that logged them."""
        found: dict[str, list[Mapping[str, str]]] = {}
        read = [self._try("models that cannot be read", place, _model) for place in _folders(folder / "models")]
        for model in sorted(filter(None, read), key=lambda model: model["creation_timestamp"], reverse=True):
            if model["source_run_id"]:
                found.setdefault(model["source_run_id"], []).append(model)
            else:
                self.remarks.left_out("models that no run has logged", model["name"])
            said = [key for kind in ("params", "tags", "metrics") for key, _ in _keyed(folder / "models" / model["model_id"] / kind)]
            self.remarks.left_out("params, tags and metrics that models have beside their runs", model["name"], len(said))
        return found

    def _try(self, what: str, path: Path, read: Callable[..., T], *how: object) -> T | None:
        """What is read there, or None and a remark."""
        try:
            return read(path, *how)
        except UnicodeDecodeError:
            self.remarks.broken(what, f"{path}: it is no UTF-8")
        except InvalidValue as error:
            self.remarks.broken(what, f"{path}: {error}")
        except OSError as error:
            self.remarks.broken(what, f"{path}: {error.strerror}")
        return None


def _read_text(path: Path) -> str:
    return path.read_bytes().decode()


def _meta(folder: Path) -> Mapping[str, str | Yaml | None]:
    path = folder / META
    if not path.is_file():
        raise InvalidValue(f"it has no {META}")
    return read_yaml(path.read_bytes().decode())


def _text(meta: Mapping[str, str | Yaml | None], key: str, default: str = "") -> str:
    found = meta.get(key)
    return found if isinstance(found, str) else default


def _needed(meta: Mapping[str, str | Yaml | None], key: str) -> str:
    found = meta.get(key)
    if not isinstance(found, str):
        raise InvalidValue(f"its {META} has no {key}")
    return found


def _input(folder: Path, datasets: Path) -> tuple[Dataset, Mapping[str, str]] | None:
    meta = _meta(folder)
    if _text(meta, "source_type") != "DATASET":
        return None
    data, tags = _meta(datasets / checked_id(_needed(meta, "source_id"))), meta.get("tags")
    texts = {name: _text(data, name) for name in ("source_type", "source", "schema", "profile")}
    dataset = Dataset(_needed(data, "name"), _needed(data, "digest"), **texts)
    return dataset, {key: value for key, value in (tags if isinstance(tags, Mapping) else {}).items() if isinstance(value, str)}


def _model(folder: Path) -> Mapping[str, str]:
    meta = _meta(folder)
    checked_id(_needed(meta, "model_id"))
    return {key: _text(meta, key) for key in ("model_id", "name", "source_run_id", "artifact_location", "creation_timestamp")}


def _columns(data: bytes) -> MetricColumns | None:
    """The points, where every line is a time, a value and a step."""
    if not data.strip():
        return MetricColumns(*(np.empty(0, kind) for kind in (np.int64, np.int64, np.float64, np.float64)))
    try:
        rows = np.loadtxt(io.BytesIO(data), _POINTS, comments=None, delimiter=" ", ndmin=1, encoding="latin-1")
    except (ValueError, OverflowError):
        return None
    return MetricColumns(rows["step"], rows["time"], rows["value"], rows["value"])


def _point(match: re.Match[bytes]) -> tuple[int, float, int] | None:
    try:
        time, value, step = int(match[1]), float(match[2]), int(match[3] or 0)
    except ValueError:
        return None
    return (time, value, step) if max(abs(time), abs(step)) < 2**63 else None


def _run_folders(experiment: Path) -> list[Path]:
    return [folder for folder in _folders(experiment) if folder.name not in _OF_EXPERIMENTS]


def _folders(folder: Path) -> list[Path]:
    """The folders in one by name, without those that editors and systems hide there."""
    try:
        return sorted(Path(entry.path) for entry in os.scandir(folder) if entry.is_dir() and not entry.name.startswith("."))
    except OSError:
        return []


def _keyed(folder: Path) -> Iterator[tuple[str, Path]]:
    """The files below a folder by their names, in which a slash makes folders. Links are none of MLflow's."""
    for place, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            path = Path(place, name)
            if not path.is_symlink() and path.is_file():
                yield path.relative_to(folder).as_posix(), path


def _holds_anything(folder: Path) -> bool:
    return next(folder.iterdir(), None) is not None if folder.is_dir() else False


def _looked_for(root: Path, broken: Sequence[str]) -> str:
    """What was not found there, and where it may be."""
    inside = [root / name for name in ("mlruns", "mlflow.db") if (root / name).exists()]
    if inside:
        return f"name {inside[0]} instead."
    if any((place / "artifacts").is_dir() for folder in _folders(root) for place in _folders(folder)):
        return f"it holds artifacts alone. The runs are in a database, such as {root.parent / 'mlflow.db'}: name that."
    return f"no folder in it is an experiment with a {META}{f', see {broken[0]}' if broken else ''}."
