"""Experiments as a table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.text import Text

from runlake.display.grid import Column, lines
from runlake.display.words import moment, one_line

__all__ = ["experiments_table"]


def experiments_table(experiments: Sequence[Mapping[str, Any]], now_ms: int, room: int) -> Iterator[Text]:
    """A line for each: its id and name, its runs and how many of these are running, when the last one was started, its tags."""
    tags = [", ".join(f"{key}={text}" for key, text in sorted(each["tags"].items())) for each in experiments]
    started = [each["last_started"] for each in experiments]
    columns = [
        Column(Text("id", "dim"), [Text(each["experiment_id"], "dim") for each in experiments], is_right=True, is_needed=True),
        Column(
            Text("experiment", "dim"), [Text(one_line(each["name"]), "bold") for each in experiments], is_needed=True, least=12, most=60
        ),
        Column(Text("runs", "dim"), [Text(f"{each['runs']:,}") for each in experiments], is_right=True, is_needed=True),
        Column(Text("running", "dim"), [Text(f"{each['running'] or ''}", "cyan") for each in experiments], is_right=True, is_needed=True),
        Column(Text("last started", "dim"), [Text("" if ms is None else moment(ms, now_ms)) for ms in started], is_needed=True),
    ]
    if any(tags):
        columns.append(Column(Text("tags", "dim"), [Text(one_line(text)) for text in tags], is_needed=True, least=12, most=40))
    return lines(columns, room)
