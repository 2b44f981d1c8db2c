"""What autologging changed: only what is the same in both runs without it can say so."""

from __future__ import annotations

import difflib
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import runlake
from runlake.verify.running import Observed, named_signal

__all__ = ["Finding", "Verdict", "compared"]

MOST_LINES = 10  # of a text that differs
MOST_NAMES = 5

_ADDRESS = re.compile(r"\b0x[0-9a-fA-F]{6,}\b")
_NUMBER = re.compile(r"\d+(\.\d+)?(e[+-]?\d+)?")


class Verdict(StrEnum):
    """What comes of a comparison."""

    SAME = "same"
    DIFFERS = "differs"
    BY_ITSELF = "differs by itself"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Finding:
    """One thing that was compared; `lines` show a difference."""

    about: str
    verdict: Verdict
    what: str
    lines: tuple[str, ...] = ()


def compared(first: Observed, second: Observed, recorded: Observed) -> list[Finding]:
    """The exit, what was printed, the random generators and the models; two runs without autolog, and one with it."""
    three = (first, second, recorded)
    ours = (recorded.report or {}).get("ours", [])
    return [
        _exit(*(run.exit_code for run in three)),
        _text("stdout", *(run.stdout for run in three)),
        _text("stderr", *(_without_ours(run.stderr, ours) for run in three)),
        *_told(*(run.report for run in three)),
    ]


def _exit(first: int, second: int, recorded: int) -> Finding:
    if first != second:
        return Finding("exit", Verdict.BY_ITSELF, f"differs by itself: {first}, {second}, with autolog {recorded}")
    if first != recorded:
        return Finding("exit", Verdict.DIFFERS, f"{first} without autolog, {named_signal(recorded) or recorded} with it")
    return Finding("exit", Verdict.SAME, str(first))


def _text(about: str, first: str, second: str, recorded: str) -> Finding:
    lines, again, now = (_ADDRESS.sub("0x...", text).splitlines() for text in (first, second, recorded))
    if lines != again:
        bones = [[_NUMBER.sub("#", line) for line in each] for each in (lines, again, now)]
        is_alike = bones[0] == bones[1] == bones[2]
        return Finding(about, Verdict.BY_ITSELF, f"differs by itself{', in numbers alone, all three times' if is_alike else ''}")
    if lines != now:
        shown = [line for line in difflib.unified_diff(lines, now, n=1, lineterm="") if not line.startswith(("---", "+++", "@@"))]
        return Finding(about, Verdict.DIFFERS, "- without autolog, + with it", tuple(shown[:MOST_LINES]))
    return Finding(about, Verdict.SAME, f"{len(lines)} lines" if len(lines) != 1 else "1 line")


def _without_ours(text: str, places: Sequence[str]) -> str:
    """Without the frames of wrappers, which a traceback of the program alone does not have."""
    folders = "|".join(re.escape(place) for place in places or [str(Path(runlake.__file__).parent)])
    return re.sub(rf'  File "(?:{folders})[/\\][^"]*", line .*\n(?:    .*\n)*', "", text)


def _told(first: Mapping[str, Any] | None, second: Mapping[str, Any] | None, recorded: Mapping[str, Any] | None) -> list[Finding]:
    """What is known from the end of each run."""
    if first is None or second is None:
        return [Finding("end", Verdict.UNKNOWN, "not seen, so of random generators and models nothing is known: os._exit, or no Python")]
    if recorded is None:
        return [Finding("end", Verdict.DIFFERS, "seen without autolog, not seen with it")]
    findings = [_generators(first["states"], second["states"], recorded["states"]), _models(first, second, recorded)]
    if first["is_recorded"]:
        findings.append(Finding("alone", Verdict.UNKNOWN, "the program turns on plugins by name, so it was never without autolog"))
    return findings


def _generators(first: Mapping[str, str], second: Mapping[str, str], recorded: Mapping[str, str]) -> Finding:
    if not first.keys() & second.keys():
        return Finding("random", Verdict.SAME, "no generator was imported")
    return _digests("random", first, second, {name: recorded.get(name) for name in first}, "in the same state", "not seeded")


def _models(first: Mapping[str, Any], second: Mapping[str, Any], recorded: Mapping[str, Any]) -> Finding:
    before, again, now = (_by_place(report["models"]) for report in (first, second, recorded))
    has_stopped = any(report["has_stopped"] for report in (first, second, recorded))
    if has_stopped:  # they may have looked for different times
        before = {place: digest for place, digest in before.items() if place in again and place in now}
    if not before.keys() & again.keys():
        looked = ", before it made too many calls to be watched on" if has_stopped else ""
        return Finding("models", Verdict.UNKNOWN, f"none was seen, neither a global of the program nor local to a function of it{looked}")
    known = {place for place in before if before[place] is not None or again.get(place) is not None}
    if not known:
        return Finding("models", Verdict.UNKNOWN, f"no plugin has a digest of {_listed(before)}")
    of_each = {place: digest for place, digest in before.items() if place in known}
    return _digests("models", of_each, again, {place: now.get(place) for place in known}, "compared bit for bit", "as they were trained")


def _by_place(models: Iterable[Sequence[Any]]) -> dict[str, str | None]:
    """Digests by variable and class; of two with both the order of first sight tells which is which."""
    counts: Counter[str] = Counter()
    found: dict[str, str | None] = {}
    for name, kind, digest in models:
        place = f"{name} ({kind.rpartition('.')[2]})"
        counts[place] += 1
        found[place if counts[place] == 1 else f"{place} {counts[place]}"] = digest
    return found


def _digests(about: str, first: Mapping[str, Any], second: Mapping[str, Any], recorded: Mapping[str, Any], same: str, why: str) -> Finding:
    comparable = [name for name in first if first[name] == second.get(name)]
    changed = [name for name in comparable if recorded[name] != first[name]]
    own = [name for name in first if name not in comparable]
    if changed:
        return Finding(about, Verdict.DIFFERS, f"changed: {_listed(changed)}")
    beside = f"; {_listed(own)} differ by themselves" if own else ""
    if not comparable:
        return Finding(about, Verdict.BY_ITSELF, f"{_listed(own)} differ by themselves, {why}")
    return Finding(about, Verdict.SAME, f"{len(comparable)} {same}: {_listed(comparable)}{beside}")


def _listed(names: Iterable[str]) -> str:
    every = list(names)
    rest = f" and {len(every) - MOST_NAMES} more" if len(every) > MOST_NAMES else ""
    return f"{', '.join(every[:MOST_NAMES])}{rest}"
