"""A model that is kept, as far as it can be told of without loading it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from runlake.entities.models import ModelInfo

__all__ = ["DescribedModel"]


@dataclass(frozen=True)
class DescribedModel:
    """What a model says of itself, its files and what must be installed for it; `example` is its input example as JSON has it."""

    info: ModelInfo
    n_files: int
    n_bytes: int
    requirements: Sequence[str] = ()
    example: Any = None
    is_code: bool = False  # which runs only by consent
