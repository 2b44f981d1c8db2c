"""What stands in the body of a request, of the kind that it must be."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from runlake_ui.answers import Problem

__all__ = ["names_in", "number_in", "real_in", "text_in", "truth_in"]

LARGEST = 2**1000


def text_in(body: Mapping[str, Any], name: str, default: str = "") -> str:
    """A text. Raises Problem."""
    found = body.get(name)
    if found is None:
        return default
    if not isinstance(found, str):
        raise Problem(422, f"{name!r} is a text, not {found!r:.80}.")
    return found


def truth_in(body: Mapping[str, Any], name: str) -> bool:
    """True or false. Raises Problem."""
    found = body.get(name)
    if found is None or isinstance(found, bool):
        return bool(found)
    raise Problem(422, f"{name!r} is true or false, not {found!r:.80}.")


def number_in(body: Mapping[str, Any], name: str, default: int, least: int, most: int) -> int:
    """A whole number. Raises Problem."""
    found = body.get(name)
    if found is None:
        return default
    is_number = isinstance(found, (int, float)) and not isinstance(found, bool)
    if not is_number or not least <= found <= most or int(found) != found:
        raise Problem(422, f"{name!r} is a whole number from {least:,} to {most:,}, not {found!r:.80}.")
    return int(found)


def real_in(body: Mapping[str, Any], name: str, default: float) -> float:
    """A number. Raises Problem."""
    found = body.get(name)
    if found is None:
        return default
    if isinstance(found, bool) or not isinstance(found, (int, float)):
        raise Problem(422, f"{name!r} is a number, not {found!r:.80}.")
    return float(min(max(found, -LARGEST), LARGEST))  # a whole number may be larger than any float


def names_in(body: Mapping[str, Any], name: str, most: int) -> tuple[str, ...] | None:
    """Texts; None where none are said. Raises Problem."""
    found = body.get(name)
    if found is None:
        return None
    if not isinstance(found, list) or not all(isinstance(each, str) for each in found):
        raise Problem(422, f"{name!r} is a list of texts, not {found!r:.80}.")
    if len(found) > most:
        raise Problem(422, f"{name!r} has at most {most:,} texts, not {len(found):,}.")
    return tuple(found)
