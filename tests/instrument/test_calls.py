"""One call of a library: made exactly once, with the caller's arguments, whatever captures do around it."""

from __future__ import annotations

import asyncio
import logging
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import runlake
from reading import series
from toys import probe_of, recorded, rows, seen

Install = Callable[..., None]

FAULTS = ["ValueError('x')", "SystemExit(3)", "GeneratorExit()", "MemoryError()", "RecursionError()", "StopIteration(1)", "Silent()"]
SILENT = """
class Silent(Exception):
    def __str__(self):
        raise ValueError("it cannot even say what it is")
"""


def plugin_that(before: str = "", after: str = "", target: str = "toylib.core:train") -> str:
    """The code of a plugin whose capture does this before and that after the call."""
    return f"""
{SILENT}
MADE = []

def capture(call):
    {before or "pass"}
    outcome = yield
    MADE.append(outcome)
    {after or "pass"}

@hookimpl
def patches():
    return [Patch({target!r}, capture, why="to fail")]
"""


@pytest.mark.parametrize("error", FAULTS)
@pytest.mark.parametrize("half", ["before", "after"])
def test_what_a_capture_raises_stays_with_it(
    half: str, error: str, toylib: ModuleType, install: Install, lenient: None, caplog: Any
) -> None:
    """The library is called once and its result comes back, with one warning that names the plugin."""
    install("bad", plugin_that(**{half: f"raise {error}"}))
    calls: list[int] = []
    runlake.autolog("bad")

    with caplog.at_level(logging.WARNING, "runlake"):
        model = toylib.train("data", callbacks=[lambda number, loss: calls.append(number)])

    assert (model.best_round, calls) == (2, [0, 1, 2])
    assert [record.getMessage().split(";")[0] for record in caplog.records] == [
        f"runlake failed while the plugin bad was {'looking at' if half == 'before' else 'recording after'} toylib.core:train"
    ]


@pytest.mark.parametrize("half", ["before", "after"])
def test_ctrl_c_in_a_capture_passes_at_once(half: str, toylib: ModuleType, install: Install, lenient: None, store: Path) -> None:
    """It is the user's; the run that was opened is ended as killed."""
    opened = "call.run.log_param('a', 1); "
    raising = {half: f"{opened}raise KeyboardInterrupt"}
    install("bad", plugin_that(**raising))
    runlake.autolog("bad")

    with pytest.raises(KeyboardInterrupt):
        toylib.train("data")

    assert recorded(store) == [("train", "KILLED", None, {"a": 1})]
    assert runlake.active_run() is None


@pytest.mark.parametrize(
    "error", [ValueError("mine"), SystemExit(1), KeyboardInterrupt(), GeneratorExit(), StopIteration(5), RuntimeError()]
)
def test_the_librarys_exception_is_the_very_same(error: BaseException, toylib: ModuleType) -> None:
    """The object, its cause, its context, its notes; the traceback has one frame of ours."""
    cause, context = KeyError("cause"), IndexError("context")
    error.__cause__, error.__context__ = cause, context
    runlake.autolog("toylib")

    with pytest.raises(type(error)) as raised:
        toylib.train(error)

    assert raised.value is error
    assert (error.__cause__, error.__context__) == (cause, context)
    frames = [frame.filename for frame in traceback.extract_tb(error.__traceback__) if "runlake/" in frame.filename]
    assert all(str(frame).startswith(str(sys.modules["runlake.instrument.engine"].__file__)) for frame in frames)
    assert len(frames) == 1


def test_a_capture_that_fails_after_a_failed_call_hides_nothing(toylib: ModuleType, install: Install, lenient: None) -> None:
    """The generator is closed, and what it raises then is reported beside the user's exception."""
    code = plugin_that().replace(
        "    outcome = yield\n", "    try:\n        outcome = yield\n    finally:\n        raise OSError('closing')\n"
    )
    install("bad", code)
    runlake.autolog("bad")

    with pytest.raises(ValueError, match="bad data") as raised:
        toylib.train("bad")

    assert raised.value.__context__ is None


def test_what_a_capture_returns_is_not_the_result(toylib: ModuleType, install: Install) -> None:
    """A capture ends; the caller gets what the library gave."""
    install("bad", plugin_that(after="return 'mine'"))
    runlake.autolog("bad")

    assert toylib.train("data").best_round == 2


def test_arguments_arrive_as_they_were_given(toylib: ModuleType, install: Install) -> None:
    """By place or by name; what is rewritten stays where it was given; the caller's list is never touched."""
    install("changing", plugin_that(before="call.rewrite(callbacks=[*(call.arguments['callbacks'] or []), print])"))
    install("probe", probe_of("toylib.core:train"))
    callbacks: list[Any] = []

    runlake.autolog("changing", "probe")
    toylib.train("data", 0, callbacks)
    toylib.train("data", callbacks=None, rounds=0)
    toylib.train(data="data", rounds=0)

    given = [(args, kwargs) for when, args, kwargs in [each for each in seen() if each[0] == "before"]]
    assert given == [
        (("data", 0, [print]), {}),
        (("data",), {"callbacks": [print], "rounds": 0}),
        ((), {"data": "data", "rounds": 0, "callbacks": [print]}),
    ]
    assert callbacks == []


@pytest.mark.parametrize(
    "before", ["call.rewrite(nothing=1)", "call.kwargs['rounds'] = 9", "call.args.append(9)", "call.rewrite(rounds=1); 1/0"]
)
def test_a_rewriting_that_fails_leaves_the_arguments(before: str, toylib: ModuleType, install: Install, lenient: None) -> None:
    """An unknown name, a change in place, or an error after a change."""
    install("bad", plugin_that(before=before))
    runlake.autolog("bad")

    assert toylib.train("data", rounds=4).best_round == 3


