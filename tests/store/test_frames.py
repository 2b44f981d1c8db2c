"""Whatever happens to the bytes of a log, whole frames are read, nothing else is, and what is no frame is reported."""

from __future__ import annotations

import random
import struct
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rows import Point, add_events, add_points, parts_of, read
from runlake.entities import Event, Scope
from runlake.store import frames
from runlake.store.frames import Damage, Frame, Kind, Scan, encode, scan
from runlake.store.layout import create
from runlake.store.writer import Writer

HEADER = 36
RUN = "0190f7a4b2c37d1e8f00112233445566"
EVENTS = [Event.set(RUN, Scope.RUN, "status", "RUNNING", 1), Event.set(RUN, Scope.RUN, "epochs", 3, 2)]
POINTS = [Point(RUN, "loss", step, 1_700_000_000_000_000_000 + step, 0.7 / (step + 1)) for step in range(4)]
LAST_EVENT = Event.set(RUN, Scope.RUN, "status", "FINISHED", 3)


class Log(NamedTuple):
    """A log as the real writer made it, and the rows that each of its frames brought."""

    path: Path
    frames: list[bytes]
    points: list[list[tuple[Any, ...]]]
    events: list[list[tuple[Any, ...]]]

    @property
    def data(self) -> bytes:
        """The bytes as they were written."""
        return b"".join(self.frames)


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Log:
    """A hello, events, points twice, a beat, an event, an end."""
    return make_log(tmp_path_factory.mktemp("fuzz") / "lake")


def make_log(root: Path) -> Log:
    writer = Writer(create(root))
    add_events(writer, EVENTS)
    add_points(writer, POINTS[:1])
    add_points(writer, POINTS[1:])
    writer.add_beat()
    add_events(writer, [LAST_EVENT])
    writer.close()

    (path,) = parts_of(root)
    points = [(*point, writer.id, seq) for seq, point in enumerate(POINTS)]
    events = [(*event, writer.id, seq) for seq, event in enumerate([*EVENTS, LAST_EVENT])]
    return Log(path, split(path.read_bytes()), [[], [], points[:1], points[1:], [], [], []], [[], events[:2], [], [], [], events[2:], []])


def split(data: bytes) -> list[bytes]:
    """The frames by the lengths in their headers, without asking the code under test."""
    found = []
    while data:
        end = HEADER + int.from_bytes(data[8:12], "little")
        found.append(data[:end])
        data = data[end:]
    return found


def reads_right(log: Log, data: bytes) -> bool:
    """Whether just the rows of the frames that are whole in `data` are read, and findings speak up just where they must."""
    log.path.write_bytes(data)
    reading = read(log.path.parents[2])
    whole = [number for number, frame in enumerate(log.frames) if frame in data]
    points = [row for number in whole for row in log.points[number]]
    events = [row for number in whole for row in log.events[number]]
    return (
        sorted(reading.points) == sorted(points)
        and sorted(reading.events) == sorted(events)
        and bool(reading.findings) == (not consists_of([log.frames[number] for number in whole], data) or has_hole(whole))
    )


def consists_of(whole: list[bytes], data: bytes) -> bool:
    """Whether nothing is left of `data` without its whole frames."""
    for frame in whole:
        data = data.replace(frame, b"")
    return not data


def has_hole(whole: Sequence[int]) -> bool:
    """Whether a later frame tells that an earlier one of its stream is not there; the last one, the end, counts the points."""
    points = [number in whole for number in (2, 3, 6)]
    events = [number in whole for number in (1, 5)]
    return points != sorted(points, reverse=True) or events != sorted(events, reverse=True)


def flipped(data: bytes, offset: int, bit: int) -> bytes:
    return data[:offset] + bytes([data[offset] ^ 1 << bit]) + data[offset + 1 :]


def test_the_log_holds_every_kind_of_frame(log: Log) -> None:
    """The fuzz leaves out no kind."""
    kinds = [frame[4] for frame in log.frames]

    assert kinds == [Kind.HELLO, Kind.EVENTS, Kind.POINTS, Kind.POINTS, Kind.BEAT, Kind.EVENTS, Kind.END]
    assert reads_right(log, log.data)


def some_places(log: Log, chance: random.Random) -> list[int]:
    """The first and last bytes of every frame with those of its header, and of the others one in eight."""
    ends = [sum(map(len, log.frames[:number])) for number in range(len(log.frames) + 1)]
    near = {end + offset for end in ends for offset in range(-2, HEADER + 2)}
    return [at for at in range(len(log.data)) if at in near or chance.random() < 1 / 8]


