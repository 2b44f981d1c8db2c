"""The YAML of projects is plain: nothing that makes objects, repeats places, or reads otherwise than it is written."""

from __future__ import annotations

from pathlib import Path

import pytest

from runlake.errors import InvalidValue
from runlake.projects import strict_yaml
from runlake.projects.strict_yaml import Node, read_yaml

BOMB = "a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n"
ATTACKS = {
    "python object": ("name: !!python/object/apply:os.system ['touch x']\n", 1, "is a tag"),
    "plain tag": ("name: !!str 5\n", 1, "is a tag"),
    "local tag": ("a: 1\nname: !mine x\n", 2, "is a tag"),
    "bare tag": ("name: ! x\n", 1, "is a tag"),
    "tag directive": ("%TAG ! tag:example.com,2000:\n---\nname: x\n", 1, "%TAG"),
    "anchors bomb": (BOMB, 1, "is an anchor"),
    "alias": ("name: *a\n", 1, "repeats another place|no YAML"),
    "merge key": ("name: x\n<<: {a: 1}\n", 2, "would merge"),
    "duplicate keys": ("name: x\nother: 1\nname: y\n", 3, "is there twice, first in line 1"),
    "duplicate keys below": ("a:\n  b: 1\n  b: 2\n", 3, "is there twice"),
    "key that is a list": ("? [a, b]\n: 1\n", 1, "a name is text"),
    "two documents": ("name: x\n---\nname: y\n", 2, "a second document"),
    "too deep": ("a: " + "[" * 40 + "]" * 40, 1, "levels deep"),
    "deep as a stack": ("a: " + "[" * 100_000, 1, "levels deep"),
    "not closed": ("name: [a\n", 2, "no YAML"),
    "tab": ("a:\n\tb: 1\n", 2, "no YAML"),
    "control letter": ("name: \x01\n", 1, "no YAML"),
    "too long": ("# " + "x" * (257 * 1024), 1, "longer than 256 KiB"),
}


def read(folder: Path, text: str | bytes) -> Node:
    """The file with this text."""
    path = folder / "MLproject"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_yaml(path, "MLproject")


@pytest.mark.parametrize("name", ATTACKS)
def test_what_is_not_plain_is_refused_with_its_file_and_line(tmp_path: Path, name: str) -> None:
    """Nothing is made, and nothing is guessed."""
    text, line, what = ATTACKS[name]

    with pytest.raises(InvalidValue, match=rf"^MLproject, line {line}: .*({what})"):
        read(tmp_path, text)
    assert not Path("x").exists()


def test_a_file_that_is_no_utf_8_is_refused_with_the_line(tmp_path: Path) -> None:
    """Whoever wrote it sees where."""
    with pytest.raises(InvalidValue, match="MLproject, line 2: this is not UTF-8"):
        read(tmp_path, b"name: x\nb: \xff\n")


@pytest.mark.parametrize("text", ["3.10", "1e-3", "010", "yes", "1_000", "2020-01-01", "${HOME}", "{{ 7 * 7 }}", "0x1F", "on"])
def test_a_text_stays_as_it_is_written(tmp_path: Path, text: str) -> None:
    """YAML would make numbers, switches and dates of some."""
    assert (
        read(tmp_path, f"a: '{text}'\nb: {text}\n" if "{" not in text else f"a: '{text}'\nb: '{text}'\n").mapping("it")["b"].value == text
    )


def test_nothing_is_nothing_and_an_empty_text_is_one(tmp_path: Path) -> None:
    """A default that is empty is a default."""
    found = read(tmp_path, "a:\nb: ''\nc: null\nd: ~\ne: 'null'\n").mapping("it")

    assert {name: node.value for name, node in found.items()} == {"a": None, "b": "", "c": None, "d": None, "e": "null"}


def test_the_slow_reader_says_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the library was built without the fast one."""
    import yaml

    monkeypatch.delattr(yaml, "CSafeLoader", raising=False)
    for name, (text, line, what) in ATTACKS.items():
        if name != "tab":  # which it finds at another place
            with pytest.raises(InvalidValue, match=rf"^MLproject, line {line}: .*({what})"):
                read(tmp_path, text)
    assert strict_yaml.DEEPEST < 40
