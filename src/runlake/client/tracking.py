"""The client: verbs for any run and experiment of any store, each meant by its id."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

from runlake import config, entities
from runlake.client import artifacts, reading
from runlake.client.registry import RegistryVerbs
from runlake.client.searching import PagedList, page_of_experiments, page_of_runs
from runlake.entities import DatasetInput, Experiment, FileInfo, InputTag, Metric, Param, RunTag, Status, ViewType
from runlake.entities.status import ENDS
from runlake.errors import InvalidValue
from runlake.guard import attempt
from runlake.read import Run
from runlake.recording import experiments, stored
from runlake.recording.opening import Wanted
from runlake.recording.runs import CONTEXT_TAG, NAME_TAG, ActiveRun, status_named
from runlake.recording.telling import name_unused
from runlake.recording.uris import store_of
from runlake.recording.values import as_key, as_step, as_text, as_value
from runlake.recording.verbs import RunOperations

__all__ = ["MlflowClient", "RunlakeClient"]

E = TypeVar("E")

_LAST_MS = (2**63 - 1) // 1_000_000  # as far as 64 bits of nanoseconds count


class RunlakeClient(RegistryVerbs):
    """MlflowClient's verbs, at its positions, on the store of a URI; without one, on the store in use when the client is made.

    No verb here means the active run, and none changes which one that is. Metrics, params and batches are queued, as those of the
    active run are, unless `synchronous=True`; what else is changed is written when the call returns. Threads may share a client.
    """

    def __init__(self, tracking_uri: str | Path | None = None, registry_uri: str | None = None) -> None:
        name_unused("MlflowClient", registry_uri=registry_uri)
        self._store = config.find_store() if tracking_uri is None else store_of(tracking_uri).absolute()

    @property
    def tracking_uri(self) -> str:
        """The folder of its store, as an absolute path."""
        return str(self._store)

    def __repr__(self) -> str:
        return f"<RunlakeClient {self._store}>"

    # Runs

    def create_run(
        self,
        experiment_id: str | int,
        start_time: int | None = None,
        tags: Mapping[str, Any] | None = None,
        run_name: str | None = None,
    ) -> entities.Run:
        """Open a run and give it as it begins; `start_time` is in milliseconds.

        It is not the active run, and the end of the program does not end it: it is running until `set_terminated`, and where its
        process is gone before that, it reads as CRASHED. The tag `mlflow.parentRunId` names the run that it is nested in.
        """
        if not isinstance(tags, Mapping | None):
            raise InvalidValue(f"The tags of a run are a dict, not {type(tags).__name__}.")
        tagged = (tags or {}).get(NAME_TAG, run_name)
        if run_name is not None and tagged != run_name:
            raise InvalidValue(f"The run was given two names: {run_name!r}, and {tagged!r} by its tag {NAME_TAG!r}.")
        wanted = Wanted(experiment_id=str(experiment_id), run_name=run_name, tags=tags, start_ns=_ns("start time", start_time))
        run = stored.create_run(wanted, self._store)
        return entities.Run(run.info, run.data)

    def get_run(self, run_id: str) -> Run:
        """The run as it stands. Raises UnknownRun."""
        return reading.get_run(_checked_id(run_id), store=self._store)

    def get_parent_run(self, run_id: str) -> Run | None:
        """The run that this one is nested in, or None."""
        return reading.get_parent_run(_checked_id(run_id), store=self._store)

    def set_terminated(self, run_id: str, status: str | None = None, end_time: int | None = None) -> None:
        """Say that a run ended FINISHED, FAILED, KILLED or PRUNED, now or at `end_time` in milliseconds, whichever process opened it.

        One that `start_run` opened here stays active, and is ended once more with its `with` or by `end_run()`.
        """
        ended = status_named(Status.FINISHED if status is None else status)
        stored.end_run_with_id(_checked_id(run_id), ended, _ns("end time", end_time), self._store)

    def update_run(self, run_id: str, status: str | None = None, name: str | None = None) -> None:
        """Change the status or the name of a run.

        An end that is corrected stays when it was. RUNNING has a run go on in this process, unless another one is at it.
        """
        wanted = None if status is None else _running_or_ended(status)
        if name is not None and not (isinstance(name, str) and name):
            raise InvalidValue(f"A run's name is text, not {name!r}.")
        with self._changing(run_id) as run:
            if name is not None:
                run.set_tag(NAME_TAG, name)
        if wanted is not None:
            self._say(run_id, wanted)

    def _say(self, run_id: str, status: Status) -> None:
        info = self.get_run(run_id).info
        if status != Status.RUNNING:
            has_ended = info.end_time is not None and info.status != Status.CRASHED
            stored.end_run_with_id(run_id, status, _ns("end time", info.end_time) if has_ended else None, self._store)
        elif info.status != Status.RUNNING:  # or the end of this process would be taken for the end of whoever records it
            stored.resume_run_with_id(run_id, self._store)

    def search_runs(
        self,
        experiment_ids: Sequence[str],
        filter_string: str = "",
        run_view_type: int = ViewType.ACTIVE_ONLY,
        max_results: int = 1000,
        order_by: Sequence[str] | None = None,
        page_token: str | None = None,
    ) -> PagedList:
        """A page of the runs that a filter lets through; `.token` asks for the next, which stays right while runs arrive."""
        return page_of_runs(experiment_ids, filter_string, run_view_type, max_results, order_by, page_token, self._store)

    def delete_run(self, run_id: str) -> None:
        """Put a run away; `restore_run` takes it back."""
        stored.delete_run(_checked_id(run_id), store=self._store)

    def restore_run(self, run_id: str) -> None:
        """Take a deleted run back."""
        stored.restore_run(_checked_id(run_id), store=self._store)

    # What runs record

    def log_metric(
        self,
        run_id: str,
        key: str,
        value: Any,
        timestamp: int | None = None,
        step: int | None = None,
        synchronous: bool | None = None,
        dataset_name: str | None = None,
        dataset_digest: str | None = None,
        model_id: str | None = None,
    ) -> RunOperations | None:
        """Record a point. Without a step it is the greatest step of this key so far + 1; `timestamp` is in milliseconds.

        Here and below, `synchronous=True` waits until it is written, and `synchronous=False` gives what one can wait with later.
        """
        name_unused("log_metric", dataset_name=dataset_name, dataset_digest=dataset_digest, model_id=model_id)
        run = self._run(run_id)
        run.log_metric(key, value, step, timestamp)
        return _logged(run, synchronous)

    def log_param(self, run_id: str, key: str, value: Any, synchronous: bool | None = None) -> Any:
        """Fix a value for the run, and give it back. The same text again is fine; another is an error."""
        run = self._run(run_id)
        run.log_param(as_key(key, "param"), value)
        return _logged(run, synchronous) or value

    def set_tag(self, run_id: str, key: str, value: Any, synchronous: bool | None = None) -> RunOperations | None:
        """Note something about the run; a later value takes the place of an earlier one."""
        run = self._run(run_id)
        run.set_tag(as_key(key, "tag"), value)
        return _logged(run, True if synchronous is None else synchronous)

    def delete_tag(self, run_id: str, key: str) -> None:
        """Take a note back. Raises InvalidValue where there is none."""
        with self._changing(run_id) as run:
            run.delete_tag(key)

    def log_batch(
        self,
        run_id: str,
        metrics: Sequence[Metric] = (),
        params: Sequence[Param] = (),
        tags: Sequence[RunTag] = (),
        synchronous: bool | None = None,
    ) -> RunOperations | None:
        """Record points, params and tags, all of them or, if one is wrong, none."""
        points = [_checked_point(metric) for metric in _entities("log_batch", metrics, Metric)]
        fixed = _checked_params(_entities("log_batch", params, Param))
        notes = {as_key(tag.key, "tag"): as_text(tag.key, tag.value) for tag in _entities("log_batch", tags, RunTag)}
        run = self._run(run_id)
        run.log_params(fixed)  # first: whether the run has other values already, nothing above could tell
        run.set_tags(notes)
        for point in points:
            run.log_metric(point.key, point.value, point.step, point.timestamp)
        return _logged(run, synchronous)

    def log_inputs(self, run_id: str, datasets: Sequence[DatasetInput] | None = None, models: Sequence[Any] | None = None) -> None:
        """Note data sets that the run uses, all of them or, if one is wrong, none."""
        name_unused("log_inputs", models=models)
        inputs = [(used.dataset, _checked_notes(used)) for used in _entities("log_inputs", datasets, DatasetInput)]
        with self._changing(run_id) as run:
            for dataset, notes in inputs:
                run.log_input(dataset, notes.pop(CONTEXT_TAG, None), notes)

    def get_metric_history(self, run_id: str, key: str) -> list[Metric]:
        """Every point of a metric, by step, then time; of a metric that was never logged none."""
        return reading.get_metric_history(_checked_id(run_id), as_key(key), store=self._store)

    # What runs keep

    def log_artifact(self, run_id: str, local_path: str | os.PathLike[str], artifact_path: str | None = None) -> None:
        """Keep a copy of a file, or of every file of a folder."""
        with self._changing(run_id) as run:
            run.log_artifact(local_path, artifact_path)

    def log_artifacts(self, run_id: str, local_dir: str | os.PathLike[str], artifact_path: str | None = None) -> None:
        """Keep a copy of every file of a folder."""
        with self._changing(run_id) as run:
            run.log_artifact(local_dir, artifact_path)

    def log_text(self, run_id: str, text: str, artifact_file: str) -> None:
        """Keep a text."""
        with self._changing(run_id) as run:
            run.log_text(text, artifact_file)

    def log_dict(self, run_id: str, dictionary: Any, artifact_file: str) -> None:
        """Keep a dictionary or list, as JSON or, for `.yml` and `.yaml`, as YAML."""
        with self._changing(run_id) as run:
            run.log_dict(dictionary, artifact_file)

    def log_stream(self, run_id: str, stream: BinaryIO, artifact_file: str) -> None:
        """Keep what an open file gives from where it is, which is read into memory."""
        with self._changing(run_id) as run:
            data = stream.read() if hasattr(stream, "read") else None
            if not isinstance(data, bytes):
                raise InvalidValue(f"log_stream takes a file that is open in binary mode, not {type(stream).__name__}.")
            run.keep_bytes(artifact_file, data)

    def log_figure(self, run_id: str, figure: Any, artifact_file: str, *, save_kwargs: Mapping[str, Any] | None = None) -> None:
        """Keep a figure of matplotlib or plotly, in the format of its file name."""
        with self._changing(run_id) as run:
            run.log_figure(figure, artifact_file, save_kwargs=save_kwargs)

    def log_image(
        self,
        run_id: str,
        image: Any,
        artifact_file: str | None = None,
        key: str | None = None,
        step: int | None = None,
        timestamp: int | None = None,
        synchronous: bool | None = None,
    ) -> None:
        """Keep a picture: under a file name, or under a key as the one of a step. It is kept when this returns."""
        name_unused("log_image", timestamp=timestamp, synchronous=synchronous)
        with self._changing(run_id) as run:
            run.log_image(image, artifact_file, key, step)

    def log_table(self, run_id: str, data: Any, artifact_file: str) -> None:
        """Keep a table; further rows under the same name go below the earlier ones."""
        with self._changing(run_id) as run:
            run.log_table(data, artifact_file)

    def load_table(
        self,
        experiment_id: str | int,
        artifact_file: str,
        run_ids: Sequence[str] | None = None,
        extra_columns: Sequence[str] | None = None,
    ) -> Any:
        """The tables that runs of an experiment, or these runs, logged under this name, as a pandas data frame. Raises UnknownArtifact."""
        found = self.get_experiment(experiment_id).experiment_id
        return artifacts.load_table(artifact_file, run_ids, extra_columns, experiment_id=found, store=self._store)

    def list_artifacts(self, run_id: str, path: str | None = None) -> list[FileInfo]:
        """The files and folders directly below a run's path."""
        return artifacts.list_artifacts(run_id=_checked_id(run_id), artifact_path=path, store=self._store)

    def download_artifacts(self, run_id: str, path: str, dst_path: str | None = None) -> str:
        """Copy an artifact, or all those below a folder, into `dst_path`, and give the path of the copy. Raises UnknownArtifact."""
        return artifacts.download_artifacts(run_id=_checked_id(run_id), artifact_path=path, dst_path=dst_path, store=self._store)

    # Experiments

    def create_experiment(self, name: str, artifact_location: str | None = None, tags: Mapping[str, Any] | None = None) -> str:
        """Make an experiment and give its id. Raises where the name is taken, by a deleted one too."""
        return experiments.create_experiment(name, artifact_location, tags, store=self._store)

    def get_experiment(self, experiment_id: str | int) -> Experiment:
        """The experiment with this id. Raises UnknownExperiment."""
        return reading.get_experiment(experiment_id, store=self._store)

    def get_experiment_by_name(self, name: str) -> Experiment | None:
        """The experiment of this name, deleted or not; None where there is none."""
        return reading.get_experiment_by_name(name, store=self._store)

    def search_experiments(
        self,
        view_type: int = ViewType.ACTIVE_ONLY,
        max_results: int | None = 1000,
        filter_string: str | None = None,
        order_by: Sequence[str] | None = None,
        page_token: str | None = None,
    ) -> PagedList:
        """A page of the experiments that a filter lets through, the newest first; `.token` asks for the next."""
        return page_of_experiments(view_type, max_results, filter_string, order_by, page_token, self._store)

    def rename_experiment(self, experiment_id: str | int, new_name: str) -> None:
        """Give an experiment another name."""
        experiments.rename_experiment(experiment_id, new_name, store=self._store)

    def delete_experiment(self, experiment_id: str | int) -> None:
        """Put an experiment away; `restore_experiment` takes it back."""
        experiments.delete_experiment(experiment_id, store=self._store)

    def restore_experiment(self, experiment_id: str | int) -> None:
        """Take a deleted experiment back."""
        experiments.restore_experiment(experiment_id, store=self._store)

    def set_experiment_tag(self, experiment_id: str | int, key: str, value: Any) -> None:
        """Set a tag of an experiment."""
        experiments.tag_experiment(experiment_id, {as_key(key, "tag"): value}, store=self._store)

    def delete_experiment_tag(self, experiment_id: str | int, key: str) -> None:
        """Take a tag of an experiment back. Raises InvalidValue where there is none."""
        experiments.untag_experiment(experiment_id, key, store=self._store)

    def _run(self, run_id: str) -> ActiveRun:
        return stored.run_with_id(_checked_id(run_id), self._store)

    @contextlib.contextmanager
    def _changing(self, run_id: str) -> Iterator[ActiveRun]:
        """The run, to change what is written when the block is left."""
        run = self._run(run_id)
        yield run
        run.recorder.flusher.flush(sync=False)


