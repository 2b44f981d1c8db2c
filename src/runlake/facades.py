"""`runlake.<library>`: a module for each library that has a plugin, with the verbs that concern it alone."""

from __future__ import annotations

import functools
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

    from runlake.entities.models import ModelInfo

__all__ = ["is_library"]

GROUP = "runlake.facades"


class _Facades:
    """Makes the modules; none is a file, since what libraries there are is known by the plugins that are installed."""

    def find_spec(self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        """The spec of a facade, where a plugin has that name."""
        parent, _, name = fullname.rpartition(".")
        if parent != "runlake" or not is_library(name):
            return None
        return ModuleSpec(fullname, _Maker())  # type: ignore[arg-type]  # which has what a loader needs


class _Maker:
    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        """An ordinary one."""
        return None

    def exec_module(self, module: ModuleType) -> None:
        """Fill it."""
        from runlake.instrument.autolog import library_autolog
        from runlake.instrument.plugins import plugin_of_module

        library = name = module.__name__.rpartition(".")[2]
        entry = _more(name)
        more: ModuleType | None = None if entry is None else entry.load()
        if entry is not None:  # it may be a second name
            library = plugin_of_module(entry.module)
        module.__doc__ = f"What concerns {library} alone."
        vars(module)["autolog"] = functools.partial(library_autolog, library)
        vars(module)["load_model"] = _load_model
        vars(module)["log_model"] = functools.partial(_log_model, library)
        vars(module)["save_model"] = functools.partial(_save_model, library)
        own = [] if more is None else list(more.__all__)
        vars(module).update({verb: getattr(more, verb) for verb in own})
        vars(module)["__all__"] = sorted(["autolog", "load_model", "log_model", "save_model", *own])


def _more(name: str) -> EntryPoint | None:
    """The module of a plugin that has further verbs for this name, which may be one that people know its library by."""
    from importlib.metadata import entry_points  # late: it takes long to import, and few need it

    return next(iter(entry_points(group=GROUP, name=name)), None)


def _load_model(model_uri: str, dst_path: str | None = None, **options: Any) -> Any:
    """The model at `runs:/<run id>/model`, or in a folder; `options` are the plugin's own. Nothing in its files is run."""
    from runlake.client.models import load_model  # late: it reads stores, which a training does not

    return load_model(model_uri, dst_path, **options)


def _log_model(library: str, *given: Any, **named: Any) -> ModelInfo:
    """Keep a model in the active run: `log_model(model, artifact_path="model", ...)`; `load_model` gives it back by its `model_uri`."""
    from runlake.models.verbs import log_model  # late: few programs want it

    return log_model(library, *given, **named)


def _save_model(library: str, *given: Any, **named: Any) -> ModelInfo:
    """Keep a model in a folder: `save_model(model, path, ...)`; `load_model` gives it back by that path."""
    from runlake.models.verbs import save_model  # late: few programs want it

    return save_model(library, *given, **named)


def is_library(name: str) -> bool:
    """Whether a plugin for a library of this name is installed."""
    if PathFinder.find_spec(f"runlake.{name}", sys.modules["runlake"].__path__) is not None:
        return False  # a module of ours that is being imported: for that nobody looks at what is installed
    from runlake.instrument.plugins import find_plugins

    found = find_plugins().get(name)
    return not found.is_service if found is not None else _more(name) is not None


sys.meta_path.append(_Facades())
