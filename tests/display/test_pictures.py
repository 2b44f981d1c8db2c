"""Runs, series and comparisons in a notebook: HTML and SVG that need nothing, and hurt nobody."""

from __future__ import annotations

import math
import re
from html.parser import HTMLParser
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

import runlake
from runlake.display.markup import BAD, GOOD
from runlake.display.svg import COLOURS, spark
from runlake.errors import InvalidValue
from runlake.read import Run
from runlake.read.runs import Runs

EVIL = """<script>alert(1)</script>"'><img src=x onerror=alert(2)>&amp;\x1b[2J"""
VOID = {"br", "hr", "img", "path"}


class Seen(HTMLParser):
    """Which elements are there, what their attributes say, and whether each is closed."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Remember it."""
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """One that closes itself."""
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        """It closes the last that is open."""
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        """What people read."""
        self.text += data


def train(name: str, **series: Any) -> str:
    """A run with these curves; its id."""
    with runlake.start_run(run_name=name) as run:
        runlake.log_params({"lr": len(series), "same": 1})
        for key, values in series.items():
            runlake.log_batch(key, values)
    return str(run.run_id)


def runs() -> Runs:
    """All of the store in use, the newest first."""
    found: Runs = runlake.search_runs(output_format="list")
    return found


def evil() -> Run:
    """A run all of whose texts are HTML."""
    with runlake.start_run(run_name=EVIL, description=EVIL, tags={f"t{EVIL}": EVIL}) as run:
        runlake.log_params({f"p{EVIL}": EVIL, f"list{EVIL}": [EVIL]})
        runlake.log_batch(f"m{EVIL}", [3.0, 1.0])
        runlake.log_text(EVIL, "a<b>.txt")
        runlake.log_input(runlake.data.from_numpy(np.ones((2, 2)), name=EVIL), context=EVIL)
    return runlake.get_run(run.run_id)


@pytest.mark.usefixtures("store")
def test_nothing_that_was_recorded_becomes_html() -> None:
    """In none of the forms."""
    one, other = evil(), evil()
    key = next(iter(one.metrics))
    pages = [one._repr_html_(), runs()._repr_html_(), one.metrics[key]._repr_html_(), one.compare(other)._repr_html_()]
    pages += [one.metrics[key].plot()._repr_html_(), runs().plot(key)._repr_html_(), one.compare(runlake.get_run(train("b")))._repr_html_()]
    for page in pages:
        seen = Seen(page)

        assert not {"script", "img", "b>"} & set(seen.tags)
        assert not [name for name, _ in seen.attributes if name.startswith("on") or name in ("href", "src")]
        assert seen.open == []
        assert "<script>alert(1)</script>" in seen.text
        assert "\x1b" not in page


@pytest.mark.usefixtures("store")
def test_the_pages_need_nothing_from_elsewhere() -> None:
    """No script, no style sheet, no address but the name of SVG; colours of the notebook for what is read."""
    train("a", loss=[3.0, 1.0, 2.0])
    page = runs()[0]._repr_html_() + runs()._repr_html_() + runs().plot("loss")._repr_html_()

    assert set(re.findall(r"https?://[^\"' ]+", page)) == {"http://www.w3.org/2000/svg"}
    assert not re.search(r"<style|<script|<link|url\(|@import", page)
    assert "color:var(--jp-ui-font-color1, var(--vscode-editor-foreground, inherit))" in page
    assert not re.search(r"fill=['\"]#|color:(black|white|#000|#fff)", page)


@pytest.mark.parametrize("colour", [*COLOURS, GOOD, BAD])
def test_colours_are_seen_on_light_and_on_dark(colour: str) -> None:
    """Three times as light or as dark as what is behind them, which is what graphics need."""

    def light(text: str) -> float:
        parts = [int(text[n : n + 2], 16) / 255 for n in (1, 3, 5)]
        linear = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2] + 0.05

    assert light("#FFFFFF") / light(colour) >= 3
    assert light(colour) / light("#1E1E1E") >= 3


@pytest.mark.usefixtures("store")
def test_a_run_shows_how_it_ended_its_metrics_and_params() -> None:
    """What there is much of is folded."""
    run = runlake.start_run(run_name="otter", tags={"team": "ml"})
    runlake.log_params({f"p{n:02}": n for n in range(20)})
    runlake.log_batch("val_loss", [3.0, 1.0, 2.0])
    runlake.log_metric("acc", 0.5)
    runlake.log_text("x", "notes.txt")
    runlake.end_run("FAILED")
    page = runlake.get_run(run.run_id)._repr_html_()
    seen = Seen(page)

    assert page.count("<svg") == 1
    assert page.count("<details") == 2
    assert re.search(r"otter\s+" + str(run.run_id), seen.text)
    assert all(
        text in seen.text for text in ("failed", "val_loss ▼", "1 at 1", "20 params", "p19", "1 tag", "team", "1 artifact", "notes.txt")
    )


@pytest.mark.usefixtures("store")
def test_a_run_of_very_much_is_a_page_of_bounded_size() -> None:
    """How much more there is is said."""
    with runlake.start_run() as run:
        runlake.log_params({f"p{n:04}": n for n in range(1000)})
        runlake.log_metrics({f"m{n:04}": float(n) for n in range(1000)})
    page = runlake.get_run(run.run_id)._repr_html_()

    assert (page.count("<tr"), page.count("and 900 more"), page.count("and 888 more")) == (100 + 100 + 14, 1, 1)


