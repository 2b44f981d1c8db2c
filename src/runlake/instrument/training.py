"""A training: what one run records of it, from the first thing that a capture says to the last."""

from __future__ import annotations

import contextlib
import functools
import sys
import threading
import time
import weakref
from collections.abc import Callable
from dataclasses import fields
from typing import Any

from runlake import platform
from runlake.entities import CaptureRecord, Status
from runlake.entities import Scope as EventScope
from runlake.entities.tags import EXCEPTION_TAG, SKIPPED_TAG
from runlake.errors import RunlakeError
from runlake.guard import guarded
from runlake.instrument.given import Fitted, Given
from runlake.instrument.opened import DataFacts
from runlake.instrument.options import options_of
from runlake.instrument.plugins import ask_plugins, find_plugins, records, tell_plugins
from runlake.instrument.predictions import Loop, another_speaks, forget_predictions, latest_loop, loop_goes_on
from runlake.instrument.scope import find_scope, is_plugin_at_work, plugin_context
from runlake.instrument.trials import Trial
from runlake.instrument.work import Work, described
from runlake.recording.active import share
from runlake.recording.listeners import run_ended, run_ending
from runlake.recording.offered import OfferedRun
from runlake.recording.opening import Identity
from runlake.recording.recorders import before_exit
from runlake.recording.runs import ActiveRun, status_named, status_of
from runlake.recording.trainings import open_training_run, open_trial

__all__ = ["Training", "end_trainings", "loop_here", "run_of", "training"]

PLUGIN_TAG = "mlflow.autologging"
UNTESTED_TAG = "runlake.untested_version"
_OURS = __name__.partition(".")[0]


