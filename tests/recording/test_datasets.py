"""Data sets out of frames and arrays: what a run says of them, and when two digests are the same."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import runlake
from children import run_program
from runlake.entities import Dataset


class Thing:
    """Something whose text is its address."""


def flowers() -> pd.DataFrame:
    """A frame as a tutorial has it."""
    return pd.DataFrame({"length": [1.5, 2.5, 3.5], "species": ["a", "b", "a"], "big": [False, True, True]})


FRAMES: dict[str, Callable[[], pd.DataFrame]] = {
    "plain": flowers,
    "repeated names": lambda: pd.DataFrame([[1, 2, 3], [4, 5, 6]], columns=["a", "a", "b"]),
    "names that look the same": lambda: pd.DataFrame([[1, 2]], columns=[1, "1"]),
    "two levels of names": lambda: pd.DataFrame([[1, 2]], columns=pd.MultiIndex.from_tuples([("a", "x"), ("a", "y")])),
    "no rows": lambda: flowers().iloc[:0],
    "no columns": lambda: pd.DataFrame(index=range(3)),
    "nothing": lambda: pd.DataFrame(),
    "objects": lambda: pd.DataFrame({"o": [{"b", "c", "a"}, Thing(), np.arange(3), {"k": [None, Thing()]}, "1", 1, None]}),
    "categories": lambda: pd.DataFrame({"c": pd.Categorical(["x", None, "y"])}),
    "times with zones": lambda: pd.DataFrame({"t": pd.to_datetime(["2024-01-01", None]).tz_localize("Europe/Berlin")}),
    "integers with gaps": lambda: pd.DataFrame({"i": pd.array([1, None, 2**62 + 1], dtype="Int64")}),
    "bytes and halves of pairs": lambda: pd.DataFrame({"t": ["\ud800", "x"], "b": [b"\xff", b""]}, dtype=object),
}


def arrays_by_name() -> dict[str, np.ndarray]:
    """Numbers and objects."""
    return {"x": np.arange(6.0).reshape(3, 2), "o": np.array([Thing(), {"a"}, None], object)}


def columns(dataset: Dataset) -> list[tuple[str, str]]:
    """The names and types that the schema holds."""
    return [(column["name"], column["type"]) for column in json.loads(dataset.schema)["columns"]]


def as_read(dataset: Dataset, **how: Any) -> tuple[Dataset, dict[str, str]]:
    """Log it to a run of its own, and find it there."""
    with runlake.start_run() as run:
        runlake.log_input(dataset, **how)
    (found,) = runlake.get_run(run.run_id).inputs.dataset_inputs
    return found.dataset, {tag.key: tag.value for tag in found.tags}


def test_a_run_gives_back_the_data_set_as_it_was_named(store: Path) -> None:
    """Name, digest, source, schema and profile; and the context it was used in."""
    dataset = runlake.data.from_pandas(flowers(), "s3://bucket/flowers.csv", "species", "flowers", predictions="big")
    read, tags = as_read(dataset, context="training", tags={"fold": 2})

    assert (read, tags) == (dataset, {"mlflow.data.context": "training", "fold": "2"})
    assert (read.name, read.source, read.source_type, len(read.digest)) == ("flowers", "s3://bucket/flowers.csv", "s3", 8)
    assert columns(read) == [("length", "float64"), ("species", "str"), ("big", "bool")]
    assert {"targets": "species", "predictions": "big"}.items() <= json.loads(read.schema).items()
    assert json.loads(read.profile) == {"num_rows": 3, "num_elements": 9}


@pytest.mark.parametrize("name", FRAMES)
def test_any_frame_is_a_data_set_and_stays_as_it_was(store: Path, name: str) -> None:
    """Every column is in the schema, whatever it is called and holds."""
    frame, before = FRAMES[name](), FRAMES[name]()
    dataset = runlake.data.from_pandas(frame)
    read, _ = as_read(dataset)

    assert read == dataset
    assert columns(read) == [(str(label), str(kind)) for label, kind in zip(frame.columns, frame.dtypes, strict=True)]
    assert json.loads(read.profile) == {"num_rows": len(frame), "num_elements": frame.size}
    assert list(frame.columns) == list(before.columns)
    assert list(frame.dtypes) == list(before.dtypes)
    assert name == "objects" or frame.equals(before)


@pytest.mark.parametrize("name", FRAMES)
def test_equal_frames_have_one_digest(name: str) -> None:
    """Made twice, and copied."""
    make = FRAMES[name]

    assert runlake.data.from_pandas(make()).digest == runlake.data.from_pandas(make().copy()).digest


@pytest.mark.parametrize("name", [name for name in FRAMES if not FRAMES[name]().empty])
def test_one_other_value_is_another_digest(name: str) -> None:
    """In any cell of the frame."""
    whole = runlake.data.from_pandas(FRAMES[name]()).digest
    frame = FRAMES[name]().astype(object)
    as_objects = runlake.data.from_pandas(frame).digest
    for row in range(frame.shape[0]):
        for column in range(frame.shape[1]):
            other = frame.copy()
            other.iloc[row, column] = "another"
            assert runlake.data.from_pandas(other).digest not in (whole, as_objects)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"a": [12], "b": [3]}, {"a": [1], "b": [23]}),
        ({"a": ["x\x1fy", "z"]}, {"a": ["x", "y\x1fz"]}),
        ({"a": ["1", None]}, {"a": ["1", "None"]}),
        ({"a": [1, "1"]}, {"a": ["1", 1]}),
        ({"a": [0.0]}, {"a": [-0.0]}),
        ({"a": [1]}, {"b": [1]}),
        ({"a": [1]}, {"a": [1.0]}),
        ({"a": [[1, 2], 3]}, {"a": [[1], [2, 3]]}),
    ],
)
def test_frames_that_look_alike_have_digests_of_their_own(one: dict[str, list[Any]], other: dict[str, list[Any]]) -> None:
    """Where a cell ends, and of which type it is, counts."""
    assert runlake.data.from_pandas(pd.DataFrame(one)).digest != runlake.data.from_pandas(pd.DataFrame(other)).digest


@settings(deadline=None, max_examples=50)
@given(st.lists(st.tuples(st.integers(0, 12), st.text("0,'", max_size=3)), min_size=1, max_size=4), st.data())
def test_digests_are_equal_where_the_data_is(rows: list[tuple[int, str]], data: st.DataObject) -> None:
    """And there only, by pandas and by Polars."""
    others = data.draw(st.permutations(rows) | st.lists(st.tuples(st.integers(0, 12), st.text("0,'", max_size=3)), min_size=1, max_size=4))
    for read, frame in ((runlake.data.from_pandas, pd.DataFrame), (runlake.data.from_polars, polars_rows)):
        one, other = (read(frame(table)).digest for table in (rows, others))
        assert (one == other) == (rows == others)


def polars_rows(rows: list[tuple[int, str]]) -> pl.DataFrame:
    """A frame of Polars out of rows."""
    return pl.DataFrame(rows, orient="row")


DIGESTS_ELSEWHERE = """
    import numpy as np, pandas as pd, polars as pl, runlake

    class Thing: pass

    words = {"alpha", "beta", "gamma", "delta"}
    times = pd.to_datetime(["2024-01-01", None], utc=True)
    print([
        runlake.data.from_pandas(pd.DataFrame({"s": ["x", "y"], "o": [words, Thing()], "t": times})).digest,
        runlake.data.from_polars(pl.DataFrame({"a": [1, None], "l": [["x"], []], "s": [{"k": 1.5}, None]})).digest,
        runlake.data.from_numpy({"x": np.arange(4.0), "o": np.array([words, Thing(), "1"], object)}, targets=np.array(["a", "b"])).digest,
    ])
