"""Pickles: written where a person asks for one, their names read without running them, and loaded only after consent.

The one module that imports pickle: a pickle is a program, and whoever loads one runs it.
"""

from __future__ import annotations

import _compat_pickle
import importlib.util
import pickle
import pickletools
from collections.abc import Collection, Iterator
from typing import Any

from runlake.errors import InvalidValue, RunlakeError
from runlake.guard import log
from runlake.models.code.libraries import own_file

__all__ = ["UNKNOWN", "pickled", "types_in", "unpickled"]

UNKNOWN = "?"  # of a name that the pickle makes itself while it runs

_MARK = object()
_STRINGS = {"UNICODE", "SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8", "STRING", "BINSTRING", "SHORT_BINSTRING"}
_PUTS = {"PUT", "BINPUT", "LONG_BINPUT"}
_GETS = {"GET", "BINGET", "LONG_BINGET"}
_EXTENSIONS = {"EXT1", "EXT2", "EXT4"}


def pickled(model: Any, shipped: Collection[str] = ()) -> bytes:
    """The model as a pickle: by cloudpickle where it is installed, which takes classes and functions of the program itself along.

    Modules of the user's own do not come along unless they are `shipped`; those that the pickle needs are said.
    """
    data = _pickled(model)
    for name in types_in(data):
        top = name.partition(".")[0]
        if top not in shipped and (file := own_file(top)) is not None:
            log.warning("The pickle needs %s, which is loaded only where %s is found: add that to code_paths.", name, file)
    return data


def _pickled(model: Any) -> bytes:
    if importlib.util.find_spec("cloudpickle") is not None:
        import cloudpickle  # late: it is an optional extra, and few models are kept so

        return bytes(cloudpickle.dumps(model))
    try:
        return pickle.dumps(model)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise InvalidValue(f"The model cannot be pickled: {error}. cloudpickle can more: `pip install cloudpickle`.") from error


def unpickled(data: bytes) -> Any:
    """What the pickle makes. It runs whatever its author wrote: called only after consent to these very bytes."""
    try:
        return pickle.loads(data)
    except ImportError as error:
        raise RunlakeError(f"The pickle needs what is not here: {error}. Install what the model's requirements name.") from error


def types_in(data: bytes) -> list[str]:
    """The names that the pickle would import, in order, as `module.name`; nothing is run. `?` stands for a part that it computes.

    A pickle inside of the pickle, as bytes, is not looked into: no list of names makes a pickle safe. Raises InvalidValue for what is none.
    """
    try:
        return sorted(set(_Reading().names(data)))
    except (ValueError, IndexError, KeyError, OverflowError) as error:
        raise InvalidValue(f"These {len(data):,} bytes are no pickle: {error}.") from error


class _Reading:
    """A pickle read as its machine would, but for what it makes: only texts are known, and which name stands for which."""

    def __init__(self) -> None:
        self._stack: list[Any] = []
        self._memo: dict[int, Any] = {}
        self._protocol = 0

    def names(self, data: bytes) -> Iterator[str]:
        """Every name."""
        for opcode, argument, _ in pickletools.genops(data):
            yield from self._named(opcode.name, argument)
            self._do(opcode, argument)

    def _named(self, code: str, argument: Any) -> Iterator[str]:
        if code in ("GLOBAL", "INST"):
            module, _, name = argument.partition(" ")
            yield self._imported(module, name)
        elif code == "STACK_GLOBAL":
            module, name = self._stack[-2:]
            yield self._imported(_text(module), _text(name))
        elif code in _EXTENSIONS:
            yield _extension(argument)

    def _imported(self, module: str, name: str) -> str:
        """An old pickle may say names of Python 2, for which those of today are taken."""
        if self._protocol < 3:
            module, name = _compat_pickle.NAME_MAPPING.get((module, name), (_compat_pickle.IMPORT_MAPPING.get(module, module), name))
        return f"{module}.{name}"

    def _do(self, opcode: pickletools.OpcodeInfo, argument: Any) -> None:
        code = opcode.name
        if code == "PROTO":
            self._protocol = argument
        elif code in _PUTS:
            self._memo[argument] = self._stack[-1]
        elif code == "MEMOIZE":
            self._memo[len(self._memo)] = self._stack[-1]
        elif code in _GETS:
            self._stack.append(self._memo[argument])
        elif code == "DUP":
            self._stack.append(self._stack[-1])
        elif code in _STRINGS:
            self._stack.append(argument)
        else:
            self._take(opcode)
            self._stack.extend(_MARK if what is pickletools.markobject else None for what in opcode.stack_after)

    def _take(self, opcode: pickletools.OpcodeInfo) -> None:
        wanted = list(opcode.stack_before)
        if pickletools.markobject in wanted:
            while self._stack.pop() is not _MARK:
                pass
            wanted = wanted[: wanted.index(pickletools.markobject)]
        for _ in wanted:
            self._stack.pop()


def _text(value: Any) -> str:
    return value if isinstance(value, str) else UNKNOWN


def _extension(code: int) -> str:
    import copyreg

    known = copyreg._inverted_registry.get(code)  # type: ignore[attr-defined]  # where the unpickler looks
    return ".".join(known) if known else f"{UNKNOWN} (extension {code})"
