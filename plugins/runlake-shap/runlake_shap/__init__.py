"""Explain what tree models of scikit-learn say by the shap library: a table of values, and two charts.

explaining   values of each feature for each row, in the space in which they add up
limits       which models have no explanation, and why
families     the tree models of scikit-learn
asking       any other model, by asking it again and again
drawing      the charts, as PNG
quiet        the work of shap leaves no warning, and the generators of random numbers as they were
"""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping, Sequence
from typing import Any

from runlake import Explainer, Unexplained, hookimpl

LIBRARY = "sklearn"
LEAST_DOTS = 20  # rows, below which a chart of them says nothing


@hookimpl
def explainer(model: Any, rows: Any, is_full: bool) -> Explainer | Unexplained | None:
    """How a tree model is explained, or why not; any other where that is asked for in spite of what it takes."""
    is_tree = _is_of_trees(model)
    if not is_tree and not is_full:
        return None
    if not _is_there("shap"):
        return Unexplained("shap is not installed: pip install 'runlake-shap[instruments]'")
    from runlake_shap.asking import explainer_by_asking
    from runlake_shap.explaining import explainer_of

    found = explainer_of(model) if is_tree else None
    return explainer_by_asking(model, rows) or found if is_full and not isinstance(found, Explainer) else found


def _is_of_trees(model: Any) -> bool:
    if LIBRARY not in {base.__module__.partition(".")[0] for base in type(model).__mro__}:
        return False
    from runlake_shap.families import is_of_trees

    return is_of_trees(model)


@hookimpl
def draw_explanation(
    values: Any, rows: Any, names: Sequence[str], outputs: Sequence[str], space: str, title: str
) -> Mapping[str, bytes] | None:
    """The two charts; of several outputs, or of few rows, the bars alone."""
    if not (_is_there("shap") and _is_there("matplotlib")):
        return None
    from runlake_shap.drawing import bar, beeswarm

    drawn = {"explanation_bar.png": bar(values, names, title, space, outputs)}
    if values.shape[2] == 1 and len(rows) >= LEAST_DOTS:
        drawn["explanation_beeswarm.png"] = beeswarm(values[:, :, 0], rows, names, title, space)
    return drawn


def _is_there(library: str) -> bool:
    return importlib.util.find_spec(library) is not None
