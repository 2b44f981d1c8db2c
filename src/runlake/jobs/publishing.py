"""Publishing what waits in a store, in a process that does nothing else."""

from __future__ import annotations

import subprocess
from pathlib import Path

from runlake import background, config
from runlake.jobs.slots import leave_word, slot
from runlake.recording.publishing import ENOUGH_FILES
from runlake.store.layout import Layout

__all__ = ["publish_apart", "publish_here", "waits"]

ENOUGH_BYTES = 8 << 20
MANY_SMALL_FILES = 16  # of a table, which become one
LIMIT_SECONDS = 3600.0


def waits(root: Path) -> bool:
    """Whether enough waits to be worth a version of the tables."""
    layout = Layout(root)
    sizes = layout.waiting()
    return len(sizes) + len(layout.packs()) >= ENOUGH_FILES or sum(sizes.values()) >= ENOUGH_BYTES


def publish_here(root: Path, *, at_once: bool) -> None:
    """Publish, and merge files where there are many small ones; unless `at_once`, leave it to the runners where there are enough."""
    with slot() as is_ours:
        if not is_ours and not at_once:
            leave_word(root)
            return
        from runlake.read.search.cache import keep_up
        from runlake.store.compaction import compact  # late: a process that trains never imports what they do
        from runlake.store.publish import publish

        publish(Layout(root))
        compact(Layout(root), at_least=MANY_SMALL_FILES)
        keep_up(Layout(root))


def publish_apart(root: Path) -> None:
    """Have another process publish: one that fails, or is killed, is not us."""
    silence = subprocess.DEVNULL
    line = background.command(root, "--publish", "--at-once")
    process = subprocess.Popen(line, env=config.environment_of_jobs(), stdin=silence, stdout=silence, stderr=silence)
    try:
        process.wait(LIMIT_SECONDS)
    finally:
        process.kill()
        process.wait()
