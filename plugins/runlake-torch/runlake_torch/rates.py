"""What schedulers change: the learning rates of an optimizer and their like, at its first step and whenever one is another than before."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from runlake_torch.values import is_number, taken

__all__ = ["changed_rates", "plain"]

_WATCHED = ("lr", "momentum", "weight_decay", "betas")

Known = dict[tuple[int, str], Any]  # by group and name


def changed_rates(known: Known, optimizer: Any) -> dict[str, Any]:
    """Those of each group that are not known so, which they are afterwards."""
    found: dict[str, Any] = {}
    groups = optimizer.param_groups
    for number, group in enumerate(groups):
        for name in _WATCHED:
            value = group.get(name)
            if value is None:
                continue
            version = (id(value), value._version) if hasattr(value, "_version") else value  # a tensor is changed in place
            if known.get((number, name), found) == version:
                continue
            is_first = (number, name) not in known
            known[number, name] = version
            if name == "lr" or not is_first:  # what stays as it is is a param
                place = f"/group{number}" if len(groups) > 1 else ""
                found |= {f"train/{each}{place}": number_ for each, number_ in _named(name, value)}
    return found


def plain(value: Any) -> Any:
    """A setting as it is now."""
    return taken(value) if is_number(value) else value


def _named(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    if name == "betas":
        yield from ((f"beta{place + 1}", plain(each)) for place, each in enumerate(value))
    else:
        yield name, plain(value)
