"""What commands that take a filter have in common: how it is typed, and which experiments it is looked for in."""

from __future__ import annotations

import re
from collections.abc import Sequence

import click

from runlake.entities import Experiment, LifecycleStage
from runlake.read.naming import find_experiment

__all__ = ["Filtering", "searched"]


class Filtering(click.Command):
    """Takes `-7d` as a part of the filter, not as an option."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """A blank before it means nothing to a filter, nor to a number."""
        return super().parse_args(ctx, [f" {word}" if re.match(r"-[.\d]", word) else word for word in args])


def searched(shelves: Sequence[Experiment], given: Sequence[str], *, deleted: bool = False) -> list[str] | None:
    """The ids of the experiments to look into: those given, else all that are not deleted; None for whatever there is."""
    if given:
        return [find_experiment(shelves, text).experiment_id for text in given]
    there = [shelf.experiment_id for shelf in shelves if shelf.lifecycle_stage == LifecycleStage.ACTIVE]
    return None if deleted or len(there) == len(shelves) else there
