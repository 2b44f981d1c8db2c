"""A prediction finds the run of its model again, and nothing of it is kept."""

from __future__ import annotations

import asyncio
import gc
import os
import sys
import threading
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

import runlake
from children import run_program
from runlake.instrument import predictions
from runlake.instrument.predictions import Judged, Loop, judged, remember_prediction
from runlake.recording.offered import OfferedRun
from toys import rows

DICE = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def _nothing_remembered() -> Iterator[None]:
    """Each test has its own predictions."""
    predictions.forget_predictions()
    yield
    predictions.forget_predictions()


@pytest.fixture
def make_run(store: Path) -> Callable[[], OfferedRun]:
    """Opens a run and ends it, as a training does."""

    def made() -> OfferedRun:
        with runlake.start_run() as run:
            return run.offered

    return made


def found(*given: Any, others: Any = (), by_rows: bool = False) -> tuple[OfferedRun | None, str] | None:
    """Whose it is and how that is known."""
    answer = judged(given, others, by_rows=by_rows)
    return (answer.run, answer.linked_by) if answer is not None else None


NUMBERS = DICE.random((50, 3))
SHARED = {
    "the very object": lambda said: said,
    "a column": lambda said: said[:, 1],
    "a slice": lambda said: said[5:20:2],
    "another shape": lambda said: said.reshape(-1),
    "a column of a slice of it turned": lambda said: said[3:].T[2],
}
COPIED = {
    "a copy": lambda said: said.copy(),
    "in another order of memory": lambda said: np.asfortranarray(said),
    "a list": lambda said: said.tolist(),
    "a frame of pandas": pd.DataFrame,
    "the most probable": lambda said: said.argmax(axis=1),
    "the most probable as a list": lambda said: said.argmax(axis=1).tolist(),
    "the most probable class": lambda said: np.array(["a", "bb", "c"])[said.argmax(axis=1)],
    "the most probable class as objects": lambda said: np.array(["a", "bb", "c"], object)[said.argmax(axis=1)],
    "a column as a list": lambda said: list(said[:, 1]),
    "a column as a series": lambda said: pd.Series(said[:, 2]).copy(),
}


@pytest.mark.parametrize("way", SHARED.values(), ids=SHARED)
def test_what_shares_its_memory_is_the_prediction(way: Callable[[Any], Any], make_run: Callable[[], OfferedRun]) -> None:
    """Whatever it holds by now."""
    run, said = make_run(), NUMBERS.copy()
    remember_prediction(run, said)
    said[:] = 0

    assert found(way(said)) == (run, "identity")


@pytest.mark.parametrize("way", COPIED.values(), ids=COPIED)
def test_what_holds_the_same_is_the_prediction(way: Callable[[Any], Any], make_run: Callable[[], OfferedRun]) -> None:
    """Be it in another form; the prediction itself is gone."""
    run = make_run()
    remember_prediction(run, NUMBERS.copy(), np.array(["a", "bb", "c"]))

    assert found(way(NUMBERS)) == (run, "content")
    assert found(way(NUMBERS + DICE.random(NUMBERS.shape))) is None


LABELS: dict[str, np.ndarray] = {
    "integers": DICE.integers(0, 3, 20_001),
    "bytes": DICE.integers(0, 3, 1_003).astype(np.int8),
    "booleans": DICE.random(1_001) > 0.5,
    "floats": DICE.random(20_001),
    "short floats": DICE.random(1_001).astype(np.float32),
    "texts": np.array(["ü", "versicolor", "c"])[DICE.integers(0, 3, 1_001)],
    "texts as objects": np.array(["ü", "versicolor", "c"], object)[DICE.integers(0, 3, 6_001)],
}
CONTAINERS: dict[str, Callable[[np.ndarray], Any]] = {
    "list": lambda said: said.tolist(),
    "list of numpy's": list,
    "tuple": tuple,
    "pandas": lambda said: pd.Series(said.tolist(), index=range(5, 5 + len(said))),
    "polars": lambda said: pl.Series(said.tolist()),
    "a column": lambda said: said.copy().reshape(-1, 1),
}


@pytest.mark.parametrize("into", CONTAINERS.values(), ids=CONTAINERS)
@pytest.mark.parametrize("labels", LABELS.values(), ids=LABELS)
def test_labels_are_found_in_every_container(labels: np.ndarray, into: Callable[[Any], Any], make_run: Callable[[], OfferedRun]) -> None:
    """And what differs in one label, or in length, is not."""
    run, other = make_run(), labels.copy()
    remember_prediction(run, labels.copy())
    other[3] = next(label for label in labels if label != labels[3])

    assert found(into(labels)) == (run, "content")
    assert found(into(other)) is None
    assert found(into(labels[:-1])) is None


