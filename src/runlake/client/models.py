"""The models that runs keep, as objects again."""

from __future__ import annotations

from typing import Any

from runlake.analysis.model import kept_model
from runlake.client.artifacts import place_of
from runlake.client.reading import current_store

__all__ = ["load_model"]


def load_model(model_uri: str, **options: Any) -> Any:
    """The model at `runs:/<run id>/model`. Nothing in its files is run, whoever wrote them. `options` are those of its library's plugin.

    Raises UnknownArtifact where there is none.
    """
    run_id, path = place_of(model_uri)
    return kept_model(current_store().run(run_id), path, options)
