"""The files of a run: their bytes, and a look into them, whatever somebody put there."""

from __future__ import annotations

import io
import time
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from runlake_ui.rendering.code import code_html, json_html
from runlake_ui.rendering.console import console_html
from runlake_ui.rendering.markdown import markdown_html
from runlake_ui.rendering.tables import table_html

import runlake
from paging import Asker

SECONDS = 8.0  # many times what it takes: a machine that does much else is slow
SCRIPT = "<script>alert(1)</script>"


def keeping(store: Path, **files: bytes | str) -> tuple[Asker, str]:
    """A server, and the address of a run that keeps these files; a name has `_dot_` and `__` for what no word has."""
    client = runlake.RunlakeClient(str(store))
    run = client.create_run("0", run_name="known")
    for name, content in files.items():
        data = content.encode() if isinstance(content, str) else content
        client.log_stream(run.info.run_id, io.BytesIO(data), name.replace("__", "/").replace("_dot_", "."))
    return Asker(store), run.info.run_id


def seen(store: Path, name: str, content: bytes | str) -> dict[str, Any]:
    """The look into one file, of which it must not take long."""
    asker, run_id = keeping(store, **{name: content})
    began = time.monotonic()
    answer = asker.ask("GET", f"/api/v1/runs/{run_id}/preview", params={"path": name.replace("__", "/").replace("_dot_", ".")})
    assert time.monotonic() - began < SECONDS
    found: dict[str, Any] = answer.json()
    return found


def parquet(table: pa.Table) -> bytes:
    """A table as a file."""
    sink = io.BytesIO()
    pq.write_table(table, sink)
    return sink.getvalue()


def test_files_are_listed_and_given_as_they_are(store: Path) -> None:
    """Under the headers that keep a browser from taking them for our own."""
    asker, run_id = keeping(store, a_dot_txt="text", folder__b_dot_bin=b"\0\1")

    assert asker.get(f"/runs/{run_id}/artifacts") == {"artifacts": [{"path": "a.txt", "size": 4}, {"path": "folder/b.bin", "size": 2}]}
    text, unknown = (asker.ask("GET", f"/api/v1/raw/{run_id}/{name}") for name in ("a.txt", "folder/b.bin"))
    assert (text.content, text.headers["content-type"]) == (b"text", "text/plain; charset=utf-8")
    assert text.headers["content-disposition"] == "inline; filename*=UTF-8''a.txt"
    assert (unknown.content, unknown.headers["content-type"]) == (b"\0\1", "application/octet-stream")
    assert unknown.headers["content-disposition"] == "attachment; filename*=UTF-8''b.bin"
    assert {answer.headers["x-content-type-options"] for answer in (text, unknown)} == {"nosniff"}
    assert asker.ask("GET", f"/api/v1/raw/{run_id}/a.txt?download=1").headers["content-disposition"].startswith("attachment")


@pytest.mark.parametrize("name", ["page.html", "picture.svg"])
def test_a_page_of_the_run_s_own_acts_for_nobody(store: Path, name: str) -> None:
    """It has no origin, and reaches nothing; only our own page frames it."""
    asker, run_id = keeping(store, **{name.replace(".", "_dot_"): SCRIPT})

    policy = asker.ask("GET", f"/api/v1/raw/{run_id}/{name}").headers["content-security-policy"].split("; ")

    assert {"sandbox allow-scripts", "default-src 'none'", "connect-src 'none'", "form-action 'none'", "frame-ancestors 'self'"} <= set(
        policy
    )


@pytest.mark.parametrize(
    ("asked", "status", "content", "part"),
    [
        ("bytes=2-4", 206, b"234", "bytes 2-4/10"),
        ("bytes=7-", 206, b"789", "bytes 7-9/10"),
        ("bytes=-2", 206, b"89", "bytes 8-9/10"),
        ("bytes=5-500", 206, b"56789", "bytes 5-9/10"),
        ("bytes=10-", 416, None, "bytes */10"),
        ("bytes=-0", 416, None, "bytes */10"),
        ("bytes=4-2", 200, b"0123456789", None),
        ("bytes=0-1,3-4", 200, b"0123456789", None),
        ("lines=1-2", 200, b"0123456789", None),
        (f"bytes={'9' * 30}-", 200, b"0123456789", None),
    ],
)
def test_a_part_of_a_file_is_given(store: Path, asked: str, status: int, content: bytes | None, part: str | None) -> None:
    """As players of films ask for them; what is no such part is as if all had been asked for."""
    asker, run_id = keeping(store, film_dot_mp4=b"0123456789")

    answer = asker.ask("GET", f"/api/v1/raw/{run_id}/film.mp4", headers={"range": asked})

    assert (answer.status_code, answer.headers.get("content-range")) == (status, part)
    assert content is None or answer.content == content


