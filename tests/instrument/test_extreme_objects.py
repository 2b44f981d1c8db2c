"""A library that is given odd things gives what it gives without us, and its run is there."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest.mock import MagicMock, Mock

import numpy as np
import pytest

import runlake
from runlake.analysis.dataset import described, fingerprint
from runlake.analysis.sample import sample_bytes
from runlake.instrument.rows import kind_of, n_rows
from runlake.models.signatures import schema_of
from toys import rows

Install = Callable[..., None]

OFFERING = """
def capture(call):
    call.run.log_params({"before": 1, "odd": call.args[0], "after": 2})
    call.run.set_tags({"odd": call.args[0], "beside": "x"})
    yield

@hookimpl
def patches():
    return [Patch("toylib.core:train", capture, why="to offer what it is given")]
"""


class Printed:
    """It does something when it is printed, and counts how often."""

    def __init__(self, act: Callable[[], str]) -> None:
        self.act = act
        self.times = 0

    def __repr__(self) -> str:
        self.times += 1
        return self.act()


def slow() -> str:
    """Take a while."""
    time.sleep(0.05)
    return "slow"


def failing() -> str:
    """Fail."""
    raise RuntimeError("no text")


def leaving() -> str:
    """Leave the program."""
    raise SystemExit(3)


def deep(depth: int) -> list[Any]:
    """A list in a list in a list."""
    found: list[Any] = []
    for _ in range(depth):
        found = [found]
    return found


def cyclic() -> list[Any]:
    """A list that holds itself."""
    found: list[Any] = [1]
    found.append(found)
    return found


ODD: dict[str, tuple[Callable[[], Any], str]] = {
    "slow": (lambda: Printed(slow), "slow"),
    "failing": (lambda: Printed(failing), "<Printed, which has no text: RuntimeError>"),
    "leaving": (lambda: Printed(leaving), "<Printed, which has no text: SystemExit>"),
    "long": (lambda: Printed(lambda: "x" * 2**24), "x" * 1000 + "... (16,777,216 letters)"),
    "deep": (lambda: deep(10_000), "<list, which has no text: RecursionError>"),
    "cyclic": (cyclic, "[1, [...]]"),
    "mock": (lambda: Mock(name="m"), "<Mock"),
    "magic": (lambda: MagicMock(name="m"), "<MagicMock"),
    "lock": (threading.Lock, "<unlocked"),
}


@pytest.mark.parametrize("name", ODD)
def test_what_has_no_text_costs_the_others_nothing(name: str, toylib: ModuleType, install: Install, store: Path) -> None:
    """The training is the same, and the params and tags beside it are there; what there is to say of it is said."""
    make, said = ODD[name]
    install("offering", OFFERING)
    runlake.autolog("offering")

    assert toylib.train(make(), 3).best_round == 2

    (run,) = rows(store)
    assert (str(run.info.status), run.params["before"], run.params["after"], run.tags["beside"]) == ("FINISHED", 1, 2, "x")
    assert str(run.params["odd"]).startswith(said)
    assert run.tags["odd"].startswith(said)
    assert run.errors == []


def test_many_long_texts_do_not_hold_up_the_store(toylib: ModuleType, install: Install, store: Path) -> None:
    """A text that is longer than a file of the store may be would be tried again and again, and nothing else be written."""
    install("offering", OFFERING)
    runlake.autolog("offering")

    for _ in range(3):
        toylib.train(Printed(lambda: "x" * 2**24), 3)

    assert runlake.flush(timeout=20)
    assert [str(run.info.status) for run in rows(store)] == ["FINISHED"] * 3


class Answering:
    """It has an answer to everything."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return Answering()


