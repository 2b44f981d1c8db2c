"""`autolog()`: what is asked for is noted, and the patches that are in place are made to match it."""

from __future__ import annotations

import importlib
import sys
import threading
import weakref
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Any, Unpack

from runlake import config, guard, platform
from runlake.guard import guarded, log
from runlake.instrument import options, trace
from runlake.instrument.options import Options, Request, Requests, checked
from runlake.instrument.patches import Patch
from runlake.instrument.placing import Placement, place, settle_again, take_away
from runlake.instrument.plugins import Plugin, find_plugins, has_listeners, is_allowed, load, plugin_named, tell_plugins

__all__ = ["Autolog", "Row", "autolog", "disable_autolog", "library_autolog", "report"]


@dataclass(frozen=True)
class Row:
    """One patch of a plugin, and what became of it: `state` is "in place", "lost" (another tool has put something else there, and the
    next `autolog()` puts it back), "waiting" for its library, "absent" where it may be, "failed", or "off"; `rung` says what is patched.
    """

    plugin: str
    target: str
    role: str
    state: str
    why: str
    rung: str = ""


class Autolog:
    """What `autolog()` gives: in a `with`, it holds there and in that context alone, and what held before holds again."""

    def __init__(self, request: Request) -> None:
        self._request = request

    def disable(self) -> None:
        """Undo every patch."""
        disable_autolog()

    def report(self) -> list[Row]:
        """What became of each patch of each plugin."""
        return report()

    def __enter__(self) -> Autolog:
        with _changing:
            _everywhere[:] = [(asked, giver) for asked, giver in _everywhere if asked is not self._request]
            _change_everywhere()
            _blocks.append(self._request)
            options.blocks.set((*options.blocks.get(), self._request))
            _settle()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        with _changing:
            inside = options.blocks.get()
            if self._request in inside:  # it may be left in another context, as generators are
                place = len(inside) - 1 - inside[::-1].index(self._request)
                options.blocks.set(inside[:place] + inside[place + 1 :])
            _blocks.remove(self._request)
            _settle()

    def __repr__(self) -> str:
        states = [row.state for row in report()]
        return f"<Autolog: {states.count('in place')} patches in place, {states.count('waiting')} wait for their library>"


_changing = threading.RLock()
_placements: dict[str, list[Placement]] = {}  # of each plugin that is on
_blocks: list[Request] = []  # every `with autolog()` that is open, in whatever context
_everywhere: list[tuple[Request, weakref.ref[Autolog]]] = []  # the last holds; one that a `with` makes its own holds no more


def autolog(*libraries: str, **given: Unpack[Options]) -> Autolog:
    """Record every training from here on, of the libraries that are named or of all that have a plugin.

    Options: `disable`, `exclude` (names of plugins), `exclusive` (leave the user's own runs alone), `silent`, `extra_tags`,
    `log_models`, `log_input_examples`, `log_model_signatures`, `log_datasets`, `log_explanations`,
    `log_post_training_metrics`, `registered_model_name`, `max_tuning_runs`, `all_ranks`, `jobs`, `strict`,
    `disable_for_unsupported_versions`. What a plugin's own `autolog` was told outranks what is said here.
    """
    find_plugins(anew=True)
    for library in libraries:
        plugin_named(library)
    request = Request(frozenset(libraries) if libraries else None, checked(given, {}))
    given_back = Autolog(request)
    with _changing:
        _everywhere[:-1] = [(asked, giver) for asked, giver in _everywhere[:-1] if giver() is not None]
        _everywhere.append((request, weakref.ref(given_back)))
        _change_everywhere()
        _settle()
    return given_back


def library_autolog(library: str, **given: Any) -> None:
    """The same for one library alone, with its plugin's own options."""
    find_plugins(anew=True)
    plugin = plugin_named(library)
    if not load(plugin):
        log.warning("The plugin %s cannot be used: %s", library, plugin.problem)
        return
    known = checked(given, plugin.options)
    with _changing:
        before = options.requests
        options.change(replace(before, own={**before.own, library: known}))
        _settle()


def disable_autolog() -> None:
    """Undo every patch, of plugins that were enabled by themselves too."""
    with _changing:
        _everywhere.clear()
        options.change(Requests())
        _settle()
    _end_trainings(None)


