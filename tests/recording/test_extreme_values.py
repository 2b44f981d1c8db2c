"""What programs log without meaning to: numbers of every sort, keys of any letters, objects that misbehave, very much at once."""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock, Mock

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

import runlake
from children import run_program
from reading import series
from runlake.cli import cli
from runlake.entities.params import kind_of, typed
from runlake.recording import flusher
from runlake.recording.values import MAX_TEXT, as_value
from runlake.store import frames

REALS = [np.bool_, np.int8, np.int16, np.int32, np.int64, np.uint8, np.uint16, np.uint32, np.uint64, np.float16, np.float32, np.float64]


def bits(number: float) -> bytes:
    """The double as it lies in memory, so that NaN equals NaN and 0.0 is not -0.0."""
    return struct.pack("<d", number)


@given(
    st.floats()
    | st.integers(-(2**70), 2**70)
    | st.decimals(allow_nan=False)
    | st.fractions()
    | st.sampled_from([number(1) for number in [*REALS, np.longdouble]])
)
def test_every_real_number_is_the_nearest_double_or_refused(value: Any) -> None:
    """No infinity stands for what is merely great."""
    try:
        expected = float(value)
    except OverflowError:
        expected = math.inf
    if math.isinf(expected) and value not in (math.inf, -math.inf):
        with pytest.raises(runlake.InvalidValue, match="does not fit a double"):
            as_value("x", value)
    else:
        assert bits(float(as_value("x", value))) == bits(expected)


@pytest.mark.parametrize("kind", [kind.__name__ for kind in REALS])
def test_every_scalar_of_numpy_comes_back_as_metric_and_param(kind: str, store: Path) -> None:
    """As the plain value that it holds."""
    scalar = getattr(np, kind.replace("bool_", "bool"))(1)
    with runlake.start_run() as run:
        runlake.log_metric("m", scalar)
        runlake.log_metric("m", np.array(scalar))
        runlake.log_param("p", scalar)

    assert series(run.run_id, "m") == [(0, 1.0), (1, 1.0)]
    assert runlake.get_run(run.run_id).params["p"] == scalar.item()


@pytest.mark.parametrize("kind", ["bool", "uint8", "int64", "float16", "bfloat16", "float32", "float64"])
def test_every_scalar_of_torch_comes_back_as_a_metric_and_its_text_as_a_param(kind: str, store: Path) -> None:
    """A tensor is asked for its number by the thread that writes; as a param it is what it prints as."""
    torch = pytest.importorskip("torch")
    tensor = torch.tensor(1, dtype=getattr(torch, kind))
    with runlake.start_run() as run:
        runlake.log_metric("m", tensor)
        runlake.log_param("p", tensor)

    assert series(run.run_id, "m") == [(0, 1.0)]
    assert runlake.get_run(run.run_id).params["p"] == str(tensor)


def test_what_is_masked_is_missing(store: Path) -> None:
    """And not the number that lies under the mask."""
    with runlake.start_run() as run:
        runlake.log_metric("one", np.ma.masked)
        runlake.log_batch("many", np.ma.masked_array([1.0, 7.0, 3.0], [False, True, False]))
        runlake.log_batch("whole", np.ma.masked_array([1, 7], [False, True]))

    found = {key: [value for _, value in series(run.run_id, key)] for key in ("one", "many", "whole")}
    assert [list(map(bits, values)) for values in found.values()] == [
        [bits(math.nan)],
        [bits(1.0), bits(math.nan), bits(3.0)],
        [bits(1.0), bits(math.nan)],
    ]


@pytest.mark.parametrize(
    "values",
    [np.array(["1.5"]), np.array([1j]), np.array(["2020"], "M8[ns]"), np.array([5], "m8[s]"), np.zeros(1, "i4,f4"), np.array([{}])],
)
def test_an_array_of_something_else_is_refused(values: Any, store: Path) -> None:
    """NumPy would make numbers of most of them."""
    with runlake.start_run() as run, pytest.raises(runlake.InvalidValue, match="The values of 'x' are numbers"):
        runlake.log_batch("x", values)

    assert series(run.run_id, "x") == []


class Answering:
    """It has an answer to everything."""

    def __getattr__(self, name: str) -> Answering:
        return Answering()


class Equal:
    """Compared, it gives an array."""

    shape = ()

    def __eq__(self, other: object) -> Any:
        return np.array([1, 2])

    __hash__ = None  # type: ignore[assignment]  # as NumPy's arrays


class Liar:
    """It says that it is of another class."""

    def __init__(self, kind: type | None) -> None:
        self.kind = kind

    @property  # type: ignore[misc]  # that it is another is the point
    def __class__(self) -> Any:
        if self.kind is None:
            raise RuntimeError("I will not say")
        return self.kind

    def __repr__(self) -> str:
        return "a liar"


class Undecided:
    """It is neither true nor false, and has no length."""

    def __bool__(self) -> bool:
        raise ValueError("ambiguous")

    def __len__(self) -> int:
        raise ValueError("unknown")


class OddList(list[int]):
    """It cannot be compared."""

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("do not compare me")


