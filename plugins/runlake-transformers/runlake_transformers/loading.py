"""A saved model, adapter or pipeline again: the classes are this library's own, found by name, and nothing that a file names is run."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import transformers
from transformers.utils import logging

from runlake import InvalidModel, RunlakeError
from runlake_transformers.processing import remember_processing
from runlake_transformers.saving import ABOUT, ADAPTER, ADAPTER_TENSORS, CONFIG, PARTS, TENSORS, is_kept

__all__ = ["loaded"]

TYPES = ("model", "pipeline", "components")
OPTIONS = ("return_type", "base_model", "model_class")

# What makes the library fetch code, kernels or further weights, or import what is named.
_REFUSED = ("auto_map", "custom_pipelines", "megatron_config", "quantization_config", "trust_remote_code")
_DROPPED = ("_attn_implementation_internal", *(f"{mark}{part}_implementation" for mark in ("", "_") for part in ("attn", "experts")))


def loaded(files: Mapping[str, bytes], options: Mapping[str, Any]) -> Any:
    """What was saved, or as `return_type` says. Raises InvalidModel for files that nothing was saved as."""
    _check_options(options)
    wanted = options.get("return_type")
    try:
        about = _read(files)
        if ADAPTER in files and options.get("base_model") is None:
            base = json.loads(files[ADAPTER]).get("base_model_name_or_path") or "a model without a name"
            raise RunlakeError(f"The files are an adapter of {base}. Load that, and pass it: load_model(uri, base_model=...).")
        with tempfile.TemporaryDirectory() as folder, _without_bars():
            for name, content in files.items():
                Path(folder, name).write_bytes(content)
            model = _adapter(folder, options["base_model"]) if ADAPTER in files else _model(folder, files, about, options)
            parts = {name: _part(folder, name, kind) for name, kind in about["parts"].items()}
            wanted = wanted or ("pipeline" if about["pipeline"] else "model")
            return _given(model, parts, str(about["task"]), wanted)
    except RunlakeError:
        raise
    except Exception as error:  # which is the very class that what reads tokenizers raises
        raise InvalidModel(f"These files are no model of transformers: {type(error).__name__}: {str(error)[:1000]}") from error


@contextmanager
def _without_bars() -> Iterator[None]:
    """Of a model in memory there is nothing to wait for."""
    is_shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]  # transformers has no types there
    try:
        yield
    finally:
        if is_shown:
            logging.enable_progress_bar()  # type: ignore[no-untyped-call]  # transformers has no types there


def _check_options(options: Mapping[str, Any]) -> None:
    unknown = [name for name in options if name not in OPTIONS]
    if unknown:
        raise RunlakeError(f"A model of transformers is loaded with {', '.join(OPTIONS)}; there is no {', '.join(unknown)}.")
    if options.get("return_type") not in (None, *TYPES):
        raise RunlakeError(f"return_type is one of {', '.join(TYPES)}, not {options['return_type']!r}.")


def _read(files: Mapping[str, bytes]) -> dict[str, Any]:
    """What the files say of themselves, once they are of the kinds that are saved. Raises ValueError for others."""
    strange = [name for name in files if not is_kept(name) and name not in (TENSORS, ADAPTER_TENSORS)]
    if strange:
        raise ValueError(f"{strange[0]!r} is no file of a model")
    for name, content in files.items():
        if name.endswith(".json"):
            refused = sorted(_named_in(json.loads(content)) & set(_REFUSED))
            if refused:
                raise ValueError(f"{name} has {refused[0]!r}, which would have code or weights fetched from elsewhere")
    about: dict[str, Any] = json.loads(files[ABOUT])
    if not all(name in PARTS for name in about["parts"]) or not isinstance(about["pipeline"], bool):
        raise ValueError(f"{ABOUT} says what no model has")
    return about


def _named_in(document: Any, depth: int = 0) -> set[str]:
    """Every key of a configuration that says something, however deep; a vocabulary, which has numbers, is none."""
    if depth > 50:
        raise ValueError("it is nested too deep")
    if isinstance(document, list):
        return {name for each in document if isinstance(each, (dict, list)) for name in _named_in(each, depth + 1)}
    if not isinstance(document, dict):
        return set()
    below = {name for each in document.values() if isinstance(each, (dict, list)) for name in _named_in(each, depth + 1)}
    return {name for name, value in document.items() if value and type(value) is not int} | below


def _model(folder: str, files: Mapping[str, bytes], about: Mapping[str, Any], options: Mapping[str, Any]) -> Any:
    """Of the class that its configuration names, which is one of the library's own."""
    config = json.loads(files[CONFIG])
    kind = options.get("model_class") or _class_named(config["architectures"][0], about)
    n_tensors = len(json.loads(_header(files[TENSORS])))
    if any(number > n_tensors for number in _numbers_of_layers(config)):  # each would be made in turn
        raise ValueError(f"{CONFIG} has more layers than there are tensors")
    Path(folder, CONFIG).write_text(json.dumps(_harmless(config)), encoding="utf-8")
    wanted = {"local_files_only": True, "use_safetensors": True, "dtype": "auto", "output_loading_info": True}
    model, found = kind.from_pretrained(folder, **wanted)
    if found["missing_keys"] or found["mismatched_keys"]:
        raise ValueError(f"it lacks {', '.join(sorted(map(str, found['missing_keys'] or found['mismatched_keys']))[:5])}")
    model.config._name_or_path = model.name_or_path = str(about["name"])  # not that of a folder that is gone
    return model


