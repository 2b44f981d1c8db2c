"""What a model takes and gives: the columns or tensors of its inputs and outputs, in the form that MLflow's tools read."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from operator import index
from reprlib import repr as shortly
from typing import Any, TypeVar

from runlake.entities.column_types import ColumnType, column_type, type_from_dict, type_to_dict
from runlake.entities.model_params import ParamSchema
from runlake.errors import InvalidValue

__all__ = ["SIGNATURE_FILE", "ColSpec", "ModelSignature", "ParamSchema", "Schema", "TensorSpec"]

SIGNATURE_FILE = "signature.json"  # under which a run keeps it

Read = TypeVar("Read")

# NumPy's names, and those of the small numbers that only libraries of tensors have.
_TENSOR_TYPES = re.compile(
    r"bool|str|bytes|object|void\d*|u?int\d+|float\d+|complex\d+|bfloat16|float[48]_\w+|q?u?int\d+x?\d*|bits\w+|(datetime|timedelta)64(\[\w+\])?"
)


@dataclass(frozen=True, init=False, repr=False)
class ColSpec:
    """A column: its type, its name where it has one, and whether it is required: if not, values or the whole column may be missing.

    The name is a number where the columns of a frame are numbered.
    """

    type: ColumnType
    name: str | int | None
    required: bool

    def __init__(self, type: ColumnType | str, name: str | int | None = None, required: bool = True) -> None:  # noqa: A002  # MLflow's word
        if name is not None and not isinstance(name, (str, int)):
            raise InvalidValue(f"The name of a column is a text or a number, not {shortly(name)}.")
        object.__setattr__(self, "type", column_type(type))
        object.__setattr__(self, "name", name)
        object.__setattr__(self, "required", bool(required))

    def __repr__(self) -> str:
        named = "" if self.name is None else f"{self.name!r}: "
        return f"{named}{self.type!r} ({'required' if self.required else 'optional'})"

    def to_dict(self) -> dict[str, Any]:
        """As it is stored."""
        named = {} if self.name is None else {"name": self.name}
        return {**type_to_dict(self.type), **named, "required": self.required}


@dataclass(frozen=True, init=False, repr=False)
class TensorSpec:
    """A tensor: the type of its numbers, its shape, where -1 is any size, and its name where it has one."""

    type: str
    shape: tuple[int, ...]
    name: str | None

    def __init__(self, type: Any, shape: Iterable[int], name: str | None = None) -> None:  # noqa: A002  # MLflow's word
        try:
            sizes = tuple(map(index, shape))
        except TypeError:
            sizes = (-2,)
        if any(size < -1 for size in sizes):
            raise InvalidValue(f"The shape of a tensor is its sizes, -1 for any, as (-1, 28, 28), not {shortly(shape)}.")
        if name is not None and not isinstance(name, str):
            raise InvalidValue(f"The name of a tensor is a text, not {shortly(name)}.")
        object.__setattr__(self, "type", _tensor_type(type))
        object.__setattr__(self, "shape", sizes)
        object.__setattr__(self, "name", name)

    @property
    def required(self) -> bool:
        """Whether it must be there: a tensor always."""
        return True

    def __repr__(self) -> str:
        named = "" if self.name is None else f"{self.name!r}: "
        return f"{named}Tensor({self.type!r}, {self.shape!r})"

    def to_dict(self) -> dict[str, Any]:
        """As it is stored."""
        named = {} if self.name is None else {"name": self.name}
        return {**named, "type": "tensor", "tensor-spec": {"dtype": self.type, "shape": list(self.shape)}}


@dataclass(frozen=True, init=False, repr=False)
class Schema:
    """Columns, or tensors: all of them have names, or none has."""

    inputs: tuple[ColSpec | TensorSpec, ...]

    def __init__(self, inputs: Iterable[ColSpec | TensorSpec]) -> None:
        given = tuple(inputs)
        kinds = {type(each) for each in given}
        if kinds not in ({ColSpec}, {TensorSpec}):
            raise InvalidValue(f"A Schema is made of ColSpecs or of TensorSpecs, at least one, not of {shortly(given)}.")
        unnamed = sum(each.name is None for each in given)
        if unnamed not in (0, len(given)):
            raise InvalidValue(f"All inputs of a Schema have names, or none has; these are {shortly([each.name for each in given])}.")
        if unnamed and not all(each.required for each in given):
            raise InvalidValue("Columns that may be missing need names, or nobody can tell which is.")
        if unnamed > 1 and kinds == {TensorSpec}:
            raise InvalidValue(f"There are {unnamed} tensors without names; several tensors need names.")
        object.__setattr__(self, "inputs", given)

    def __len__(self) -> int:
        return len(self.inputs)

    def __iter__(self) -> Iterator[ColSpec | TensorSpec]:
        return iter(self.inputs)

    def __repr__(self) -> str:
        return repr(list(self.inputs))

    def is_tensor_spec(self) -> bool:
        """Whether it is made of tensors."""
        return isinstance(self.inputs[0], TensorSpec)

    def has_input_names(self) -> bool:
        """Whether its columns or tensors have names."""
        return self.inputs[0].name is not None

    def input_names(self) -> list[str | int]:
        """Their names; the places where they have none."""
        return [place if each.name is None else each.name for place, each in enumerate(self.inputs)]

    def required_input_names(self) -> list[str | int]:
        """The names of those that must be there."""
        return [name for name, each in zip(self.input_names(), self.inputs, strict=True) if each.required]

    def optional_input_names(self) -> list[str | int]:
        """The names of those that may be missing."""
        return [name for name, each in zip(self.input_names(), self.inputs, strict=True) if not each.required]

    def input_types(self) -> list[ColumnType | str]:
        """Their types."""
        return [each.type for each in self.inputs]

    def input_dict(self) -> dict[str | int, ColSpec | TensorSpec]:
        """The columns or tensors by their names. Raises InvalidValue where they have none."""
        if not self.has_input_names():
            raise InvalidValue("The inputs of this schema have no names.")
        return dict(zip(self.input_names(), self.inputs, strict=True))

    def to_list(self) -> list[dict[str, Any]]:
        """As it is stored."""
        return [each.to_dict() for each in self.inputs]

    to_dict = to_list  # as MLflow calls it

    def to_json(self) -> str:
        """As it is stored in a signature."""
        return json.dumps(self.to_list())

    @classmethod
    def from_list(cls, stored: Any) -> Schema:
        """As it was stored. Raises InvalidValue for what no schema is stored as."""
        if not isinstance(stored, list):
            raise InvalidValue(f"{shortly(stored)} is not a stored schema: that is a list of columns or tensors.")
        return cls(_spec(each) for each in stored)

    @classmethod
    def from_json(cls, stored: str) -> Schema:
        """From that form."""
        return _read(stored, cls.from_list)


@dataclass(frozen=True, init=False)
class ModelSignature:
    """The schemas of a model, and the params that it takes; what is not known is None."""

    inputs: Schema | None
    outputs: Schema | None
    params: ParamSchema | None

    def __init__(self, inputs: Schema | None = None, outputs: Schema | None = None, params: ParamSchema | None = None) -> None:
        for name, given, wanted in (("inputs", inputs, Schema), ("outputs", outputs, Schema), ("params", params, ParamSchema)):
            if given is not None and not isinstance(given, wanted):
                raise InvalidValue(f"The {name} of a signature are a {wanted.__name__}, not {shortly(given)}.")
        if inputs is None and outputs is None and not params:
            raise InvalidValue("A signature says something of inputs, outputs or params; all of them are None.")
        object.__setattr__(self, "inputs", inputs)
        object.__setattr__(self, "outputs", outputs)
        object.__setattr__(self, "params", params or None)  # no params are as good as none known

    def to_dict(self) -> dict[str, Any]:
        """In MLflow's form: each schema is JSON."""
        return {
            "inputs": None if self.inputs is None else self.inputs.to_json(),
            "outputs": None if self.outputs is None else self.outputs.to_json(),
            "params": None if self.params is None else self.params.to_json(),
        }

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> ModelSignature:
        """From that form. Raises InvalidValue for what no signature is stored as."""
        if not isinstance(stored, Mapping):
            raise InvalidValue(f"{shortly(stored)} is not a stored signature: that has inputs, outputs and params.")
        inputs, outputs = (Schema.from_json(stored[name]) if stored.get(name) else None for name in ("inputs", "outputs"))
        return cls(inputs, outputs, _read(stored["params"], ParamSchema.from_list) if stored.get("params") else None)


