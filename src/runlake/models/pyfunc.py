"""A model of whatever library, asked in one way: data in, checked against its signature, and what it says out."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from runlake.entities.models import ModelInfo
from runlake.entities.signatures import ParamSchema, Schema
from runlake.errors import InvalidModel, InvalidValue
from runlake.instrument.plugins import ask_one, ask_plugins, find_plugins, implements, load_allowed, takes
from runlake.models.beside import PREDICTIONS
from runlake.models.code import LoadedPython
from runlake.models.consent import Consent
from runlake.models.folder import Folder
from runlake.models.loading import loaded
from runlake.models.signatures import Enforcement, enforced_params, matched
from runlake.models.signatures.examples import read_example

__all__ = ["Metadata", "PyFuncModel", "pyfunc_of"]

_NAMES = ("feature_names_in_", "feature_names")  # by which models say what columns they take

Ask = Callable[[Any, Mapping[str, Any]], Any]


class Metadata:
    """What is known of a loaded model: all that `info` has, and its schemas."""

    def __init__(self, info: ModelInfo) -> None:
        self.info = info

    def __getattr__(self, name: str) -> Any:
        if name == "info":  # it is being copied, and has none yet
            raise AttributeError(name)
        return getattr(self.info, name)

    def get_input_schema(self) -> Schema | None:
        """What it takes."""
        return None if self.info.signature is None else self.info.signature.inputs

    def get_output_schema(self) -> Schema | None:
        """What it gives."""
        return None if self.info.signature is None else self.info.signature.outputs

    def get_params_schema(self) -> ParamSchema | None:
        """What can be said beside the data."""
        return None if self.info.signature is None else self.info.signature.params

    def get_model_info(self) -> ModelInfo:
        """What `log_model` gave."""
        return self.info


class PyFuncModel:
    """A loaded model. `predict` takes what its signature says, as a DataFrame, an array, a dictionary, a list or a sparse matrix."""

    def __init__(self, model: Any, info: ModelInfo, ask: Ask, files: Mapping[str, bytes]) -> None:
        self.metadata = Metadata(info)
        self._model = model
        self._ask = ask
        self._files = files  # that tell of the model
        signature = info.signature
        self._params = None if signature is None else signature.params
        self._enforced = None if signature is None or signature.inputs is None else Enforcement(signature.inputs)

    def predict(self, data: Any, params: Mapping[str, Any] | None = None) -> Any:
        """What the model says of these rows. Raises InvalidValue for such as its signature does not let through."""
        known = enforced_params(params, self._params)
        return self._ask(self._matched(data) if self._enforced is None else self._enforced(data), known)

    def predict_stream(self, data: Any, params: Mapping[str, Any] | None = None) -> Iterator[Any]:
        """What a `PythonModel` says bit by bit. Raises InvalidValue for a model that does not."""
        if not isinstance(self._model, LoadedPython):
            raise InvalidValue(f"A {type(self._model).__name__} has no predict_stream; ask it by predict.")
        known = enforced_params(params, self._params)
        return iter(self._model.predict_stream(data if self._enforced is None else self._enforced(data), known))

    def _matched(self, data: Any) -> Any:
        """Without a signature the columns are those that the model itself names."""
        found = next((names for name in _NAMES if (names := getattr(self._model, name, None)) is not None), None)
        return data if found is None or callable(found) else matched(data, [str(name) for name in found])

    @property
    def input_example(self) -> Any:
        """The data that the model was kept with as an example; None where it has none."""
        info = self.metadata.saved_input_example_info
        return None if info is None else read_example(self._files, info, self.input_schema)

    @property
    def input_schema(self) -> Schema | None:
        """What it takes."""
        return self.metadata.get_input_schema()

    @property
    def loader_module(self) -> str:
        """What tools of MLflow would load it by."""
        return str(self.metadata.flavors["python_function"]["loader_module"])

    def get_raw_model(self) -> Any:
        """The model as its library has it."""
        return self._model.unwrap() if isinstance(self._model, LoadedPython) else self._model

    def unwrap_python_model(self) -> Any:
        """The `PythonModel` inside. Raises InvalidValue where it is none."""
        if not isinstance(self._model, LoadedPython):
            raise InvalidValue(
                f"The model at {self.metadata.model_uri} is a {type(self._model).__name__}, not a PythonModel: see get_raw_model()."
            )
        return self._model.unwrap()

    def __repr__(self) -> str:
        info = self.metadata.info
        lines = [f"runlake.pyfunc.PyFuncModel of {type(self.get_raw_model()).__qualname__}, {info.format_id}, from {info.model_uri}"]
        if info.signature is not None:
            lines += [f"  {name}: {schema}" for name, schema in vars(info.signature).items() if schema is not None]
        return "\n".join(lines)


def pyfunc_of(folder: Folder, options: Mapping[str, Any], consent: Consent | None = None) -> PyFuncModel:
    """The folder's model. Raises ConsentNeeded, InvalidModel or another RunlakeError."""
    model = loaded(folder, options, consent)
    return PyFuncModel(
        model, folder.info, _asking(model, folder), {name: folder.files[name] for name in folder.files.keys() - folder.data.keys()}
    )


def _asking(model: Any, folder: Folder) -> Ask:
    """How the model is asked: by the method that its `MLmodel` names, as its plugin does, or by its own `predict`."""
    method = folder.info.flavors.get("python_function", {}).get("predict_fn")
    if method is not None and method not in PREDICTIONS:
        raise InvalidModel(f"The model at {folder.where} is to be asked by {method!r}, which is none of {', '.join(PREDICTIONS)}.")
    by = method or "predict"
    answered = None if isinstance(model, LoadedPython) else _answering(model, folder, method)
    if answered is None:
        return lambda data, params: _own(model, by, data, params)

    def ask(data: Any, params: Mapping[str, Any]) -> Any:
        answer = answered(model=model, data=data, params=params, method=by)
        return answer if answer is not None else _own(model, by, data, params)

    return ask


def _answering(model: Any, folder: Folder, method: str | None) -> Callable[..., Any] | None:
    """How plugins are asked: that of the format, or the one that knows an object that was pickled. None where none has a say."""
    plugin = find_plugins().get(folder.manifest.format_id.partition("/")[0])
    if plugin is None:
        load_allowed()
        return functools.partial(ask_plugins, "predict", model) if method is None else None
    has_a_say = implements(plugin, "predict") and (method is None or takes(plugin, "predict", "method"))
    return functools.partial(ask_one, plugin, "predict") if has_a_say else None


def _own(model: Any, method: str, data: Any, params: Mapping[str, Any]) -> Any:
    if isinstance(model, LoadedPython):
        return model.predict(data, params)
    ask = getattr(model, method, None)
    if ask is None:
        raise InvalidValue(f"A {type(model).__name__} has no {method}; log it with pyfunc_predict_fn, which names what it has.")
    return ask(data, **params)
