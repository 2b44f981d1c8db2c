"""MLflow's database in a file of SQLite, of any version of its tables."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from runlake.entities import Dataset, Experiment, LifecycleStage, Status
from runlake.errors import InvalidValue
from runlake.importers.arriving import ArrivingRun, ArrivingSeries
from runlake.importers.mlflow_artifacts import artifact_folder, files_below
from runlake.importers.mlflow_runs import GOES_ON, MetricColumns, MlflowRun, checked_id, events_of, milliseconds, series_of, status_called
from runlake.importers.remarks import Remarks
from runlake.importers.sqlite_tables import Row, Tables

__all__ = ["MlflowDatabase"]

TOGETHER = 500  # runs whose params and tags are asked for at once: old databases have no index by run
INFINITE = 1.7976931348623157e308  # what MLflow writes for an infinity

_RUN = (
    "experiment_id",
    "run_uuid",
    "name",
    "status",
    "start_time",
    "end_time",
    "deleted_time",
    "user_id",
    "lifecycle_stage",
    "artifact_uri",
)
_DATASET = ("dataset_uuid", "name", "digest", "dataset_source_type", "dataset_source", "dataset_schema", "dataset_profile")
_MODEL = ("creation_timestamp_ms", "model_id", "name", "artifact_location", "source_run_id")
_POINT = ("key", "step", "timestamp", "value", "is_nan")
_KINDS: tuple[set[type], ...] = ({str}, {int, type(None)}, {int, type(None)}, {float, int, type(None)}, {int, type(None)})
_OF_MODELS = "params, tags and metrics that models have beside their runs"
_WITHOUT_PLACE = {
    "registered_models": "registered models, whose models lie in MLflow's own folders",
    "model_versions": "versions of registered models, whose models lie in MLflow's own folders",
    "registered_model_aliases": "aliases of registered models, whose models lie in MLflow's own folders",
    "logged_model_params": _OF_MODELS,
    "logged_model_tags": _OF_MODELS,
    "logged_model_metrics": _OF_MODELS,
    "trace_info": "traces",
    "evaluation_datasets": "data sets for evaluation",
}

T = TypeVar("T")
Inputs = list[tuple[Dataset, Mapping[str, str]]]


@dataclass
class MlflowDatabase:
    """The runs in a database of MLflow's. Raises InvalidValue for a file that is none."""

    path: Path
    remarks: Remarks = field(default_factory=Remarks)

    def __post_init__(self) -> None:
        self.title = f"MLflow's database {self.path}"
        try:
            self._tables = Tables(self.path)
            missing = [name for name in ("experiments", "runs") if name not in self._tables.columns]
            if missing:
                raise InvalidValue(f"{self.path} is no database of MLflow's: it has no table {missing[0]}.")
            self._experiments = list(self._read_experiments())
        except sqlite3.Error as error:
            raise InvalidValue(f"{self.path} cannot be read: {error}.{_hint(self.path, error)}") from error

    def experiments(self) -> Sequence[Experiment]:
        """The experiments of the database."""
        return self._experiments

    def count(self, experiments: Sequence[Experiment]) -> int:
        """How many runs these have; 0 where that cannot be read, which the runs will say."""
        try:
            return sum(1 for _ in self._tables.rows("runs", ("run_uuid",), "experiment_id", [each.experiment_id for each in experiments]))
        except sqlite3.Error:
            return 0

    def runs(self, experiments: Sequence[Experiment]) -> Iterator[ArrivingRun]:
        """The runs, in the order of their beginning."""
        shelves = {each.experiment_id: each.name for each in experiments}
        rows = [row for row in self._readable("runs", "runs", _RUN) if str(row[0]) in shelves]
        models = self._models()
        rows.sort(key=lambda row: (row[4] if isinstance(row[4], int) else 0, str(row[1])))
        for start in range(0, len(rows), TOGETHER):
            some = rows[start : start + TOGETHER]
            ids = [str(row[1]) for row in some]
            params, tags, inputs = self._texts("params", ids), self._texts("tags", ids), self._inputs(ids)
            for experiment_id, run_id, *rest in some:
                beside = params.get(run_id, {}), tags.get(run_id, {}), inputs.get(run_id, [])
                try:
                    yield self._run(shelves[str(experiment_id)], checked_id(run_id), rest, beside, models.get(run_id, []))
                except InvalidValue as error:
                    self.remarks.broken("runs that cannot be read", f"{run_id}: {error}")

    def remark_on_the_rest(self, experiments: Sequence[Experiment]) -> None:
        """Registered models, traces and what else there is, of all experiments."""
        for table, what in _WITHOUT_PLACE.items():
            name = "name" if "name" in self._tables.columns.get(table, ()) else "model_id"
            try:
                first = next(self._tables.rows(table, (name,)), ("",))
                self.remarks.left_out(what, first[0] or "", self._tables.count(table))
            except sqlite3.Error as error:
                self.remarks.broken(f"tables that cannot be read: {error}", table)

    def close(self) -> None:
        """Let go of the database."""
        self._tables.close()

    def _read_experiments(self) -> Iterator[Experiment]:
        names: set[str] = set()
        tags: dict[str, dict[str, str]] = {}
        for experiment_id, key, value in self._tables.rows("experiment_tags", ("experiment_id", "key", "value")):
            tags.setdefault(str(experiment_id), {})[str(key)] = "" if value is None else str(value)
        for number, name, place, stage in self._tables.rows(
            "experiments", ("experiment_id", "name", "artifact_location", "lifecycle_stage")
        ):
            only = str(name) if name not in names else f"{name} ({number})"  # in another workspace it may go by the same
            names.add(only)
            yield Experiment(str(number), only, place or "", stage or LifecycleStage.ACTIVE, tags=tags.get(str(number), {}))

    def _run(
        self,
        experiment: str,
        run_id: str,
        row: Sequence[Any],
        beside: tuple[Mapping[str, str], Mapping[str, str], Inputs],
        models: Sequence[Row],
    ) -> ArrivingRun:
        name, status, start, end, deleted, user, stage, uri = row
        run = MlflowRun(
            run_id=run_id,
            experiment=experiment,
            name=name or "",
            status=status_called(status),
            start_ms=milliseconds(start) or 0,
            end_ms=milliseconds(end),
            user=user or "",
            is_deleted=stage == LifecycleStage.DELETED,
            deleted_ms=milliseconds(deleted),
            params=beside[0],
            tags=beside[1],
            inputs=beside[2],
        )
        if run.status == Status.RUNNING:
            self.remarks.left_out(GOES_ON, run.name or run_id)
        files = self._files(run_id, uri or "", models)
        return ArrivingRun(run_id, experiment, events_of(run, self.remarks), self._series(run_id), files)

    def _texts(self, table: str, run_ids: Sequence[str]) -> dict[str, dict[str, str]]:
        """Params or tags by run."""
        found: dict[str, dict[str, str]] = {}
        for run_id, key, value in self._of(table, table, ("run_uuid", "key", "value"), "run_uuid", run_ids):
            found.setdefault(run_id, {})[str(key)] = "" if value is None else str(value)
        return found

    def _inputs(self, run_ids: Sequence[str]) -> dict[str, Inputs]:
        """The data sets by run."""
        wanted = ("input_uuid", "source_type", "source_id", "destination_type", "destination_id")
        rows = [row for row in self._of("data sets", "inputs", wanted, "destination_id", run_ids) if (row[1], row[3]) == ("DATASET", "RUN")]
        data = {row[0]: row[1:] for row in self._of("data sets", "datasets", _DATASET, "dataset_uuid", list({row[2] for row in rows}))}
        tags: dict[str, dict[str, str]] = {}
        for place, key, value in self._of(
            "data sets", "input_tags", ("input_uuid", "name", "value"), "input_uuid", [row[0] for row in rows]
        ):
            tags.setdefault(place, {})[key] = value or ""
        found: dict[str, Inputs] = {}
        for place, _, source, _, run_id in rows:
            if source in data:
                found.setdefault(run_id, []).append((Dataset(*(text or "" for text in data[source])), tags.get(place, {})))
            else:
                self.remarks.broken("data sets that are not there", f"{source} of {run_id}")
        return found

    def _models(self) -> dict[str, list[Row]]:
        """The models that MLflow 3 keeps beside the runs, by the runs that logged them, the newest first."""
        found: dict[str, list[Row]] = {}
        for _, *model in sorted(self._readable("models", "logged_models", _MODEL), key=lambda row: -(row[0] or 0)):
            if model[-1]:
                found.setdefault(model[-1], []).append(tuple(model))
            else:
                self.remarks.left_out("models that no run has logged", model[1])
        return found

    def _series(self, run_id: str) -> Iterator[ArrivingSeries]:
        codes: dict[str, int] = {}
        chunks = self._until_broken("points", self._tables.chunks("metrics", _POINT, "run_uuid", [run_id]))
        parts = [_columns(codes, points) for chunk in chunks if (points := self._numbers_alone(run_id, chunk))]
        if not parts:
            return
        places, *columns = (np.concatenate(each) for each in zip(*parts, strict=True))
        order = np.argsort(places, kind="stable")
        bounds = np.searchsorted(places[order], np.arange(len(codes) + 1)).tolist()
        for key, code in codes.items():
            part = order[bounds[code] : bounds[code + 1]]
            yield from series_of(run_id, key, MetricColumns(*(column[part] for column in columns)), self.remarks)

    def _numbers_alone(self, run_id: str, rows: list[Row]) -> list[Row]:
        """Without rows of texts and bytes, which SQLite takes in any column."""
        kinds = [set(map(type, column)) for column in zip(*rows, strict=True)]
        if all(found <= wanted for found, wanted in zip(kinds, _KINDS, strict=True)):
            return rows
        good = [row for row in rows if all(type(held) in wanted for held, wanted in zip(row, _KINDS, strict=True))]
        self.remarks.broken("points that are no numbers", run_id, len(rows) - len(good))
        return good

    def _files(self, run_id: str, uri: str, models: Sequence[Row]) -> dict[str, Path]:
        folder = artifact_folder(uri, run_id, self.path.parent, self.remarks) if uri else None
        found = files_below(folder, "", self.remarks) if folder else {}
        taken: set[str] = set()
        for model_id, name, place, _ in models:
            prefix = name if name not in taken else f"models/{model_id}"  # MLflow means the newest by its name
            taken.add(prefix)
            beside = artifact_folder(place or "", model_id, self.path.parent, self.remarks)
            found = {**(files_below(beside, f"{prefix}/", self.remarks) if beside else {}), **found}
        return found

    def _of(self, what: str, table: str, wanted: Sequence[str], by: str, values: Sequence[Any]) -> list[Row]:
        """The rows with these values. Where some cannot be read, it is found out which."""
        try:
            return list(self._tables.rows(table, wanted, by, values))
        except sqlite3.Error as error:
            if len(values) == 1:
                self.remarks.broken(f"{what} that cannot be read: {error}", values[0])
                return []
        half = len(values) // 2
        return self._of(what, table, wanted, by, values[:half]) + self._of(what, table, wanted, by, values[half:])

    def _readable(self, what: str, table: str, wanted: Sequence[str]) -> Iterator[Row]:
        return self._until_broken(what, self._tables.rows(table, wanted))

    def _until_broken(self, what: str, found: Iterator[T]) -> Iterator[T]:
        """What is found before the first that cannot be read."""
        try:
            yield from found
        except sqlite3.Error as error:
            self.remarks.broken(f"{what} that cannot be read: {error}", self.path)