def test_a_large_file_is_given_in_pieces(store: Path) -> None:
    """Nobody reads all of it to give a part."""
    data = bytes(range(256)) * 80_000
    asker, run_id = keeping(store, film_dot_mp4=data)

    assert asker.ask("GET", f"/api/v1/raw/{run_id}/film.mp4").content == data
    assert asker.ask("GET", f"/api/v1/raw/{run_id}/film.mp4", headers={"range": "bytes=20000000-20000003"}).content == bytes(range(4))


@pytest.mark.parametrize(
    "path",
    ["../../../etc/passwd", "..%2f..%2fetc%2fpasswd", "%2e%2e/a.txt", "a.txt/", "/a.txt", "x\\..\\a.txt", "a.txt%00", "folder", "none"],
)
def test_nothing_but_the_run_s_own_files_is_given(store: Path, path: str) -> None:
    """Whatever a path looks like."""
    asker, run_id = keeping(store, a_dot_txt="text", folder__b_dot_txt="b")

    assert asker.ask("GET", f"/api/v1/raw/{run_id}/{path}").status_code in (404, 422)
    assert asker.ask("GET", f"/api/v1/runs/{run_id}/preview", params={"path": path}).status_code in (404, 422)


LOOKS: dict[str, tuple[bytes | str, str, str | None]] = {
    "picture_dot_png": (b"\x89PNG", "image", None),
    "sound_dot_wav": (b"RIFF", "audio", None),
    "film_dot_mp4": (b"\0", "video", None),
    "page_dot_html": (SCRIPT, "html", None),
    "nothing_dot_txt": ("", "empty", None),
    "bytes_dot_dat": (b"\0\1\2", "binary", None),
    "text_dot_dat": ("a <b>", "text", '<pre class="code"><code>a &lt;b&gt;</code></pre>'),
    "notes_dot_md": ("# a <b>", "markdown", '<div class="markdown"><h1>a &lt;b&gt;</h1>\n</div>'),
    "table_dot_csv": ("a;b\n1;<b>\n", "table", table_html(["a", "b"], [[1, "<b>"]])),
    "logged_dot_json": ('{"columns": ["a"], "data": [[null], ["<"]]}', "table", table_html(["a"], [[None], ["<"]])),
}


@pytest.mark.parametrize("name", LOOKS)
def test_a_look_into_a_file(store: Path, name: str) -> None:
    """By what its name says, or what is in it."""
    content, kind, html = LOOKS[name]

    found = seen(store, name, content)

    assert (found["kind"], found["html"], found["size"], found["is_cut"]) == (kind, html, len(content), False)
    assert found["raw"].startswith("/api/v1/raw/")
    assert found["raw"].endswith(name.replace("_dot_", "."))


def test_a_look_into_a_table_shows_its_beginning(store: Path) -> None:
    """And says how much there is of it."""
    table = pa.table({"n": range(2000), "text": pa.array(["<"] * 2000), "time": pa.array([2**62] * 2000, pa.timestamp("ns"))})

    found = seen(store, "t_dot_parquet", parquet(table))

    types = ["int64", "string", "timestamp[ns]"]
    assert found["stats"] == {"rows": 2000, "columns": 3, "shown_rows": 500, "shown_columns": 3, "types": types}
    assert (found["kind"], found["is_cut"], found["html"].count("<tr>"), "<td>&lt;</td>" in found["html"]) == ("table", True, 501, True)


LARGE: dict[str, bytes | str] = {
    "deep_dot_json": "[" * 10_000_000,
    "wide_dot_json": '{"a": "' + "\\" * 9_999_990,
    "plain_dot_json": '{"a":1.50,"b":[]}' * 600_000,
    "wide_dot_csv": ",".join(["x"] * 100_000) + "\n" + ",".join(["1"] * 100_000),
    "long_dot_csv": "a,b\n" * 2_000_000,
    "quoted_dot_csv": '"' * 3_000_000,
    "cut_dot_parquet": b"PAR1" + b"\xff" * 1000 + b"PAR1",
    "invalid_dot_txt": b"ab\xff" * 3,
    "escapes_dot_log": "\x1b[31m<" * 400_000,
    "links_dot_md": "[a](" * 250_000,
    "pictures_dot_md": "![" * 12_000,
    "program_dot_py": "'\\\n(" * 100_000,
}


