"""The run that is being recorded: what its owner says of it, and the verbs that write to it."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Literal

from runlake import background
from runlake.entities import Dataset, Event, Job, LifecycleStage, RunData, RunInfo, Scope, Status
from runlake.entities.params import kind_of
from runlake.entities.status import ENDS
from runlake.errors import InvalidValue
from runlake.guard import attempt
from runlake.recording import artifacts, documents
from runlake.recording.buffer import Content
from runlake.recording.listeners import run_ended, run_ending, tell
from runlake.recording.metrics import MetricLog
from runlake.recording.offered import OfferedRun
from runlake.recording.recorders import Recorder
from runlake.recording.secrets import as_written
from runlake.recording.turns import take_turn
from runlake.recording.values import as_key, as_text, goal_tag
from runlake.store.fold import RunState, fold_runs
from runlake.store.names import new_run_id
from runlake.store.owners import is_at_it, said_at_work, writers_at_work
from runlake.store.packs import content_of

__all__ = ["ActiveRun", "Child", "Opening", "status_named", "status_of"]

NAME_TAG = "mlflow.runName"
PARENT_TAG = "mlflow.parentRunId"
NOTE_TAG = "mlflow.note.content"
CONTEXT_TAG = "mlflow.data.context"


@dataclass(frozen=True)
class Opening:
    """What a run is opened with: a new one, or what the store has of one that is resumed or joined."""

    run_id: str
    name: str
    experiment_id: str
    start_ns: int
    user: str = ""
    parent_run_id: str | None = None
    is_new: bool = True
    is_joined: bool = False  # another process owns it and ends it
    state: RunState = field(default_factory=lambda: RunState(""))
    last_steps: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Child:
    """What is known of a run inside another one that is recorded when it is over."""

    params: Mapping[str, Any] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    status: str = Status.FINISHED
    start_ns: int | None = None
    end_ns: int | None = None


class ActiveRun(MetricLog):
    """A run that this process records. What it logs is buffered, and in the store within a second."""

    def __init__(self, recorder: Recorder, opening: Opening, outer: ActiveRun | None, tags: Mapping[str, str]) -> None:
        texts = _checked_tags(tags)  # before the store hears of the run
        super().__init__(recorder, opening.run_id)
        self.name = opening.name
        self.outer = outer
        self.is_ended = False
        self.is_entered = False
        self.is_joined = opening.is_joined
        self._opening = opening
        self._status = Status.RUNNING
        self._end_ns: int | None = None
        self._pid = os.getpid()
        self.is_automatic = False  # opened for a training, not by the user
        self.last_ns: int | None = None  # when its training was known to go on
        self.holders: list[None] = []  # one for each training that is recorded in it and was to end it: the last one does
        self.is_of_many = False  # several processes may be at it
        self._free_slots = [None] if opening.is_new and not opening.is_joined else []
        self._params = {key: text for key, (_, text) in opening.state.given_params.items()}
        self._tags = dict(opening.state.given_tags)
        self.offered = OfferedRun(self, opening.state)
        self._artifacts = dict(opening.state.artifacts)
        self._tables: dict[str, dict[str, list[Any]]] = {}
        self.count_on_from(opening.last_steps)
        self.offered.count_on_from(opening.last_steps)
        recorder.clock.start_after(opening.state.last_hlc)
        if not opening.is_joined:
            self._say_opened()
        self.set_tags(texts)

    @property
    def is_ours(self) -> bool:
        """Whether this process opened it: a forked child that inherited it only logs to it."""
        return self._pid == os.getpid()

    @property
    def info(self) -> RunInfo:
        """What the run is, apart from what it logged."""
        opening = self._opening
        return RunInfo(
            run_id=self.run_id,
            experiment_id=opening.experiment_id,
            run_name=self.name,
            status=str(self._status),
            start_time=opening.start_ns // 1_000_000,
            end_time=None if self._end_ns is None else self._end_ns // 1_000_000,
            user_id=opening.user,
            lifecycle_stage=LifecycleStage.ACTIVE,
            artifact_uri=self.artifact_uri(),
            parent_run_id=opening.parent_run_id,
            writer=self.recorder.flusher.writer.id,
        )

    @property
    def data(self) -> RunData:
        """The params and tags that this process knows of; `get_run` reads the metrics too."""
        return RunData(params=self.offered.params | self._params, tags=self.offered.tags | self._tags)

    def take_slot(self) -> bool:
        """Have the first training of this run be recorded in it; False for every later one, and in another process.

        But where another process opened the run for this program.
        """
        if not self.is_ours:
            return False
        if self.is_joined:
            return take_turn(self.run_id, "training")
        try:
            self._free_slots.pop()  # one C call, so two threads do not both get it
        except IndexError:
            return False
        return True

    def has_logged(self, scope: Scope, key: str) -> bool:
        """Whether there is one of this name here that was not offered; an artifact counts in any case."""
        known: dict[Scope, Mapping[str, Any]] = {
            Scope.PARAM: self._params,
            Scope.TAG: self._tags,
            Scope.METRIC: self._series,
            Scope.ARTIFACT: self._artifacts,
        }
        return key in known[scope]

    def kept_as(self, name: str) -> tuple[str, int] | None:
        """Hash and size of what is kept under this name, by whomever; no hash while it waits for the disk."""
        return self._artifacts.get(name)

    def kept_below(self, folder: str) -> list[str]:
        """The names of what is kept in this folder, by whomever, as they are in it."""
        return [name.removeprefix(f"{folder}/") for name in list(self._artifacts) if name.startswith(f"{folder}/")]

    def artifact_uri(self, path: str | None = None) -> str:
        """The URI of the run's artifacts, or of one."""
        return f"runs:/{self.run_id}/{artifacts.checked_name(path) if path else ''}"

    def env(self) -> dict[str, str]:
        """The environment with which another process logs to this run, which it finds in the store."""
        self.recorder.flusher.flush(sync=False)
        return {"RUNLAKE_STORE": str(self.recorder.layout.root), "RUNLAKE_RUN_ID": self.run_id}

    def log_param(self, key: str, value: Any) -> Any:
        """Fix a value for the run, and give it back. The same text again is fine; another is an error."""
        self.log_params({key: value})
        return value

    def log_params(self, params: Mapping[str, Any]) -> None:
        """Fix several values, all of them or, if one is wrong, none."""
        texts = {as_key(key, "param"): as_text(key, value) for key, value in params.items()}
        for key, text in texts.items():
            if self._params.get(key, text) == text:
                continue
            settings = self.recorder.flusher.config
            written = as_written(key, text, settings)  # which is all that a run that goes on knows of it
            if self._params[key] != written:
                before = as_written(key, self._params[key], settings)
                raise InvalidValue(
                    f"The param {key!r} of the run {self.name!r} is {before!r} already, and cannot become {written!r}. "
                    "What changes during a run is a metric or a tag."
                )
        for key, text in texts.items():
            if self._params.setdefault(key, text) is text:
                self.add(Scope.PARAM, key, text, kind_of(params[key]))

    def set_tag(self, key: str, value: Any) -> None:
        """Note something; a later value takes the place of an earlier one."""
        self.set_tags({key: value})

    def set_tags(self, tags: Mapping[str, Any]) -> None:
        """Note several things, all of them or, if one is wrong, none."""
        for key, text in _checked_tags(tags).items():
            self._tags[key] = text
            self.add(Scope.TAG, key, text)
            if key == NAME_TAG:
                self.name = text
                self.add(Scope.RUN, "name", text)

    def delete_tag(self, key: str) -> None:
        """Take a note back. Raises InvalidValue where there is none."""
        if as_key(key, "tag") not in self.data.tags:
            self.recorder.flusher.flush(sync=False)  # or a tag that was deleted just now would still be there
            state = self._stored_state()  # another process may have made it
            if key not in state.tags:
                raise InvalidValue(f"The run {self.name!r} has no tag {key!r}; it has {sorted({**self.data.tags, **state.tags})[:20]}.")
            self.recorder.clock.start_after(state.last_hlc)
        self._tags.pop(key, None)
        self.offered.tags.pop(key, None)
        self.recorder.add(Event(self.run_id, Scope.TAG, key, "delete", "str", None, None, "", self.recorder.clock.tick()))

    def set_metric_goal(self, key: str, goal: Literal["min", "max"]) -> None:
        """Say which way a metric is better."""
        self.set_tags(goal_tag(key, goal))

    def log_input(self, dataset: Dataset, context: str | None = None, tags: Mapping[str, Any] | None = None) -> None:
        """Note a data set that the run uses, for training say."""
        if not isinstance(dataset, Dataset):
            raise InvalidValue(f"log_input takes what runlake.data.from_pandas and its like give, not {type(dataset).__name__}.")
        notes = {key: as_text(key, value) for key, value in (tags or {}).items()} | ({CONTEXT_TAG: context} if context else {})
        stored = json.dumps({"dataset": asdict(dataset), "tags": notes})
        self.add(Scope.INPUT, f"{dataset.name}/{dataset.digest}/{context or ''}", stored, "json")

    def log_artifact(self, local_path: str | os.PathLike[str], artifact_path: str | None = None) -> None:
        """Keep a copy of a file, or of every file of a folder, under `artifact_path`."""
        self._artifacts.update(artifacts.keep(self.recorder, self.run_id, Path(local_path), artifact_path))

    def log_text(self, text: str, artifact_file: str) -> None:
        """Keep a text."""
        if not isinstance(text, str):
            raise InvalidValue(f"log_text keeps text, not {type(text).__name__}.")
        data = attempt(text.encode)
        if isinstance(data, BaseException):
            raise InvalidValue(f"The text for {artifact_file!r} holds half a surrogate pair, which no file can hold.")
        self.keep_bytes(artifact_file, data)

    def log_dict(self, dictionary: Any, artifact_file: str) -> None:
        """Keep a dictionary or list, as JSON or, for `.yml` and `.yaml`, as YAML."""
        self.keep_bytes(artifact_file, documents.dict_bytes(dictionary, artifact_file))

    def log_figure(self, figure: Any, artifact_file: str, *, save_kwargs: Mapping[str, Any] | None = None) -> None:
        """Keep a figure of matplotlib or plotly, in the format of its file name."""
        self.keep_bytes(artifact_file, documents.figure_bytes(figure, artifact_file, save_kwargs or {}))

    def log_image(self, image: Any, artifact_file: str | None = None, key: str | None = None, step: int | None = None) -> None:
        """Keep a picture: under a file name, or under a key as the one of a step."""
        if (artifact_file is None) == (key is None):
            raise InvalidValue("log_image takes an artifact_file or a key, one of the two.")
        name = artifact_file or f"images/{key}/step-{step or 0:08d}.png"
        self.keep_bytes(name, documents.image_bytes(image, name))

    def log_table(self, data: Any, artifact_file: str) -> None:
        """Keep a table as JSON; further rows under the same name go below the earlier ones."""
        name = str(artifacts.checked_name(artifact_file))
        rows = documents.rows_of(data)
        before = self._tables.get(name) or self._stored_table(name)
        self._tables[name] = table = documents.append_rows(before, rows) if before else rows
        self.keep_bytes(name, documents.table_bytes(table))

    def add(self, scope: Scope, key: str, text: str, kind: str = "str", op: str = "set") -> None:
        """Record that a key has this value now."""
        self.recorder.add(Event(self.run_id, scope, key, op, kind, _number(kind, text), None, text, self.recorder.clock.tick()))

    def keep_bytes(self, name: str, data: bytes) -> bool:
        """Keep these bytes under a name; whether the store took them, which the run shows where it did not."""
        kept = artifacts.keep_bytes_as(self.recorder, self.run_id, name, data)
        self._artifacts.update(kept)
        return bool(kept)

    def keep_files(self, folder: str, files: Mapping[str, bytes]) -> bool:
        """Keep these files of one folder, together; whether the store took them all, which the run shows where it did not."""
        kept = artifacts.keep_together(self.recorder, self.run_id, folder, files)
        self._artifacts.update(kept)
        return len(kept) == len(files)

    def keep_soon(self, name: str, content: Content, n_bytes: int) -> None:
        """Keep it under a name with the next flush."""
        name = str(artifacts.checked_name(name))
        self._artifacts[name] = "", n_bytes
        self.recorder.flusher.add_file(self.run_id, name, content, n_bytes)

    def note_job(self, job: Job) -> None:
        """Say how a job of this run stands. Whoever reads that finds all that was logged before."""
        event = Event(self.run_id, Scope.JOB, job.name, "set", "json", None, None, job.to_text(), self.recorder.clock.tick())
        self.recorder.flusher.add_after_points(event)

    def wait(self, timeout: float | None = None) -> dict[str, Job]:
        """Have the run's jobs done here, or wait for who does them, and give them as they stand then."""
        self.recorder.flusher.flush(timeout, sync=False)
        if any(job.is_open for job in self._stored_jobs().values()):
            background.finish(self.recorder.layout.root, self.run_id, timeout)
        return self._stored_jobs()

    def add_child(self, name: str, child: Child) -> None:
        """Record a run inside this one that is over. It is written with the next flush."""
        now = time.time_ns()
        start_ns, end_ns = child.start_ns or now, child.end_ns or now
        own = self._opening
        opening = Opening(new_run_id(), name, own.experiment_id, start_ns, own.user, self.run_id)
        run = ActiveRun(self.recorder, opening, None, {NAME_TAG: name, "mlflow.user": own.user, PARENT_TAG: self.run_id})
        run.offered.set_tags(child.tags)
        run.offered.log_params(child.params)
        run.offered.log_metrics(child.metrics)
        run.say_ended(status_named(child.status), end_ns)
        run.is_ended = True

    def end(self, status: Status = Status.FINISHED) -> None:
        """Say how the run ended, and wait until the store has it, or for one that was opened for a training until the next flush.

        A second time, and in a forked child, nothing happens.
        """
        if self.is_ended or not self.is_ours:
            return
        tell(run_ending, self)
        self.is_ended = True
        heir = self._find_heir() if self.is_of_many else ""
        if heir:
            self._say(owner=heir)
        elif not self.is_joined:
            self.say_ended(status, self.last_ns or time.time_ns())
        if not self.is_automatic:  # else the library's call would take longer
            self.recorder.flusher.flush(sync=False)
        tell(run_ended, self)

    def say_at_work(self) -> None:
        """Have the store say that this process is at the run, as others may be: who leaves it leaves it to them."""
        self.is_of_many = True
        self._say(**said_at_work(self.recorder.flusher.writer.id, is_at_work=True))

    def _find_heir(self) -> str:
        """Another living process that is at the run, once this one has said that it leaves."""
        self._say(**said_at_work(self.recorder.flusher.writer.id, is_at_work=False))
        self.recorder.flusher.flush(sync=False)
        view = self.recorder.view()
        said = fold_runs(view.events(self.run_id)).get(self.run_id, RunState(self.run_id)).said
        return next((other for other in writers_at_work(said) if is_at_it(view.writer(other))), "")

    def say_ended(self, status: Status, end_ns: int) -> None:
        """Have the store say that the run ended so, after all that was logged before; what is said later outranks it."""
        self._status, self._end_ns = status, end_ns
        self._tables.clear()  # the store has them, should more rows come
        self._buffer.ends.extend((self._event(Scope.RUN, "end_ns", end_ns), self._event(Scope.RUN, "status", status)))

    def say_resumed(self) -> None:
        """Have the store say that the run goes on, and that this process is the one in which it does."""
        self._status, self._end_ns = Status.RUNNING, None
        self._say(status=Status.RUNNING, owner=self.recorder.flusher.writer.id)

    def __enter__(self) -> ActiveRun:
        self.is_entered = True
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.end(status_of(error))

    def __repr__(self) -> str:
        return f"<ActiveRun {self.name!r} {self.run_id}{' ended' if self.is_ended else ''}>"

    def _say_opened(self) -> None:
        opening = self._opening
        self.say_resumed()
        if opening.is_new:
            self._say(name=self.name, start_ns=opening.start_ns, experiment_id=opening.experiment_id)
            self._say(user=opening.user or None, parent_run_id=opening.parent_run_id)

    def _say(self, **said: str | int | None) -> None:
        for key, value in said.items():
            if value is not None:
                self.recorder.add(self._event(Scope.RUN, key, value))

    def _stored_jobs(self) -> dict[str, Job]:
        return self._stored_state().jobs

    def _stored_state(self) -> RunState:
        """What the store has of the run, of all who log to it."""
        return fold_runs(self.recorder.view().events(self.run_id)).get(self.run_id, RunState(self.run_id))

    def _stored_table(self, name: str) -> dict[str, list[Any]]:
        """The table of that name that a resumed run has already."""
        if name not in self._artifacts:
            return {}
        stored = json.loads(content_of(self.recorder.layout, self._artifacts[name][0]))
        return {column: [row[place] for row in stored["data"]] for place, column in enumerate(stored["columns"])}

    def _event(self, scope: Scope, key: str, value: str | int) -> Event:
        return Event.set(self.run_id, scope, key, value, self.recorder.clock.tick())


def _checked_tags(tags: Mapping[str, Any]) -> dict[str, str]:
    return {as_key(key, "tag"): as_text(key, value) for key, value in tags.items()}


def status_of(error: BaseException | None) -> Status:
    """How a run ended that this error, or none, ended."""
    if error is None or (isinstance(error, SystemExit) and not error.code):
        return Status.FINISHED
    if isinstance(error, SystemExit) and isinstance(error.__context__, KeyboardInterrupt):  # how some libraries answer Ctrl-C
        return Status.KILLED
    return Status.FAILED if isinstance(error, (Exception, SystemExit)) else Status.KILLED


def status_named(name: str) -> Status:
    """The status of this name. Raises InvalidValue for one that no run ends with."""
    if name not in tuple(ENDS):
        raise InvalidValue(f"A run ends {', '.join(ENDS[:-1])} or {ENDS[-1]}, not {name!r}.")
    return Status(name)


def _number(kind: str, text: str) -> float | None:
    """The number of a param beside its text, so that engines compare it as one."""
    if kind == "bool":
        return float(text == "True")
    number = attempt(lambda: float(text)) if kind in ("int", "float") else None
    return number if isinstance(number, float) else None
