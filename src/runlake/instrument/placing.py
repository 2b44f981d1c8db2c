"""Puts the patches of plugins in place as their libraries are there, and takes them back."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

from runlake.guard import attempt, guarded, log
from runlake.instrument.engine import Around, Entry
from runlake.instrument.finder import Arrivals
from runlake.instrument.patches import Patch, Registration
from runlake.instrument.sites import Site, around_of, site_at
from runlake.instrument.work import Work

__all__ = ["Placement", "place", "settle_again", "take_away"]


@dataclass(eq=False)
class Placement:
    """One patch or registration of an enabled plugin, and where it is."""

    plugin: str
    asked: Patch | Registration
    state: str = "waiting"  # for its module; or "in place", "failed", "taken away"
    problem: str = ""
    work: Work = field(init=False)
    undo: list[Any] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.work = Work(self.plugin, self.asked.target)


_sites: dict[Around, Site] = {}
_families: dict[type, _Family] = {}
_waiting: dict[str, list[Placement]] = {}  # and those in place: a module may be loaded anew
_lock = threading.RLock()


def place(plugin: str, asked: Patch | Registration) -> Placement:
    """Put it in place, now or when its module is imported."""
    placement = Placement(plugin, asked)
    with _lock:
        _waiting.setdefault(asked.module, []).append(placement)
        _arrivals.wait_for(frozenset(_waiting))
        module = sys.modules.get(asked.module)
        if module is not None and not _is_being_imported(module):
            _put(placement, module)
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
        _undo(placement)
        placement.state = "taken away"


def settle_again() -> None:
    """Put back what another tool has dropped since, and in place what was being imported."""
    with _lock:
        for around, site in list(_sites.items()):
            if around.entries and not site.is_in_place():
                site.put(around)
        for placement in [placement for placements in _waiting.values() for placement in placements]:
            module = sys.modules.get(placement.asked.module)
            if placement.state == "waiting" and module is not None and not _is_being_imported(module):
                _put(placement, module)


def _arrived(module: ModuleType) -> None:
    with _lock:
        for placement in list(_waiting.get(module.__name__, [])):
            if isinstance(placement.asked, Registration):
                placement.undo.clear()  # what it was registered with is gone
            else:
                _undo(placement)
            _put(placement, module)


def _put(placement: Placement, module: ModuleType) -> None:
    asked = placement.asked
    problem = attempt(lambda: _register(placement, asked, module) if isinstance(asked, Registration) else _patch(placement, asked, module))
    if isinstance(problem, BaseException):
        _undo(placement)
        placement.state = "failed"
        placement.problem = f"{type(problem).__name__}: {problem}"
        log.warning("The plugin %s cannot capture %s: %s", placement.plugin, asked.target, placement.problem)
    else:
        placement.state, placement.problem = "in place", ""


def _register(placement: Placement, asked: Registration, module: ModuleType) -> None:
    handle = asked.apply(module)
    placement.undo.append(lambda: asked.undo(handle))


def _patch(placement: Placement, asked: Patch, module: ModuleType) -> None:
    *path, name = asked.name.split(".")
    parent: Any = module
    for part in path:
        parent = getattr(parent, part)
    entry = Entry(placement.plugin, asked, placement.work)
    if asked.subclasses:
        _capture_family(placement, entry, parent, name)
    else:
        _capture(placement, entry, parent, name)


def _capture(placement: Placement, entry: Entry, parent: Any, name: str) -> None:
    site = site_at(parent, name)
    around = around_of(site)
    if not isinstance(around, Around):
        around = Around(entry.patch.target)
        site.put(around)
        _sites[around] = site
    around.entries = (*around.entries, entry)
    placement.undo.append(lambda: _release(around, entry))


def _release(around: Around, entry: Entry) -> None:
    around.entries = tuple(other for other in around.entries if other is not entry)
    if around.entries:
        return
    left = _sites[around].take_back()
    if left is None:
        del _sites[around]
    else:
        log.warning("%s stays wrapped, to no effect: %s", around.name, left)


class _Family:
    """The classes that derive from one: what is captured in them is captured in those that are made later, too."""

    def __init__(self, base: type) -> None:
        self.wanted: list[tuple[Placement, Entry, str]] = []
        self.site = site_at(base, "__init_subclass__")
        self.site.put(self._around_new_class)

    def _around_new_class(self, wrapped: Any, cls: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        made = wrapped(*args, **kwargs)
        for placement, entry, name in self.wanted:
            if name in vars(cls):
                with guarded(f"patching {cls.__qualname__}"), _lock:
                    _capture(placement, entry, cls, name)
        return made


def _capture_family(placement: Placement, entry: Entry, base: type, name: str) -> None:
    """In each class that defines the method itself."""
    for member in _family(base):
        if name in vars(member):
            _capture(placement, entry, member, name)
    if base not in _families:
        _families[base] = _Family(base)
    family = _families[base]
    wanted = placement, entry, name
    family.wanted.append(wanted)
    placement.undo.append(lambda: _leave_family(base, wanted))


def _leave_family(base: type, wanted: tuple[Placement, Entry, str]) -> None:
    family = _families[base]
    family.wanted.remove(wanted)
    if not family.wanted:
        del _families[base]
        family.site.take_back()


def _family(base: type) -> Iterator[type]:
    seen = {base}
    waiting = [base]
    while waiting:
        member = waiting.pop()
        yield member
        below: type
        for below in type.__subclasses__(member):
            if below not in seen:
                seen.add(below)
                waiting.append(below)


def _undo(placement: Placement) -> None:
    """The last first: a later one may stand on an earlier one."""
    while placement.undo:
        with guarded(f"taking {placement.asked.target} back"):
            placement.undo.pop()()


def _is_being_imported(module: ModuleType) -> bool:
    return bool(getattr(getattr(module, "__spec__", None), "_initializing", False))


_arrivals = Arrivals(_arrived)