@pytest.mark.usefixtures("store")
def test_several_runs_are_a_table_of_what_tells_them_apart() -> None:
    """Of twenty of them; the best of each metric is bold."""
    for n in range(25):
        train(f"run-{n}", val_loss=[3.0, float(n)], **({"extra": [1.0]} if n % 2 else {}))
    found = runs()
    page = found._repr_html_()

    assert page.count("<tr") == 21
    assert "20 of 25 runs" in page
    assert "run-24" in page
    assert "run-4<" not in page
    assert "<b>5.000</b>" in page or "<b>5</b>" in page
    assert ">lr<" in page
    assert ">same<" not in page
    assert "no runs" in found[25:]._repr_html_()


@pytest.mark.usefixtures("store")
def test_a_part_of_the_runs_is_runs() -> None:
    """One of them is a run; all of it is a list."""
    for n in range(3):
        train(f"run-{n}", loss=[1.0])
    found = runs()

    assert (type(found), type(found[:2]), type(found[0]), isinstance(found, list)) == (Runs, Runs, Run, True)
    assert [run.info.run_name for run in found[1:]] == ["run-1", "run-0"]


@pytest.mark.usefixtures("store")
def test_a_comparison_is_a_card() -> None:
    """Green is what is better; what is the same is summed up."""
    a, b = train("otter", loss=[3.0, 1.0], acc=[0.5]), train("fox", loss=[3.0, 0.5], acc=[0.25])
    found = runlake.get_run(a).compare(runlake.get_run(b))
    page, seen = found._repr_html_(), Seen(found._repr_html_())

    assert re.search(rf"color:{GOOD}'>▼ better.*-0.5 -50 %", page)
    assert re.search(rf"color:{BAD}'>▼ worse.*-0.25 -50 %", page)
    assert "B is better in 1, worse in 1 of 2 metrics that both have." in seen.text
    assert "The same: 2 params, the code." in seen.text
    assert str(found).startswith("A ✓ otter")


@pytest.mark.usefixtures("store")
def test_a_picture_is_svg_that_hides_no_value() -> None:
    """The path reaches the top for a single point among many, and is broken where there is no number."""
    values = [0.0] * 20_000
    values[7_000] = 1.0
    values[15_000:17_000] = [math.nan] * 2_000
    train("otter", loss=values)
    (svg,) = runs().plot("loss").svgs()
    tree = ElementTree.fromstring(svg)
    paths = [element.attrib["d"] for element in tree.iter("{http://www.w3.org/2000/svg}path") if element.attrib.get("fill") == "none"]
    points = [(float(x), float(y)) for x, y in re.findall(r"[ML]([\d.]+) ([\d.]+)", paths[0])]

    assert len(paths) == 1
    assert paths[0].count("M") == 2
    assert [x for x, y in points if y < 30] == [pytest.approx(62 + 7_000 / 20_000 * 564, abs=1)]
    assert len(points) < 4 * 564


@pytest.mark.usefixtures("store")
def test_a_plot_shows_itself_wherever_it_is_looked_at() -> None:
    """In letters, as SVG, and several metrics one below the other."""
    train("otter", loss=[3.0, 1.0], acc=[0.5, 0.75])
    train("fox", loss=[2.0, 1.5])
    one = runs()[1].metrics["loss"].plot()
    both = runs().plot(["loss", "acc"], x="relative", smooth=0.5)

    assert one._repr_svg_() is not None
    assert both._repr_svg_() is None
    assert both._repr_html_().count("<svg") == 2
    assert repr(one) == str(one)
    assert re.search("[\u2801-\u28ff]", str(one))
    assert ("o  fox" in str(both), "x  otter" in str(both), "smoothed by 0.5" in str(both)) == (True, True, True)
    assert max(map(len, one.text(50, 5).splitlines())) == 50


@pytest.mark.usefixtures("store")
def test_what_cannot_be_drawn_is_told_where_it_is_asked_for() -> None:
    """Not where it is looked at."""
    train("otter", loss=[3.0, 1.0])

    with pytest.raises(InvalidValue, match="No run here has a metric 'los'"):
        runs().plot("los")
    with pytest.raises(InvalidValue, match='"step", "time" or "relative", not \'epoch\''):
        runs()[0].metrics["loss"].plot(x="epoch")
    with pytest.raises(InvalidValue, match="less than 1, not 2"):
        runs()[0].metrics["loss"].plot(smooth=2)


@pytest.mark.parametrize(
    "values", [[], [1.0], [math.nan, math.nan], [math.inf, 1.0], [1.0, 1.0], [1e308, -1e308], [math.nan, 1.0, math.nan, 2.0]], ids=str
)
def test_a_small_curve_is_svg_or_nothing(values: list[float]) -> None:
    """Whatever the values are."""
    drawn = spark(np.array(values))

    if drawn:
        numbers = re.findall(r"-?[\d.]+|nan|inf", ElementTree.fromstring(drawn)[0].attrib["d"])
        assert all(math.isfinite(float(number)) for number in numbers)
    assert bool(drawn) == (len(values) > 1 and any(map(math.isfinite, values)))


@pytest.mark.usefixtures("store")
def test_a_series_of_anything_is_a_page(tmp_path: Any) -> None:
    """Single values, no numbers, and all of one value."""
    train("otter", one=[1.0], nan=[math.nan], inf=[math.inf, -math.inf], same=[2.0] * 5)
    for series in runs()[0].metrics.values():
        seen = Seen(series._repr_html_())

        assert seen.open == []
        assert "point" in seen.text
        assert not re.search(r"\b(nan|inf)\b", " ".join(value for name, value in seen.attributes if name == "d"))
