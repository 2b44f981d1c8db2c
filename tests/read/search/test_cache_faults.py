"""A search cache that is torn, gone, of another store or another user's: searches do without, and it is made anew."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from caches import ALL, NAMES, add, change, everything, frames, kept, manifest, without_cache
from children import let_go_together, run_program, start_program
from runlake.entities import Scope
from runlake.read import open_store
from runlake.read.search.cache import bring_up_to_date
from runlake.store.layout import Layout, create
from runlake.store.publish import publish
from written_runs import WrittenRun, found

# It is not used where it is not right


def replaced(layout: Layout) -> None:
    """Another store at the same path."""
    shutil.rmtree(layout.root)
    create(layout.root)
    add(layout, WrittenRun("other"))
    publish(layout)


def rolled_back(layout: Layout) -> None:
    """The copy of before, and it went another way since."""
    shutil.rmtree(layout.root)
    shutil.copytree(layout.root.with_name("copy"), layout.root)
    for name in NAMES[:3]:
        change(layout, name, "team", "another")
        publish(layout)


def rolled_back_only(layout: Layout) -> None:
    """The copy of before."""
    shutil.rmtree(layout.root)
    shutil.copytree(layout.root.with_name("copy"), layout.root)


@pytest.mark.parametrize("becomes", [replaced, rolled_back, rolled_back_only])
def test_it_is_refused_where_the_store_is_another(layout: Layout, becomes: Callable[[Layout], None]) -> None:
    """Or not what it was; and made anew."""
    shutil.copytree(layout.root, layout.root.with_name("copy"))
    change(layout, NAMES[0], "team", "y")
    publish(layout)
    bring_up_to_date(layout)

    becomes(layout)

    assert frames(open_store(layout.root)) == ["LiveFrame"]
    assert everything(layout) == without_cache(layout)
    assert bring_up_to_date(layout)
    assert set(frames(open_store(layout.root))) == {"ChunkFrame"}
    assert everything(layout) == without_cache(layout)


def test_a_copy_of_a_store_has_none_yet(layout: Layout, tmp_path: Path) -> None:
    """It goes its own way."""
    bring_up_to_date(layout)
    copy = Layout(tmp_path / "copy")
    shutil.copytree(layout.root, copy.root)
    change(copy, NAMES[0], "team", "y")

    assert (frames(open_store(copy.root)), found(open_store(copy.root), "team = y")) == (["LiveFrame"], NAMES[0])
    assert found(open_store(layout.root), "team = y") == ""


def test_one_that_is_ahead_of_what_was_read_is_not_used(layout: Layout) -> None:
    """A store answers as of its last refresh."""
    bring_up_to_date(layout)
    store = open_store(layout.root)
    before = frames(store)
    add(layout, WrittenRun("later"))
    publish(layout)
    bring_up_to_date(layout)

    assert (before, frames(store), found(store, "name = later")) == (["ChunkFrame"] * 3, ["LiveFrame"], "")
    store.refresh()
    assert (frames(store), found(store, "name = later")) == (["ChunkFrame"] * 4, "later")


def another_format(said: dict[str, Any]) -> None:
    """Of another version of this program."""
    said["format"] += 1


def another_version(said: dict[str, Any]) -> None:
    """Of a table that has not come so far."""
    said["versions"]["meta"][0] += 1


def another_digest(said: dict[str, Any]) -> None:
    """Of another table."""
    said["versions"]["metrics"][1] = "0" * 64


@pytest.mark.parametrize("spoil", [another_format, another_version, another_digest])
def test_one_of_another_format_or_version_is_not_used(layout: Layout, home: Path, spoil: Callable[[dict[str, Any]], None]) -> None:
    """And made anew."""
    bring_up_to_date(layout)
    said = json.loads(manifest(home).read_text())
    spoil(said)
    manifest(home).write_text(json.dumps(said))

    assert (frames(open_store(layout.root)), everything(layout)) == (["LiveFrame"], without_cache(layout))
    assert bring_up_to_date(layout)
    assert frames(open_store(layout.root)) == ["ChunkFrame"] * 3


GARBAGE = [b"", b"{", b"null", b"[]", b"5", b"\0" * 500, b"\xff\xfe{}", b"[" * 100_000, b'{"format": 1}']
GARBAGE += [b'{"format": 1, "versions": %s, "chunks": {}}' % versions for versions in (b"{}", b'{"meta": 3, "metrics": 4}')]


@pytest.mark.parametrize("garbage", GARBAGE, ids=range(len(GARBAGE)))
def test_a_torn_one_is_not_used(layout: Layout, home: Path, garbage: bytes) -> None:
    """Whatever is left of what it says of itself; and made anew."""
    bring_up_to_date(layout)
    manifest(home).write_bytes(garbage)

    assert (frames(open_store(layout.root)), everything(layout)) == (["LiveFrame"], without_cache(layout))
    assert bring_up_to_date(layout)
    assert frames(open_store(layout.root)) == ["ChunkFrame"] * 3


def test_a_manifest_cut_anywhere_is_not_used(layout: Layout, home: Path) -> None:
    """Nor is a chunk that it does not name any more."""
    bring_up_to_date(layout)
    whole, before = manifest(home).read_bytes(), everything(layout)
    for length in range(0, len(whole), 37):
        manifest(home).write_bytes(whole[:length])
        assert (frames(open_store(layout.root)), everything(layout)) == (["LiveFrame"], before)


# Files that go


def test_any_of_its_files_may_be_gone(layout: Layout, home: Path) -> None:
    """Somebody cleans up: what is found stays the same, and it is made anew."""
    bring_up_to_date(layout)
    change(layout, NAMES[11], "team", "y")
    before, files = everything(layout), sorted(kept(home))
    assert len(files) == 6  # three chunks, the rows of the one run that goes on, of two tables, and what is said of them
    for name in files:
        data = kept(home)[name].read_bytes()
        path = kept(home)[name]
        path.unlink()
        assert everything(layout) == before, name
        path.write_bytes(data)
    shutil.rmtree(home)
    assert everything(layout) == before
    assert bring_up_to_date(layout)
    assert (everything(layout), frames(open_store(layout.root))) == (before, ["ChunkFrame"] * 3 + ["LiveFrame"])


def test_what_is_open_stays_readable_when_its_files_go(layout: Layout, home: Path) -> None:
    """Also a table that was asked for before."""
    bring_up_to_date(layout)
    store = open_store(layout.root)
    search = store.search(ALL)
    shutil.rmtree(home)

    assert search.table(["run_id", "metrics.loss"])["metrics.loss"].to_pylist() == [*(-float(place) for place in range(11)), 11.0]
    assert found(store, "n > 9") == "run 10 run 11"
    change(layout, NAMES[0], "team", "y")
    store.refresh()
    assert found(store, "team = y or n > 9") == "run 00 run 10 run 11"


def test_a_store_that_is_open_follows_as_it_is_made_anew_again_and_again(layout: Layout) -> None:
    """By others, whose changes it sees with a refresh."""
    bring_up_to_date(layout)
    store = open_store(layout.root)
    for place, name in enumerate(NAMES):
        change(layout, name, "n", str(place), scope=Scope.TAG)
        publish(layout)
        bring_up_to_date(layout)
        assert found(store, "tags.n = 0") == ("run 00" if place else "")
        store.refresh()
        assert found(store, f"tags.n <= {place}") == " ".join(NAMES[: place + 1])


# Where it lies


def files_of(folder: Path) -> dict[Path, tuple[int, int]]:
    """Every file and folder with its size and when it was written."""
    return {path: (path.stat().st_size, path.stat().st_mtime_ns) for path in [folder, *folder.rglob("*")]}


def test_nothing_is_written_into_the_store(layout: Layout, home: Path) -> None:
    """Neither by who makes it nor by who searches; and what is made is for this user alone."""
    change(layout, NAMES[0], "team", "y")
    before = files_of(layout.root)
    bring_up_to_date(layout)
    everything(layout)

    assert files_of(layout.root) == before
    assert [oct(path.stat().st_mode & 0o777) for path in home.glob("runlake/search/*")] == ["0o700"]


def test_where_the_home_cannot_be_written_to_searches_do_without(layout: Layout, home: Path) -> None:
    """A file lies where its folder should be."""
    home.write_text("in the way")

    assert not bring_up_to_date(layout)
    assert (frames(open_store(layout.root)), everything(layout)) == (["LiveFrame"], without_cache(layout))


AS_NOBODY = """
    import os, sys
    import tempfile
    from pathlib import Path
    from runlake.store.layout import Layout
    from runlake.read import Query, open_store
    from runlake.read.search.cache import bring_up_to_date

    layout, home = Layout(Path(os.environ["RUNLAKE_STORE"])), os.environ["XDG_CACHE_HOME"]
    os.environ["XDG_CACHE_HOME"] = sys.argv[2]
    bring_up_to_date(layout)  # so that all is imported: nobody may not look into the folder of this Python
    open_store(layout.root).search(Query())
    os.environ["XDG_CACHE_HOME"] = home
    os.setgid(54321), os.setuid(54321)
    if sys.argv[1] == "without a home":
        del os.environ["HOME"], os.environ["XDG_CACHE_HOME"]
    bring_up_to_date(layout)
    print(len(open_store(layout.root).search(Query())))
