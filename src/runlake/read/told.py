"""The models that a run keeps, and how each is asked: told by rooms above this one, which are asked by their names when somebody looks."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from runlake.entities.described import DescribedModel

if TYPE_CHECKING:
    from runlake.read.run import Run

__all__ = ["asking_lines", "models_in"]

_MODELS, _ASKING = "runlake.client.described", "runlake.display.asking"


def models_in(run: Run) -> list[DescribedModel]:
    """The models that a run keeps, none of which is loaded; one that cannot be read is left out."""
    found: list[DescribedModel] = importlib.import_module(_MODELS).described_in(run)
    return found


def asking_lines(model: DescribedModel, address: str, store: str | None = None) -> list[str]:
    """Python that loads a model by its address and asks it; in the store of this path, where the settings name another."""
    lines: list[str] = importlib.import_module(_ASKING).asking_lines(model, address, store)
    return lines
