"""A model, an adapter or a pipeline as files that are safe to read: safetensors, JSON and the texts of a tokenizer, never a pickle."""

from __future__ import annotations

import copy
import json
import logging
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
import transformers
from transformers import PreTrainedModel

from runlake import Saved, entities
from runlake_transformers import FORMAT
from runlake_transformers.describing import name_of, task_of
from runlake_transformers.processing import processing_of
from runlake_transformers.tasks import signature_of

__all__ = ["ABOUT", "ADAPTER", "ADAPTER_TENSORS", "CONFIG", "PARTS", "TENSORS", "is_adapter", "is_kept", "is_pipeline", "part_of", "saved"]

ABOUT, CONFIG, TENSORS = "model.json", "config.json", "model.safetensors"
ADAPTER, ADAPTER_TENSORS = "adapter_config.json", "adapter_model.safetensors"
GENERATION = "generation_config.json"
PARTS = ("tokenizer", "processor", "image_processor", "feature_extractor")  # of a pipeline, beside its model

_SUFFIXES = (".json", ".txt", ".model", ".jinja", ".tiktoken")


def saved(model: Any, max_bytes: int) -> Saved | None:
    """Its files; or why there are none. None for what is not of this library."""
    if is_pipeline(model):
        processing = {name: getattr(model, name) for name in PARTS if getattr(model, name, None) is not None}
        return _saved(model.model, processing, {"pipeline": True, "task": model.task}, max_bytes)
    if isinstance(model, PreTrainedModel) or is_adapter(model):
        known = processing_of(model)
        inner = model.get_base_model() if is_adapter(model) else model
        return _saved(model, {} if known is None else {part_of(known): known}, {"pipeline": False, "task": task_of(inner)}, max_bytes)
    return None


def is_kept(name: str) -> bool:
    """Whether a tokenizer's file of this name is text that nothing runs, in the folder itself."""
    return name.endswith(_SUFFIXES) and "/" not in name and "\\" not in name and not name.startswith(".")


def _saved(model: Any, processing: Mapping[str, Any], about: dict[str, Any], max_bytes: int) -> Saved:
    if not isinstance(model, PreTrainedModel) and not is_adapter(model):
        return Saved(FORMAT, why_not=f"the pipeline's model is a {name_of(type(model))}, which is none of this library")
    why_not = _why_not_at_all(model)
    tensors = {} if why_not else _tensors(model)
    why_not = why_not or next((f"{name} {why}" for name, held in tensors.items() if (why := _why_not(held))), "")
    if not why_not and sum(held.numel() * held.element_size() for held in tensors.values()) > max_bytes:
        why_not = f"it takes more than {max_bytes:,} bytes"
    if why_not:
        return Saved(FORMAT, why_not=why_not)
    files = _of_adapter(model, tensors) if is_adapter(model) else _of_model(model, tensors)
    for each in processing.values():
        files |= {name: content for name, content in _written(each).items() if name not in files}
    inner = model.get_base_model() if is_adapter(model) else model
    about |= {
        "name": str(inner.config._name_or_path or ""),
        "class": name_of(type(model)),
        "parts": {name: name_of(type(each)) for name, each in processing.items()},
    }
    is_own = not is_adapter(model) and type(model).__module__.partition(".")[0] != "transformers"
    notes = {"class": about["class"], **({"base_model": _base_of(model)} if is_adapter(model) else {})}
    files[ABOUT] = json.dumps(about).encode()
    return Saved(
        FORMAT,
        files,
        notes=notes,
        needs_class=is_own or is_adapter(model),
        flavors={} if is_own or is_adapter(model) else _flavor(model, about),
        modules=_modules_of(model, is_own=is_own),
        signature=_signature_of(processing, about["task"]),
    )


def _flavor(model: Any, about: Mapping[str, Any]) -> dict[str, Any]:
    """Where MLflow's tools find the model; what prepares its inputs lies beside it, where they do not look."""
    kinds = {f"{name}_type": kind.rpartition(".")[2] for name, kind in about["parts"].items() if name != "processor"}
    found = {"model_binary": ".", "pipeline_model_type": type(model).__name__, "source_model_name": about["name"], "components": []}
    dtype = {"torch_dtype": str(model.dtype), "transformers_version": transformers.__version__}
    return {"transformers": {"task": about["task"], **found, **kinds, **dtype}}


def _modules_of(model: Any, *, is_own: bool) -> tuple[str, ...]:
    """Those of the library, and that of a class which has to be passed."""
    own = type(model).__module__.partition(".")[0]
    extra = ("peft",) if is_adapter(model) else (own,) if is_own and own != "__main__" else ()
    return ("transformers", "torch", "safetensors", *extra)


def _signature_of(processing: Mapping[str, Any], task: str) -> entities.ModelSignature | None:
    """Of the pipeline, where there is all that makes one of texts."""
    return signature_of(task) if "tokenizer" in processing else None


