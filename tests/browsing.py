"""The page as people see it: `runlake ui` in a process of its own, and Debian's Chromium, driven by Playwright."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from conftest import lacking

CHROMIUM = Path("/usr/bin/chromium")
AXE = Path(__file__).parent.parent / "plugins/runlake-ui/web/node_modules/axe-core/axe.min.js"
# The first as root; the others keep it from asking the network for things of its own.
QUIET = "--no-sandbox --disable-gpu --disable-background-networking --disable-component-update --disable-sync --no-first-run --disable-quic"

# What is refused as it should be: a filter that is half typed, and what a page among the artifacts asks for.
REFUSED = ("status of 422", "connect-src 'none'", "it violates the document's Content Security Policy")

Open = Callable[..., Page]


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """One browser for all tests of a process."""
    if not CHROMIUM.exists():
        lacking("browser")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=QUIET.split())
        yield browser
        browser.close()


@contextmanager
def served(lake: Path, *words: str) -> Iterator[str]:
    """The link that `runlake ui` prints for a store, on a free port."""
    command = [sys.executable, "-m", "runlake", "ui", "--store", str(lake), "--port", "0", "--no-browser", *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.terminate()
            process.stdout.read()


@pytest.fixture
def opened(chromium: Browser) -> Iterator[Open]:
    """Open a link. Whatever the page complains of fails the test, and so does whatever it asks of anybody but its server."""
    complaints: list[str] = []
    with ExitStack() as stack:

        def open_link(link: str, **how: Any) -> Page:
            context = chromium.new_context(**{"viewport": {"width": 1440, "height": 820}, "reduced_motion": "reduce", **how})
            stack.callback(context.close)
            context.set_default_timeout(15_000)
            page = context.new_page()
            home = urlsplit(link).netloc
            page.on(
                "console",
                lambda said: complaints.append(said.text) if _is_complaint(said.type, said.text) else None,
            )
            page.on("pageerror", lambda error: complaints.append(str(error)))
            page.on("request", lambda asked: complaints.append(f"asked {asked.url}") if _is_foreign(asked.url, home) else None)
            page.goto(link)
            return page

        yield open_link
        if complaints:
            pytest.fail("\n".join(["The page complained:", *complaints]))


def _is_complaint(kind: str, text: str) -> bool:
    return kind in ("error", "warning") and not any(each in text for each in REFUSED)


def _is_foreign(url: str, home: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme not in ("data", "blob", "about") and parts.netloc != home


def unfit(page: Page) -> list[str]:
    """What axe finds in a page that keeps somebody from using it."""
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    grave = [each for each in found["violations"] if each["impact"] in ("serious", "critical")]
    return [f"{each['id']}: {node['html'][:200]} {node.get('failureSummary', '')[:300]}" for each in grave for node in each["nodes"][:3]]
