"""The plugins that are installed: found by entry point, loaded when wanted, and each one's failures its own."""

from __future__ import annotations

import functools
import importlib.metadata
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from types import ModuleType
from typing import Any

import pluggy

from runlake import config
from runlake.errors import InvalidValue
from runlake.guard import attempt, log
from runlake.instrument import hookspecs
from runlake.instrument.options import options_of, set_own_defaults
from runlake.instrument.patches import Patch, Registration
from runlake.instrument.scope import plugin_context
from runlake.instrument.work import Work, described

__all__ = [
    "Plugin",
    "ask_one",
    "ask_plugins",
    "find_plugins",
    "has_listeners",
    "implements",
    "is_allowed",
    "load",
    "load_allowed",
    "plugin_named",
    "plugin_of_module",
    "records",
    "standing_work",
    "takes",
    "tell_plugins",
]

GROUP = "runlake.plugins"  # one for each library
SERVICES = "runlake.services"  # what needs no library: loaded when there is something to tell

Asked = Patch | Registration


@dataclass(eq=False)
class Plugin:
    """An installed plugin, and what became of it."""

    name: str
    entry: importlib.metadata.EntryPoint
    is_service: bool = False
    module: ModuleType | None = None
    problem: str = ""
    asked: Sequence[Asked] = ()
    libraries: frozenset[str] = frozenset()  # the top modules of what it captures
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def distribution(self) -> str:
        """What is installed."""
        return self.entry.dist.name if self.entry.dist is not None else "?"

    @property
    def version(self) -> str:
        """Of the plugin."""
        return self.entry.dist.version if self.entry.dist is not None else "?"

    @property
    def library_version(self) -> str | None:
        """Of the library, as that says itself, once it is imported."""
        found = (getattr(sys.modules.get(library), "__version__", None) for library in sorted(self.libraries))
        return next((str(version) for version in found if version is not None), None)

    @property
    def lower_bound(self) -> str | None:
        """The oldest version of the library that the plugin was tested with: of its extra `instruments`."""
        for requirement in (self.entry.dist.requires or []) if self.entry.dist is not None else []:
            what, _, marker = requirement.partition(";")
            found = re.search(r">=\s*([0-9][\w.]*)", what)
            if found and re.search(r"extra\s*==\s*['\"]instruments['\"]", marker):
                return found[1]
        return None

    @functools.cached_property
    def untested(self) -> str:
        """In words, that the library is older than what the plugin was tested with; asked once the library is there."""
        version, bound = self.library_version, self.lower_bound
        if version is None or bound is None or _numbers(version) >= _numbers(bound):
            return ""
        log.warning("The plugin %s was tested with %s and later, and this is %s; it records all the same.", self.name, bound, version)
        return f"{version}, tested from {bound} on"


_found: dict[str, Plugin] = {}
_manager: pluggy.PluginManager | None = None
_standing: dict[tuple[str, str], Work] = {}  # of hooks that belong to no training


def find_plugins(*, anew: bool = False) -> dict[str, Plugin]:
    """Every plugin that is installed, by name; `anew` looks for what was installed since. Nothing of it is imported."""
    global _found
    if not _found or anew:
        entries = importlib.metadata.entry_points()
        there: dict[str, tuple[importlib.metadata.EntryPoint, str]] = {}
        for group in (SERVICES, GROUP):  # of two with a name the first on the path counts, as with modules
            there |= {entry.name: (entry, group) for entry in reversed(tuple(entries.select(group=group)))}
        known = _found
        _found = {  # a new one: whoever goes through the old one is not disturbed
            name: known[name] if name in known and known[name].entry == entry else Plugin(name, entry, is_service=group == SERVICES)
            for name, (entry, group) in there.items()
        }
        plugin_of_module.cache_clear()
    return _found


