"""Reading: bare objects of the closed list are made and given what they held; nothing that the bytes say is believed unchecked."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa

from runlake import RunlakeError, load_part
from runlake_sklearn.form import arrays
from runlake_sklearn.form.checks import build_anew, check
from runlake_sklearn.form.errors import InvalidForm
from runlake_sklearn.form.names import INSTANCES, NATIVES, class_named, thing_named
from runlake_sklearn.form.natives import put_together
from runlake_sklearn.form.versions import FORM, check_versions

MAX_BYTES = 2**31
MAX_DEPTH = 100  # the writer needs 64

Node = Any
_WRONG = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)


def decode(tree: bytes, buffers: bytes, max_bytes: int = MAX_BYTES) -> Any:
    """The estimator of a form; `InvalidForm` says what is wrong with one, whatever its bytes are."""
    try:
        written = json.loads(tree, object_pairs_hook=_unique, parse_constant=_no_constant)
        if type(written) is not dict or written.get("form") != FORM or type(written["form"]) is not int:
            raise InvalidForm(f"This is not a form of version {FORM}.")
        check_versions(written.get("written_with"))
        return _Reader(written, _decompress(buffers, written.get("buffers"), max_bytes)).model()
    except InvalidForm:
        raise
    except MemoryError as error:
        raise InvalidForm("The form asks for more memory than there is.") from error
    except _WRONG as error:
        raise InvalidForm(f"The form is not one that this library writes: {type(error).__name__}: {error}"[:500]) from error


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    read = dict(pairs)
    if len(read) != len(pairs):
        raise InvalidForm("A name stands twice in one object of the tree.")
    return read


def _no_constant(text: str) -> None:
    raise InvalidForm(f"{text} is not JSON.")


def _decompress(buffers: bytes, size: Any, max_bytes: int) -> memoryview:
    """The arrays' bytes: never more of them than the tree says, so that a small file cannot fill the memory."""
    if type(size) is not int or not 0 <= size <= max_bytes:
        raise InvalidForm(f"The arrays have {size!r:.40} bytes; from 0 to {max_bytes:,} are read.")
    try:
        with pa.CompressedInputStream(pa.BufferReader(buffers), "zstd") as stream:
            data = stream.read(size + 1)
    except (OSError, pa.ArrowException) as error:
        raise InvalidForm(f"The arrays cannot be decompressed: {error}") from error
    if len(data) != size:
        raise InvalidForm(f"The arrays have {'more' if len(data) > size else 'fewer'} than the {size:,} bytes that the tree says.")
    return memoryview(data)


