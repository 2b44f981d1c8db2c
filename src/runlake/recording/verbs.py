"""The verbs of the module `runlake`: each one acts on the active run, or on the one that it is given by id."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, SupportsIndex

from runlake import config
from runlake.entities import Dataset
from runlake.errors import NoActiveRun
from runlake.recording.active import active_run, end_run, last_active_run, open_run, run_to_log_to
from runlake.recording.opening import Wanted
from runlake.recording.recorders import flush_all
from runlake.recording.runs import ActiveRun
from runlake.recording.stored import delete_run, restore_run, run_with_id
from runlake.recording.telling import name_unused
from runlake.recording.uris import store_of

__all__ = [
    "active_run",
    "delete_run",
    "delete_tag",
    "end_run",
    "flush",
    "get_artifact_uri",
    "get_tracking_uri",
    "last_active_run",
    "log_artifact",
    "log_artifacts",
    "log_batch",
    "log_dict",
    "log_figure",
    "log_image",
    "log_input",
    "log_metric",
    "log_metrics",
    "log_param",
    "log_params",
    "log_table",
    "log_text",
    "restore_run",
    "set_metric_goal",
    "set_tag",
    "set_tags",
    "set_tracking_uri",
    "start_run",
]

Step = SupportsIndex | float | None


def set_tracking_uri(uri: str | Path) -> None:
    """Have this process use that store: a path, `file:`, `sqlite:///x.db`, or the address of a page on this machine."""
    config.choose_store(store_of(uri))


def get_tracking_uri() -> str:
    """The folder of the store in use, as an absolute path."""
    return str(config.find_store())


def start_run(
    run_id: str | None = None,
    experiment_id: str | int | None = None,
    run_name: str | None = None,
    nested: bool = False,
    parent_run_id: str | None = None,
    tags: Mapping[str, Any] | None = None,
    description: str | None = None,
    log_system_metrics: bool | None = None,
) -> ActiveRun:
    """Open a run, or go on with the one of `run_id`; it ends with its `with`, with `end_run()`, or with the process."""
    wanted = Wanted(run_id, experiment_id, run_name, parent_run_id, tags, description, log_system_metrics=log_system_metrics)
    return open_run(wanted, nested=nested)


def log_metric(
    key: str,
    value: Any,
    step: Step = None,
    synchronous: bool | None = None,
    timestamp: int | None = None,
    run_id: str | None = None,
    model_id: str | None = None,
    dataset: Any = None,
) -> RunOperations | None:
    """Record a point. Without a step it is the greatest step of this key so far + 1.

    Here and below, `synchronous=True` waits until it is written, and `synchronous=False` gives what one can wait with later.
    """
    run = run_to_log_to() if run_id is None else run_with_id(run_id)
    run.log_metric(key, value, step, timestamp)
    if model_id is dataset is synchronous is None:
        return None
    name_unused("log_metric", model_id=model_id, dataset=dataset)
    return _written(synchronous)


def log_metrics(
    metrics: Mapping[str, Any],
    step: Step = None,
    synchronous: bool | None = None,
    run_id: str | None = None,
    timestamp: int | None = None,
    model_id: str | None = None,
    dataset: Any = None,
) -> RunOperations | None:
    """Record a point of each metric, all of them or, if one is wrong, none."""
    run = run_to_log_to() if run_id is None else run_with_id(run_id)
    run.log_metrics(metrics, step, timestamp)
    if model_id is dataset is synchronous is None:
        return None
    name_unused("log_metrics", model_id=model_id, dataset=dataset)
    return _written(synchronous)


def log_batch(key: str, values: Any, steps: Any = None, timestamps: Any = None) -> None:
    """Record many points of one key: lists or arrays."""
    run_to_log_to().log_batch(key, values, steps, timestamps)


def log_param(key: str, value: Any, synchronous: bool | None = None) -> Any:
    """Fix a value for the run, and give it back. The same text again is fine; another is an error."""
    run_to_log_to().log_param(key, value)
    return _written(synchronous) or value


def log_params(params: Mapping[str, Any], synchronous: bool | None = None, run_id: str | None = None) -> RunOperations | None:
    """Fix several values, all of them or, if one is wrong, none."""
    run = run_to_log_to() if run_id is None else run_with_id(run_id)
    run.log_params(params)
    return _written(synchronous)


def set_tag(key: str, value: Any, synchronous: bool | None = None) -> RunOperations | None:
    """Note something about the run; a later value takes the place of an earlier one."""
    return set_tags({key: value}, synchronous)


def set_tags(tags: Mapping[str, Any], synchronous: bool | None = None) -> RunOperations | None:
    """Note several things, all of them or, if one is wrong, none."""
    run_to_log_to().set_tags(tags)
    return _written(synchronous)


def delete_tag(key: str) -> None:
    """Take a note back."""
    run_to_log_to().delete_tag(key)


def set_metric_goal(key: str, goal: Literal["min", "max"]) -> None:
    """Say which way a metric is better."""
    run_to_log_to().set_metric_goal(key, goal)


def log_input(dataset: Dataset, context: str | None = None, tags: Mapping[str, Any] | None = None, model: Any = None) -> None:
    """Note a data set that the run uses, for training say."""
    name_unused("log_input", model=model)
    run_to_log_to().log_input(dataset, context, tags)


def log_artifact(local_path: str | os.PathLike[str], artifact_path: str | None = None, run_id: str | None = None) -> None:
    """Keep a copy of a file, or of every file of a folder."""
    run = run_to_log_to() if run_id is None else run_with_id(run_id)
    run.log_artifact(local_path, artifact_path)


def log_artifacts(local_dir: str | os.PathLike[str], artifact_path: str | None = None, run_id: str | None = None) -> None:
    """Keep a copy of every file of a folder."""
    log_artifact(local_dir, artifact_path, run_id)


def log_text(text: str, artifact_file: str, run_id: str | None = None) -> None:
    """Keep a text."""
    run = run_to_log_to() if run_id is None else run_with_id(run_id)
    run.log_text(text, artifact_file)


def log_dict(dictionary: Any, artifact_file: str, run_id: str | None = None) -> None:
    """Keep a dictionary or list, as JSON or, for `.yml` and `.yaml`, as YAML."""
    run = run_to_log_to() if run_id is None else run_with_id(run_id)
    run.log_dict(dictionary, artifact_file)


def log_figure(figure: Any, artifact_file: str, *, save_kwargs: Mapping[str, Any] | None = None) -> None:
    """Keep a figure of matplotlib or plotly, in the format of its file name."""
    run_to_log_to().log_figure(figure, artifact_file, save_kwargs=save_kwargs)


def log_image(
    image: Any,
    artifact_file: str | None = None,
    key: str | None = None,
    step: int | None = None,
    timestamp: int | None = None,
    synchronous: bool | None = None,
) -> None:
    """Keep a picture: under a file name, or under a key as the one of a step. It is kept when this returns."""
    name_unused("log_image", timestamp=timestamp, synchronous=synchronous)
    run_to_log_to().log_image(image, artifact_file, key, step)


def log_table(data: Any, artifact_file: str, run_id: str | None = None) -> None:
    """Keep a table; further rows under the same name go below the earlier ones."""
    run = run_to_log_to() if run_id is None else run_with_id(run_id)
    run.log_table(data, artifact_file)


def get_artifact_uri(artifact_path: str | None = None) -> str:
    """The URI of the active run's artifacts, or of one: `runs:/<run id>/<path>`."""
    run = active_run()
    if run is None:
        raise NoActiveRun("No run is open here. Call runlake.start_run() first.")
    return run.artifact_uri(artifact_path)


class RunOperations:
    """What was logged with `synchronous=False`, to wait for."""

    def wait(self) -> None:
        """Until it is written."""
        flush_all(sync=False)


def _written(synchronous: bool | None) -> RunOperations | None:
    if synchronous:
        flush_all(sync=False)
    return RunOperations() if synchronous is False else None


def flush(timeout: float | None = None) -> bool:
    """Wait until all that was logged is on the disk, safe from the loss of power; whether it is."""
    return flush_all(timeout)
