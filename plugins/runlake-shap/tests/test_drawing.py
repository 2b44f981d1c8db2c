"""The charts are pictures that can be read, and leave nothing in the process."""

from __future__ import annotations

import random
import struct
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from runlake_shap.drawing import MOST_FEATURES, bar, beeswarm
from runlake_shap.quiet import nothing_left_behind

with nothing_left_behind():
    import matplotlib
    import matplotlib.pyplot as plt
    import shap

GENERATOR = np.random.default_rng(0)


def drawn(features: int = 3, names: list[str] | None = None, outputs: int = 1, rows: int = 60) -> tuple[bytes, bytes]:
    """Both charts, the dots of the first output."""
    generator = np.random.default_rng(features)
    values, inputs = generator.normal(size=(rows, features, outputs)), generator.normal(size=(rows, features))
    names = names or [f"feature {place}" for place in range(features)]
    classes = [f"class {place}" for place in range(outputs)]
    return bar(values, names, "A model", "prediction", classes), beeswarm(values[:, :, 0], inputs, names, "A model", "prediction")


def size_of(picture: bytes) -> tuple[int, int]:
    """Width and height of a PNG, from its header."""
    assert picture.startswith(b"\x89PNG\r\n\x1a\n")
    width, height = struct.unpack(">II", picture[16:24])
    return int(width), int(height)


@pytest.mark.parametrize("outputs", [1, 4, 13])
def test_more_features_make_a_chart_higher_until_there_are_twenty(outputs: int) -> None:
    """Its width is always the same."""
    few, twenty, thirty = (drawn(features, outputs=outputs) for features in (3, MOST_FEATURES, 30))

    assert {size_of(picture)[0] for picture in (*few, *twenty, *thirty)} == {1092}
    assert size_of(few[0]) == size_of(few[1])
    assert size_of(few[0])[1] < size_of(twenty[0])[1] == size_of(thirty[0])[1] < 1300
    assert size_of(twenty[1]) == size_of(thirty[1])


@pytest.mark.parametrize(
    "names",
    [
        ["price_$ per $unit", "x^2 & {y}", "温度"],
        ["a\nb\tc", "", "=1=2"],
        [f"mean_of_the_customer_transactions_in_the_last_{days}_days_before_the_call" for days in (1, 7, 30)],
        ["\\frac{", "%s", "\x00"],
    ],
    ids=["formulas", "spaces", "long", "broken"],
)
def test_any_text_is_a_name(names: list[str]) -> None:
    """It is drawn as it is written."""
    for picture in drawn(names=names):
        assert size_of(picture)[0] == 1092


def test_names_that_would_look_the_same_are_told_apart() -> None:
    """By what they do not share."""
    from runlake_shap.drawing import _told_apart

    names = [f"mean_of_the_customer_transactions_in_the_last_{days}_days_before_the_call" for days in (1, 7)]
    shown = _told_apart([*names, "a" * 50, "short"])

    assert shown == ["…he_last_1_days_before_the_call", "…he_last_7_days_before_the_call", "a" * 16 + "…" + "a" * 15, "short"]


@pytest.mark.parametrize("spoil", [np.zeros_like, lambda rows: np.full_like(rows, np.nan), lambda rows: np.full_like(rows, np.inf)])
def test_features_that_have_no_scale_of_colours(spoil: Callable[[Any], Any]) -> None:
    """Constant, missing and infinite ones, of rows that move nothing."""
    rows = GENERATOR.normal(size=(30, 3))
    rows[:, 1] = spoil(rows[:, 1])

    assert size_of(beeswarm(np.zeros((30, 3)), rows, list("abc"), "A model", "probability"))
    assert size_of(beeswarm(np.ones((1, 3)), rows[:1], list("abc"), "A model", "probability"))
    assert size_of(bar(np.zeros((30, 3)), list("abc"), "A model", "probability"))


def test_the_same_values_give_the_same_picture() -> None:
    """Whatever the program drew before, by whatever style it draws itself."""
    first = drawn(outputs=3)
    np.random.random()
    with plt.style.context("dark_background"):
        second = drawn(outputs=3)

    assert first == second


def test_nothing_is_left_behind(capfd: pytest.CaptureFixture[str]) -> None:
    """The program's own figure stays the current one, with nothing drawn on it; settings and generators are as before."""
    with matplotlib.rc_context({"font.size": 17}):
        matplotlib.use("Agg")
        mine = plt.figure()
        before = dict(matplotlib.rcParams), random.getstate()
        np_before = np.random.get_state(legacy=False)

        drawn(outputs=4)

        assert (dict(matplotlib.rcParams), random.getstate()) == before
        np.testing.assert_equal(np.random.get_state(legacy=False), np_before)
        assert (plt.get_fignums(), plt.gcf(), mine.axes) == ([mine.number], mine, [])
        plt.close(mine)
    assert tuple(capfd.readouterr()) == ("", "")


def test_no_figure_is_open_where_drawing_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor is a style left."""
    before = dict(matplotlib.rcParams)
    monkeypatch.setattr(shap, "summary_plot", lambda *given, **named: plt.title(str(1 // 0)))

    with pytest.raises(ZeroDivisionError):
        drawn(outputs=3)

    assert (plt.get_fignums(), dict(matplotlib.rcParams)) == ([], before)


def test_every_output_has_a_name() -> None:
    """None is left out in silence."""
    with pytest.raises(ValueError, match=r"2 names of outputs, \['too', 'few'\], and values of 3"):
        bar(np.ones((5, 2, 3)), ["one", "two"], "A model", "decision", ["too", "few"])
