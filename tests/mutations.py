"""Files with something changed in them, read in child processes: a crash ends a child, and the case that it had begun is named."""

from __future__ import annotations

import contextlib
import copy
import faulthandler
import json
import os
import random
import re
import resource
import signal
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

import runlake

__all__ = [
    "Case",
    "as_json",
    "as_text",
    "attack",
    "changed_bytes",
    "changed_json",
    "changed_numbers",
    "changed_tensors",
    "died",
    "files_of",
    "mutation_tests",
    "tensors_file",
    "use",
]

Files = Mapping[str, bytes]
Case = tuple[Callable[[], Files], str, Callable[[bytes, random.Random], bytes]]  # of the files of a model one, and how it is changed

HOSTILE: list[Any] = [10**9, -1, 0, 1, 2**31, 2**63, -(2**63), 10**400, 0.5, 1e308, True, None, "os:system", "", [], {}, [[]], "1", -7]
NUMBERS = ["1000000000", "-1", "0", "2147483648", "-2147483648", "9223372036854775807", "1e308", "nan", "inf", "0.5", "", "x", "3", "99999"]
WORDS = [number.to_bytes(8, "little", signed=True) for number in (10**9, -1, -(2**63), 2**62, 0, 255)]
SECONDS = 10
MEMORY = 12 << 30


def changed_bytes(data: bytes, chance: random.Random) -> bytes:
    """A byte, a word or a piece flipped, set, left out, repeated, moved or cut off."""
    if not data:
        return b"\0"
    at, until = sorted((chance.randrange(len(data)), chance.randrange(len(data))))
    until = min(until, at + 64)
    word = chance.choice([*WORDS, *(word[:4] for word in WORDS), *(word[::-1] for word in WORDS), b"\xff", b"\x80", b"\0"])
    return chance.choice(
        [
            data[:at] + bytes([data[at] ^ (1 << chance.randrange(8))]) + data[at + 1 :],
            data[:at] + bytes([chance.randrange(256)]) + data[at + 1 :],
            (data[:at] + word + data[at + len(word) :])[: len(data)],
            data[:at] + word + data[at:],
            data[:at],
            data[:at] + data[until:],
            data[:until] + data[at:],
            data + data[at:until],
        ]
    )


def changed_numbers(text: str, chance: random.Random) -> str:
    """One number of a text is another, or is left out, or stands twice."""
    places = [found.span() for found in re.finditer(r"-?\d+(\.\d+)?(e[-+]?\d+)?", text)]
    start, end = chance.choice(places)
    other = chance.choice([*NUMBERS, text[slice(*chance.choice(places))], f"{text[start:end]} {text[start:end]}"])
    return text[:start] + other + text[end:]


def changed_json(document: Any, chance: random.Random) -> bytes:
    """A value is a hostile one, another of the same document, or left out; or a name stands twice."""
    changed = copy.deepcopy(document)
    ways = list(_ways(changed))
    if not ways:
        return json.dumps(chance.choice(HOSTILE)).encode()
    *path, last = chance.choice(ways)
    holder = changed
    for key in path:
        holder = holder[key]
    what = chance.randrange(4)
    if what == 0:
        del holder[last]
    elif what == 1:
        other: Any = document
        for key in chance.choice(ways):
            other = other[key]
        holder[last] = copy.deepcopy(other)
    elif what == 2 and isinstance(holder, dict):
        text = json.dumps(changed)
        name = json.dumps(last)
        return text.replace(f"{name}: ", f"{name}: {json.dumps(chance.choice(HOSTILE))}, {name}: ", 1).encode()
    else:
        holder[last] = chance.choice(HOSTILE)
    return json.dumps(changed).encode()


def as_json(data: bytes, chance: random.Random) -> bytes:
    """A change of a document; now and then of its bytes."""
    return changed_bytes(data, chance) if chance.random() < 0.2 else changed_json(json.loads(data), chance)


def as_text(data: bytes, chance: random.Random) -> bytes:
    """A change of a number in a text; now and then of its bytes."""
    return changed_bytes(data, chance) if chance.random() < 0.2 else changed_numbers(data.decode(), chance).encode()


