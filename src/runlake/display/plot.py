"""A picture of metrics, which shows itself wherever it is looked at: as SVG in a notebook, as braille where text is."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from runlake.display.svg import FONT, INK, svg_plot
from runlake.display.text_plot import text_plot
from runlake.display.traces import Along, Source, drawing_of
from runlake.errors import InvalidValue
from runlake.read import Run, Series
from runlake.read.direction import has_direction

__all__ = ["Plot", "plot_of"]

WIDTH, ROWS = 80, 10


@dataclass(frozen=True)
class Plot:
    """A panel for each metric, and in it a curve for each run that has it.

    No piece of a curve hides a value: what lies on one pixel is drawn from its least to its greatest value. `str()` is the drawing in
    letters, which `text` gives in another size.
    """

    panels: Sequence[Sequence[Source]]
    along: Along = "step"
    log: bool = False
    smooth: float = 0.0

    def text(self, width: int = WIDTH, rows: int = ROWS, *, has_braille: bool | None = None) -> str:
        """The drawing in letters; several curves have plain ones, which are told apart without colours."""
        lines = []
        for sources in self.panels:
            is_braille = len(sources) == 1 if has_braille is None else has_braille
            drawn = text_plot(sources, width, rows, along=self.along, is_log=self.log, smooth=self.smooth, has_braille=is_braille)
            lines += [line.plain for line in drawn]
        return "\n".join(lines)

    def svgs(self) -> list[str]:
        """The panels as SVG."""
        return [svg_plot(sources, along=self.along, is_log=self.log, smooth=self.smooth) for sources in self.panels]

    def __str__(self) -> str:
        return self.text()

    __repr__ = __str__

    def _repr_svg_(self) -> str | None:
        return self.svgs()[0] if len(self.panels) == 1 else None

    def _repr_html_(self) -> str:
        return f'<div style="color:{INK};{FONT}">{"".join(f"<div>{svg}</div>" for svg in self.svgs())}</div>'


def plot_of(runs: Sequence[Run], keys: Iterable[str], along: Along = "step", *, log: bool = False, smooth: float = 0.0) -> Plot:
    """The metrics of runs. Raises KeyError for one that none of them has, and InvalidValue."""
    panels = [[_source(run, key) for run in runs if key in run.metrics] for key in keys]
    for key, panel in zip(keys, panels, strict=True):
        if not panel:
            known = sorted({each for run in runs for each in run.metrics})
            raise InvalidValue(f"No run here has a metric {key!r}; they have {known[:20]}.")
    return checked(Plot(panels, along, log, smooth))


def plot_of_series(series: Series, along: Along = "step", *, log: bool = False, smooth: float = 0.0) -> Plot:
    """One series."""
    return checked(Plot([[Source("", series, has_direction(series.key))]], along, log, smooth))


def checked(plot: Plot) -> Plot:
    """The same; what cannot be drawn is told where it is asked for, not where it is looked at. Raises InvalidValue."""
    drawing_of(plot.panels[0][:1] if plot.panels else [], plot.along, 1, smooth=plot.smooth)
    return plot


def _source(run: Run, key: str) -> Source:
    return Source(run.info.run_name, run.metrics[key], has_direction(key, run.tags))
