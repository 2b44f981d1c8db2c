"""How soon does the page show what is asked of it?

A store of 100,000 runs (see `benchmarks.search_runs`), ten runs with fifty metrics, and a run with a curve of 1,000,000 points, all
published. `runlake ui` serves it, and Debian's Chromium, headless and drawing in software, opens it:

* *listening*: from the command to its link, in a process of its own
* *first rows*: from the navigation to the first row of the table; *painted* is the browser's first contentful paint
* *filter*: from the last letter that is typed to the rows that match
* *curve*: from the address of a page that shows the large curve to its being drawn; *zoom* from the mouse let go to the new points
* *live*: from `log_metric` returning to the point on the screen
* *ten runs*: the page of ten runs with fifty metrics each, until every card in sight is drawn

Medians of five. Beside it `mlflow ui` on its own store of 1,000 runs, where MLflow is installed: first rows of its table.

    python -m benchmarks.page
"""

from __future__ import annotations

import gzip
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import runlake
from benchmarks.report import installed, report
from benchmarks.search_runs import fill_store
from runlake.read.search.cache import bring_up_to_date
from runlake.store.layout import Layout

CHROMIUM = "/usr/bin/chromium"
QUIET = "--no-sandbox --disable-gpu --disable-background-networking --disable-component-update --disable-sync --no-first-run --disable-quic"
MLFLOW_RUNS = "http://127.0.0.1:5991/#/experiments/0/runs"
RUNS, POINTS, REPEATS, PEER_RUNS = 100_000, 1_000_000, 5, 1_000

SWEEP = f"""
import numpy as np, runlake
runlake.set_experiment("large")
with runlake.start_run(run_name="large") as run:
    runlake.log_batch("loss", np.random.default_rng(0).normal(0, 1, {POINTS}).cumsum())
runlake.set_experiment("wide")
for n in range(10):
    with runlake.start_run(run_name=f"wide-{{n}}"):
        for step in range(200):
            runlake.log_metrics({{f"m{{key:02d}}": np.sin(step / (key + 1)) + n for key in range(50)}}, step=step)
runlake.flush()
"""

PEER = """
import mlflow, sys, time
from mlflow.entities import Metric, Param
client = mlflow.MlflowClient()
for n in range(int(sys.argv[1])):
    run = client.create_run("0", run_name=f"run-{n}")
    now = int(time.time() * 1000)
    metrics, params = [Metric(f"m{k}", n / 7 + k, now, 0) for k in range(5)], [Param(f"p{k}", str(n % 3)) for k in range(10)]
    client.log_batch(run.info.run_id, metrics, params)
    client.set_terminated(run.info.run_id)
"""


def main() -> None:
    """Print the figures as a table."""
    from playwright.sync_api import sync_playwright

    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        lake = Path(folder, "lake")
        fill_store(lake, RUNS)
        own = {**os.environ, "RUNLAKE_STORE": str(lake), "RUNLAKE_JOBS": "off", "RUNLAKE_EXIT_WAIT": "0", "RUNLAKE_SILENT": "1"}
        subprocess.run([sys.executable, "-c", SWEEP], env=own, check=True)
        subprocess.run([sys.executable, "-m", "runlake", "compact", "--store", str(lake)], env=own, check=True, stdout=subprocess.DEVNULL)
        assert bring_up_to_date(Layout(lake))  # as publishing has done where jobs are not off
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET.split())
        rows = [("listening", f"{median(list(_starts(lake))):.2f} s", "")]
        with _serving([sys.executable, "-m", "runlake", "ui", "--store", str(lake), "--port", "0", "--no-browser", "--no-token"]) as (
            link,
            _,
        ):
            rows += [(name, shown, "") for name, shown in _figures(browser, link, lake)]
        peer = os.environ.get("MLFLOW_PYTHON") or (sys.executable if installed("mlflow") else None)
        if peer:
            rows.append((f"first rows of {PEER_RUNS:,} runs", "", f"{_of_mlflow(browser, peer, Path(folder, 'mlflow')):.2f} s"))
        browser.close()
    report("How soon does the page show what is asked of it?", ("what", "runlake", "MLflow"), rows)


def _ui(lake: Path) -> list[str]:
    return [sys.executable, "-m", "runlake", "ui", "--store", str(lake), "--port", "0", "--no-browser", "--no-token"]


def _starts(lake: Path) -> Iterator[float]:
    for _ in range(REPEATS):
        with _serving(_ui(lake)) as (_, seconds):
            yield seconds


@contextmanager
def _serving(command: list[str]) -> Iterator[tuple[str, float]]:
    """Its link, and how long it took to print that."""
    began = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip(), time.perf_counter() - began
        finally:
            process.terminate()


def _figures(browser: Any, link: str, lake: Path) -> Iterator[tuple[str, str]]:
    first, painted, filtered = [], [], []
    for _ in range(REPEATS + 1):  # the first has the server read the store
        page = _page(browser)
        first.append(_until(partial(page.goto, link, wait_until="commit"), page, ROWS_THERE))
        painted.append(page.evaluate("performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? NaN"))
        page.wait_for_timeout(1_500)
        field = page.get_by_role("combobox", name="Filter runs")
        field.fill("rmse < 0.")
        page.wait_for_timeout(400)
        filtered.append(_until(partial(field.press_sequentially, "5"), page, FILTERED))
        nodes = page.evaluate("document.querySelectorAll('*').length")
        page.close()
    yield f"first rows of {RUNS:,} runs: first, again", f"{first[0]:.2f} s, {median(first[1:]):.2f} s"
    yield "first paint", f"{median(painted[1:]):.0f} ms"
    yield f"filter {RUNS:,} runs, from the last letter", f"{median(filtered[1:]) * 1000:.0f} ms"
    yield "nodes of the page", f"{nodes:,}"
    yield "scripts at first, compressed", f"{_scripts() / 1000:.0f} kB"
    yield from _curves(browser, link, lake)
    yield "ten runs with fifty metrics", f"{median([_wide(browser, link) for _ in range(REPEATS)]) * 1000:.0f} ms"
    yield "a point from log_metric to the screen", f"{_live(browser, link, lake):.2f} s"


