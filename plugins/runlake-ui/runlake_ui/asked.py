"""What stands in the address of a request."""

from __future__ import annotations

from starlette.requests import Request

from runlake.read import ViewType
from runlake_ui.answers import Problem

__all__ = ["among", "number_of", "view_of"]


def among(request: Request) -> tuple[str, ...] | None:
    """The experiments that are looked into; None for all."""
    return tuple(request.query_params.getlist("experiment")) or None


def view_of(request: Request) -> ViewType:
    """Runs that are there, or deleted ones."""
    return ViewType.DELETED_ONLY if request.query_params.get("deleted") == "true" else ViewType.ACTIVE_ONLY


def number_of(request: Request, name: str, default: int, most: int) -> int:
    """A whole number. Raises Problem."""
    said = request.query_params.get(name)
    if said is None:
        return default
    if not (said.isascii() and said.isdigit() and len(said) < 10 and int(said) <= most):
        raise Problem(422, f"{name!r} is a whole number up to {most:,}, not {said[:80]!r}.")
    return int(said)
