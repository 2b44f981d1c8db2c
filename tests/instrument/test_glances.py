"""What is called a thousand times a second is glanced at: its arguments are seen, and nothing of it can be changed."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

import runlake
from runlake.instrument.plugins import standing_work
from toys import recorded, rows

Install = Callable[..., None]

GLANCE = """
SEEN, HEARD = [], []

def glance(args, kwargs):
    SEEN.append((args, kwargs))

def capture(call):
    call.run.log_param("rounds", call.arguments["rounds"])
    yield

@isolated(is_glance=True)
def hear(number):
    HEARD.append(number)
    if len(HEARD) > 1:
        raise ValueError("deaf")
    return number

@hookimpl
def patches():
    return [
        Patch("toylib.core:train", glance, why="to see", role="glance"),
        Patch("toylib.core:train", capture, why="to record"),
    ]
"""


def test_a_glance_sees_the_arguments_beside_what_is_captured(toylib: ModuleType, install: Install, store: Path) -> None:
    """Before, during and after: as the caller gave them, and not once more."""
    install("glancing", GLANCE)
    before = toylib.train
    runlake.autolog("glancing")
    seen = sys.modules["runlake_glancing"].SEEN

    model = toylib.train("data", rounds=2)
    runlake.disable_autolog()
    toylib.train("data", 3)

    assert (seen, type(model)) == ([(("data",), {"rounds": 2})], type(toylib.train("data", 2)))
    assert recorded(store) == [("train", "FINISHED", None, {"rounds": 2})]
    assert toylib.train is before


def test_a_glance_that_fails_is_told_of_once_and_is_off_after_three_times(
    toylib: ModuleType, install: Install, lenient: None, store: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The library goes on, and what else is captured is."""
    install("blind", GLANCE.replace("SEEN.append((args, kwargs))", "TRIES.append(1); raise OSError").replace("SEEN,", "TRIES,"))
    runlake.autolog("blind")

    with caplog.at_level(logging.WARNING, "runlake"):
        for _ in range(5):
            toylib.train("data", 2)

    assert [record.message for record in caplog.records] == [
        "runlake failed while the plugin blind was glancing at toylib.core:train; your program goes on."
    ]
    assert len(sys.modules["runlake_blind"].TRIES) == 3
    assert len(rows(store)) == 5


def test_a_hook_that_glances_answers_until_it_has_failed_three_times(install: Install, toylib: ModuleType, lenient: None) -> None:
    """It is called no more then."""
    install("hearing", GLANCE)
    runlake.autolog("hearing")
    plugin = sys.modules["runlake_hearing"]

    answers = [plugin.hear(number) for number in range(6)]

    assert (answers, plugin.HEARD) == ([0, None, None, None, None, None], [0, 1, 2, 3])
    work = standing_work("hearing", "runlake_hearing:hear")
    assert (work.calls, work.failures, work.is_off) == (4, 3, True)


def test_ctrl_c_passes_a_glance_at_once(toylib: ModuleType, install: Install, lenient: None) -> None:
    """As it does everything of ours."""
    install("pressed", GLANCE.replace("SEEN.append((args, kwargs))", "raise KeyboardInterrupt"))
    runlake.autolog("pressed")

    with pytest.raises(KeyboardInterrupt):
        toylib.train("data", 2)
