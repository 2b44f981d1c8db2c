"""What another publisher or a writer does between the steps of a publisher costs no row, and no row that is there is told lost."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from lake import lake, sealed_of
from rows import Point, add_events, add_points, parts_of
from runlake.entities import Event, Scope
from runlake.store import batches
from runlake.store import publish as publishing
from runlake.store import writer as writing
from runlake.store.batches import Found, look, next_summaries
from runlake.store.columns import encode_summaries
from runlake.store.frames import Frame, Kind, scan
from runlake.store.layout import Layout, create
from runlake.store.publish import Moved, publish
from runlake.store.sealed import seal
from runlake.store.summaries import Summary
from runlake.store.view import View
from runlake.store.writer import Writer

RUN = "a" * 32


def log_points(writer: Writer, first: int) -> None:
    """Ten, in a frame of their own that is written."""
    add_points(writer, [Point(RUN, "loss", step, step, float(step)) for step in range(first, first + 10)])
    writer.write()


def begin_a_run(layout: Layout) -> Writer:
    """Ten points that their writer has summarized."""
    writer = Writer(layout)
    add_events(writer, [Event.set(RUN, Scope.RUN, key, text, 1) for key, text in (("status", "FINISHED"), ("start_ns", "1"))])
    log_points(writer, 0)
    writer.add_summaries(encode_summaries([(RUN, "loss", 0, Summary(10, 0, 45.0, 0.0, 0, 9.0, 9, 0, 0, 0.0, 9, 9, 9.0))]), 1)
    writer.write()
    return writer


def come_between(monkeypatch: pytest.MonkeyPatch, does: Callable[[], object]) -> None:
    """Let this be done once, between a publisher's look at the store and its first commit."""

    def look_slowly(layout: Layout) -> Found:
        monkeypatch.setattr(publishing, "look", look)
        found = look(layout)
        does()
        return found

    monkeypatch.setattr(publishing, "look", look_slowly)


def publish_summaries(layout: Layout) -> None:
    """What a publisher does that is killed after its first commit."""
    found = look(layout)
    publishing._commit_batch(found.view, "metrics", next_summaries(found), Moved())


def damage(part: Path, number: int) -> None:
    """One of the frames of points."""
    good = part.read_bytes()
    frame = [found for found in scan(good) if isinstance(found, Frame) and found.kind == Kind.POINTS][number]
    part.write_bytes(good[: frame.end - 3] + b"???" + good[frame.end :])


def assert_whole(layout: Layout, count: int) -> None:
    """Published, each point once, nothing told as lost."""
    publish(layout)
    found = lake(layout.root)
    assert [point[2] for point in found.points] == list(range(count))
    assert (found.runs[RUN]["errors"], found.runs[RUN]["metrics"]["loss"][:2]) == ([], (count, count - 1.0))
    assert (parts_of(layout.root), sealed_of(layout.root)) == ([], [])


@pytest.mark.parametrize("other", [publish, publish_summaries])
def test_points_that_wait_for_their_summaries_are_not_lost(
    store: Path, monkeypatch: pytest.MonkeyPatch, other: Callable[[Layout], object]
) -> None:
    """Another publisher has committed what is said of the last points, and then those too, or it was killed before."""
    layout = create(store)
    writer = begin_a_run(layout)
    log_points(writer, 10)
    writer.close()
    come_between(monkeypatch, lambda: other(layout))

    assert publish(layout).lost == []

    assert_whole(layout, 20)


def test_points_of_a_writer_that_had_ended_and_goes_on_are_not_lost(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They come while a publisher commits what is said of the earlier ones."""
    layout = create(store)
    writer = begin_a_run(layout)
    writer.close()
    come_between(monkeypatch, lambda: log_points(writer, 10))

    assert publish(layout).lost == []

    writer.close()
    assert_whole(layout, 20)


def test_points_are_published_behind_their_summaries(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also those whose writer has summarized them since the publisher's look, which it takes in with what it commits itself."""
    layout = create(store)
    writer = begin_a_run(layout)

    def summarize_more() -> None:
        log_points(writer, 10)
        writer.add_summaries(encode_summaries([(RUN, "loss", 0, Summary(20, 0, 190.0, 0.0, 0, 19.0, 19, 0, 0, 0.0, 19, 19, 19.0))]), 1)
        writer.write()

    come_between(monkeypatch, summarize_more)

    publish(layout)

    view = View(layout)
    view.refresh()
    assert (view.tables["metrics"].mark(writer.id) - 1, view.tables["points"].mark(writer.id)) == (10, 10)
    writer.close()
    assert_whole(layout, 20)


def test_rows_that_were_only_misread_are_not_lost(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk gave back something else at the first look; the rows that are behind are left until it can be read what is before."""
    layout = create(store)
    writer = begin_a_run(layout)
    log_points(writer, 10)
    log_points(writer, 20)
    writer.close()
    (part,) = parts_of(store)
    good = part.read_bytes()
    damage(part, 1)
    come_between(monkeypatch, lambda: part.write_bytes(good))

    assert publish(layout).lost == []

    assert_whole(layout, 30)


def test_rows_that_are_lost_before_and_behind_an_end_are_told(store: Path) -> None:
    """Their writer ended amid them and went on; they are as lost as others."""
    layout = create(store)
    writer = begin_a_run(layout)
    log_points(writer, 10)
    writer.close()
    log_points(writer, 20)
    log_points(writer, 30)
    writer.close()
    for part, number in zip(parts_of(store), (1, 0), strict=True):
        damage(part, number)

    (said,) = publish(layout).lost

    assert (said.partition(" are ")[0], said.rpartition("(")[2]) == ("20 points that were logged", "10 to 29 of a writer)")
    publish(layout)
    found = lake(store)
    assert [point[2] for point in found.points] == [*range(10), *range(30, 40)]
    assert found.runs[RUN]["errors"] == [f"rows_lost: {said}"]
    assert (parts_of(store), sealed_of(store)) == ([], [])


class Meanwhile:
    """A writer that fills a part after the other, of which somebody seals the last but one."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.writer = Writer(layout)
        self.parts = list[Path]()

    def fill_a_part(self) -> None:
        """Ten points more, in the next part."""
        log_points(self.writer, self.writer.points)
        if self.writer.full_parts:
            seal(self.layout, self.writer.full_parts.pop())


@pytest.mark.parametrize("step", ["refresh", "_look_at_sealed"])
def test_a_writer_that_goes_on_to_its_next_part_is_not_over(store: Path, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    """The part that was listed, or that came after the list was made, is sealed before it is looked at again."""
    monkeypatch.setattr(writing, "PART_BYTES", 0)
    layout = create(store)
    meanwhile = Meanwhile(layout)
    if step == "refresh":
        meanwhile.fill_a_part()
        meanwhile.fill_a_part()

    class GoesOn(View):
        has_gone_on = False

        def go_on(self, at: str) -> None:
            if at == step and not self.has_gone_on:
                self.has_gone_on = True
                meanwhile.fill_a_part()
                meanwhile.fill_a_part()

        def refresh(self) -> None:
            super().refresh()
            self.go_on("refresh")

        def _look_at_sealed(self) -> None:
            self.go_on("_look_at_sealed")
            super()._look_at_sealed()

    monkeypatch.setattr(batches, "View", GoesOn)

    found = look(layout)

    assert found.over == set()
    assert len(found.view.points()) == meanwhile.writer.points
    meanwhile.writer.close()
