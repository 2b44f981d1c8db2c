"""What there is to say when a training is over: why it stopped, and which checkpoints it left, which stay where they are."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from runlake_lightning.metrics import taken

if TYPE_CHECKING:
    from runlake import OfferedRun

__all__ = ["log_endings"]

CHECKPOINTS = "checkpoints.json"


def log_endings(run: OfferedRun, trainer: Any) -> None:
    """Of early stopping and checkpoints, as far as there are any."""
    for number, stopping in enumerate(trainer.early_stopping_callbacks):
        _log_stopping(run, stopping, "" if number == 0 else f"-{stopping.monitor}")
    saving = [callback for callback in trainer.checkpoint_callbacks if getattr(callback, "best_k_models", None) is not None]
    told = [_of_checkpoints(callback) for callback in saving]
    if any(each["checkpoints"] or each["last"] or each["best"] for each in told):
        run.log_made(lambda: _written(told), CHECKPOINTS, 200 * sum(1 + len(each["checkpoints"]) for each in told))
    best = next((callback for callback in saving if callback.best_model_path), None)
    if best is not None:
        run.set_tag("best_checkpoint", best.best_model_path)
        score = None if best.best_model_score is None else taken(best.best_model_score)
        if score is not None:
            run.log_metric("best_checkpoint_score", score)
            run.set_tag("best_checkpoint_monitor", best.monitor)


def _log_stopping(run: OfferedRun, stopping: Any, suffix: str) -> None:
    best = taken(stopping.best_score)
    if best is not None and not (isinstance(best, float) and math.isinf(best)):  # as it is before anything was seen
        run.log_metric(f"best_score{suffix}", best)
    if stopping.stopped_epoch:
        run.log_metric(f"stopped_epoch{suffix}", stopping.stopped_epoch)
    reason = getattr(stopping, "stopping_reason_message", None)
    if reason:
        run.set_tag(f"runlake.early_stopping{suffix}", reason)


def _of_checkpoints(callback: Any) -> dict[str, Any]:
    return {
        "kind": type(callback).__name__,
        "folder": None if callback.dirpath is None else str(callback.dirpath),
        "monitor": callback.monitor,
        "mode": callback.mode,
        "best": callback.best_model_path or None,
        "last": callback.last_model_path or None,
        "checkpoints": {path: taken(score) for path, score in callback.best_k_models.items()},
    }


def _written(told: list[dict[str, Any]]) -> bytes:
    """Called by the thread that writes, which may wait for a device."""
    read = [{**each, "checkpoints": list(_scored(each["checkpoints"]))} for each in told]
    return json.dumps(read, indent=2).encode()


def _scored(scores: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for path, score in scores.items():
        yield {"path": path, "score": _number(score)}


def _number(score: Any) -> float | None:
    number = None if score is None else float(score)
    return number if number is not None and math.isfinite(number) else None
