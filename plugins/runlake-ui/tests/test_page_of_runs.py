"""The page of runs in a real browser: found, sorted, selected and opened by mouse and by keyboard, live, and again from its address."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

import pytest
from playwright.sync_api import Page, expect

import runlake
from browsing import Open, served, unfit
from children import run_program

STUDY = """
    import math, random, runlake
    runlake.set_experiment("churn")
    dice = random.Random(3)
    for n in range(40):
        with runlake.start_run(run_name=f"run-{n:02d}", tags={"team": "a" if n % 2 else "b"}) as run:
            depth, lr = 2 + n % 5, [0.01, 0.1][n % 2]
            runlake.log_params({"depth": depth, "lr": lr, "seed": n, "always": "same"})
            for step in range(30):
                runlake.log_metrics({"val_loss": 1 / (step + 1) + n / 100, "train_loss": 1 / (step + 2)}, step=step)
            if n == 7:
                for inner in range(3):
                    with runlake.start_run(run_name=f"inner-{inner}", nested=True):
                        runlake.log_metric("val_loss", 9.0 + inner)
    runlake.flush()
"""


@pytest.fixture(scope="module")
def link(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A served store of forty runs, one of which has three inside."""
    lake = tmp_path_factory.mktemp("study") / "lake"
    assert run_program(STUDY, lake).returncode == 0
    with served(lake, "--no-token") as link:
        yield link


def names(page: Page) -> list[str]:
    """The runs in sight, from top to bottom."""
    rows = page.locator("[role=grid] .line").evaluate_all(
        "rows => rows.map(row => [parseInt(row.style.top), row.querySelector('a')?.textContent]).filter(each => each[1])"
    )
    return [name for _, name in sorted(rows)]


def test_the_best_run_stands_first_with_its_curve(opened: Open, link: str) -> None:
    """Nobody has chosen anything: the metric to compare by, what varies and the curves of the first runs are there."""
    page = opened(link)

    expect(page.locator("[role=grid] .line").first).to_be_visible()
    heads = [text.split()[0] for text in page.locator("[role=columnheader]").all_inner_texts() if text]
    assert names(page)[:3] == ["run-00", "run-01", "run-02"]
    assert heads[:4] == ["Run", "Status", "val_loss", "trend"]
    assert {"depth", "lr"} <= set(heads)
    assert "always" not in heads
    expect(page.get_by_role("region", name=re.compile("^val_loss: run-00"))).to_be_visible()
    expect(page.get_by_text("43 runs, 3 of them inside others")).to_be_visible()


def test_by_mouse(opened: Open, link: str) -> None:
    """Filter, sort, select, curves of the selection, runs inside a run, and into a run and back."""
    page = opened(link)
    page.get_by_role("combobox", name="Filter runs").fill("params.depth = 4 and tags.team = 'a'")
    expect(page.get_by_text("4 of 43 runs match")).to_be_visible()
    page.get_by_role("columnheader").get_by_role("button", name="val_loss").click()
    expect(page.locator("[role=columnheader][aria-sort=descending]")).to_be_visible()
    expect(page.locator("#row-0")).to_contain_text("run-37")
    assert names(page) == ["run-37", "run-27", "run-17", "run-07"]
    page.get_by_role("checkbox", name="Select run-07").click()
    expect(page.get_by_text("1 selected run")).to_be_visible()
    page.get_by_role("button", name="3 runs inside run-07").click()
    expect(page.get_by_role("link", name="inner-1")).to_be_visible()
    page.get_by_role("link", name="run-27").click()
    expect(page).to_have_url(re.compile("/run/[0-9a-f]{32}$"))
    page.go_back()
    expect(page.get_by_role("checkbox", name="Select run-07")).to_be_checked()


def test_by_keyboard_alone(opened: Open, link: str) -> None:
    """The same without a mouse; the filter offers keys and values."""
    page = opened(link)
    expect(page.locator("[role=grid] .line").first).to_be_visible()
    page.keyboard.press("/")
    page.keyboard.type("tea")
    expect(page.get_by_role("option", name=re.compile("tags.team"))).to_be_visible()
    page.keyboard.press("Tab")
    page.keyboard.type("= ")
    expect(page.get_by_role("option", name=re.compile("^a"))).to_be_visible()
    page.keyboard.type("a")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    expect(page.get_by_text("20 of 43 runs match")).to_be_visible()
    page.keyboard.press("Escape")
    for key in "jxjx":
        page.keyboard.press(key)
    expect(page.get_by_text("2 selected runs")).to_be_visible()
    page.keyboard.press("l")
    expect(page.get_by_text(re.compile("2 runs · log y"))).not_to_have_count(0)
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keys")).to_be_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="run-05")).to_be_visible()


def test_a_link_shows_the_same_to_everybody(opened: Open, link: str) -> None:
    """Filter, order, columns, groups and zoom are in the address."""
    page = opened(link)
    page.get_by_role("combobox", name="Filter runs").fill("depth > 3")
    page.get_by_role("button", name="Group").click()
    page.locator(".open").get_by_role("button", name="lr", exact=True).click()
    expect(page.get_by_text("2 groups of 43 runs")).to_be_visible()
    assert "q=depth > 3" in unquote(page.url).replace("+", " ")

    again = opened(page.url)

    expect(again.get_by_text("2 groups of 43 runs")).to_be_visible()
    assert again.locator("[role=grid] .line").all_inner_texts() == page.locator("[role=grid] .line").all_inner_texts()