"""


@pytest.mark.usefixtures("as_root")
@pytest.mark.parametrize("who", ["without a home", "in the home of another user"])
def test_anybody_who_may_read_a_store_may_search_it(layout: Layout, home: Path, who: str) -> None:
    """Whether a cache can be made or not."""
    home.mkdir(mode=0o700)
    for folder in layout.root.parents[:4]:
        folder.chmod(folder.stat().st_mode | 0o055)

    done = run_program(AS_NOBODY, layout.root, who, str(layout.root.with_name("first home")), XDG_CACHE_HOME=str(home))

    assert (done.stdout, done.stderr) == ("12\n", "")


# Others who make it


MAKES_IT = """
    import os
    from pathlib import Path
    from runlake.read.search import cache
    from runlake.store.layout import Layout

    cache.CHUNK = 5
    print("ready", flush=True)
    input()
    print(cache.bring_up_to_date(Layout(Path(os.environ["RUNLAKE_STORE"]))))
"""


def test_several_that_make_it_at_once_make_one(layout: Layout, home: Path) -> None:
    """Who finds another at it leaves it alone."""
    programs = [start_program(MAKES_IT, layout.root, XDG_CACHE_HOME=str(home)) for _ in range(4)]
    let_go_together(programs)
    said = [program.communicate(timeout=60) for program in programs]

    assert {word for word, _ in said} <= {"True\n", "False\n"}
    assert ("True\n", "") in said
    assert [complaint for _, complaint in said] == [""] * 4
    assert (frames(open_store(layout.root)), everything(layout)) == (["ChunkFrame"] * 3, without_cache(layout))
    assert len(kept(home)) == 6


def test_who_dies_while_making_it_harms_nobody(layout: Layout, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The one before is used, and what is left behind goes with the next."""
    bring_up_to_date(layout)
    change(layout, NAMES[0], "team", "y")
    publish(layout)
    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", lambda *given: sys.exit("killed"))
        with pytest.raises(SystemExit):
            bring_up_to_date(layout)

    assert (frames(open_store(layout.root)), everything(layout)) == (["ChunkFrame"] * 3 + ["LiveFrame"], without_cache(layout))
    assert bring_up_to_date(layout)
    assert (frames(open_store(layout.root)), len(kept(home))) == (["ChunkFrame"] * 3, 6)
