"""What `autolog()` was told holds, in every order, in its context, and no longer than it should."""

from __future__ import annotations

import asyncio
import itertools
import json
import logging
import sys
import threading
import warnings
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import runlake
from children import run_program
from runlake import guard
from runlake.errors import InvalidValue
from toys import path_setting, recorded, rows, write_plugin

Install = Callable[..., None]

STEPS = {
    "import": "import toylib",
    "autolog": "runlake.autolog()",
    "own": "runlake.toylib.autolog(curve='mine', log_models=False)",
    "disable": "runlake.disable_autolog()",
}

ORDERS = """
import json, os, runlake
import pyarrow.parquet, pyarrow.compute, runlake.store.view, runlake.read, runlake.recording.active  # before the forks, which is faster
import runlake.analysis.dataset, runlake.analysis.metrics, runlake.analysis.signature, runlake.models.trained
def points(steps):
    read, write = os.pipe()
    pid = os.fork()
    if not pid:
        os.environ["RUNLAKE_STORE"] += "-" + "-".join(steps)
        names = {"runlake": runlake}
        for step in steps:
            exec(STEPS[step], names)
        import toylib
        toylib.train("data", 2)
        toylib.Estimator(1).fit("data")
        runlake.flush()
        path = os.environ["RUNLAKE_STORE"]
        runs = sorted(runlake.read.open_store(path).runs(), key=lambda run: run.info.run_id) if os.path.exists(path) else []
        os.write(write, json.dumps([[run.info.run_name, {key: len(each) for key, each in run.metrics.items()}] for run in runs]).encode())
        os._exit(0)
    os.close(write)
    with os.fdopen(read) as pipe:
        text = pipe.read()
    os.waitpid(pid, 0)
    return json.loads(text)
print(json.dumps([points(steps) for steps in ALL]))
"""


def test_every_order_of_import_autolog_own_autolog_and_disable_means_the_same(tmp_path: Path) -> None:
    """What counts is what was said, not when the library came; each point is recorded once; the plugin's own word outranks."""
    orders = [order for n in range(5) for order in itertools.permutations(STEPS, n)]
    code = f"STEPS = {STEPS!r}\nALL = {orders!r}\n{ORDERS}"

    done = run_program(code, tmp_path / "lake", PYTHONPATH=path_setting(), RUNLAKE_JOBS="off")

    assert done.returncode == 0, done.stderr[-2000:]
    for order, found in zip(orders, json.loads(done.stdout.splitlines()[-1]), strict=True):
        said = order[order.index("disable") + 1 :] if "disable" in order else order
        curve = "mine" if "own" in said else "loss"
        is_on = "own" in said or "autolog" in said
        assert found == ([["train", {curve: 2, "best_round": 1}], ["Estimator", {}]] if is_on else []), order


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"nothing": 1}, "has no option 'nothing'"),
        ({"log_models": "yes"}, "log_models of autolog.. is True or False, not 'yes'"),
        ({"max_tuning_runs": -1}, "number of runs from 0 on, or None, not -1"),
        ({"extra_tags": ["a"]}, "is a dictionary of tags, not .'a'."),
        ({"extra_tags": {"mlflow.user": "x"}}, "cannot set 'mlflow.user'"),
        ({"jobs": "later"}, "'detached', 'inline' or 'off', not 'later'"),
    ],
)
def test_a_bad_option_is_refused_and_nothing_is_enabled(given: dict[str, Any], why: str, toylib: ModuleType, store: Path) -> None:
    """At once, with the value and what would be right; what held before goes on."""
    with pytest.raises(InvalidValue, match=why):
        runlake.autolog(**given)
    with pytest.raises(InvalidValue, match=why):
        runlake.toylib.autolog(**given)

    toylib.train("data")
    assert not store.exists()


def test_an_unknown_library_is_named_with_those_that_there_are(toylib: ModuleType) -> None:
    """And with what to install."""
    with pytest.raises(InvalidValue, match=r"No plugin for 'nolib' is installed; there is .*toylib.*pip install runlake-nolib"):
        runlake.autolog("nolib")
    with pytest.raises(AttributeError, match="nolib"):
        runlake.nolib  # noqa: B018


