"""Leave to run code that came with a model: given for these very bytes, by whoever loads it; the process that made them has it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from runlake.errors import ConsentNeeded, InvalidValue

__all__ = ["Consent", "is_made_here", "made_here", "require_consent"]

_SHA256 = re.compile(r"[0-9a-f]{64}")

_made: set[str] = set()  # digests of models that this process wrote


@dataclass(frozen=True)
class Consent:
    """The digest of the model whose code may run, and why it may: `Consent("3f2a...", "I wrote it")`."""

    sha256: str
    reason: str

    def __post_init__(self) -> None:
        if not isinstance(self.sha256, str) or not _SHA256.fullmatch(self.sha256):
            raise InvalidValue(f"A consent names the whole digest of a model, 64 hexadecimal digits, not {self.sha256!r}.")
        if not isinstance(self.reason, str) or not self.reason.strip():
            raise InvalidValue("A consent says why the code of the model may run: Consent(sha256, reason='...').")


def made_here(digest: str) -> None:
    """This process wrote the model."""
    _made.add(digest)


def is_made_here(digest: str) -> bool:
    """Whether this process wrote the model, which then holds nothing that it did not have."""
    return digest in _made


def require_consent(digest: str, consent: Consent | None, where: str, what: str, types: Sequence[str], otherwise: str) -> None:
    """Go on if the code of this model may run. Raises ConsentNeeded, which says what it is and what can be done."""
    if is_made_here(digest) or (consent is not None and consent.sha256 == digest):
        return
    given = "" if consent is None else f" The consent that was given is for another model, {consent.sha256}."
    named = f" It names {', '.join(types)}." if types else ""
    raise ConsentNeeded(
        f"The model at {where} is {what}, and to load it is to run it.{named}{given} Nothing was run. "
        f"If you know who wrote it, load it with allow_unsafe=runlake.models.Consent({digest!r}, reason='...'). {otherwise}"
    )
