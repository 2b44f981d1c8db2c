"""Code and JSON, their words in colours."""

from __future__ import annotations

import html
import re
import time
from functools import lru_cache
from typing import Any

from pygments.formatters.html import HtmlFormatter  # type: ignore[import-untyped]  # it has no types
from pygments.lexers import get_lexer_by_name  # type: ignore[import-untyped]  # as above

__all__ = ["LANGUAGES", "code_html", "json_html"]

MOST_COLOURED = 50_000  # letters that are given colours: a page has no room for more tags
COLOURING_SECONDS = 0.2
LONGEST_LINE = 1000  # letters: expressions that find the words of a language may take long over longer ones
MOST_TEXT = 1_000_000

LANGUAGES = {
    "py": "python",
    "pyi": "python",
    "ipynb": "json",
    "json": "json",
    "jsonl": "json",
    "yaml": "yaml",
    "yml": "yaml",
    "toml": "toml",
    "ini": "ini",
    "cfg": "ini",
    "diff": "diff",
    "patch": "diff",
    "sh": "bash",
    "bash": "bash",
    "sql": "sql",
    "html": "html",
    "xml": "xml",
    "css": "css",
    "js": "javascript",
    "ts": "typescript",
    "c": "c",
    "h": "c",
    "cpp": "cpp",
    "rs": "rust",
    "go": "go",
    "java": "java",
    "jl": "julia",
    "r": "r",
}


def code_html(text: str, language: str = "") -> str:
    """Code in `<pre class="code">`, its words in spans with the classes that pygments has for them, behind `hl-`."""
    return f'<pre class="code"><code>{_coloured(_plain(text[:MOST_TEXT]), language)}</code></pre>'


def _plain(text: str) -> str:
    """With the ends of lines that everything below counts on."""
    return text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")


def _coloured(text: str, language: str) -> str:
    shown = text[:MOST_COLOURED]
    if language not in LANGUAGES.values() or any(len(line) > LONGEST_LINE for line in shown.split("\n")):
        return html.escape(text)
    cut = shown if len(shown) == len(text) else shown[: shown.rfind("\n") + 1]
    pieces: list[str] = []
    n_done, until = 0, time.monotonic() + COLOURING_SECONDS
    for kind, said in get_lexer_by_name(language, stripnl=False, ensurenl=False).get_tokens(cut):
        name, escaped = _class_of(kind), html.escape(said)
        pieces.append(f'<span class="hl-{name}">{escaped}</span>' if name else escaped)
        n_done += len(said)
        if time.monotonic() > until:
            break
    return "".join(pieces) + html.escape(text[n_done:])


@lru_cache(maxsize=1000)
def _class_of(kind: Any) -> str:
    found: str = HtmlFormatter()._get_css_class(kind)
    return found if re.fullmatch(r"[a-z0-9]+", found) and found != "w" else ""


_JSON = re.compile(r'"(?:[^"\\]++|\\.)*+"?|[\[\]{},:]|[^\s\[\]{},:"]+', re.DOTALL)
_DEEPEST = 40  # that an indent grows


def json_html(text: str) -> str:
    """JSON as code; what came in few long lines is broken into lines, with every word of it as it was."""
    text = text[:MOST_TEXT]
    lines = text.split("\n", 3)
    if max(map(len, lines), default=0) > 200 and len(lines) < 4:
        text = _in_lines(text[: 2 * MOST_COLOURED])
    return code_html(text, "json")


def _in_lines(text: str) -> str:
    pieces: list[str] = []
    depth, is_new = 0, False
    for word in _JSON.findall(text):
        if word in "]}":
            depth -= 1
            if not is_new:
                pieces.append(_line(depth))
        elif is_new:
            pieces.append(_line(depth))
        is_new = word in "[{"
        depth += is_new
        pieces.append(": " if word == ":" else word)
        if word == ",":
            pieces.append(_line(depth))
    return "".join(pieces)


def _line(depth: int) -> str:
    return "\n" + "  " * min(max(depth, 0), _DEEPEST)