def _header(tensors: bytes) -> bytes:
    """What a file of safetensors says of itself."""
    return tensors[8 : 8 + int.from_bytes(tensors[:8], "little")]


def _numbers_of_layers(config: Any) -> Iterator[int]:
    if isinstance(config, dict):
        for name, value in config.items():
            if isinstance(value, int) and re.search(r"(layers?|depth)$", name):
                yield value
            yield from _numbers_of_layers(value)


def _class_named(name: str, about: Mapping[str, Any]) -> Any:
    kind = getattr(transformers, name, None) if name.isidentifier() and not name.startswith("_") else None
    if not (isinstance(kind, type) and issubclass(kind, transformers.PreTrainedModel)):
        raise RunlakeError(
            f"The model is a {about['class']}, a class of the program that trained it, which no file can bring. "
            "Pass it: runlake.transformers.load_model(uri, model_class=...)."
        )
    return kind


def _harmless(config: Any) -> Any:
    """Without the names of kernels, which may be fetched, and of weights that a part was begun with."""
    if not isinstance(config, dict):
        return config
    kept = {name: _harmless(value) for name, value in config.items() if name not in _DROPPED}
    return kept | ({"use_pretrained_backbone": False} if "use_pretrained_backbone" in kept else {})


def _adapter(folder: str, base: Any) -> Any:
    if not isinstance(base, transformers.PreTrainedModel):
        raise RunlakeError(f"base_model is the model that the adapter was trained on, not a {type(base).__name__}.")
    from peft import PeftModel

    return PeftModel.from_pretrained(base, folder, local_files_only=True, use_safetensors=True)


def _part(folder: str, name: str, kind: str) -> Any:
    """A tokenizer or processor, as the library finds its own class by the files."""
    auto: Any = {
        "tokenizer": transformers.AutoTokenizer,
        "processor": transformers.AutoProcessor,
        "image_processor": transformers.AutoImageProcessor,
        "feature_extractor": transformers.AutoFeatureExtractor,
    }[name]
    found = auto.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    if hasattr(found, "name_or_path"):
        found.name_or_path = ""
    return found


def _given(model: Any, parts: Mapping[str, Any], task: str, wanted: str) -> Any:
    if parts:
        remember_processing(model, next(iter(parts.values())))
    if wanted == "model":
        return model
    if wanted == "components":
        return {"model": model, **parts}
    if not task or not parts:
        what = "what prepares its inputs was not kept" if task else "nothing says what task it is for"
        raise RunlakeError(f"There is no pipeline for the model: {what}. Load it with return_type='model', and make one of that.")
    make: Any = transformers.pipeline
    return make(task, model=model, device=model.device, **parts)
