"""The features that are categories, where a booster knows them by their names; of others it has the codes alone."""

from __future__ import annotations

from typing import Any

__all__ = ["categories_of"]


def categories_of(booster: Any) -> dict[Any, str]:
    """Each such feature, with the type of a signature that its categories have."""
    if "c" not in (booster.feature_types or ()):
        return {}
    known = booster.get_categories(export_to_arrow=True).to_arrow()
    return {name: _type_of(str(values.type)) for name, values in known if values is not None}


def _type_of(arrow: str) -> str:
    return "string" if "string" in arrow or "utf8" in arrow else "long" if "int" in arrow else "double"
