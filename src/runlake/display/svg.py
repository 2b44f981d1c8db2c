"""Curves as SVG that stands in a page by itself: no script, nothing from elsewhere, colours that are seen on light and on dark."""

from __future__ import annotations

import html
import math
from collections.abc import Iterator, Sequence

import numpy as np

from runlake.display.metrics import ARROWS
from runlake.display.traces import Along, Drawing, Source, Trace, drawing_of
from runlake.display.words import number, one_line, shortened

__all__ = ["COLOURS", "FAINT", "FONT", "INK", "escaped", "spark", "svg_plot"]

COLOURS = ["#368AE9", "#D56915", "#2E9E68", "#A668D8", "#D858A2", "#9A8206", "#2C97A6", "#D6504A"]
INK = "var(--jp-ui-font-color1, var(--vscode-editor-foreground, inherit))"
FAINT = "opacity:.62"
FONT = "font-family:var(--jp-ui-font-family, system-ui, sans-serif);font-size:13px;line-height:1.4"

WIDTH, HEIGHT = 640, 200
LEFT, RIGHT, TOP, BELOW, LINE = 62, 14, 26, 40, 18
MOST_NAMED = 12  # curves
NAME = 44  # letters of a name

_NAMES: dict[Along, str] = {"step": "step", "time": "time", "relative": "time since the first point"}


def svg_plot(sources: Sequence[Source], *, along: Along = "step", is_log: bool = False, smooth: float = 0.0) -> str:
    """One metric of some runs: the curves between their scales, and below a line for each run."""
    drawing = drawing_of(sources, along, WIDTH - LEFT - RIGHT, is_log=is_log, smooth=smooth)
    named = sources if sources[0].name else ()
    height = TOP + HEIGHT + BELOW + LINE * min(len(named), MOST_NAMED + 1)
    parts = [*_title(drawing, sources[0], smooth), *_scales(drawing), *_curves(drawing), *_legend(named)]
    style = f"color:{INK};max-width:100%;height:auto;{FONT};font-size:12px"
    label = escaped(sources[0].series.key)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-label="{label}" width="{WIDTH}" height="{height}" '
        f'viewBox="0 0 {WIDTH} {height}" style="{style}">{"".join(parts)}</svg>'
    )


def spark(values: np.ndarray, width: int = 120, height: int = 22) -> str:
    """A curve without scales, as high as a line of text; nothing where no value is finite."""
    finite = values[np.isfinite(values)]
    if len(values) < 2 or not len(finite):
        return ""
    low, high = float(finite.min()), float(finite.max())
    half = (high / 2 - low / 2) or 1.0
    ups = (np.clip(values, low, high) / 2 - low / 2) / half
    xs = np.linspace(1, width - 1, len(values))
    path = _path([(x, x, up, up, up, up) for x, up in zip(xs.tolist(), ups.tolist(), strict=True)], 2, height - 4)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" '
        f'style="vertical-align:middle">{_stroke(path, COLOURS[0], 1.4)}</svg>'
    )


def escaped(text: str) -> str:
    """A text as a page may have it, without what a page would obey."""
    return html.escape(one_line(text))


def _title(drawing: Drawing, source: Source, smooth: float) -> Iterator[str]:
    arrow = f" {ARROWS[source.series.goal]}" if source.is_ranked else ""
    notes = [f"smoothed by {smooth:g}" if smooth else "", "logarithmic" if drawing.is_log else ""]
    notes += ["0 and less has no place there"] if drawing.is_cut else []
    note = f'<tspan dx="8" style="{FAINT};font-weight:normal">{escaped(", ".join(filter(None, notes)))}</tspan>' if any(notes) else ""
    name = escaped(shortened(one_line(source.series.key), 2 * NAME))
    yield f'<text x="{LEFT}" y="16" fill="currentColor" style="font-weight:600">{name}{arrow}{note}</text>'


