"""Tables, dictionaries, pictures and figures: logged out of frames and arrays, and read back as they were."""

from __future__ import annotations

import datetime
import json
import math
import struct
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

import runlake
from children import run_program

NAME = "tables/t.json"


def loaded(data: Any) -> pd.DataFrame:
    """Log a table in a run of its own, and load it."""
    with runlake.start_run() as run:
        runlake.log_table(data, NAME)
    return runlake.load_table(NAME, [run.run_id])


def stored(data: Any) -> dict[str, Any]:
    """Log a table in a run of its own, and read its file."""
    with runlake.start_run() as run:
        runlake.log_table(data, NAME)
    table: dict[str, Any] = runlake.artifacts.load_dict(f"runs:/{run.run_id}/{NAME}")
    return table


@pytest.mark.parametrize("dtype", ["int64", "float64", "bool", "str"])
def test_a_pandas_frame_comes_back_as_it_was(store: Path, dtype: str) -> None:
    """Values, types and names; the index is numbered anew."""
    frame = pd.DataFrame({"a": [0, 1, 1], "b": [1, 0, 1]}, index=[7, 8, 9]).astype(dtype)

    pd.testing.assert_frame_equal(loaded(frame), frame.reset_index(drop=True))


def test_every_kind_of_cell_keeps_what_it_says(store: Path) -> None:
    """What JSON has a word for as it is, what is missing as null, the rest as its text."""
    columns: dict[str, Any] = {
        "gaps": pd.array([1, None], dtype="Int64"),
        "large": [2**62 + 1, -(2**63)],
        "floats": np.array([0.1, 5e-324]),
        "singles": np.array([0.5, 0.25], np.float32),
        "days": pd.to_datetime(["2024-01-01 12:30", None]).tz_localize("Europe/Berlin"),
        "kinds": pd.Categorical(["x", None]),
        "lists": [[1, [2]], {"k": None}],
        "arrays": [np.arange(2), np.float32(0.5)],
        "others": [Decimal("0.1"), datetime.date(2024, 1, 1)],
        "texts": ["ü☃\n\0", "\ud800"],
    }

    expected = {
        "gaps": [1, None],
        "large": [2**62 + 1, -(2**63)],
        "floats": [0.1, 5e-324],
        "singles": [0.5, 0.25],
        "days": ["2024-01-01 12:30:00+01:00", None],
        "lists": [[1, [2]], {"k": None}],
        "arrays": [[0, 1], 0.5],
        "others": ["0.1", "2024-01-01"],
        "texts": ["ü☃\n\0", "\ud800"],
    }
    for data in (columns, pd.DataFrame({**columns, "texts": pd.Series(columns["texts"], dtype=object)})):
        table = stored(data)
        read = {name: [row[place] for row in table["data"]] for place, name in enumerate(table["columns"])}
        assert list(read) == list(columns)
        assert read.pop("kinds")[0] == "x"
        assert read == expected


def test_infinities_and_nan_come_back(store: Path) -> None:
    """Also in a column of nothing else."""
    values = [math.nan, math.inf, -math.inf]

    assert np.array_equal(loaded(pd.DataFrame({"v": values}))["v"], values, equal_nan=True)
    assert loaded({"v": [math.nan]})["v"].dtype == float


@pytest.mark.parametrize(
    ("names", "read"),
    [
        (["a", "a", "b"], ["a", "a.1", "b"]),
        (["a", "a", "a.1"], ["a", "a.2", "a.1"]),
        ([1, "1", 1.0], ["1", "1.1", "1.0"]),
        (pd.MultiIndex.from_tuples([("a", "x"), ("a", "y"), ("a", "x")]), ["('a', 'x')", "('a', 'y')", "('a', 'x').1"]),
    ],
)
def test_columns_of_one_name_are_all_kept(store: Path, names: Any, read: list[str]) -> None:
    """The later ones get a number behind; rows logged later go below the right ones."""
    with runlake.start_run() as run:
        runlake.log_table(pd.DataFrame([[1, 2, 3]], columns=names), NAME)
        runlake.log_table(pd.DataFrame([[4, 5, 6]], columns=names), NAME)
    with runlake.start_run(run.run_id):
        runlake.log_table(pd.DataFrame([[7, 8, 9]], columns=names), NAME)
    table = runlake.load_table(NAME, [run.run_id])

    assert list(table.columns) == read
    assert table.to_numpy().tolist() == [[1, 2, 3], [4, 5, 6], [7, 8, 9]]