class Training:
    """The run is opened when something is recorded first; `skip` before that leaves none."""

    def __init__(self, plugin: str, name: str, *, is_shared: bool = False) -> None:
        self.plugin = plugin
        self.name = name
        self.skipped = ""
        self.options = options_of(plugin)
        self.active: ActiveRun | None = None
        self.owns_run = False
        self.is_over = False
        self.holds_trainings = False  # what is trained inside are trainings of their own
        self.resumes = False  # an earlier one
        self.identity: Identity | None = None  # of what other processes may be at too
        self._is_shared = is_shared
        self.noted: dict[str, Any] = {}  # what captures keep from one call to the next
        self._opening = threading.RLock()
        self._works: dict[tuple[str, str], Work] = {}
        self._fitted: list[Fitted] = []
        self._kept: dict[str, Any] | None = None  # of what was given, which itself is let go of
        self._last: Callable[[], Any] | None = None  # the model, where no call gives it
        self._trials: dict[Trial, None] = {}  # that have not ended
        self._until: Callable[[], Any] | None = None  # what trains it, where it is held as long as that is there
        self._model: Callable[[], Any] | None = None
        self._loop: Loop | None = None
        self._lasts: list[tuple[str, Callable[[], None]]] = []  # by whom, and what

    @property
    def is_of_a_call(self) -> bool:
        """Whether one call encloses it."""
        return not self._is_shared

    @property
    def model(self) -> Any:
        """What is trained, once the owner's capture has handed that over, and while it lives."""
        return self._model() if self._model is not None else None

    @property
    def run(self) -> OfferedRun:
        """The run, to record in; opened now if it was not. Raises RunlakeError for a training that was skipped."""
        with self._opening:
            if self.active is None:
                self._open()
            assert self.active is not None
            return self.active.offered

    def skip(self, reason: str) -> None:
        """Record nothing of this training, unless something is recorded already."""
        if self.active is None:
            self.skipped = reason or "no reason given"

    def goes_on(self, step: int | None = None) -> bool:
        """Say that it is under way at this moment: what no call encloses ended at the last one, whenever that is found out.

        With a step, what is judged in this thread until the next one is what its model said, unless another is known to have said it.
        False where it does not go on here any more, and what comes now is another training's, or nobody's.
        """
        active = self.active
        if self.is_over or (active is not None and active.is_ended):
            return False
        scope, is_out_of_reach = find_scope()
        is_here = self._is_shared if scope is None else scope.training is self
        if is_out_of_reach or not is_here or (options_of(self.plugin) is not self.options and not records(self.plugin)):
            return False
        if active is None:
            return True
        if step is not None and self._is_shared:
            loop = self._loop = self._loop or Loop(self.run, find_plugins()[self.plugin].libraries)
            loop.step = step
            loop_goes_on(loop)
        if self.owns_run:
            active.last_ns = time.time_ns()
        return True

    def before_end(self, record: Callable[[], None]) -> None:
        """Have the last of what a plugin knows recorded when the training is over, and whenever it might be: what is left by then."""
        self._lasts.append((is_plugin_at_work() or self.plugin, record))

    def work_of(self, plugin: str, target: str) -> Work:
        """The record of one plugin's capture in this training."""
        work = self._works.get((plugin, target))
        if work is None:
            work = self._works.setdefault((plugin, target), Work(plugin, target, on_failure=self._note_failure))
        return work

    def add_given(self, given: Given) -> None:
        """Have what is about to be trained on looked at, once."""
        if self._kept is None:
            self._kept, self._model, given.training = given.kept, _weak(given.model), self
            self._open_data(given)
            held_out = {name: self._opened(inputs, targets) for name, (inputs, targets) in given.held_out.items()}
            given.held_out = {name: (inputs, targets) for name, (inputs, targets, _) in held_out.items()}
            tell_plugins("data_given", self.work_of, given=given)

    def trains(self, model: Any, inputs: Any = None, targets: Any = None, sample_weight: Any = None, *, until_gone: object = None) -> None:
        """For a training that no call encloses: what it trains, to be recorded as it is when the training ends; and the first batch,
        which may be told later.

        What trains a model, an optimizer say, may be let go of together with it: the model is then held `until_gone` is, and recorded.
        """
        if inputs is not None:
            self.add_given(Given(model, inputs, targets, sample_weight, self.plugin, self.options, "first batch"))
        self._model = _weak(model)
        if until_gone is None:
            self._last = self._last if self._until is not None else self._model
        else:
            self._last = lambda: model
            self._until = weakref.ref(until_gone, functools.partial(_when_gone, weakref.ref(self)))

    def is_of(self, identity: str, start_ns: int, *, is_of_many: bool = True) -> None:
        """What is trained is known by this text and the time of its start: who says the same, records in the same run; before `run`."""
        self.identity = Identity(identity, start_ns, is_of_many)

    def trial_run_id(self, identity: str, start_ns: int) -> str:
        """The id of the run of a trial, whichever process begins it."""
        return Identity(f"{self.run.active.run_id}/{identity}", start_ns).run_id

    def trial(self, name: str, identity: str | None = None, start_ns: int | None = None, *, is_new: bool = True) -> Trial:
        """A run inside this one's, for one thing that is tried; of this identity, or one that is not `is_new` and begun elsewhere."""
        run = self.run.active
        known_as = None
        if identity is not None:
            is_of_many = self.identity is not None and self.identity.is_of_many
            known_as = Identity(f"{run.run_id}/{identity}", start_ns or time.time_ns(), is_of_many)
        found = Trial(self, open_trial(run, name, known_as, is_new=is_new))
        found.run.set_tags({PLUGIN_TAG: self.plugin, **(self.options["extra_tags"] or {})})
        self._trials[found] = None
        return found

    def trial_ended(self, trial: Trial) -> None:
        """It is not to be ended with this training."""
        self._trials.pop(trial, None)

    def add_fitted(self, fitted: Fitted, *, is_owners: bool) -> None:
        """Hold a model until the training ends."""
        self._fitted.insert(0, fitted) if is_owners else self._fitted.append(fitted)
        remember(fitted.model, fitted.run)

    def end(self, status: str = Status.FINISHED) -> None:
        """For a training that no call encloses: it is over."""
        for key, (_, found) in list(_by_key.items()):
            if found is self:
                _by_key.pop(key, None)
        self.is_over = True  # first, whatever goes wrong below
        if self._loop is not None:
            self._loop.is_over = True
        self.hand_over()
        self._end_trials()
        self.close_books()
        self._lasts.clear()
        if self.active is not None and self.owns_run:
            self._leave_run(status_named(status))

    def hand_over(self) -> None:
        """Have the last of a training that no call encloses recorded, and the model as it is now."""
        self._record_last()
        with self._opening:  # two threads may come at once
            last, self._last = self._last, None
        if last is None or self.active is None or not self.active.is_ours:
            return
        model = last()
        if model is None:
            self.run.set_tag(f"{SKIPPED_TAG}model", "it was gone when its training ended")
        else:
            self.add_fitted(Fitted(model, None, None, None, self.run, self.plugin, self.options), is_owners=True)
            self._tell_fitted()

    def finish(self, error: BaseException | None) -> None:
        """The call has ended, with this error or none."""
        if self.active is None:
            return
        another_speaks()
        self._end_trials()
        try:
            self._record_last()
            if error is None:
                self._tell_fitted()
            elif self.owns_run:
                self.active.offered.set_tag(EXCEPTION_TAG, described(error))
            self._lasts.clear()
            self.is_over = True
            self.close_books()
        finally:
            if self.owns_run:
                self._leave_run(status_of(error))

    def close_books(self) -> None:
        """Record what each capture did."""
        works, self._works = self._works, {}
        if self.active is not None:
            for work in works.values():
                record = CaptureRecord(**{each.name: getattr(work, each.name) for each in fields(CaptureRecord)})
                self.active.offered.note(EventScope.CAPTURE, record.key, record.to_text())

    def _open(self) -> None:
        if self.skipped:
            raise RunlakeError(f"This training is not recorded: {self.skipped}.")
        _end_orphans()
        self.active, self.owns_run = open_training_run(
            self.name, is_exclusive=bool(self.options["exclusive"]), resumes=self.resumes, identity=self.identity
        )
        if self.owns_run and self._is_shared:
            share(self.active)
        known = find_plugins().get(self.plugin)
        untested = {UNTESTED_TAG: known.untested} if known is not None and known.untested else {}
        self.active.offered.set_tags({PLUGIN_TAG: self.plugin, **untested, **(self.options["extra_tags"] or {})})

    def _leave_run(self, status: Status) -> None:
        """The last of those that are recorded in it ends it."""
        assert self.active is not None
        if self.active.holders:
            self.active.holders.pop()
        if not self.active.holders:
            self.active.end(status)

    def _open_data(self, said: Given | Fitted) -> None:
        said.inputs, said.targets, said.sample_weight = self._opened(said.inputs, said.targets, said.sample_weight)

    def _opened(self, inputs: Any, targets: Any = None, sample_weight: Any = None) -> tuple[Any, Any, Any]:
        """What is in a library's own container: the inputs to be looked at, the targets and weights that come with them."""
        facts = None if inputs is None else ask_plugins("describe_data", inputs, self.work_of, data=inputs)
        if not isinstance(facts, DataFacts):
            return inputs, targets, sample_weight
        return facts, facts.targets if targets is None else targets, facts.sample_weight if sample_weight is None else sample_weight

    def _record_last(self) -> None:
        if self.active is not None and self.active.is_ours:
            for plugin, record in self._lasts:
                work = self.work_of(plugin, "before_end")
                if not work.is_off:
                    work.calls += 1
                    work.do("recording", plugin_context(plugin), record)

    def _tell_fitted(self) -> None:
        fitted, self._fitted = self._fitted, []
        kept, self._kept = self._kept or {}, None
        if fitted:
            owners, owners.inner = fitted[0], fitted[1:]
            owners.kept, owners.work_of = kept, self.work_of
            self._open_data(owners)
            tell_plugins("model_fitted", self.work_of, fitted=owners)

    def _end_trials(self) -> None:
        """Those of which nobody said how they ended, because something else went wrong."""
        for trial in list(self._trials):
            trial.end(Status.FAILED)

    def _note_failure(self, work: Work, why: str) -> None:
        if self.active is not None:
            self.active.offered.note(EventScope.ERROR, f"{work.plugin} {work.target}", why)


