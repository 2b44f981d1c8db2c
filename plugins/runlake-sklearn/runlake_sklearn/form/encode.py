"""Writing: a walk over what a model holds, which meets only the closed list and calls nothing of the user's."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from types import BuiltinFunctionType, FunctionType
from typing import Any

import numpy as np
import pyarrow as pa

from runlake import Saved, save_part
from runlake_sklearn.form import arrays
from runlake_sklearn.form.checks import check
from runlake_sklearn.form.errors import InvalidForm, NoSafeForm, TooLarge
from runlake_sklearn.form.names import INSTANCES, class_name, name_of
from runlake_sklearn.form.natives import NATIVE
from runlake_sklearn.form.sizes import size_of
from runlake_sklearn.form.versions import FORM, WRITTEN_WITH

MAX_DEPTH = 48  # objects deeper than this are put off: a chain of ten thousand is as flat as a chain of two
_DEEPEST = 64  # the last of them may hold lists in lists, but not for ever
_FAST = pa.Codec("zstd", compression_level=1)


@dataclass(frozen=True)
class Form:
    """A model as two files: the tree (`estimator.json`), and the bytes of all arrays (`buffers.bin.zst`).

    `modules` are those of other libraries, of which it holds models.
    """

    tree: bytes
    buffers: bytes
    modules: frozenset[str] = frozenset()


def encode(model: Any, max_bytes: int) -> Form:
    """The safe form of a model, which is left as it was; its bytes depend on nothing but the model and the versions."""
    size = size_of(model, max_bytes)
    if size > max_bytes:
        raise TooLarge(f"The model has {size:,} bytes or more, and at most {max_bytes:,} are kept.")
    writer = _Writer(max_bytes)
    tree = {"form": FORM, "written_with": WRITTEN_WITH, "model": writer.node(model)}
    writer.write_put_off()
    tree |= {"put_off": writer.put_off, "buffers": writer.position}
    text = json.dumps(tree, separators=(",", ":"), allow_nan=False).encode()
    if writer.position + len(text) > max_bytes:
        raise TooLarge(f"The model has {writer.position + len(text):,} bytes, and at most {max_bytes:,} are kept.")
    compressed = _FAST.compress(b"".join(writer.buffers), asbytes=True)  # type: ignore[arg-type]  # pyarrow takes bytes
    return Form(text, compressed, frozenset(writer.modules))


class _Writer:
    """The walk: what was met and where its bytes go."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self.buffers: list[np.ndarray[Any, Any]] = []
        self.position = 0
        self.put_off: list[dict[str, Any]] = []
        self.modules: set[str] = set()
        self._waiting: list[tuple[Any, dict[str, Any]]] = []
        self._met: dict[int, dict[str, Any]] = {}
        self._kept: list[Any] = []  # parts made on the way must live, or their ids would be given to others
        self._ids = 0
        self._depth = 0

    def node(self, value: Any) -> Any:
        """What stands for a value in the tree."""
        kind = type(value)
        if kind is str or kind is bool or value is None:
            return value
        if kind is float:
            return value if math.isfinite(value) else {"float": repr(value)}
        if kind is int:
            return value if -(2**63) <= value < 2**64 else {"int": hex(value)}
        met = self._met.get(id(value))
        if met is not None:
            return self._again(met)
        write = _WRITERS.get(kind) or _writer_for(value) or self.part_of(value)
        if write is None:
            raise NoSafeForm(_what_it_is(value))
        if self._depth > _DEEPEST:
            raise NoSafeForm(f"is nested more than {_DEEPEST} deep")
        self._depth += 1
        try:
            return write(self, value)
        finally:
            self._depth -= 1

    def write_put_off(self) -> None:
        """Write what lay too deep, and what lies too deep below that."""
        while self._waiting:
            value, node = self._waiting.pop(0)
            self._fill(node, value)

    def _again(self, met: dict[str, Any]) -> dict[str, Any]:
        if "id" not in met:
            self._ids += 1
            met["id"] = self._ids
        return {"ref": met["id"]}

    def remember(self, value: Any, node: dict[str, Any]) -> dict[str, Any]:
        """Note an object before what it holds is written: it may hold itself."""
        self._met[id(value)] = node
        return node

    def instance(self, value: Any) -> dict[str, Any]:
        """An object of a listed Python class: its name and its attributes."""
        node: dict[str, Any] = {"class": class_name(type(value)), "state": {}}
        if self._depth <= MAX_DEPTH:
            self._fill(self.remember(value, node), value)
            return node
        self._waiting.append((value, node))
        self.put_off.append(node)
        return self.remember(value, {"put_off": len(self.put_off) - 1})

    def _fill(self, node: dict[str, Any], value: Any) -> None:
        try:
            check(value)
        except InvalidForm as error:
            # It could not be read.
            raise NoSafeForm(f"is of class {node['class'].replace(':', '.')}, and not safe: {error}") from error
        state = node["state"]
        for attribute, held in vars(value).items():
            if (node["class"], attribute) not in _BUILT_ANEW and attribute not in _LISTENERS:
                if type(attribute) is not str or attribute.startswith("__"):
                    raise NoSafeForm(f"has an attribute named {attribute!r}")
                state[attribute] = self.inside("." + attribute, held)

    def native(self, value: Any) -> dict[str, Any]:
        """An object of a listed C class: its name and its parts."""
        name = class_name(type(value)) or ""
        parts = NATIVE[name].take_apart(value)
        self._kept.append(parts)
        node = self.remember(value, {"class": name, "parts": {}})
        for key, part in parts.items():
            node["parts"][key] = self.inside("." + key, part)
        return node

    def part(self, value: Any, saved: Saved) -> dict[str, Any]:
        """A model of another library: the files that its plugin makes of it."""
        node = self.remember(value, {"part": saved.format_id, "files": {}})
        self.modules.update(saved.modules)
        for name, content in saved.files.items():
            node["files"][name] = self.array(np.frombuffer(content, np.uint8))
        return node

    def part_of(self, value: Any) -> Callable[[_Writer, Any], Any] | None:
        """How to write what another library's plugin has a safe form for."""
        saved = None if _is_of_scikit_learn(value) else save_part(value, self._max_bytes - self.position)
        if saved is None:
            return None
        if saved.why_not:
            raise NoSafeForm(f"{_what_it_is(value)}, which has no safe form: {saved.why_not}")
        return lambda writer, part: writer.part(part, saved)

    def inside(self, piece: str, value: Any) -> Any:
        """What stands for a value that lies there."""
        try:
            return self.node(value)
        except NoSafeForm as error:
            error.inside(piece)
            raise

    def array(self, value: np.ndarray[Any, Any]) -> dict[str, Any]:
        """An array: its bytes go to the buffers, its objects into the tree."""
        order = {"order": "F"} if arrays.is_fortran(value) else {}
        flags = order if value.flags.writeable else order | {"readonly": True}
        if value.dtype == object:
            node = self.remember(value, {"objects": [], "shape": list(value.shape), **flags})
            node["objects"].extend(self.inside(f"[{place}]", held) for place, held in enumerate(value.ravel().tolist()))
            return node
        described = arrays.describe_dtype(value.dtype)
        node = self.remember(value, {"array": described, "shape": list(value.shape), "at": self.position, **flags})
        if value.nbytes:
            data = arrays.bytes_of(value)
            self.buffers.append(data)
            self.position += len(data)
        return node

    def sequence(self, value: Any) -> dict[str, Any]:
        """A list or tuple."""
        node = self.remember(value, {type(value).__name__: []})
        items = node[type(value).__name__]
        for place, held in enumerate(value):
            items.append(self.inside(f"[{place}]", held))
        return node

    def members(self, value: Any) -> dict[str, Any]:
        """A set, sorted: the order of its members is chance."""
        written = []
        for member in value:
            # Each by itself: what one refers to could come after it once they are sorted.
            met, self._met = self._met, {}
            written.append(self.inside("{...}", member))
            self._met = met
        return self.remember(value, {type(value).__name__: sorted(written, key=json.dumps)})

    def mapping(self, value: dict[Any, Any]) -> dict[str, Any]:
        """A dict, in its order."""
        if all(type(key) is str for key in value):
            node = self.remember(value, {"dict": {}})
            for key, held in value.items():
                node["dict"][key] = self.inside(f"[{key!r}]", held)
            return node
        node = self.remember(value, {"pairs": []})
        for key, held in value.items():
            node["pairs"].append([self.inside(".keys()", key), self.inside(f"[{str(key)[:40]!r}]", held)])
        return node


