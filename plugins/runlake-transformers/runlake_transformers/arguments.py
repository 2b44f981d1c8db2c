"""What a training was told: the arguments that say how it goes, and those that are not the default."""

from __future__ import annotations

import dataclasses
import enum
import json
from collections.abc import Mapping
from typing import Any

__all__ = ["plain", "settings_of", "told"]

# People compare trainings by these, whether or not somebody set them.
_ALWAYS = """
    learning_rate weight_decay warmup_steps lr_scheduler_type optim num_train_epochs max_steps per_device_train_batch_size
    gradient_accumulation_steps max_grad_norm seed
"""
# The Trainer fills these in itself, or they say where it writes and what it prints.
_NEVER = """
    output_dir run_name report_to disable_tqdm logging_dir debug accelerator_config use_cpu local_rank project trackio_space_id log_level
    log_level_replica log_on_each_node push_to_hub hub_model_id hub_token hub_strategy
"""


def told(args: Any, state: Any, trainer: Any, model: Any) -> dict[str, Any]:
    """The params of a training: of the model's configuration, of the arguments, of what stops it early, and of a trial."""
    found = _of_config(getattr(model, "config", None)) | _of_arguments(args)
    for callback in getattr(getattr(trainer, "callback_handler", None), "callbacks", ()):
        if type(callback).__name__ == "EarlyStoppingCallback":
            found |= {name: getattr(callback, name) for name in ("early_stopping_patience", "early_stopping_threshold")}
    return found | {f"trial_{name}": value for name, value in (state.trial_params or {}).items()}


def settings_of(args: Any) -> dict[str, Any]:
    """Every argument, as JSON has it; tokens are left out by the arguments themselves."""
    found: dict[str, Any] = json.loads(json.dumps(args.to_dict(), default=str))
    return found


def plain(values: Mapping[str, Any]) -> dict[str, Any]:
    """Those that are single values, or a few."""
    return {name: value for name, value in values.items() if _is_plain(value)}


def _of_config(config: Any) -> dict[str, Any]:
    """What the model's own `config.json` has."""
    return plain(config.to_diff_dict()) if hasattr(config, "to_diff_dict") else {}


def _of_arguments(args: Any) -> dict[str, Any]:
    found = {}
    for field in dataclasses.fields(args):
        if not field.init or field.name in _NEVER.split() or field.name.endswith("_token"):
            continue
        value = _valued(getattr(args, field.name))
        default = _valued(_default(field))
        if field.name in _ALWAYS.split() or (value != default and (default or _is_set(value))):
            found[field.name] = value
    return plain(found)


def _default(field: dataclasses.Field[Any]) -> Any:
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    return None if field.default is dataclasses.MISSING else field.default


def _valued(value: Any) -> Any:
    return value.value if isinstance(value, enum.Enum) else value


def _is_set(value: Any) -> bool:
    """What says no more than its absence is not."""
    return value is not None and value is not False and value != []


def _is_plain(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return len(value) <= 20 and all(each is None or isinstance(each, (bool, int, float, str)) for each in value)
    return value is not None and isinstance(value, (bool, int, float, str))