@pytest.mark.parametrize("name", LARGE)
def test_a_look_into_a_file_that_is_large_or_hostile_is_short(store: Path, name: str) -> None:
    """It is cut where it would take long, and no tag comes of what was in it."""
    found = seen(store, name, LARGE[name])

    assert found["kind"] in ("json", "table", "text", "markdown", "binary")
    assert len(found["html"] or "") < 8_000_000


def test_a_table_with_very_many_columns_shows_some(store: Path) -> None:
    """A page has no room for more."""
    found = seen(store, "wide_dot_parquet", parquet(pa.table({f"c{n}": [n] for n in range(3000)})))

    assert (found["stats"]["columns"], found["stats"]["shown_columns"], found["is_cut"]) == (3000, 100, True)


def test_json_is_broken_into_lines_with_every_word_as_it_was() -> None:
    """Numbers keep their digits, and names that come twice stay."""
    text = '{"a":1.50,"a":[1e400,{}],"b":"x, [y]"}' + " " * 200

    lines = json_html(text)

    for tag in (
        "</span>",
        '<span class="hl-nt">',
        '<span class="hl-mf">',
        '<span class="hl-p">',
        '<span class="hl-s2">',
        '<span class="hl-mi">',
    ):
        lines = lines.replace(tag, "")
    assert lines.replace("&quot;", '"') == (
        '<pre class="code"><code>{\n  "a": 1.50,\n  "a": [\n    1e400,\n    {}\n  ],\n  "b": "x, [y]"\n}</code></pre>'
    )


@pytest.mark.parametrize(
    ("text", "html"),
    [
        (SCRIPT, "<p>&lt;script&gt;alert(1)&lt;/script&gt;</p>"),
        ("[a](javascript:alert(1))", "<p>[a](javascript:alert(1))</p>"),
        ("[a](JaVaScRiPt&colon;alert(1))", "<p>[a](JaVaScRiPt:alert(1))</p>"),
        ("[a](data:text/html,x)", "<p>[a](data:text/html,x)</p>"),
        ("[a](https://b)", '<p><a href="https://b" target="_blank" rel="noopener noreferrer nofollow">a</a></p>'),
        (
            '[a](https://b?"onclick=alert(1))',
            '<p><a href="https://b?%22onclick=alert(1)" target="_blank" rel="noopener noreferrer nofollow">a</a></p>',
        ),
        ("![a](https://b/c.png)", '<p><a href="https://b/c.png" target="_blank" rel="noopener noreferrer nofollow">a</a></p>'),
        ("![a](//b/c.png)", '<p><a href="//b/c.png" target="_blank" rel="noopener noreferrer nofollow">a</a></p>'),
        ("![a](../../c.png)", '<p><a href="../../c.png" target="_blank" rel="noopener noreferrer nofollow">a</a></p>'),
        ('![a"b](x/c.png)', '<p><img src="/raw/x/c.png" alt="a&quot;b" loading="lazy"></p>'),
        ("![](data:image/png;base64,AA==)", '<p><img src="data:image/png;base64,AA==" alt="" loading="lazy"></p>'),
        ("![](data:image/svg+xml;base64,AA==)", "<p>![](data:image/svg+xml;base64,AA==)</p>"),
        ('```py"><b>\nx=1\n```', '<pre class="code"><code>x=1\n</code></pre>'),
        ("`<b>`", "<p><code>&lt;b&gt;</code></p>"),
    ],
)
def test_markdown_makes_nothing_that_acts(text: str, html: str) -> None:
    """No HTML of its own, no links that run, no pictures from elsewhere."""
    assert markdown_html(text, "/raw") == f'<div class="markdown">{html}{"" if html.startswith("<pre") else chr(10)}</div>'


def test_what_is_shown_has_no_style_of_its_own() -> None:
    """The page's policy need not allow any."""
    assert '<th class="right">a</th>' in markdown_html("|a|\n|-:|\n|1|\n")
    assert "style" not in markdown_html("|a|\n|-:|\n|1|\n") + code_html("x = '<'", "python") + console_html("\x1b[38;2;250;0;0;48;5;21mx")


def test_notes_are_rendered_before_they_are_saved(store: Path) -> None:
    """Even where nothing is changed."""
    keeping(store)

    assert Asker(store, is_read_only=True).post("/markdown", {"text": "*a*"}) == {"html": '<div class="markdown"><p><em>a</em></p>\n</div>'}
    assert Asker(store).post("/markdown", {"text": 3})["status"] == 422
