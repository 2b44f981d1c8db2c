"""Makes the golden stores: small stores as this version writes them, and `expected.json`, which says what was logged to them.

`python tests/golden/make.py` makes them anew. Every later version must read the ones that are here: when the format changes, add new
ones under a new name and leave these, or nobody can tell any more whether old stores are still read. `expected.json` is made of the
values below, never of what was read back. Ids and times are those of the day; everything else is the same each time.

logs        all in write-ahead logs, contents in packs, nothing published
published   sealed, published in many versions with a checkpoint, compacted, and a little in logs over that
"""

from __future__ import annotations

import gzip
import io
import json
import math
import os
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
NAMES = ("logs", "published")
VERSIONS = 22  # of a table: enough for a checkpoint

PARAMS: dict[str, Any] = {
    "lr": 0.1,
    "layers": [1, 2, {"three": (4,)}],
    "name": "größe 日本 🎉",
    "none": None,
    "flag": True,
    "big": 2**70,
    "empty": "",
    "quoted": 'it\'s "x"\nline',
    "nan": math.nan,
}
TAGS = {"team": "vision", "größe": "Größe", "empty": "", "a.b/c": "deep"}
SERIES: dict[str, list[tuple[int, float]]] = {
    "loss": [(step, 1 / (step + 1)) for step in range(60)],
    "odd": [(-5, math.nan), (0, -0.0), (1, math.inf), (2, -math.inf), (3, 5e-324), (2**53, 1.7976931348623157e308)],
    "only nan": [(0, math.nan), (1, math.nan)],
    "val/größe": [(7, 0.1 + 0.2)],
}
MORE = [(60 + at, value) for at, value in enumerate((0.5, -0.0, 7.25))]  # of the loss, by the second process
TEXTS = {"notes/readme.txt": "hello\nworld", "größe.txt": "ä", "empty.txt": "", "large.txt": "0123456789" * 200}
TOGETHER = {"packed/one.txt": "first", "packed/two.txt": "second"}  # kept with one flush, so in one pack
DATASET = {"name": "iris", "digest": "a1b2c3", "source_type": "local", "source": "/data/iris.csv", "schema": "", "profile": ""}
EXPERIMENTS = {  # by id: name, life cycle, tags
    "0": ["Default", "active", {}],
    "1": ["kept", "active", {"owner": "me", "größe": "1"}],
    "2": ["renamed", "active", {}],
    "3": ["put away", "deleted", {}],
    "4": ["taken back", "active", {}],
}
CONFLICTS = ["0.2", "0.3"]


def log(which: str) -> None:
    """What one process logs: the "first" makes most, the "second" changes runs of the first, the "last" adds to what is published."""
    import runlake
    from runlake.entities import Job, JobState, Scope

    client = runlake.MlflowClient()
    if which == "first":
        for name in ("kept", "old name", "put away", "taken back"):
            client.create_experiment(name)
        client.set_experiment_tag("1", "owner", "me")
        client.set_experiment_tag("1", "größe", "1")
        client.set_experiment_tag("1", "gone", "x")
        client.delete_experiment_tag("1", "gone")
        client.rename_experiment("2", "renamed")
        for number in ("3", "4"):
            client.delete_experiment(number)
        client.restore_experiment("4")
        with runlake.start_run(run_name="full", experiment_id="1") as run:
            runlake.log_params(PARAMS)
            runlake.set_tags(TAGS | {"gone": "x", "changed": "before"})
            runlake.delete_tag("gone")
            run.add(Scope.PARAM, "offered", "1", "int", op="offer")
            run.add(Scope.PARAM, "lr", "9.9", "float", op="offer")
            run.add(Scope.TAG, "team", "offered", op="offer")
            run.add(Scope.TAG, "estimator", "line", op="offer")
            for key, points in SERIES.items():
                for step, value in points:
                    runlake.log_metric(key, value, step=step)
            for name, text in TEXTS.items():
                runlake.log_text(text, name)
            for name, text in TOGETHER.items():
                run.keep_soon(name, text.encode(), len(text))
            run.add(Scope.INPUT, "iris/a1b2c3/train", json.dumps({"dataset": DATASET, "tags": {"mlflow.data.context": "train"}}))
            run.note_job(Job("summary", "summary", {"n": 1}, id="1"))
            run.note_job(Job("figures", "figures", {"n": [1, 2]}, JobState.SKIPPED, 1, "nothing to draw", 12, "2"))
        with runlake.start_run(run_name="outer"), runlake.start_run(run_name="inner", nested=True):
            runlake.log_metric("loss", 2.0)
        client.delete_run(_id_of("inner"))
        runlake.start_run(run_name="failed")
        runlake.log_metric("loss", 3.0, step=1)
        runlake.end_run("FAILED")
    elif which == "second":
        full = _id_of("full")
        client.set_tag(full, "changed", "after")
        for step, value in MORE:
            client.log_metric(full, "loss", value, step=step)
    else:
        with runlake.start_run(run_name=which):
            runlake.log_metric("loss", 4.0, step=3)
            runlake.log_param("lr", which)
    runlake.flush()


