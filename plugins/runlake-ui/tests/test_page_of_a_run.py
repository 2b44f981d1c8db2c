"""The page of one run in a real browser: what it shows, what can be changed there, and that nothing a run has logged does any harm."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

import runlake
from browsing import Open, served, unfit
from children import run_program

TRAINED = """
    import runlake
    from sklearn.datasets import load_breast_cancer
    from sklearn.ensemble import RandomForestClassifier
    runlake.autolog()
    forest = RandomForestClassifier(n_estimators=10, random_state=0)
    forest.fit(*load_breast_cancer(return_X_y=True, as_frame=True))
    runlake.disable_autolog()
    runlake.flush()
    runlake.get_run(runlake.last_active_run().info.run_id).wait()
"""

HARM = "<img src=x onerror=alert(1)><script>alert(2)</script>\"'><svg onload=alert(3)>[x](javascript:alert(4))"


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A served store of one forest that autolog recorded."""
    lake = tmp_path_factory.mktemp("trained") / "lake"
    assert run_program(TRAINED, lake).returncode == 0
    with served(lake, "--no-token") as link:
        yield link


def at(page: Page, name: str) -> Page:
    """The page of the run that it is, which is opened by itself where a store has no other."""
    expect(page.get_by_role("heading", level=1)).to_contain_text(name)
    return page


def test_what_autolog_recorded_is_all_there(opened: Open, trained: str) -> None:
    """The only run of a store is opened at once, down to the line that loads its model."""
    page = at(opened(trained), "RandomForestClassifier")
    for section in ("Metrics", "Params", "Explain", "Data & signature", "Artifacts", "Model", "What was recorded"):
        page.get_by_role("heading", name=section, exact=False, level=2).first.scroll_into_view_if_needed()
    expect(page.get_by_text("n_estimators").first).to_be_visible()
    expect(page.get_by_text("worst perimeter").first).to_be_visible()
    expect(page.get_by_text(re.compile("load_model")).first).to_be_visible()
    expect(page.get_by_text("estimator.json").first).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everybody_can_use_it(opened: Open, trained: str, scheme: str) -> None:
    """axe finds nothing serious, in either theme, with every section read."""
    page = at(opened(trained, color_scheme=scheme, viewport={"width": 1440, "height": 9000}), "RandomForestClassifier")
    expect(page.get_by_text("worst perimeter").first).to_be_visible()
    page.wait_for_timeout(1000)

    assert unfit(page) == []
    assert page.evaluate("document.querySelectorAll('*').length") <= 3500


def test_names_tags_and_the_trash(opened: Open, store: Path) -> None:
    """What is changed here is in the store."""
    with runlake.start_run(run_name="before") as run:
        runlake.log_metric("loss", 1.0)
    runlake.flush()
    with served(store, "--no-token") as link:
        page = opened(f"{link}run/{run.info.run_id}")
        page.get_by_role("button", name="Edit name of the run").click()
        page.keyboard.press("Control+A")
        page.keyboard.type("after")
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", level=1)).to_contain_text("after")
        assert runlake.read.open_store(store).run(run.info.run_id).info.run_name == "after"
        page.get_by_role("button", name="Delete").click()
        expect(page.get_by_role("button", name="Restore").first).to_be_visible()
        assert runlake.read.open_store(store).run(run.info.run_id).info.lifecycle_stage == "deleted"
        page.get_by_role("button", name="Restore").first.click()
        expect(page.get_by_role("button", name="Delete")).to_be_visible()


def test_nothing_that_a_run_says_is_run(opened: Open, store: Path) -> None:
    """The same text in every field: it is shown as it is, and never becomes part of the page."""
    runlake.set_experiment(f"shelf {HARM}")
    with runlake.start_run(run_name=HARM, description=HARM, tags={f"tag{HARM}": HARM}) as run:
        runlake.log_param(f"param{HARM}", HARM)
        runlake.log_metrics({f"metric{HARM}": 1.0}, step=0)
        runlake.log_metrics({f"metric{HARM}": 2.0}, step=1)
        runlake.log_text(f"<script>parent.alert(5);fetch('/api/v1/meta')</script>{HARM}", "page.html")
        runlake.log_text(f"# {HARM}\n\n{HARM}", "notes.md")
        runlake.log_dict({HARM: [HARM]}, "facts.json")
        runlake.log_text(f"a,{HARM}\n1,{HARM}\n", "table.csv")
        runlake.log_text(HARM, "plain.txt")
    runlake.flush()
    dialogs: list[str] = []
    with served(store, "--no-token") as link:
        page = opened(f"{link}?flat=1")
        page.on("dialog", lambda dialog: dialogs.append(dialog.message))  # it stays open, and what comes next fails
        expect(page.locator("[role=grid] .line a").first).to_have_text(HARM)
        page.get_by_role("combobox", name="Filter runs").fill("params.")
        page.wait_for_timeout(400)
        page.goto(f"{link}experiments")
        expect(page.get_by_role("link", name="shelf")).to_be_visible()
        page.goto(f"{link}run/{run.info.run_id}")
        expect(page.get_by_role("heading", level=1)).to_contain_text("onerror")
        for name in ("notes.md", "facts.json", "table.csv", "plain.txt"):
            page.get_by_text(name).first.click()
            page.wait_for_timeout(300)

        assert page.locator("img[src=x]").count() == 0
        assert page.locator("a[href^='javascript']").count() == 0
    assert dialogs == []


def test_a_page_among_the_artifacts_reaches_nothing(opened: Open, store: Path) -> None:
    """It is shown in a frame of its own origin, whose policy lets it connect nowhere."""
    with runlake.start_run() as run:
        runlake.log_text(
            "<p id=p>shown</p><script>fetch('/api/v1/meta').then(() => p.textContent = 'reached', () => p.textContent = 'kept')</script>",
            "page.html",
        )
    runlake.flush()
    with served(store, "--no-token") as link:
        page = opened(f"{link}run/{run.info.run_id}", bypass_csp=False)
        page.get_by_text("page.html").first.click()
        frame = page.frame_locator("iframe").locator("#p")
        expect(frame).to_have_text("kept")
