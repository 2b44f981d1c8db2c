"""The norm of the gradients is what clipping them gives: heard of where the compiler still sees a function, and may compile it whole."""

from __future__ import annotations

import functools
import sys
from types import ModuleType
from typing import Any

from runlake import isolated
from runlake_torch.compiling import compiled_with_the_rest
from runlake_torch.here import here
from runlake_torch.values import is_number, taken

__all__ = ["hear_no_norms", "hear_norms"]


def hear_norms(module: ModuleType) -> Any:
    """Stand in for the function that `clip_grad_norm_` is made of, under whatever name that was imported.

    What stands there for every other capture is an object, on which a compiled function with this call in it would fail.
    """
    cells = getattr(module.clip_grad_norm_, "__closure__", None)
    if not cells:
        return None
    clip, torch = cells[0].cell_contents, sys.modules["torch"]  # which may still be on its way in

    def clip_grad_norm_(*args: Any, **kwargs: Any) -> Any:
        norm = clip(*args, **kwargs)
        if not torch.compiler.is_compiling():
            _note(norm)
        return norm

    functools.update_wrapper(clip_grad_norm_, clip)
    cells[0].cell_contents = compiled_with_the_rest(clip_grad_norm_)
    return cells[0], clip_grad_norm_, clip


def hear_no_norms(placed: Any) -> None:
    """Give it back its own."""
    if placed is not None:
        cell, ours, clip = placed
        if cell.cell_contents is ours:
            cell.cell_contents = clip


@isolated
def _note(norm: Any) -> None:
    known = here()
    if is_number(norm) and not known.is_idle:
        known.norm = taken(norm)
