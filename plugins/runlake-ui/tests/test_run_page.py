"""The page of one run: what each section tells of a run that is known, and of one that somebody forged."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import runlake
from paging import Asker, written
from rows import add_events
from runlake.entities import Event, Scope
from runlake.store.layout import Layout
from runlake.store.writer import Writer
from written_runs import WrittenRun

SECTIONS = ("", "/artifacts", "/explain", "/data", "/models", "/environment", "/captures", "/lineage", "/log")


def recorded(store: Path, **files: str) -> tuple[Asker, str]:
    """A server, and a run with these files."""
    with runlake.start_run(run_name="known") as run:
        for name, text in files.items():
            runlake.log_text(text, name.replace("__", "/").replace("_dot_", "."))
    return Asker(store), run.run_id


def test_a_run_at_a_glance(tmp_path: Path) -> None:
    """Everything that the page's head and tables show is one answer."""
    tags = {
        "team": "a",
        "mlflow.source.git.commit": "c0ffee",
        "runlake.git.changes": "2 changed, 1 not tracked",
        "mlflow.note.content": "**good**",
    }
    run = WrittenRun("r", params={"lr": 0.5, "model": "tree"}, metrics={"val_loss": [3.0, 1.0, 2.0]}, tags=tags, said={"user": "ann"})
    asker = Asker(written(tmp_path / "lake", run, WrittenRun("s", metrics={"val_loss": 0.5})))

    said = asker.get("/runs/r")

    metric = {"key": "val_loss", "n": 3, "n_nan": 0, "first": 3.0, "last": 2.0, "min": 1.0, "max": 3.0, "mean": 2.0}
    assert said == {
        "run_id": "r",
        "name": "r",
        "status": "FINISHED",
        "silent_s": None,
        "experiment": {"id": "0", "name": "Default"},
        "start_time": 1_700_000_000_000,
        "end_time": 1_700_000_060_000,
        "duration": 60.0,
        "user": "ann",
        "source": None,
        "description": "**good**",
        "description_html": '<div class="markdown"><p><strong>good</strong></p>\n</div>',
        "tags": {"team": "a"},
        "system_tags": {key: text for key, text in sorted(tags.items()) if key != "team"},
        "lifecycle": "active",
        "parent": None,
        "n_inside": 0,
        "library": None,
        "git": {"commit": "c0ffee", "branch": None, "is_dirty": True, "changes": "2 changed, 1 not tracked"},
        "metrics": [{**metric, "best": 1.0, "best_step": 1, "goal": "min"}],
        "params": [
            {"key": "lr", "value": "0.5", "kind": "float", "is_default": None},
            {"key": "model", "value": "tree", "kind": "str", "is_default": None},
        ],
        "n_artifacts": 0,
        "n_errors": 0,
        "jobs_open": 0,
        "verdict": {
            "key": "val_loss",
            "value": 1.0,
            "goal": "min",
            "rank": 2,
            "of": 2,
            "best": {"run_id": "s", "name": "s", "value": 0.5},
            "gap": None,
            "overhead_ms": None,
            "alarms": [],
        },
        "has": dict.fromkeys(("explain", "data", "models", "system", "environment", "log", "captures", "lineage"), False),
        "problems": [],
    }


@pytest.mark.parametrize("section", SECTIONS)
def test_a_run_that_is_not_there_is_named(tmp_path: Path, section: str) -> None:
    """Whichever section is asked for."""
    said = Asker(written(tmp_path / "lake", WrittenRun("r"))).get(f"/runs/nobody{section}")

    assert (said["status"], said["detail"]) == (404, "There is no run 'nobody' in this store.")


def test_a_run_is_changed_from_its_page(store: Path) -> None:
    """The answer has what was written."""
    asker, run_id = recorded(store)

    said = asker.patch(f"/runs/{run_id}", {"name": "new", "description": "why", "tags": {"a": "1", "b": "2"}})
    assert "name" in said, said
    assert (said["name"], said["description"], said["tags"]) == ("new", "why", {"a": "1", "b": "2"})
    said = asker.patch(f"/runs/{run_id}", {"description": "", "tags": {"a": None, "none": None}})
    assert (said["description"], said["tags"]) == ("", {"b": "2"})
    assert asker.delete(f"/runs/{run_id}")["lifecycle"] == "deleted"
    assert asker.post(f"/runs/{run_id}/restore")["lifecycle"] == "active"
    assert asker.post(f"/runs/{run_id}/jobs") == {"jobs": []}


