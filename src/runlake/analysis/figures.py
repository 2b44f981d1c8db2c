"""The job `figures`: pictures of the tables that training metrics come with. They are drawn without pyplot, so none stays open."""

from __future__ import annotations

import contextlib
import functools
import importlib.util
import io
import math
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from runlake.jobs.kinds import Skipped, Work
from runlake.store.tables import table_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["DRAWN", "bars", "figures", "is_drawn"]

DOTS_AN_INCH = 130
MOST_BARS = 20
MOST_NAMED = 25  # classes of a confusion matrix, beyond which counts and names are left out
LONGEST = 32  # letters of a name
MOST_LEVEL = 4  # names below a matrix; of more they are tilted
INCHES_A_LETTER = 0.08
BLUE = "#2f6fb2"

_Columns = Mapping[str, Sequence[Any]]


def figures(work: Work) -> str:
    """Draw every table that is there."""
    if not is_drawn():
        raise Skipped("matplotlib is not installed")
    there = [name for name in DRAWN if f"{name}.parquet" in work.run.artifacts]
    for name in there:
        columns = table_of(work.run.read_artifact(f"{name}.parquet")).to_pydict()
        title = f"{name.replace('_', ' ').replace('roc', 'ROC')}, {work.run.info.run_name}"
        work.keep(f"{name}.png", _drawn(functools.partial(DRAWN[name], columns), title))
    return ", ".join(there)


def is_drawn() -> bool:
    """Whether pictures can be drawn here."""
    return importlib.util.find_spec("matplotlib") is not None


def bars(names: Sequence[str], sizes: Sequence[float], title: str, label: str) -> bytes:
    """A bar for each, the longest on top; of many the longest."""
    order = np.argsort(sizes)[-MOST_BARS:]

    def draw(figure: Figure) -> None:
        figure.set_size_inches(8, 1.2 + 0.32 * len(order))
        axes = figure.add_subplot()
        lengths = [sizes[place] if np.isfinite(sizes[place]) else 0.0 for place in order]
        drawn = axes.barh(range(len(order)), lengths, color=BLUE, height=0.65)
        axes.set_yticks(range(len(order)), [_short(names[place]) for place in order])
        axes.bar_label(drawn, [f"{sizes[place]:.3g}" for place in order], padding=4, fontsize=9, color="#555555")
        axes.set_xlabel(f"{label}  (the {len(order)} of {len(names)} that matter most)" if len(order) < len(names) else label)
        axes.margins(x=0.12)
        _without_frame(axes)

    return _drawn(draw, title)


def _confusion(columns: _Columns, figure: Figure) -> None:
    n = math.isqrt(len(columns["count"]))
    names = [_short(name) for name in columns["actual"][:: max(1, n)]]  # by their places: two may be called the same
    counts = np.array(columns["count"], float).reshape(n, n)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    are_named = n <= MOST_NAMED
    beside = INCHES_A_LETTER * max(map(len, names), default=0) if are_named else 0.0
    side = min(11.0, 2.2 + 0.55 * n)
    figure.set_size_inches(side + beside + 1, side + (beside * 0.7 if n > MOST_LEVEL else 0.0))
    axes = figure.add_subplot()
    image = axes.imshow(shares if n else np.zeros((1, 1)), cmap="Blues", vmin=0, vmax=1)
    axes.set(xlabel="predicted", ylabel="actual", xticks=[], yticks=[])
    if are_named:
        tilted: dict[str, Any] = {"rotation": 45, "ha": "right", "rotation_mode": "anchor"} if n > MOST_LEVEL else {}
        axes.set_xticks(range(n), names, **tilted)
        axes.set_yticks(range(n), names)
        size = 10 if counts.size == 0 or np.nanmax(counts, initial=0) < 10_000 else 8
        for (row, column), count in np.ndenumerate(counts):
            color = "white" if shares[row, column] > 0.5 else "#333333"
            axes.text(column, row, f"{count:,.0f}", ha="center", va="center", color=color, fontsize=size)
    figure.colorbar(image, ax=axes, label="share of the actual class", shrink=0.8)


def _curve(across: str, up: str, chance: Callable[[Axes], None]) -> Callable[[_Columns, Figure], None]:
    def draw(columns: _Columns, figure: Figure) -> None:
        figure.set_size_inches(6.4, 6)
        axes = figure.add_subplot()
        chance(axes)
        names = list(dict.fromkeys(columns["class"]))
        for name in names:
            places = [place for place, each in enumerate(columns["class"]) if each == name]
            points = ([columns[which][place] for place in places] for which in (across, up))
            axes.plot(*points, label=_short(name), linewidth=1.6, marker="o" if len(places) <= 10 else None, markersize=4)
        axes.set(xlabel=across.replace("_", " "), ylabel=up.replace("_", " "), xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
        if 0 < len(names) <= MOST_NAMED:
            axes.legend(frameon=False, title="class", fontsize=9)
        _without_frame(axes)

    return draw


def _diagonal(axes: Axes) -> None:
    axes.plot([0, 1], [0, 1], color="#bbbbbb", linewidth=1, linestyle="--")


def _nothing(axes: Axes) -> None:
    """No line to compare with."""


def _residuals(columns: _Columns, figure: Figure) -> None:
    predicted, actual = (np.array(columns[name], float) for name in ("predicted", "actual"))
    are_numbers = np.isfinite(predicted) & np.isfinite(actual)
    predicted, actual = predicted[are_numbers], actual[are_numbers]
    figure.set_size_inches(7.2, 5)
    axes = figure.add_subplot()
    axes.axhline(0, color="#bbbbbb", linewidth=1, linestyle="--")
    axes.scatter(predicted, actual - predicted, s=10, alpha=0.5, color=BLUE, linewidths=0)
    axes.set(xlabel="predicted", ylabel="actual - predicted")
    _without_frame(axes)


DRAWN: Mapping[str, Callable[[_Columns, Figure], None]] = {
    "training_confusion_matrix": _confusion,
    "training_roc_curve": _curve("false_positive_rate", "true_positive_rate", _diagonal),
    "training_precision_recall_curve": _curve("recall", "precision", _nothing),
    "training_calibration_curve": _curve("predicted_probability", "share_of_the_class", _diagonal),
    "training_residuals": _residuals,
}


def _drawn(draw: Callable[[Figure], None], title: str) -> bytes:
    import matplotlib.style
    from matplotlib.figure import Figure

    with matplotlib.style.context("default"), _quiet():
        matplotlib.rcParams["text.parse_math"] = False  # names are drawn as they are written
        figure = Figure(dpi=DOTS_AN_INCH, layout="constrained", facecolor="white")
        draw(figure)
        figure.suptitle(title, x=0.02, horizontalalignment="left", fontsize=11)
        written = io.BytesIO()
        figure.savefig(written, format="png", metadata={"Software": None})
    return written.getvalue()


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without warnings: of letters that the font lacks, say, which are boxes then."""
    # Not catch_warnings: it makes Python forget what it has warned of, and say it again.
    silence = ("ignore", None, Warning, None, 0)
    warnings.filters.insert(0, silence)  # type: ignore[attr-defined]  # it is a list
    try:
        yield
    finally:
        warnings.filters.remove(silence)  # type: ignore[attr-defined]  # it is a list


def _without_frame(axes: Axes) -> None:
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


def _short(name: object) -> str:
    text = " ".join("".join(letter if letter.isprintable() else " " for letter in str(name)).split())
    return text if len(text) <= LONGEST else f"{text[: LONGEST // 2]}…{text[-(LONGEST // 2 - 1) :]}"
