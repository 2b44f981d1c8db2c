"""What `autolog()` was told: for all libraries, for one, and for what runs inside a `with`."""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypedDict

from runlake.errors import InvalidValue

__all__ = ["DEFAULTS", "Options", "Request", "Requests", "blocks", "change", "checked", "options_of", "requests", "set_own_defaults"]


class Options(TypedDict, total=False):
    """The keyword arguments of `autolog()`."""

    disable: bool
    exclude: list[str] | tuple[str, ...]
    log_models: bool
    log_input_examples: bool
    log_model_signatures: bool
    log_datasets: bool
    log_explanations: bool | Literal["full"]
    log_post_training_metrics: bool
    exclusive: bool
    silent: bool
    extra_tags: Mapping[str, str] | None
    registered_model_name: str | None
    max_tuning_runs: int | None
    all_ranks: bool
    jobs: str | None
    strict: bool | None
    exclude_flavors: list[str] | None
    disable_for_unsupported_versions: bool


DEFAULTS: Mapping[str, Any] = {
    "disable": False,
    "exclude": (),
    "log_models": True,
    "log_input_examples": False,
    "log_model_signatures": True,
    "log_datasets": True,
    "log_explanations": True,
    "log_post_training_metrics": True,
    "exclusive": False,
    "silent": False,
    "extra_tags": None,
    "registered_model_name": None,
    "max_tuning_runs": None,
    "all_ranks": False,
    "jobs": None,
    "strict": None,
    "exclude_flavors": None,
    "disable_for_unsupported_versions": False,
}

_MLFLOW_ONLY = {"log_traces", "log_traces_from_compile", "log_compiles", "log_evals", "evaluators"}
_RESERVED_TAGS = ("mlflow.autologging", "mlflow.runName", "mlflow.user", "mlflow.parentRunId", "mlflow.source.name")


@dataclass(frozen=True, eq=False)
class Request:
    """One call of `autolog()`: for these libraries, or all of them, with these options."""

    libraries: frozenset[str] | None
    given: Mapping[str, Any]

    def wants(self, plugin: str) -> bool:
        """Whether it asks for this plugin to record."""
        excluded = {*self.given.get("exclude", ()), *(self.given.get("exclude_flavors") or ())}
        asked_for = self.libraries is None or plugin in self.libraries
        return asked_for and plugin not in excluded and not self.given.get("disable", False)


@dataclass(frozen=True)
class Requests:
    """What holds now: the last call for all libraries, and the last one of each plugin's own `autolog`."""

    everywhere: Request | None = None
    own: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    resolved: dict[tuple[str, tuple[Request, ...]], Mapping[str, Any]] = field(init=False, repr=False, compare=False, default_factory=dict)

    def wants(self, plugin: str) -> bool:
        """Whether this plugin records, a `with` apart: what was said of it alone outranks what was said of all."""
        if plugin in self.own:
            return not self.own[plugin].get("disable", False)
        return self.everywhere is not None and self.everywhere.wants(plugin)


requests = Requests()
blocks: ContextVar[tuple[Request, ...]] = ContextVar("runlake_autolog", default=())
_own_defaults: dict[str, Mapping[str, Any]] = {}  # of each plugin that is loaded


def change(new: Requests) -> None:
    """Have these hold from now on."""
    global requests
    requests = new


def set_own_defaults(plugin: str, own: Mapping[str, Any]) -> None:
    """Have these be a plugin's own options, where nothing else is said."""
    _own_defaults[plugin] = own
    change(replace(requests))  # what was resolved without them counts no more


def options_of(plugin: str) -> Mapping[str, Any]:
    """What holds for a plugin in this context."""
    held, inside = requests, blocks.get()  # kept with what it was resolved from: another thread may change that meanwhile
    key = plugin, inside
    found = held.resolved.get(key)
    if found is None:
        if len(held.resolved) > 1000:  # of blocks that are over
            held.resolved.clear()
        found = held.resolved[key] = _resolve(held, plugin, inside)
    return found


def checked(given: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """The options if they are ones. Raises InvalidValue for a name or a value that is none."""
    for name in given:
        if name in _MLFLOW_ONLY:
            from runlake.recording.telling import name_unused  # late, here and elsewhere: recording is not wanted before a training is

            name_unused("autolog", **{name: given[name]})
        elif name not in DEFAULTS and name not in own:
            raise InvalidValue(f"autolog() has no option {name!r}; it has {', '.join(sorted({*DEFAULTS, *own}))}.")
    known = {name: value for name, value in given.items() if name not in _MLFLOW_ONLY}
    for name, value in known.items():
        if isinstance(DEFAULTS.get(name), bool) and not isinstance(value, bool) and (name, value) != ("log_explanations", "full"):
            raise InvalidValue(f"The option {name} of autolog() is True or False, not {value!r}.")
    _check_tags(known.get("extra_tags"))
    if known.get("registered_model_name") is not None:
        from runlake.recording.registry import checked_name

        checked_name(known["registered_model_name"])
    limit = known.get("max_tuning_runs")
    if limit is not None and (not isinstance(limit, int) or limit < 0):
        raise InvalidValue(f"The option max_tuning_runs of autolog() is a number of runs from 0 on, or None, not {limit!r}.")
    if known.get("jobs") not in (None, "detached", "inline", "off"):
        raise InvalidValue(f"The option jobs of autolog() is 'detached', 'inline' or 'off', not {known['jobs']!r}.")
    return known


def _check_tags(tags: Any) -> None:
    if tags is None:
        return
    if not isinstance(tags, Mapping):
        raise InvalidValue(f"The option extra_tags of autolog() is a dictionary of tags, not {tags!r}.")
    for key in tags:
        if not isinstance(key, str) or key in _RESERVED_TAGS:
            raise InvalidValue(f"The option extra_tags of autolog() cannot set {key!r}, which is a tag that every run has.")


def _resolve(held: Requests, plugin: str, inside: tuple[Request, ...]) -> Mapping[str, Any]:
    found = {**DEFAULTS, **_own_defaults.get(plugin, {})}
    for request in (held.everywhere, *inside):
        found |= request.given if request is not None else {}
    found |= held.own.get(plugin, {})
    found["disable"] = not _is_on(held, plugin, inside)
    return found


def _is_on(held: Requests, plugin: str, inside: tuple[Request, ...]) -> bool:
    """What is off by its own word comes on in a block that names it, not in one that asks for all."""
    if not inside:
        return held.wants(plugin)
    is_named = plugin in (inside[-1].libraries or ())
    return inside[-1].wants(plugin) and (is_named or not held.own.get(plugin, {}).get("disable", False))