def _id_of(name: str) -> str:
    import runlake

    runlake.flush()
    return str(next(run.info.run_id for run in runlake.read.open_store().runs() if run.info.run_name == name))


def expected(which: str) -> dict[str, Any]:
    """What a store holds, as it was logged: numbers as their text, so that NaN and -0.0 are themselves."""
    full: dict[str, Any] = {
        "status": "FINISHED",
        "experiment": "1",
        "params": {key: repr(value) for key, value in PARAMS.items()} | {"offered": "1"},
        "tags": TAGS | {"changed": "after", "estimator": "line"},
        "series": {key: [[step, repr(value)] for step, value in points] for key, points in SERIES.items()},
        "artifacts": TEXTS | TOGETHER,
        "inputs": [["iris", "a1b2c3", "train"]],
        "jobs": {"summary": ["pending", ""], "figures": ["skipped", "nothing to draw"]},
        "conflicts": {"conflict": CONFLICTS[1:]},
        "lifecycle": "active",
    }
    full["params"]["conflict"] = CONFLICTS[0]
    full["series"]["loss"] += [[step, repr(value)] for step, value in MORE]
    runs = {
        "full": full,
        "outer": _small("FINISHED", {}),
        "inner": _small("FINISHED", {"loss": [[0, "2.0"]]}, lifecycle="deleted", parent="outer"),
        "failed": _small("FAILED", {"loss": [[1, "3.0"]]}),
    }
    if which == "published":
        for number in range(VERSIONS):
            runs[f"small {number}"] = _small("FINISHED", {"loss": [[3, "4.0"]]}, params={"lr": repr(f"small {number}")})
    return {"runs": runs, "experiments": EXPERIMENTS}


def _small(status: str, series: dict[str, Any], **more: Any) -> dict[str, Any]:
    said: dict[str, Any] = {"status": status, "experiment": "0", "params": {}, "tags": {}, "series": series, "artifacts": {}}
    return said | {"inputs": [], "jobs": {}, "conflicts": {}, "lifecycle": "active"} | more


def make(which: str, store: Path) -> None:
    """One of the stores."""
    _run(store, "first")
    _run(store, "second")
    _conflict(store)
    if which == "logs":
        return
    from runlake.store.compaction import compact
    from runlake.store.layout import Layout
    from runlake.store.publish import publish
    from runlake.store.sealed import seal

    layout = Layout(store)
    seal(layout, layout.logs()[0])
    publish(layout)
    for number in range(VERSIONS - 1):
        _run(store, f"small {number}")
        publish(layout)
    compact(layout)
    _run(store, f"small {VERSIONS - 1}")


def _conflict(store: Path) -> None:
    """Two processes give a param at once, which no client of one process can."""
    from runlake.entities import Event, Scope
    from runlake.read import open_store
    from runlake.store.columns import encode_events
    from runlake.store.layout import Layout
    from runlake.store.writer import Writer

    opened = open_store(store)
    full = next(run.info.run_id for run in opened.runs() if run.info.run_name == "full")
    hlc = opened.state(full).last_hlc
    for later, value in enumerate(CONFLICTS, 1):
        writer = Writer(Layout(store))
        writer.add_events(encode_events([Event.set(full, Scope.PARAM, "conflict", float(value), hlc + later)]), 1)
        writer.close()


def _run(store: Path, which: str) -> None:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("RUNLAKE_")}
    settings = {"STORE": str(store), "JOBS": "off", "ENVIRONMENT": "0", "STRICT": "1", "SILENT": "1", "FLUSH_SECONDS": "60"}
    subprocess.run([sys.executable, __file__, which], env=kept | {f"RUNLAKE_{name}": value for name, value in settings.items()}, check=True)


def pack(store: Path, target: Path) -> None:
    """The store as a tar.gz that says nothing of whose it was and when it was packed."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for path in [store, *sorted(store.rglob("*"))]:
            entry = tar.gettarinfo(path, str(path.relative_to(store.parent)))
            entry.uid = entry.gid = entry.mtime = 0
            entry.uname = entry.gname = ""
            with path.open("rb") if path.is_file() else io.BytesIO() as file:
                tar.addfile(entry, file if path.is_file() else None)
    target.write_bytes(gzip.compress(buffer.getvalue(), mtime=0))


def main() -> None:
    """Both stores, and what they hold."""
    for which in NAMES:
        with tempfile.TemporaryDirectory() as folder:
            store = Path(folder) / "lake"
            make(which, store)
            pack(store, HERE / f"{which}.tar.gz")
    said = {which: expected(which) for which in NAMES}
    (HERE / "expected.json").write_text(json.dumps(said, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    log(sys.argv[1]) if len(sys.argv) > 1 else main()
