"""The words of signatures: types, columns, tensors, params."""

from runlake.entities.column_types import AnyType, Array, DataType, Map, Object, Property
from runlake.entities.model_params import ParamSchema, ParamSpec
from runlake.entities.signatures import ColSpec, Schema, TensorSpec

__all__ = ["AnyType", "Array", "ColSpec", "DataType", "Map", "Object", "ParamSchema", "ParamSpec", "Property", "Schema", "TensorSpec"]
