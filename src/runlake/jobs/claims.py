"""Who does a job: the first to create the file of an attempt. A claim whose process is gone makes way for the next attempt."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from runlake import platform
from runlake.entities import Job
from runlake.platform import ProcessIdentity
from runlake.store.layout import Layout
from runlake.store.put_new import make_folder, put_new

__all__ = ["MAX_ATTEMPTS", "Claim", "claims_of", "is_held", "is_spent", "let_go", "take"]

MAX_ATTEMPTS = 2
ELSEWHERE_SECONDS = 3600.0  # after which a process that this machine cannot look at counts as gone


@dataclass(frozen=True)
class Claim:
    """One attempt, and the process that makes it."""

    attempt: int
    holder: ProcessIdentity
    since_ns: int

    @property
    def is_alive(self) -> bool:
        """Whether the process is still at it, as far as can be known."""
        runs = platform.is_running(self.holder)
        return time.time() - self.since_ns / 1e9 < ELSEWHERE_SECONDS if runs is None else runs


def take(layout: Layout, run_id: str, job: Job) -> int | None:
    """Claim the job for this process, and give the number of the attempt; None where another is at it, or no attempt is left."""
    make_folder(layout.jobs, within=layout.root)
    said = {"holder": asdict(platform.process_identity()), "since_ns": time.time_ns()}
    for attempt in range(job.attempts + 1, MAX_ATTEMPTS + 1):
        path = _path(layout, run_id, job, attempt)
        # Not synced: after the loss of power the process is gone, and with it the claim.
        if put_new(path, json.dumps(said).encode(), layout.temporary, durable=False):
            return attempt
        claim = _read(path, attempt)
        if claim is None or claim.is_alive:  # None: it was let go in between, so the job is closed
            return None
    return None


def claims_of(layout: Layout, run_id: str, job: Job) -> Iterator[Claim]:
    """The claims of the attempts that have no outcome yet, the first attempt first."""
    for attempt in range(job.attempts + 1, MAX_ATTEMPTS + 1):
        claim = _read(_path(layout, run_id, job, attempt), attempt)
        if claim is not None:
            yield claim


def is_held(layout: Layout, run_id: str, job: Job) -> bool:
    """Whether some process is at it."""
    return any(claim.is_alive for claim in claims_of(layout, run_id, job))


def is_spent(layout: Layout, run_id: str, job: Job) -> bool:
    """Whether every attempt was begun by a process that is gone."""
    claims = list(claims_of(layout, run_id, job))
    return len(claims) == MAX_ATTEMPTS - job.attempts and not any(claim.is_alive for claim in claims)


def let_go(layout: Layout, run_id: str, job: Job, *, attempt: int | None = None) -> None:
    """Remove the claim of one attempt, or those of a job that is closed."""
    for number in [attempt] if attempt is not None else range(1, MAX_ATTEMPTS + 1):
        _path(layout, run_id, job, number).unlink(missing_ok=True)


def _path(layout: Layout, run_id: str, job: Job, attempt: int) -> Path:
    return layout.jobs / f"{run_id}.{job.id}.{attempt}"


def _read(path: Path, attempt: int) -> Claim | None:
    try:
        said = json.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    except ValueError:  # torn by the loss of power
        return Claim(attempt, ProcessIdentity("", "", 0, 0, 0), path.stat().st_mtime_ns)
    return Claim(attempt, ProcessIdentity(**said["holder"]), said["since_ns"])