class Lazy:
    """Data that would have to be computed, or moved here, to be looked at; it counts who does that."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def __getattr__(self, name: str) -> Any:
        if name not in ("compute", "collect", "cpu", "item", "numpy", "to_numpy", "tolist", "persist", "fetch"):
            raise AttributeError(name)

        def compute(*_: Any) -> None:
            self.asked.append(name)
            raise RuntimeError("computed!")

        return compute

    def __iter__(self) -> Iterator[Any]:
        self.asked.append("iter")
        raise RuntimeError("iterated!")

    def __len__(self) -> int:
        self.asked.append("len")
        raise RuntimeError("counted!")

    def __bool__(self) -> bool:
        self.asked.append("bool")
        raise RuntimeError("decided!")


class LazyFrame(Lazy):
    """One with the names of its columns."""

    columns = ("a", "b")
    dtypes = ("int64", "int64")


class Tensor(Lazy):
    """One with a shape, as those on a device have."""

    shape = (3, 2)
    dtype = "float32"
    device = "far away"


@pytest.mark.parametrize("kind", [Lazy, LazyFrame, Tensor])
def test_data_that_is_not_computed_yet_stays_so(kind: type[Lazy]) -> None:
    """Its type is all that is known of it."""
    data = kind()

    found = described("train", data)

    assert (kind_of(data), n_rows(data), schema_of(data), fingerprint(data)) == (None, None, None, fingerprint(kind()))
    assert kind.__name__ in found.schema
    assert sample_bytes(data, None) == f"rows of {kind.__name__} cannot be kept"
    assert data.asked == []


@pytest.mark.parametrize(
    "make", [lambda: iter([1, 2]), lambda: (n for n in [1, 2]), lambda: map(int, [1, 2]), lambda: zip([1, 2], strict=True)]
)
def test_what_can_be_read_only_once_is_left_for_the_training(make: Callable[[], Iterator[Any]]) -> None:
    """Looking at it takes nothing from it."""
    data = make()
    whole = list(make())

    described("train", data, targets=data)
    schema_of(data)
    sample_bytes(data, data)

    assert list(data) == whole


def named(names: list[Any]) -> Any:
    """A table of Arrow whose names may repeat."""
    pa = pytest.importorskip("pyarrow")
    return pa.table([[float(n), 2.0] for n in range(len(names))], names=names)


def test_columns_of_one_name_are_told_apart_by_their_places() -> None:
    """Of a table of Arrow as of a frame."""
    found = described("train", named(["a", "a", "b"]))

    assert '"name": "a"' in found.schema
    assert found.schema.count('"name"') == 3
    assert [column.name for column in schema_of(named(["a", "a"])).inputs] == ["a", "a"]  # type: ignore[union-attr]  # it has a schema


@pytest.mark.parametrize("make", [cyclic, lambda: deep(10_000)], ids=["cyclic", "deep"])
def test_a_list_without_an_end_is_data_all_the_same(make: Callable[[], Any]) -> None:
    """Of which the type is known."""
    assert "list of" in described("train", make()).schema


@pytest.mark.parametrize(
    "data",
    [
        np.array([[1, 2], [3, 4]], np.longdouble),
        np.array([[10**400], [1]], object),
        np.array([[np.inf], [np.nan]]),
        np.zeros((0, 2)),
        np.zeros((2, 0)),
    ],
    ids=["long doubles", "great numbers", "no numbers", "no rows", "no columns"],
)
def test_numbers_of_any_size_are_sketched_or_left_out(data: Any) -> None:
    """What is known of the data is JSON."""
    found = described("train", data)

    assert found.schema.startswith('{"columns"')
    assert found.profile.startswith('{"num_rows"')


def test_a_frame_of_very_many_columns_takes_no_longer_than_its_names(store: Path) -> None:
    """Some of the columns are looked into; a change in the types of any is seen, and nothing takes long enough to be cut off."""
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(np.zeros((20, 100_000)))
    began = time.thread_time()

    found, schema = described("train", frame), schema_of(frame)

    assert time.thread_time() - began < 2.0
    assert found.schema.count('"name"') == 100_000
    assert [each.to_dict() for each in schema.inputs] == [  # type: ignore[union-attr]  # it has a schema
        {"type": "tensor", "tensor-spec": {"dtype": "float64", "shape": [-1, 100_000]}}
    ]
    frame.isetitem(50_000, np.zeros(20, np.int64))
    assert found.digest != described("train", frame).digest