# What listened to a training is no part of the model.
_LISTENERS = {"_skl_callbacks", "_skl_callbacks_to_teardown"}
# A function that its class makes anew of what it has, and the address of an object in this process.
_BUILT_ANEW = {
    ("sklearn.isotonic:IsotonicRegression", "f_"),
    ("sklearn.feature_extraction.text:CountVectorizer", "_stop_words_id"),
    ("sklearn.feature_extraction.text:HashingVectorizer", "_stop_words_id"),
    ("sklearn.feature_extraction.text:TfidfVectorizer", "_stop_words_id"),
}

_WRITERS: dict[type, Callable[[_Writer, Any], Any]] = {
    list: _Writer.sequence,
    tuple: _Writer.sequence,
    dict: _Writer.mapping,
    set: _Writer.members,
    frozenset: _Writer.members,
    np.ndarray: _Writer.array,
    np.memmap: _Writer.array,  # what worker processes give back: the file behind it is no part of the model
    bytes: lambda _, value: {"bytes": value.hex()},
    complex: lambda writer, value: {"complex": [writer.node(value.real), writer.node(value.imag)]},
    slice: lambda writer, value: {"slice": [writer.node(value.start), writer.node(value.stop), writer.node(value.step)]},
    range: lambda _, value: {"range": [value.start, value.stop, value.step]},
}


