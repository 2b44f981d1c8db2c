"""The experiments of a store: one numbered log of what was made, renamed, deleted, restored, tagged and collected.

What is collected goes in two steps: from the first on it cannot be restored, and its runs may go; with the second, when these are
gone, nobody sees it any more, and its name is free. Its id is never used again.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from runlake.entities import Experiment, LifecycleStage
from runlake.errors import InvalidValue, RunlakeError, UnknownExperiment
from runlake.store.layout import Layout, check_usable, created_ms
from runlake.store.log import Entry, NumberedLog

__all__ = ["DEFAULT", "Experiments"]

DEFAULT = "0"
_MADE = "create"


class Experiments:
    """Reads and changes the experiments; every change is checked against all that came before it. Threads may share one."""

    def __init__(self, layout: Layout) -> None:
        check_usable(layout.root)
        self._root = layout.root
        self._log = NumberedLog(layout, layout.experiments)
        self._folded = 0
        self._by_id: dict[str, Experiment] = {}
        self._made = 0  # those that were collected, too
        self._going: set[str] = set()
        self._lock = threading.RLock()  # two threads that read one entry each would count it twice, and put the next one behind a hole

    def all(self) -> list[Experiment]:
        """Every experiment, deleted ones too, by number."""
        with self._lock:
            self._read()
            if DEFAULT not in self._by_id:
                return [self._default()]  # until there is another to number after it
            return list(self._by_id.values())

    def get(self, experiment_id: str) -> Experiment:
        """The experiment with this id. Raises UnknownExperiment."""
        for experiment in self.all():
            if experiment.experiment_id == experiment_id:
                return experiment
        raise UnknownExperiment(f"There is no experiment {experiment_id!r}; {self._there_are()}.")

    def named(self, name: str) -> Experiment | None:
        """The experiment of this name, deleted or not."""
        return next((experiment for experiment in self.all() if experiment.name == name), None)

    def make_default(self) -> None:
        """Make the experiment "0", unless somebody has."""
        with self._lock:
            self._log.refresh()
            if not self._log.entries:
                made = {"time_ms": created_ms(self._root)}
                self._change(lambda: self._make_entry("Default", None, {}) | made if not self._made else None)

    def make(self, name: str, artifact_location: str | None = None, tags: dict[str, str] | None = None) -> Experiment:
        """A new experiment; its id is the number of those before it. Raises where the name is taken."""
        with self._lock:
            self.make_default()
            self._change(lambda: self._make_entry(name, artifact_location, tags or {}))
            return next(experiment for experiment in self._by_id.values() if experiment.name == name)

    def rename(self, experiment_id: str, name: str) -> None:
        """Give it another name, which must be free."""

        def entry() -> Entry:
            self._name_must_be_free(name)
            return {"op": "rename", "id": experiment_id, "name": name}

        self._change_one(experiment_id, LifecycleStage.ACTIVE, entry)

    def delete(self, experiment_id: str) -> None:
        """Put it away; its name stays taken until it is collected."""

        if experiment_id == DEFAULT:
            raise InvalidValue("The experiment 'Default' cannot be deleted: runs without another go there.")
        self._change_one(experiment_id, LifecycleStage.ACTIVE, lambda: {"op": "delete", "id": experiment_id})

    def restore(self, experiment_id: str) -> None:
        """Take it back."""
        self._change_one(experiment_id, LifecycleStage.DELETED, lambda: {"op": "restore", "id": experiment_id})

    def tag(self, experiment_id: str, tags: dict[str, str]) -> None:
        """Set tags; others stay."""
        self._change_one(experiment_id, LifecycleStage.ACTIVE, lambda: {"op": "tag", "id": experiment_id, "tags": tags})

    def untag(self, experiment_id: str, key: str) -> None:
        """Take a tag back. Raises InvalidValue where there is none."""

        def entry() -> Entry:
            experiment = self._by_id[experiment_id]
            if key not in experiment.tags:
                raise InvalidValue(
                    f"The experiment {experiment.name!r} ({experiment_id}) has no tag {key!r}; it has {sorted(experiment.tags)[:20]}."
                )
            return {"op": "untag", "id": experiment_id, "key": key}

        self._change_one(experiment_id, LifecycleStage.ACTIVE, entry)

    def going(self) -> set[str]:
        """The ids of those that are being collected: no run goes there any more, and none is restored with them."""
        with self._lock:
            self._read()
            return set(self._going)

    def collect(self, experiment_id: str, deleted_ms: int) -> bool:
        """Make sure that one is not restored any more that was deleted then; False where somebody was first."""

        def entry() -> Entry | None:
            found = self._by_id.get(experiment_id)
            is_so = found is not None and found.lifecycle_stage == LifecycleStage.DELETED and found.last_update_time == deleted_ms
            return {"op": "collect", "id": experiment_id} if is_so and experiment_id not in self._going else None

        self._change(entry)
        return experiment_id in self._going

    def purge(self, experiment_id: str) -> None:
        """Forget one whose runs are gone."""
        self._change(lambda: {"op": "purge", "id": experiment_id} if experiment_id in self._going else None)

    def _change_one(self, experiment_id: str, stage: LifecycleStage, entry: Callable[[], Entry]) -> None:
        def decided() -> Entry:
            self._stage_must_be(experiment_id, stage)
            return entry()

        self._change(decided)

    def _change(self, decide: Callable[[], Entry | None]) -> None:
        def folded() -> Entry:
            self._fold()
            entry = decide()
            if entry is None:
                raise _AlreadySo
            return {"time_ms": time.time_ns() // 1_000_000, **entry}

        with self._lock:
            try:
                self._log.append(folded)
            except _AlreadySo:
                return
            self._fold()

    def _make_entry(self, name: str, artifact_location: str | None, tags: dict[str, str]) -> Entry:
        self._name_must_be_free(name)
        return {"op": _MADE, "id": str(self._made), "name": name, "artifact_location": artifact_location, "tags": tags}

    def _name_must_be_free(self, name: str) -> None:
        taken = next((experiment for experiment in self._by_id.values() if experiment.name == name), None)
        if taken is not None:
            hint = "restore it, or choose another name" if taken.lifecycle_stage == LifecycleStage.DELETED else "choose another name"
            raise RunlakeError(f"The experiment {name!r} exists, as {taken.experiment_id!r}, {taken.lifecycle_stage}; {hint}.")

    def _stage_must_be(self, experiment_id: str, stage: LifecycleStage) -> None:
        experiment = self._by_id.get(experiment_id)
        if experiment is None:
            raise UnknownExperiment(f"There is no experiment {experiment_id!r}; {self._there_are()}.")
        if experiment.lifecycle_stage != stage:
            raise RunlakeError(f"The experiment {experiment.name!r} ({experiment_id}) is {experiment.lifecycle_stage}, not {stage}.")
        if experiment_id in self._going:
            raise RunlakeError(f"The experiment {experiment.name!r} ({experiment_id}) is being removed for good, by runlake gc.")

    def _there_are(self) -> str:
        names = [f"{e.experiment_id} ({e.name})" for e in list(self._by_id.values())[-5:]]
        return f"the store has {', '.join(names)}" if names else "the store has none yet"

    def _read(self) -> None:
        self._log.refresh()
        self._fold()

    def _fold(self) -> None:
        for entry in self._log.entries[self._folded :]:
            self._apply(entry)
        self._folded = len(self._log.entries)

    def _apply(self, entry: Entry) -> None:
        number, when = str(entry["id"]), int(entry["time_ms"])
        if entry["op"] == _MADE:
            location = entry["artifact_location"] or f"experiments:/{number}"
            self._by_id[number] = Experiment(number, entry["name"], location, creation_time=when, last_update_time=when, tags=entry["tags"])
            self._made += 1
            return
        if number not in self._by_id:  # what a version that knows of no collecting did to one that is gone
            return
        if entry["op"] == "collect":
            self._going.add(number)
            return
        if entry["op"] == "purge":
            self._going.discard(number)
            del self._by_id[number]
            return
        tags = self._by_id[number].tags
        changes: dict[str, dict[str, Any]] = {
            "rename": {"name": entry.get("name")},
            "delete": {"lifecycle_stage": LifecycleStage.DELETED},
            "restore": {"lifecycle_stage": LifecycleStage.ACTIVE},
            "tag": {"tags": tags | entry.get("tags", {})},
            "untag": {"tags": {key: value for key, value in tags.items() if key != entry.get("key")}},
        }
        self._by_id[number] = replace(self._by_id[number], last_update_time=when, **changes.get(entry["op"], {}))

    def _default(self) -> Experiment:
        """The one that is as old as the store."""
        made = created_ms(self._root)
        return Experiment(DEFAULT, "Default", f"experiments:/{DEFAULT}", creation_time=made, last_update_time=made)


class _AlreadySo(Exception):
    """Somebody else has made this change."""