@pytest.mark.parametrize(
    "body",
    [
        {"name": 3},
        {"name": " "},
        {"tags": {"a": 1}},
        {"tags": []},
        {"tags": {"mlflow.user": "me"}},
        {"status": "FAILED"},
        {"tags": {"": "x"}},
    ],
    ids=str,
)
def test_a_change_that_cannot_be_is_refused_and_nothing_is_changed(store: Path, body: dict[str, Any]) -> None:
    """Not even the part of it that could be."""
    asker, run_id = recorded(store)

    assert asker.patch(f"/runs/{run_id}", {"description": "d", **body})["status"] == 422
    assert asker.get(f"/runs/{run_id}")["description"] == ""


@pytest.mark.parametrize(
    ("method", "path"), [("PATCH", ""), ("DELETE", ""), ("POST", "/restore"), ("POST", "/jobs"), ("POST", "/register")]
)
def test_a_server_that_only_reads_changes_nothing(store: Path, method: str, path: str) -> None:
    """Whoever asks."""
    _, run_id = recorded(store)
    asker = Asker(store, is_read_only=True)

    body = {} if method == "DELETE" else {"json": {"name": "x", "path": "model"}}
    assert asker.ask(method, f"/api/v1/runs/{run_id}{path}", **body).status_code == 403
    assert asker.get(f"/runs/{run_id}")["name"] == "known"


def test_what_a_run_belongs_to(tmp_path: Path) -> None:
    """What it is inside of, what is inside it, and who used the same data."""
    data = [("train", "d1", "train")]
    runs = [WrittenRun("top", data_sets=data), WrittenRun("other", data_sets=data)]
    runs += [WrittenRun(name, metrics={"loss": 1.0}, said={"parent_run_id": parent}) for name, parent in (("a", "top"), ("b", "a"))]
    asker = Asker(written(tmp_path / "lake", *runs))

    assert asker.get("/runs/top/lineage") == {
        "ancestors": [],
        "inside": [{"run_id": "a", "name": "a", "status": "FINISHED", "metric": {"key": "loss", "value": 1.0, "goal": "min"}}],
        "n_inside": 2,
        "versions": [],
        "problems": [],
        "same_data": [{"run_id": "other", "name": "other", "digest": "d1"}],
    }
    assert [each["name"] for each in asker.get("/runs/b/lineage")["ancestors"]] == ["top", "a"]
    assert asker.get("/runs/a")["parent"] == {"run_id": "top", "name": "top"}
    assert asker.get("/runs/top")["has"] == {**asker.get("/runs/other")["has"], "lineage": True}


def test_what_a_run_ran_on_and_how_another_differs(store: Path) -> None:
    """The packages, the machine, and the changes of the code in colours."""
    said = {"command": ["python", "a b.py"], "folder": "/f", "python": "3.12.1", "host": "h", "system": "Linux 6", "cpus": 2, "user": "ann"}
    asker, one = recorded(
        store, environment_dot_json=json.dumps({**said, "packages": {"numpy": "1", "same": "3"}}), code_dot_diff="+x<y\n-z\n"
    )
    _, other = recorded(store, environment_dot_json=json.dumps({**said, "python": "3.13.0", "packages": {"numpy": "2", "same": "3"}}))

    found = asker.get(f"/runs/{one}/environment")
    assert (found["command"], found["directory"], found["python"], found["diff_lines"]) == ("python 'a b.py'", "/f", "3.12.1", 2)
    assert found["packages"] == [{"name": "numpy", "version": "1"}, {"name": "same", "version": "3"}]
    assert found["machine"] == [{"name": "system", "value": "Linux 6"}, {"name": "processors", "value": "2"}]
    assert found["diff_html"] == '<pre class="code"><code><span class="hl-gi">+x&lt;y</span>\n<span class="hl-gd">-z</span>\n</code></pre>'
    assert asker.get(f"/runs/{one}/environment/diff", other=other) == {
        "packages": [{"name": "numpy", "a": "1", "b": "2"}],
        "other": [{"name": "python", "a": "3.12.1", "b": "3.13.0"}],
    }
    assert asker.get(f"/runs/{one}/environment/diff", other="nobody")["status"] == 404
    assert asker.get(f"/runs/{one}/environment/diff")["status"] == 422


