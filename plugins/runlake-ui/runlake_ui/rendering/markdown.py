"""Markdown, with no HTML of its own, and no picture from elsewhere."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token

from runlake_ui.rendering.code import LANGUAGES, code_html

__all__ = ["markdown_html"]

MOST_MARKDOWN = 25_000

_LINKED = {"http", "https", "mailto", ""}
_PICTURE = re.compile(r"data:image/(?:png|gif|jpeg|webp);base64,[A-Za-z0-9+/=]*")


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
