"""What people call a run or an experiment, and which one that is."""

from __future__ import annotations

from pathlib import Path

import pytest

import runlake
from runlake.entities import Experiment
from runlake.errors import InvalidFilter, InvalidValue, UnknownExperiment, UnknownRun
from runlake.read import Run, open_store
from runlake.read.naming import find_experiment, find_run


def add(name: str, **metrics: list[float]) -> str:
    """A run with these series; its id."""
    with runlake.start_run(run_name=name) as run:
        for key, values in metrics.items():
            runlake.log_batch(key, values)
    return str(run.run_id)


def found(text: str) -> Run:
    """The run that is meant in the store in use."""
    runlake.flush()
    return find_run(open_store(), text)


@pytest.mark.usefixtures("store")
def test_a_run_goes_by_its_name_its_id_and_the_beginning_of_that() -> None:
    """Whichever is at hand."""
    run_id = add("brave otter")
    add("calm-fox")

    assert [found(text).info.run_id for text in ("brave otter", run_id, run_id[:-1])] == [run_id] * 3


@pytest.mark.usefixtures("store")
def test_what_is_found_reads_as_any_run() -> None:
    """Series and all."""
    add("one", loss=[3.0, 1.0, 2.0])

    assert (found("one").metrics["loss"].best_step, found("one").params) == (1, {})


@pytest.mark.usefixtures("store")
def test_a_name_that_several_have_is_an_error_that_lists_them() -> None:
    """Five of them, with what tells them apart."""
    ids = {add("twin") for _ in range(6)}

    with pytest.raises(InvalidValue) as raised:
        found("twin")
    first, *lines, more = str(raised.value).splitlines()
    assert first == "'twin' may mean each of 6 runs: say which by its id."
    assert len({line.split()[0] for line in lines} & ids) == 5
    assert all(line.endswith("'twin'") for line in lines)
    assert more == "  ..."


@pytest.mark.usefixtures("store")
def test_a_few_letters_are_no_id() -> None:
    """Four at least."""
    run_id = add("one")

    with pytest.raises(UnknownRun):
        found(run_id[:3])
    assert found(run_id[:4]).info.run_id == run_id


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize("text", ["", "%", "run_id", "o'ne", "ON%", "_ne", "one\n", "`one`", "x" * 100_000])
def test_what_names_no_run_is_unknown(text: str) -> None:
    """Whatever it has in it."""
    add("one")

    with pytest.raises(UnknownRun):
        found(text)


@pytest.mark.usefixtures("store")
def test_the_nearest_names_are_told() -> None:
    """A slip of the finger is mended at once."""
    add("brave-otter")
    add("brave-otter")
    add("calm-fox")

    with pytest.raises(UnknownRun, match=r"is named 'brave-oter', nor has an id that begins so; did you mean 'brave-otter'\?$"):
        found("brave-oter")


@pytest.mark.usefixtures("store")
def test_a_run_that_is_there_comes_before_a_deleted_one() -> None:
    """Which can be named all the same, where it is the only one."""
    gone, there, other = add("one"), add("one"), add("two")
    runlake.delete_run(gone)
    runlake.delete_run(other)

    assert [found(text).info.run_id for text in ("one", "two", gone)] == [there, other, gone]


@pytest.mark.usefixtures("store")
def test_the_last_run_is_the_newest_that_is_inside_no_other() -> None:
    """A search's trials are not what somebody has just done."""
    add("first")
    with runlake.start_run(run_name="search"), runlake.start_run(run_name="trial", nested=True):
        pass

    assert found("@last").info.run_name == "search"


@pytest.mark.usefixtures("store")
def test_the_best_run_is_the_best_by_the_direction_of_the_metric() -> None:
    """By its best value, or by what is said to be wanted of it."""
    add("a", loss=[3.0, 0.1, 2.0], acc=[0.9, 0.1])
    add("b", loss=[3.0, 0.2, 0.3], acc=[0.8, 0.85])

    names = [
        found(f"@best({metric})").info.run_name
        for metric in ("loss", "metrics.loss", "loss.last", "metrics.loss.max", "acc", "acc.last", "acc@best(loss)")
    ]
    assert names == ["a", "a", "b", "b", "a", "b", "b"]


@pytest.mark.usefixtures("store")
def test_a_goal_that_was_set_turns_it_around() -> None:
    """What a run was told counts more than the name."""
    add("low", loss=[1.0])
    with runlake.start_run(run_name="high"):
        runlake.set_metric_goal("loss", "max")
        runlake.log_metric("loss", 2.0)

    assert found("@best(loss)").info.run_name == "high"


@pytest.mark.usefixtures("store")
def test_a_value_that_is_no_number_is_never_the_best() -> None:
    """Even where there is no other."""
    add("nan", loss=[float("nan")])
    with pytest.raises(UnknownRun, match="none has a value"):
        found("@best(loss)")

    add("bad", loss=[1e9])
    assert found("@best(loss)").info.run_name == "bad"


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize(
    ("text", "error", "says"),
    [
        ("@first", InvalidValue, "there are @last"),
        ("@best", InvalidValue, "there are @last"),
        ("@best(duration)", InvalidValue, "no metric"),
        ("@best(lr)", InvalidValue, "no metric"),
        ("@best(los)", InvalidFilter, "did you mean 'loss'"),
        ("@best(loss DESC)", InvalidFilter, "joined"),
        ("@best()", InvalidFilter, "expected"),
    ],
)
def test_a_mark_that_means_nothing_is_told(text: str, error: type[Exception], says: str) -> None:
    """With what there is."""
    with runlake.start_run(run_name="one"):
        runlake.log_param("lr", 0.1)
        runlake.log_metric("loss", 1.0)

    with pytest.raises(error, match=says):
        found(text)


@pytest.mark.usefixtures("store")
def test_an_empty_store_has_no_last_run() -> None:
    """Nor any other."""
    runlake.create_experiment("empty")

    with pytest.raises(UnknownRun, match="none is there yet"):
        found("@last")
    with pytest.raises(UnknownRun, match="it has no runs yet"):
        found("one")


def test_an_experiment_goes_by_its_id_and_its_name() -> None:
    """An id comes first: a name may be any text."""
    shelves = [Experiment("0", "Default", ""), Experiment("1", "2", ""), Experiment("2", "chürn", "")]

    assert [find_experiment(shelves, text).experiment_id for text in ("0", "Default", "2", "chürn")] == ["0", "0", "2", "2"]
    with pytest.raises(UnknownExperiment, match=r"no experiment 'churn'; did you mean 'chürn'\?"):
        find_experiment(shelves, "churn")


def test_the_path_of_the_store_is_named(store: Path) -> None:
    """Since it may be another one than was thought of."""
    add("one")

    with pytest.raises(UnknownRun, match=str(store)):
        found("three")
