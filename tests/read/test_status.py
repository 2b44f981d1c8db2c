"""Whether a running run still runs: found by whoever reads, on the same machine and on others."""

from __future__ import annotations

import dataclasses
import os
import time

import pytest

from runlake.entities import Status
from runlake.platform import ProcessIdentity, process_identity
from runlake.read.status import Liveness, liveness
from runlake.store.view import WriterState

HERE = process_identity()
ELSEWHERE = dataclasses.replace(HERE, host="elsewhere", boot_id="another")


def owner(identity: ProcessIdentity, *, silent: float = 0.0, ended: bool = False) -> WriterState:
    """A writer that wrote last so many seconds ago."""
    return WriterState(identity, time.time_ns() - int(silent * 1e9), ended)


@pytest.mark.parametrize("said", [Status.FINISHED, Status.FAILED, Status.KILLED])
def test_what_has_ended_stays_as_it_ended(said: Status) -> None:
    """Whatever became of its process."""
    assert liveness(said, owner(ELSEWHERE, silent=1e6)) == Liveness(said)


def test_on_this_machine_the_process_tells() -> None:
    """Also when its number was given to another one, and long silence means nothing."""
    used_again = dataclasses.replace(HERE, start_time=HERE.start_time - 1)
    nobody = dataclasses.replace(HERE, pid=2**22 + 1)

    assert liveness(Status.RUNNING, owner(HERE, silent=1e6)) == Liveness(Status.RUNNING)
    assert liveness(Status.RUNNING, owner(used_again)) == Liveness(Status.CRASHED)
    assert liveness(Status.RUNNING, owner(nobody)) == Liveness(Status.CRASHED)
    assert liveness(Status.RUNNING, owner(HERE, ended=True)) == Liveness(Status.CRASHED)


def test_a_process_that_has_ended_and_was_not_waited_for_is_gone() -> None:
    """Its entry in the table of processes is all that is left."""
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)
    with open(f"/proc/{child}/stat") as file:
        start_time = int(file.read().rpartition(")")[2].split()[19])
    found = liveness(Status.RUNNING, owner(dataclasses.replace(HERE, pid=child, start_time=start_time)))
    os.waitpid(child, 0)

    assert found == Liveness(Status.CRASHED)


@pytest.mark.parametrize("other", [ELSEWHERE, dataclasses.replace(HERE, pid_namespace=1), dataclasses.replace(HERE, boot_id="before")])
def test_elsewhere_only_silence_tells(other: ProcessIdentity) -> None:
    """Another host, another numbering of processes, or a boot before this one."""
    assert str(liveness(Status.RUNNING, owner(other, silent=60))) == "RUNNING"
    assert str(liveness(Status.RUNNING, owner(other, silent=17 * 60))) == "RUNNING (silent 17 min)"
    assert str(liveness(Status.RUNNING, owner(other, silent=25 * 3600))) == "CRASHED"