_by_key: dict[int, tuple[Any, Training]] = {}
_finding = threading.RLock()
_runs: dict[int, tuple[Any, OfferedRun]] = {}  # in which an object was trained


def training(key: object, *, name: str | None = None) -> Training | None:
    """The training that belongs to an object, begun now if there is none: for what no single call encloses, a loop say.

    Inside a library's call it is the training of that call. None where nothing is to be recorded. It ends with `end()`, with
    the user's run that it is recorded in, with the object, or with the program.
    """
    scope, is_out_of_reach = find_scope()
    if is_out_of_reach:
        return None
    if scope is not None:
        return None if scope.training.skipped else scope.training
    plugin = is_plugin_at_work() or "runlake"
    if not records(plugin):
        return None
    with _finding:
        _end_orphans()
        _, found = _by_key.get(id(key), (None, None))
        if found is None:
            found = Training(plugin, name or type(key).__name__, is_shared=True)
            _by_key[id(key)] = _weak(key), found
        return found


def loop_here() -> Loop | None:
    """The training that no call encloses and that went on last in this thread, with a step, unless it is over."""
    with _finding:
        _end_orphans()
        return latest_loop()


def end_trainings(plugin: str | None = None) -> None:
    """End every training that no call encloses, or those of one plugin; once there are none, no prediction is wanted any more."""
    for _, found in list(_by_key.values()):
        if plugin in (None, found.plugin):
            found.end()
    if plugin is None:
        forget_predictions()