def is_allowed(name: str) -> bool:
    """Whether the settings let this library's plugin be used: `plugins` names all that may be, `disable` those that may not."""
    settings = config.load()
    allowed = settings.plugins is None or name in settings.plugins
    return allowed and name not in settings.disable and "*" not in settings.disable


def records(name: str) -> bool:
    """Whether the plugin records in this context."""
    options = options_of(name)
    if not options["disable_for_unsupported_versions"] or options["disable"]:
        return not options["disable"]
    plugin = find_plugins().get(name)
    return plugin is None or not plugin.untested


def plugin_named(name: str) -> Plugin:
    """The plugin of this name. Raises InvalidValue where none is installed."""
    found = find_plugins().get(name)
    if found is None or found.is_service:
        there = sorted(plugin.name for plugin in find_plugins().values() if not plugin.is_service)
        raise InvalidValue(
            f"No plugin for {name!r} is installed; there is {', '.join(there) or 'none'}. "
            f"`pip install runlake-{name}` adds it, if there is one."
        )
    return found


def load(plugin: Plugin) -> bool:
    """Import it and ask what it wants, once; whether it can be used. What goes wrong is said once and kept as its `problem`."""
    if plugin.module is None and not plugin.problem:
        problem = attempt(lambda: _load(plugin))
        if isinstance(problem, BaseException):
            plugin.problem = described(problem)
            log.warning("The plugin %s (%s %s) is off: %s", plugin.name, plugin.distribution, plugin.version, plugin.problem)
    return not plugin.problem


def load_allowed() -> None:
    """Load the plugin of every library that may be used: an object may be of any of them."""
    for plugin in find_plugins().values():
        if not plugin.is_service and is_allowed(plugin.name):
            load(plugin)


@functools.cache  # a library may ask for every batch
def plugin_of_module(module: str) -> str:
    """The name of the plugin whose code is in this module; the module's own name where it is of none."""
    for plugin in find_plugins().values():
        home = plugin.entry.module
        if module == home or module.startswith(f"{home}."):
            return plugin.name
    return module


def has_listeners(hook: str) -> bool:
    """Whether any loaded plugin implements the hook."""
    return bool(getattr(_hooks().hook, hook).get_hookimpls())


def implements(plugin: Plugin, hook: str) -> bool:
    """Whether the plugin, if it is loaded, implements the hook."""
    return any(each.plugin_name == plugin.name for each in getattr(_hooks().hook, hook).get_hookimpls())


def takes(plugin: Plugin, hook: str, argument: str) -> bool:
    """Whether the plugin, if it is loaded, implements the hook with this argument, which is one of several."""
    return any(each.plugin_name == plugin.name and argument in each.argnames for each in getattr(_hooks().hook, hook).get_hookimpls())


def tell_plugins(hook: str, work_of: Callable[[str, str], Work] | None = None, **said: Any) -> None:
    """Call every implementation of a hook, whatever the others raise."""
    _load_services()
    for implementation in reversed(getattr(_hooks().hook, hook).get_hookimpls()):
        name = implementation.plugin_name
        plugin = find_plugins().get(name)
        if plugin is None or not (plugin.is_service or records(name)):
            continue
        work = work_of(name, hook) if work_of is not None else standing_work(name, hook)
        _asked(implementation, work, said)


