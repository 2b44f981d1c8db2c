"""Secrets are taken out of what is about to be written, by what a value is called and by what it looks like.

What is not surely a secret stays: `pad_token`, `max_tokens`, a hash. Nothing is guessed from how random a text looks, and no hash of a
secret is kept, which could be tried out. The time is linear in the length of the text, whatever that is.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from itertools import pairwise

__all__ = ["redacted", "redacted_arguments", "redacted_text"]

_SURE = {
    "password",
    "passwd",
    "pwd",
    "passphrase",
    "secret",
    "secrets",
    "apikey",
    "credential",
    "credentials",
    "authorization",
    "cookie",
    "bearer",
}
_PAIRS = {("api", "key"), ("access", "key"), ("private", "key"), ("secret", "key"), ("account", "key"), ("session", "id"), ("auth", "key")}
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_TOKEN = re.compile(r"[A-Za-z0-9_\-.=+/~]{16,}")
_HARMLESS = {"", "none", "null", "nan", "true", "false", "yes", "no", "on", "off", "auto", "default", "required", "optional"}

# Each begins where a word does, and has no two parts that could share a text between them in more than one way.
_LOOKS = re.compile(
    r"""
      -----BEGIN[ ][A-Z ]{0,30}PRIVATE[ ]KEY-----(?:[A-Za-z0-9+/=\s\\:,.]|-(?!-))*(?:-----END[ ][A-Z ]{0,30}PRIVATE[ ]KEY-----)?
    | (?<![\w-])(?:
          sk-[\w-]{20,}
        | [sr]k_(?:live|test)_\w{16,}
        | hf_[A-Za-z0-9]{20,}
        | gh[pousr]_[A-Za-z0-9]{20,}
        | github_pat_\w{20,}
        | (?:AKIA|ASIA)[A-Z0-9]{16}(?![A-Z0-9])
        | xox[abeoprs]-[\w-]{10,}
        | AIza[\w-]{30,}
        | glpat-[\w-]{16,}
        | npm_[A-Za-z0-9]{30,}
        | pypi-AgE[\w-]{20,}
        | dop_v1_[0-9a-f]{30,}
        | ya29\.[\w-]{20,}
        | SG\.[\w-]{16,}\.[\w-]{16,}
        | eyJ[\w-]{5,}\.[\w-]{5,}\.[\w-]{5,}
      )
    """,
    re.VERBOSE,
)
_IN_URL = re.compile(r"(?<=://)(?P<user>[^\s/@:'\"<]*)(?::(?P<password>[^\s/@'\"]*))?@")
_QUERY = re.compile(
    r"(?i)(?<=[?&])(?P<name>(?:x-amz-)?(?:signature|credential|security-token)|sig|key|token|[a-z_-]{0,20}(?:token|secret|password|api_?key))"
    r"=(?P<value>[^\s&#'\"]+)"
)
_NAMED = re.compile(
    r"(?i)(?P<name>passw(?:or)?d|passphrase|pwd|secret|api[_-]?key|access[_-]?key|private[_-]?key|account[_-]?key"
    r"|(?:auth|access|refresh|bearer|session|id|api|hf|hub)[_-]?token|credentials?)"
    r"(?P<between>[\w-]{0,20}[\"']?\s{0,3}(?:=|:)\s{0,3}[\"']?)(?P<value>[^\s\"',;&<>(){}\[\]]{4,})"
)
_HEADER = re.compile(
    r"(?i)\b(?P<name>(?:proxy-)?authorization|cookie|set-cookie)(?P<between>[\"']?\s{0,3}[:=]\s{0,3}[\"']?)(?P<value>[^\r\n\"']+)"
)
_BEARER = re.compile(r"(?i)\b(?P<name>bearer|basic)(?P<between>\s{1,3})(?P<value>[A-Za-z0-9_\-.=+/~]{16,})")
_WORTH_A_LOOK = re.compile(
    r"(?i)://|-----begin|passw|passph|pwd|secret|key|token|credential|authoriz|cookie|bearer|basic|sig|sk-|[sr]k_|hf_|gh[pousr]_|github_pat"
    r"|akia|asia|xox|aiza|glpat|npm_|pypi-|dop_v1|ya29|sg\.|eyj"
)


def redacted(key: str, text: str) -> str:
    """The text that goes by this name, without its secrets."""
    words = [word.lower() for word in _WORD.findall(key)]
    if _is_secret(words, text):
        return _instead("key", text)
    return redacted_text(text)


def redacted_text(text: str) -> str:
    """Any text, without what looks like a secret or is called one in it."""
    if not _WORTH_A_LOOK.search(text):
        return text
    text = _LOOKS.sub(lambda found: _instead("value", found[0]), text)
    text = _IN_URL.sub(_without_user, text)
    text = _QUERY.sub(lambda found: f"{found['name']}={_instead('url', found['value'])}", text)
    for pattern in (_HEADER, _BEARER):
        text = pattern.sub(_named("header"), text)
    return _NAMED.sub(_named("named"), text)


def redacted_arguments(arguments: Sequence[str]) -> list[str]:
    """A command line; the word after an option that is called a secret is one."""
    found: list[str] = []
    before = ""
    for argument in arguments:
        option = before.lstrip("-") if before.startswith("-") and "=" not in before else ""
        found.append(redacted(option, argument) if option and not argument.startswith("-") else _of_option(argument))
        before = argument
    return found


def _of_option(argument: str) -> str:
    name, equals, value = argument.partition("=")
    return f"{name}={redacted(name.lstrip('-'), value)}" if equals and not name.count("/") else redacted_text(argument)


def _is_secret(words: Sequence[str], text: str) -> bool:
    if not words or text.strip().lower() in _HARMLESS:
        return False
    if words[-1] == "token":
        return _TOKEN.fullmatch(text) is not None
    is_named = not _SURE.isdisjoint(words) or any(pair in _PAIRS for pair in pairwise(words))
    # How many there are, or how long one is, is no secret; a password may be a number.
    return is_named and (not _is_number(text) or words[-1] in _SURE)


def _is_number(text: str) -> bool:
    return len(text) < 32 and text.replace(".", "", 1).lstrip("-").isdigit()


def _instead(rule: str, secret: str) -> str:
    return secret if secret.startswith("<redacted:") else f"<redacted:{rule}:{len(secret)}>"


def _named(rule: str) -> Callable[[re.Match[str]], str]:
    def without(found: re.Match[str]) -> str:
        value = found["value"]
        is_harmless = value.lower().rstrip(".") in _HARMLESS or _is_number(value)
        return found[0] if is_harmless else f"{found['name']}{found['between']}{_instead(rule, value)}"

    return without


def _without_user(found: re.Match[str]) -> str:
    """A user's name stays where a password comes with it; alone it may be a token."""
    user, password = found["user"], found["password"]
    if password is None:
        return f"{_instead('url', user)}@" if _TOKEN.fullmatch(user) else found[0]
    return f"{user}:{_instead('url', password)}@" if password else found[0]