def _of_model(model: Any, tensors: Mapping[str, torch.Tensor]) -> dict[str, bytes]:
    """The configuration is a copy's: the model's own does not come to say what only saved ones do."""
    config = copy.deepcopy(model.config)
    config.architectures = [type(model).__name__]
    config.dtype = str(model.dtype).removeprefix("torch.")
    files = {CONFIG: config.to_json_string(use_diff=True).encode(), TENSORS: _packed(tensors)}
    if model.can_generate() and model.generation_config is not None:
        files[GENERATION] = model.generation_config.to_json_string().encode()
    return files


def _of_adapter(model: Any, tensors: Mapping[str, torch.Tensor]) -> dict[str, bytes]:
    adapter = model.peft_config[model.active_adapter].to_dict()
    adapter["inference_mode"] = True
    adapter["base_model_name_or_path"] = _base_of(model)
    return {ADAPTER: json.dumps(adapter, default=_jsonable).encode(), ADAPTER_TENSORS: _packed(tensors)}


def _tensors(model: Any) -> dict[str, torch.Tensor]:
    """Each tensor once: what shares one is tied again when the model is made."""
    if is_adapter(model):
        from peft.utils import get_peft_model_state_dict

        found: dict[str, torch.Tensor] = get_peft_model_state_dict(model, adapter_name=model.active_adapter, save_embedding_layers=False)
        return found
    seen: set[Any] = set()
    unique = {}
    for name, held in model.state_dict().items():
        place = held.untyped_storage().data_ptr(), held.storage_offset(), held.shape, held.stride()
        if place not in seen or not held.numel():
            unique[name] = held
        seen.add(place)
    return unique


def _packed(tensors: Mapping[str, torch.Tensor]) -> bytes:
    """In memory, one after the other, each in a storage of its own."""
    kept, storages = {}, set()
    for name, held in tensors.items():
        plain = held.detach().cpu().contiguous()
        place = plain.untyped_storage().data_ptr()
        kept[name] = plain.clone() if place in storages else plain
        storages.add(place)
    return safetensors.torch.save(kept, metadata={"format": "pt"})


def _why_not_at_all(model: Any) -> str:
    """Why a model has no safe form, whatever its tensors say."""
    if not is_adapter(model) and getattr(model.config, "quantization_config", None):
        return "it is quantized, which only other code can undo"
    if any(hasattr(parameter, "ds_id") for parameter in model.parameters()):
        return "its parameters are spread over processes"
    return ""


def _why_not(held: torch.Tensor) -> str:
    if held.is_meta:
        return "holds no numbers"
    if held.layout is not torch.strided or held.is_quantized:
        return "is sparse or quantized, which the format does not have"
    if type(held.detach()) is not torch.Tensor:
        return f"is a {type(held.detach()).__name__}, which may be spread over devices"
    return ""


def _written(processing: Any) -> dict[str, bytes]:
    """What a tokenizer or processor writes of itself."""
    with tempfile.TemporaryDirectory() as folder, _in_silence():
        processing.save_pretrained(folder)
        return {path.name: path.read_bytes() for path in Path(folder).iterdir() if path.is_file() and is_kept(path.name)}


@contextmanager
def _in_silence() -> Iterator[None]:
    """In a folder that nobody sees: what the library says of that in this thread is not for the user."""
    here, handlers = threading.get_ident(), list(logging.getLogger("transformers").handlers)

    def is_of_another(record: logging.LogRecord) -> bool:
        return record.thread != here

    for handler in handlers:
        handler.addFilter(is_of_another)
    try:
        yield
    finally:
        for handler in handlers:
            handler.removeFilter(is_of_another)


def part_of(processing: Any) -> str:
    """What a pipeline calls what prepares its inputs."""
    kinds = {kind.__name__ for kind in type(processing).__mro__}
    if "ProcessorMixin" in kinds:
        return "processor"
    if kinds & {"ImageProcessingMixin", "BaseImageProcessor"}:
        return "image_processor"
    return "feature_extractor" if "FeatureExtractionMixin" in kinds else "tokenizer"


def is_pipeline(model: Any) -> bool:
    """Whether it is a pipeline of this library."""
    return any(kind.__module__ == "transformers.pipelines.base" and kind.__name__ == "Pipeline" for kind in type(model).__mro__)


def is_adapter(model: Any) -> bool:
    """Whether it is a model with an adapter of PEFT."""
    return any(kind.__module__ == "peft.peft_model" and kind.__name__ == "PeftModel" for kind in type(model).__mro__)


def _base_of(model: Any) -> str:
    return str(getattr(model.get_base_model().config, "_name_or_path", "") or "")


def _jsonable(value: Any) -> Any:
    return sorted(map(str, value)) if isinstance(value, (set, frozenset)) else getattr(value, "value", str(value))
