"""The verbs that read, and whoever wants both sides: reading what this process has logged needs a flush first.

reading      runs, metric histories and experiments by id or name
places       which run, and which path in it, an address means
artifacts    listing, downloading and loading what runs keep
registered   addresses of registered models
models       models by their addresses
described    models told of without loading them
registry     the verbs for registered models
searching    filters, orders and pages
tracking     the client: every verb, for any run and store
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from runlake.client.tracking import MlflowClient, RunlakeClient

__all__ = ["MlflowClient", "RunlakeClient"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'runlake.client' has no attribute {name!r}")
    return getattr(importlib.import_module("runlake.client.tracking"), name)
