"""What does a recorded training of a trainer take longer than a bare one?

`transformers`: a tiny BERT, 50 steps, each of which is logged, with Hugging Face's Trainer. `lightning`: two small layers, 315 steps,
each of which is logged, with Lightning's. Bare, recorded by runlake and its plugin for PyTorch, with the model and without, and by the
trainer's own callbacks for TensorBoard, W&B offline and MLflow on SQLite, where these are installed. Each way runs in processes of its
own, which take turns; in each, after a bare training, comes the first of the way, with what it does once for a process, and then bare ones
and such take turns. One thread trains. What is told is milliseconds from the making of the trainer to the end of its training, of the main
thread's CPU and of the wall: the least, as other work on the machine only adds, and the median of what is added, which for bare trainings
beside bare ones says how far that can be trusted; `times bare` is of the medians.

    python -m benchmarks.trainer_overhead [case ...]
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from statistics import median
from typing import Any

from benchmarks.report import installed, report, run_alone

WAYS = {
    "bare": "runlake",
    "runlake": "runlake",
    "runlake, no models": "runlake",
    "tensorboard": "tensorboard",
    "wandb": "wandb",
    "mlflow": "mlflow",
}
TURNS = 3
REPEATS = 5  # of a process
STEPS = 50
BATCHES = 63  # of each of five epochs

Train = Callable[[str], Any]  # with this tracker, or ""


def by_transformers(folder: str) -> Train:
    """Hugging Face's Trainer."""
    import torch
    from transformers import BertConfig, BertForSequenceClassification, PrinterCallback, Trainer, TrainingArguments

    torch.set_num_threads(1)
    size: dict[str, Any] = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
    config = BertConfig(vocab_size=64, max_position_embeddings=32, **size)
    samples: Any = [{"input_ids": [number % 64] * 16, "labels": number % 2} for number in range(256)]
    silent: dict[str, Any] = {"disable_tqdm": True, "log_level": "error", "use_cpu": True, "dataloader_pin_memory": False}

    def train(tracker: str) -> Any:
        args = TrainingArguments(folder, max_steps=STEPS, logging_steps=1, save_strategy="no", report_to=tracker or "none", **silent)
        trainer = Trainer(model=BertForSequenceClassification(config), args=args, train_dataset=samples)
        trainer.remove_callback(PrinterCallback)
        return trainer.train()

    return train


def by_lightning(folder: str) -> Train:
    """Lightning's Trainer."""
    import logging
    import warnings

    import torch
    from lightning.pytorch import LightningModule, Trainer, loggers
    from torch.utils.data import DataLoader, TensorDataset

    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    inputs = torch.randn(32 * BATCHES, 64)
    known: dict[str, Callable[[], Any]] = {
        "tensorboard": lambda: loggers.TensorBoardLogger(folder),
        "wandb": lambda: loggers.WandbLogger(save_dir=folder, offline=True),
        "mlflow": lambda: loggers.MLFlowLogger(tracking_uri=os.environ["MLFLOW_TRACKING_URI"]),
        "": lambda: False,
    }

    class Net(LightningModule):
        """Two layers."""

        def __init__(self) -> None:
            super().__init__()
            self.layers = torch.nn.Sequential(torch.nn.Linear(64, 64), torch.nn.Tanh(), torch.nn.Linear(64, 1))

        def training_step(self, batch: Any) -> Any:
            loss = self.layers(batch[0]).square().mean()
            self.log("train_loss", loss)
            return loss

        def configure_optimizers(self) -> Any:
            return torch.optim.AdamW(self.parameters(), lr=1e-3)

    def train(tracker: str) -> Any:
        silent: dict[str, Any] = {"enable_progress_bar": False, "enable_model_summary": False, "enable_checkpointing": False}
        trainer = Trainer(accelerator="cpu", max_epochs=5, log_every_n_steps=1, logger=known[tracker](), default_root_dir=folder, **silent)
        trainer.fit(Net(), DataLoader(TensorDataset(inputs), batch_size=32))
        return trainer

    return train


CASES: dict[str, Callable[[str], Train]] = {"transformers": by_transformers, "lightning": by_lightning}


def measure(case: str, way: str) -> list[Any]:
    """Milliseconds of CPU and of wall: of the first training of this way, and of pairs of a bare one and the next of the way."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        os.chdir(folder)
        os.environ |= {"RUNLAKE_STORE": f"{folder}/lake", "RUNLAKE_SILENT": "1", "RUNLAKE_JOBS": "off", "HF_HUB_OFFLINE": "1"}
        os.environ |= {"MLFLOW_TRACKING_URI": f"sqlite:///{folder}/mlflow.db", "WANDB_DIR": folder, "WANDB_MODE": "offline"}
        train = CASES[case](folder)
        tracker = way if way in ("tensorboard", "wandb", "mlflow") else ""

        def milliseconds(*, recorded: bool) -> list[float]:
            if way.startswith("runlake"):
                import runlake

                runlake.autolog(case, "torch", disable=not recorded, log_models=way == "runlake")
            cpu, wall = time.thread_time(), time.perf_counter()
            train(tracker if recorded else "")
            return [(time.thread_time() - cpu) * 1000, (time.perf_counter() - wall) * 1000]

        milliseconds(recorded=False)
        return [milliseconds(recorded=True), [(milliseconds(recorded=False), milliseconds(recorded=True)) for _ in range(REPEATS)]]


def rows_of(case: str) -> list[list[Any]]:
    """A row for each way."""
    ways = [way for way, package in WAYS.items() if installed(package)]
    turns = [{way: run_alone("benchmarks.trainer_overhead", "one", case, way) for way in ways} for _ in range(TURNS)]
    rows: list[list[Any]] = []
    for way in ways:
        pairs = [pair for turn in turns for pair in turn[way][1]]
        cells: list[float] = [min(turn[way][0][0] for turn in turns)]
        for place in (0, 1):
            bare, recorded = ([each[side][place] for each in pairs] for side in (0, 1))
            added = median(after - before for before, after in zip(bare, recorded, strict=True))
            cells += [min(bare), min(recorded), added, (median(bare) + added) / median(bare)]
        rows.append([case, way, *cells])
    return rows


def main() -> None:
    """Measure every case, or those that are named, each way."""
    match sys.argv[1:]:
        case ["one", case, way]:
            print(json.dumps(measure(case, way)))
        case named:
            rows = [row for case in named or CASES for row in rows_of(case)]
            told = [f"{clock}: {what}" for clock in ("CPU", "wall") for what in ("bare", "recorded", "added", "times bare")]
            columns = ["trainer", "way", "first", *told]
            packages = ["runlake", "torch", "transformers", "lightning", "tensorboard", "wandb", "mlflow"]
            report("What does a recorded training of a trainer take longer?", columns, rows, packages=packages)


if __name__ == "__main__":
    main()
