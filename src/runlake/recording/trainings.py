"""The runs that trainings are recorded in: the user's, one of their own, or that of a sweep with one inside it for each trial."""

from __future__ import annotations

from dataclasses import replace
from weakref import WeakValueDictionary

from runlake.errors import UnknownRun
from runlake.guard import log
from runlake.recording.active import active_run, joined_run, note_as_program, remember, run_to_join, tell_where, trained_here
from runlake.recording.opening import Identity, Wanted, existing, given_parent, inside, known, new, start_tags, stored_state
from runlake.recording.recorders import Recorder, recorder_for
from runlake.recording.runs import ActiveRun
from runlake.recording.surroundings.noting import note_surroundings
from runlake.recording.turns import take_turn

__all__ = ["open_training_run", "open_trial"]

_identified: WeakValueDictionary[Identity, ActiveRun] = WeakValueDictionary()
_met: set[Identity] = set()  # of which there was a run here, which may have ended
_looked_for: set[str] = set()  # runs of others, which a training was told to be inside


def open_training_run(name: str, *, is_exclusive: bool, resumes: bool = False, identity: Identity | None = None) -> tuple[ActiveRun, bool]:
    """The run that a training which begins here is recorded in, and whether the training is to end it.

    The first training of a run that this process opened is recorded in it, any other in a run inside it; one that `resumes` an earlier
    one in the run that the user has open, or that this process was told to join; one that has an identity in the run of that, which is
    one of its own where other processes may come to it.
    """
    open_here = _identified.get(identity) if identity is not None else None
    if open_here is not None and open_here.is_ours and not open_here.is_ended:
        if open_here.holders:
            open_here.holders.append(None)
        return open_here, bool(open_here.holders)
    outer = None if is_exclusive else _outer_run()
    may_share = identity is None or not identity.is_of_many
    if outer is not None and may_share and (outer.take_slot() or (resumes and not outer.is_automatic)):
        run = outer
    else:
        run = _opened(name, outer, resumes=resumes, identity=identity)
    if identity is not None:
        _identified[identity] = run
        _met.add(identity)
    return run, run is not outer


def _outer_run() -> ActiveRun | None:
    """The run that what is trained now is part of, or inside of."""
    active = active_run()
    if active is not None and active.is_automatic and not active.is_entered and active is not trained_here():
        active = None  # what another thread trains is beside it
    return active or joined_run()


def _opened(name: str, outer: ActiveRun | None, *, resumes: bool, identity: Identity | None) -> ActiveRun:
    recorder = recorder_for()
    is_of_many = identity is not None and identity.is_of_many
    wanted = Wanted(run_name=name, experiment_id=outer.info.experiment_id if outer else None)
    joined = run_to_join() if outer is None else None
    outer_run_id = outer.run_id if outer else _told_to_be_inside(recorder)
    if joined is not None and not is_of_many and (resumes or take_turn(joined, "training")):
        wanted, opening = Wanted(), existing(recorder, joined, join=True)
    elif identity is not None:
        opening = known(recorder, replace(identity, is_of_many=is_of_many or identity in _met), wanted, outer_run_id)
    else:
        opening = new(recorder, wanted, outer_run_id)
    run = ActiveRun(recorder, opening, outer, start_tags(wanted, opening))
    run.is_automatic = True
    run.holders.append(None)
    run.take_slot()
    if opening.is_joined:
        note_as_program(run)
    elif outer is None:
        note_surroundings(run)
    tell_where(recorder, run)
    remember(run)
    if is_of_many:
        run.say_at_work()
        recorder.flusher.flush(sync=False)  # the others look for it
    return run


def open_trial(parent: ActiveRun, name: str, identity: Identity | None, *, is_new: bool) -> ActiveRun:
    """A run inside that of a sweep, for what it tries next; or the one that another process has begun with this identity."""
    opening, tags = inside(parent.info, parent.data.tags, name, identity)
    if identity is not None and not is_new:
        wanted = Wanted(run_name=name, experiment_id=parent.info.experiment_id)
        opening = known(parent.recorder, replace(identity, is_of_many=True), wanted, parent.run_id)
    if identity is not None and identity.is_of_many:
        parent.say_resumed()  # another process that came to its end before may have said that all is over
    run = ActiveRun(parent.recorder, opening, parent, tags if opening.is_new else {})
    run.is_automatic = True
    remember(run)
    if identity is not None and identity.is_of_many:
        parent.recorder.flusher.flush(sync=False)  # or who leaves now would find nobody at work
    return run


def _told_to_be_inside(recorder: Recorder) -> str | None:
    """The run that the environment names, be it unknown: a training must not go unrecorded for that."""
    given = run_to_join() or given_parent(recorder.layout.root)
    if given is not None and given not in _looked_for:
        _looked_for.add(given)
        try:
            stored_state(recorder, given)
        except UnknownRun as error:
            log.warning("%s The environment names it; what is trained is recorded as if it were inside that run.", error)
    return given
