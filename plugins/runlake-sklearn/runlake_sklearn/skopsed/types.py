"""What a file of skops names: every class and function in it, held against the closed list before skops makes any of them."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from typing import Any

from runlake_sklearn.form import InvalidForm
from runlake_sklearn.form.names import CLASSES, INSTANCES, NAMES, NATIVES, thing_named

__all__ = ["strangers_in", "types_in"]

PROTOCOL = 2  # the older ones have other rules, and a file may say that it is of any

_PLAIN = {
    "DictNode": {"builtins:dict", "collections:OrderedDict", "sklearn.utils._bunch:Bunch"},
    "ListNode": {"builtins:list"},
    "SetNode": {"builtins:set"},
    "TupleNode": {"builtins:tuple", "sklearn.impute._iterative:_ImputerTriplet"},
    "BytesNode": {"builtins:bytes"},
    "SliceNode": {"builtins:slice"},
    "JsonNode": {"builtins:str"},
    "MaskedArrayNode": {"numpy.ma:MaskedArray"},
    "RandomStateNode": {"numpy.random.mtrand:RandomState"},
    "RandomGeneratorNode": {"numpy.random._generator:Generator"},
    "DTypeNode": {"numpy:dtype"},
    "SparseMatrixNode": {name for name in NATIVES if name.startswith("scipy.sparse.")},
    "PartialNode": {"functools:partial"},
    "TreeNode": {"sklearn.tree._tree:Tree"},
    "LossNode": {name for name in NATIVES if name.startswith(("sklearn._loss._loss:", "sklearn.linear_model._sgd_fast:"))},
    "ConstructorFromReduceNode": {"builtins:frozenset"},
}
_OBJECTS = INSTANCES | {
    name for name in NATIVES if name.startswith(("scipy.interpolate.", "sklearn.ensemble.", "sklearn.neighbors.", "sklearn.metrics."))
}
_BESIDE = {"scipy._lib.array_api_compat.numpy._aliases:asarray"}  # a spline holds it, and the own form leaves it out
_ARRAYS = {"numpy:ndarray", "numpy:matrix", *(name for name in NAMES if name.startswith("numpy:"))}


def types_in(schema: Any) -> set[tuple[str, str]]:
    """Each way of making things that the file asks for, with what is to be made. Raises InvalidForm for what is no tree of skops's."""
    if type(schema) is not dict or schema.get("protocol") is not PROTOCOL:
        raise InvalidForm(f"This is not a model that skops wrote by its protocol {PROTOCOL}.")
    found = set()
    for node in _nodes(schema):
        loader, module, name = (node.get(key) for key in ("__loader__", "__module__", "__class__"))
        if not (type(loader) is str and type(module) is str and type(name) is str) or not _are_words(module, name):
            raise InvalidForm(f"A node of the file is made by {loader!r:.40} as {module!r:.80}, {name!r:.80}.")
        found.add((loader, f"{module}:{name}"))
    return found


def strangers_in(found: set[tuple[str, str]]) -> set[str]:
    """Those that are not in the closed list, or are to be made in a way that none of the list is."""
    return {name for loader, name in found if not _is_listed(loader, name)}


def _nodes(value: Any) -> Iterator[dict[str, Any]]:
    waiting = [value]
    while waiting:
        held = waiting.pop()
        if type(held) is dict:
            if held.keys() & {"__loader__", "__class__", "__module__"}:
                yield held
            waiting.extend(held.values())
        elif type(held) is list:
            waiting.extend(held)


def _are_words(module: str, name: str) -> bool:
    return name.isidentifier() and re.fullmatch(r"[\w.-]+", module) is not None


def _is_listed(loader: str, name: str) -> bool:
    if loader == "ObjectNode":
        return name in _OBJECTS
    if loader == "NdArrayNode":
        return name in _ARRAYS
    if loader in ("FunctionNode", "TypeNode"):
        return name in NAMES or name in CLASSES or name in _BESIDE or _is_another_name(name)
    return name in _PLAIN.get(loader, ())


def _is_another_name(name: str) -> bool:
    """Whether it leads to what the list has under its own name: skops writes the first module that it finds a function in."""
    module, _, attribute = name.partition(":")
    if module.partition(".")[0] not in ("numpy", "scipy"):
        return False
    thing = getattr(sys.modules.get(module), attribute, None)  # nothing is imported for it
    own = (f"numpy:{attribute}", f"scipy.special:{attribute}")
    return thing is not None and any(each in NAMES and thing_named(each) is thing for each in own)