def test_what_was_printed_is_shown_in_its_colours(store: Path) -> None:
    """The last lines of it, escaped."""
    asker, run_id = recorded(store, console_dot_txt="first\n\x1b[1;31m<b>red</b>\x1b[0m done\nbar 1\rbar 2\n")

    assert asker.get(f"/runs/{run_id}/log", n="2") == {
        "html": '<pre class="log"><span class="ansi-bold ansi-red">&lt;b&gt;red&lt;/b&gt;</span> done\nbar 2\n</pre>',
        "n_lines": 3,
        "is_cut": True,
        "path": "console.txt",
    }
    assert asker.get(f"/runs/{run_id}/log", n="many")["status"] == 422


FORGED = {
    "a param that is no number": (Scope.PARAM, "n", "9" * 6000, "int"),
    "a param that is no literal": (Scope.PARAM, "n", "(" * 9000, "literal"),
    "a data set that is no JSON": (Scope.INPUT, "n", "{", "str"),
    "a data set without a name": (Scope.INPUT, "n", '{"dataset": {}, "tags": {}}', "str"),
    "a capture that is no JSON": (Scope.CAPTURE, "p t", "[", "str"),
    "a job in no state": (Scope.JOB, "j", '{"state": "odd"}', "str"),
    "a beginning that is no time": (Scope.RUN, "start_ns", "soon", "str"),
    "an artifact that is any file": (Scope.ARTIFACT, "importance.parquet", "../../../../../../../etc/passwd", "str"),
    "an artifact that is not there": (Scope.ARTIFACT, "environment.json", "0" * 64, "str"),
    "a parent that is itself": (Scope.RUN, "parent_run_id", "r", "str"),
}


@pytest.mark.parametrize("what", FORGED)
def test_what_is_forged_in_a_store_is_told_in_words(tmp_path: Path, what: str) -> None:
    """No section fails, and the others are told."""
    path = written(tmp_path / "lake", WrittenRun("r", metrics={"loss": 1.0}))
    scope, key, text, kind = FORGED[what]
    writer = Writer(Layout(path))
    add_events(writer, [Event.set("r", scope, key, text, 1)._replace(type=kind)])
    writer.write()
    writer.close()
    asker = Asker(path)

    statuses = {section: asker.ask("GET", f"/api/v1/runs/r{section}").status_code for section in SECTIONS}
    raw = asker.ask("GET", f"/api/v1/raw/r/{key}")

    assert set(statuses.values()) <= {200, 409}
    assert raw.status_code in (404, 409)
    assert b"root:" not in raw.content


FILES = {
    "deep": "[" * 100_000,
    "huge numbers": json.dumps({"memory_bytes": 0, "cpus": 0}).replace("0", "9" * 5000),
    "no object": "[1, 2]",
    "odd types": json.dumps({"command": 3, "packages": ["a"], "gpus": {"a": 1}, "memory_bytes": -1, "variables": 1, "python": [1]}),
}


@pytest.mark.parametrize("what", FILES)
@pytest.mark.parametrize("name", ["environment.json", "signature.json", "model/manifest.json", "importance.parquet", "explanation.parquet"])
def test_a_file_that_is_not_what_its_name_says_breaks_no_section(store: Path, name: str, what: str) -> None:
    """It is told where it is missing."""
    asker, run_id = recorded(store, **{name.replace("/", "__").replace(".", "_dot_"): FILES[what]})

    assert {asker.ask("GET", f"/api/v1/runs/{run_id}{section}").status_code for section in SECTIONS} == {200}
    assert asker.ask("GET", f"/api/v1/runs/{run_id}/explain/values").status_code in (404, 409)
