"""A file comes into being once, whole or not at all, whoever else is making it, with hard links and without."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from children import let_go_together, start_program
from runlake import platform
from runlake.errors import StoreError
from runlake.store.layout import create
from runlake.store.put_new import make_folder, probe, put_new, temporary

WITHOUT_LINKS = {
    "as it is": "",
    "no link function": "import os; del os.link",
    "links refused": "import errno, os\ndef link(source, target): raise PermissionError(errno.EPERM, 'no links here')\nos.link = link",
}


@pytest.fixture(params=WITHOUT_LINKS)
def folder(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a folder for drafts, where hard links are as the parameter says."""
    if request.param == "no link function":
        monkeypatch.delattr(os, "link")
    if request.param == "links refused":
        monkeypatch.setattr(os, "link", failing(errno.EPERM))
    (tmp_path / "tmp").mkdir()
    return tmp_path


def failing(code: int) -> object:
    """A function of the operating system that gives this error."""

    def fail(*arguments: object, **more: object) -> None:
        raise OSError(code, os.strerror(code))

    return fail


def test_a_new_file_holds_the_bytes(folder: Path) -> None:
    """And no draft is left, under any name."""
    made = put_new(folder / "entry", b"whole", folder / "tmp")

    assert made
    assert (folder / "entry").read_bytes() == b"whole"
    assert (folder / "entry").stat().st_nlink == 1
    assert list((folder / "tmp").iterdir()) == []


def test_a_file_that_exists_is_left_as_it_is(folder: Path) -> None:
    """The loser is told so, and finds what the winner wrote."""
    put_new(folder / "entry", b"winner", folder / "tmp")
    before = (folder / "entry").stat()

    made = put_new(folder / "entry", b"loser", folder / "tmp")

    assert not made
    assert (folder / "entry").read_bytes() == b"winner"
    after = (folder / "entry").stat()
    assert (after.st_ino, after.st_mtime_ns, after.st_ctime_ns) == (before.st_ino, before.st_mtime_ns, before.st_ctime_ns)
    assert list((folder / "tmp").iterdir()) == []


def test_short_writes_make_a_whole_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The operating system may take less than it was given."""
    write = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: write(fd, bytes(data)[:7]))

    put_new(folder / "entry", bytes(range(256)), folder / "tmp")

    assert (folder / "entry").read_bytes() == bytes(range(256))


@pytest.mark.parametrize("call", ["open", "write", "fdatasync", "close"])
def test_nothing_is_left_after_a_failure(folder: Path, monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    """Neither the file nor a draft, and the error says what was wrong."""
    with monkeypatch.context() as broken:
        broken.setattr(os, call, failing(errno.ENOSPC))
        with pytest.raises(OSError, match="No space left"):
            put_new(folder / "entry", b"never", folder / "tmp")

    assert [entry.name for entry in folder.iterdir()] == ["tmp"]
    assert list((folder / "tmp").iterdir()) == []


def test_a_place_that_cannot_be_written_raises(folder: Path) -> None:
    """A missing folder is no other process that was faster."""
    with pytest.raises(FileNotFoundError):
        put_new(folder / "absent" / "entry", b"never", folder / "tmp")

    assert list((folder / "tmp").iterdir()) == []


PUTS_MANY = """
    import os, sys
    from pathlib import Path
    exec(os.environ["PLANTED"])
    from runlake.store.put_new import put_new

    folder, me = Path(sys.argv[1]), sys.argv[2]
    print("ready", flush=True)
    input()
    for number in range(40):
        path = folder / str(number)
        made = put_new(path, me.encode() * 3000, folder / "tmp")
        print(number, made, path.read_text()[:1] if set(path.read_text()) == {path.read_text()[0]} else "torn")
"""


@pytest.mark.parametrize("links", WITHOUT_LINKS)
def test_of_many_processes_just_one_makes_each_file(tmp_path: Path, links: str) -> None:
    """All others find, at once, the whole file of the one that won."""
    (tmp_path / "tmp").mkdir()
    children = [start_program(PUTS_MANY, tmp_path, str(tmp_path), name, PLANTED=WITHOUT_LINKS[links]) for name in "abcd"]
    let_go_together(children)
    answers = [dict_of(child.communicate(timeout=60)[0]) for child in children]

    for number in range(40):
        winners = [name for name, answer in zip("abcd", answers, strict=True) if answer[number][0] == "True"]
        assert [answer[number][1] for answer in answers] == winners * 4
    assert list((tmp_path / "tmp").iterdir()) == []


def dict_of(printed: str) -> dict[int, tuple[str, str]]:
    """What a child says of each file: whether it made it, and whose bytes are in it."""
    lines = [line.split() for line in printed.splitlines()]
    return {int(number): (made, found) for number, made, found in lines}


def test_the_probe_passes_where_a_second_file_is_refused(folder: Path) -> None:
    """And leaves nothing behind."""
    probe(folder / "tmp")

    assert list((folder / "tmp").iterdir()) == []


def overwrite(source: Path, target: Path) -> bool:
    os.replace(source, target)
    return True


def overwrite_and_deny(source: Path, target: Path) -> bool:
    existed = target.exists()
    os.replace(source, target)
    return not existed


def keep_and_claim(source: Path, target: Path) -> bool:
    if not target.exists():
        os.rename(source, target)
    return True


@pytest.mark.parametrize("move", [overwrite, overwrite_and_deny, keep_and_claim])
def test_the_probe_refuses_where_two_can_make_one_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, move: object) -> None:
    """As on a mount whose links are renames: no store is begun there, and the error says why."""
    monkeypatch.setattr(platform, "move_new", move)

    with pytest.raises(StoreError, match="lets two processes create the same file"):
        create(tmp_path / "lake")

    assert [path.name for path in (tmp_path / "lake").rglob("*")] == ["tmp"]


def test_folders_are_made_and_synced_from_the_top(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each one's entry in the folder above it, also where the folder was there: who made it may not have come that far."""
    synced: list[Path] = []
    monkeypatch.setattr(platform, "sync_folder", synced.append)
    expected = [tmp_path, tmp_path / "a", tmp_path / "a" / "b"]

    for _ in range(2):
        make_folder(tmp_path / "a" / "b" / "c", within=tmp_path)

    assert (tmp_path / "a" / "b" / "c").is_dir()
    assert synced == expected * 2


def test_a_draft_has_a_name_of_its_own(tmp_path: Path) -> None:
    """In every process and every call."""
    names = {temporary(tmp_path) for _ in range(1000)}

    assert len(names) == 1000
    assert all(name.parent == tmp_path and name.suffix == ".tmp" for name in names)
