"""Texts as HTML that nothing can hide in: Markdown, code, and what a terminal would show in colours.

Everything is escaped before a tag is put around it, and tags have classes alone: the page's policy allows no styles of their own.
"""

from __future__ import annotations

import html
import re
import time
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from pygments.formatters.html import HtmlFormatter  # type: ignore[import-untyped]  # it has no types
from pygments.lexers import get_lexer_by_name  # type: ignore[import-untyped]  # as above

__all__ = ["LANGUAGES", "Number", "code_html", "console_html", "json_html", "markdown_html", "table_html"]

MOST_COLOURED = 50_000  # letters that are given colours: a page has no room for more tags
COLOURING_SECONDS = 0.2
MOST_MARKDOWN = 25_000
MOST_PRINTED = 300_000
LONGEST_LINE = 1000  # letters: expressions that find the words of a language may take long over longer ones
MOST_TEXT = 1_000_000
MOST_CELL = 300

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

_LINKED = {"http", "https", "mailto", ""}
_PICTURE = re.compile(r"data:image/(?:png|gif|jpeg|webp);base64,[A-Za-z0-9+/=]*")


# Code


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


# Tables


class Number(str):
    """A number as it is written."""


def table_html(names: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """A table; numbers have the class `number`, and what is missing `none`."""
    head = "".join(f"<th>{html.escape(_cut(str(name)))}</th>" for name in names)
    body = "".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in rows)
    return f'<table class="table"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'


def _cell(value: Any) -> str:
    if value is None:
        return '<td class="none"></td>'
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        said = repr(value) if isinstance(value, float) else _whole(value)
        return f'<td class="number">{said}</td>'
    if isinstance(value, Number):
        return f'<td class="number">{html.escape(value)}</td>'
    return f"<td>{html.escape(_cut(value if isinstance(value, str) else repr(value)))}</td>"


def _whole(value: int) -> str:
    return str(value) if abs(value) < 1 << 128 else f"a whole number of {value.bit_length():,} bits"


def _cut(text: str) -> str:
    return text if len(text) <= MOST_CELL else f"{text[: MOST_CELL - 1]}…"


# Markdown


def markdown_html(text: str, place: str = "") -> str:
    """Markdown, with no HTML of its own; pictures come from `place`, which is the address of a folder, or from the text itself."""
    if len(text) > MOST_MARKDOWN:
        return code_html(text)
    return f'<div class="markdown">{_markdown().render(text, {"place": place})}</div>'


@lru_cache(maxsize=1)
def _markdown() -> MarkdownIt:
    made = MarkdownIt("commonmark", {"html": False, "linkify": False, "maxNesting": 20}, renderer_cls=_Renderer).enable(
        ["table", "strikethrough"]
    )
    made.validateLink = _is_link  # type: ignore[method-assign, assignment]  # as its authors say that it is done
    return made


def _is_link(address: str) -> bool:
    if _PICTURE.fullmatch(address):
        return True
    try:
        return urlsplit(address.strip()).scheme.lower() in _LINKED and not re.search(r"[\x00-\x20\\]", address)
    except ValueError:
        return False


class _Renderer(RendererHTML):
    """With classes where there were styles, and addresses as they may be."""

    def link_open(self, tokens: Sequence[Token], at: int, options: Any, env: Any) -> str:
        """A link that gives nothing away to where it leads."""
        address = str(tokens[at].attrs.get("href", ""))
        if address.startswith("data:"):
            address = ""
        outside = ' target="_blank" rel="noopener noreferrer nofollow"' if not address.startswith("#") else ""
        title = str(tokens[at].attrs.get("title", ""))
        return f'<a href="{html.escape(address)}"{_titled(title)}{outside}>'

    def image(self, tokens: Sequence[Token], at: int, options: Any, env: Any) -> str:
        """A picture that is at hand; of another one a link."""
        token = tokens[at]
        address, said = str(token.attrs.get("src", "")), self.renderInlineAsText(token.children, options, env)
        title = str(token.attrs.get("title", ""))
        source = address if _PICTURE.fullmatch(address) else _below(str(env.get("place", "")), address)
        if source is not None:
            return f'<img src="{html.escape(source)}" alt="{html.escape(said)}"{_titled(title)} loading="lazy">'
        return f'<a href="{html.escape(address)}" target="_blank" rel="noopener noreferrer nofollow">{html.escape(said or address)}</a>'

    def fence(self, tokens: Sequence[Token], at: int, options: Any, env: Any) -> str:
        """Code in the language that it is said to be in."""
        name = (tokens[at].info or "").strip().split(" ")[0].lower()
        return code_html(tokens[at].content, LANGUAGES.get(name, name))

    def code_block(self, tokens: Sequence[Token], at: int, options: Any, env: Any) -> str:
        """Code that is only indented."""
        return code_html(tokens[at].content)

    def th_open(self, tokens: Sequence[Token], at: int, options: Any, env: Any) -> str:
        """A title over a column."""
        return _aligned("th", tokens[at])

    def td_open(self, tokens: Sequence[Token], at: int, options: Any, env: Any) -> str:
        """A cell."""
        return _aligned("td", tokens[at])