def test_numbers_of_another_type_are_the_same_numbers(make_run: Callable[[], OfferedRun]) -> None:
    """What would have to be rounded is none of them."""
    run = make_run()
    remember_prediction(run, np.array([0, 1, 2, 0, 1]))

    assert found(np.array([0.0, 1, 2, 0, 1])) == (run, "content")
    assert [found(np.array([0.2, 1, 2, 0, 1])), found(np.array([np.nan, np.inf, 2, 0, 1])), found(["0", "1", "2", "0", "1"])] == [None] * 3


def test_of_two_that_say_the_same_the_later_is_meant(make_run: Callable[[], OfferedRun]) -> None:
    """Its own memory tells them apart."""
    first, second, said = make_run(), make_run(), np.array([0, 1, 1])
    remember_prediction(first, said)
    remember_prediction(second, said.copy())

    assert found(said.tolist()) == (second, "content")
    assert found(said) == (first, "identity")


def test_the_truth_is_no_prediction_for_holding_the_same(make_run: Callable[[], OfferedRun]) -> None:
    """A model that is never wrong says just what the truth is; only a prediction's own memory counts in another place."""
    run, said = make_run(), np.array([0, 1, 1])
    remember_prediction(run, said)

    assert found(np.zeros(3), others=[said.copy(), said.tolist(), None, True, "mean"]) is None
    assert found(np.zeros(3), others=[said]) == (run, "identity")


def test_the_number_of_rows_tells_where_one_model_predicted_so_many(make_run: Callable[[], OfferedRun]) -> None:
    """However often; with two models none is taken, and with none nothing is said."""
    first, second = make_run(), make_run()
    for _ in range(3):
        remember_prediction(first, DICE.random(7))

    assert found(np.ones(7), by_rows=True) == (first, "rows")
    assert [found(np.ones(7)), found(np.ones(8), by_rows=True)] == [None, None]
    remember_prediction(second, DICE.random(7))
    answer = judged([np.ones(7)])
    assert answer == Judged(None, "ambiguous", [second, first], 2)


def test_what_is_derived_is_found_but_does_not_count_by_rows(make_run: Callable[[], OfferedRun]) -> None:
    """A curve has as many points as it has."""
    run, curve = make_run(), (np.arange(4.0), np.arange(4.0) ** 2)
    Judged(run, "identity").derived(curve)

    assert found(*curve) == (run, "identity")
    assert found(np.ones(4), by_rows=True) is None


def test_rows_count_in_their_own_thread_and_task_alone(make_run: Callable[[], OfferedRun]) -> None:
    """What a task left that is over is of its thread."""
    run, seen = make_run(), []

    async def predict_and_wait(is_done: asyncio.Event) -> None:
        remember_prediction(run, np.zeros(9))
        seen.append(found(np.ones(9), by_rows=True))
        await is_done.wait()

    async def judge_beside() -> None:
        is_done = asyncio.Event()
        task = asyncio.create_task(predict_and_wait(is_done))
        await asyncio.sleep(0)
        seen.append(found(np.ones(9), by_rows=True))
        is_done.set()
        await task
        seen.append(found(np.ones(9), by_rows=True))

    asyncio.run(judge_beside())
    thread = threading.Thread(target=lambda: seen.append(found(np.ones(9), by_rows=True)))
    thread.start()
    thread.join()

    assert seen == [(run, "rows"), None, (run, "rows"), None]


def test_nothing_is_kept_alive_and_few_are_remembered(make_run: Callable[[], OfferedRun]) -> None:
    """An array may lie where one lay that is gone: it is not taken for that."""
    run, said = make_run(), np.arange(100.0)
    alive = weakref.ref(said)
    remember_prediction(run, said)
    remember_prediction(run, said[10:20])
    del said
    gc.collect()

    assert alive() is None
    for n in range(2 * predictions.KEPT):
        remember_prediction(run, np.full(50, n))
        assert found(np.full(50, -n - 1.0)) is None
    assert len(predictions._remembered) == predictions.KEPT


