"""The smallest training that shows what is recorded: a classifier, made from a configuration, that learns whether a number is odd."""

from __future__ import annotations

import tempfile
from typing import Any

__all__ = ["train"]


def train() -> None:
    """A hundred steps, with three evaluations."""
    from transformers import BertConfig, BertForSequenceClassification, Trainer, TrainingArguments, set_seed

    set_seed(0)
    size: dict[str, Any] = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
    model = BertForSequenceClassification(BertConfig(vocab_size=16, max_position_embeddings=8, **size))
    samples: Any = [{"input_ids": [number // 8, number % 8 + 8], "labels": number % 2} for number in range(64)]
    with tempfile.TemporaryDirectory() as folder:
        args = TrainingArguments(
            output_dir=folder,
            max_steps=60,
            learning_rate=0.01,
            per_device_train_batch_size=16,
            logging_steps=5,
            eval_strategy="steps",
            eval_steps=20,
            save_strategy="no",
            report_to="none",
            disable_tqdm=True,
            log_level="error",
            use_cpu=True,
            dataloader_pin_memory=False,
        )
        Trainer(model=model, args=args, train_dataset=samples[:48], eval_dataset=samples[48:]).train()
