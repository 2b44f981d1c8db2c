"""Record every training run of a Python process in open Parquet.

Every name is loaded at its first use, so that `import runlake` costs next to nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from runlake import read as read
    from runlake.errors import InvalidValue, NoActiveRun, RunlakeError, StoreError, UnknownRun
    from runlake.recording.runs import ActiveRun
    from runlake.recording.verbs import (
        active_run,
        end_run,
        flush,
        log_artifact,
        log_batch,
        log_metric,
        log_metrics,
        log_text,
        start_run,
    )

__version__ = "0.1.0"

__all__ = [
    "ActiveRun",
    "InvalidValue",
    "NoActiveRun",
    "RunlakeError",
    "StoreError",
    "UnknownRun",
    "active_run",
    "end_run",
    "flush",
    "log_artifact",
    "log_batch",
    "log_metric",
    "log_metrics",
    "log_text",
    "read",
    "start_run",
]

_MODULES = {"read": "runlake.read"}
_HOME = {
    "ActiveRun": "runlake.recording.runs",
    **dict.fromkeys(["InvalidValue", "NoActiveRun", "RunlakeError", "StoreError", "UnknownRun"], "runlake.errors"),
}
_VERBS = "runlake.recording.verbs"


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'runlake' has no attribute {name!r}")
    if name in _MODULES:
        return importlib.import_module(_MODULES[name])
    value = getattr(importlib.import_module(_HOME.get(name, _VERBS)), name)
    globals()[name] = value  # the next look-up finds it at once
    return value


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
