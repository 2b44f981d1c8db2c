"""Where the bytes are: all of them by kind, and what each run and experiment takes of artifacts and points."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from children import start_program
from faults import hear
from rows import Point, add_events, add_points
from runlake.entities import Event, Scope
from runlake.store.blobs import keep_bytes
from runlake.store.layout import Layout, create
from runlake.store.publish import publish
from runlake.store.sizes import by_experiment, by_kind, by_run
from runlake.store.view import View
from runlake.store.writer import Writer


def write_run(writer: Writer, run_id: str, shelf: str, contents: list[bytes], n_points: int, **said: str) -> None:
    """A run that has ended."""
    whole = {"status": "FINISHED", "start_ns": "1", "name": f"name of {run_id}", "experiment_id": shelf, **said}
    events = [Event.set(run_id, Scope.RUN, key, text, 1) for key, text in whole.items()]
    for number, content in enumerate(contents):
        blob = keep_bytes(writer.layout, content)
        events.append(Event.set(run_id, Scope.ARTIFACT, str(number), blob.sha256, 1, integer=blob.size))
    add_events(writer, events)
    add_points(writer, [Point(run_id, "loss", step, step, step / 7) for step in range(n_points)])


@pytest.fixture
def layout(store: Path) -> Layout:
    """Three runs in two experiments: some contents are of several of them."""
    layout = create(store)
    writer = Writer(layout)
    write_run(writer, "a", "0", [b"shared by all", b"a's own", b"a's own"], 300)
    write_run(writer, "b", "0", [b"shared by all", b"of b and a file"], 100, lifecycle="deleted")
    write_run(writer, "c", "1", [b"shared by all"], 0)
    replaced = keep_bytes(layout, b"replaces")
    add_events(writer, [Event.set("b", Scope.ARTIFACT, "1", replaced.sha256, 2, integer=replaced.size)])
    writer.close()
    return layout


def seen(layout: Layout) -> View:
    """The store as it is now."""
    view = View(layout)
    view.refresh()
    return view


def apparent_bytes(root: Path) -> int:
    """What du says."""
    return int(subprocess.run(["du", "-sb", str(root)], capture_output=True, text=True, check=True).stdout.split()[0])


@pytest.mark.parametrize("is_published", [False, True])
def test_all_kinds_together_are_what_the_folder_takes(layout: Layout, is_published: bool) -> None:
    """Every file and every folder once, whatever lies there."""
    if shutil.which("du") is None:
        pytest.skip("needs du")
    if is_published:
        publish(layout)
    (layout.root / "notes.txt").write_bytes(b"of somebody")
    os.link(layout.root / "notes.txt", layout.root / "notes again.txt")

    kinds = by_kind(layout.root)

    assert sum(each.n_bytes for each in kinds.values()) == apparent_bytes(layout.root)
    assert sum(each.files for kind, each in kinds.items() if kind != "folders") == len(
        {path.stat().st_ino for path in layout.root.rglob("*") if path.is_file()}
    )
    contents = (b"shared by all", b"a's own", b"of b and a file", b"replaces")
    assert (kinds["artifacts"].files, kinds["artifacts"].n_bytes) == (4, sum(map(len, contents)))
    assert (kinds["points"].files > 0, kinds["logs"].files > 0) == (is_published, not is_published)


def test_each_run_takes_its_contents_once_and_its_share_of_the_points(layout: Layout) -> None:
    """What others have as well is told beside; what was replaced is not counted."""
    waiting = {use.id: use for use in by_run(seen(layout))}
    publish(layout)
    view = seen(layout)
    uses = by_run(view)
    a, b, c = sorted(uses, key=lambda use: use.id)

    assert [(use.name, use.experiment_id, use.is_deleted, use.points) for use in (a, b, c)] == [
        ("name of a", "0", False, 300),
        ("name of b", "0", True, 100),
        ("name of c", "1", False, 0),
    ]
    assert [(use.artifacts, use.shared) for use in (a, b, c)] == [(13 + 7, 13), (13 + 8, 13), (13, 13)]
    files = view.tables["points"].log.files.values()
    assert sum(use.point_bytes for use in uses) == pytest.approx(sum(file.size for file in files), abs=2)
    assert a.point_bytes == pytest.approx(3 * b.point_bytes, abs=2)
    assert [use.n_bytes for use in uses] == sorted((use.n_bytes for use in uses), reverse=True)
    assert {use.id: (use.points, use.artifacts) for use in uses} == {key: (use.points, use.artifacts) for key, use in waiting.items()}
    assert waiting["a"].point_bytes > 0
    assert by_run(view, {"b"}) == [b]


def test_an_experiment_takes_each_content_of_its_runs_once(layout: Layout) -> None:
    """Shared is what another experiment has, too."""
    publish(layout)
    first, second = sorted(by_experiment(seen(layout)), key=lambda use: use.id)

    assert (first.id, first.runs, first.points, first.artifacts, first.shared) == ("0", 2, 400, 13 + 7 + 8, 13)
    assert (second.id, second.runs, second.points, second.artifacts, second.shared) == ("1", 1, 0, 13, 13)


def test_a_store_in_use_is_measured(store: Path) -> None:
    """While a program writes, and files come and go."""
    writes = """
        import runlake
        print("begins", flush=True)
        for number in range(15):
            with runlake.start_run():
                runlake.log_metric("loss", number)
                runlake.log_text(f"of {number}", "own.txt")
    """
    with start_program(writes, store, RUNLAKE_JOBS="off", RUNLAKE_FLUSH_SECONDS="0.02") as child:
        assert hear(child) == "begins"
        while child.poll() is None:
            if store.is_dir():
                publish(Layout(store))
                assert sum(each.n_bytes for each in by_kind(store).values()) > 0
                assert len(by_run(seen(Layout(store)))) <= 15
        assert child.returncode == 0

    assert [use.points for use in by_run(seen(Layout(store)))] == [1] * 15
