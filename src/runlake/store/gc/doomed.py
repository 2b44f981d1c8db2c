"""Which runs and experiments are to go for good, and which of them cannot yet, and why."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

from runlake.entities import Experiment, LifecycleStage, Scope, Status
from runlake.store.experiments import Experiments
from runlake.store.fold import RunState, fold_runs
from runlake.store.frames import Kind
from runlake.store.owners import is_at_it, owner_of
from runlake.store.pieces import Piece
from runlake.store.selection import rows_of_runs, runs_of
from runlake.store.view import View

__all__ = ["Asked", "Doomed", "DoomedRun", "PassedOver", "find_doomed"]


@dataclass(frozen=True)
class Asked:
    """What is to go: what was deleted by then; where some are named, of these alone. Of runs that are worked on none goes."""

    before_ms: int
    run_ids: Collection[str] = ()
    experiment_ids: Collection[str] = ()
    worked_on: Collection[str] = ()

    def means(self, run_or_experiment: str, among: Collection[str], deleted_ms: int) -> bool:
        """Whether it is to go, being deleted at that time."""
        is_named = run_or_experiment in among or not (self.run_ids or self.experiment_ids)
        return is_named and deleted_ms <= self.before_ms


@dataclass(frozen=True)
class DoomedRun:
    """A run that goes. One that somebody began to remove has no name any more."""

    run_id: str
    name: str
    experiment_id: str
    deleted_ms: int


@dataclass(frozen=True)
class PassedOver:
    """What is to go and does not: a run or an experiment, and why."""

    what: str
    id: str
    name: str
    why: str


@dataclass
class Doomed:
    """What goes, and what does not."""

    runs: dict[str, DoomedRun] = field(default_factory=dict)
    experiments: dict[str, Experiment] = field(default_factory=dict)
    passed_over: list[PassedOver] = field(default_factory=list)


def find_doomed(view: View, experiments: Experiments, asked: Asked, over: Collection[str] | None = None) -> Doomed:
    """What goes, as of the view's last refresh, if all is published that can be; or will be, where it is told which writers are over."""
    going = experiments.going()
    shelves = {
        each.experiment_id: each
        for each in experiments.all()
        if each.lifecycle_stage == LifecycleStage.DELETED
        and (each.experiment_id in going or asked.means(each.experiment_id, asked.experiment_ids, each.last_update_time or 0))
    }
    deleted = {run_id: ms for run_id, (stage, ms) in view.last_said("lifecycle").items() if stage == LifecycleStage.DELETED}
    of_shelves = {
        run_id: shelves[shelf].last_update_time or 0
        for run_id, (shelf, _) in (view.last_said("experiment_id").items() if shelves else ())
        if shelf in shelves
    }
    states = _states(view, deleted.keys() | of_shelves.keys())
    own = {run_id: ms for run_id, ms in deleted.items() if _is_headless(states[run_id]) or asked.means(run_id, asked.run_ids, ms)}
    wanted = of_shelves | own
    waiting = view.whatever_vanishes(lambda: _waiting(view, over)) if wanted else {}
    doomed = Doomed()
    for run_id, deleted_ms in wanted.items():
        state = states[run_id]
        shelf, name = state.said.get("experiment_id", "0"), state.said.get("name", "")
        why = _why_not(view, state, asked, waiting.get(run_id, ()))
        if why is None:
            doomed.runs[run_id] = DoomedRun(run_id, name, shelf, deleted_ms)
            continue
        doomed.passed_over.append(PassedOver("run", run_id, name, why))
        if shelf in shelves and shelf not in going:
            of_shelf = shelves.pop(shelf)
            doomed.passed_over.append(PassedOver("experiment", shelf, of_shelf.name, f"its run {name or run_id} stays"))
    doomed.experiments = shelves
    doomed.runs = {run_id: run for run_id, run in doomed.runs.items() if run_id in own or run.experiment_id in shelves}
    return doomed


def _is_headless(state: RunState) -> bool:
    """Whether nothing is left that makes it a run: somebody began to remove it."""
    return not {"start_ns", "status"} & state.said.keys()


def _states(view: View, run_ids: Collection[str]) -> dict[str, RunState]:
    return fold_runs(rows_of_runs(view.events(scope=Scope.RUN), run_ids)) if run_ids else {}


def _waiting(view: View, over: Collection[str] | None) -> dict[str, set[str]]:
    """The runs that have rows which are not published, and the writers of these."""
    found: dict[str, set[str]] = defaultdict(set)
    for piece in _pieces(view, over):
        for run_id in runs_of(piece.rows()):
            found[run_id].add(piece.writer)
    for run_id, writer, *_ in view.waiting_summaries() if over is None else ():
        found[run_id].add(writer)
    return found


def _pieces(view: View, over: Collection[str] | None) -> Iterator[Piece]:
    """Points are published as far as their writer has summarized them, events at once."""
    if over is None:
        yield from [*view.pieces(Kind.POINTS), *view.pieces(Kind.EVENTS)]
        return
    for piece in view.pieces(Kind.POINTS):
        late = piece.after(view.summarized(piece.writer))
        if piece.writer not in over and late.first < late.stop:
            yield late


def _why_not(view: View, state: RunState, asked: Asked, waiting_for: Collection[str]) -> str | None:
    """Why a run cannot go yet; None where it can."""
    owner = owner_of(state.said, view.writer) if state.said.get("status") == Status.RUNNING else None
    if owner is not None and is_at_it(owner):
        return f"it is running, in process {owner.identity.pid} on {owner.identity.host}"
    if state.run_id in asked.worked_on:
        return "one of its jobs is being done"
    if waiting_for:
        return f"it has rows that are not published yet, of the writer {min(waiting_for)}, which goes on"
    return None
