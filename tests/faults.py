"""Real faults for real programs: small disks, failing system calls, and the programs that meet them."""

from __future__ import annotations

import contextlib
import re
import shutil
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from children import environment
from conftest import lacking
from runlake.read import Store, open_store

__all__ = ["Call", "Ended", "SmallDisk", "calls", "failing", "fill", "finish", "go_on", "hear", "program", "series", "small_disk"]

LIMIT_SECONDS = 60.0  # for a program that hangs; none of these needs a tenth of it


@dataclass(frozen=True)
class Ended:
    """How a program ended: its exit code and what it printed since it was last heard."""

    code: int
    said: list[str]
    complaints: list[str]


@contextlib.contextmanager
def program(code: str, store: Path, *, planted: str = "", prefix: Sequence[str] = (), **settings: str) -> Iterator[subprocess.Popen[str]]:
    """A program that uses the store, with `planted` run before it; it does not outlive the block."""
    whole = textwrap.dedent(planted) + textwrap.dedent(code)
    pipe = subprocess.PIPE
    child = subprocess.Popen(
        [*prefix, sys.executable, "-c", whole], env=environment(store, **settings), stdin=pipe, stdout=pipe, stderr=pipe, text=True
    )
    too_late = threading.Timer(LIMIT_SECONDS, child.kill)
    too_late.start()
    try:
        yield child
    finally:
        too_late.cancel()
        child.kill()
        child.communicate()


def hear(child: subprocess.Popen[str]) -> str:
    """The next line that the program prints."""
    assert child.stdout is not None
    return child.stdout.readline().rstrip("\n")


def go_on(child: subprocess.Popen[str]) -> None:
    """Let a program go on that waits in `input()`."""
    assert child.stdin is not None
    child.stdin.write("\n")
    child.stdin.flush()


def finish(child: subprocess.Popen[str]) -> Ended:
    """Let the program run to its end."""
    said, complaints = child.communicate("\n" * 10, timeout=LIMIT_SECONDS)
    return Ended(child.returncode, said.splitlines(), complaints.splitlines())


def series(store: Store | Path, key: str = "loss") -> list[tuple[int, float]]:
    """The points of a key in the order in which one writer wrote them."""
    opened = open_store(store) if isinstance(store, Path) else store
    points = opened.points(key=key).sort_by([("writer", "ascending"), ("seq", "ascending")])
    return list(zip(points["step"].to_pylist(), points["value"].to_pylist(), strict=True))


@dataclass(frozen=True)
class SmallDisk:
    """A file system that only its own mount namespace has; `inside` is its path there, `outside` the same folder seen from here."""

    inside: Path
    outside: Path
    enter: tuple[str, ...]

    def remount(self, options: str) -> None:
        """Mount it again with other options, such as `ro`."""
        subprocess.run([*self.enter, "mount", "-o", f"remount,{options}", str(self.inside)], check=True, timeout=LIMIT_SECONDS)


@contextlib.contextmanager
def small_disk(folder: Path, size: str) -> Iterator[SmallDisk]:
    """A tmpfs of this size; it is gone with the process that holds its namespace, however the test ends."""
    folder.mkdir(parents=True)
    script = 'mount -t tmpfs -o size="$1" none "$2" && echo mounted && exec cat'
    holder = subprocess.Popen(
        ["unshare", "--mount", "sh", "-c", script, "sh", size, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert holder.stdout is not None
        if holder.stdout.readline() != "mounted\n":
            lacking("mount")
        yield SmallDisk(folder, Path(f"/proc/{holder.pid}/root{folder}"), ("nsenter", f"--mount=/proc/{holder.pid}/ns/mnt"))
    finally:
        holder.kill()
        holder.communicate()


def fill(folder: Path) -> Path:
    """A file that takes every byte that the disk has left."""
    ballast = folder / "ballast"
    with contextlib.suppress(OSError), open(ballast, "wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))
    return ballast


@dataclass(frozen=True)
class Call:
    """A system call, the open file that it was for, the error that it gave, and whether that was our doing."""

    name: str
    path: str
    error: str
    was_injected: bool


@contextlib.contextmanager
def failing(child: subprocess.Popen[str], fault: str, log: Path) -> Iterator[None]:
    """Inject a fault, in the words of `strace -e inject`, into a program that waits in `input()`. Each thread counts for itself."""
    if shutil.which("strace") is None:
        lacking("strace")
    names = ",".join(dict.fromkeys(["write", "fdatasync", *fault.partition(":")[0].split(",")]))
    command = ["strace", "-f", "-y", "-s", "0", "-o", str(log), "-e", f"trace={names}", "-e", f"inject={fault}", "-p", str(child.pid)]
    tracer = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        assert tracer.stderr is not None
        answer = tracer.stderr.readline()
        if "not permitted" in answer:
            lacking("ptrace")
        assert "attached" in answer
        yield
    finally:
        with contextlib.suppress(subprocess.TimeoutExpired):  # it ends with the program, unless a delay is longer than that lived
            tracer.communicate(timeout=2)
        tracer.kill()
        tracer.communicate()


_WHOLE = re.compile(r"(\d+) +(\w+)\((\d+<(?P<path>[^>]*)>)?.*\) += -?\w+(?: (?P<error>E[A-Z]+))?")
_BEGUN = re.compile(r"(\d+) +(.*) <unfinished \.\.\.>")
_RESUMED = re.compile(r"(\d+) +<\.\.\. \w+ resumed>(.*)")


def calls(log: Path) -> list[Call]:
    """What strace wrote down, in the order in which the calls ended."""
    found, begun = [], {}
    for line in log.read_text(errors="replace").splitlines():
        if unfinished := _BEGUN.fullmatch(line):
            begun[unfinished[1]] = unfinished[2]
            continue
        if resumed := _RESUMED.fullmatch(line):
            line = f"{resumed[1]} {begun.pop(resumed[1], '')}{resumed[2]}"
        if whole := _WHOLE.match(line):
            found.append(Call(whole[2], whole["path"] or "", whole["error"] or "", "(INJECTED)" in line))
    return found
