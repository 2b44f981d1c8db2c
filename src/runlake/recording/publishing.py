"""When enough of a store waits to be published, another process is started to do it: never this one, which trains."""

from __future__ import annotations

import contextlib
import sys

from runlake import background
from runlake.config import Config
from runlake.guard import guarded
from runlake.store.layout import Layout

__all__ = ["ENOUGH_FILES", "publish_if_enough"]

ENOUGH_FILES = 64


def publish_if_enough(config: Config) -> None:
    """Start a publisher that outlives us where this many files of logs wait."""
    if config.jobs != "detached" or sys.is_finalizing():
        return
    with guarded("starting a process that publishes"), contextlib.suppress(OSError):  # the store went, or may not be looked into
        layout = Layout(config.store)
        if len(layout.waiting()) + len(layout.packs()) >= ENOUGH_FILES:
            background.start(config.store, "--publish")
