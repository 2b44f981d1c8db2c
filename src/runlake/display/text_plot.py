"""Curves drawn with letters: of braille, or plain ones where there is no braille, or no colour to tell several curves apart."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from rich.cells import cell_len
from rich.text import Text

from runlake.display.canvas import BRAILLE, LETTERS, Canvas
from runlake.display.grid import Column, lines
from runlake.display.metrics import ARROWS
from runlake.display.ticks import Tick
from runlake.display.traces import Along, Drawing, Source, Trace, drawing_of
from runlake.display.words import number, one_line

__all__ = ["MARKS", "STYLES", "text_plot"]

STYLES = ["cyan", "yellow", "magenta", "green", "blue", "red", "bright_cyan", "bright_yellow"]
MARKS = "ox+*#@%&"
LEAST = 20  # cells of a drawing
MOST_NAMED = 20  # curves

_NOTES: dict[Along, str] = {"step": "", "time": "by time", "relative": "by time since the first point"}


def text_plot(
    sources: Sequence[Source],
    room: int,
    height: int,
    *,
    along: Along = "step",
    is_log: bool = False,
    smooth: float = 0.0,
    has_braille: bool = True,
) -> Iterator[Text]:
    """One metric of some runs, as lines: a title, the drawing between its scales, and a line for each curve."""
    drawing = drawing_of(sources, along, 2 * room, is_log=is_log, smooth=smooth)
    yield _title(drawing, sources[0], smooth)
    yield from _drawn(drawing, room, height, has_braille=has_braille)
    if sources[0].name:
        yield from _legend(sources, room, has_braille=has_braille)


def _title(drawing: Drawing, source: Source, smooth: float) -> Text:
    arrow = f" {ARROWS[source.series.goal]}" if source.is_ranked else ""
    notes = [_NOTES[drawing.along], f"smoothed by {smooth:g}" if smooth else "", "logarithmic" if drawing.is_log else ""]
    notes += ["0 and less has no place there"] if drawing.is_cut else []
    return Text.assemble((one_line(source.series.key), "bold"), (arrow, "dim"), ("  " + ", ".join(filter(None, notes)), "dim"))


def _drawn(drawing: Drawing, room: int, height: int, *, has_braille: bool) -> Iterator[Text]:
    """The drawing, with its values at the left and its steps or times below."""
    if drawing.y is None:
        yield Text("  no value that could be drawn", "dim")
        return
    ticks = drawing.y_ticks(max(3, height // 2))
    margin = max((cell_len(text) for _, text in ticks), default=0) + 1
    width = max(LEAST, room - margin - 1)
    canvas = Canvas(width, height, BRAILLE if has_braille else LETTERS, MARKS, STYLES)
    for who, trace in enumerate(drawing.traces):
        _draw(canvas, drawing, trace, who)
    rows = {round((1 - float(drawing.up(place))) * (height - 1)): text for place, text in ticks}
    for row, line in enumerate(canvas.lines()):
        text = rows.get(row)
        yield Text.assemble((f"{text or ''}".rjust(margin), "dim"), ("│" if text is None else "┤", "dim"), line)
    yield from _axis(drawing, margin, width)


def _draw(canvas: Canvas, drawing: Drawing, trace: Trace, who: int) -> None:
    """Each piece from its least to its greatest value, and a line from the end of one to the beginning of the next."""
    if not len(trace.x0):
        return
    columns = np.rint(drawing.across((trace.x0 + trace.x1) / 2) * (canvas.dots_across - 1)).astype(int)
    rows = {name: _rows(canvas, drawing, getattr(trace, name)) for name in ("low", "high", "first", "last")}
    is_there = np.isfinite(rows["low"]) & np.isfinite(rows["high"])
    is_joined = np.isfinite(rows["last"][:-1]) & np.isfinite(rows["first"][1:])
    for place in np.flatnonzero(is_there):
        canvas.column(columns[place], int(rows["high"][place]), int(rows["low"][place]), who)
    for place in np.flatnonzero(is_joined):
        canvas.line(columns[place], int(rows["last"][place]), columns[place + 1], int(rows["first"][place + 1]), who)


def _rows(canvas: Canvas, drawing: Drawing, values: np.ndarray) -> np.ndarray:
    return np.asarray(np.rint((1 - drawing.up(values)) * (canvas.dots_down - 1)))


def _axis(drawing: Drawing, margin: int, width: int) -> Iterator[Text]:
    ticks = drawing.x_ticks(max(2, width // 14))
    places = [(round(float(drawing.across(place)) * (width - 1)), text) for place, text in ticks]
    marks = {place for place, _ in places}
    yield Text(" " * margin + "└" + "".join("┬" if n in marks else "─" for n in range(width)), "dim")
    yield Text(_below(places, margin + 1, margin + 1 + width), "dim")


def _below(places: Sequence[Tick], margin: int, room: int) -> str:
    """What is written at the marks, as far as there is room."""
    line = ""
    for place, text in places:
        start = max(0, min(round(margin + place - (len(text) - 1) / 2), room - len(text)))
        if not line or start >= len(line) + 2:
            line = line.ljust(start) + text
    return line


def _legend(sources: Sequence[Source], room: int, *, has_braille: bool) -> Iterator[Text]:
    """What each curve is, where it ends, and where it was best."""
    shown = sources[:MOST_NAMED]
    marks = [("━━" if has_braille else MARKS[n % len(MARKS)], STYLES[n % len(STYLES)]) for n in range(len(shown))]
    best = ["" if not each.is_ranked else _best(each) for each in shown]
    columns = [
        Column(Text(), [Text(mark, style) for mark, style in marks], is_needed=True),
        Column(Text("run", "dim"), [Text(one_line(each.name)) for each in shown], is_needed=True, least=12, most=60),
        Column(Text("last", "dim"), [Text(number(each.series.last), "bold") for each in shown], is_right=True, is_needed=True),
        Column(Text("best at step", "dim"), [Text(text) for text in best], is_needed=any(best)),
        Column(Text("points", "dim"), [Text(f"{len(each.series):,}", "dim") for each in shown], is_right=True),
    ]
    yield from (Text.assemble("  ", line) for line in lines(columns, room - 2))
    if len(sources) > len(shown):
        yield Text(f"  and {len(sources) - len(shown):,} more", "dim")


def _best(source: Source) -> str:
    series = source.series
    return number(series.best) if series.best_step is None else f"{number(series.best)} at {series.best_step:,}"
