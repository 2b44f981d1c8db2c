"""What prepares a model's inputs: a tokenizer, a processor; known of a model that a Trainer trained with it."""

from __future__ import annotations

from typing import Any
from weakref import WeakKeyDictionary

__all__ = ["processing_of", "remember", "remember_processing"]

_known: WeakKeyDictionary[Any, Any] = WeakKeyDictionary()


def remember(model: Any, trainer: Any) -> None:
    """The Trainer's own, else its collator's, as the Trainer writes into checkpoints."""
    found = trainer.processing_class or getattr(trainer.data_collator, "tokenizer", None)
    if model is not None and found is not None:
        remember_processing(model, found)


def remember_processing(model: Any, processing: Any) -> None:
    """For as long as the model lives."""
    _known[model] = processing


def processing_of(model: Any) -> Any:
    """What is known, or None."""
    return _known.get(model)
