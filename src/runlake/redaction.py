"""Secrets are taken out of what is about to be written, by what a value is called and by what it looks like.

What is not surely a secret stays: `pad_token`, `max_tokens`, a hash. Nothing is guessed from how random a text looks, and no hash of a
secret is kept, which could be tried out. The time is linear in the length of the text, whatever that is.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

__all__ = ["may_hold_secrets", "redacted", "redacted_arguments", "redacted_text"]

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

# A rule's pattern is tried where one of its words stands, and nowhere else: to find words takes a fortieth of the time. None has two
# parts that could share a text between them in more than one way.
_LOOKS = re.compile(
    r"""
      -----BEGIN[ ][A-Z ]{0,30}PRIVATE[ ]KEY(?:[ ]BLOCK)?-----(?:[A-Za-z0-9+/=\s\\:,.]|-(?!-))*
        (?:-----END[ ][A-Z ]{0,30}PRIVATE[ ]KEY(?:[ ]BLOCK)?-----)?
    | (?<![\w-])(?:
          sk-[\w-]{20,}
        | [sr]k_(?:live|test)_\w{16,}
        | whsec_[A-Za-z0-9]{24,}
        | hf_[A-Za-z0-9]{20,}
        | gh[pousr]_[A-Za-z0-9]{20,}
        | github_pat_\w{20,}
        | (?:AKIA|ASIA)[A-Z0-9]{16}(?![A-Z0-9])
        | xox[abeoprs]-[\w-]{10,}
        | AIza[\w-]{30,}
        | gl(?:pat|rt|dt|cbt|ptt|soat|agent|oas)-[\w-]{16,}
        | xapp-\d-[\w-]{16,}
        | shp(?:at|ca|pa|ss)_[0-9a-fA-F]{30,}
        | dckr_pat_[\w-]{20,}
        | hv[sb]\.[\w-]{20,}
        | sq0(?:atp|csp)-[\w-]{20,}
        | PMAK-[0-9a-f]{20,}-[0-9a-f]{30,}
        | (?:lin_api|ntn|r8|gsk|figd|tfp|pul|rdme|sntrys|fo1|nvapi|pplx|dapi|LTAI)[_-]?(?=[\w-]{0,80}\d)[A-Za-z0-9_-]{28,}
        | AGE-SECRET-KEY-1[A-Z0-9]{40,}
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
_PREFIXES = (
    "-----BEGIN sk- sk_ rk_ whsec_ hf_ ghp_ gho_ ghu_ ghs_ ghr_ github_pat_ AKIA ASIA xox AIza glpat- glrt- gldt- glcbt- glptt- glsoat- "
    "glagent- gloas- xapp- shpat_ shpca_ shppa_ shpss_ dckr_pat_ hvs. hvb. sq0atp- sq0csp- PMAK- lin_api ntn r8 gsk figd tfp pul rdme "
    "sntrys fo1 nvapi pplx dapi LTAI AGE-SECRET-KEY-1 npm_ pypi-AgE dop_v1_ ya29. SG. eyJ"
).split()
_BOT = re.compile(r"(?<![\w-])\d{8,10}:AA[\w-]{30,}")
_SLACK = re.compile(r"(?<=hooks\.slack\.com/services/)T\w{5,}/B\w{5,}/\w{16,}")
_DISCORD = re.compile(r"(?<=/api/webhooks/)\d{15,20}/[\w-]{30,}")
_IN_URL = re.compile(r"(?<=://)(?P<user>[^\s/@:'\"<]*)(?::(?P<password>[^\s/'\"]*))?@")
_QUERY = re.compile(
    r"(?i)(?<=[?&])(?P<name>(?:x-amz-)?(?:signature|credential|security-token)|sig|key|token|[a-z_-]{0,20}(?:token|secret|password|api_?key))"
    r"=(?P<value>[^\s&#'\"]+)"
)
_NAMED = re.compile(
    r"(?i)(?P<name>passw(?:or)?d|passphrase|pwd|secret|api[_-]?key|access[_-]?key|private[_-]?key|account[_-]?key"
    r"|(?:auth|access|refresh|bearer|session|id|api|hf|hub)[_-]?token|credentials?)"
    r"(?P<between>[\w-]{0,20}(?:\\{0,3}[\"'])?\s{0,3}(?:=>?|:)\s{0,3}(?:b?\\{0,3}[\"'])?)"
    r"(?P<value>(?<=\")(?:[^\"\\\r\n<]|\\[^\"\r\n])+|(?<=')(?:[^'\\\r\n<]|\\[^'\r\n])+|[^\s\"',;&<>(){}\[\]]{4,})"
)
# Words of a command line in a text: what comes after the option, or after the user's name.
_OPTION = re.compile(
    r"(?i)(?<=--)(?P<name>[a-z0-9_-]{0,20}?(?:passw(?:or)?d|passphrase|secret|api[_-]?key|access[_-]?key|private[_-]?key))"
    r"(?P<between>[ \t]{1,3}[\"']?)(?P<value>[^\s\"'-][^\s\"']{3,})"
)
_OPTION_TOKEN = re.compile(
    r"(?i)(?<=--)(?P<name>[a-z0-9_-]{0,20}?token)(?P<between>(?:[ \t]{1,3}|=)[\"']?)(?P<value>[A-Za-z0-9_.=+/~][\w\-.=+/~]{15,})"
)
_LOGIN = re.compile(r"(?i)(?P<name>\blogin\s{1,3}[^\s:]{1,64}\s{1,3}password)(?P<between>\s{1,3})(?P<value>\S{4,})")
_CURL = re.compile(r"(?P<name>\bcurl\b[^\r\n]{0,200}?\s(?:-u|--user)[ =][\"']?[^\s:\"']{1,64})(?P<between>:)(?P<value>[^\s\"']{4,})")
_HEADER = re.compile(
    r"(?i)\b(?P<name>(?:proxy-)?authorization|cookie|set-cookie)(?P<between>[\"']?\s{0,3}[:=]\s{0,3}[\"']?)(?P<value>[^\r\n\"']+)"
)
_BEARER = re.compile(r"(?i)\b(?P<name>bearer|basic)(?P<between>\s{1,3})(?P<value>[A-Za-z0-9_\-.=+/~]{16,})")
SHORTEST = 8  # of what could hold a name and a secret


def redacted(key: str, text: str) -> str:
    """The text that goes by this name, without its secrets."""
    words = [word.lower() for word in _WORD.findall(key)]
    if _is_secret(words, text):
        return _instead("key", text)
    return redacted_text(text)


def may_hold_secrets(text: str) -> bool:
    """Whether there is anything in it that secrets have, or are called."""
    if len(text) < SHORTEST:
        return False
    lowered = text.lower()
    return any(word in text for word in _EXACT_WORDS) or any(word in lowered for word in _BLIND_WORDS)


def redacted_text(text: str) -> str:
    """Any text, without what looks like a secret or is called one in it."""
    if not may_hold_secrets(text):
        return text
    for rule in _RULES:
        text = _applied(rule, text)
    return text


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


@dataclass(frozen=True)
class _Rule:
    """Where one of the words stands, a match of the pattern, so many letters from there, is replaced."""

    words: Sequence[str]
    pattern: re.Pattern[str]
    instead: Callable[[re.Match[str]], str]
    offsets: Sequence[int] = (0,)
    is_exact: bool = False  # capitals count


def _applied(rule: _Rule, text: str) -> str:
    searched = text if rule.is_exact else text.lower()
    if len(searched) != len(text):  # a few letters are longer as small ones
        return rule.pattern.sub(rule.instead, text)
    kept, end = [], 0
    for place in _places(rule, searched):
        found = rule.pattern.match(text, place) if place >= end else None
        if found:
            kept += [text[end:place], rule.instead(found)]
            end = found.end()
    return "".join([*kept, text[end:]]) if kept else text


def _places(rule: _Rule, searched: str) -> list[int]:
    starts: set[int] = set()
    for word in rule.words:
        start = searched.find(word)
        while start >= 0:
            starts.update(max(0, start + offset) for offset in rule.offsets)
            start = searched.find(word, start + 1)
    return sorted(starts)


def _as_value(found: re.Match[str]) -> str:
    return _instead("value", found[0])


def _as_query(found: re.Match[str]) -> str:
    return f"{found['name']}={_instead('url', found['value'])}"


_TOKENS_NAMED = [
    f"{kind}{between}token" for kind in "auth access refresh bearer session id api hf hub".split() for between in ("", "_", "-")
]
_KEYS_NAMED = [f"{kind}{between}key" for kind in ("api", "access", "private", "account") for between in ("", "_", "-")]
_NAMES = ["password", "passwd", "passphrase", "pwd", "secret", "credential", *_KEYS_NAMED, *_TOKENS_NAMED]

_RULES = (
    _Rule(_PREFIXES, _LOOKS, _as_value, is_exact=True),
    _Rule([":AA"], _BOT, _as_value, (-10, -9, -8), is_exact=True),
    _Rule(["hooks.slack.com/services/"], _SLACK, _as_value, (len("hooks.slack.com/services/"),), is_exact=True),
    _Rule(["/api/webhooks/"], _DISCORD, _as_value, (len("/api/webhooks/"),), is_exact=True),
    _Rule(["://"], _IN_URL, _without_user, (3,), is_exact=True),
    _Rule(["?", "&"], _QUERY, _as_query, (1,), is_exact=True),
    _Rule(["proxy-authorization", "authorization", "set-cookie", "cookie"], _HEADER, _named("header")),
    _Rule(["bearer", "basic"], _BEARER, _named("header")),
    _Rule(_NAMES, _NAMED, _named("named")),
    _Rule(["--"], _OPTION, _named("named"), (2,), is_exact=True),
    _Rule(["--"], _OPTION_TOKEN, _named("named"), (2,), is_exact=True),
    _Rule(["login"], _LOGIN, _named("named")),
    _Rule(["curl"], _CURL, _named("named")),
)
_EXACT_WORDS = tuple(dict.fromkeys(word for rule in _RULES if rule.is_exact for word in rule.words))
_BLIND_WORDS = tuple(dict.fromkeys(word for rule in _RULES if not rule.is_exact for word in rule.words))