class OnADevice:
    """Its number cannot be had."""

    shape = ()

    def item(self) -> float:
        """Fail as a library would."""
        raise RuntimeError("computed!")

    __float__ = item


def cyclic() -> list[Any]:
    """A list that holds itself."""
    found: list[Any] = []
    found.append(found)
    return found


def deep(depth: int) -> list[Any]:
    """A list in a list in a list."""
    found: list[Any] = []
    for _ in range(depth):
        found = [found]
    return found


ODD: dict[str, Callable[[], Any]] = {
    "answering": Answering,
    "equal": Equal,
    "says int": lambda: Liar(int),
    "says bool": lambda: Liar(bool),
    "says float": lambda: Liar(float),
    "says none": lambda: Liar(type(None)),
    "says list": lambda: Liar(list),
    "says text": lambda: Liar(str),
    "says nothing": lambda: Liar(None),
    "undecided": Undecided,
    "odd list": lambda: OddList([1]),
    "on a device": OnADevice,
    "mock": Mock,
    "magic": MagicMock,
    "cyclic": cyclic,
    "not a time": lambda: np.datetime64("NaT"),
    "time": lambda: np.datetime64("2020", "ns"),
    "span": lambda: np.timedelta64(5, "ns"),
    "signaling": lambda: Decimal("sNaN"),
    "complex": lambda: 1j,
    "record": lambda: np.zeros(1, "i4,f4")[0],
    "half a pair": lambda: "\ud800",
    "letters": lambda: "\0\x1b[31m\u202e\r\n",
    "array": lambda: np.zeros((2, 2)),
    "great": lambda: Fraction(10**400),
}


def test_an_integer_of_more_digits_than_python_reads_is_its_text() -> None:
    """A forged row costs nobody the other params."""
    assert (typed("int", "9" * 5000), typed("int", "-12")) == ("9" * 5000, -12)


@pytest.mark.parametrize("name", ODD)
def test_an_odd_object_is_kept_as_its_text_and_is_no_metric(name: str, store: Path) -> None:
    """Nothing but InvalidValue is raised, and what it is logged beside is there."""
    value = ODD[name]()
    with runlake.start_run() as run:
        runlake.log_params({"odd": value, "beside": 1})
        runlake.set_tag("odd", value)
        if name not in ("magic", "on a device"):  # which may be numbers; that is known when they are read
            with pytest.raises(runlake.InvalidValue, match="'odd'"):
                runlake.log_metric("odd", value)
        runlake.log_metric("beside", 1.0)
    read = runlake.get_run(run.run_id)

    text = str(value).encode(errors="backslashreplace").decode()
    assert (str(read.params["odd"]), read.tags["odd"], read.params["beside"]) == (text, text, 1)
    assert series(run.run_id, "beside") == [(0, 1.0)]


class Exiting:
    """Printed, it ends the program."""

    def __repr__(self) -> str:
        raise SystemExit(3)


class Long:
    """Its text is as long as memory is."""

    def __repr__(self) -> str:
        return "x" * 2**28


@pytest.mark.parametrize("value", [Exiting(), Long(), deep(10_000), 10**5000], ids=["exiting", "long", "deep", "great"])
def test_what_has_no_text_or_too_much_is_refused_whole(value: Any, store: Path) -> None:
    """Nothing of the call stays, and the run goes on."""
    with runlake.start_run() as run:
        for log in (runlake.log_params, runlake.set_tags, runlake.log_metrics):
            with pytest.raises(runlake.InvalidValue, match="'bad'") as raised:
                log({"good": 1, "bad": value})
            assert len(str(raised.value)) < 500
        runlake.log_param("after", 1)
    read = runlake.get_run(run.run_id)

    assert (read.params, read.tags.get("good"), read.data.metrics) == ({"after": 1}, None, {})


def test_a_text_of_the_greatest_length_comes_back(store: Path) -> None:
    """One letter more is an artifact."""
    with runlake.start_run() as run:
        runlake.log_param("p", "x" * MAX_TEXT)
        runlake.set_tag("t", "ü" * MAX_TEXT)
        with pytest.raises(runlake.InvalidValue, match=r"at most 1,048,576 letters.*log_text"):
            runlake.log_param("longer", "x" * (MAX_TEXT + 1))
    read = runlake.get_run(run.run_id)

    assert (len(read.params["p"]), read.tags["t"]) == (MAX_TEXT, "ü" * MAX_TEXT)


@pytest.mark.parametrize("make", [lambda: deep(10_000), cyclic], ids=["deep", "cyclic"])
@pytest.mark.parametrize("name", ["a.json", "a.yaml"])
def test_a_document_without_an_end_is_refused(make: Callable[[], Any], name: str, store: Path) -> None:
    """As a table, too."""
    with runlake.start_run() as run:
        with pytest.raises(runlake.InvalidValue, match=r"a.json|a.yaml"):
            runlake.log_dict({"a": make()}, name)
        with pytest.raises(runlake.InvalidValue, match="table"):
            runlake.log_table({"a": [make()]}, "t.json")

    assert [name for name in runlake.get_run(run.run_id).artifacts if name[0] in "at"] == []


