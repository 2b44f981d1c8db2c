"""Explanations, importances and figures are what they should be, whatever library the model is of."""

from __future__ import annotations

import copy
import importlib
import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pytest

import runlake
from runlake import Explainer, Linear
from runlake.analysis.additivity import not_additive
from runlake.analysis.explanation import in_time
from runlake.analysis.figures import DRAWN, bars
from runlake.analysis.importance import permuted
from runlake.analysis.linear import of_sums
from runlake.analysis.sample import Sample, sample_bytes, told_apart
from runlake.entities import Job, JobState
from runlake.entities.models import MANIFEST
from runlake.instrument.plugins import load, plugin_named
from runlake.jobs import queue
from runlake.models.manifest import listed
from runlake.store.tables import column_bytes
from toys import LIBRARY, installed, write_plugin

DICE = np.random.default_rng(0)
ROWS = DICE.normal(size=(50, 3)) * [1.0, 10.0, 1000.0] + [0.0, 5.0, -2000.0]

# A plugin for models that are sums: what they are is in a file of JSON.
SUMS = """
import json
import numpy as np
from runlake import Explainer, Learner, Linear, Saved, Unexplained

class Sum:
    def __init__(self, said):
        self.said = said
        self.terms = np.array(said["terms"])

    def predict(self, rows):
        return np.asarray(rows, float) @ self.terms + self.said.get("off", 0.0)

class Strange(Sum):
    pass

@hookimpl
def patches():
    return [Patch("toylib.core:train", print, why="it is never applied")]

@hookimpl
def save_model(model, max_bytes):
    return None

@hookimpl
def load_model(format_id, files):
    said = json.loads(files["model.json"])
    return (Strange if said.get("is_strange") else Sum)(said)

@hookimpl
def learner(model, rows):
    if model.said.get("has_no_part"):
        return Unexplained("it has no part that learned")
    names = model.said.get("names")
    return Learner(model, np.asarray(rows), names) if names else None

@hookimpl
def explainer(model):
    if isinstance(model, Strange):
        return None
    terms = model.terms[np.newaxis]
    def raw(rows):
        said = model.predict(rows)
        return said + np.where(np.arange(len(rows)) % model.said["wrong"] == 0, 1.0, 0.0) if "wrong" in model.said else said
    return Linear(terms, np.array([model.said.get("off", 0.0)]), "prediction", [""], raw)

@hookimpl
def feature_importance(model):
    return {"size": {"": np.abs(model.terms)}, "useless": {"": [1.0]}}

@hookimpl
def training_metrics(model, inputs, targets):
    return {"training_score": -float(np.mean((model.predict(inputs) - targets) ** 2))}

@hookimpl
def describe_model(model):
    return {"page.html": b"a sum"} if "page" in model.said else None
"""


