"""Puts the captures of a patch around a library's functions, and takes them back."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

from runlake import platform
from runlake.guard import guarded, log
from runlake.instrument.engine import Around, Entry
from runlake.instrument.passed_over import passed_over
from runlake.instrument.patches import OUTERMOST, Patch
from runlake.instrument.sites import Site, around_of, site_at
from runlake.instrument.work import Work

__all__ = ["capture", "put_back_what_was_dropped", "rungs"]

Undo = Callable[[], Any]

_sites: dict[Around, list[Site]] = {}  # more than one where another tool has dropped or hidden what was put there first
_families: dict[type, _Family] = {}
_lock = threading.RLock()


def capture(plugin: str, patch: Patch, work: Work, module: ModuleType, undo: list[Undo]) -> None:
    """Put the patch in place; what takes it back goes to `undo` as it is done. Raises AttributeError where there is no such target."""
    *path, name = patch.name.split(".")
    parent: Any = module
    for part in path:
        parent = getattr(parent, part)
    getattr(parent, name, None)  # a library that imports its parts when they are asked for does so now, and not under the lock
    entry = Entry(plugin, patch, work)
    with _lock:
        if patch.subclasses:
            _capture_family(entry, parent, name, undo)
        else:
            _capture(entry, parent, name, undo)


def put_back_what_was_dropped() -> None:
    """Where another tool has replaced what was captured."""
    with _lock:
        for around, sites in list(_sites.items()):
            if around.entries and not sites[-1].is_in_place():
                with guarded(f"patching {around.name} again"):
                    again = sites[-1].again()
                    if around_of(again) is not around:
                        again.put(around)
                        sites.append(again)


def rungs(work: Work) -> tuple[list[str], bool]:
    """What kinds of places the captures of a patch are in, and whether another tool has dropped one since."""
    with _lock:
        latest = [sites[-1] for around, sites in _sites.items() if any(entry.work is work for entry in around.entries)]
    return sorted({site.rung for site in latest}), not all(site.is_in_place() for site in latest)


def _capture(entry: Entry, parent: Any, name: str, undo: list[Undo]) -> None:
    site = site_at(parent, name)
    around = around_of(site)
    if not isinstance(around, Around):
        around = Around(entry.patch.target)
        site.put(around)
        _sites[around] = [site]
    placed = around
    if entry in placed.entries:  # in a class that several have it from
        return
    placed.entries = (*placed.entries, entry)
    undo.append(lambda: _release(placed, entry))


def _release(around: Around, entry: Entry) -> None:
    with _lock:
        around.entries = tuple(other for other in around.entries if other is not entry)
        if around.entries:
            return
        left = {site: why for site in reversed(_sites.pop(around)) if (why := site.take_back()) is not None}
        if left:
            _sites[around] = [*left][::-1]
            log.warning("%s stays wrapped, to no effect: %s", around.name, ", ".join(left.values()))


class _Family:
    """The classes that derive from one: what is captured in them is captured in those that are made later, too."""

    def __init__(self, base: type) -> None:
        self.wanted: list[tuple[Entry, str, list[Undo]]] = []
        self.site = site_at(base, "__init_subclass__")
        self.site.put(self._around_new_class)

    @passed_over
    def _around_new_class(self, wrapped: Any, cls: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        outcome = wrapped(*args, **kwargs)
        with guarded("patching a class as it is made"):
            made = wrapped.__self__ if cls is None else cls  # the former where the method is the one of `object`
            with _lock:
                for entry, name, undo in self.wanted:
                    for definer in _definers(made, name, entry):
                        _capture(entry, definer, name, undo)
        return outcome


def _capture_family(entry: Entry, base: type, name: str, undo: list[Undo]) -> None:
    """In each class that defines the method itself, or that one of them has it from."""
    for member in _members(base):
        for definer in _definers(member, name, entry):
            _capture(entry, definer, name, undo)
    if base not in _families:
        _families[base] = _Family(base)
    wanted = entry, name, undo
    _families[base].wanted.append(wanted)
    undo.append(lambda: _leave_family(base, wanted))


def _definers(member: type, name: str, entry: Entry) -> list[type]:
    """Where the method is: what predicts or judges is often of a class that is mixed in, while a training is of its own."""
    if entry.patch.role not in OUTERMOST:
        return [member] if name in vars(member) else []
    return [found for found in member.__mro__ if name in vars(found) and found is not object]


def _leave_family(base: type, wanted: tuple[Entry, str, list[Undo]]) -> None:
    with _lock:
        family = _families[base]
        family.wanted = [other for other in family.wanted if other is not wanted]
        if not family.wanted:
            del _families[base]
            family.site.take_back()


def _members(base: type) -> Iterator[type]:
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


def _in_forked_child() -> None:
    global _lock
    _lock = threading.RLock()  # the thread that held it is not here


platform.on_fork(in_child=_in_forked_child)
