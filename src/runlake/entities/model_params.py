"""The params that a model takes when it is asked, beside its input: their types and defaults, in the form that MLflow's tools read."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from reprlib import repr as shortly
from typing import Any

from runlake.entities.column_types import DataType, Object, Property, column_type, type_from_dict, type_to_dict
from runlake.errors import InvalidValue

__all__ = ["ParamSchema", "ParamSpec", "param_value"]

# By the names of their types, since NumPy's are among them. What is of a smaller type fits where a larger one is wanted.
_INTEGERS = {"int", "int8", "int16", "int32", "uint8", "uint16"}
_LONGS = {*_INTEGERS, "int64", "uint32"}
_FLOATS = {*_LONGS, "float", "float16", "float32"}
_FITTING = {
    DataType.boolean: {"bool", "bool_"},
    DataType.integer: _INTEGERS,
    DataType.long: _LONGS,
    DataType.float: _FLOATS,
    DataType.double: {*_FLOATS, "float64"},
    DataType.string: {"str", "str_"},
}


@dataclass(frozen=True, init=False, repr=False)
class ParamSpec:
    """A param: its name, its type, and the value that it has where none is given; a list of values has the shape `(-1,)`."""

    name: str
    dtype: DataType | Object
    default: Any
    shape: tuple[int, ...] | None

    def __init__(self, name: str, dtype: DataType | Object | str, default: Any, shape: Iterable[int] | None = None) -> None:
        kind, sizes = column_type(dtype), None if shape is None else _sizes(shape, name)
        if not isinstance(kind, (DataType, Object)) or kind == DataType.binary:
            raise InvalidValue(f"The param {name!r} is of a plain type that is not binary, or an Object, not {kind!r}.")
        if not isinstance(name, str):
            raise InvalidValue(f"The name of a param is a text, not {shortly(name)}.")
        object.__setattr__(self, "name", name)
        object.__setattr__(self, "dtype", kind)
        object.__setattr__(self, "shape", sizes)
        object.__setattr__(self, "default", param_value(default, self))

    def __repr__(self) -> str:
        shape = "" if self.shape is None else f" (shape: {self.shape})"
        return f"{self.name!r}: {self.dtype!r} (default: {self.default}){shape}"

    def to_dict(self) -> dict[str, Any]:
        """As it is stored."""
        default = [_stored(each) for each in self.default] if self.shape else _stored(self.default)
        shape = None if self.shape is None else list(self.shape)
        return {"name": self.name, "default": default, "shape": shape, **type_to_dict(self.dtype)}

    @classmethod
    def from_dict(cls, stored: Any) -> ParamSpec:
        """As it was stored. Raises InvalidValue for what no param is stored as."""
        if not isinstance(stored, Mapping) or not {"name", "default"} <= stored.keys():
            raise InvalidValue(f"{shortly(stored)} is not a stored param: it needs a name, a type and a default.")
        kind = type_from_dict({**stored, "type": stored.get("type", stored.get("dtype"))})  # MLflow's first versions called it dtype
        return cls(stored["name"], kind, stored["default"], stored.get("shape"))  # type: ignore[arg-type]  # which it checks


@dataclass(frozen=True, init=False, repr=False)
class ParamSchema:
    """The params of a model."""

    params: tuple[ParamSpec, ...]

    def __init__(self, params: Iterable[ParamSpec]) -> None:
        given = tuple(params)
        if not all(isinstance(each, ParamSpec) for each in given):
            raise InvalidValue(f"A ParamSchema is made of ParamSpecs, not of {shortly(given)}.")
        names = [each.name for each in given]
        if len(set(names)) < len(names):
            raise InvalidValue(f"A ParamSchema has each param once; the names are {shortly(names)}.")
        object.__setattr__(self, "params", given)

    def __len__(self) -> int:
        return len(self.params)

    def __iter__(self) -> Iterator[ParamSpec]:
        return iter(self.params)

    def __repr__(self) -> str:
        return repr(list(self.params))

    def to_dict(self) -> list[dict[str, Any]]:
        """As it is stored, by MLflow's name for it: a list."""
        return [each.to_dict() for each in self.params]

    def to_json(self) -> str:
        """As it is stored in a signature."""
        return json.dumps(self.to_dict())

    @classmethod
    def from_list(cls, stored: Any) -> ParamSchema:
        """As it was stored. Raises InvalidValue for what no params are stored as."""
        if not isinstance(stored, list):
            raise InvalidValue(f"{shortly(stored)} are not stored params: those are a list.")
        return cls(ParamSpec.from_dict(each) for each in stored)


def param_value(value: Any, spec: ParamSpec) -> Any:
    """The value as the param has it: a plain one of Python, or a list of such. Raises InvalidValue where it does not fit."""
    if spec.shape is None:
        return _object_value(value, spec) if isinstance(spec.dtype, Object) else _plain_value(value, spec.dtype, spec)
    if isinstance(spec.dtype, Object):
        raise InvalidValue(f"The param {spec.name!r} is an Object, and has no shape.")
    is_list = isinstance(value, (list, tuple)) or getattr(value, "ndim", 0) == 1
    if not is_list:
        raise InvalidValue(f"The param {spec.name!r} is a list of values of type {spec.dtype}, not {shortly(value)}.")
    return [_plain_value(each, spec.dtype, spec) for each in value]


def _sizes(shape: Iterable[int], name: str) -> tuple[int, ...]:
    sizes = tuple(shape) if isinstance(shape, (list, tuple)) else shape
    if sizes != (-1,):
        raise InvalidValue(f"The shape of the param {name!r} is None for a single value, or (-1,) for a list, not {shortly(shape)}.")
    return (-1,)


def _plain_value(value: Any, kind: DataType, spec: ParamSpec) -> Any:
    if value is None:
        return None
    if kind == DataType.datetime:
        return _time(value, spec)
    if type(value).__name__ not in _FITTING[kind]:
        raise InvalidValue(
            f"The param {spec.name!r} is of type {kind}, and {shortly(value)} of type {type(value).__name__} cannot safely become that."
        )
    plain = value.item() if hasattr(value, "item") else value
    return float(plain) if kind in (DataType.float, DataType.double) else plain


def _time(value: Any, spec: ParamSpec) -> date:
    plain = value.item() if hasattr(value, "item") else value
    if isinstance(plain, date):
        return plain
    try:
        return date.fromisoformat(plain) if len(plain) <= len("2026-01-31") else datetime.fromisoformat(plain)
    except (TypeError, ValueError):
        raise InvalidValue(f"The param {spec.name!r} is a datetime, such as 2026-01-31T12:00:00, not {shortly(value)}.") from None


def _object_value(value: Any, spec: ParamSpec) -> Any:
    """The value itself; its keys are looked at, and what is in it is the model's affair."""
    assert isinstance(spec.dtype, Object)
    known: dict[str, Property] = {each.name: each for each in spec.dtype.properties}
    if not isinstance(value, Mapping):
        raise InvalidValue(f"The param {spec.name!r} is a dictionary with the keys {', '.join(known)}, not {shortly(value)}.")
    missing = [name for name, each in known.items() if each.required and name not in value]
    unknown = [name for name in value if name not in known]
    if missing or unknown:
        wrong = f"lacks {', '.join(missing)}" if missing else f"has {', '.join(map(str, unknown))}, which it does not know"
        raise InvalidValue(f"The param {spec.name!r} is a dictionary with the keys {', '.join(known)}; this one {wrong}.")
    return value


def _stored(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date) else value
