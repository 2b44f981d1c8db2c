"""The two charts of an explanation, drawn by shap and given as PNG, without a trace in pyplot."""

from __future__ import annotations

import contextlib
import io
import itertools
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from runlake_shap.quiet import nothing_left_behind

__all__ = ["MOST_CLASSES", "MOST_FEATURES", "bar", "beeswarm"]

MOST_FEATURES = 20
MOST_CLASSES = 9
"""More than these are told apart by no one; the others are one more colour."""

_DOTS_AN_INCH = 130
_WIDTH, _ROW, _FRAME = 8.4, 0.36, 1.5  # inches
_LONGEST_NAME, _LONGEST_TITLE, _CONTEXT = 32, 80, 8  # letters
_NAME_SIZE, _LABEL_SIZE, _TITLE_SIZE = 11, 11, 12.5
_CLASS_COLOURS = ("#1e88e5", "#ff0d57", "#13b755", "#7c52ff", "#ffb000", "#00a5b5", "#a0522d", "#e377c2", "#6d7f00", "#9e9e9e")

Values = NDArray[np.float64]


def beeswarm(values: Values, rows: NDArray[Any], feature_names: Sequence[str], title: str, space: str) -> bytes:
    """A dot for every row and feature: how far it moved the output, coloured by the feature's value. Features of most effect come first.

    `values` and `rows` are rows x features.
    """
    with _drawing() as shap:
        shown = _largest(np.abs(values).mean(axis=0))
        # What is infinite has no place on a scale of colours; grey stands for what is missing.
        coloured = np.asarray(rows[:, shown], dtype=np.float64)
        coloured = np.where(np.isfinite(coloured), coloured, np.nan)
        names = _told_apart([feature_names[place] for place in shown])
        figure, axes = _figure(len(shown))
        explained = shap.Explanation(values[:, shown], data=coloured, feature_names=names)
        shap.plots.beeswarm(explained, max_display=len(shown), ax=axes, show=False, plot_size=None, s=14)
        axes.tick_params("y", length=6)
        return _finished(figure, axes, title, f"SHAP value: effect on the {space}", _how_many(shown, values))


def bar(values: Values, feature_names: Sequence[str], title: str, space: str, outputs: Sequence[str] = ("",)) -> bytes:
    """How much each feature moves the output, as the mean of its sizes over the rows.

    `values` are rows x features, or rows x features x outputs: then a bar has a colour for each output, with a legend of their names.
    """
    by_output = values if values.ndim == 3 else values[:, :, np.newaxis]
    if len(outputs) != by_output.shape[2]:
        raise ValueError(f"There are {len(outputs)} names of outputs, {list(outputs)}, and values of {by_output.shape[2]}.")
    with _drawing() as shap:
        sizes = np.abs(by_output).mean(axis=0)
        shown = _largest(sizes.sum(axis=1))
        names = _told_apart([feature_names[place] for place in shown])
        figure, axes = _figure(len(shown))
        if by_output.shape[2] == 1:
            explained = shap.Explanation(by_output[:, shown, 0], feature_names=names)
            shap.plots.bar(explained, max_display=len(shown), ax=axes, show=False)
            _with_numbers_to_read(axes)
        else:
            _stacked(shap, figure, by_output[:, shown], names, outputs)
        return _finished(figure, axes, title, f"mean |SHAP value|: effect on the {space}", _how_many(shown, values))


@contextlib.contextmanager
def _drawing() -> Iterator[Any]:
    """shap, with matplotlib's own style whatever the program's is, and names drawn as they are written."""
    with nothing_left_behind():
        # shap shuffles its dots by the shared generator: the same values give the same picture. `seed` would leave a mark of its own.
        np.random.set_state(np.random.RandomState(0).get_state())
        import matplotlib
        import matplotlib.style
        import shap

        with matplotlib.style.context("default"):
            matplotlib.rcParams["text.parse_math"] = False
            yield shap


