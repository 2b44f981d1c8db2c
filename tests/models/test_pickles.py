"""Pickles: their names are read without running them, and they run once somebody has consented, which is not decided here."""

from __future__ import annotations

import collections
import contextlib
import copyreg
import gzip
import importlib
import io
import pickle
import pkgutil
import random
import struct
import sys
from collections.abc import Iterator
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from runlake.errors import InvalidValue, RunlakeError
from runlake.models.code.pickles import pickled, types_in, unpickled


class Canary:
    """Writes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return open, (str(self.path), "w")


@pytest.fixture
def canary(tmp_path: Path) -> Iterator[Canary]:
    """Must not have sung at the end."""
    yield Canary(tmp_path / "canary")
    assert not (tmp_path / "canary").exists()


def short(text: str) -> bytes:
    """A text as the newer protocols write it."""
    return b"\x8c" + struct.pack("<B", len(text)) + text.encode()


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_names_are_those_that_pickle_imports_and_nothing_runs(protocol: int, canary: Canary) -> None:
    """In each protocol, of which each writes them otherwise."""
    value = [
        Fraction(1, 2),
        collections.OrderedDict(a=len),
        np.arange(3),
        canary,
        partial(print, Fraction),
        {Fraction, collections.Counter},
    ]

    class Watching(pickle.Unpickler):
        """Notes what it imports, and opens no file."""

        def find_class(self, module: str, name: str) -> Any:
            found = super().find_class(module, name)
            imported.add(found)
            return found if found is not open else lambda *_: None

    imported: set[Any] = set()
    text = pickle.dumps(value, protocol)
    Watching(io.BytesIO(text)).load()

    assert {pkgutil.resolve_name(name) for name in types_in(text)} == imported
    assert {Fraction, open, print, len} <= imported


@pytest.mark.parametrize(
    ("text", "names"),
    [
        (b"cos\nsystem\n.", ["os.system"]),
        (b"\x80\x02cos\nsystem\nq\x00(h\x00tR.", ["os.system"]),
        (b"(S'ls'\nios\nsystem\n.", ["os.system"]),
        (b"c__builtin__\neval\n.", ["builtins.eval"]),
        (b"\x80\x03c__builtin__\neval\n.", ["__builtin__.eval"]),
        (b"\x80\x04" + short("os") + short("system") + b"\x93.", ["os.system"]),
        # Texts that were put away, pushed twice, taken off again, or left below others.
        (b"\x80\x04" + short("os") + b"\x940" + short("system") + b"\x940h\x00h\x01\x93.", ["os.system"]),
        (
            b"\x80\x04" + short("os") + b"q\x070" + short("x") + b"0h\x07" + short("system") + b"r\x09\x00\x00\x000j\x09\x00\x00\x00\x93.",
            ["os.system"],
        ),
        (b"\x80\x04" + short("posix") + b"2\x93.", ["posix.posix"]),
        (b"\x80\x04" + short("os") + short("system") + short("x") + b"0(K\x01K\x021\x93.", ["os.system"]),
        (b"\x80\x04" + short("os") + short("system") + b"N0(0\x93.", ["os.system"]),
        (b"\x80\x04U\x02osV" + b"system\n\x93.", ["os.system"]),
        # A text that a call makes is known to no reader.
        (b"\x80\x04" + short("os") + b"c_codecs\ndecode\n(C\x06systemtR\x93.", ["_codecs.decode", "os.?"]),
        (b"\x80\x04cbuiltins\nstr\n)R" + short("system") + b"\x93.", ["?.system", "builtins.str"]),
        (b"\x80\x02\x82\x01.", ["? (extension 1)"]),
        (b"]" + b"(" * 5000 + b"l" * 5000 + b"0cos\nsystem\n.", ["os.system"]),
    ],
)
def test_names_that_are_hidden_are_found(text: bytes, names: list[str]) -> None:
    """As far as they stand in the pickle; a part that it computes is said to be so."""
    assert types_in(text) == names


def test_a_registered_extension_is_named() -> None:
    """A number stands for a class then."""
    copyreg.add_extension("os", "system", 240)
    try:
        assert types_in(b"\x80\x02\x82\xf0.") == ["os.system"]
    finally:
        copyreg.remove_extension("os", "system", 240)


@pytest.mark.parametrize(
    "text",
    [
        *(b"", b"no pickle", b"\x80\x04", b"cos\nsystem\n", b"cos", b"h\x05.", b"0.", b"\x93.", b"R.", b"t.", b"\x80\x04\x94.", b"2."),
        *(
            b"\x8e\xff\xff\xff\xff\xff\xff\xff\x7f.",
            b"I" + b"9" * 10_000 + b"\n.",
            b"F\n.",
            b"\x80\xff.",
            b"V\\ud8zz\n.",
            b"\x8a\x02\x00.",
        ),
        gzip.compress(pickle.dumps(Fraction(1, 2)), mtime=0),
    ],
    ids=repr,
)
def test_what_is_no_pickle_is_an_error_of_ours(text: bytes) -> None:
    """Also one that would only break off while it is loaded, one that is compressed, and one whose sizes lie."""
    with pytest.raises(InvalidValue, match=r"bytes are no pickle"):
        types_in(text)


def test_no_damage_makes_reading_fail_otherwise(canary: Canary) -> None:
    """Bytes changed at random: names, or the error; the canary is silent."""
    text = pickled([canary, Fraction(1, 2), {"a": (1.5, b"x", "text" * 99)}, np.arange(9)])
    chance = random.Random(0)
    for _ in range(3000):
        damaged = bytearray(text)
        for _ in range(chance.randint(1, 4)):
            damaged[chance.randrange(len(damaged))] = chance.randrange(256)
        with contextlib.suppress(InvalidValue):
            types_in(bytes(damaged[: chance.choice([len(text), chance.randrange(len(text))])]))


def test_a_model_comes_back_from_its_pickle() -> None:
    """Of a class and a function that no other process could import, too."""

    class Own:
        def __init__(self, scale: Any) -> None:
            self.scale = scale

    again = unpickled(pickled(Own(lambda x: x * 3)))

    assert again.scale(2) == 6


def test_what_a_pickle_needs_of_the_users_own_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Unless it comes along."""
    (tmp_path / "own_class.py").write_text("class Model: ...")
    monkeypatch.syspath_prepend(str(tmp_path))
    model = importlib.import_module("own_class").Model()

    pickled(model, {"own_class"})
    pickled(model)

    assert [record.args for record in caplog.records] == [("own_class.Model", tmp_path / "own_class.py")]
    del sys.modules["own_class"]


def test_a_pickle_runs_what_it_says_once_it_is_loaded(tmp_path: Path) -> None:
    """Or the tests above would be silent whatever happened."""
    unpickled(pickled(Canary(tmp_path / "canary"))).close()

    assert (tmp_path / "canary").exists()


def test_a_pickle_whose_module_is_missing_says_which() -> None:
    """And what to do."""
    with pytest.raises(RunlakeError, match=r"The pickle needs what is not here: No module named 'not_installed_here'\. Install"):
        unpickled(b"cnot_installed_here\nModel\n.")
