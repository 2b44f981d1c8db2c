"""What is served, for programs: the addresses in the words of OpenAPI, with the columns of the model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import runlake
from runlake.entities.column_types import Array, ColumnType, DataType, Map, Object
from runlake.entities.signatures import ModelSignature, Schema
from runlake.serving.content import TAKEN
from runlake.serving.refusals import STATUS_OF_CODES

if TYPE_CHECKING:
    from runlake.serving.app import Limits

__all__ = ["described"]

_PLAIN: dict[DataType, dict[str, Any]] = {
    DataType.boolean: {"type": "boolean"},
    DataType.integer: {"type": "integer", "minimum": -(2**31), "maximum": 2**31 - 1},
    DataType.long: {"type": "integer", "minimum": -(2**63), "maximum": 2**63 - 1},
    DataType.float: {"type": "number"},
    DataType.double: {"type": "number"},
    DataType.string: {"type": "string"},
    DataType.binary: {"type": "string", "contentEncoding": "base64"},
    DataType.datetime: {"type": "string", "format": "date-time"},
}


def described(model: Any, limits: Limits) -> dict[str, Any]:
    """The description of the server of a model."""
    info = model.metadata.info
    text = {"description": "It is so.", "content": {"text/plain": {"schema": {"type": "string"}}}}
    get = {"get": {"responses": {"200": text, **_refusals("MISDIRECTED_REQUEST")}}}
    return {
        "openapi": "3.1.0",
        "info": {"title": f"A model, {info.format_id}, served by runlake", "version": runlake.__version__},
        "paths": {
            "/ping": get,
            "/health": get,
            "/version": {"get": {"responses": {"200": text, **_refusals("UNAUTHENTICATED", "MISDIRECTED_REQUEST")}}},
            "/invocations": {"post": _invocations(info.signature, limits)},
        },
    }


def _invocations(signature: ModelSignature | None, limits: Limits) -> dict[str, Any]:
    bodies: dict[str, Any] = {kind: {"schema": {"type": "string"}} for kind in TAKEN}
    bodies[TAKEN[0]] = {"schema": _body(signature)}
    answer: dict[str, Any] = {"application/json": {"schema": {}}}
    codes = [code for code in STATUS_OF_CODES if code not in ("NOT_FOUND", "METHOD_NOT_ALLOWED")]
    return {
        "description": f"Ask the model. A body has at most {limits.max_body_bytes:,} bytes.",
        "requestBody": {"required": True, "content": bodies},
        "responses": {"200": {"description": "What the model says.", "content": answer}, **_refusals(*codes)},
    }


def _body(signature: ModelSignature | None) -> dict[str, Any]:
    """An object with one of the four, and with params."""
    schema = None if signature is None else signature.inputs
    columns = None if schema is None or schema.is_tensor_spec() or not schema.has_input_names() else schema
    frame: dict[str, Any] = {"type": "object", "required": ["data"], "properties": {"data": {"type": "array", "items": {"type": "array"}}}}
    records: dict[str, Any] = {"type": "array", "items": {"type": "object"}}
    if columns is not None:
        names = [str(name) for name in columns.input_names()]
        rows = {"type": "array", "prefixItems": [_type(each.type) for each in columns], "items": False, "minItems": len(names)}
        frame["properties"] = {"columns": {"const": names}, "data": {"type": "array", "minItems": 1, "items": rows}}
        frame["required"] = ["columns", "data"]
        records = {"type": "array", "minItems": 1, "items": _record(columns)}
    forms = {"dataframe_split": frame, "dataframe_records": records, "instances": {"type": "array"}, "inputs": {}}
    params = {"params": {"type": "object"}}
    return {
        "oneOf": [
            {"type": "object", "required": [name], "properties": {name: form, **params}, "additionalProperties": False}
            for name, form in forms.items()
        ]
    }


def _record(schema: Schema) -> dict[str, Any]:
    properties = {str(each.name): _type(each.type) for each in schema}
    return {"type": "object", "required": [str(name) for name in schema.required_input_names()], "properties": properties}


def _type(kind: ColumnType | str) -> dict[str, Any]:
    if isinstance(kind, DataType):
        return _PLAIN[kind]
    if isinstance(kind, Array):
        return {"type": "array", "items": _type(kind.dtype)}
    if isinstance(kind, Map):
        return {"type": "object", "additionalProperties": _type(kind.value_type)}
    if isinstance(kind, Object):
        return {"type": "object", "properties": {each.name: _type(each.dtype) for each in kind.properties}}
    return {}


def _refusals(*codes: str) -> dict[str, Any]:
    said = {"type": "object", "required": ["error_code", "message"]}
    return {str(STATUS_OF_CODES[code]): {"description": code, "content": {"application/json": {"schema": said}}} for code in codes}
