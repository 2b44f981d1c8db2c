"""The smallest training with a Trainer of transformers: a model made from a configuration, a few samples, silent arguments."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

os.environ["HF_HUB_OFFLINE"] = "1"  # nothing is looked for anywhere

import torch
from tokenizers import Tokenizer, models
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    PreTrainedTokenizerFast,
    PrinterCallback,
    Seq2SeqTrainer,
    Seq2SeqTrainingArguments,
    Trainer,
    TrainingArguments,
)

__all__ = ["SAMPLES", "arguments", "bert", "history", "tokenizer", "trainer"]

SAMPLES = [{"input_ids": [number % 32] * 4, "attention_mask": [1] * 4, "labels": number % 2} for number in range(16)]


def bert(kind: type[Any] = BertForSequenceClassification) -> Any:
    """The same weights each time."""
    torch.manual_seed(0)
    size: dict[str, Any] = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    return kind(BertConfig(vocab_size=32, max_position_embeddings=16, **size))


def tokenizer() -> Any:
    """One that knows thirty numbers."""
    words = {str(number): number for number in range(30)} | {"[UNK]": 30, "[PAD]": 31}
    inner = Tokenizer(models.WordLevel(words, unk_token="[UNK]"))
    said: dict[str, Any] = {"unk_token": "[UNK]", "pad_token": "[PAD]", "model_max_length": 16}
    return PreTrainedTokenizerFast(tokenizer_object=inner, **said)  # type: ignore[no-untyped-call]  # transformers has no types there


def arguments(folder: Path, kind: type[TrainingArguments] = TrainingArguments, **given: Any) -> TrainingArguments:
    """Five steps, each of which is logged; nothing is printed or saved."""
    few: dict[str, Any] = {"max_steps": 5, "logging_steps": 1, "per_device_train_batch_size": 4, "save_strategy": "no", "report_to": "none"}
    silent: dict[str, Any] = {"disable_tqdm": True, "log_level": "error", "use_cpu": True, "dataloader_pin_memory": False}
    return kind(output_dir=str(folder), **(few | silent | given))


def trainer(folder: Path, model: Any = None, kind: type[Trainer] = Trainer, callbacks: Any = None, **given: Any) -> Any:
    """A Trainer; what it takes itself goes by that name, the rest to its arguments."""
    own = ("eval_dataset", "compute_metrics", "model_init", "processing_class", "data_collator", "train_dataset")
    parts = {"train_dataset": SAMPLES} | {name: given.pop(name) for name in own if name in given}
    if "model_init" not in parts:
        parts["model"] = bert() if model is None else model
    args = arguments(folder, Seq2SeqTrainingArguments if issubclass(kind, Seq2SeqTrainer) else TrainingArguments, **given)
    made = kind(args=args, callbacks=callbacks, **parts)
    made.remove_callback(PrinterCallback)
    return made


def history(made: Any, name: str) -> list[tuple[int, float]]:
    """What the Trainer itself says that it logged."""
    return [(logged["step"], logged[name]) for logged in made.state.log_history if name in logged]