MlflowClient = RunlakeClient


def _checked_id(run_id: Any) -> str:
    if not isinstance(run_id, str) or not run_id:
        raise InvalidValue(f"A run's id is text, not {run_id!r}.")
    return run_id


def _running_or_ended(status: str) -> Status:
    if status == Status.RUNNING:
        return Status.RUNNING
    if status in ENDS:
        return Status(status)
    raise InvalidValue(f"A run is RUNNING, or ended {', '.join(ENDS[:-1])} or {ENDS[-1]}, not {status!r}.")


def _ns(what: str, milliseconds: Any) -> int | None:
    if milliseconds is None:
        return None
    number = attempt(lambda: as_step(what, milliseconds))
    if not isinstance(number, int) or abs(number) > _LAST_MS:
        raise InvalidValue(f"The {what} is in whole milliseconds since 1970, before the year 2262, not {milliseconds!r}.")
    return number * 1_000_000


def _entities(verb: str, given: Iterable[Any] | None, kind: type[E]) -> list[E]:
    """What was given, if it is a list of these."""
    if not isinstance(given, Iterable | None):
        raise InvalidValue(f"{verb} takes a list of {kind.__name__}, not {type(given).__name__}.")
    found = list(given or ())
    for entity in found:
        if not isinstance(entity, kind):
            raise InvalidValue(f"{verb} takes a list of {kind.__name__}; {entity!r:.80} is of type {type(entity).__name__}.")
    return found