def _hint(path: Path, error: sqlite3.Error) -> str:
    if "locked" in str(error):
        return " Wait until the program that writes there lets it go."
    if "malformed" in str(error):
        return f" What can be saved of it sqlite3 saves: sqlite3 {path} .recover | sqlite3 mended.db"
    return ""


def _columns(codes: dict[str, int], rows: Sequence[Row]) -> tuple[np.ndarray, ...]:
    """Which metric it is, the step, the time in milliseconds, the value, and the value as MLflow compares it."""
    keys, steps, times, values, nans = zip(*rows, strict=True)
    places = np.array([codes.setdefault(key, len(codes)) for key in keys], np.intp)
    numbers = np.array(values, np.float64)
    are_nan = np.array(nans, bool) | np.isnan(numbers)  # older ones have nothing there instead
    exact = np.where(np.abs(numbers) == INFINITE, np.copysign(np.inf, numbers), numbers)
    ranks = np.where(np.isnan(numbers), 0, numbers)
    return places, _whole(steps), _whole(times), np.where(are_nan, np.nan, exact), ranks


def _whole(numbers: Sequence[int | None]) -> np.ndarray:
    """Integers; the oldest databases have no steps."""
    return np.array([number or 0 for number in numbers] if None in numbers else numbers, np.int64)
