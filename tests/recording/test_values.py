"""What may be the value, the key and the step of a metric, and how it comes back."""

from __future__ import annotations

import math
import struct
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import runlake
from reading import series
from runlake.recording.values import as_key, as_step, as_value


class Tensor:
    """What a library's tensor on a device looks like; reading it waits for the device."""

    shape = ()

    def __init__(self, value: float) -> None:
        self.value = value
        self.reads = 0

    def detach(self) -> Tensor:
        """The same numbers without their history."""
        return self

    def clone(self) -> Tensor:
        """A copy that later changes do not reach."""
        return Tensor(self.value)

    def item(self) -> float:
        """Wait, and give the number."""
        return self.value


class BrokenTensor(Tensor):
    """A tensor whose device has died since."""

    def clone(self) -> BrokenTensor:
        """A copy that is broken as well."""
        return self

    def item(self) -> float:
        """Fail as a library would."""
        raise RuntimeError("the device is gone")


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        (1, 1.0),
        (True, 1.0),
        (np.float64(0.1), 0.1),
        (np.float32(0.5), 0.5),
        (np.float16(0.25), 0.25),
        (np.int64(7), 7.0),
        (np.bool_(True), 1.0),
        (np.array(2.5), 2.5),
        (np.array([3.5]), 3.5),
        (Decimal("0.125"), 0.125),
        (Fraction(1, 4), 0.25),
        (Tensor(1.5), 1.5),
        (2**53, float(2**53)),
    ],
)
def test_whatever_is_one_number_is_stored_as_it(store: Path, given: Any, stored: float) -> None:
    """Python's, NumPy's and tensors of one element."""
    with runlake.start_run() as run:
        runlake.log_metric("value", given)

    assert series(run.run_id, "value") == [(0, stored)]


def bits(numbers: list[float]) -> list[bytes]:
    """The doubles as they lie in memory, so that NaN equals NaN and 0.0 is not -0.0."""
    return [struct.pack("<d", number) for number in numbers]


def test_special_doubles_come_back_bit_by_bit(store: Path) -> None:
    """Infinities, NaN, the negative zero and subnormals, by each of the three verbs."""
    special = [math.inf, -math.inf, math.nan, -0.0, 5e-324, 1.7976931348623157e308]
    with runlake.start_run() as run:
        for value in special:
            runlake.log_metric("one", value)
            runlake.log_metrics({"many": value})
        runlake.log_batch("array", np.array(special))
        runlake.log_batch("list", special)

    for key in ("one", "many", "array", "list"):
        assert bits([value for _, value in series(run.run_id, key)]) == bits(special)


def test_a_tensor_that_changes_later_is_stored_as_it_was(store: Path) -> None:
    """The loop goes on in place; the array and the tensor were copied."""
    array, tensor = np.array(1.0), Tensor(1.0)
    with runlake.start_run() as run:
        runlake.log_metric("array", array)
        runlake.log_metric("tensor", tensor)
        array[()], tensor.value = 2.0, 2.0

    assert (series(run.run_id, "array"), series(run.run_id, "tensor")) == ([(0, 1.0)], [(0, 1.0)])


