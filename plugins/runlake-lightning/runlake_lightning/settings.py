"""What a training was told: of the Trainer, of the model and its data, of the optimizers and what changes their rates."""

from __future__ import annotations

import inspect
import os
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from runlake import OfferedRun

__all__ = ["log_model", "log_settings"]

SETTINGS = "lightning_trainer.json"
SUMMARY = "model_summary.txt"

# As the Trainer has them where it was told nothing, which is not always what its arguments are then.
_DEFAULTS: dict[str, Any] = {
    "accelerator": "cpu",
    "strategy": "singledevice",
    "devices": 1,
    "max_epochs": None,
    "min_epochs": 0,
    "precision": "32-true",
    "num_sanity_val_steps": 2,
    "log_every_n_steps": 50,
    "val_check_interval": 1.0,
    "loggers": "",
    "callbacks": "",
    **{f"limit_{stage}_batches": 1.0 for stage in ("train", "val", "test", "predict")},
}
_COUNTERS = ("last_epoch", "num_bad_epochs", "cooldown_counter", "total_steps_done")


def log_settings(run: OfferedRun, trainer: Any, module: Any) -> None:
    """All of it, once everything is set up."""
    run.log_params({**dict(_hparams(module)), **dict(_hparams(trainer.datamodule))})
    log_model(run, module)
    settings = dict(_settings(trainer))
    run.log_params({name: value for name, value in settings.items() if value != _default(trainer, name)})
    run.log_dict({name: value if isinstance(value, (bool, int, float)) else str(value) for name, value in settings.items()}, SETTINGS)
    run.log_params(dict(_of_optimizers(trainer)))
    for number, stopping in enumerate(trainer.early_stopping_callbacks):
        prefix = f"early_stopping{number + 1 if number else ''}"
        run.log_params({f"{prefix}_{name}": getattr(stopping, name) for name in ("monitor", "mode", "patience")})
        run.log_param(f"{prefix}_min_delta", abs(stopping.min_delta))  # with the sign of the mode


def log_model(run: OfferedRun, module: Any) -> None:
    """What it is made of."""
    run.log_params(_of_model(module))
    run.log_text(_summary(module), SUMMARY)


def _hparams(held: Any) -> Iterator[tuple[str, Any]]:
    """Those that were saved, unless they are not for loggers; one inside another by both names. LightningCLI adds some for itself."""
    known = getattr(held, "__dict__", {})
    if known.get("_hparams") is not None and known.get("_log_hyperparams", True):
        found = known["_hparams"]
        yield from _flat(found if isinstance(found, Mapping) else vars(found), "")


def _flat(values: Mapping[Any, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for key, value in values.items():
        if str(key).startswith("_"):
            continue
        if isinstance(value, Mapping) and value:
            yield from _flat(value, f"{prefix}{key}/")
        else:
            yield f"{prefix}{key}", _plain(value)


def _plain(value: Any) -> Any:
    """A number on a device is not waited for, and a class or function is told by its name."""
    if hasattr(value, "detach"):
        return value.item() if value.numel() == 1 and value.is_cpu else f"{type(value).__name__}{list(value.shape)}"
    if hasattr(value, "parameters") and hasattr(value, "state_dict"):
        return type(value).__name__
    return getattr(value, "__qualname__", value) if callable(value) else value


def _of_model(module: Any) -> dict[str, Any]:
    counts = [(_count(parameter), parameter.requires_grad) for parameter in module.parameters()]
    return {
        "model_name": type(module).__name__,
        "parameters": sum(count for count, _ in counts),
        "trainable_parameters": sum(count for count, is_trained in counts if is_trained),
    }


def _count(parameter: Any) -> int:
    """None as long as it is not known how many it has."""
    return 0 if type(parameter).__name__.startswith("Uninitialized") else int(parameter.numel())


def _summary(module: Any) -> str:
    """Every module with its own parameters, as they are nested."""
    lines = []
    for name, part in module.named_modules():
        own = sum(_count(parameter) for parameter in part.parameters(recurse=False))
        said = part.extra_repr()
        indent = "  " * (name.count(".") + 1 if name else 0)
        shown = f"{indent}{name.rpartition('.')[2] or 'model'}: {type(part).__name__}{f'({said})' if said else ''}"
        lines.append(f"{shown}  {own:,} parameters" if own else shown)
    return "\n".join(lines) + "\n"


def _settings(trainer: Any) -> Iterator[tuple[str, Any]]:
    """What the Trainer made of its arguments."""
    yield "accelerator", _short(trainer.accelerator, "Accelerator")
    yield "strategy", _short(trainer.strategy, "Strategy")
    yield "devices", trainer.num_devices
    for name in _arguments(trainer):
        value = getattr(trainer, name, None)
        if name not in ("accelerator", "strategy", "devices", "logger") and isinstance(value, (bool, int, float, str)):
            yield name, value
    yield "loggers", ", ".join(type(logger).__name__ for logger in trainer.loggers)
    yield "callbacks", ", ".join(type(each).__name__ for each in trainer.callbacks if not _is_ours(each))


def _is_ours(callback: Any) -> bool:
    from runlake_lightning.listening import Listener

    return isinstance(callback, Listener)


def _default(trainer: Any, name: str) -> Any:
    """What it would be without a word; None for what is a param whatever it is."""
    if name == "default_root_dir":
        return os.getcwd()
    if name in _DEFAULTS:
        return _DEFAULTS[name]
    return _arguments(trainer)[name].default


def _arguments(trainer: Any) -> Mapping[str, inspect.Parameter]:
    """Of Lightning's own class, whatever derives from it."""
    made_by = next((kind for kind in type(trainer).__mro__ if kind.__module__.endswith(".trainer.trainer")), type(trainer))
    return inspect.signature(made_by).parameters


def _short(held: Any, kind: str) -> str:
    return type(held).__name__.removesuffix(kind).lower()


def _of_optimizers(trainer: Any) -> Iterator[tuple[str, Any]]:
    for number, optimizer in enumerate(trainer.optimizers, start=1):
        prefix = "" if number == 1 else f"optimizer{number}/"
        yield f"{prefix}optimizer_name", type(optimizer).__name__
        for name, value in optimizer.defaults.items():
            yield f"{prefix}{name}", _plain(value)
    for number, config in enumerate(trainer.lr_scheduler_configs, start=1):
        prefix = "scheduler" if number == 1 else f"scheduler{number}"
        scheduler = config.scheduler
        yield f"{prefix}_name", type(scheduler).__name__
        told = {"interval": config.interval, "frequency": config.frequency, "monitor": config.monitor}
        told |= {name: value for name, value in vars(scheduler).items() if not name.startswith("_") and name not in _COUNTERS}
        for name, value in told.items():
            if isinstance(value, (bool, int, float, str, tuple)):
                yield f"{prefix}_{name}", value
