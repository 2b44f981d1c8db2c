"""What the values of a column may be: plain ones, or lists, objects and maps of them, in the form that MLflow's tools read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from reprlib import repr as shortly
from typing import Any, TypeAlias

from runlake.errors import InvalidValue

__all__ = ["AnyType", "Array", "ColumnType", "DataType", "Map", "Object", "Property", "column_type", "type_from_dict", "type_to_dict"]

DEEPEST = 32  # of what is stored: a forged type is not followed further


class DataType(StrEnum):
    """The plain types. Each equals its name: `DataType.double == "double"`."""

    boolean = "boolean"
    integer = "integer"  # of 32 bits
    long = "long"  # of 64
    float = "float"  # of 32
    double = "double"  # of 64
    string = "string"
    binary = "binary"
    datetime = "datetime"

    def __repr__(self) -> str:
        return self.value


@dataclass(frozen=True, init=False, repr=False)
class Array:
    """Lists, whose items are all of one type."""

    dtype: ColumnType

    def __init__(self, dtype: ColumnType | str) -> None:
        object.__setattr__(self, "dtype", column_type(dtype))

    def __repr__(self) -> str:
        return f"Array({self.dtype!r})"


@dataclass(frozen=True, init=False, repr=False)
class Property:
    """What an object has under a name, and whether every object has it."""

    name: str
    dtype: ColumnType
    required: bool

    def __init__(self, name: str, dtype: ColumnType | str, required: bool = True) -> None:
        if not isinstance(name, str):
            raise InvalidValue(f"The name of a property is a text, not {shortly(name)}.")
        object.__setattr__(self, "name", name)
        object.__setattr__(self, "dtype", column_type(dtype))
        object.__setattr__(self, "required", bool(required))

    def __repr__(self) -> str:
        return f"{self.name}: {self.dtype!r} ({'required' if self.required else 'optional'})"


@dataclass(frozen=True, init=False, repr=False)
class Object:
    """Dictionaries whose keys are known. The properties are in the order of their names."""

    properties: tuple[Property, ...]

    def __init__(self, properties: Iterable[Property]) -> None:
        given = tuple(properties)
        if not given or not all(isinstance(each, Property) for each in given):
            raise InvalidValue(f"An Object is made of at least one Property, not of {shortly(given)}.")
        names = [each.name for each in given]
        if len(set(names)) < len(names):
            raise InvalidValue(f"An Object has each property once; the names are {shortly(names)}.")
        object.__setattr__(self, "properties", tuple(sorted(given, key=lambda each: each.name)))

    def __repr__(self) -> str:
        return "{" + ", ".join(map(repr, self.properties)) + "}"


@dataclass(frozen=True, init=False, repr=False)
class Map:
    """Dictionaries whose keys are any texts, and whose values are all of one type."""

    value_type: ColumnType

    def __init__(self, value_type: ColumnType | str) -> None:
        object.__setattr__(self, "value_type", column_type(value_type))

    def __repr__(self) -> str:
        return f"Map(str -> {self.value_type!r})"


@dataclass(frozen=True, repr=False)
class AnyType:
    """Anything at all: nothing is checked."""

    def __repr__(self) -> str:
        return "Any"


ColumnType: TypeAlias = DataType | Array | Object | Map | AnyType


def column_type(given: ColumnType | str) -> ColumnType:
    """The type that is meant, which may be given by its name. Raises InvalidValue for what is none."""
    if isinstance(given, (DataType, Array, Object, Map, AnyType)):
        return given
    if isinstance(given, str) and given in DataType.__members__:
        return DataType(given)
    raise InvalidValue(f"A column is of one of the types {', '.join(DataType)}, or an Array, Object, Map or AnyType, not {shortly(given)}.")


def type_to_dict(kind: ColumnType) -> dict[str, Any]:
    """As it is stored."""
    if isinstance(kind, Array):
        return {"type": "array", "items": type_to_dict(kind.dtype)}
    if isinstance(kind, Map):
        return {"type": "map", "values": type_to_dict(kind.value_type)}
    if isinstance(kind, Object):
        properties = {each.name: {**type_to_dict(each.dtype), "required": each.required} for each in kind.properties}
        return {"type": "object", "properties": properties}
    return {"type": "any" if isinstance(kind, AnyType) else kind.value}


def type_from_dict(stored: Any, depth: int = 0) -> ColumnType:
    """As it was stored. Raises InvalidValue for what no type is stored as."""
    if not isinstance(stored, Mapping) or not isinstance(stored.get("type"), str) or depth > DEEPEST:
        raise InvalidValue(f"{shortly(stored)} is not a stored type, such as {{'type': 'double'}}.")
    kind = stored["type"]
    if kind == "array":
        return Array(type_from_dict(stored.get("items"), depth + 1))
    if kind == "map":
        return Map(type_from_dict(stored.get("values"), depth + 1))
    if kind == "any":
        return AnyType()
    if kind != "object":
        return column_type(kind)
    properties = stored.get("properties")
    if not isinstance(properties, Mapping):
        raise InvalidValue(f"{shortly(stored)} is not a stored object: it has no properties.")
    return Object(Property(name, type_from_dict(each, depth + 1), each.get("required", True)) for name, each in properties.items())