def _titled(title: str) -> str:
    return f' title="{html.escape(title)}"' if title else ""


def _aligned(tag: str, token: Token) -> str:
    side = str(token.attrs.get("style", "")).removeprefix("text-align:")
    return f'<{tag} class="{side}">' if side in ("left", "right", "center") else f"<{tag}>"


def _below(place: str, address: str) -> str | None:
    """The address of a picture in a folder; None for one from elsewhere."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return None
    segments = [unquote(each) for each in parts.path.split("/") if each not in ("", ".")]
    is_apart = parts.scheme or parts.netloc or address.startswith(("/", "\\", "#", "?"))
    if is_apart or not place or not segments or any(each == ".." or re.search(r"[/\\\x00]", each) for each in segments):
        return None
    return place.rstrip("/") + "/" + "/".join(quote(each, safe="") for each in segments)


# What a terminal shows

_ESCAPE = re.compile(r"\x1b\[([0-9;:]{0,64})m|\x1b\[[0-?]{0,64}[ -/]{0,8}[@-~]|\x1b\][^\x07\x1b]{0,4096}(?:\x07|\x1b\\)|\x1b[@-Z\\-_]|\x1b")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_COLOURS = ("black", "red", "green", "yellow", "blue", "magenta", "cyan", "white")
_MARKS = {1: "bold", 2: "dim", 3: "italic", 4: "underline", 7: "reverse", 9: "strike"}
_OFF = {21: ("bold",), 22: ("bold", "dim"), 23: ("italic",), 24: ("underline",), 27: ("reverse",), 29: ("strike",)}


def console_html(text: str) -> str:
    """What was printed, its colours and weights as spans with the classes `ansi-red`, `ansi-on-red`, `ansi-bold` and the like."""
    shown = text[-MOST_PRINTED:].replace("\r\n", "\n")
    return f'<pre class="log">{"".join(_spans(_redrawn(shown)))}</pre>'


def _redrawn(text: str) -> str:
    """With lines as they were in the end that were written several times, as bars of progress are."""
    return "\n".join(line.rstrip("\r").rpartition("\r")[2] if "\r" in line else line for line in text.split("\n"))


def _spans(text: str) -> Iterator[str]:
    style: dict[str, str] = {}
    done = 0
    for found in _ESCAPE.finditer(text):
        yield _span(text[done : found.start()], style)
        done = found.end()
        if found[1] is not None:
            _set(style, found[1])
    yield _span(text[done:], style)


def _span(text: str, style: dict[str, str]) -> str:
    escaped = html.escape(_CONTROL.sub("", text))
    return f'<span class="{" ".join(style.values())}">{escaped}</span>' if style and escaped else escaped


def _set(style: dict[str, str], said: str) -> None:
    numbers = [int(each[:4]) if each else 0 for each in re.split("[;:]", said)]
    rest = iter(numbers)
    for number in rest:
        if number == 0:
            style.clear()
        elif number in _MARKS:
            style[_MARKS[number]] = f"ansi-{_MARKS[number]}"
        elif number in _OFF:
            for mark in _OFF[number]:
                style.pop(mark, None)
        elif number in (38, 48):
            _colour(style, "" if number == 38 else "on-", _named(rest))
        elif number in (39, 49):
            style.pop("colour" if number == 39 else "on-colour", None)
        else:
            _plain_colour(style, number)


def _plain_colour(style: dict[str, str], number: int) -> None:
    for first, under, kind in ((30, "", ""), (40, "on-", ""), (90, "", "bright-"), (100, "on-", "bright-")):
        if first <= number < first + 8:
            _colour(style, under, kind + _COLOURS[number - first])


def _colour(style: dict[str, str], under: str, name: str) -> None:
    if name:
        style[f"{under}colour"] = f"ansi-{under}{name}"


def _named(rest: Iterator[int]) -> str:
    """The nearest of the sixteen colours that have names."""
    how = next(rest, 0)
    if how == 5:
        number = next(rest, 0)
        if number < 16:
            return ("bright-" if number > 7 else "") + _COLOURS[number % 8]
        if number >= 232:
            return _nearest(*[(number - 232) * 10 + 8] * 3)
        place = number - 16
        return _nearest(place // 36 * 51, place // 6 % 6 * 51, place % 6 * 51)
    if how == 2:
        return _nearest(next(rest, 0), next(rest, 0), next(rest, 0))
    return ""


def _nearest(red: int, green: int, blue: int) -> str:
    bits = sum(1 << place for place, part in enumerate((red, green, blue)) if part > 100)
    return ("bright-" if max(red, green, blue) > 200 and bits else "") + _COLOURS[bits]
