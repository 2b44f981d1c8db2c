"""One version of a table as its file holds it: whole, cut short by the loss of power, or damaged since.

Every version of ours says how many actions it has, and a digest of them: a bit that turned in a name or a number is told.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from typing import Any

__all__ = ["DIGEST", "Actions", "actions_of", "digest_of"]

Actions = list[dict[str, Any]]

DIGEST = "runlake.digest"

_TOLD = {"add": ("path", "size", "dataChange", "stats"), "remove": ("path", "dataChange"), "txn": ("appId", "version")}


def actions_of(data: bytes) -> Actions | None:
    """What a version does; None of one that was cut short, which nothing was built on. Raises ValueError for a damaged one."""
    if not data or data.endswith(b"\0") or b"\0" * 8 in data:
        return None
    *whole, last = [line for line in data.splitlines() if line] or [b""]
    actions = [json.loads(line) for line in whole]
    try:
        actions.append(json.loads(last))
    except ValueError as error:
        if _is_cut(last, error):
            return None
        raise
    info: dict[str, Any] = next((action["commitInfo"] for action in actions if "commitInfo" in action), {})
    if info.get("operation") == "CREATE TABLE" and len(actions) < 3:  # the protocol and the columns come with it
        return None
    said = str(info.get(DIGEST, ""))
    count, _, again = said.partition("-")
    if said and again.endswith(f"-{count}") and len(actions) - 1 < int(count):
        return None
    if said and digest_of(actions) != said:
        raise ValueError(f"its actions are not those of the digest {said}")
    return actions


def digest_of(actions: Iterable[dict[str, Any]]) -> str:
    """What a version says of its actions, in whatever order they are."""
    told = [[kind, *(action[kind].get(name) for name in names)] for action in actions for kind, names in _TOLD.items() if kind in action]
    whole = json.dumps(sorted(told, key=json.dumps)).encode()
    return f"{len(told)}-{hashlib.sha256(whole).hexdigest()[:32]}-{len(told)}"  # twice: a number that turned is no cut


def _is_cut(line: bytes, error: ValueError) -> bool:
    """Whether no more is wrong with it than that it ends too early."""
    if isinstance(error, UnicodeDecodeError):
        return error.reason == "unexpected end of data"
    if not isinstance(error, json.JSONDecodeError):
        return False
    rest = line.decode(errors="replace")[error.pos :]
    if error.msg.startswith("Unterminated string"):
        return "\\" in rest or not rest.endswith("}")  # only in what is told of columns are there braces, and quotes before them
    if error.msg.startswith("Invalid \\"):
        return '"' not in rest
    return any(word.startswith(rest) for word in ("true", "false", "null", "-"))