@pytest.mark.parametrize(
    ("target", "name", "told"),
    [
        ("Estimator.fit", "self", "The object of the method {} is `call.instance`; its arguments are data, targets."),
        ("Estimator.fit", "date", "{} takes no argument 'date'; its arguments are data, targets."),
        ("train", "self", "{} takes no argument 'self'; its arguments are data, rounds, callbacks."),
    ],
)
def test_who_asks_for_an_argument_that_there_is_not_is_told_what_there_is(
    target: str, name: str, told: str, toylib: ModuleType, install: Install
) -> None:
    """Above all for the object of a method, which every plugin wants."""
    install("asking", plugin_that(before=f"call.arguments[{name!r}]", target=f"toylib.core:{target}"))
    runlake.autolog("asking", strict=True)

    with pytest.raises(KeyError) as caught:
        toylib.train("data") if target == "train" else toylib.Estimator().fit("data")

    assert caught.value.args == (told.format(f"toylib.core:{target}"),)


def test_a_child_class_that_calls_its_parent_is_one_training(toylib: ModuleType, store: Path) -> None:
    """The result is the child's, and the parent's call adds to its run."""
    runlake.autolog("toylib")

    child = toylib.Child(5)

    assert child.fit("data") is child
    assert recorded(store) == [("Child", "FINISHED", None, {"rounds": 5, "inner": "Child"})]


def test_nested_calls_open_no_runs_where_the_outer_capture_failed(toylib: ModuleType, install: Install, lenient: None, store: Path) -> None:
    """What is trained inside is no training of its own."""
    install("outer", plugin_that(before="raise ValueError", target="toylib.core:Estimator.quick"))
    runlake.autolog("outer", "toylib")

    toylib.Estimator.quick("data")

    assert not store.exists() or recorded(store) == []


def test_a_coroutine_is_recorded_when_it_has_run(toylib: ModuleType, install: Install, store: Path) -> None:
    """Three at once are three runs, the failed one failed, and the task's own context is as it was."""
    install("probe", probe_of("toylib.core:atrain"))
    runlake.autolog("probe")

    async def main() -> list[Any]:
        return await asyncio.gather(*(toylib.atrain(data) for data in ("a", "bad", "c")), return_exceptions=True)

    outcomes = asyncio.run(main())

    assert [type(outcome).__name__ for outcome in outcomes] == ["Model", "ValueError", "Model"]
    assert sorted(status for _, status, _, _ in recorded(store)) == ["FAILED", "FINISHED", "FINISHED"]


def test_a_generator_is_recorded_when_it_is_through(toylib: ModuleType, install: Install, store: Path) -> None:
    """What is sent arrives, what is returned too, and between two values the user's code is outside of the training."""
    install("probe", probe_of("toylib.core:rounds"))
    runlake.autolog("probe")

    generator = toylib.rounds("data")
    assert next(generator) == 0
    assert runlake.active_run() is None
    assert generator.send("sent") == "sent"
    assert [next(generator), next(generator)] == [1, 2]
    with pytest.raises(StopIteration) as stop:
        next(generator)

    assert stop.value.value.best_round == 2
    assert recorded(store) == [("rounds", "FINISHED", None, {})]


@pytest.mark.parametrize(("how", "status"), [("close", "KILLED"), ("throw", "FAILED"), ("let go", "KILLED")])
def test_a_generator_that_is_left_early_is_ended(how: str, status: str, toylib: ModuleType, install: Install, store: Path) -> None:
    """Closed, thrown into, or forgotten."""
    install("probe", probe_of("toylib.core:rounds"))
    runlake.autolog("probe")
    generator = toylib.rounds("data")
    next(generator)

    if how == "close":
        generator.close()
    elif how == "throw":
        with pytest.raises(OSError, match="mine"):
            generator.throw(OSError("mine"))
    del generator

    assert recorded(store) == [("rounds", status, None, {})]


def test_callbacks_are_safe_and_the_callers_list_is_untouched(toylib: ModuleType, store: Path) -> None:
    """The toy plugin's listener is added to a new list; a second call with the same list doubles nothing."""
    runlake.autolog("toylib")
    callbacks: list[Any] = []

    for _ in range(2):
        toylib.train("data", callbacks=callbacks)

    assert callbacks == []
    assert [series(run.info.run_id, "loss") for run in rows(store)] == [[(0, 1.0), (1, 0.5), (2, 1 / 3)]] * 2


def test_a_capture_may_skip(toylib: ModuleType, install: Install, store: Path) -> None:
    """No run is left, for what is trained inside neither; the next plugin of the attribute finds nothing to add to."""
    install("skipping", plugin_that(before="call.skip('too small')", target="toylib.core:Estimator.quick"))
    runlake.autolog("skipping", "toylib")

    toylib.Estimator.quick("data")

    assert not store.exists() or recorded(store) == []


def test_what_a_plugin_calls_of_the_library_is_not_recorded(toylib: ModuleType, install: Install, store: Path) -> None:
    """Its own trainings are its own affair."""
    install("curious", plugin_that(after="__import__('toylib').Estimator(9).fit('more'); call.run.set_tag('done', 1)"))
    runlake.autolog()

    toylib.train("data")

    assert [name for name, *_ in recorded(store)] == ["train"]