def _ways(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in inside:
        yield (*path, key)
        yield from _ways(inner, (*path, key))


def changed_tensors(data: bytes, chance: random.Random) -> bytes:
    """A file of safetensors with another header, with tensors that overlap or leave gaps, or with other bytes."""
    size = int.from_bytes(data[:8], "little")
    header, numbers = json.loads(data[8 : 8 + size]), data[8 + size :]
    what = chance.randrange(6)
    if what == 0:
        return changed_bytes(data, chance)
    if what == 1:
        return chance.choice([2**63, 2**40, 2**27, 0, 1, len(data)]).to_bytes(8, "little") + data[8:]
    if what == 2:
        tensors = [name for name in header if name != "__metadata__"]
        name = chance.choice(tensors)
        start, end = header[name]["data_offsets"]
        shift = chance.choice([-4, 4, 8, 2**40, -(2**40)])
        header[name]["data_offsets"] = chance.choice(
            [[start + shift, end + shift], [start, end + shift], [end, start], header[tensors[0]]["data_offsets"]]
        )
        return tensors_file(json.dumps(header).encode(), numbers)
    if what == 3:
        return tensors_file(json.dumps(header).encode() + b" " * chance.choice([1, 7, 10**6]), changed_bytes(numbers, chance))
    return tensors_file(changed_json(header, chance), numbers)


def tensors_file(header: bytes, numbers: bytes) -> bytes:
    """A file of safetensors."""
    return len(header).to_bytes(8, "little") + header + numbers


def attack(cases: Mapping[str, Case], read: Callable[[Files], None], arguments: Sequence[str]) -> None:
    """In the child: read and use the files of so many cases from the first on, telling each before it is begun."""
    count, first, canary, *wanted = int(arguments[0]), int(arguments[1]), *arguments[2:]
    faulthandler.enable()
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    signal.signal(signal.SIGALRM, _too_long)
    warnings.simplefilter("ignore")
    for name in wanted:
        make, changed, change = cases[name]
        whole = make()
        read(whole)  # it imports what reading takes
        known, answered = _libraries(), 0
        for number in range(first, count):
            print(name, number, sep="\t", flush=True)
            files = {**whole, changed: change(whole[changed], random.Random(f"{name} {number}"))}
            signal.setitimer(signal.ITIMER_REAL, SECONDS)
            with contextlib.suppress(runlake.RunlakeError):
                read(files)
                answered += 1
            signal.setitimer(signal.ITIMER_REAL, 0)
            if _libraries() != known or Path(canary).exists():
                sys.exit(f"{sorted(_libraries() - known)} were imported; the canary is there: {Path(canary).exists()}")
        print(f"# {name}: {count - first} read, {answered} of them answered", file=sys.stderr, flush=True)
        first = 0
    print("done", flush=True)


def use(ask: Callable[[], Any]) -> None:
    """Have a model that was read answer; what it raises is its own affair."""
    with contextlib.suppress(Exception), contextlib.redirect_stdout(None):
        ask()


def files_of(saved: Any) -> Files:
    """The files of a model that could be saved."""
    assert saved is not None
    assert saved.why_not == ""
    files: Files = saved.files
    return files


def mutation_tests(script: str, cases: Mapping[str, Case], few: int) -> tuple[Callable[..., None], Callable[..., None]]:
    """The test that every plugin has of its cases, which `script` attacks as a program: a few changes of each, and at length."""

    def of_some(tmp_path: Path) -> None:
        """A few of the changes that the long test makes."""
        assert died(script, tmp_path, list(cases), few) == []

    @pytest.mark.long
    @pytest.mark.timeout(1800)
    @pytest.mark.parametrize("name", cases)
    def of_many(name: str, tmp_path: Path) -> None:
        """Five hundred changes of each file."""
        assert died(script, tmp_path, [name], 500) == []

    return of_some, of_many


def _libraries() -> set[str]:
    return {name.partition(".")[0] for name in sys.modules} - sys.stdlib_module_names


def _too_long(_signal: int, _frame: object) -> None:
    raise runlake.InvalidValue("It takes too long.")


def died(script: str, folder: Path, wanted: Sequence[str], count: int) -> list[str]:
    """The cases that ended a child, or in which reading raised what is none of our errors; the next child goes on behind each."""
    found: list[str] = []
    first, canary = 0, folder / "canary"
    kept = {name: value for name, value in os.environ.items() if not name.startswith("RUNLAKE_")}
    paths = os.pathsep.join([str(Path(script).parent), str(Path(__file__).parent)])
    settings = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "CANARY": str(canary), "PYTHONPATH": paths}
    while len(found) < 20:
        command = [sys.executable, script, str(count), str(first), str(canary), *wanted]
        child = subprocess.run(command, capture_output=True, text=True, env=kept | settings, timeout=1800, check=False)
        sys.stderr.write("".join(line for line in child.stderr.splitlines(keepends=True) if line.startswith("# ")))
        last = child.stdout.rpartition("\n")[0].rpartition("\n")[2]
        if last == "done":
            break
        found.append(f"{last or 'the start'}, which ended with {child.returncode}\n{child.stderr[-3000:]}")
        if not last:
            break
        name, number = last.split("\t")
        wanted, first = wanted[list(wanted).index(name) :], int(number) + 1
    return found
