"""The store in use and the client, under the names that programs written for MLflow call."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from runlake import client
from runlake.recording.verbs import get_tracking_uri, set_tracking_uri

if TYPE_CHECKING:
    from runlake.client import MlflowClient, RunlakeClient

__all__ = ["MlflowClient", "RunlakeClient", "get_tracking_uri", "set_tracking_uri"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'runlake.tracking' has no attribute {name!r}")
    return getattr(client, name)  # late: it imports Arrow
