"""What is done in the processes that Ray trains in: they log to a run that another process opened, and let go of it before Ray ends them.

Ray ends its processes without giving them time: what was open would read as crashed.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import runlake

__all__ = ["join", "leave"]


def join(_: Any, environment: Mapping[str, str]) -> None:
    """From now on verbs log to the run of this environment, and no more to that of an earlier trial."""
    runlake.end_run()
    os.environ.update(environment)


def leave(*_: Any) -> None:
    """Nothing more is trained here: what is open ends, and is in the store."""
    runlake.disable_autolog()
    runlake.end_run()
    runlake.flush(timeout=5)