def test_a_log_cut_off_at_some_place_is_a_clean_prefix(log: Log) -> None:
    """Every frame before the cut is read, the one that is cut is reported; other places in each process that runs the tests."""
    seed = random.randrange(2**32)

    wrong = [cut for cut in some_places(log, random.Random(seed)) if not reads_right(log, log.data[:cut])]

    assert (seed, wrong) == (seed, [])


@pytest.mark.long
def test_a_log_cut_off_anywhere_is_a_clean_prefix(log: Log) -> None:
    """Behind every byte."""
    assert [cut for cut in range(len(log.data)) if not reads_right(log, log.data[:cut])] == []


def test_a_flipped_bit_costs_its_frame_and_no_other(log: Log) -> None:
    """One bit of some bytes, others in each process that runs the tests."""
    seed = random.randrange(2**32)
    chance = random.Random(seed)

    wrong = [offset for offset in some_places(log, chance) if not reads_right(log, flipped(log.data, offset, chance.randrange(8)))]

    assert (seed, wrong) == (seed, [])


@pytest.mark.long
@pytest.mark.parametrize("bit", range(8))
def test_every_flipped_bit_costs_its_frame_and_no_other(log: Log, bit: int) -> None:
    """All bits of all bytes."""
    assert [offset for offset in range(len(log.data)) if not reads_right(log, flipped(log.data, offset, bit))] == []


def test_a_tail_of_zeros_is_reported_and_changes_nothing_before_it(log: Log) -> None:
    """As a file system leaves a file whose size reached the disk and whose bytes did not."""
    data = log.data
    cuts = [*range(0, len(data), 17), *(data.index(frame) for frame in log.frames)]

    assert [cut for cut in cuts if not reads_right(log, data[:cut] + bytes(len(data) - cut))] == []
    assert [cut for cut in cuts if not reads_right(log, data[:cut] + bytes(4096))] == []


@pytest.mark.long
def test_a_tail_of_zeros_anywhere_changes_nothing_before_it(log: Log) -> None:
    """A tail that begins at every byte."""
    data = log.data

    assert [cut for cut in range(len(data)) if not reads_right(log, data[:cut] + bytes(len(data) - cut))] == []


def test_a_frame_that_comes_twice_counts_once(log: Log) -> None:
    """A repeat right behind it, and one at the end."""
    twice = [b"".join([*log.frames[: at + 1], *log.frames[at:]]) for at in range(len(log.frames))]
    late = [log.data + frame for frame in log.frames]

    assert [number for number, data in enumerate(twice + late) if not reads_right(log, data)] == []


def test_frames_in_any_order_are_the_same_rows(log: Log) -> None:
    """Sequence numbers say where rows belong, not the place in the file."""
    swaps = [(a, b) for a in range(len(log.frames)) for b in range(a)]
    swapped = []
    for a, b in swaps:
        order = list(log.frames)
        order[a], order[b] = order[b], order[a]
        swapped.append(b"".join(order))

    assert [swap for swap, data in zip(swaps, swapped, strict=True) if not reads_right(log, data)] == []


def test_a_frame_that_is_gone_is_missed_where_a_later_one_tells(log: Log) -> None:
    """A hole in the sequence numbers is a finding, even where every byte that is left is right."""
    without = [b"".join([*log.frames[:at], *log.frames[at + 1 :]]) for at in range(len(log.frames))]

    assert [at for at, data in enumerate(without) if not reads_right(log, data)] == []


def test_garbage_between_and_inside_frames_is_reported(log: Log) -> None:
    """Random bytes, also such as begin like a frame."""
    data, noise = log.data, random.Random(7)
    places = [*range(0, len(data), 41), *(data.index(frame) for frame in log.frames), len(data)]
    garbage = [noise.randbytes(1 + place % 97) for place in places]

    assert [at for at, junk in zip(places, garbage, strict=True) if not reads_right(log, data[:at] + junk + data[at:])] == []
    assert [at for at in places if not reads_right(log, data[:at] + data[: at % HEADER] + data[at:])] == []


