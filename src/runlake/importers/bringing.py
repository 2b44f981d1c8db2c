"""Brings what a source has into a store, one run after the other, and says what came, what was new and what stayed behind."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from runlake.config import Config
from runlake.entities import Event, Experiment, LifecycleStage, Scope, ViewType
from runlake.errors import InvalidValue, UnknownExperiment
from runlake.importers.arriving import Added, Arriving, ArrivingRun
from runlake.importers.remarks import Remarks
from runlake.importers.sources import Source
from runlake.read import Query, open_store
from runlake.recording.secrets import as_written, without_secrets
from runlake.recording.values import as_key, as_text
from runlake.store.experiments import DEFAULT, Experiments

__all__ = ["KINDS", "NEW", "Brought", "bring", "chosen"]

KINDS = ("experiments", "runs", "params", "points", "tags", "inputs", "files", "bytes")  # of what is read
NEW = ("experiments", "runs", "grown", "events", "points", "files", "bytes")  # of what the store did not have
_OF_SCOPES = {Scope.PARAM: "params", Scope.TAG: "tags", Scope.INPUT: "inputs"}


@dataclass
class Brought:
    """How much was read, and how much of it the store did not have."""

    read: Counter[str] = field(default_factory=Counter)
    new: Counter[str] = field(default_factory=Counter)


def chosen(source: Source, names: Sequence[str]) -> list[Experiment]:
    """The experiments of these names, or all. Raises UnknownExperiment for a name that the source does not have."""
    there = {each.name: each for each in source.experiments()}
    for name in names:
        if name not in there:
            some = ", ".join(map(repr, sorted(there)[:10])) or "none"
            raise UnknownExperiment(f"{source.title} has no experiment {name!r}; it has {some}.")
    return [each for each in there.values() if each.name in names or not names]


def bring(
    source: Source,
    experiments: Sequence[Experiment],
    settings: Config,
    arriving: Arriving | None,
    tell: Callable[[str], None] = lambda what: None,
) -> Brought:
    """Bring these experiments and their runs. Without anything that takes them, they are read alone."""
    bringing = _Bringing(source.remarks, settings, arriving)
    names = {each.name: name for each in experiments if (name := bringing.experiment(each)) is not None}
    kept = [each for each in experiments if each.name in names]
    total = source.count(kept)
    for number, run in enumerate(source.runs(kept), 1):
        tell(f"run {number:,} of {max(total, number):,}")
        bringing.run(replace(run, experiment=names[run.experiment]))
    source.remark_on_the_rest(kept)
    return bringing.brought


class _Bringing:
    """Counts, and leaves out secrets."""

    def __init__(self, remarks: Remarks, settings: Config, arriving: Arriving | None) -> None:
        self.brought = Brought()
        self._remarks = remarks
        self._settings = settings
        self._arriving = arriving
        self._there = {each.experiment_id for each in Experiments(arriving.layout).all()} if arriving else set()

    def experiment(self, experiment: Experiment) -> str | None:
        """Make the experiment or find it; the name that it has here, None where it cannot be kept."""
        try:
            name = self._written("experiment_name", as_key(experiment.name, "experiment"))
            tags = {as_key(key, "tag"): self._written(key, as_text(key, text)) for key, text in experiment.tags.items()}
        except (InvalidValue, UnicodeEncodeError) as error:
            self._remarks.broken("experiments that cannot be kept, with their runs", error)
            return None
        self.brought.read["experiments"] += 1
        if self._arriving is not None:
            self._make(self._arriving, replace(experiment, name=name, tags=tags))
        return name

    def _written(self, key: str, text: str) -> str:
        text.encode()  # half a surrogate pair no file can hold
        return as_written(key, text, self._settings)

    def _make(self, arriving: Arriving, experiment: Experiment) -> None:
        made = arriving.experiment(experiment.name, experiment.tags)
        self.brought.new["experiments"] += made.experiment_id not in self._there
        if experiment.lifecycle_stage == made.lifecycle_stage:
            return
        if made.lifecycle_stage == LifecycleStage.DELETED:
            self._remarks.left_out("experiments that are deleted in this store, where their runs stay with them", experiment.name)
        elif made.experiment_id != DEFAULT and not _holds_runs(arriving, made):  # else somebody has taken it back, or uses it
            arriving.delete_experiment(experiment.name)

    def run(self, run: ArrivingRun) -> None:
        """Bring one run."""
        events, series = [self._without_secrets(event) for event in run.events], list(run.series)
        try:
            sizes = [len(content) if isinstance(content, bytes) else content.stat().st_size for content in run.files.values()]
            if self._arriving is not None:
                self._note(self._arriving.add(replace(run, events=events, series=series)))
        except InvalidValue as error:
            self._remarks.broken("runs that cannot be kept", error)
            return
        except FileNotFoundError as error:
            if Path(str(error.filename)) not in run.files.values():
                raise
            self._remarks.broken("runs of which an artifact vanished meanwhile, which another import brings", error.filename)
            return
        counts = Counter(_OF_SCOPES.get(Scope(event.scope), "") for event in events)
        points = sum(len(each.values) for each in series)
        self.brought.read.update(counts, runs=1, points=points, files=len(sizes), bytes=sum(sizes))

    def _note(self, added: Added) -> None:
        self.brought.new.update(runs=added.is_new, grown=bool(added) and not added.is_new)
        self.brought.new.update(events=added.events, points=added.points, files=added.files, bytes=added.bytes)

    def _without_secrets(self, event: Event) -> Event:
        written = without_secrets(event, self._settings.redact_allow) if self._settings.redact else event
        self._remarks.left_out("values with secrets, which were taken out", f"{event.key} of {event.run_id}", int(written is not event))
        return written


def _holds_runs(arriving: Arriving, experiment: Experiment) -> bool:
    of_it = Query(experiment_ids=[experiment.experiment_id], max_results=0, view_type=ViewType.ALL)
    return open_store(arriving.layout.root).search(of_it).total > 0
