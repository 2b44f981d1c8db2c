"""The one rule for the names of artifacts: no name reaches outside its run, on any system."""

from __future__ import annotations

import re
import unicodedata
from pathlib import PurePosixPath

from runlake.errors import InvalidValue

__all__ = ["checked_name"]

MAX_SEGMENT_BYTES = 255
MAX_DEPTH = 32

_FORBIDDEN = re.compile(r"[\x00-\x1f\x7f\\:]")
_DEVICES = re.compile(r"(?i)(con|prn|aux|nul|com\d|lpt\d)(\..*)?")


def checked_name(name: str) -> PurePosixPath:
    """The name, if each of its segments is one. Raises InvalidValue."""
    if not isinstance(name, str):
        raise InvalidValue(f"An artifact's name is a relative path such as 'plots/loss.png', not {name!r}.")
    segments = unicodedata.normalize("NFC", name).split("/")  # some systems list names decomposed
    for segment in segments:
        if reason := _wrong_with(segment):
            raise InvalidValue(f"An artifact's name is a relative path such as 'plots/loss.png'; in {name!r} {segment!r} {reason}.")
    if len(segments) > MAX_DEPTH:
        raise InvalidValue(f"An artifact's relative path has at most {MAX_DEPTH} parts; {name[:60]!r}... has {len(segments)}.")
    return PurePosixPath(*segments)


def _wrong_with(segment: str) -> str | None:
    if not segment:
        return "is empty"
    if segment in (".", ".."):
        return "leads elsewhere"
    if _FORBIDDEN.search(segment):
        return "holds a backslash, a colon or a control character"
    if segment[-1] in ". ":
        return "ends with a dot or a space, which some systems drop"
    if _DEVICES.fullmatch(segment):
        return "is a device on some systems"
    if len(segment.encode("utf-8", "surrogatepass")) > MAX_SEGMENT_BYTES:
        return f"has more than {MAX_SEGMENT_BYTES} bytes"
    if any("\ud800" <= letter <= "\udfff" for letter in segment):
        return "is no valid Unicode"
    return None