def ask_plugins(
    hook: str,
    about: object,
    work_of: Callable[[str, str], Work] | None = None,
    options: Callable[[str], Mapping[str, Any]] = lambda _: {},
    is_on: Callable[[str], bool] = lambda _: True,
    **said: Any,
) -> Any:
    """The first answer to a hook: the plugin whose library defines the object's class is asked first, `trylast` ones after all others.

    Whatever a plugin raises in a training goes to its record, `work_of`; else it is raised. `options` gives those of a plugin,
    and plugins of libraries that are not on, by `is_on`, are not asked.
    """
    _load_services()
    libraries = [base.__module__.partition(".")[0] for base in type(about).__mro__]

    def distance(implementation: pluggy.HookImpl) -> tuple[bool, int]:
        plugin = find_plugins().get(implementation.plugin_name)
        places = [libraries.index(library) for library in plugin.libraries if library in libraries] if plugin else []
        return implementation.trylast, min(places, default=len(libraries))

    for implementation in sorted(getattr(_hooks().hook, hook).get_hookimpls(), key=distance):
        plugin = find_plugins().get(implementation.plugin_name)
        if plugin is None or (not plugin.is_service and plugin.libraries.isdisjoint(sys.modules)):
            continue  # it is no longer installed; or its library is not imported, and has made no object
        if not plugin.is_service and not is_on(plugin.name):
            continue
        told = {**said, "options": options(implementation.plugin_name)}
        if work_of is None:
            answer = _call(implementation.function, _taken(implementation, told))
        else:
            answer = _asked(implementation, work_of(implementation.plugin_name, hook), told)
        if answer is not None:
            return answer
    return None


def _load_services() -> None:
    for service in find_plugins().values():
        if service.is_service and service.module is None and not service.problem and service.name not in config.load().disable:
            load(service)


def ask_one(plugin: Plugin, hook: str, **said: Any) -> Any:
    """What this plugin answers. What it raises is raised."""
    for implementation in getattr(_hooks().hook, hook).get_hookimpls():
        if implementation.plugin_name == plugin.name:
            return _call(implementation.function, _taken(implementation, {"options": {}, **said}))
    raise InvalidValue(f"The plugin {plugin.name!r} does not implement {hook}.")


def _asked(implementation: pluggy.HookImpl, work: Work, said: Mapping[str, Any]) -> Any:
    if work.is_off:
        return None
    work.calls += 1
    taken = _taken(implementation, said)
    return work.do("answering", plugin_context(implementation.plugin_name), _call, implementation.function, taken)[1]


def _taken(implementation: pluggy.HookImpl, said: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments that it takes: a hook may have more."""
    return {argument: said[argument] for argument in implementation.argnames}


def _call(function: Callable[..., Any], arguments: Mapping[str, Any]) -> Any:
    return function(**arguments)


def standing_work(plugin: str, target: str) -> Work:
    """The record of what a plugin does outside of any training."""
    return _standing.get((plugin, target)) or _standing.setdefault((plugin, target), Work(plugin, target))


def _hooks() -> pluggy.PluginManager:
    global _manager
    if _manager is None:
        _manager = pluggy.PluginManager("runlake")
        _manager.add_hookspecs(hookspecs)
    return _manager


def _load(plugin: Plugin) -> None:
    module = plugin.entry.load()
    if _hooks().has_plugin(plugin.name):  # of another version, or place, that was installed before
        _hooks().unregister(name=plugin.name)
    _hooks().register(module, name=plugin.name)
    try:
        for caller in _hooks().get_hookcallers(module) or []:
            if not caller.has_spec():
                near = get_close_matches(caller.name, vars(hookspecs), 1)
                meant = f"; did you mean {near[0]}?" if near else ""
                raise InvalidValue(f"it implements a hook {caller.name!r}, which this version of runlake does not have{meant}")
        plugin.asked = [_checked(asked) for asked in (module.patches() if hasattr(module, "patches") else ())]
        plugin.libraries = frozenset(asked.module.partition(".")[0] for asked in plugin.asked)
        plugin.options = dict(module.options()) if hasattr(module, "options") else {}
        set_own_defaults(plugin.name, plugin.options)
        plugin.module = module
    finally:
        if plugin.module is None:
            _hooks().unregister(name=plugin.name)


def _checked(asked: Any) -> Asked:
    if not isinstance(asked, (Patch, Registration)):
        raise InvalidValue(f"its patches() gave {asked!r}, which is neither a Patch nor a Registration")
    return asked


def _numbers(version: str) -> tuple[int, ...]:
    release = re.match(r"\d+(\.\d+)*", version)
    return tuple(map(int, release[0].split("."))) if release else ()
