"""Removes for good what was deleted, contents that no run refers to, and what ended processes left, in an order that bears being cut short.

What is decided is decided from what the store holds right before it is done; whoever is killed leaves what the next one finishes.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

from runlake.entities import Experiment
from runlake.store.batches import look
from runlake.store.experiments import Experiments
from runlake.store.gc.doomed import Asked, Doomed, DoomedRun, PassedOver, find_doomed
from runlake.store.gc.leftovers import Leftover, leftovers, remove_leftovers
from runlake.store.gc.removing import remove_runs
from runlake.store.gc.unreferenced import referred_to, remove_unreferenced, unreferenced
from runlake.store.layout import Layout
from runlake.store.lod import bring_lod_up_to_date
from runlake.store.publish import publish
from runlake.store.runs_table import bring_runs_up_to_date
from runlake.store.sizes import Amount
from runlake.store.view import View

__all__ = ["Collected", "collect", "would_collect"]


@dataclass
class Collected:
    """What goes, or is gone. Files of tables that were rewritten are `later`: who reads them still has a day for that."""

    runs: list[DoomedRun] = field(default_factory=list)
    experiments: list[Experiment] = field(default_factory=list)
    passed_over: list[PassedOver] = field(default_factory=list)
    contents: Amount = field(default_factory=Amount)
    young: Amount = field(default_factory=Amount)
    leftovers: list[Leftover] = field(default_factory=list)
    unsure: str | None = None  # why contents stay whether something refers to them or not
    later: int = 0

    @property
    def n_bytes(self) -> int:
        """How many become free at once."""
        return self.contents.n_bytes + sum(each.size for each in self.leftovers)

    @property
    def is_nothing(self) -> bool:
        """Whether there is nothing to do."""
        return not (self.runs or self.experiments or self.contents.files or self.leftovers)


def would_collect(layout: Layout, asked: Asked) -> Collected:
    """What `collect` would do now. Nothing is changed."""
    found = look(layout)
    doomed = find_doomed(found.view, Experiments(layout), asked, found.over)
    collected = _of(doomed)
    collected.leftovers = leftovers(layout, found.view, doomed.runs)
    collected.unsure = _why_unsure(found.view)
    if not collected.unsure:
        collected.contents, collected.young = unreferenced(layout, referred_to(found.view, doomed.runs))
    return collected


def collect(layout: Layout, asked: Asked) -> Collected:
    """Publish, then remove what is to go. Anybody may do so at any time, also several at once."""
    publish(layout)
    view, experiments = View(layout), Experiments(layout)
    collected = _remove_doomed(layout, view, experiments, asked)
    view.refresh()
    collected.unsure = _why_unsure(view)
    if not collected.unsure:
        _remove_contents(layout, view, collected)
    collected.leftovers = leftovers(layout, view)
    remove_leftovers(layout, collected.leftovers)
    return collected


def _remove_doomed(layout: Layout, view: View, experiments: Experiments, asked: Asked) -> Collected:
    seen = Doomed()

    def which() -> Collection[str]:
        nonlocal seen
        view.refresh()
        seen = find_doomed(view, experiments, asked)
        return seen.runs

    which()
    for experiment in seen.experiments.values():
        experiments.collect(experiment.experiment_id, experiment.last_update_time or 0)
    run_ids, taken = remove_runs(layout, which)
    collected = _of(seen)
    collected.runs = [run for run in collected.runs if run.run_id in run_ids]
    collected.later = taken.n_bytes
    view.refresh()
    there = {shelf for shelf, _ in view.last_said("experiment_id").values()} if collected.experiments else set()
    collected.experiments = [each for each in collected.experiments if each.experiment_id not in there]
    for experiment in collected.experiments:
        experiments.purge(experiment.experiment_id)
    bring_runs_up_to_date(layout)
    bring_lod_up_to_date(layout)
    return collected


def _of(doomed: Doomed) -> Collected:
    return Collected(list(doomed.runs.values()), list(doomed.experiments.values()), doomed.passed_over)


def _remove_contents(layout: Layout, view: View, collected: Collected) -> None:
    known: set[str] = set()

    def wanted() -> set[str]:
        nonlocal known
        view.refresh()
        known = referred_to(view)
        return known

    collected.contents = remove_unreferenced(layout, wanted)
    _, collected.young = unreferenced(layout, known)


def _why_unsure(view: View) -> str | None:
    """A log that cannot be read may refer to anything."""
    damaged = next((part.tail.path for part in view.parts.values() if part.tail.damage), None)
    return None if damaged is None else f"{damaged} is damaged, and what it refers to is not known"
