"""A run that goes on: what is new of it in a line, and how it stands as a page that is drawn again and again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from rich.text import Text

from runlake.display.grid import Column, lines
from runlake.display.metrics import ARROWS
from runlake.display.sparkline import sparkline
from runlake.display.statuses import with_word
from runlake.display.words import count, duration, number, one_line, shortened
from runlake.entities import Status
from runlake.read import Run
from runlake.read.choosing import by_weight
from runlake.read.direction import GOAL_TAG, Goal, has_direction

__all__ = ["DRAWN", "PIECES", "Progress", "SeriesProgress", "ending", "news", "progress_of", "progress_page"]

DRAWN = 12  # metrics of a page
MOST_IN_LINE = 6
PIECES = 32  # of a curve, a cell each
KEY = 30  # cells of a key
SHORT_ID = 16  # letters of an id, of which four would do


@dataclass(frozen=True)
class SeriesProgress:
    """How a series stands."""

    key: str
    n: int
    last: float
    last_step: int
    best: float | None
    best_step: int | None
    goal: Goal


@dataclass(frozen=True)
class Progress:
    """How a run stands: its series by their keys, that first by which runs are compared."""

    run_id: str
    name: str
    status: str
    said: str
    seconds: float | None  # None where nobody knows when it ended
    series: Mapping[str, SeriesProgress]
    errors: Sequence[str]

    @property
    def has_ended(self) -> bool:
        """Whether nothing more is to be waited for."""
        return self.status != Status.RUNNING

    @property
    def step(self) -> int | None:
        """The greatest step of any series; None where there is none."""
        return max((each.last_step for each in self.series.values()), default=None)

    def points(self, key: str) -> int:
        """How many points a series has."""
        return self.series[key].n if key in self.series else 0


def progress_of(run: Run, last_steps: Mapping[str, int], now_ms: int) -> Progress:
    """The run as it was read; `last_steps` are those of its series."""
    info, metrics = run.info, run.metrics
    goals = [tag.removeprefix(GOAL_TAG) for tag in run.tags if tag.startswith(GOAL_TAG)]
    series = {}
    for key in by_weight({key: len(each) for key, each in metrics.items()}, goals):
        each = metrics[key]
        best = each.best if has_direction(key, run.tags) else None
        series[key] = SeriesProgress(key, len(each), each.last, last_steps[key], best, each.best_step, each.goal)
    until = now_ms if info.status == Status.RUNNING else info.end_time
    seconds = None if until is None else (until - info.start_time) / 1000
    return Progress(info.run_id, info.run_name, info.status, str(run.liveness), seconds, series, run.errors)


def news(now: Progress, before: Progress | None) -> Text | None:
    """One line with the values that are new; None where none is."""
    changed = [each for key, each in now.series.items() if before is None or each.n != before.points(key)]
    if not changed:
        return None
    step = max(each.last_step for each in changed)
    line = Text.assemble((f"{duration(now.seconds):>8}  ", "dim"), ("step ", "dim"), f"{step:<9,}")
    for each in changed[:MOST_IN_LINE]:
        is_best = each.best is not None and each.n > 1 and each.best_step == each.last_step
        best = f" {ARROWS[each.goal]}" if is_best else ""
        line.append_text(Text.assemble("  ", (f"{one_line(each.key)} ", "dim"), number(each.last), (best, "green")))
    if len(changed) > MOST_IN_LINE:
        line.append(f"  and {len(changed) - MOST_IN_LINE:,} more", "dim")
    return line


def progress_page(now: Progress, curves: Mapping[str, np.ndarray], room: int) -> Iterator[Text]:
    """A line that says how the run stands, and one for each metric with its curve."""
    step = "" if now.step is None else f"step {now.step:,}"
    facts = "  ".join(
        part for part in (duration(now.seconds), step, f"{count(sum(each.n for each in now.series.values()), 'point')}") if part
    )
    head = Text("  ").join([with_word(now.status, now.said.lower()), Text(one_line(now.name), "bold"), Text(facts, "dim")])
    head.truncate(room, overflow="ellipsis")
    yield head
    shown = list(now.series.values())[:DRAWN]
    titles = [Text(f"{shortened(one_line(each.key), KEY)} {ARROWS[each.goal] if each.best is not None else ''}", "dim") for each in shown]
    best = ["" if each.best is None or each.best_step is None else f"best {number(each.best)} at {each.best_step:,}" for each in shown]
    drawn = [sparkline(curves.get(each.key, np.empty(0)), PIECES) for each in shown]
    columns = [
        Column(Text(), titles, is_needed=True, least=12, most=KEY + 2),
        Column(Text(), [Text(number(each.last), "bold") for each in shown], is_right=True, is_needed=True),
        Column(Text(), [Text(line, "cyan") for line in drawn], most=PIECES),
        Column(Text(), [Text(text, "dim") for text in best]),
    ]
    if shown:
        _, *body = lines(columns, room - 2)
        yield from (Text.assemble("  ", line) for line in body)
    if len(now.series) > DRAWN:
        yield Text(f"  and {len(now.series) - DRAWN:,} more", "dim")
    yield from (Text(f"  {shortened(one_line(error), room - 2)}", "red") for error in now.errors[-3:])


def ending(now: Progress) -> Text:
    """How it ended, and what to type next."""
    said = with_word(now.status, now.said.lower())
    facts = [f"took {duration(now.seconds)}" if now.seconds is not None else "", f"all of it: runlake show {now.run_id[:SHORT_ID]}"]
    return Text.assemble(said, "  ", (one_line(now.name), "bold"), ("  " + " · ".join(filter(None, facts)), "dim"))