def edited(data: bytes, edits: list[tuple[str, int, int, bytes]]) -> bytes:
    """The bytes after each of the edits: a kind, a place, a length, and bytes to put in."""
    for kind, place, length, junk in edits:
        start = place % (len(data) + 1)
        end = min(len(data), start + length)
        middle = {"drop": b"", "zero": bytes(end - start), "twice": data[start:end] * 2, "put": junk + data[start:end], "over": junk}[kind]
        data = data[:start] + middle + data[end:]
    return data


EDITS = st.lists(
    st.tuples(
        st.sampled_from(["drop", "zero", "twice", "put", "over"]), st.integers(0, 2**16), st.integers(0, 3000), st.binary(max_size=50)
    ),
    max_size=4,
)


@settings(max_examples=200, deadline=None)
@given(edits=EDITS)
def test_any_edit_leaves_what_is_whole(log: Log, edits: list[tuple[str, int, int, bytes]]) -> None:
    """Several kinds of damage in one log."""
    assert reads_right(log, edited(log.data, edits))


@pytest.mark.long
@pytest.mark.timeout(600)
@settings(max_examples=20_000, deadline=None)
@given(edits=EDITS)
def test_any_edit_of_very_many_leaves_what_is_whole(log: Log, edits: list[tuple[str, int, int, bytes]]) -> None:
    """The same for as long as there is time."""
    assert reads_right(log, edited(log.data, edits))


def test_a_checksum_without_the_header_would_be_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The check itself is checked: with this bug a flipped bit gives points a wrong number."""
    monkeypatch.setattr(frames, "_crc", lambda header, payload: zlib.crc32(payload))
    log = make_log(tmp_path / "lake")
    first_seq = len(b"".join(log.frames[:3])) + 16

    wrong = [bit for bit in range(8) if not reads_right(log, flipped(log.data, first_seq, bit))]

    assert wrong == list(range(8))


def test_a_checksum_that_is_never_wrong_would_be_noticed(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    """The check itself is checked: with this bug a flipped bit gives a point a wrong value."""
    value = log.data.index(struct.pack("<d", POINTS[0].value))
    damaged = flipped(log.data, value, 0)

    assert reads_right(log, damaged)
    monkeypatch.setattr(frames, "_crc", lambda header, payload: 0)
    assert not reads_right(Log(log.path, [without_checksum(frame) for frame in log.frames], log.points, log.events), zeroed(damaged, log))


def without_checksum(frame: bytes) -> bytes:
    return frame[: HEADER - 4] + bytes(4) + frame[HEADER:]


def zeroed(data: bytes, log: Log) -> bytes:
    """The bytes with every checksum zero, as that bug would have written them."""
    return b"".join(without_checksum(frame) for frame in split(data))


@given(
    kind=st.sampled_from(Kind),
    payload=st.binary(max_size=200),
    n_rows=st.integers(0, 2**32 - 1),
    first_seq=st.integers(0, 2**64 - 1),
    wall_ns=st.integers(-(2**63), 2**63 - 1),
    base=st.integers(0, 2**40),
)
def test_a_frame_is_read_as_it_was_made(kind: Kind, payload: bytes, n_rows: int, first_seq: int, wall_ns: int, base: int) -> None:
    """Every field to its limits."""
    data = encode(kind, payload, n_rows=n_rows, first_seq=first_seq, wall_ns=wall_ns)

    assert list(scan(data, base)) == [Frame(kind, n_rows, first_seq, wall_ns, payload, base), Scan(base + len(data))]


def test_damage_is_named_by_its_place_and_length() -> None:
    """What lies between two good frames is one range; what follows the last one may still be on its way."""
    first, second = (encode(Kind.BEAT, b"", n_rows=0, first_seq=seq, wall_ns=seq) for seq in (1, 2))

    found = list(scan(first + b"RLK1 junk" + second + first[:-1], 100))

    assert [frame for frame in found if isinstance(frame, Frame)] == [Frame(4, 0, 1, 1, b"", 100), Frame(4, 0, 2, 2, b"", 145)]
    assert [damage for damage in found if isinstance(damage, Damage)] == [Damage(136, 9)]
    assert found[-1] == Scan(181)


def test_a_payload_over_the_limit_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A reader would take its length for damage."""
    monkeypatch.setattr(frames, "MAX_PAYLOAD", 10)

    with pytest.raises(ValueError, match="a payload of 11 bytes, over 10"):
        encode(Kind.POINTS, bytes(11), n_rows=1, first_seq=0, wall_ns=0)
