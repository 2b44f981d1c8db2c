"""What is recorded of one training or evaluation, from what the callback hears."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from numbers import Real
from typing import TYPE_CHECKING, Any

from runlake_transformers import checkpoints, signatures
from runlake_transformers.arguments import settings_of, told
from runlake_transformers.data import log_data_of
from runlake_transformers.describing import document_of, facts_of

if TYPE_CHECKING:
    from runlake import OfferedRun

__all__ = ["Recording"]

SETTINGS = "transformers_config.json"


@dataclass(eq=False)
class Recording:
    """Where the callback of one Trainer writes to, as long as a call of it lasts."""

    run: OfferedRun
    trainer: Callable[[], Any]  # weak
    options: Mapping[str, Any]
    is_training: bool
    beginnings: int = 0
    logged_at: int | None = None  # the step whose epoch is known
    evaluated: dict[str, float] = field(default_factory=dict)  # last
    saved: list[dict[str, Any]] = field(default_factory=list)  # the checkpoints

    def begin(self, args: Any, state: Any, model: Any) -> None:
        """Record what was told, as it is now: a search has changed the arguments of the Trainer for its trial."""
        if not self.is_training:
            return
        self.beginnings += 1
        if self.beginnings > 1:
            self.run.set_tag("restarts", self.beginnings - 1)
            return
        trainer = self.trainer()
        model = getattr(trainer, "model", model)
        self.run.log_params(told(args, state, trainer, model))
        self.run.log_params(facts_of(model, getattr(trainer, "processing_class", None)))
        self.run.log_dict({"arguments": settings_of(args), **document_of(model, getattr(trainer, "processing_class", None))}, SETTINGS)
        if state.global_step:
            self.run.log_param("resumed_from_step", state.global_step)
        if self.options["log_datasets"] and trainer is not None:
            log_data_of(self.run, trainer)
        if self.options["log_model_signatures"] and model is not None:
            signatures.see(self.run, model, args)

    def log(self, logs: Mapping[str, Any], step: int) -> None:
        """Record the numbers, under the names that the Trainer has for them; what is no number is left out."""
        numbers = {name: value for name, value in logs.items() if _is_number(value)}
        if self.logged_at == step:  # an evaluation says the epoch again
            numbers.pop("epoch", None)
        elif "epoch" in numbers:
            self.logged_at = step
        self.run.log_metrics(numbers, step)

    def note_checkpoint(self, args: Any, state: Any) -> None:
        """Say where it is."""
        if self.is_training:
            self.saved.append(checkpoints.noted(self.trainer(), args, state, self.evaluated))
            checkpoints.keep(self.run, self.saved, state)

    def end(self, args: Any, state: Any) -> None:
        """Record where it was best, and where it stopped."""
        if not self.is_training:
            return
        stopped = state.global_step if state.global_step < state.max_steps else None
        said = {"best_metric": state.best_metric, "best_global_step": state.best_global_step, "stopped_step": stopped}
        self.run.log_metrics({name: value for name, value in said.items() if value is not None}, state.global_step)
        if args.auto_find_batch_size and state.train_batch_size:
            self.run.log_param("found_batch_size", state.train_batch_size)
        if self.saved:
            checkpoints.keep(self.run, self.saved, state)


def _is_number(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)
