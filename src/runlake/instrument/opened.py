"""What is inside a library's own container of data, as the library's plugin tells it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["DataFacts"]


@dataclass(frozen=True)
class DataFacts:
    """A container of data, as far as it can be looked into without reading it through.

    `columns` are the inputs', names and types. `rows(places)` gives the inputs of these rows as an array or a frame: copies of a few,
    never all; it is None where rows cannot be had by their places. `targets` and `sample_weight` are those of every row.
    """

    n_rows: int | None
    columns: Sequence[tuple[str, str]]
    rows: Callable[[NDArray[np.intp]], Any] | None = None
    targets: Any = None
    sample_weight: Any = None

    @property
    def shape(self) -> tuple[int | None, int]:
        """Rows, None where that is not known yet, and columns."""
        return self.n_rows, len(self.columns)