def remember(trained: object, run: OfferedRun) -> None:
    """So that `run_of` finds the run of this object as long as it lives."""
    place = id(trained)
    with contextlib.suppress(TypeError):  # of what has no weak references
        _runs[place] = weakref.ref(trained, lambda _: _runs.pop(place, None)), run


def run_of(trained: object) -> OfferedRun | None:
    """The run in which an object was trained."""
    reference, run = _runs.get(id(trained), (None, None))
    if reference is not None and reference() is trained:
        return run
    held = _by_key.get(id(trained))  # in batches, to which more may come
    if held is None or held[0]() is not trained or held[1].active is None:
        return None
    return held[1].active.offered


def _weak(key: object) -> Any:
    try:
        return weakref.ref(key)
    except TypeError:  # what has no weak references, as None has not
        return lambda: key


def _when_gone(found: Callable[[], Training | None], _: object, is_leaving: Callable[[], bool] = sys.is_finalizing) -> None:
    """What trains a model is gone: have it recorded at once, as the program may change it next, or end.

    Python may call this anywhere: where code of ours holds a lock that it would wait for, there another thread does it; and where it
    leaves, when all that the names of this module stand for is gone, which therefore is not looked up.
    """
    if is_leaving():
        return
    training = found()
    if training is None:
        return
    if _is_inside_ours():
        threading.Thread(target=_hand_over_of, args=(training,), name="runlake-model", daemon=True).start()
    else:
        _hand_over_of(training)


def _hand_over_of(found: Training) -> None:
    with guarded("recording the model of", found.name):
        found.hand_over()


def _is_inside_ours() -> bool:
    frame = sys._getframe(1).f_back  # there is none where the interpreter itself lets go
    while frame is not None:
        if frame.f_globals.get("__name__", "").partition(".")[0] == _OURS:
            return True
        frame = frame.f_back
    return False


def _end_orphans() -> None:
    """Those whose object is gone, and those whose run the user has ended."""
    for reference, found in list(_by_key.values()):
        if reference() is None or (found.active is not None and found.active.is_ended):
            found.end()


def _hand_over_to(run: ActiveRun) -> None:
    for _, found in list(_by_key.values()):
        if found.active is run:
            found.hand_over()


def _close_books_of(run: ActiveRun) -> None:
    for _, found in list(_by_key.values()):
        if found.active is run:
            found.close_books()


def _close_all_books() -> None:
    """At exit: the runs themselves end as all that are open then."""
    for _, found in list(_by_key.values()):
        found.hand_over()
        found.close_books()


def _in_forked_child() -> None:
    global _finding
    _finding = threading.RLock()
    for _, found in _by_key.values():
        found.is_over = True  # here; the parent goes on with it
    _by_key.clear()


run_ending.append(_hand_over_to)
run_ended.append(_close_books_of)
before_exit.insert(0, _close_all_books)
platform.on_fork(in_child=_in_forked_child)
