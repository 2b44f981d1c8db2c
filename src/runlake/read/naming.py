"""Finds the run or the experiment that somebody means by a few letters."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from runlake.entities import Experiment, Scope, ViewType
from runlake.errors import InvalidValue, UnknownExperiment, UnknownRun
from runlake.read.direction import GOAL_TAG, direction
from runlake.read.run import Run
from runlake.read.search.query import Query

if TYPE_CHECKING:
    from runlake.read.search.found import Found
    from runlake.read.stores import Store

__all__ = ["find_experiment", "find_run"]
