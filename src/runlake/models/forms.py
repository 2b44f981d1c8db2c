"""The form in which a model is kept: the safe one of the plugin that knows it, or a pickle where a program asks for one by name."""

from __future__ import annotations

from typing import Any

from runlake.errors import InvalidValue, RunlakeError
from runlake.instrument.options import options_of
from runlake.instrument.plugins import ask_plugins, find_plugins, is_allowed, load, plugin_named, takes
from runlake.instrument.saved import Saved
from runlake.models.beside import Ask
from runlake.models.trained import name_of

__all__ = ["PICKLE", "asking", "saved_by"]

NO_LIMIT = 1 << 62
PICKLE = "pickle"  # the format of a model that only a pickle can hold

_BY_PICKLE = "With format='pickle' it is kept as a pickle, which others load only once they have consented to run what is in it."


def saved_by(library: str, model: Any, form: str | None) -> Saved:
    """The model in the form of the plugin that knows it: of the library, or of what its class derives from.

    Raises RunlakeError where it has none, or not this one.
    """
    if form == PICKLE:
        from runlake.models.code.pickles import pickled  # late: hardly any program asks for it

        return Saved(f"{PICKLE}/1", {"model.pkl": pickled(model)}, modules=[type(model).__module__.partition(".")[0], "cloudpickle"])
    named = plugin_named(library)
    if not load(named):
        raise RunlakeError(f"The plugin {library} is off: {named.problem.rstrip('.')}.")
    saved = _asked(model, form)
    if saved is None:  # the library's own classes may derive from another's, whose plugin knows them
        for plugin in find_plugins().values():
            if not plugin.is_service and is_allowed(plugin.name):
                load(plugin)
        saved = _asked(model, form)
    if saved is None:
        raise RunlakeError(f"No plugin has a safe form for a {name_of(model)}; runlake.{library} keeps models of {library}. {_BY_PICKLE}")
    if saved.why_not:
        raise RunlakeError(f"This {name_of(model)} cannot be kept: {saved.why_not.rstrip('.')}. {_BY_PICKLE}")
    plugin = plugin_named(saved.format_id.partition("/")[0])
    if form is not None and not takes(plugin, "save_model", "form"):
        raise InvalidValue(f"A {name_of(model)} is kept in one format, {saved.format_id}, or with format='pickle'; there is no {form!r}.")
    return saved


def asking(model: Any) -> Ask:
    """How a model of a library is asked for a few rows."""
    return lambda rows, _: ask_plugins("predict_sample", model, options=options_of, model=model, rows=rows)


def _asked(model: Any, form: str | None) -> Saved | None:
    saved: Saved | None = ask_plugins("save_model", model, options=options_of, model=model, max_bytes=NO_LIMIT, form=form)
    return saved
