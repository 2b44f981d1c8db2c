"""Checkpoints stay where the Trainer writes them: a run has their places, steps and worth."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from runlake import OfferedRun

__all__ = ["keep", "noted"]

FILE = "checkpoints.json"


def noted(trainer: Any, args: Any, state: Any, evaluated: Mapping[str, float]) -> dict[str, Any]:
    """One that was just written."""
    folder = args.output_dir if trainer is None else trainer._get_output_dir(getattr(trainer, "_trial", None))
    name = args.metric_for_best_model
    metric = {} if name is None else {key: evaluated[key] for key in (name, f"eval_{name}") if key in evaluated}
    return {"path": str(Path(folder, f"checkpoint-{state.global_step}").absolute()), "step": state.global_step, "metric": metric}


def keep(run: OfferedRun, saved: list[dict[str, Any]], state: Any) -> None:
    """All that were written, which of them are still there, and the best."""
    best = state.best_model_checkpoint and str(Path(state.best_model_checkpoint).absolute())
    for each in saved:
        each["is_there"] = Path(each["path"]).is_dir()
    run.log_text(json.dumps({"best": best, "checkpoints": saved}, indent=2), FILE)
    run.set_tags({"last_checkpoint": saved[-1]["path"], **({"best_checkpoint": best} if best else {})})
