"""Runs as a table: how they stand, the metric that they are compared by with its curve, and what tells them apart."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from rich.text import Text

from runlake.display.grid import Column, lines
from runlake.display.metrics import Metrics
from runlake.display.sparkline import sparkline
from runlake.display.statuses import with_word
from runlake.display.words import date, duration, moment, number, numbers, one_line, shortened, value
from runlake.entities import Scope
from runlake.read.choosing import telling_params
from runlake.read.listing import Listing, Row
from runlake.read.naming import stored_name

__all__ = ["Asked", "Curves", "runs_table"]

NARROWEST, NARROW, WIDE = 70, 100, 150  # cells of a terminal
KEY = 20  # cells of a key in a title
MOST_COLUMNS = 40  # of params, and of metrics
NOTHING = Text("·", "dim")

Curves = Callable[[str, Sequence[str]], Mapping[str, np.ndarray]]


@dataclass(frozen=True)
class Asked:
    """Columns as filters name them: `only` these behind what is said of every run, `also` these, and the metric to compare by."""

    only: Sequence[str] = ()
    also: Sequence[str] = ()
    metric: tuple[str, str] | None = None  # its key, and what is wanted of it


def runs_table(
    listing: Listing, experiments: Mapping[str, str], asked: Asked, curves: Curves, now_ms: int, room: int | None
) -> Iterator[Text]:
    """The title line and a line for each run, as wide as the room; without one, as wide as all that there is."""
    columns = list(_of_every_run(listing, experiments, now_ms, room or WIDE))
    if asked.only:
        columns += [_asked(listing, name) for name in asked.only]
    else:
        metrics = Metrics(listing)
        primary = asked.metric or metrics.primary()
        if primary is not None:
            columns.append(_compared(listing, metrics, *primary, curves, room or WIDE))
        columns += [_asked(listing, name) for name in asked.also]
        columns += [*_inside(listing, metrics, primary), *_telling(listing, metrics, primary, asked.also)]
    return lines(columns, room)


def _of_every_run(listing: Listing, experiments: Mapping[str, str], now_ms: int, room: int) -> Iterator[Column]:
    """How it stands, its name, what it is inside of, its experiment where there are several, when it started and how long it took."""
    names = [_name(row, name) for row, name in zip(listing.rows, listing.column("run_name"), strict=True)]
    parents = [one_line(listing.name_of_parent(row) or "") for row in listing.rows]
    shelves = [one_line(experiments.get(shelf, shelf)) for shelf in listing.column("experiment_id")]
    started = [Text(moment(ms, now_ms), "dim") for ms in listing.column("start_time")]
    took = [Text(duration(seconds), "dim") for seconds in listing.column("duration")]
    yield Column(Text(), [with_word(status) for status in listing.column("status")], is_needed=True)
    yield Column(_title("run"), names, is_needed=True, least=12, most=20 if room < NARROW else 40)
    if any(parents):
        yield Column(_title("in"), [Text(parent) for parent in parents], is_needed=True, least=8, most=16)
    if len(set(shelves)) > 1:
        yield Column(_title("experiment"), [Text(name) for name in shelves], is_needed=True, least=6, most=12 if room < NARROW else 24)
    yield Column(_title("started"), started, is_needed=room >= NARROWEST)
    yield Column(_title("took"), took, is_needed=room >= (NARROWEST if listing.inside is None else NARROW), is_right=True)


def _compared(listing: Listing, metrics: Metrics, key: str, stat: str, curves: Curves, room: int) -> Column:
    """The metric that runs are compared by: of each its value, and its curve where it has one."""
    wanted, least, greatest, last = (listing.column(stored_name(Scope.METRIC, key, each)) for each in (stat, "min", "max", "last"))
    is_curve = [low is not None and low != high for low, high in zip(least, greatest, strict=True)]
    width = 0 if room < NARROWEST else 8 if room < NARROW else 12 if room < WIDE else 16
    found = curves(key, [row.run_id for row, is_one in zip(listing.rows, is_curve, strict=True) if is_one]) if width else {}
    values = numbers(
        [end if value is None else value for value, end in zip(wanted, last, strict=True)]
    )  # of nothing but NaN there is no best
    digits = max(map(len, values))
    cells = []
    for row, text in zip(listing.rows, values, strict=True):
        cell = Text(text.rjust(digits), "bold") if text else Text(NOTHING.plain.rjust(digits), NOTHING.style)
        drawn = sparkline(found[row.run_id], width) if row.run_id in found else ""
        cells.append(Text.assemble(cell, "  ", (drawn, "cyan")))
    what = f".{stat}" if any(is_curve) else ""
    return Column(_title(f"{shortened(one_line(key), KEY)}{what} {metrics.arrow(key)}"), cells, is_needed=True)


def _inside(listing: Listing, metrics: Metrics, primary: tuple[str, str] | None) -> Iterator[Column]:
    """How many runs are inside, and the best of these."""
    if listing.inside is None:
        return
    said = [str(len(row.inside) or "") for row in listing.rows]
    if primary is not None:
        key, best = primary[0], min if metrics.goal(primary[0]) == "min" else max
        for n, values in enumerate(listing.column_inside(stored_name(Scope.METRIC, *primary))):
            if known := [each for each in values if each == each]:
                said[n] += f" {metrics.arrow(key)} {number(best(known))}"
    yield Column(_title("inside"), [Text(text) for text in said], is_needed=True, least=6)


def _telling(listing: Listing, metrics: Metrics, primary: tuple[str, str] | None, but: Sequence[str]) -> Iterator[Column]:
    """The params that tell the runs apart, the other metrics by their last values, the params that only name a run."""
    keys = [key for key in listing.keys(Scope.PARAM) if key not in but and f"params.{key}" not in but]
    params = {key: listing.column(stored_name(Scope.PARAM, key)) for key in keys}
    telling, naming = telling_params({key: [None if each is None else value(each) for each in column] for key, column in params.items()})
    if len(listing.rows) == 1:
        telling, naming = sorted(params), []
    yield from (_values(shortened(one_line(key), KEY), params[key]) for key in telling[:MOST_COLUMNS])
    for key in metrics.in_order[:MOST_COLUMNS]:
        if primary is None or key != primary[0]:
            shown = [Text(text) if text else NOTHING for text in numbers(listing.column(stored_name(Scope.METRIC, key)))]
            yield Column(_title(f"{shortened(one_line(key), KEY)} {metrics.arrow(key)}"), shown, is_right=True)
    yield from (_values(shortened(one_line(key), KEY), params[key]) for key in naming[:MOST_COLUMNS])


def _asked(listing: Listing, name: str) -> Column:
    """A column that the user named."""
    values = listing.column(name)
    if listing.is_time(name):
        values = [None if ms is None else date(ms) for ms in values]
    return _values(one_line(name), values, is_needed=True)


def _values(title: str, values: Sequence[Any], *, is_needed: bool = False) -> Column:
    is_number = all(isinstance(each, (int, float)) and not isinstance(each, bool) for each in values if each is not None)
    cells = [NOTHING if each is None else Text(value(each)) for each in values]
    return Column(_title(title), cells, is_right=is_number, is_needed=is_needed)


def _name(row: Row, name: str) -> Text:
    indent = "  " * (row.depth - 1) + "╰ " if row.depth else ""
    return Text.assemble(indent, (one_line(name), "" if row.depth else "bold"))


def _title(text: str) -> Text:
    return Text(text, "dim")
