"""What a model is and what prepares its inputs: sizes, names, a task, adapters."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from runlake_transformers.arguments import plain

__all__ = ["document_of", "facts_of", "name_of", "task_of"]

_TASKS = {
    "ForSequenceClassification": "text-classification",
    "ForTokenClassification": "token-classification",
    "ForQuestionAnswering": "question-answering",
    "ForMaskedLM": "fill-mask",
    "ForCausalLM": "text-generation",
    "LMHeadModel": "text-generation",
    "ForImageClassification": "image-classification",
    "ForObjectDetection": "object-detection",
    "ForSemanticSegmentation": "image-segmentation",
    "ForAudioClassification": "audio-classification",
    "ForCTC": "automatic-speech-recognition",
    "ForSpeechSeq2Seq": "automatic-speech-recognition",
    "ForImageTextToText": "image-text-to-text",
}
_OF_ADAPTERS = ("peft_type", "task_type", "r", "lora_alpha", "lora_dropout", "target_modules", "bias", "use_dora", "use_rslora")
_MANY = 1 << 40  # tokens: a tokenizer without a limit says a number of thirty digits


def facts_of(model: Any, processing: Any) -> dict[str, Any]:
    """As params: the model's class and size, where it came from, its tokenizer, its adapter."""
    if not hasattr(model, "parameters"):
        return {}
    counts = [(parameter.numel(), parameter.requires_grad) for parameter in model.parameters()]
    inner = model.get_base_model() if hasattr(model, "get_base_model") else model
    found = {
        "architecture": type(inner).__name__,
        "task": task_of(inner),
        "model_name_or_path": getattr(getattr(inner, "config", None), "_name_or_path", ""),
        "parameters": sum(count for count, _ in counts),
        "trainable_parameters": sum(count for count, is_trained in counts if is_trained),
    }
    return {name: value for name, value in found.items() if value != ""} | _of_processing(processing) | _of_adapters(model)


def document_of(model: Any, processing: Any) -> dict[str, Any]:
    """All that is known, for a file."""
    config: Any = getattr(model, "config", None)
    found = {
        "model": config.to_dict() if hasattr(config, "to_dict") else {},
        "processing": {
            "class": "" if processing is None else name_of(type(processing)),
            "special_tokens": getattr(processing, "special_tokens_map", {}),
        },
        "adapters": {name: adapter.to_dict() for name, adapter in _adapters(model).items()},
    }
    written: dict[str, Any] = json.loads(json.dumps(found, default=_written))
    return written


def task_of(model: Any) -> str:
    """What a model of this class is for, by its name; "" where that does not tell."""
    for kind in type(model).__mro__:
        for ending, task in _TASKS.items():
            if kind.__name__.endswith(ending):
                return task
    is_conditional = any(kind.__name__.endswith("ForConditionalGeneration") for kind in type(model).__mro__)
    return "text2text-generation" if is_conditional else ""


def name_of(kind: type) -> str:
    """A class, with its module."""
    return f"{kind.__module__}.{kind.__qualname__}"


def _of_processing(processing: Any) -> dict[str, Any]:
    if processing is None:
        return {}
    inner = getattr(processing, "tokenizer", processing)
    longest = getattr(inner, "model_max_length", None)
    found = {
        "processing_class": type(processing).__name__,
        "tokenizer_vocab_size": getattr(inner, "vocab_size", None),
        "tokenizer_max_length": longest if isinstance(longest, int) and longest < _MANY else None,
    }
    return {name: value for name, value in found.items() if value is not None}


def _of_adapters(model: Any) -> dict[str, Any]:
    """Of each adapter what people compare; the first has no name of its own."""
    found: dict[str, Any] = {}
    for place, (name, adapter) in enumerate(_adapters(model).items()):
        prefix = "peft_" if place == 0 else f"peft_{name}_"
        values = {key: _written(value) for key, value in adapter.to_dict().items() if key in _OF_ADAPTERS}
        found |= {f"{prefix}{key.removeprefix('peft_')}": value for key, value in plain(values).items()}
    return found


def _adapters(model: Any) -> Mapping[str, Any]:
    found = getattr(model, "peft_config", None)
    return found if isinstance(found, Mapping) else {}


def _written(value: Any) -> Any:
    """As JSON has it, the same in every process."""
    if isinstance(value, (set, frozenset)):
        return sorted(map(str, value))
    return getattr(value, "value", value) if isinstance(value, (int, float, str, bool, list, type(None))) else str(value)