def test_strange_outcomes_are_passed_over(make_run: Callable[[], OfferedRun]) -> None:
    """Each part of several arrays is one prediction."""
    run = make_run()
    for outcome in (None, 1.5, "text", [], np.array(3), np.zeros((0, 2)), [[1], [2, 3]], {"a": 1}, object(), np.array([{}, []], object)):
        remember_prediction(run, outcome)
    mean, deviation = DICE.random(5), DICE.random(5)
    remember_prediction(run, (mean.copy(), deviation.copy()))

    assert found(deviation) == (run, "content")
    assert [found(given) for given in (None, 1.5, "text", [], [[1], [2, 3]], object(), {1: 2})] == [None] * 7


def test_many_threads_remember_and_find_at_once(make_run: Callable[[], OfferedRun], monkeypatch: pytest.MonkeyPatch) -> None:
    """Each finds its own, under names that are all distinct."""
    runs, wrong, gate = [make_run() for _ in range(8)], [], threading.Barrier(8)

    def work(place: int) -> None:
        gate.wait()
        for n in range(40):
            said = np.full(20, place * 1_000 + n)
            remember_prediction(runs[place], said)
            answer = judged([said.tolist()])
            if answer is None or answer.run is not runs[place]:
                wrong.append((place, n))
            Judged(runs[0], "content").log_metric("score", float(n))

    monkeypatch.setattr(predictions, "MOST_OF_A_NAME", 1_000)
    threads = [threading.Thread(target=work, args=(place,)) for place in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    runlake.flush()
    assert wrong == []
    assert len(runlake.get_run(runs[0].run_id).data.metrics) == 320


@pytest.mark.skipif(not hasattr(os, "fork") or sys.platform == "darwin", reason="there is no fork, or it is not safe")
def test_a_forked_child_finds_what_was_predicted_before(store: Path) -> None:
    """And records it in the run, which stays as it ended."""
    code = """
        import os, threading
        import numpy as np, runlake
        from runlake.instrument.predictions import _counting, judged, remember_prediction
        with runlake.start_run() as run:
            pass
        said = np.arange(5)
        remember_prediction(run.offered, said)
        _counting.acquire()  # by another thread, say
        is_held = threading.Event()
        pid = os.fork()
        if pid == 0:
            thread = threading.Thread(target=lambda: judged([said]).log_metric("score", 0.5))
            thread.start()
            thread.join(10)
            runlake.flush()
            os._exit(0)
        os.waitpid(pid, 0)
        """
    ended = run_program(code, store, PYTHONWARNINGS="ignore")

    (run,) = rows(store)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert (str(run.info.status), run.data.metrics) == ("FINISHED", {"score": 0.5})


def test_names_go_on_and_nothing_of_the_users_is_replaced(make_run: Callable[[], OfferedRun]) -> None:
    """What is known by its rows alone is told so beside the value."""
    run, linked = make_run(), {}
    run.active.log_metric("error", 1.0)
    for value, by in enumerate(("identity", "content", "rows")):
        Judged(run, by).log_metric("error", value)
        Judged(run, by).log_columns("curve", {"x": [value]})
        Judged(run, by).log_document("text", f"text {value}")
        Judged(run, by).log_document("text", {"value": value})
    Judged(run, "rows").skipped("wide", "it is too wide")
    Judged(None, "ambiguous", [run], 3).log_metric("loss", 0.5)

    runlake.flush()
    stored = runlake.get_run(run.run_id)
    files = sorted(file.path for file in runlake.MlflowClient().list_artifacts(run.run_id))
    linked = {key: value for key, value in stored.data.tags.items() if key.startswith("runlake.")}
    assert stored.data.metrics == {"error": 1.0, "error-2": 0.0, "error-3": 1.0, "error-4": 2.0}
    assert files == sorted(
        f"{name}{n}{end}" for name, end in (("curve", ".parquet"), ("text", ".txt"), ("text", ".json")) for n in ("", "-2", "-3")
    )
    assert linked == {
        **{f"runlake.linked_by.{key}": "rows" for key in ("error-4", "curve-3.parquet", "text-3.txt", "text-3.json")},
        "runlake.skipped.wide": "it is too wide",
        "runlake.skipped.loss": "ambiguous: 3 models predicted as many rows, and what was judged is what none of them said",
    }


def test_of_one_name_a_run_takes_so_many(make_run: Callable[[], OfferedRun]) -> None:
    """And says that there were more."""
    run = make_run()
    for value in range(predictions.MOST_OF_A_NAME + 50):
        Judged(run, "content").log_metric("error", value)

    runlake.flush()
    stored = runlake.get_run(run.run_id).data
    assert (len(stored.metrics), stored.metrics["error-100"]) == (100, 99.0)
    assert stored.tags["runlake.skipped.error"] == "there are 100 of it already"


def loop_of(run: OfferedRun, step: int = 3) -> Loop:
    """A loop that has just come to a step, of a library that has made no array here."""
    loop = Loop(run, frozenset({"fractions"}), step)
    predictions.loop_goes_on(loop)
    return loop


def test_what_nobody_is_known_to_have_said_is_the_loops(make_run: Callable[[], OfferedRun]) -> None:
    """At its step, which tells the values of one name from each other; not so where anything else has trained or predicted since."""
    mine, other = make_run(), make_run()
    loop, said = loop_of(mine), np.ones(5)

    answers = [judged([said], loop=loop), judged([said], loop=loop, by_rows=False)]
    predictions.another_speaks()
    answers.append(judged([said], loop=loop))
    loop_of(mine)
    remember_prediction(other, np.zeros(5))
    answers.append(judged([said], loop=loop))

    assert answers == [Judged(mine, "loop", step=3), None, None, Judged(None, "ambiguous", [mine, other], 2)]


class Held:
    """Numbers in the memory of another library."""

    def __init__(self, *numbers: float) -> None:
        self._kept = np.array(numbers)
        self.__array_interface__ = self._kept.__array_interface__


def test_what_lies_in_the_memory_of_a_library_is_its_loops(make_run: Callable[[], OfferedRun]) -> None:
    """Whatever else has predicted as many rows; a model that says the very same makes it nobody's."""
    mine, other = make_run(), make_run()
    loop = Loop(mine, frozenset({Held.__module__.partition(".")[0]}), 3)
    said = np.asarray(Held(1, 2, 3))

    remember_prediction(other, np.zeros(3))
    answers = [judged([said], loop=loop), judged([said.copy()], loop=loop)]
    remember_prediction(other, said.copy())
    answers.append(judged([said], loop=loop))

    assert answers == [
        Judged(mine, "loop", step=3),
        Judged(None, "ambiguous", [mine, other], 2),
        Judged(None, "ambiguous", (other, mine), 2),
    ]


PLUGIN = """
    @hookimpl
    def patches():
        return [
            Patch("toylib.core:Estimator.fit", fit, why="it trains", subclasses=True),
            Patch("toylib.core:Estimator.predict", predict, why="it predicts", role="predict", subclasses=True),
            Patch("toylib.core:checked_train", judge, why="it judges", role="judge"),
            Patch("toylib.core:gone", judge, why="older versions have it", role="judge", optional=True),
        ]

    def fit(call):
        call.run.set_tag("mine", "yes")
        yield
        call.fitted(call.instance)

    def predict(call):
        outcome = yield
        call.predicted(call.instance, outcome)
        SEEN.append(("predicted", type(call.instance).__name__))

    def judge(call):
        outcome = yield
        found = call.judged(call.args[0])
        SEEN.append(("judged", found.linked_by if found is not None else None))

    SEEN = []
    """


def test_what_predicts_and_judges_is_captured_outside_of_all_else(
    toylib: ModuleType, install: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """Only of objects that a run trained; inside of either, and of a training, nothing is; an optional target may be missing."""

    class Mixed:
        def predict(self, rows: Any) -> Any:
            toylib.checked_train("inside a prediction", rounds=1)
            return np.array([1, 2, 3])

    class Model(Mixed, toylib.Estimator):  # type: ignore[misc,name-defined]  # the library is made for the test
        pass

    own = vars(Mixed)["predict"]
    install("judging", PLUGIN)
    unrecorded = Model()
    runlake.autolog("judging")
    seen: list[Any] = sys.modules["runlake_judging"].SEEN

    class Later(Mixed, toylib.Estimator):  # type: ignore[misc,name-defined]  # the library is made for the test
        pass

    unrecorded.predict([1])
    assert [what for what, _ in seen] == ["judged"]  # what an unrecorded model does is its own
    seen.clear()
    model, later = Model(), Later()
    model.fit("data"), later.fit("data")
    toylib.checked_train(model.predict([1]), rounds=1)
    toylib.checked_train("nobody's", rounds=1)
    later.predict([1])

    assert seen == [("predicted", "Model"), ("judged", "identity"), ("judged", None), ("predicted", "Later")]
    assert "gone" not in caplog.text
    runlake.disable_autolog()
    assert vars(Mixed)["predict"] is own
