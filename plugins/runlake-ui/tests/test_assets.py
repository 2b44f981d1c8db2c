"""The built page is sent whole, small, and only when it changed."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from runlake_ui import assets

from paging import API, Asker

SCRIPT = "console.log('hello')\n" * 100


@pytest.fixture
def built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A page as the build leaves it."""
    folder = tmp_path / "assets"
    (folder / "js").mkdir(parents=True)
    (folder / "index.html").write_text("<!doctype html><title>the page</title>", encoding="utf-8")
    (folder / "js" / "index-a1B2c3.js").write_text(SCRIPT, encoding="utf-8")
    (folder / "inter.woff2").write_bytes(b"\x00" * 2000)
    (tmp_path / "secret.js").write_text("hidden words", encoding="utf-8")
    monkeypatch.setattr(assets, "_folder", lambda: folder)
    return folder


@pytest.fixture
def asker(tmp_path: Path) -> Asker:
    """A server without a store."""
    return Asker(tmp_path / "lake")


@pytest.mark.parametrize("path", ["/", "/runs", "/runs/0123", "/e/0/compare"])
def test_every_address_of_the_page_is_the_page(built: Path, asker: Asker, path: str) -> None:
    """Which reads for itself where it is; it is asked for anew each time, and sent when it changed."""
    answer = asker.ask("GET", path)
    again = asker.ask("GET", path, headers={"if-none-match": answer.headers["etag"]})
    (built / "index.html").write_text("<!doctype html><title>another</title>", encoding="utf-8")
    changed = asker.ask("GET", path, headers={"if-none-match": answer.headers["etag"]})

    assert (answer.status_code, answer.headers["content-type"], answer.headers["cache-control"]) == (
        200,
        "text/html; charset=utf-8",
        "no-cache",
    )
    assert "the page" in answer.text
    assert (again.status_code, again.content) == (304, b"")
    assert (changed.status_code, "another" in changed.text) == (200, True)


def test_files_with_a_hash_are_kept_for_ever(built: Path, asker: Asker) -> None:
    """Another one has another name."""
    hashed, plain = asker.ask("GET", "/js/index-a1B2c3.js"), asker.ask("GET", "/inter.woff2")

    assert hashed.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert hashed.headers["content-type"].startswith("text/javascript")
    assert (plain.headers["cache-control"], plain.headers["content-type"]) == ("no-cache", "font/woff2")


def test_what_is_not_packed_already_is_sent_packed(built: Path, asker: Asker) -> None:
    """To whoever can unpack it."""
    packed = asker.ask("GET", "/js/index-a1B2c3.js", headers={"accept-encoding": "gzip"})
    plain = asker.ask("GET", "/js/index-a1B2c3.js", headers={"accept-encoding": "identity"})
    font = asker.ask("GET", "/inter.woff2", headers={"accept-encoding": "gzip"})

    assert packed.text == plain.text == SCRIPT
    assert (packed.headers["content-encoding"], packed.headers["content-length"]) == (
        "gzip",
        str(len(gzip.compress(SCRIPT.encode(), 9, mtime=0))),
    )
    assert "content-encoding" not in plain.headers
    assert "content-encoding" not in font.headers


@pytest.mark.parametrize("path", ["/none.js", "/js/../../secret.js", "/js/%2e%2e/%2e%2e/secret.js", "/js", f"{API[:4]}/none"])
def test_what_is_not_there_is_not_made_up(built: Path, asker: Asker, path: str) -> None:
    """A missing script is no page; nor is what stands beside the folder."""
    answer = asker.ask("GET", path)

    assert "hidden" not in answer.text
    assert answer.status_code == (200 if path == "/js" else 404)


def test_a_link_in_the_folder_leads_nowhere(built: Path, asker: Asker) -> None:
    """Where it would lead out."""
    (built / "out.js").symlink_to(built.parent / "secret.js")

    assert asker.ask("GET", "/out.js").status_code == 404


def test_a_page_that_was_not_built_says_how(tmp_path: Path, asker: Asker, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a checkout."""
    monkeypatch.setattr(assets, "_folder", lambda: tmp_path / "none")

    answer = asker.ask("GET", "/")

    assert (answer.status_code, "make page" in answer.text) == (200, True)