def test_a_stored_table_with_columns_of_one_name_is_loaded(store: Path) -> None:
    """Another program may have written it."""
    with runlake.start_run() as run:
        runlake.log_dict({"columns": ["a", "a"], "data": [[1, 2]]}, NAME)
        runlake.log_dict({"columns": ["b", "a"], "data": [[3, 4]]}, "other.json")

    assert runlake.load_table(NAME, [run.run_id, run.run_id]).to_dict("list") == {"a": [1, 1], "a.1": [2, 2]}


def test_a_polars_frame_is_a_table(store: Path) -> None:
    """With its lists and structures."""
    frame = pl.DataFrame({"a": [1, None], "l": [["x"], []], "s": [{"k": 1.5}, None], "d": [datetime.date(2024, 1, 1), None]})

    assert stored(frame) == {"columns": ["a", "l", "s", "d"], "data": [[1, ["x"], {"k": 1.5}, "2024-01-01"], [None, [], None, None]]}
    assert loaded(frame)["l"].to_list() == [["x"], []]
    assert stored(pl.DataFrame()) == stored(pd.DataFrame()) == {"columns": [], "data": []}


@pytest.mark.parametrize("column", [[1, 2], (1, 2), range(1, 3), np.array([1, 2]), pd.Series([1, 2], index=[5, 6]), pl.Series([1, 2])])
def test_a_dict_holds_columns_of_any_sequence(store: Path, column: Any) -> None:
    """A single value stands in each row beside them."""
    assert loaded({"a": column, "b": "x", "c": [[1], [2]]}).to_dict("list") == {"a": [1, 2], "b": ["x", "x"], "c": [[1], [2]]}


def test_single_values_are_one_row(store: Path) -> None:
    """And columns without a value none."""
    assert loaded({"a": 1, "b": np.float64(0.5), "c": np.array("x")}).to_dict("list") == {"a": [1], "b": [0.5], "c": ["x"]}
    assert loaded({"a": [], "b": []}).to_dict("list") == {"a": [], "b": []}


def test_a_table_is_logged_as_it_stands(store: Path) -> None:
    """What is changed later stays as it was in the rows logged before, and the frame is not touched."""
    cell = [1]
    frame = pd.DataFrame({"a": [cell]})
    with runlake.start_run() as run:
        runlake.log_table(frame, NAME)
        cell.append(2)
        runlake.log_table(frame, NAME)

    assert runlake.load_table(NAME, [run.run_id])["a"].to_list() == [[1], [1, 2]]
    assert frame.columns.to_list() == ["a"]


def test_what_is_no_table_is_refused_and_spoils_nothing(store: Path) -> None:
    """The rows before and after it are there."""
    circle: list[Any] = []
    circle.append(circle)
    with runlake.start_run() as run:
        runlake.log_table({"a": 1}, NAME)
        for wrong in ({"a": [circle]}, {"a": [{(1, 2): 3}]}, {"a": [1, 2], "b": [1]}, [1, 2], "text", pd.Series([1])):
            with pytest.raises(runlake.InvalidValue):
                runlake.log_table(wrong, NAME)
        runlake.log_table({"a": 2}, NAME)

    assert runlake.load_table(NAME, [run.run_id])["a"].to_list() == [1, 2]


def test_tables_of_several_runs_come_one_below_the_other(store: Path) -> None:
    """With what is known of each run, and with the columns of all."""
    runlake.set_experiment("tables")
    runs = []
    for n, columns in enumerate((["a"], ["a", "b"], [])):
        with runlake.start_run(run_name=f"r{n}", tags={"team": n}) as run:
            runlake.log_param("layers", [64, 32])
            runlake.log_table(pd.DataFrame([[n] * len(columns)] * len(columns), columns=columns), NAME)
        runs.append(run.run_id)
    table = runlake.load_table(NAME, runs, extra_columns=["run_id", "run_name", "team", "layers", "unknown"])

    assert list(table.columns) == ["a", "run_id", "run_name", "team", "layers", "unknown", "b"]
    assert table["a"].to_list() == [0, 1, 1]
    assert table["run_id"].to_list() == [runs[0], runs[1], runs[1]]
    assert table["layers"].to_list() == [[64, 32]] * 3
    assert (table["run_name"].to_list(), table["team"].to_list()) == (["r0", "r1", "r1"], ["0", "1", "1"])