class _Reader:
    """The walk back: what has an id, what was made, and how far the buffers were read."""

    def __init__(self, written: dict[str, Any], buffers: memoryview) -> None:
        self._model = written["model"]
        self._written_later = written["put_off"]
        self._buffers = buffers
        self._position = 0
        self._depth = 0
        self._known: dict[int, Any] = {}
        self._made: list[Any] = []
        self._shells: list[Any] = []

    def model(self) -> Any:
        """The model; what was put off is made first and filled last, since it may be held from anywhere."""
        if type(self._written_later) is not list:
            raise InvalidForm("What was put off is not a list.")
        self._shells = [self._shell(node) for node in self._written_later]
        model = self.value(self._model)
        for shell, node in zip(self._shells, self._written_later, strict=True):
            self._fill(shell, node)
        if self._position != len(self._buffers):
            raise InvalidForm(f"{len(self._buffers) - self._position:,} bytes of the arrays belong to none.")
        for made in self._made:
            check(made)
        for made in self._made:
            build_anew(made)
        return model

    def value(self, node: Node) -> Any:
        """What a node stands for."""
        if node is None or type(node) in _PLAIN:
            return node
        if type(node) is not dict or not node:
            raise InvalidForm(f"{str(node)[:80]} stands for nothing.")
        kind = next(iter(node))
        if kind not in _READERS:
            raise InvalidForm(f"{kind[:80]!r} is not a kind of node.")
        needed, allowed, read = _READERS[kind]
        if not needed <= node.keys() <= allowed:
            raise InvalidForm(f"A node of the kind {kind!r} has {', '.join(node)[:200]}.")
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise InvalidForm(f"The tree is more than {MAX_DEPTH} nodes deep.")
        value = read(self, node)
        self._depth -= 1
        return value

    def know(self, node: Node, value: Any) -> Any:
        """Note a value under the id that its node gives it; before what it holds is read, where it may hold itself."""
        if "id" in node:
            if type(node["id"]) is not int or node["id"] in self._known:
                raise InvalidForm(f"The id {node['id']!r:.40} is given twice, or is no number.")
            self._known[node["id"]] = value
        return value

    def _reference(self, node: Node) -> Any:
        if type(node["ref"]) is not int or node["ref"] not in self._known:
            raise InvalidForm(f"The id {node['ref']!r:.40} is not known here.")
        return self._known[node["ref"]]

    def _shell(self, node: Node) -> Any:
        if type(node) is not dict or not {"class", "state"} <= node.keys() <= {"class", "state", "id"}:
            raise InvalidForm("An object has a class and a state.")
        if node["class"] not in INSTANCES:
            raise InvalidForm(f"The class {node['class']!r:.200} is not in the closed list.")
        kind = class_named(node["class"])
        # Some classes have a `__new__` that warns of their end.
        shell = object.__new__(kind)
        self._made.append(shell)
        return shell

    def _fill(self, shell: Any, node: Node) -> Any:
        state = node["state"]
        if type(state) is not dict or any(name.startswith("__") for name in state):
            raise InvalidForm(f"The state of {node['class']} is no set of attributes.")
        attributes = vars(shell)
        for name, held in state.items():
            attributes[name] = self.value(held)
        return shell

    def _instance(self, node: Node) -> Any:
        if "state" in node:
            return self._fill(self.know(node, self._shell(node)), node)
        name = node["class"]
        if type(name) is not str or name not in NATIVES or "parts" not in node or type(node["parts"]) is not dict:
            raise InvalidForm(f"The class {str(name)[:200]!r} is not in the closed list.")
        parts = {key: self.value(part) for key, part in node["parts"].items()}
        return self.know(node, put_together(name, class_named(name), parts))

    def _put_off(self, node: Node) -> Any:
        place = node["put_off"]
        if type(place) is not int or not 0 <= place < len(self._shells):
            raise InvalidForm(f"Nothing was put off as number {place!r:.40}.")
        return self.know(node, self._shells[place])

    def _array(self, node: Node) -> Any:
        dtype, shape = arrays.dtype_from(node["array"]), arrays.shape_from(node["shape"])
        size = dtype.itemsize * math.prod(shape)
        if node["at"] != self._position or size > len(self._buffers) - self._position:
            raise InvalidForm(f"An array of {size:,} bytes at {node['at']!r:.40} is not what comes next.")
        array = arrays.array_from(dtype, shape, node.get("order", "C"), self._buffers[self._position : self._position + size])
        self._position += size
        return self.know(node, _flagged(array, node))

    def _objects(self, node: Node) -> Any:
        shape, written = arrays.shape_from(node["shape"]), _listed(node["objects"])
        if math.prod(shape) != len(written):
            raise InvalidForm(f"An array of the shape {shape} has {len(written)} objects.")
        array = np.empty(shape, object, order="F" if node.get("order") == "F" else "C")
        self.know(node, array)
        for place, held in zip(np.ndindex(shape), written, strict=True):
            array[place] = self.value(held)
        return _flagged(array, node)

    def _list(self, node: Node) -> Any:
        made: list[Any] = []
        self.know(node, made)
        made.extend(self.value(held) for held in _listed(node["list"]))
        return made

    def _tuple(self, node: Node) -> Any:
        return self.know(node, tuple(self.value(held) for held in _listed(node["tuple"])))

    def _set(self, node: Node) -> Any:
        return self.know(node, {self.value(held) for held in _listed(node["set"])})

    def _frozenset(self, node: Node) -> Any:
        return self.know(node, frozenset(self.value(held) for held in _listed(node["frozenset"])))

    def _dict(self, node: Node) -> Any:
        made: dict[str, Any] = {}
        self.know(node, made)
        if type(node["dict"]) is not dict:
            raise InvalidForm("A dict is written as an object.")
        for key, held in node["dict"].items():
            made[key] = self.value(held)
        return made

    def _pairs(self, node: Node) -> Any:
        made: dict[Any, Any] = {}
        self.know(node, made)
        for pair in _listed(node["pairs"]):
            key, held = _listed(pair)
            made[self.value(key)] = self.value(held)
        return made

    def _part(self, node: Node) -> Any:
        if type(node["part"]) is not str or type(node["files"]) is not dict or node["part"].startswith("sklearn/"):
            raise InvalidForm("A part has the format of another library, and files.")
        contents = {name: self.value(written) for name, written in node["files"].items()}
        if not all(isinstance(content, np.ndarray) for content in contents.values()):
            raise InvalidForm("The files of a part are bytes.")
        try:
            return self.know(node, load_part(node["part"], {name: content.tobytes() for name, content in contents.items()}))
        except RunlakeError as error:
            raise InvalidForm(f"A part of the model cannot be read: {error}") from error

    def _slice(self, node: Node) -> Any:
        start, stop, step = (self.value(bound) for bound in _listed(node["slice"]))
        return slice(start, stop, step)

    def _range(self, node: Node) -> Any:
        return range(*_listed(node["range"]))

    def _complex(self, node: Node) -> Any:
        real, imaginary = (self.value(part) for part in _listed(node["complex"]))
        return complex(real, imaginary)

    def _float(self, node: Node) -> Any:
        if node["float"] not in ("nan", "inf", "-inf"):
            raise InvalidForm(f"{node['float']!r:.40} is not a number.")
        return float(node["float"])

    def _int(self, node: Node) -> Any:
        if type(node["int"]) is not str or len(node["int"]) > 2**20:
            raise InvalidForm("A large number is written as a text.")
        return int(node["int"], 16)

    def _bytes(self, node: Node) -> Any:
        return bytes.fromhex(node["bytes"])

    def _scalar(self, node: Node) -> Any:
        return arrays.scalar_from(node["scalar"], node.get("value"), node.get("bytes"))

    def _dtype(self, node: Node) -> Any:
        return arrays.dtype_from(node["dtype"])

    def _name(self, node: Node) -> Any:
        return thing_named(node["name"])

    def _random(self, node: Node) -> Any:
        if node["random"] != "global":
            raise InvalidForm("The only random generator that a form can name is the global one.")
        return np.random.mtrand._rand


