"""The form in which a model is kept: the safe one of the plugin that knows it, or a pickle where a program asks for one by name."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

from runlake.errors import InvalidValue, RunlakeError
from runlake.instrument.options import options_of
from runlake.instrument.plugins import ask_plugins, load, load_allowed, plugin_named, takes
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
    named = plugin_named(library)
    if not load(named):
        raise RunlakeError(f"The plugin {library} is off: {named.problem.rstrip('.')}.")
    if form == PICKLE:
        from runlake.models.code.pickles import pickled  # late: hardly any program asks for it

        libraries = {kind.__module__.partition(".")[0] for kind in type(model).__mro__} - sys.stdlib_module_names - {"__main__"}
        return Saved(f"{PICKLE}/1", {"model.pkl": pickled(model)}, modules=[*sorted(libraries), "cloudpickle"])
    saved = _asked(model, form)
    if saved is None:  # the library's own classes may derive from another's, whose plugin knows them
        load_allowed()
        saved = _asked(model, form)
    if saved is None:
        raise RunlakeError(f"No plugin has a safe form for a {name_of(model)}; runlake.{library} keeps models of {library}. {_BY_PICKLE}")
    if saved.why_not:
        raise RunlakeError(f"This {name_of(model)} cannot be kept: {saved.why_not.rstrip('.')}. {_BY_PICKLE}")
    plugin = plugin_named(saved.format_id.partition("/")[0])
    if form is not None and not takes(plugin, "save_model", "form"):
        raise InvalidValue(f"A {name_of(model)} is kept in one format, {saved.format_id}, or with format='pickle'; there is no {form!r}.")
    return saved


def asking(model: Any, method: str = "predict") -> Ask:
    """How a model of a library is asked for a few rows: as its users are going to, or as a training asks it."""

    def ask(rows: Any, params: Mapping[str, Any]) -> Any:
        said = ask_plugins("predict", model, options=options_of, model=model, data=rows, params=params, method=method)
        return said if said is not None else ask_plugins("predict_sample", model, options=options_of, model=model, rows=rows)

    return ask


def _asked(model: Any, form: str | None) -> Saved | None:
    saved: Saved | None = ask_plugins("save_model", model, options=options_of, model=model, max_bytes=NO_LIMIT, form=form)
    return saved
