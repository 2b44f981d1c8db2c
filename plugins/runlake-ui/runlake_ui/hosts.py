"""The names that a server may be asked by."""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["is_loopback", "names_of"]

LOOPBACK = ("localhost", "127.0.0.1", "::1")


def names_of(host: str, port: int, allowed: Iterable[str]) -> frozenset[str]:
    """What the Host header may be: the names of this machine for itself, with the port; and others, with it or without."""
    names = {*LOOPBACK, host, *allowed}
    bracketed = [f"[{name}]" if name.count(":") > 1 and not name.startswith("[") else name for name in names]
    plain = bracketed if port == 80 else list(allowed)
    return frozenset(name.lower() for name in [*plain, *(f"{name}:{port}" for name in bracketed)])


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches it."""
    return host in LOOPBACK or host.startswith("127.")
