"""What is inside a DMatrix: a few rows are sliced out where that can be done, and data that comes in batches is left alone."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import numpy as np
from xgboost import DMatrix
from xgboost.core import XGBoostError

from runlake import DataFacts

__all__ = ["facts_of", "names_of", "with_nan"]


def facts_of(data: Any) -> DataFacts | None:
    """Columns and rows of a DMatrix; None for anything else."""
    if not isinstance(data, DMatrix):
        return None
    types = data.feature_types or ["float"] * data.num_col()
    return DataFacts(
        n_rows=data.num_row(),
        columns=list(zip(names_of(data.feature_names, data.num_col()), types, strict=True)),
        rows=(lambda places: _rows_of(data, places)) if _can_be_sliced(data) else None,
        targets=_or_none(data.get_label()),
        sample_weight=_or_none(data.get_weight()),
    )


def names_of(given: Sequence[str] | None, n: int) -> list[str]:
    """The features' names, which are XGBoost's own where none are given."""
    return list(given) if given else [f"f{place}" for place in range(n)]


def with_nan(held: Any) -> Any:
    """Sparse rows with NaN for what is not there: to XGBoost it is missing, which is not the same as zero."""
    held = held.tocoo()
    rows = np.full(held.shape, np.nan, np.float32)
    rows[held.row, held.col] = held.data
    return rows


def _can_be_sliced(data: DMatrix) -> bool:
    """Whether it holds its rows: those that were made in batches, or sorted into bins, do not."""
    if not data.num_row() or not data.num_col():
        return False
    try:
        data.slice([0], allow_groups=True)
    except XGBoostError:
        return False
    return True


def _rows_of(data: DMatrix, places: Any) -> Any:
    """These rows, as a frame where there are names for it."""
    rows = with_nan(data.slice(np.asarray(places, np.int32), allow_groups=True).get_data())
    pandas = sys.modules.get("pandas")
    return rows if data.feature_names is None or pandas is None else pandas.DataFrame(rows, columns=data.feature_names)


def _or_none(values: Any) -> Any:
    return values if len(values) else None