def test_a_value_that_cannot_be_read_costs_only_itself(store: Path) -> None:
    """Its neighbours are stored, and the run says what is missing."""
    with runlake.start_run() as run:
        for step, value in enumerate([1.0, BrokenTensor(0.0), 3.0]):
            runlake.log_metric("loss", value, step=step)
        runlake.log_metrics({"a": 1.0, "b": BrokenTensor(0.0)}, step=0)

    assert (series(run.run_id, "loss"), series(run.run_id, "a"), series(run.run_id, "b")) == ([(0, 1.0), (2, 3.0)], [(0, 1.0)], [])
    errors = runlake.read.open_store().runs()[0].errors
    assert [error.partition(":")[0] for error in errors] == ["loss", "b"]
    assert "step 1" in errors[0]
    assert "the device is gone" in errors[0]


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("0.5", "is a number, not str: '0.5'"),
        (None, "is a number, not NoneType"),
        ([1.0], "is a number, not list"),
        (1j, "is a number, not complex"),
        (np.array([1.0, 2.0]), r"not an array of shape \(2,\)"),
        (np.array("x"), "is a number, not str"),
        (10**400, "does not fit a double"),
    ],
)
def test_what_is_no_number_is_refused_at_once_and_leaves_nothing(store: Path, value: Any, said: str) -> None:
    """The error names the key and shows the value; the other metrics of the call are not logged either."""
    with runlake.start_run() as run:
        with pytest.raises(runlake.InvalidValue, match=f"'bad' .*{said}"):
            runlake.log_metric("bad", value)
        with pytest.raises(ValueError, match="'bad'"):
            runlake.log_metrics({"good": 1.0, "bad": value})

    assert (series(run.run_id, "bad"), series(run.run_id, "good")) == ([], [])


@pytest.mark.parametrize("key", ["", "k" * 4097, "ü" * 2049, "\ud800", 5, None, ["a"], b"a"])
def test_what_is_no_key_is_refused(store: Path, key: Any) -> None:
    """By each of the three verbs."""
    with runlake.start_run():
        with pytest.raises(runlake.InvalidValue):
            runlake.log_metric(key, 1.0)
        with pytest.raises(runlake.InvalidValue):
            runlake.log_batch(key, [1.0])
        if key.__hash__ is not None:
            with pytest.raises(runlake.InvalidValue):
                runlake.log_metrics({key: 1.0})


@pytest.mark.parametrize("key", ["loss", "k" * 4096, "a b/ü.\n\0☃", "..", "@%(x)s"])
def test_any_other_text_is_a_key(store: Path, key: str) -> None:
    """There are no forbidden characters."""
    with runlake.start_run() as run:
        runlake.log_metric(key, 1.0)

    assert series(run.run_id, key) == [(0, 1.0)]


@pytest.mark.parametrize("step", ["1", 1.5, 2**63, -(2**63) - 1, [1], math.nan])
def test_what_is_no_step_is_refused(store: Path, step: Any) -> None:
    """By each of the three verbs."""
    with runlake.start_run():
        with pytest.raises(runlake.InvalidValue, match="step"):
            runlake.log_metric("loss", 1.0, step=step)
        with pytest.raises(runlake.InvalidValue, match="step"):
            runlake.log_metrics({"loss": 1.0}, step=step)
        with pytest.raises(runlake.InvalidValue, match="step"):
            runlake.log_batch("loss", [1.0], steps=[step])


def test_steps_count_on_from_the_greatest(store: Path) -> None:
    """Given and counted steps, by all three verbs, in one series."""
    with runlake.start_run() as run:
        runlake.log_metric("loss", 0.0)
        runlake.log_metric("loss", 1.0, step=np.int64(10))
        runlake.log_metric("loss", 2.0, step=5.0)
        runlake.log_metric("loss", 3.0)
        runlake.log_metrics({"loss": 4.0})
        runlake.log_batch("loss", [5.0, 6.0])
        runlake.log_metrics({"loss": 7.0})

    assert series(run.run_id, "loss") == [(0, 0.0), (5, 2.0), (10, 1.0), (11, 3.0), (12, 4.0), (13, 5.0), (14, 6.0), (15, 7.0)]


def test_late_and_repeated_steps_are_all_kept(store: Path) -> None:
    """Read by step, then by time."""
    with runlake.start_run() as run:
        for step, value in [(3, 1.0), (1, 2.0), (3, 3.0), (-2, 4.0)]:
            runlake.log_metric("loss", value, step=step)

    assert series(run.run_id, "loss") == [(-2, 4.0), (1, 2.0), (3, 1.0), (3, 3.0)]