_PLAIN = {bool, int, float, str}


def _listed(written: Any) -> list[Any]:
    if type(written) is not list:
        raise InvalidForm(f"{str(written)[:80]} is not a list.")
    return written


def _flagged(array: np.ndarray[Any, Any], node: Node) -> np.ndarray[Any, Any]:
    if node.get("order", "F") != "F" or node.get("readonly", True) is not True:
        raise InvalidForm("The order of an array is F or not said, and so is that it may only be read.")
    if "readonly" in node:
        array.flags.writeable = False
    return array


def _kind(
    read: Callable[[_Reader, Node], Any], needed: str, optional: str = "id"
) -> tuple[set[str], set[str], Callable[[_Reader, Node], Any]]:
    return set(needed.split()), set(needed.split()) | set(optional.split()), read


_READERS = {
    "class": _kind(_Reader._instance, "class", "state parts id"),
    "put_off": _kind(_Reader._put_off, "put_off"),
    "ref": _kind(_Reader._reference, "ref", ""),
    "array": _kind(_Reader._array, "array shape at", "order readonly id"),
    "objects": _kind(_Reader._objects, "objects shape", "order readonly id"),
    "scalar": _kind(_Reader._scalar, "scalar", "value bytes"),
    "dtype": _kind(_Reader._dtype, "dtype", ""),
    "name": _kind(_Reader._name, "name", ""),
    "random": _kind(_Reader._random, "random", ""),
    "list": _kind(_Reader._list, "list"),
    "tuple": _kind(_Reader._tuple, "tuple"),
    "set": _kind(_Reader._set, "set"),
    "frozenset": _kind(_Reader._frozenset, "frozenset"),
    "dict": _kind(_Reader._dict, "dict"),
    "pairs": _kind(_Reader._pairs, "pairs"),
    "part": _kind(_Reader._part, "part files"),
    "slice": _kind(_Reader._slice, "slice", ""),
    "range": _kind(_Reader._range, "range", ""),
    "complex": _kind(_Reader._complex, "complex", ""),
    "float": _kind(_Reader._float, "float", ""),
    "int": _kind(_Reader._int, "int", ""),
    "bytes": _kind(_Reader._bytes, "bytes", ""),
}