def _tensor_type(given: Any) -> str:
    """The name that NumPy gives a type, without the length of texts."""
    name = given if isinstance(given, str) else str(getattr(given, "name", given)).rpartition(".")[2]  # some libraries name themselves
    if isinstance(given, (str, type)) and not _TENSOR_TYPES.fullmatch(name):
        import numpy as np  # late: what is stored has the names

        try:
            name = np.dtype(given).name
        except (TypeError, ValueError, SyntaxError):
            name = "none"
    name = re.sub(r"^(str|bytes)\d+$", r"\1", name)
    if not _TENSOR_TYPES.fullmatch(name):
        raise InvalidValue(f"The type of a tensor is a NumPy type or its name, as 'float32', not {shortly(given)}.")
    return name


def _spec(stored: Any) -> ColSpec | TensorSpec:
    if not isinstance(stored, Mapping):
        raise InvalidValue(f"{shortly(stored)} is not a stored column or tensor.")
    if stored.get("type") != "tensor":
        return ColSpec(
            type_from_dict(stored), stored.get("name"), stored.get("required", True) in (True, None)
        )  # None: of lists, by MLflow
    tensor = stored.get("tensor-spec")
    if not isinstance(tensor, Mapping) or not isinstance(tensor.get("dtype"), str) or not isinstance(tensor.get("shape"), list):
        raise InvalidValue(f"{shortly(stored)} is not a stored tensor: its tensor-spec has a dtype and a shape.")
    return TensorSpec(tensor["dtype"], tensor["shape"], stored.get("name"))


def _read(stored: Any, reader: Callable[[Any], Read]) -> Read:
    if not isinstance(stored, str):
        raise InvalidValue(f"{shortly(stored)} is not a stored schema: that is a text of JSON.")
    try:
        found = json.loads(stored)
    except (ValueError, RecursionError) as error:
        raise InvalidValue(f"A stored schema is JSON, and this is none ({error}): {shortly(stored)}.") from None
    return reader(found)