def test_a_batch_keeps_its_own_copy_and_its_times(store: Path) -> None:
    """Steps and milliseconds beside the values."""
    values = np.array([1.0, 2.0])
    with runlake.start_run() as run:
        runlake.log_batch("loss", values, steps=[4, 5], timestamps=[1000, 2000])
        values[:] = 0.0

    assert series(run.run_id, "loss") == [(4, 1.0), (5, 2.0)]
    assert runlake.read.open_store().points(run.run_id)["wall_ns"].to_pylist() == [1_000_000_000, 2_000_000_000]


def test_a_batch_longer_than_a_frame_is_whole(store: Path) -> None:
    """It is cut into frames and read as one series."""
    with runlake.start_run() as run:
        runlake.log_batch("long", np.arange(150_000.0))

    points = runlake.read.open_store().points(run.run_id, "long")
    assert np.array_equal(points["value"].to_numpy(), np.arange(150_000.0))
    assert np.array_equal(points["step"].to_numpy(), np.arange(150_000))


def test_an_empty_batch_is_nothing_and_a_ragged_one_is_refused(store: Path) -> None:
    """As many steps as values."""
    with runlake.start_run():
        runlake.log_batch("loss", [])
        with pytest.raises(runlake.InvalidValue, match="2 values, and the steps of 'loss' are 1"):
            runlake.log_batch("loss", [1.0, 2.0], steps=[1])
        with pytest.raises(runlake.InvalidValue, match="one dimension"):
            runlake.log_batch("loss", np.zeros((2, 2)))


@given(st.floats(), st.text(min_size=1, max_size=100), st.integers(-(2**63), 2**63 - 1))
def test_every_double_text_and_int64_is_taken(value: float, key: str, step: int) -> None:
    """Nothing of the right type is refused but lone surrogates, which no file can hold."""
    assert bits([float(as_value("x", value))]) == bits([value])
    assert as_step("x", step) == step
    try:
        key.encode()
    except UnicodeEncodeError:
        with pytest.raises(runlake.InvalidValue):
            as_key(key)
    else:
        assert as_key(key) == key


class TensorOfMany:
    """A tensor with one dimension on a device, and one that fails there."""

    def __init__(self, values: list[float], error: Exception | None = None) -> None:
        self.shape = (len(values),)
        self._values = values
        self._error = error

    def detach(self) -> TensorOfMany:
        """The same numbers without their history."""
        return self

    def clone(self) -> TensorOfMany:
        """A copy that later changes do not reach."""
        return TensorOfMany(list(self._values), self._error)

    def cpu(self) -> TensorOfMany:
        """Wait for the device."""
        if self._error:
            raise self._error
        return self

    def double(self) -> TensorOfMany:
        """As doubles."""
        return self

    def numpy(self) -> np.ndarray:
        """As an array."""
        return np.array(self._values)


def test_a_batch_may_be_a_tensor_and_one_that_cannot_be_read_costs_only_itself(store: Path) -> None:
    """Its device is waited for off the caller's thread; the run says what is missing."""
    with runlake.start_run() as run:
        runlake.log_batch("good", TensorOfMany([1.0, 2.0]))
        runlake.log_batch("gone", TensorOfMany([3.0, 4.0], RuntimeError("no device")), timestamps=[1, 2])
        runlake.log_batch("after", [5.0])

    assert [series(run.run_id, key) for key in ("good", "gone", "after")] == [[(0, 1.0), (1, 2.0)], [], [(0, 5.0)]]
    assert [("none of the 2 values" in error, "no device" in error) for error in runlake.read.open_store().runs()[0].errors] == [
        (True, True)
    ]


def test_metrics_that_are_refused_use_up_no_step(store: Path) -> None:
    """All of them or none: the next point of each counts on from where it was."""
    with runlake.start_run() as run:
        runlake.log_metric("z", 0.0, step=2**63 - 1)
        with pytest.raises(runlake.InvalidValue, match="'z' has reached the greatest step"):
            runlake.log_metrics({"y": 1.0, "z": 2.0})
        runlake.log_metric("y", 5.0)

    assert [point.step for point in runlake.get_metric_history(run.run_id, "y")] == [0]