@pytest.mark.parametrize("say", [{"disable": True}, {"exclude": ["toylib"]}, {"exclude_flavors": ["toylib"]}])
def test_disable_and_exclude_leave_it_out(say: dict[str, Any], toylib: ModuleType, store: Path) -> None:
    """Be it on already or not."""
    original = toylib.train

    runlake.autolog()
    is_replaced = toylib.train is not original
    runlake.autolog(**say)
    toylib.train("data")

    assert is_replaced
    assert toylib.train is sys.modules["toylib.core"].train is original
    assert not store.exists()


@pytest.mark.parametrize("first", ["all", "own"])
def test_a_plugins_own_word_outranks_what_is_said_of_all(first: str, toylib: ModuleType, store: Path) -> None:
    """Off by its own word it stays off, whichever comes first; in a block that names it, it is on."""
    if first == "all":
        runlake.autolog()
    runlake.toylib.autolog(disable=True)
    if first == "own":
        runlake.autolog()

    toylib.train("data", 1)
    with runlake.autolog():
        toylib.train("data", 2)
    with runlake.autolog("toylib"):
        toylib.train("data", 3)

    assert [params for *_, params in recorded(store)] == [{"rounds": 3}]


def test_twice_is_once_and_the_last_options_hold(toylib: ModuleType, store: Path) -> None:
    """Each metric once, tagged as said last."""
    runlake.autolog(extra_tags={"said": "first"})
    runlake.autolog(extra_tags={"said": "last"})

    toylib.train("data")

    (run,) = rows(store)
    assert run.tags["said"] == "last"
    assert {key: len(each) for key, each in run.metrics.items()} == {"loss": 3, "best_round": 1}


def test_a_block_holds_inside_and_what_held_before_holds_again(toylib: ModuleType, store: Path) -> None:
    """Nested, and left by an exception."""
    runlake.autolog(extra_tags={"where": "outside"})

    def train_in_a_block() -> None:
        with runlake.autolog(extra_tags={"where": "block"}):
            toylib.train("data")
            with runlake.autolog(disable=True):
                toylib.train("data")
            toylib.train("data")
            raise OSError("mine")

    with pytest.raises(OSError, match="mine"):
        train_in_a_block()
    toylib.train("data")

    assert [run.tags["where"] for run in rows(store)] == ["block", "block", "outside"]


def test_a_block_alone_leaves_nothing_behind(toylib: ModuleType, store: Path) -> None:
    """Where nothing was on before, every patch is undone after it."""
    original = toylib.train

    with runlake.autolog("toylib"):
        toylib.train("data")
    toylib.train("data")

    assert toylib.train is original
    assert len(recorded(store)) == 1