"""


def test_another_process_finds_the_same_digests(store: Path) -> None:
    """With another seed of the hashes, by which sets are ordered, and objects at other addresses."""
    first, second = (run_program(DIGESTS_ELSEWHERE, store, PYTHONHASHSEED=seed) for seed in ("1", "2"))

    assert (first.stderr, second.stderr) == ("", "")
    assert first.stdout == second.stdout != ""


def test_of_a_long_table_every_nth_row_counts() -> None:
    """A value of a sampled row, and the number of rows, are in the digest."""
    frame = pd.DataFrame({"a": np.arange(5000.0)})
    other = frame.copy()
    other.iloc[4995, 0] = -1.0
    digests = [runlake.data.from_pandas(table).digest for table in (frame, frame.copy(), other, frame.iloc[:4999])]

    assert digests[0] == digests[1]
    assert len(set(digests)) == 3


def test_polars_frames_are_data_sets_too(store: Path) -> None:
    """With their own types; empty ones as well."""
    frame = pl.DataFrame({"a": [1, None], "l": [["x"], []], "s": [{"k": 1.5}, None], "c": pl.Series(["u", "v"], dtype=pl.Categorical)})
    dataset = runlake.data.from_polars(frame, "https://example.org/t.csv", "a", "table", predictions="l")
    empty = runlake.data.from_polars(pl.DataFrame())
    read, _ = as_read(dataset, context="test")

    assert (read, read.source_type, read.name) == (dataset, "http", "table")
    assert columns(read) == [(name, str(kind)) for name, kind in zip(frame.columns, frame.dtypes, strict=True)]
    assert json.loads(read.profile) == {"num_rows": 2, "num_elements": 8}
    assert (as_read(empty)[0], json.loads(empty.profile)["num_rows"]) == (empty, 0)
    assert runlake.data.from_polars(frame.clone()).digest == dataset.digest != runlake.data.from_polars(frame.head(1)).digest


def test_arrays_are_data_sets_too(store: Path) -> None:
    """One, several by name, of any shape, of objects, or none of a row."""
    targets = np.array([0, 1, 0])
    dataset = runlake.data.from_numpy(arrays_by_name(), "rows.npz", targets, "rows")
    again = runlake.data.from_numpy(arrays_by_name(), targets=targets.copy())
    read, _ = as_read(dataset)

    assert (read, read.source_type, read.digest) == (dataset, "local", again.digest)
    assert columns(read) == [("features.x", "float64[3, 2]"), ("features.o", "object[3]"), ("targets", "int64[3]")]
    for array in (np.array(1.0), np.zeros((0, 3)), np.array(["a"]), np.zeros(2, [("a", "i4")]), np.asfortranarray(np.eye(2))):
        assert as_read(runlake.data.from_numpy(array))[0] == runlake.data.from_numpy(array.copy())


@pytest.mark.parametrize(
    ("source", "kind"),
    [("http://a/b", "http"), ("https.csv", "local"), ("hf://org/name", "hugging_face"), (Path("x") / "y", "local"), (None, "code")],
)
def test_a_source_is_of_a_kind(source: Any, kind: str) -> None:
    """By the beginning of its address; without one it is the program itself."""
    dataset = runlake.data.from_pandas(flowers(), source)

    assert (dataset.source_type, dataset.source) == (kind, "" if source is None else str(source))


@pytest.mark.parametrize(
    ("make", "data", "said"),
    [
        (runlake.data.from_pandas, pl.DataFrame({"a": [1]}), "takes a pandas DataFrame, not DataFrame"),
        (runlake.data.from_pandas, pd.Series([1]), "takes a pandas DataFrame, not Series"),
        (runlake.data.from_polars, flowers(), "takes a polars DataFrame, not DataFrame"),
        (runlake.data.from_polars, pl.LazyFrame({"a": [1]}), "takes a polars DataFrame, not LazyFrame"),
        (runlake.data.from_numpy, [[1.0]], "takes a NumPy array, not list"),
    ],
)
def test_what_is_no_such_data_is_refused(make: Any, data: Any, said: str) -> None:
    """By its type."""
    with pytest.raises(runlake.InvalidValue, match=said):
        make(data)


def test_targets_are_columns(store: Path) -> None:
    """Of any kind of name; another name is an error that lists those there are."""
    numbered = runlake.data.from_pandas(pd.DataFrame([[1, 2]], columns=pd.Index([0, 1])), targets=np.int64(1))  # type: ignore[arg-type]  # a name need not be text
    layered = FRAMES["two levels of names"]()

    assert json.loads(as_read(numbered)[0].schema)["targets"] == "1"
    assert json.loads(runlake.data.from_pandas(layered, targets=layered.columns[1]).schema)["targets"] == "('a', 'y')"
    with pytest.raises(runlake.InvalidValue, match="no column 'y'; it has 'length', 'species', 'big'"):
        runlake.data.from_pandas(flowers(), targets="y")


def test_no_frame_library_is_imported_for_arrays(store: Path) -> None:
    """Nor by logging them."""
    finished = run_program(
        """
        import sys, runlake
        loaded = lambda: [name for name in ("pandas", "polars") if name in sys.modules]
        runlake.data, runlake.log_input
        seen = [loaded()]
        import numpy as np
        with runlake.start_run():
            runlake.log_input(runlake.data.from_numpy(np.eye(3)))
            runlake.log_table({"a": [1]}, "t.json")
        print([*seen, loaded()])
        """,
        store,
    )

    assert (finished.stdout.strip(), finished.stderr) == ("[[], []]", "")
