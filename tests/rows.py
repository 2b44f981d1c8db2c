"""Rows as plain tuples: what a test gives to the real writer, and what the real view gives back."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa

from runlake.entities import Event
from runlake.store.columns import encode_events, encode_points, point_columns
from runlake.store.layout import Layout
from runlake.store.view import View
from runlake.store.writer import Writer

__all__ = ["Point", "Reading", "add_events", "add_points", "parts_of", "read", "reading_of", "tuples"]


class Point(NamedTuple):
    """One value of a series."""

    run_id: str
    key: str
    step: int
    wall_ns: int
    value: float


class Reading(NamedTuple):
    """All that a store holds: rows with their writer and number behind, and the findings in words."""

    points: list[tuple[Any, ...]]
    events: list[tuple[Any, ...]]
    findings: list[str]


def add_points(writer: Writer, points: Sequence[Point]) -> None:
    """Queue one frame of points."""
    series = list(dict.fromkeys((point.run_id, point.key) for point in points))
    codes = [series.index((point.run_id, point.key)) for point in points]
    steps, times, values = ([point[field] for point in points] for field in (2, 3, 4))
    writer.add_points(encode_points(series, *point_columns(codes, steps, times, values)), len(points))  # type: ignore[arg-type]  # a field by its number


def add_events(writer: Writer, events: Sequence[Event]) -> None:
    """Queue one frame of events."""
    writer.add_events(encode_events(events), len(events))


def read(root: Path) -> Reading:
    """The store as somebody finds it who opens it now."""
    view = View(Layout(root))
    view.refresh()
    return reading_of(view)


def reading_of(view: View) -> Reading:
    """The store as this view has read it."""
    return Reading(tuples(view.points()), tuples(view.events()), [finding.what for finding in view.findings()])


def tuples(table: pa.Table) -> list[tuple[Any, ...]]:
    """The rows of a table."""
    return [tuple(row.values()) for row in table.to_pylist()]


def parts_of(root: Path) -> list[Path]:
    """The files of the write-ahead logs, in the order they were opened by each writer."""
    return sorted((root / "wal").glob("*/*.wal"))
