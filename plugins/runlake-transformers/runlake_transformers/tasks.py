"""The tasks whose pipelines take texts: what each gives, as a table or texts again."""

from __future__ import annotations

from runlake import entities

__all__ = ["SAID", "signature_of"]

# Under which names a pipeline of the task has what it says; that of text classification has a label and a score.
SAID = {"text-generation": ("generated_text",), "fill-mask": ("token_str",), "token-classification": ("entity_group", "entity")}

_TEXT = entities.Schema((entities.ColSpec("string"),))
_LABELS = entities.Schema((entities.ColSpec("string", "label"), entities.ColSpec("double", "score")))


def signature_of(task: str) -> entities.ModelSignature | None:
    """One column of texts, and a label with its score or one of texts again; None for other tasks."""
    if task == "text-classification":
        return entities.ModelSignature(_TEXT, _LABELS)
    return entities.ModelSignature(_TEXT, _TEXT) if task in SAID else None
