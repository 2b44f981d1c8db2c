"""A model in the safe form that the plugin of its library has, and back; a model may hold others of other libraries.

Every file of a model, whatever its format, is read through `load_part`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from runlake.errors import InvalidValue, RunlakeError
from runlake.instrument.plugins import ask_one, find_plugins, implements, load, plugin_named, takes
from runlake.instrument.saved import Saved

__all__ = ["load_part", "save_part", "tried_first"]

Trial = Callable[[str, Mapping[str, bytes]], None]

_trial: ContextVar[Trial | None] = ContextVar("runlake_trial", default=None)


@contextmanager
def tried_first(trial: Trial) -> Iterator[None]:
    """Inside, what a library reads by code in C or C++ goes through `trial` first, which raises where it must not be read here."""
    token = _trial.set(trial)
    try:
        yield
    finally:
        _trial.reset(token)


def save_part(model: object, max_bytes: int) -> Saved | None:
    """A model in the safe form of the plugin whose library has its very class; None where there is no such plugin."""
    library = type(model).__module__.partition(".")[0]
    for plugin in find_plugins().values():
        if not plugin.is_service and implements(plugin, "save_model") and library in plugin.libraries:
            saved: Saved | None = ask_one(plugin, "save_model", model=model, max_bytes=max_bytes, form=None)
            return saved
    return None


def load_part(format_id: str, files: Mapping[str, bytes], options: Mapping[str, Any] | None = None) -> Any:
    """The model that these files are; nothing that they say is run. `options` are its plugin's own.

    Raises RunlakeError where its plugin is off or missing.
    """
    plugin = plugin_named(format_id.partition("/")[0])
    if not load(plugin):
        raise RunlakeError(f"The model is in the format {format_id}, whose plugin is off: {plugin.problem.rstrip('.')}.")
    if options and not takes(plugin, "load_model", "options"):
        raise InvalidValue(f"A model in the format {format_id} is loaded as it is; it takes no {', '.join(options)}.")
    trial = _trial.get()
    if trial is not None and implements(plugin, "native_formats") and format_id in ask_one(plugin, "native_formats"):
        trial(format_id, files)
    return ask_one(plugin, "load_model", format_id=format_id, files=files, options=options or {})
