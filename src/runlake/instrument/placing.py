"""Puts the patches of plugins in place as their libraries are there, and takes them back."""

from __future__ import annotations

import sys
import threading
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

from runlake import platform
from runlake.guard import attempt, guarded, log
from runlake.instrument import trace
from runlake.instrument.finder import Arrivals
from runlake.instrument.patches import Patch, Registration
from runlake.instrument.work import Work, described

__all__ = ["Placement", "place", "settle_again", "take_away"]


@dataclass(eq=False)
class Placement:
    """One patch or registration of an enabled plugin, and where it is."""

    plugin: str
    asked: Patch | Registration
    state: str = "waiting"  # for its module; or "in place", "failed", "absent", "taken away"
    problem: str = ""
    work: Work = field(init=False)
    undo: list[Any] = field(default_factory=list)
    lock: threading.RLock = field(default_factory=threading.RLock)  # its own: to look into a library may import more of it

    def __post_init__(self) -> None:
        self.work = Work(self.plugin, self.asked.target)


_waiting: dict[str, list[Placement]] = {}  # and those in place: a module may be loaded anew
_lock = threading.RLock()


def place(plugin: str, asked: Patch | Registration) -> Placement:
    """Put it in place, now or when its module is imported."""
    placement = Placement(plugin, asked)
    with _lock:
        _waiting.setdefault(asked.module, []).append(placement)
        _arrivals.wait_for(frozenset(_waiting))
    _put_if_there(placement)
    return placement


def take_away(placement: Placement) -> None:
    """Leave the library as it was without this patch."""
    with _lock:
        placements = _waiting.get(placement.asked.module, [])
        if placement in placements:
            placements.remove(placement)
        if not placements:
            _waiting.pop(placement.asked.module, None)
        _arrivals.wait_for(frozenset(_waiting))
    with placement.lock:
        _undo(placement)
        placement.state = "taken away"
    trace.tell(placement.plugin, "has taken back", placement.asked.target)


def settle_again() -> None:
    """Put back what another tool has dropped since, and in place what was being imported."""
    patching = sys.modules.get("runlake.instrument.patching")
    if patching is not None:  # else nothing is in place yet
        patching.put_back_what_was_dropped()
    with _lock:
        awaited = [placement for placements in _waiting.values() for placement in placements]
    for placement in awaited:
        _put_if_there(placement)


def _put_if_there(placement: Placement) -> None:
    with placement.lock:
        module = sys.modules.get(placement.asked.module)
        if placement.state == "waiting" and module is not None and not _is_being_imported(module):
            _put(placement, module)


def _arrived(module: ModuleType) -> None:
    with _lock:
        awaited = list(_waiting.get(module.__name__, []))
    for placement in awaited:
        with placement.lock:
            if placement.state == "taken away":  # meanwhile
                continue
            if isinstance(placement.asked, Registration):
                placement.undo.clear()  # what it was registered with is gone
            _put(placement, module)  # of a module that is loaded anew, the old functions and classes stay captured too


def _put(placement: Placement, module: ModuleType) -> None:
    asked = placement.asked
    problem = attempt(
        lambda: _register(placement, asked, module) if isinstance(asked, Registration) else _capture(placement, asked, module)
    )
    if isinstance(problem, BaseException):
        _undo(placement)
        is_absent = isinstance(asked, Patch) and asked.optional and isinstance(problem, AttributeError)
        placement.state = "absent" if is_absent else "failed"
        placement.problem = described(problem)
        if not is_absent:
            log.warning("The plugin %s cannot capture %s: %s", placement.plugin, asked.target, placement.problem)
    else:
        placement.state, placement.problem = "in place", ""
        trace.tell(placement.plugin, "has put in place", asked.target)


def _register(placement: Placement, asked: Registration, module: ModuleType) -> None:
    handle = asked.apply(module)
    placement.undo.append(lambda: asked.undo(handle))


def _capture(placement: Placement, asked: Patch, module: ModuleType) -> None:
    from runlake.instrument.patching import capture  # late: where no library is loaded, none of the engine is wanted

    capture(placement.plugin, asked, placement.work, module, placement.undo)


def _undo(placement: Placement) -> None:
    """The last first: a later one may stand on an earlier one."""
    while placement.undo:
        with guarded(f"taking {placement.asked.target} back"):
            placement.undo.pop()()


def _is_being_imported(module: ModuleType) -> bool:
    return bool(getattr(getattr(module, "__spec__", None), "_initializing", False))


def _in_forked_child() -> None:
    global _lock
    _lock = threading.RLock()  # the thread that held it is not here
    for placements in _waiting.values():
        for placement in placements:
            placement.lock = threading.RLock()


_arrivals = Arrivals(_arrived)
platform.on_fork(in_child=_in_forked_child)
