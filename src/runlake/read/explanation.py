"""What a model learned, as the run keeps it: the values of each feature, and how much each feature matters."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from runlake.store.tables import table_of

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

__all__ = ["ABOUT", "EXPLANATION_FILE", "IMPORTANCE_FILE", "Explanation", "Importance"]

EXPLANATION_FILE = "explanation.parquet"
IMPORTANCE_FILE = "importance.parquet"
ABOUT = b"runlake"  # in the file, under which it says of what it is
MOST_BARS = 20


class _Kept:
    """A table, in the forms in which people want one."""

    def __init__(self, table: pa.Table) -> None:
        self._table = table

    def to_arrow(self) -> pa.Table:
        """The table."""
        return self._table

    def to_pandas(self) -> pd.DataFrame:
        """The table as a frame."""
        return self._table.to_pandas()


class Explanation(_Kept):
    """What each feature did to what the model says of some rows: `row, output, feature, value, feature_value, base`.

    For each row and output the values and the base add up to what the model says, in the `space` that it is explained in.
    """

    def __init__(self, data: bytes) -> None:
        table = table_of(data)
        super().__init__(table.replace_schema_metadata(None))
        about = json.loads(table.schema.metadata[ABOUT])
        self.explainer: str = about["explainer"]
        self.space: str = about["space"]
        self.outputs: Sequence[str] = about["outputs"]
        self.of: int = about["of"]  # how many rows the model was trained on

    @property
    def features(self) -> list[str]:
        """Their names."""
        names: list[str] = self._table["feature"].unify_dictionaries().chunk(0).dictionary.to_pylist()
        return names

    @property
    def values(self) -> NDArray[np.float64]:
        """Rows x features x outputs."""
        shaped = np.asarray(self._table["value"]).reshape(-1, len(self.outputs), len(self.features))
        return shaped.transpose(0, 2, 1)

    @property
    def base(self) -> NDArray[np.float64]:
        """What the values are counted from, by output."""
        return np.asarray(self._table["base"]).reshape(-1, len(self.outputs), len(self.features))[0, :, 0]

    def plot(self) -> Any:
        """A figure of matplotlib: the features that matter most, by the mean size of their values."""
        sizes = np.abs(self.values).mean(axis=0).sum(axis=1)
        return _bars(self.features, sizes, f"mean |value|: effect on the {self.space}")

    def __repr__(self) -> str:
        return f"<Explanation of {len(self.values)} of {self.of:,} rows, {len(self.features)} features: {self.space} by {self.explainer}>"


class Importance(_Kept):
    """How much each feature matters, by every measure that there is: `feature, output, kind, value, std`."""

    def __init__(self, data: bytes) -> None:
        super().__init__(table_of(data))

    @property
    def kinds(self) -> list[str]:
        """The measures."""
        return list(dict.fromkeys(self._table["kind"].to_pylist()))

    def plot(self, kind: str | None = None) -> Any:
        """A figure of matplotlib: the features that matter most, by one measure, which is the first unless it is named."""
        wanted = kind or self.kinds[0]
        rows = [row for row in self._table.to_pylist() if row["kind"] == wanted]
        sizes: dict[str, float] = {}
        for row in rows:
            sizes[row["feature"]] = sizes.get(row["feature"], 0.0) + abs(row["value"])
        return _bars(list(sizes), np.array(list(sizes.values())), wanted)

    def __repr__(self) -> str:
        return f"<Importance of {len(set(self._table['feature'].to_pylist()))} features: {', '.join(self.kinds)}>"


def _bars(names: Sequence[str], sizes: NDArray[np.float64], label: str) -> Any:
    from matplotlib.figure import Figure

    shown = np.argsort(sizes)[-MOST_BARS:]
    figure = Figure(figsize=(8, 1 + 0.3 * len(shown)), layout="constrained")
    axes = figure.add_subplot()
    axes.barh(range(len(shown)), sizes[shown])
    # As they are written: a name may look like a formula.
    axes.set_yticks(range(len(shown)), [" ".join(names[place].split()) for place in shown], parse_math=False)
    axes.set_xlabel(label, parse_math=False)
    return figure