def _checked_point(metric: Metric) -> Metric:
    """The point as plain numbers, which no verb will refuse."""
    key = as_key(metric.key)
    number = attempt(as_value(key, metric.value).__float__)
    if isinstance(number, BaseException):
        raise InvalidValue(f"The value of {key!r} could not be read: {number}.") from number
    if _ns(f"timestamp of {key!r}", metric.timestamp) is None:
        raise InvalidValue(f"The point of {key!r} has no timestamp, in milliseconds since 1970.")
    return Metric(key, number, metric.timestamp, as_step(key, metric.step))


def _checked_params(params: Iterable[Param]) -> dict[str, Any]:
    """The values by their keys. Raises where one key has two of them."""
    found: dict[str, Any] = {}
    for param in params:
        key = as_key(param.key, "param")
        first, text = as_text(key, found.setdefault(key, param.value)), as_text(key, param.value)
        if first != text:
            raise InvalidValue(f"The param {key!r} was given two values, {first!r} and {text!r}.")
    return found


def _checked_notes(used: DatasetInput) -> dict[str, Any]:
    if not isinstance(used.dataset, entities.Dataset):
        raise InvalidValue(f"A DatasetInput is of what runlake.data.from_pandas and its like give, not {type(used.dataset).__name__}.")
    return {as_key(tag.key, "tag"): as_text(tag.key, tag.value) for tag in _entities("DatasetInput", used.tags, InputTag)}


def _logged(run: ActiveRun, synchronous: bool | None) -> RunOperations | None:
    if synchronous:
        run.recorder.flusher.flush(sync=False)
    return RunOperations() if synchronous is False else None
