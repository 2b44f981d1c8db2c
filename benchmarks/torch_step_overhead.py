"""What does a recorded step of a PyTorch loop cost more than a bare one?

A step of about a millisecond on the processor, forward, backward and AdamW, in one thread; and a step of the smallest model that there
is, where all that is added shows. Bare, recorded by runlake, and with one `add_scalar` of TensorBoard's SummaryWriter or one `log` of
W&B, offline, after each step, where these are installed: both are given the loss as `loss.item()`. Every way runs in processes of its
own, which take turns; of each the median of 40 parts of the loop is taken, once 2,000 steps were made and what is done once is done, and
of these the median is told, with the least and the greatest. `added` is what that is more than bare.

    python -m benchmarks.torch_step_overhead [case ...]
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

WAYS = {"bare": "torch", "runlake": "runlake", "tensorboard": "tensorboard", "wandb": "wandb"}
WIDTHS = {"1 ms": 256, "smallest": 1}
TURNS = 3
PARTS = 40
BEFORE = 40  # parts, in which what is done once is done
STEPS = 50  # of a part


def step_of(width: int) -> Callable[[], Any]:
    """One step of training, which gives the loss."""
    import torch

    torch.set_num_threads(1)
    inputs = torch.randn(32, width)
    model = torch.nn.Sequential(torch.nn.Linear(width, width), torch.nn.Tanh(), torch.nn.Linear(width, 1))
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4)

    def step() -> Any:
        optimizer.zero_grad()
        loss = model(inputs).square().mean()
        loss.backward()
        optimizer.step()
        return loss

    return step


def logger(way: str, folder: str) -> Callable[[Any, int], None]:
    """What the user of another tracker does after each step."""
    if way == "tensorboard":
        from torch.utils.tensorboard import SummaryWriter

        writer: Any = SummaryWriter(folder)
        return lambda loss, number: writer.add_scalar("train/loss", loss.item(), number)
    if way == "wandb":
        import wandb

        run = wandb.init(mode="offline", settings=wandb.Settings(silent=True))
        return lambda loss, number: run.log({"train/loss": loss.item()}, step=number)
    return lambda loss, number: None


def measure(case: str, way: str) -> float:
    """Microseconds a step."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        os.environ |= {"RUNLAKE_STORE": f"{folder}/lake", "RUNLAKE_SILENT": "1", "RUNLAKE_JOBS": "off", "WANDB_DIR": folder}
        if way == "runlake":
            import runlake

            runlake.autolog("torch")
        step, log = step_of(WIDTHS[case]), logger(way, folder)
        parts = []
        for part in range(BEFORE + PARTS):
            start = time.perf_counter()
            for number in range(STEPS):
                log(step(), part * STEPS + number)
            parts.append((time.perf_counter() - start) / STEPS * 1e6)
        return median(parts[BEFORE:])


def main() -> None:
    """Measure every case, or those that are named, each way."""
    match sys.argv[1:]:
        case ["one", case, way]:
            print(json.dumps(measure(case, way)))
        case named:
            rows = []
            for case in named or WIDTHS:
                ways = [way for way, package in WAYS.items() if installed(package)]
                turns = [[run_alone("benchmarks.torch_step_overhead", "one", case, way) for way in ways] for _ in range(TURNS)]
                for way, values in zip(ways, zip(*turns, strict=True), strict=True):
                    added = median(value - turn[0] for value, turn in zip(values, turns, strict=True))
                    rows.append([case, way, median(values), min(values), max(values), added])
            columns = ["step", "way", "µs a step", "least", "greatest", "added, µs"]
            report(
                "What does a recorded step of a PyTorch loop cost?", columns, rows, packages=["runlake", "torch", "tensorboard", "wandb"]
            )


if __name__ == "__main__":
    main()