@given(st.recursive(st.none() | st.booleans() | st.floats() | st.text(), lambda inner: st.lists(inner) | st.tuples(inner)))
def test_the_kind_of_a_value_never_promises_too_much(value: Any) -> None:
    """What is read back prints as what was given."""
    assert str(typed(kind_of(value), str(value))) == str(value)


KEYS = [
    "a\0b",
    "\u202eabc",
    "__proto__",
    "constructor",
    "../x",
    "/abs",
    "=cmd|'/C calc'!A0",
    "a\nb",
    "\r",
    "\x1b[31mred\x07",
    "\x9b31m",
    "..",
    "a/b",
    "a\\b",
    "con",
    "a\u2028b",
    "\ufeff",
    "'; drop table",
    "%s{}",
    "a`b",
    'q"u',
    " lead ",
    "x" * 4096,
    "🙂" * 1024,
]


def printed(*arguments: str) -> str:
    """What a command writes."""
    return CliRunner().invoke(cli, list(arguments), catch_exceptions=False).stdout


def test_keys_of_any_letters_are_read_back_and_never_obeyed_by_a_terminal(store: Path) -> None:
    """By every reader; for people what a terminal would obey is left out, for programs it is escaped."""
    given = {key: number for number, key in enumerate(KEYS)}
    with runlake.start_run() as run:
        runlake.log_params(given)
        runlake.set_tags({key: key for key in KEYS})
        runlake.log_metrics(given)
    read = runlake.get_run(run.run_id)
    (row,) = runlake.search_runs().to_dict("records")

    assert read.params == given
    assert {key: read.tags[key] for key in KEYS} == {key: key for key in KEYS}
    assert {key: row[f"metrics.{key}"] for key in KEYS} == given
    assert runlake.RunlakeClient().get_run(run.run_id).data.metrics == given
    for command in (["show", run.run_id], ["ls"], ["show", run.run_id, "--json"], ["ls", "--json"]):
        text = printed(*command)
        assert [letter for letter in text if not letter.isprintable() and letter != "\n"] == [], command
    assert json.loads(printed("show", run.run_id, "--json"))["params"] == given


REFUSED = ["\ud800", "", "\r", "k" * 2**20]


@pytest.mark.parametrize("name", sorted({*KEYS, *REFUSED}), ids=lambda name: ascii(name[:20]))
def test_an_experiment_is_named_so_or_refused_and_there_is_nothing_half_done(name: str, store: Path) -> None:
    """Its tags as well; half a surrogate pair in a tag is written out."""
    if name in REFUSED:
        with pytest.raises(runlake.InvalidValue) as raised:
            runlake.set_experiment(name)
        assert len(str(raised.value).encode()) < 500  # and no half of a pair in it
        assert [each.name for each in runlake.search_experiments()] in (["Default"], [])
        return
    runlake.set_experiment(name)
    runlake.set_experiment_tag(name, "\ud800")

    (found,) = [each for each in runlake.search_experiments() if each.name != "Default"]
    assert (found.name, found.tags) == (name, {name: "\\ud800"})


@pytest.mark.parametrize("text", ["\ud800", "a\0b", "k" * 2**20])
def test_names_and_notes_of_runs_and_data_sets_stay_readable(text: str, store: Path) -> None:
    """In the page of the run, and as JSON."""
    with runlake.start_run(description=text) as run:
        runlake.log_input(runlake.data.from_numpy(np.zeros(3), name=text, source=text), "train", {"note": text})

    printed("show", run.run_id)
    (used,) = json.loads(printed("show", run.run_id, "--json"))["datasets"]
    assert used["name"] == text


MILLION = """
import resource, sys, time
import runlake
def resident():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
params = {f"p{n}": n for n in range(1_000_000)}
run = runlake.start_run()
runlake.flush()
before, began = resident(), time.perf_counter()
run.log_params(params)
runlake.flush()
print(run.run_id, time.perf_counter() - began, resident() - before)
"""


@pytest.mark.long
def test_a_million_params_are_taken_in_bounds_and_all_there(tmp_path: Path) -> None:
    """Half a GiB above what the program had; the bound on the time is that of a slow machine."""
    done = run_program(MILLION, tmp_path / "lake", timeout=120, RUNLAKE_JOBS="off")

    assert done.returncode == 0, done.stderr[-2000:]
    run_id, seconds, megabytes = done.stdout.split()
    run = runlake.read.open_store(tmp_path / "lake").run(run_id)
    assert (float(seconds) < 40, float(megabytes) < 600, len(run.params)) == (True, True, 1_000_000)


def test_long_texts_that_wait_together_are_written_a_few_at_a_time(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Together they may be more than the store takes at once."""
    monkeypatch.setattr(flusher, "FRAME_CHARACTERS", 50_000)
    monkeypatch.setattr(frames, "MAX_PAYLOAD", 100_000)
    with runlake.start_run() as run:
        runlake.set_tags({f"tag{number}": "x" * 20_000 for number in range(50)})

    tags = runlake.get_run(run.run_id).tags

    assert [len(tags[f"tag{number}"]) for number in range(50)] == [20_000] * 50