def test_without_ids_every_run_of_the_experiment_is_loaded(store: Path) -> None:
    """But deleted ones; runs without such a table and of other experiments are left out."""
    runs = []
    for experiment in ("other", "mine"):
        runlake.set_experiment(experiment)
        for n in range(3):
            with runlake.start_run() as run:
                runlake.log_table({"a": n}, f"t{n % 2}.json")
            runs.append(run.run_id)
    runlake.delete_run(runs[-1])

    assert runlake.load_table("t0.json", extra_columns=["run_id"]).to_dict("list") == {"a": [0], "run_id": [runs[3]]}
    with pytest.raises(runlake.UnknownArtifact, match=r"None of the 2 runs of the experiment 2 keeps a table named 'gone.json'"):
        runlake.load_table("gone.json")
    with pytest.raises(runlake.UnknownArtifact, match=r"'t0.json'"):
        runlake.load_table("t0.json", [runs[4]])


def test_a_table_is_found_by_the_name_it_was_logged_by(store: Path) -> None:
    """However its accents are written."""
    with runlake.start_run() as run:
        runlake.log_table({"a": 1}, "cafe\u0301.json")

    assert len(runlake.load_table("cafe\u0301.json", [run.run_id])) == len(runlake.load_table("caf\u00e9.json", [run.run_id])) == 1


def test_without_pandas_the_error_says_what_to_do(store: Path) -> None:
    """Logging a table needs none."""
    finished = run_program(
        """
        import sys
        class NotInstalled:
            def find_spec(self, name, path=None, target=None):
                if name.partition(".")[0] == "pandas":
                    raise ModuleNotFoundError(name)
        sys.meta_path.insert(0, NotInstalled())
        import runlake
        with runlake.start_run() as run:
            runlake.log_table({"a": [1, None]}, "t.json")
        print(runlake.artifacts.load_dict(f"runs:/{run.run_id}/t.json"))
        try:
            runlake.load_table("t.json", [run.run_id])
        except runlake.RunlakeError as error:
            print(error)
        """,
        store,
    )

    assert finished.stderr == ""
    assert finished.stdout.splitlines() == [
        "{'columns': ['a'], 'data': [[1], [None]]}",
        "load_table gives a pandas data frame: pip install pandas. Without it, artifacts.load_dict reads tables.",
    ]


def test_a_dictionary_comes_back(store: Path) -> None:
    """Arrays as lists, what is missing as null, other things as their text; a file is text in UTF-8."""
    document = {
        "a": np.arange(3),
        "b": [pd.NA, pd.NaT, None, True],
        "c": pd.Timestamp("2024-01-01"),
        "d": {"ü": "\ud800"},
        "e": np.int64(2**62),
    }
    with runlake.start_run() as run:
        for name in ("d.json", "d.yaml"):
            runlake.log_dict(document, name)
        runlake.log_dict([1, "x"], "list.json")
        with pytest.raises(runlake.InvalidValue, match=r"w\.json cannot be written as JSON"):
            runlake.log_dict({(1, 2): 3}, "w.json")
    expected = {"a": [0, 1, 2], "b": [None, None, None, True], "c": "2024-01-01 00:00:00", "d": {"ü": "\ud800"}, "e": 2**62}

    assert runlake.artifacts.load_dict(f"runs:/{run.run_id}/d.json") == expected
    assert json.loads(runlake.artifacts.load_text(f"runs:/{run.run_id}/d.yaml")) == expected
    assert runlake.artifacts.load_dict(f"runs:/{run.run_id}/list.json") == [1, "x"]


class Picture:
    """What a picture of an imaging library can do."""

    def save(self, sink: Any, format: str) -> None:  # noqa: A002  # the libraries call it so
        """Write itself."""
        sink.write(format.encode())


class Figure:
    """What a figure of a plotting library can do."""

    def savefig(self, sink: Any, **options: Any) -> None:
        """Draw."""
        sink.write(json.dumps(options).encode())


def test_pictures_and_figures_are_files_of_the_kind_that_their_name_asks_for(store: Path) -> None:
    """Arrays are PNG, with no library for images."""
    with runlake.start_run() as run:
        runlake.log_image(Picture(), "p.jpg")
        runlake.log_image(Picture(), key="p", step=3)
        runlake.log_image(np.zeros((2, 3), bool), "mask.png")
        runlake.log_figure(Figure(), "f.pdf")
        for wrong in (np.array([["a"]]), np.zeros((2, 2), complex), np.array([[None]]), np.full((2, 2), np.nan), np.array(1)):
            with pytest.raises(runlake.InvalidValue):
                runlake.log_image(wrong, "wrong.png")
    read = runlake.get_run(run.run_id)

    assert [read.read_artifact(name) for name in ("p.jpg", "images/p/step-00000003.png")] == [b"jpeg", b"png"]
    assert json.loads(read.read_artifact("f.pdf")) == {"format": "pdf"}
    assert struct.unpack(">II", read.read_artifact("mask.png")[16:24]) == (3, 2)
    assert "wrong.png" not in read.artifacts
