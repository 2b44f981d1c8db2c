"""What a model that is code looks like to those who write one, and how it is asked."""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from runlake.errors import InvalidModel, InvalidValue
from runlake.guard import log

__all__ = ["LoadedPython", "PythonModel", "PythonModelContext", "collected", "set_model", "wrong_with"]


@dataclass(frozen=True)
class PythonModelContext:
    """What a model finds when it is loaded: the paths of its artifacts by their names, and its configuration."""

    artifacts: Mapping[str, str] = field(default_factory=dict)
    model_config: Mapping[str, Any] = field(default_factory=dict)


class PythonModel:
    """A model that you write: derive from it, and define `predict(self, context, model_input, params=None)`.

    `context` and `params` may be left out. What is dear or no plain data belongs into `load_context`, which is called once the model
    is loaded; `context.artifacts` has the paths of the files that `artifacts=` named, `context.model_config` what `model_config=` did.
    """

    def load_context(self, context: PythonModelContext) -> None:
        """Read what predictions need from `context.artifacts`. Called once, before the first prediction."""

    def predict(self, *args: Any, **kwargs: Any) -> Any:
        """Say what the model makes of `model_input`."""
        raise NotImplementedError(f"{type(self).__qualname__} defines no predict(self, context, model_input, params=None).")


for _public in (PythonModelContext, PythonModel):
    _public.__module__ = "runlake.pyfunc"  # where people import it from: what names the class says that

_collecting: ContextVar[list[Any] | None] = ContextVar("_collecting", default=None)


def set_model(model: Any) -> None:
    """Say in a file that is kept as a model, `python_model="model.py"`, which object of it the model is. Elsewhere it does nothing."""
    if problem := wrong_with(model):
        raise InvalidValue(f"set_model() takes the model of this file; {problem}.")
    collecting = _collecting.get()
    if collecting is not None:
        collecting.append(model)


@contextlib.contextmanager
def collected() -> Iterator[list[Any]]:
    """What `set_model` is told meanwhile."""
    models: list[Any] = []
    token = _collecting.set(models)
    try:
        yield models
    finally:
        _collecting.reset(token)


def wrong_with(model: Any) -> str:
    """Why the object is no model that is code, in words; "" for one that is."""
    if isinstance(model, type):
        return f"{model.__qualname__} is a class: give an instance of it, {model.__qualname__}()"
    if isinstance(model, PythonModel):
        return f"{type(model).__qualname__} defines no predict()" if type(model).predict is PythonModel.predict else ""
    if not inspect.isfunction(model):
        return f"a {type(model).__module__}.{type(model).__qualname__} neither derives from runlake.pyfunc.PythonModel nor is a function"
    if model.__name__ == "<lambda>":
        return "a lambda has no name by which it could be found again: write it with def"
    if not _positional(model):
        return f"{model.__name__}() takes no argument for the data"
    return ""


class LoadedPython:
    """A model that is code, ready to be asked."""

    def __init__(self, model: Any, context: PythonModelContext) -> None:
        """Calls the model's own load_context: only after consent."""
        if problem := wrong_with(model):
            raise InvalidModel(f"What was kept is no model: {problem}.")
        self._model, self._context = model, context
        if isinstance(model, PythonModel):
            model.load_context(context)

    def unwrap(self) -> Any:
        """The object that its author wrote."""
        return self._model

    def predict(self, data: Any, params: Mapping[str, Any] | None = None) -> Any:
        """What the model says of the data."""
        return self._ask(self._model.predict if isinstance(self._model, PythonModel) else self._model, data, params)

    def predict_stream(self, data: Any, params: Mapping[str, Any] | None = None) -> Any:
        """The same piece by piece, of a model that has a `predict_stream` of its own."""
        streaming = getattr(self._model, "predict_stream", None)
        if streaming is None:
            raise InvalidValue(f"{_name(self._model)} has no predict_stream(); predict() gives its answer at once.")
        return self._ask(streaming, data, params)

    def _ask(self, function: Callable[..., Any], data: Any, params: Mapping[str, Any] | None) -> Any:
        given = (self._context, data) if isinstance(self._model, PythonModel) and _takes_context(function) else (data,)
        if _takes_params(function):
            return function(*given, params=None if params is None else dict(params))
        if params:
            log.warning("%s takes no params; %s is not used.", _name(self._model), ", ".join(map(repr, params)))
        return function(*given)


def _name(model: Any) -> str:
    return model.__name__ if inspect.isfunction(model) else type(model).__qualname__


def _positional(function: Callable[..., Any]) -> list[inspect.Parameter]:
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
    return [parameter for parameter in inspect.signature(function).parameters.values() if parameter.kind in kinds]


def _takes_context(function: Callable[..., Any]) -> bool:
    """Whether the first argument is the context, whatever it is called, and not the data."""
    first, second, *_ = [*_positional(function), None, None]
    if first is None or first.name == "context":
        return first is not None
    return second is not None and second.name != "params" and second.default is inspect.Parameter.empty


def _takes_params(function: Callable[..., Any]) -> bool:
    parameters = inspect.signature(function).parameters
    return "params" in parameters or any(each.kind is inspect.Parameter.VAR_KEYWORD for each in parameters.values())
