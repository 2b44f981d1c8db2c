"""Code that records is not compiled with the code that it records."""

from __future__ import annotations

from types import FunctionType, ModuleType
from typing import Any

__all__ = ["compile_again", "compiled_with_the_rest", "leave_uncompiled"]


def leave_uncompiled(rules: ModuleType) -> Any:
    """Have torch.compile pass over what records, which it would trace and compile where a compiled loop calls it."""
    before = list(rules.SKIP_DIRS)
    for module in ("runlake", "runlake_torch"):
        rules.add(module)
    return rules, rules.SKIP_DIRS[len(before) :]


def compiled_with_the_rest(function: FunctionType | Any) -> Any:
    """The function, into which the compiler is to look, though it passes over our files: a function that is to be compiled whole would
    fail where it calls one that is not.
    """
    function.__code__ = function.__code__.replace(co_filename=f"<{function.__module__}>")
    return function


def compile_again(added: Any) -> None:
    """Take that back, for which the compiler has no function as it has one to add."""
    rules, places = added
    for place in places:
        rules.SKIP_DIRS.remove(place)
    rules._recompile_re()