def _scales(drawing: Drawing) -> Iterator[str]:
    width, bottom = WIDTH - LEFT - RIGHT, TOP + HEIGHT
    if drawing.y is None:
        yield f'<text x="{LEFT}" y="{TOP + 20}" fill="currentColor" style="{FAINT}">no value that could be drawn</text>'
        return
    for place, text in drawing.y_ticks(5):
        y = TOP + (1 - float(drawing.up(place))) * HEIGHT
        yield f'<path d="M{LEFT} {y:.1f}h{width}" stroke="currentColor" opacity=".14"/>'
        yield f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end" fill="currentColor" style="{FAINT}">{escaped(text)}</text>'
    for place, text in drawing.x_ticks(7):
        x = LEFT + float(drawing.across(place)) * width
        yield f'<text x="{x:.1f}" y="{bottom + 16}" text-anchor="middle" fill="currentColor" style="{FAINT}">{escaped(text)}</text>'
    name = _NAMES[drawing.along]
    yield f'<text x="{WIDTH - RIGHT}" y="{bottom + 31}" text-anchor="end" fill="currentColor" style="{FAINT}">{name}</text>'
    yield f'<path d="M{LEFT} {bottom}h{width}" stroke="currentColor" opacity=".5"/>'


def _curves(drawing: Drawing) -> Iterator[str]:
    if drawing.y is not None:
        for n, trace in enumerate(drawing.traces):
            dashes = "" if n < len(COLOURS) else ' stroke-dasharray="6 3"'
            yield _stroke(_path(_pieces(drawing, trace), TOP, HEIGHT), COLOURS[n % len(COLOURS)], 1.5, dashes)


def _pieces(drawing: Drawing, trace: Trace) -> list[tuple[float, ...]]:
    width = WIDTH - LEFT - RIGHT
    xs = (LEFT + drawing.across(x) * width for x in (trace.x0, trace.x1))
    ups = (drawing.up(values) for values in (trace.first, trace.low, trace.high, trace.last))
    return list(zip(*(column.tolist() for column in (*xs, *ups)), strict=True))


def _path(pieces: Sequence[tuple[float, ...]], top: float, height: float) -> str:
    """Through the first, the least, the greatest and the last value of each piece; broken where there is no number."""
    words: list[str] = []
    is_on = False
    for x0, x1, first, low, high, last in pieces:
        middle = (x0 + x1) / 2
        between = [(middle, low), (middle, high)] if last >= first else [(middle, high), (middle, low)]
        steps = [(x0, first), *between, (x1, last)] if low != high or x0 != x1 else [(x0, low)]
        for x, up in steps:
            if math.isnan(up):
                is_on = False
                continue
            words.append(f"{'L' if is_on else 'M'}{x:.1f} {top + (1 - up) * height:.1f}{'' if is_on else 'h0'}")
            is_on = True
    return "".join(words)


def _stroke(path: str, colour: str, width: float, more: str = "") -> str:
    return f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="{width}" stroke-linecap="round" stroke-linejoin="round"{more}/>'


def _legend(sources: Sequence[Source]) -> Iterator[str]:
    """What each curve is, where it ends, and where it was best."""
    for n, source in enumerate(sources[:MOST_NAMED]):
        y = TOP + HEIGHT + BELOW + LINE * n + 8
        series = source.series
        step = "" if series.best_step is None else f" at {series.best_step:,}"
        best = f"best {number(series.best)}{step}, " if source.is_ranked else ""
        said = escaped(f"last {number(series.last)}, {best}{len(series):,} points")
        dashes = "" if n < len(COLOURS) else ' stroke-dasharray="6 3"'
        yield f'<path d="M{LEFT} {y - 4}h18" stroke="{COLOURS[n % len(COLOURS)]}" stroke-width="3"{dashes}/>'
        name = escaped(shortened(one_line(source.name), NAME))
        yield f'<text x="{LEFT + 26}" y="{y}" fill="currentColor">{name}<tspan dx="10" style="{FAINT}">{said}</tspan></text>'
    if len(sources) > MOST_NAMED:
        y = TOP + HEIGHT + BELOW + LINE * MOST_NAMED + 8
        yield f'<text x="{LEFT + 26}" y="{y}" fill="currentColor" style="{FAINT}">and {len(sources) - MOST_NAMED:,} more</text>'