def report() -> list[Row]:
    """What became of each patch of each plugin that is installed."""
    rows = []
    for plugin in find_plugins().values():
        placements = _placements.get(plugin.name, [])
        if not placements:
            rows.append(Row(plugin.name, "", "", "off", _why_off(plugin)))
        for placement in placements:
            asked = placement.asked
            why = placement.problem or placement.work.why or asked.why
            role, rung, state = getattr(asked, "role", "registration"), "what the library is told to call", placement.state
            if isinstance(asked, Patch):
                rung, state = _standing(placement)
            rows.append(Row(plugin.name, asked.target, role, state, why, rung if state in ("in place", "lost") else ""))
    return rows


def _standing(placement: Placement) -> tuple[str, str]:
    """Where its captures are, and how it stands: another tool may have dropped one."""
    patching = sys.modules.get("runlake.instrument.patching")
    if placement.state != "in place" or patching is None:
        return "", placement.state
    rungs, is_lost = patching.rungs(placement.work)
    return ", ".join(rungs) or "no class that is imported has it by now", "lost" if is_lost else placement.state


def _change_everywhere() -> None:
    options.change(replace(options.requests, everywhere=_everywhere[-1][0] if _everywhere else None))


def _settle() -> None:
    """Make what is in place match what is asked for. A plugin that fails leaves the others as they are."""
    trace.set_trace(config.load().trace)
    config.choose_jobs(_last_given("jobs"))
    guard.choose_strict(_last_given("strict"))
    guard.set_silent(bool(_last_given("silent")))
    for plugin in find_plugins().values():
        wanted = not plugin.is_service and _is_wanted(plugin)
        with guarded(f"{'enabling' if wanted else 'disabling'} the plugin {plugin.name}"):
            if wanted and plugin.name not in _placements:
                _enable(plugin)
            elif not wanted and plugin.name in _placements:
                _disable(plugin.name)
    for gone in _placements.keys() - find_plugins().keys():  # uninstalled meanwhile
        with guarded(f"disabling the plugin {gone}"):
            _disable(gone)
    settle_again()
    _listen()


def _last_given(option: str) -> Any:
    """Of what holds for the whole process, whoever asks: by the innermost block that is open anywhere, else everywhere."""
    asked = [*_blocks[::-1], *([options.requests.everywhere] if options.requests.everywhere is not None else [])]
    return next((request.given[option] for request in asked if request.given.get(option) is not None), None)


def _is_wanted(plugin: Plugin) -> bool:
    asked_for = options.requests.wants(plugin.name) or any(request.wants(plugin.name) for request in _blocks)
    return asked_for and (is_allowed(plugin.name) or plugin.name in options.requests.own)


def _enable(plugin: Plugin) -> None:
    if not load(plugin):
        return
    placed = _placements.setdefault(plugin.name, [])
    placed.extend(place(plugin.name, asked) for asked in plugin.asked)


def _disable(name: str) -> None:
    for placement in reversed(_placements.pop(name)):
        take_away(placement)
    _end_trainings(name)


def _end_trainings(plugin: str | None) -> None:
    training = sys.modules.get("runlake.instrument.training")
    if training is not None:
        training.end_trainings(plugin)


def _why_off(plugin: Plugin) -> str:
    if plugin.problem:
        return plugin.problem
    if not is_allowed(plugin.name):
        return "the settings `plugins` or `disable` leave it out"
    return "it is not enabled"


def _listen() -> None:
    """Pass on what is recorded to plugins that want to know."""
    for name, heard in _HEARD.items():
        wants = bool(_placements) and has_listeners(name)
        if not wants and "runlake.recording.listeners" not in sys.modules:
            continue
        known = getattr(importlib.import_module("runlake.recording.listeners"), name)
        if wants and heard not in known:
            known.append(heard)
        elif not wants and heard in known:
            known.remove(heard)


def _hear_run_started(run: Any) -> None:
    tell_plugins("run_started", run=run)


def _hear_run_ended(run: Any) -> None:
    run.recorder.flusher.flush(sync=False)
    tell_plugins("run_ended", run=run)


def _hear_points_written(run_id: str, points: Any) -> None:
    tell_plugins("points_written", run_id=run_id, points=points)


def _in_forked_child() -> None:
    global _changing
    _changing = threading.RLock()  # the thread that held it is not here


_HEARD = {"run_started": _hear_run_started, "run_ended": _hear_run_ended, "points_written": _hear_points_written}
platform.on_fork(in_child=_in_forked_child)