def test_blocks_of_threads_and_tasks_are_their_own(toylib: ModuleType, store: Path) -> None:
    """Each trains under its own options, while the others hold theirs; after the last nothing is on."""
    barrier = threading.Barrier(4)

    def work(number: int) -> None:
        barrier.wait(20)
        for _ in range(5):
            with runlake.autolog("toylib", extra_tags={"who": f"thread {number}"}):
                toylib.train("data", number + 1)

    threads = [threading.Thread(target=work, args=[number]) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    async def task(number: int) -> None:
        with runlake.autolog("toylib", extra_tags={"who": f"task {number}"}):
            await asyncio.sleep(0.01)
            toylib.train("data", number + 1)

    async def main() -> None:
        await asyncio.gather(task(10), task(11))

    asyncio.run(main())
    toylib.train("data", 99)

    found = sorted((run.tags["who"], run.params["rounds"]) for run in rows(store))
    expected = [(f"thread {number}", number + 1) for number in range(4) for _ in range(5)]
    assert found == sorted([*expected, ("task 10", 11), ("task 11", 12)])
    assert type(toylib.train).__name__ == "function"


def test_enabling_and_disabling_in_many_threads_ends_as_asked_last(toylib: ModuleType, store: Path) -> None:
    """Whatever came between."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    originals = [toylib.train, vars(toylib.Estimator)["fit"], vars(toylib.Child)["fit"]]

    def work(number: int) -> None:
        for _ in range(10):
            runlake.autolog("toylib") if number % 2 else runlake.disable_autolog()
            toylib.Child(1).fit("data")

    threads = [threading.Thread(target=work, args=[number]) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    sys.setswitchinterval(interval)

    runlake.autolog("toylib")
    before = len(recorded(store))
    toylib.train("data")
    assert len(recorded(store)) == before + 1
    runlake.disable_autolog()
    assert [now is then for now, then in zip(
        [toylib.train, vars(toylib.Estimator)["fit"], vars(toylib.Child)["fit"]], originals, strict=True)] == [True] * 3  # fmt: skip


def test_silent_says_nothing_and_hides_no_warning_of_the_librarys(tmp_path: Path) -> None:
    """From enabling and fifty threads with a plugin that fails; the library's own warning arrives."""
    code = """
    import threading, warnings, runlake, toylib
    runlake.autolog(silent=True)
    def fit():
        for _ in range(2):
            toylib.train("data", 1, [lambda number, loss: warnings.warn("the library's")])
    threads = [threading.Thread(target=fit) for _ in range(50)]
    for thread in threads: thread.start()
    for thread in threads: thread.join()
    """
    bad = write_plugin(tmp_path / "site", "bad", "import no_such_module\n")

    done = run_program(code, tmp_path / "lake", PYTHONPATH=path_setting(bad) + ":" + path_setting(), RUNLAKE_SILENT="0", RUNLAKE_JOBS="off")

    assert done.stdout == ""
    assert [line for line in done.stderr.splitlines() if "the library's" not in line] == []
    assert "UserWarning: the library's" in done.stderr


def test_silence_and_strictness_end_with_what_asked_for_them(toylib: ModuleType) -> None:
    """A block's with the block, all others' with the next `autolog()` or `disable_autolog()`."""
    guard.set_strict(False)

    def state() -> tuple[bool, bool]:
        return logging.getLogger("runlake").disabled, guard.is_strict()

    found = [state()]
    with runlake.autolog(silent=True, strict=True):
        found.append(state())
    found.append(state())
    runlake.autolog(silent=True, strict=True)
    found.append(state())
    runlake.autolog()
    found.append(state())

    assert found == [(False, False), (True, True), (False, False), (True, True), (False, False)]


def test_strict_holds_when_the_first_run_is_opened(toylib: ModuleType, install: Install, monkeypatch: pytest.MonkeyPatch) -> None:
    """What `autolog()` was told outranks the setting."""
    monkeypatch.setenv("RUNLAKE_STRICT", "0")
    install("bad", "def fail(call):\n    call.run.log_param('a', 1)\n    yield\n    raise OSError('mine')\n\n"
            "@hookimpl\ndef patches():\n    return [Patch('toylib.core:train', fail, why='to fail')]\n")  # fmt: skip
    runlake.autolog("bad", strict=True)

    with pytest.raises(OSError, match="mine"):
        toylib.train("data")


def test_our_warnings_go_to_the_logger(toylib: ModuleType, install: Install, lenient: None, caplog: pytest.LogCaptureFixture) -> None:
    """None goes to the user's warnings, and `showwarning` is theirs."""
    install("bad", "raise OSError('broken')\n")
    shown = warnings.showwarning

    with warnings.catch_warnings(record=True) as caught:
        runlake.autolog()
        toylib.train("data")

    assert caught == []
    assert warnings.showwarning is shown
    assert "The plugin bad (runlake-bad 0.1) is off: OSError: broken" in caplog.messages


@pytest.mark.parametrize(
    ("setting", "value", "is_on"),
    [
        ("RUNLAKE_PLUGINS", "toylib", True),
        ("RUNLAKE_PLUGINS", "other", False),
        ("RUNLAKE_DISABLE", "toylib", False),
        ("RUNLAKE_DISABLE", "*", False),
    ],
)
def test_the_settings_choose_among_plugins(
    setting: str, value: str, is_on: bool, toylib: ModuleType, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What they leave out is not even imported, and the report says why."""
    monkeypatch.setenv(setting, value)

    listed = [row for row in runlake.autolog().report() if row.plugin == "toylib"]
    toylib.train("data")
    runlake.flush()

    assert store.exists() == is_on == ("runlake_toylib" in sys.modules)
    assert {row.state for row in listed} == ({"in place"} if is_on else {"off"})
    assert is_on or listed[0].why == "the settings `plugins` or `disable` leave it out"
