"""A run opened for reading."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

from runlake import background
from runlake.entities import CaptureRecord, Dataset, DatasetInput, InputTag, Job, LifecycleStage, RunData, RunInfo, RunInputs, Status
from runlake.entities.environments import ENVIRONMENT_FILE
from runlake.entities.params import typed
from runlake.entities.signatures import SIGNATURE_FILE, ModelSignature
from runlake.errors import InvalidValue, UnknownArtifact, UnknownRun
from runlake.read.comparing import Comparison, compare
from runlake.read.direction import direction
from runlake.read.explanation import EXPLANATION_FILE, IMPORTANCE_FILE, Explanation, Importance
from runlake.read.looks import looks_of
from runlake.read.series import Series
from runlake.read.status import Liveness, liveness
from runlake.store.fold import RunState
from runlake.store.owners import is_at_it, owner_of
from runlake.store.summaries import Summary
from runlake.store.view import WriterState

if TYPE_CHECKING:
    from runlake.read.search.found import Row
    from runlake.read.stores import Store

__all__ = ["Run"]


class Run:
    """What a run was when it was read: `info`, `data` and `inputs` as MLflow has them, and what goes further.

    Of a run that a search found these are known; the rest is read when it is first asked for.
    """

    def __init__(self, store: Store, run_id: str, row: Row | None = None) -> None:
        self._store = store
        self._run_id = run_id
        self._row = row

    @cached_property
    def _state(self) -> RunState:
        return self._store.state(self._run_id)

    def _owner(self) -> WriterState | None:
        owner = self._store.owner(self._row.info.writer) if self._row else None
        return owner if is_at_it(owner) else owner_of(self._state.said, self._store.owner)

    @cached_property
    def liveness(self) -> Liveness:
        """The status, and for how long the owner has been silent."""
        said = Status(self.info.status)
        return liveness(said, self._owner() if said == Status.RUNNING else None)

    @cached_property
    def info(self) -> RunInfo:
        """What the run is, apart from what it logged."""
        if self._row:
            return self._row.info
        said = self._state.said
        status, owner = Status(said["status"]), said.get("owner", "")
        status = liveness(status, self._owner() if status == Status.RUNNING else None).status
        return RunInfo(
            run_id=self._run_id,
            experiment_id=said.get("experiment_id", "0"),
            run_name=said.get("name", self._run_id),
            status=str(status),
            start_time=int(said["start_ns"]) // 1_000_000,
            end_time=int(said["end_ns"]) // 1_000_000 if status != Status.RUNNING and "end_ns" in said else None,
            user_id=said.get("user", ""),
            lifecycle_stage=LifecycleStage(said.get("lifecycle", LifecycleStage.ACTIVE)),
            artifact_uri=f"runs:/{self._run_id}/",
            parent_run_id=said.get("parent_run_id"),
            writer=owner,
        )

    @cached_property
    def data(self) -> RunData:
        """Params and tags as text, and the last value of each metric."""
        if self._row:
            return self._row.data
        params = self._state.params
        return RunData(
            metrics={key: summary.last for key, summary in sorted(self._summaries.items())},
            params={key: text for key, (_, text) in params.items()},
            tags=dict(self._state.tags),
            typed_params={key: typed(kind, text) for key, (kind, text) in params.items()},
        )

    @cached_property
    def _summaries(self) -> dict[str, Summary]:
        return self._store.summaries(self._run_id)

    @cached_property
    def inputs(self) -> RunInputs:
        """The data sets that the run used."""
        if self._row:
            return RunInputs([_dataset_input(each) for each in json.loads(self._row.inputs or "[]")])
        return RunInputs([_dataset_input(json.loads(text)) for text in self._state.inputs.values()])

    @property
    def params(self) -> dict[str, Any]:
        """The params as the values that they were given as, where they were plain ones."""
        return dict(self.data.typed_params)

    @property
    def param_conflicts(self) -> dict[str, list[str]]:
        """What other processes gave a param later, and differently: the first counts."""
        return dict(self._state.conflicts)

    @property
    def tags(self) -> dict[str, str]:
        """The tags."""
        return dict(self.data.tags)

    @cached_property
    def metrics(self) -> Mapping[str, Series]:
        """The series by their names; the points are read when a series is first asked."""
        return _AllSeries(self)

    @property
    def artifacts(self) -> dict[str, int]:
        """The sizes of the artifacts by their names."""
        return {name: size for name, (_, size) in sorted(self._state.artifacts.items())}

    def read_artifact(self, name: str) -> bytes:
        """The content of an artifact. Raises UnknownArtifact."""
        return self._store.read_blob(self._state, name)

    @cached_property
    def signature(self) -> ModelSignature | None:
        """What the run's model takes and gives; None where it has none."""
        if SIGNATURE_FILE not in self.artifacts:
            return None
        return ModelSignature.from_dict(json.loads(self.read_artifact(SIGNATURE_FILE)))

    @cached_property
    def environment(self) -> dict[str, Any]:
        """What the run, or the one that it is inside of, ran on; empty where that was not recorded."""
        recorded = next((run for run in self.outward() if ENVIRONMENT_FILE in run.artifacts), None)
        try:
            found = json.loads(recorded.read_artifact(ENVIRONMENT_FILE)) if recorded else {}
        except (ValueError, RecursionError):  # it is the user's own
            return {}
        return found if isinstance(found, dict) else {}

    def outward(self) -> Iterator[Run]:
        """This run, the one that it is inside of, and so on; as far as they are there, and each once, whatever their tags say."""
        run, seen = self, {self._run_id}
        yield run
        while (parent := run.info.parent_run_id) and parent not in seen:
            try:
                run = self._store.run(parent)
            except UnknownRun:  # it was deleted for good
                return
            seen.add(parent)
            yield run

    def explanation(self, timeout: float | None = None) -> Explanation:
        """What each feature did to what the run's model says, once that is known. Raises UnknownArtifact where there is none."""
        return Explanation(self._made_by("explanation", EXPLANATION_FILE, timeout))

    def importance(self, timeout: float | None = None) -> Importance:
        """How much each feature matters to the run's model, once that is known. Raises UnknownArtifact where there is none."""
        return Importance(self._made_by("importance", IMPORTANCE_FILE, timeout))

    def _made_by(self, name: str, artifact: str, timeout: float | None) -> bytes:
        """What a job leaves, which is done now if it was not."""
        if artifact in self.artifacts:
            return self.read_artifact(artifact)
        job = self.wait(timeout).get(name)
        now = self._store.run(self._run_id)
        if artifact in now.artifacts:
            return now.read_artifact(artifact)
        what = f"the job is {job.state}{f': {job.why}' if job.why else ''}" if job is not None else "nothing was to be found out"
        raise UnknownArtifact(f"The run {self.info.run_name!r} ({self._run_id}) has no {artifact}: {what}.")

    @property
    def captures(self) -> list[CaptureRecord]:
        """What each capture did in this run, what it cost, and what it failed at."""
        return [CaptureRecord.from_row(key, text) for key, text in sorted(self._state.captures.items())]

    @property
    def errors(self) -> list[str]:
        """What could not be recorded, in words."""
        return [f"{key}: {text}" for key, text in self._state.errors]

    @property
    def jobs(self) -> dict[str, Job]:
        """The jobs by their names, as they stood."""
        return dict(self._state.jobs)

    def compare(self, other: Run) -> Comparison:
        """What tells this run, `a`, from another one, `b`: what differs, that first which matters most. Raises InvalidValue."""
        if not isinstance(other, Run):
            raise InvalidValue(f"A run is compared with another run, such as runlake.get_run(its id), not with {other!r}.")
        return compare(self, other)

    def wait(self, timeout: float | None = None) -> dict[str, Job]:
        """Have the run's jobs done here, or wait for who does them, and give them as they stand then."""
        self._store.refresh()
        if any(job.is_open for job in self._store.run(self._run_id).jobs.values()):
            background.finish(self._store.path, self._run_id, timeout)
            self._store.refresh()
        return self._store.run(self._run_id).jobs

    def __repr__(self) -> str:
        info = self.info
        return f"<Run {info.run_name!r} {info.run_id} {self.liveness}, {len(self.data.metrics)} metrics, {len(self.data.params)} params>"

    def _repr_html_(self) -> str:
        return str(looks_of("run_card", self))


class _AllSeries(Mapping[str, Series]):
    """A run's series by name."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._made: dict[str, Series] = {}

    def __getitem__(self, key: str) -> Series:
        if key not in self._run.data.metrics:
            raise KeyError(f"The run {self._run.info.run_name!r} has no metric {key!r}; it has {sorted(self._run.data.metrics)[:20]}.")
        if key not in self._made:
            store, run_id = self._run._store, self._run.info.run_id
            load, curve = partial(store.series, run_id, key), partial(store.curve, run_id, key)
            self._made[key] = Series(key, direction(key, self._run.tags), self._run._summaries[key], load, curve)
        return self._made[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._run.data.metrics)

    def __len__(self) -> int:
        return len(self._run.data.metrics)

    def __repr__(self) -> str:
        return f"<metrics: {', '.join(self)}>"


def _dataset_input(stored: dict[str, Any]) -> DatasetInput:
    return DatasetInput(Dataset(**stored["dataset"]), [InputTag(key, value) for key, value in stored["tags"].items()])