@pytest.fixture
def sums(store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The plugin, installed; jobs are done when a run ends."""
    monkeypatch.setenv("RUNLAKE_JOBS", "inline")
    folder = write_plugin(tmp_path / "site", "sums", SUMS)
    with installed(LIBRARY, folder):
        importlib.import_module("toylib")  # a plugin is asked once its library is there
        load(plugin_named("sums"))
        yield


def recorded(*jobs: str, rows: Any = ROWS, targets: Any = None, **said: Any) -> runlake.read.Run:
    """A run that keeps a sum and a sample, with these jobs done."""
    said = {"terms": [2.0, 0.0, 0.01]} | said
    with runlake.start_run() as run:
        files = {"model.json": json.dumps(said).encode()}
        run.keep_files("model", {**files, MANIFEST: listed("sums/1", files).to_bytes()})
        run.set_tag("runlake.model.format", "sums/1")
        sample = sample_bytes(rows, targets)
        assert isinstance(sample, bytes)
        run.keep_bytes("sample.parquet", sample)
        for job in jobs:
            queue.add(run, job)
    return runlake.get_run(run.run_id)


def outcome(job: Job) -> tuple[str, str]:
    """How it stands, and why."""
    return str(job.state), job.why


def test_a_sum_is_explained_by_what_each_term_is_above_its_mean() -> None:
    """Of every output, counted from the mean of the rows that are given."""
    coefficients = np.array([[1.0, 2.0, 3.0], [0.0, -1.0, 0.5]])
    intercepts = np.array([10.0, -10.0])
    linear = Linear(coefficients, intercepts, "prediction", ["a", "b"], lambda rows: rows @ coefficients.T + intercepts)

    found = of_sums(linear, ROWS)
    values, base = found.values(ROWS[:7])

    assert (found.name, found.space, list(found.outputs)) == ("linear", "prediction", ["a", "b"])
    np.testing.assert_allclose(base, (ROWS @ coefficients.T + intercepts).mean(axis=0))
    for row in range(7):
        for output in range(2):
            np.testing.assert_allclose(values[row, :, output], coefficients[output] * (ROWS[row] - ROWS.mean(axis=0)))
    np.testing.assert_allclose(values.sum(axis=1) + base, found.raw(ROWS[:7]))


def test_rows_of_single_precision_are_held_to_the_same() -> None:
    """What the model says of them is asked in double precision, as the values are made."""
    rows = (DICE.normal(size=(50, 3)) + 10_000).astype(np.float32)
    terms = np.array([0.1, -0.3, 0.7])
    linear = Linear(terms[np.newaxis], np.zeros(1), "prediction", [""], lambda asked: asked @ terms.astype(asked.dtype))

    found = of_sums(linear, rows.astype(np.float64))

    assert not not_additive(*found.values(rows), found.raw(rows)).any()


def timed(seconds_each: float, asked: list[int]) -> Explainer:
    """One that takes this long for every row, and gives the row back."""

    def values(rows: Any) -> tuple[Any, Any]:
        asked.append(len(rows))
        time.sleep(seconds_each * len(rows))
        return rows[:, :, np.newaxis].astype(float), np.zeros(1)

    return Explainer("timed", "prediction", [""], values, lambda rows: rows.sum(axis=1, keepdims=True))


def test_a_fast_explainer_is_given_every_row() -> None:
    """In batches that grow; the values lie in the order of the rows."""
    asked: list[int] = []

    found = in_time(timed(0.0, asked), ROWS, 30.0)

    assert (asked, found.places.tolist()) == ([1, 8, 41], list(range(50)))
    np.testing.assert_array_equal(found.values[:, :, 0], ROWS)


def test_a_slow_explainer_is_given_a_few() -> None:
    """The same ones each time, whose values lie in the order of their places."""
    found = in_time(timed(0.02, []), ROWS, 0.2)

    assert 1 <= len(found.places) <= 11
    assert (np.diff(found.places) > 0).all()
    np.testing.assert_array_equal(found.values[:, :, 0], ROWS[found.places])


def test_a_row_that_takes_longer_than_there_is_time_is_explained() -> None:
    """One at least, which is the same in every process."""
    first, second = (in_time(timed(0.05, []), ROWS, 0.01) for _ in range(2))

    assert first.places.tolist() == second.places.tolist() == [int(np.random.default_rng(0).permutation(50)[0])]


def test_a_model_of_any_library_is_explained(sums: Any) -> None:
    """A plugin says of what it is a sum; what is read back adds up to what it says."""
    run = recorded("explanation", names=["a", "b", "a"], off=7.0)

    found = run.explanation()
    assert outcome(run.jobs["explanation"]) == ("done", "50 of 50 rows, prediction by linear")
    assert (found.explainer, found.space, found.outputs, found.of) == ("linear", "prediction", [""], 50)
    assert found.features == ["a", "b", "a (2)"]
    np.testing.assert_allclose(found.values.sum(axis=1) + found.base, (ROWS @ [2.0, 0.0, 0.01] + 7.0)[:, np.newaxis])
    row = found.to_arrow().to_pylist()[3 * 11 + 2]
    assert row == {
        "row": 11,
        "output": "",
        "feature": "a (2)",
        "value": found.values[11, 2, 0],
        "feature_value": ROWS[11, 2],
        "base": found.base[0],
    }
    assert len(found.plot().axes[0].patches) == 3


def test_names_are_drawn_as_they_are_written(sums: Any, tmp_path: Path) -> None:
    """Also where they look like formulas."""
    names = ["$\\frac{$", "$x$ and $y$", "a\nb"]
    run = recorded("explanation", "importance", names=names)

    for read in (run.explanation(), run.importance()):
        figure = read.plot()
        figure.savefig(tmp_path / "drawn.png")
        assert {label.get_text() for label in figure.axes[0].get_yticklabels()} == {"$\\frac{$", "$x$ and $y$", "a b"}


def test_rows_whose_values_do_not_add_up_are_left_out(sums: Any) -> None:
    """Of which there are none left, nothing is kept."""
    some, none = recorded("explanation", wrong=10), recorded("explanation", wrong=1)

    assert outcome(some.jobs["explanation"]) == ("done", "45 of 50 rows, prediction by linear; of 5 rows the values are not additive")
    assert sorted(set(some.explanation().to_arrow()["row"].to_pylist())) == [row for row in range(50) if row % 10]
    why = "not additive: what linear says of 50 rows does not add up to what the model says of any"
    assert outcome(none.jobs["explanation"]) == ("skipped", why)
    assert "explanation.parquet" not in none.artifacts


@pytest.mark.parametrize(
    ("said", "rows", "why"),
    [
        ({"has_no_part": True}, ROWS, "it has no part that learned"),
        ({"is_strange": True}, ROWS, "no installed plugin explains runlake_sums.Strange"),
        ({}, ["a", "b"], "no plugin has runlake_sums.Sum as a model of a matrix of numbers"),
        ({}, ROWS[:, 0], "no plugin has runlake_sums.Sum as a model of a matrix of numbers"),
    ],
    ids=["no part", "no explainer", "texts", "one column"],
)
def test_why_there_is_no_explanation_is_said(sums: Any, said: dict[str, Any], rows: Any, why: str) -> None:
    """In the job, and to who asks for it."""
    run = recorded("explanation", rows=rows, **said)

    assert outcome(run.jobs["explanation"]) == ("skipped", why)
    with pytest.raises(runlake.errors.UnknownArtifact, match=r"has no explanation\.parquet: the job is skipped") as error:
        run.explanation()
    assert why in str(error.value)


def test_a_run_without_a_model_or_a_sample_is_not_explained(sums: Any) -> None:
    """Which is no failure."""
    with runlake.start_run() as run:
        for job in ("explanation", "importance", "description", "figures"):
            queue.add(run, job)

    jobs = runlake.get_run(run.run_id).jobs
    assert {str(job.state) for name, job in jobs.items() if name != "figures"} == {"skipped"}
    assert all("has no model at 'model': none was saved" in job.why for name, job in jobs.items() if name != "figures")


def test_importance_is_what_the_model_says_and_what_it_does_without(sums: Any) -> None:
    """Of a feature that it does not look at nothing is lost; the picture is of the first measure."""
    run = recorded("importance", targets=ROWS @ [2.0, 0.0, 0.01])

    found = run.importance()
    rows = {(row["feature"], row["kind"]): row for row in found.to_arrow().to_pylist()}
    assert outcome(run.jobs["importance"]) == ("done", "size, permutation")
    assert found.kinds == ["size", "permutation"]
    assert [rows[name, "size"]["value"] for name in ("x0", "x1", "x2")] == [2.0, 0.0, 0.01]
    assert (rows["x1", "permutation"]["value"], rows["x1", "permutation"]["std"]) == (0.0, 0.0)
    # Dealing a column out anew costs twice its variance, times the square of its coefficient.
    assert rows["x0", "permutation"]["value"] == pytest.approx(2 * 4 * ROWS[:, 0].var(), rel=0.4)
    assert rows["x2", "permutation"]["std"] > 0
    assert run.read_artifact("importance.png").startswith(b"\x89PNG")
    assert repr(found) == "<Importance of 3 features: size, permutation>"
    assert len(found.plot("permutation").axes[0].patches) == 3


def test_without_targets_nothing_is_permuted(sums: Any) -> None:
    """Nor where rows have no columns; and a part that is not found says nothing."""
    alone, texts = recorded("importance"), recorded("importance", rows=["a", "b"], targets=[1.0, 2.0])

    assert alone.importance().kinds == ["size"]
    why = "runlake_sums.Sum does not say, and cannot be asked without its features one by one"
    assert outcome(texts.jobs["importance"]) == ("skipped", why)


def test_permutation_leaves_the_sample_as_it_was(sums: Any) -> None:
    """Whatever kind of data, also with two columns of one name; the same each time, and nothing where there is no time."""
    import pandas as pd

    run = recorded()
    from runlake.models.trained import kept_model

    model, targets = kept_model(run), ROWS @ [2.0, 0.0, 0.01]
    frame = pd.DataFrame(ROWS, columns=["a", "a", "b"], index=range(50, 0, -1))
    array = ROWS.copy()
    state = repr(np.random.get_state())

    by_frame = permuted(model, Sample(frame, targets, ["a", "a (2)", "b"], 50), 10.0)
    by_array = permuted(model, Sample(array, targets, ["a", "a (2)", "b"], 50), 10.0)

    assert [each.value for each in by_frame] == pytest.approx([each.value for each in by_array])
    assert [each.feature for each in by_array] == ["a", "a (2)", "b"]
    assert permuted(model, Sample(array, targets, ["a", "a (2)", "b"], 50), 0.0) == []
    assert (repr(np.random.get_state()), frame.to_numpy().tolist(), array.tolist()) == (state, ROWS.tolist(), ROWS.tolist())


class SlowToCopy(np.ndarray):
    """Rows of which a copy takes a while, as of wide ones."""

    copies = 0

    def copy(self, order: Any = "C") -> Any:
        type(self).copies += 1
        time.sleep(0.03)
        return np.array(self, order=order)


def test_dealing_out_counts_as_time(sums: Any) -> None:
    """It can take longer than to score what is dealt out."""
    from runlake.models.trained import kept_model

    targets = ROWS @ [2.0, 0.0, 0.01]
    found = permuted(kept_model(recorded()), Sample(ROWS.view(SlowToCopy), targets, ["a", "b", "c"], 50), 0.2)

    assert [each.feature for each in found] in ([], ["a", "b", "c"])
    assert SlowToCopy.copies <= 7


def test_a_page_is_kept_where_a_plugin_has_one(sums: Any) -> None:
    """And where none has, that is said."""
    with_page, without = recorded("description", page="yes"), recorded("description")

    assert with_page.read_artifact("page.html") == b"a sum"
    assert outcome(without.jobs["description"]) == ("skipped", "no plugin has a page for runlake_sums.Sum")


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ([], []),
        (["a", "b"], ["a", "b"]),
        (["a", "a", "a"], ["a", "a (2)", "a (3)"]),
        (["a", "a (2)", "a"], ["a", "a (2)", "a (3)"]),
        ([1, "1", None], ["1", "1 (2)", "None"]),
    ],
)
def test_names_are_told_apart(names: list[Any], expected: list[str]) -> None:
    """The first of each stays as it is."""
    assert told_apart(names) == expected


def confusion(names: Sequence[str], count: Callable[[int, int], float] = lambda row, column: 5.0) -> dict[str, list[Any]]:
    """A table of counts."""
    places = range(len(names))
    return {
        "actual": [names[row] for row in places for _ in places],
        "predicted": [names[column] for _ in places for column in places],
        "count": [count(row, column) for row in places for column in places],
    }


def curve(first: str, second: str, names: Sequence[str]) -> dict[str, list[Any]]:
    """A curve of three points for each class."""
    return {"class": [name for name in names for _ in range(3)], first: [0.0, 0.5, 1.0] * len(names), second: [0.0, 0.75, 1.0] * len(names)}


WEIRD = ["$x_1$ costs $5", "a\nb\x00", "温度 \U0001f600", "", "\\frac{", "x" * 300, "_hidden", "%s"]
TABLES: list[tuple[str, dict[str, list[Any]]]] = [
    ("training_confusion_matrix", confusion(["a", "b"])),
    ("training_confusion_matrix", confusion(["only"])),
    ("training_confusion_matrix", confusion([f"class {n}" for n in range(60)])),
    ("training_confusion_matrix", confusion(WEIRD)),
    ("training_confusion_matrix", confusion(["a", "b"], lambda row, column: 0.0)),
    ("training_confusion_matrix", confusion(["a", "b"], lambda row, column: np.nan)),
    ("training_confusion_matrix", confusion(["a", "b"], lambda row, column: 1e12 * row + 0.25)),
    ("training_confusion_matrix", confusion(["same", "same", "other"])),
    ("training_confusion_matrix", {"actual": [], "predicted": [], "count": []}),
    ("training_roc_curve", curve("false_positive_rate", "true_positive_rate", ["yes"])),
    ("training_roc_curve", curve("false_positive_rate", "true_positive_rate", WEIRD)),
    ("training_roc_curve", curve("false_positive_rate", "true_positive_rate", [])),
    ("training_precision_recall_curve", curve("recall", "precision", [f"class {n}" for n in range(60)])),
    ("training_calibration_curve", curve("predicted_probability", "share_of_the_class", ["yes"])),
    ("training_calibration_curve", {"class": ["a"], "predicted_probability": [np.nan], "share_of_the_class": [0.5]}),
    ("training_residuals", {"actual": [1.0, np.nan, np.inf, 1e300], "predicted": [0.5, 1.0, 2.0, -1e300]}),
    ("training_residuals", {"actual": [1.0], "predicted": [1.0]}),
    ("training_residuals", {"actual": [], "predicted": []}),
]


@pytest.mark.parametrize(("name", "columns"), TABLES, ids=lambda value: value if isinstance(value, str) else "")
def test_any_table_is_drawn(store: Path, name: str, columns: dict[str, list[Any]], monkeypatch: pytest.MonkeyPatch) -> None:
    """Without pyplot, and with matplotlib set as it was."""
    monkeypatch.setenv("RUNLAKE_JOBS", "inline")
    before = copy.deepcopy(dict(matplotlib.rcParams))
    had_pyplot = "matplotlib.pyplot" in sys.modules
    with runlake.start_run() as run:
        run.keep_bytes(f"{name}.parquet", column_bytes(columns))
        queue.add(run, "figures")

    read = runlake.get_run(run.run_id)
    assert (read.jobs["figures"].state, read.jobs["figures"].why) == (JobState.DONE, name)
    assert read.read_artifact(f"{name}.png").startswith(b"\x89PNG\r\n\x1a\n")
    assert dict(matplotlib.rcParams) == before
    assert ("matplotlib.pyplot" in sys.modules) == had_pyplot


def test_the_same_table_is_the_same_picture() -> None:
    """Whatever the program has set for its own."""
    first = bars(WEIRD, range(len(WEIRD)), "a $title$\n", "label")
    with matplotlib.rc_context({"figure.dpi": 30, "font.size": 20, "axes.facecolor": "red"}):
        second = bars(WEIRD, range(len(WEIRD)), "a $title$\n", "label")

    assert first == second


@pytest.mark.parametrize(
    "sizes", [[], [1.0], [0.0, 0.0], [np.nan, 1.0, np.inf], list(range(60))], ids=["none", "one", "zero", "nan", "many"]
)
def test_any_sizes_are_bars(sizes: list[float]) -> None:
    """Of many the longest."""
    assert bars([f"feature {n}" for n in range(len(sizes))], sizes, "title", "label").startswith(b"\x89PNG")


def test_every_picture_has_a_table() -> None:
    """Under the name that training metrics give it."""
    assert all(name.startswith("training_") for name in DRAWN)
    assert {name for name, _ in TABLES} == set(DRAWN)