def test_what_is_wrong_in_a_filter_is_said_where_it_is(opened: Open, link: str) -> None:
    """The rows stay, the word is underlined, the server's sentence is shown."""
    page = opened(link)
    expect(page.locator("[role=grid] .line").first).to_be_visible()
    page.get_by_role("combobox", name="Filter runs").fill("depth >")

    expect(page.locator("#query-problem .bad")).not_to_be_empty()
    assert names(page)[0] == "run-00"


def test_columns_are_chosen_and_a_view_keeps_them(opened: Open, link: str) -> None:
    """By a word, with the value of a metric that is wanted; under a name for everybody."""
    page = opened(link)
    page.get_by_role("button", name=re.compile("^Columns")).click()
    page.get_by_role("searchbox", name="Find a column").fill("always")
    page.get_by_role("button", name=re.compile("^always")).click()
    expect(page.get_by_role("columnheader", name="always")).to_be_visible()
    page.get_by_label("Which value of val_loss").select_option("mean")
    expect(page.get_by_role("columnheader", name="val_loss mean")).to_be_visible()
    page.keyboard.press("Escape")
    page.get_by_role("button", name="★ Views").click()
    page.get_by_role("textbox", name="Name of this view").fill("Mean loss")
    page.get_by_role("button", name="Keep", exact=True).click()
    expect(page.get_by_role("button", name="★ Mean loss")).to_be_visible()

    other = opened(link)
    other.get_by_role("button", name="★ Views").click()
    other.get_by_role("button", name="Mean loss", exact=True).click()

    expect(other.get_by_role("columnheader", name="val_loss mean")).to_be_visible()


def test_curves_zoom_exactly_and_smooth(opened: Open, link: str) -> None:
    """What is drawn is dragged over; every card has the same zoom; the address has it too."""
    page = opened(link)
    card = page.get_by_role("region", name=re.compile("^val_loss:"))
    box = card.locator(".u-over").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] * 0.25, box["y"] + 60)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + 60, steps=4)
    page.mouse.up()
    expect(page).to_have_url(re.compile("zoom="))
    expect(page.get_by_role("button", name="Reset zoom")).not_to_have_count(0)
    page.keyboard.press("r")
    expect(page.get_by_role("button", name="Reset zoom")).to_have_count(0)
    page.keyboard.press("s")
    expect(page.get_by_text(re.compile("EMA 0.6"))).not_to_have_count(0)


def test_all_that_matches_is_exported(opened: Open, link: str) -> None:
    """Not only what is in sight."""
    page = opened(link)
    page.get_by_role("combobox", name="Filter runs").fill("depth = 6")
    expect(page.get_by_text("8 of 43 runs match")).to_be_visible()
    page.get_by_role("button", name="Export").click()
    with page.expect_download() as download:
        page.get_by_role("link", name="Runs as CSV").click()

    lines = list(csv.reader(Path(download.value.path()).read_text(encoding="utf-8").splitlines()))
    assert (len(lines), lines[0][:2]) == (9, ["run_id", "run_name"])


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("where", ["", "experiments", "?g=params.lr", "?q=nothing = 1"])
def test_everybody_can_use_it(opened: Open, link: str, scheme: str, where: str) -> None:
    """axe finds nothing serious, in either theme."""
    page = opened(link + where, color_scheme=scheme)
    expect(page.get_by_role("main")).not_to_be_empty()
    page.wait_for_timeout(300)

    assert unfit(page) == []


def test_it_fits_on_a_phone(opened: Open, link: str) -> None:
    """Nothing is wider than the screen."""
    page = opened(link, viewport={"width": 390, "height": 800})
    expect(page.locator("[role=grid] .line").first).to_be_visible()

    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_the_first_run_appears_by_itself_and_so_do_its_points(opened: Open, store: Path) -> None:
    """An empty store says how to begin; then nobody reloads anything, and what was drawn is not asked for again."""
    with served(store, "--no-token") as link:
        page = opened(link)
        expect(page.get_by_role("heading", name="Nothing here yet")).to_be_visible()
        with runlake.start_run(run_name="first"):
            for step in range(50):
                runlake.log_metric("loss", 1 / (step + 1), step=step)
            runlake.flush()
            expect(page.get_by_role("link", name="first")).to_be_visible()
            expect(page.get_by_text("1 running")).to_be_visible()
            card = page.get_by_role("region", name=re.compile("^loss: first"))
            expect(card.get_by_text("50 points")).to_be_visible()
            asked: list[str] = []
            page.on("request", lambda request: asked.append(request.post_data or "") if request.url.endswith("/series") else None)
            for step in range(50, 60):
                runlake.log_metric("loss", 1 / (step + 1), step=step)
            runlake.flush()
            expect(card.get_by_text("60 points")).to_be_visible()
            curves = [body for body in asked if '"px":24,' not in body]
            runlake.log_metric("later", 1.0)
            runlake.log_metric("later", 2.0)
            runlake.flush()
            expect(page.get_by_role("region", name=re.compile("^later: first"))).to_be_visible()
        expect(page.get_by_text("✓ done")).to_be_visible()

    assert curves
    assert all('"since":{' in body for body in curves)