def _writer_for(value: Any) -> Callable[[_Writer, Any], Any] | None:
    """How to write what is none of Python's own containers; None for whatever is not listed."""
    kind = type(value)
    if value is np.random or value is np.random.mtrand._rand:
        return lambda _, __: {"random": "global"}
    name = class_name(kind)
    if name is not None:
        return _Writer.instance if name in INSTANCES else _Writer.native
    # The types are asked, not the objects: `isinstance` and `getattr` may run what a user's class has to say.
    if issubclass(kind, np.generic) and kind.__module__ == "numpy":
        return lambda _, scalar: arrays.describe_scalar(scalar)
    if issubclass(kind, np.dtype):
        return lambda _, dtype: {"dtype": arrays.describe_dtype(dtype)}
    named = name_of(value) if kind in _NAMED_KINDS else None
    if named is not None:
        return lambda _, __: {"name": named}
    return None


def _is_of_scikit_learn(value: Any) -> bool:
    return type(value).__module__.partition(".")[0] == "sklearn"


_NAMED_KINDS = {type, FunctionType, BuiltinFunctionType, np.ufunc, type(np.mean)}


def _what_it_is(value: Any) -> str:
    """In words, without asking the object itself."""
    kind = type(value)
    if issubclass(kind, type):
        return f"is {type.__repr__(value)}"
    if kind is not FunctionType:
        return f"is of class {kind.__module__}.{kind.__qualname__}"
    if value.__name__ == "<lambda>":
        return "is a lambda"
    if "<locals>" in value.__qualname__:
        return f"is {value.__name__}, a function made inside another"
    return f"is the function {value.__module__}.{value.__qualname__}"
