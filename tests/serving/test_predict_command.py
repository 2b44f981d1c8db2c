"""`runlake models predict`, as a user runs it: every form in, every form out, and the answers are those of `predict`."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from sklearn.linear_model import LinearRegression

import runlake
from children import environment, run_program
from runlake.cli import cli
from runlake.models import infer_signature

ROWS = pd.DataFrame(np.random.default_rng(0).normal(size=(25, 2)), columns=["a", "b"])
MODEL = LinearRegression().fit(ROWS, ROWS["a"] * 3)
SAID = MODEL.predict(ROWS).tolist()


@pytest.fixture(scope="module")
def folder(kept: Callable[..., Path]) -> Path:
    """A regression on two columns."""
    return kept(MODEL, signature=infer_signature(ROWS, MODEL.predict(ROWS)))


def predict(folder: Path, *arguments: str, text: str | None = None) -> subprocess.CompletedProcess[str]:
    """The command, in a process of its own."""
    command = [sys.executable, "-m", "runlake", "models", "predict", "-m", str(folder), *arguments]
    kept = environment(folder.parent / "lake")
    return subprocess.run(command, env=kept, input=text, capture_output=True, text=True, timeout=60, check=False)


def here(folder: Path, *arguments: Any) -> None:
    """The same in this one, which is quicker."""
    cli(["models", "predict", "-m", str(folder), *map(str, arguments)], standalone_mode=False)


def written(path: Path) -> Path:
    """The rows, as the file's name says."""
    if path.suffix == ".csv":
        ROWS.to_csv(path, index=False)
    elif path.suffix == ".parquet":
        ROWS.to_parquet(path)
    elif path.suffix == ".jsonl":
        ROWS.to_json(path, orient="records", lines=True, double_precision=15)
    else:
        path.write_text(json.dumps({"dataframe_split": ROWS.to_dict("split")}))
    return path


def answers(path: Path) -> list[float]:
    """What the file says."""
    if path.suffix == ".parquet":
        return list(pq.read_table(path)["predictions"].to_pylist())
    if path.suffix == ".csv":
        return [float(row["predictions"]) for row in csv.DictReader(path.read_text().splitlines())]
    if path.suffix == ".jsonl":
        return [json.loads(line)["predictions"] for line in path.read_text().splitlines()]
    return list(json.loads(path.read_text())["predictions"])


@pytest.mark.parametrize("target", ["out.json", "out.csv", "out.parquet", "out.jsonl"])
@pytest.mark.parametrize("source", ["in.csv", "in.parquet", "in.json", "in.jsonl"])
def test_every_form_goes_in_and_comes_out(folder: Path, tmp_path: Path, source: str, target: str) -> None:
    """In chunks, whose answers stand one below the other; beside the file nothing is left."""
    here(folder, "-i", written(tmp_path / source), "-o", tmp_path / target, "--chunk", 10)

    np.testing.assert_allclose(answers(tmp_path / target), SAID, rtol=1e-12)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([source, target])


def test_without_files_it_is_a_filter(folder: Path) -> None:
    """JSON as a server is sent it comes in, and goes out as a server answers."""
    ended = predict(folder, text=json.dumps({"dataframe_split": ROWS.to_dict("split")}))

    assert (ended.returncode, ended.stderr) == (0, "")
    assert json.loads(ended.stdout) == {"predictions": SAID}


def test_a_model_of_a_run_is_found_in_the_store(tmp_path: Path) -> None:
    """That is named."""
    logged = run_program(
        """
        import numpy as np, runlake
        from sklearn.linear_model import LinearRegression
        with runlake.start_run():
            rows = np.array([[0.0], [1.0]])
            print(runlake.sklearn.log_model(LinearRegression().fit(rows, [0.0, 2.0]), name="model", input_example=rows).model_uri)
        """,
        tmp_path / "lake",
        RUNLAKE_JOBS="off",
    )
    command = [sys.executable, "-m", "runlake", "models", "predict", "-m", logged.stdout.strip(), "--store", str(tmp_path / "lake")]
    elsewhere = environment(tmp_path / "other")
    ended = subprocess.run(
        [*command, "-t", "text/csv"], env=elsewhere, input="x\n3\n", capture_output=True, text=True, timeout=60, check=False
    )

    assert ended.stderr == ""
    np.testing.assert_allclose(json.loads(ended.stdout)["predictions"], [6.0])


def test_what_is_wrong_leaves_no_file(folder: Path, tmp_path: Path) -> None:
    """And an older one as it was."""
    (tmp_path / "in.csv").write_text("a,b\n" + "1,2\n" * 30 + "x,2\n")
    (tmp_path / "out.csv").write_text("older")

    with pytest.raises(runlake.InvalidValue, match="The file is not CSV"):
        here(folder, "-i", tmp_path / "in.csv", "-o", tmp_path / "out.csv", "--chunk", 10)
    assert (tmp_path / "out.csv").read_text() == "older"
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["-i", "none.csv"], "There is no file none.csv"),
        (["-i", "rows.xls"], "of no form that is known: give one of json, jsonl, csv, parquet"),
        (["-o", "out.txt"], "of no form that is known"),
    ],
    ids=["no file", "another form", "another form out"],
)
def test_what_cannot_be_meant_is_said(folder: Path, arguments: list[str], said: str) -> None:
    """In a line."""
    with pytest.raises(runlake.InvalidValue, match=said):
        here(folder, *arguments)


def test_one_answer_for_all_rows_is_written_as_it_is(kept: Callable[..., Path], tmp_path: Path) -> None:
    """And of several chunks it is an error, since nobody knows how they go together."""
    own = kept(
        "class Model(PythonModel):\n    def predict(self, context, model_input, params=None):\n        return {'n': len(model_input)}"
    )
    written(tmp_path / "in.csv")
    here(own, "-i", tmp_path / "in.csv", "-o", tmp_path / "out.json")

    assert json.loads((tmp_path / "out.json").read_text()) == {"predictions": {"n": 25}}
    with pytest.raises(runlake.InvalidValue, match="larger --chunk"):
        here(own, "-i", tmp_path / "in.csv", "-o", tmp_path / "out.json", "--chunk", 10)


MEASURED = """
import re, sys
from runlake.cli import cli
cli(["models", "predict", "-m", *sys.argv[1:]], standalone_mode=False)
print(int(re.search(r"VmHWM:\\s+(\\d+) kB", open("/proc/self/status").read())[1]) << 10)
"""


@pytest.mark.long
@pytest.mark.timeout(400)
@pytest.mark.parametrize("name", ["in.csv", "in.parquet"])
def test_of_a_file_no_more_than_some_chunks_is_in_memory(folder: Path, tmp_path: Path, name: str) -> None:
    """However many rows it has."""
    most = []
    for n_rows in (400_000, 6_400_000):
        rows = pd.DataFrame(np.random.default_rng(0).normal(size=(n_rows, 2)), columns=["a", "b"])
        rows.to_csv(tmp_path / name, index=False) if name == "in.csv" else rows.to_parquet(tmp_path / name, row_group_size=100_000)
        command = [sys.executable, "-c", MEASURED, str(folder), "-i", str(tmp_path / name), "-o", str(tmp_path / "out.parquet")]
        ended = subprocess.run(command, env=environment(tmp_path / "lake"), capture_output=True, text=True, timeout=180, check=False)
        assert ended.returncode == 0, ended.stderr
        assert pq.read_metadata(tmp_path / "out.parquet").num_rows == n_rows
        most.append(int(ended.stdout))

    assert most[1] - most[0] < 64 << 20  # all of it takes twice that, and CSV more