def _page(browser: Any) -> Any:
    return browser.new_page(viewport={"width": 1440, "height": 820}, bypass_csp=True)  # as playwright waits by eval


ROWS_THERE = "document.querySelectorAll('[role=grid] .line a').length > 10"
FILTERED = "/[1-9]\\S* of 100.011 runs match/.test(document.querySelector('footer')?.innerText ?? '')"
DRAWN = "document.querySelector('section.card small')?.innerText.includes('drawn as')"


def _until(act: Callable[[], Any], page: Any, so: str) -> float:
    """How long it takes from the act until something is so."""
    began = time.perf_counter()
    act()
    page.wait_for_function(so, polling="raf")
    return time.perf_counter() - began


def _curves(browser: Any, link: str, lake: Path) -> Iterator[tuple[str, str]]:
    (run,) = runlake.read.open_store(lake).search(runlake.read.Query("run_name = large")).ids()
    drawn, zoomed = [], []
    for _ in range(REPEATS):
        page = _page(browser)
        page.goto(link)
        page.wait_for_timeout(1_500)
        page.evaluate("performance.clearResourceTimings()")
        page.goto(f"{link}?sel={run}&q=run_name%20%3D%20large")
        page.wait_for_function(DRAWN, polling="raf")
        asked = "performance.getEntriesByType('resource').filter(e => e.name.endsWith('/series')).map(e => e.duration)"
        drawn.append(max(page.evaluate(asked)))
        box = page.locator(".u-over").first.bounding_box()
        page.mouse.move(box["x"] + 100, box["y"] + 50)
        page.mouse.down()
        page.mouse.move(box["x"] + 200, box["y"] + 50, steps=3)
        page.evaluate("performance.clearResourceTimings()")
        page.mouse.up()
        page.wait_for_function("performance.getEntriesByType('resource').some(e => e.name.endsWith('/series'))", polling="raf")
        zoomed.append(max(page.evaluate(asked)))
        page.close()
    yield (
        f"a curve of {POINTS:,} points, asked and answered: first; again; zoomed",
        f"{drawn[0]:.0f}; {median(drawn):.0f}; {median(zoomed):.0f} ms",
    )


def _wide(browser: Any, link: str) -> float:
    page = _page(browser)
    page.goto(link)
    page.wait_for_timeout(1_500)
    cards = "document.querySelectorAll('section.card canvas').length >= 4 && document.querySelectorAll('[role=grid] .line a').length === 10"
    seconds = _until(lambda: page.goto(f"{link}?q=run_name%20~%20%27%5Ewide%27&sort=run_name%20ASC", wait_until="commit"), page, cards)
    page.close()
    return seconds


def _live(browser: Any, link: str, lake: Path) -> float:
    """Median of some points of a run that another process logs."""
    code = """
import sys, time, runlake
with runlake.start_run(run_name="live") as run:
    print(run.info.run_id, flush=True)
    for step in range(8):
        sys.stdin.readline()
        runlake.log_metric("live", 1 / (step + 1), step=step)
        print(time.time(), flush=True)
"""
    own = {**os.environ, "RUNLAKE_STORE": str(lake), "RUNLAKE_JOBS": "off", "RUNLAKE_SILENT": "1"}
    page = _page(browser)
    found = []
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=own) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        run_id = process.stdout.readline().strip()
        time.sleep(2)
        page.goto(f"{link}?sel={run_id}")
        for step in range(8):
            process.stdin.write("\n")
            process.stdin.flush()
            logged = float(process.stdout.readline())
            shown = f"{step + 1} points" if step else "live"
            page.wait_for_function(f"document.querySelector('section.card')?.innerText.includes({shown!r})", polling="raf")
            found.append(time.time() - logged)
    page.close()
    return median(found[2:])


def _scripts() -> int:
    """Bytes of what a first visit loads of scripts, as they are sent."""
    import runlake_ui

    assets = Path(runlake_ui.__path__[0], "assets", "assets")
    return sum(len(gzip.compress(path.read_bytes(), 9)) for path in assets.glob("index-*.js"))


def _of_mlflow(browser: Any, python: str, folder: Path) -> float:
    """First rows of its table of runs."""
    folder.mkdir()
    database = f"sqlite:///{folder}/mlflow.db"
    own = {**os.environ, "MLFLOW_TRACKING_URI": database}
    subprocess.run([python, "-c", PEER, str(PEER_RUNS)], env=own, check=True, stderr=subprocess.DEVNULL)
    command = [python, "-m", "mlflow", "ui", "--backend-store-uri", database, "--port", "5991"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            time.sleep(15)
            found = []
            for _ in range(REPEATS):
                page = _page(browser)
                there = "[...document.querySelectorAll('a')].filter(a => /run-[0-9]+/.test(a.innerText)).length > 5"
                found.append(_until(partial(page.goto, MLFLOW_RUNS, wait_until="commit"), page, there))
                page.close()
            return median(found)
        finally:
            process.terminate()


if __name__ == "__main__":
    main()