def _figure(rows: int) -> tuple[Any, Any]:
    """A figure that pyplot does not know, so that none stays open and no window is."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(_WIDTH, rows * _ROW + _FRAME), dpi=_DOTS_AN_INCH, layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    return figure, figure.add_subplot()


def _finished(figure: Any, axes: Any, title: str, label: str, how_many: str) -> bytes:
    axes.set_xlabel(f"{label}  ({how_many})", fontsize=_LABEL_SIZE)
    axes.tick_params("x", labelsize=10)
    axes.tick_params("y", labelsize=_NAME_SIZE, labelcolor="#333333")
    figure.suptitle(_short(title, _LONGEST_TITLE), x=0.015, horizontalalignment="left", fontsize=_TITLE_SIZE)
    figure.get_layout_engine().set(w_pad=0.1, h_pad=0.1)
    written = io.BytesIO()
    figure.savefig(written, format="png", metadata={"Software": None})
    return written.getvalue()


def _stacked(shap: Any, figure: Any, values: Values, names: list[str], outputs: Sequence[str]) -> None:
    places = _largest(np.abs(values).mean(axis=(0, 1)), MOST_CLASSES if len(outputs) > MOST_CLASSES + 1 else MOST_CLASSES + 1)
    parts = [values[:, :, place] for place in places]
    legend = _told_apart([outputs[place] for place in places])
    if len(places) < len(outputs):
        parts.append(np.abs(np.delete(values, places, axis=2)).sum(axis=2))
        legend.append(f"{len(outputs) - len(places)} others")
    with _as_current(figure):
        shap.summary_plot(
            parts,
            feature_names=names,
            class_names=legend,
            class_inds=range(len(parts)),
            plot_type="bar",
            color=_CLASS_COLOURS.__getitem__,
            max_display=len(names),
            plot_size=None,
            show=False,
            rng=np.random.default_rng(0),
        )
    figure.set_layout_engine("constrained")  # it called `tight_layout`, which is another
    (axes,) = figure.axes
    axes.legend(frameon=False, fontsize=10, loc="upper left", bbox_to_anchor=(1.0, 1.0), title="output")


@contextlib.contextmanager
def _as_current(figure: Any) -> Iterator[None]:
    """shap draws stacked bars on pyplot's current figure alone. Ours is that for the moment, last in pyplot's list, and then not in it.

    `pyplot.figure` would choose a backend for the process, and open a window where there are such.
    """
    from matplotlib._pylab_helpers import Gcf
    from matplotlib.backend_bases import FigureManagerBase

    number = max(Gcf.figs, default=0) + 1
    Gcf.figs[number] = FigureManagerBase(figure.canvas, number)
    try:
        yield
    finally:
        del Gcf.figs[number]


def _with_numbers_to_read(axes: Any) -> None:
    """shap writes two digits after the point, which of a probability may be 0.00."""
    widest = max(drawn.get_width() for drawn in axes.patches)
    for text, drawn in zip(axes.texts, axes.patches, strict=True):
        text.set(text=f"{drawn.get_width():.3g}", fontsize=10)
    if widest > 0:
        axes.set_xlim(0, widest * 1.12)


def _largest(sizes: Values, most: int = MOST_FEATURES) -> NDArray[np.intp]:
    return np.argsort(-sizes, kind="stable")[:most]


def _how_many(shown: NDArray[np.intp], values: Values) -> str:
    of = f"{len(shown)} of {values.shape[1]} features, " if len(shown) < values.shape[1] else ""
    return f"{of}{len(values):,} row{'s' if len(values) != 1 else ''}"


def _told_apart(names: Sequence[str]) -> list[str]:
    """Names short enough for a chart. Where some would look the same, what all of these begin with is left out instead of the middle."""
    plain = [_on_one_line(name) for name in names]
    short = [_short(name, _LONGEST_NAME) for name in plain]
    for look in {name for name in short if short.count(name) > 1}:
        alike = [place for place, name in enumerate(short) if name == look]
        begins = len(
            list(itertools.takewhile(lambda letters: len(set(letters)) == 1, zip(*(plain[place] for place in alike), strict=False)))
        )
        for place in alike:
            short[place] = _cut("…" + plain[place][max(0, begins - _CONTEXT) :], _LONGEST_NAME)
    return short


def _short(name: str, longest: int) -> str:
    """Names that differ often do so at the end, so what is left out is in the middle."""
    said = _on_one_line(name)
    if len(said) <= longest:
        return said
    ending = longest // 2 - 1
    return f"{said[: longest - ending - 1]}…{said[-ending:]}"


def _cut(said: str, longest: int) -> str:
    return said if len(said) <= longest else f"{said[: longest - 1]}…"


def _on_one_line(name: str) -> str:
    return " ".join("".join(letter if letter.isprintable() else " " for letter in str(name)).split())
