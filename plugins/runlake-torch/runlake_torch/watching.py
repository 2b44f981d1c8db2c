"""`runlake.torch.watch`: weights and gradients by a sample of each, computed where they lie, without a wait."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from runlake import RunlakeError

if TYPE_CHECKING:
    from runlake import OfferedRun

__all__ = ["unwatch", "watch"]

BINS = 32
MOST_VALUES = 10_000  # of a parameter that are looked at
MOST_ROWS = 100_000  # of histograms that are held until the model's training ends

_changing = threading.RLock()


@dataclass(eq=False)
class Histograms:
    """Of one kind, of one training: for each row its step and parameter, and mean, std, min, max and counts, on their device."""

    steps: list[int] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    numbers: list[Any] = field(default_factory=list)


_watched: WeakKeyDictionary[Any, int] = WeakKeyDictionary()
_collected: WeakKeyDictionary[Any, dict[str, Histograms]] = WeakKeyDictionary()  # by the run


def watch(model: Any, every: int = 100) -> None:
    """Record the weights and gradients of a model as it is trained, every so many steps: of each parameter the mean, the standard
    deviation, the least and the greatest as series, and histograms in `weights.parquet` and `gradients.parquet` at the end.
    """
    if not hasattr(model, "named_parameters"):
        raise RunlakeError(f"A module of PyTorch is watched, not a {type(model).__name__}.")
    if isinstance(every, bool) or not isinstance(every, int) or every < 1:
        raise RunlakeError(f"`every` is a number of steps, at least 1, not {every!r}.")
    with _changing:
        _watched[model] = every


def unwatch(model: Any = None) -> None:
    """Record them no longer, of one model or of all."""
    with _changing:
        if model is None:
            _watched.clear()
        else:
            _watched.pop(model, None)


def is_watched() -> bool:
    """Whether any model is."""
    return bool(_watched)


def look(run: OfferedRun, optimizer: Any, step: int) -> dict[str, Any]:
    """At a step: numbers of what this optimizer trains, as far as that is watched."""
    found: dict[str, Any] = {}
    with _changing:
        due = [model for model, every in _watched.items() if step % every == 0]
    trained = {id(each) for group in optimizer.param_groups for each in group["params"]} if due else set()
    for model in due:
        for name, parameter in model.named_parameters():
            if id(parameter) in trained and parameter.numel():
                for kind, held in (("weights", parameter), ("gradients", parameter.grad)):
                    numbers = None if held is None else _numbers_of(held)
                    if numbers is not None:
                        found |= {f"{kind}/{name}/{what}": numbers[place] for place, what in enumerate(("mean", "std", "min", "max"))}
                        _collect(run, kind, name, numbers, step)
    return found


def log_histograms(fitted: Any) -> None:
    """Keep what was collected, each kind as a table."""
    for kind, found in _collected.pop(fitted.run, {}).items():
        fitted.run.log_columns(_columns(found), f"{kind}.parquet")


def _collect(run: OfferedRun, kind: str, name: str, numbers: Any, step: int) -> None:
    found = _collected.setdefault(run, {}).setdefault(kind, Histograms())
    if len(found.steps) < MOST_ROWS:
        found.steps.append(step)
        found.names.append(name)
        found.numbers.append(numbers)


def _numbers_of(held: Any) -> Any:
    """Mean, standard deviation, least, greatest, and how many of the sampled values are in each bin between these two."""
    import torch

    held = held.detach()  # so that nothing below is differentiated
    if held.layout is not torch.strided or held.is_complex():
        return None
    flat = held.reshape(-1) if held.is_contiguous() else held.flatten()
    flat = flat[:: -(-flat.numel() // MOST_VALUES)].to(torch.float32)
    least, greatest = flat.amin(), flat.amax()
    place = ((flat - least) / (greatest - least).clamp_min(1e-38) * BINS).nan_to_num(0).clamp(0, BINS - 1).to(torch.int64)
    counts = (place.unsqueeze(0) == torch.arange(BINS, device=flat.device).unsqueeze(1)).sum(1)
    return torch.cat([torch.stack([flat.mean(), flat.std(correction=0), least, greatest]), counts.to(torch.float32)])


def _columns(found: Histograms) -> dict[str, list[Any]]:
    """A row for each bin."""
    import torch

    device = found.numbers[0].device
    rows = torch.stack([numbers.to(device) for numbers in found.numbers]).tolist()  # one wait for all
    columns: dict[str, list[Any]] = {name: [] for name in ("step", "name", "left", "right", "count")}
    for step, name, row in zip(found.steps, found.names, rows, strict=True):
        for left, right, count in _bins(row):
            for key, value in zip(columns, (step, name, left, right, count), strict=True):
                columns[key].append(value)
    return columns


def _bins(row: list[float]) -> Iterator[tuple[float, float, int]]:
    least, greatest, counts = row[2], row[3], row[4:]
    width = (greatest - least) / BINS
    for place, count in enumerate(counts):
        yield least + place * width, least + (place + 1) * width if place < BINS - 1 else greatest, int(count)
