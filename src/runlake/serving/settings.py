"""What a server is told, in a form that goes from one process to another: secrets stay in their file."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from runlake.errors import InvalidValue
from runlake.models.consent import Consent

__all__ = ["LOOPBACK", "ServeSettings", "is_loopback", "read_token"]

LOOPBACK = ("127.0.0.1", "localhost", "::1")
SHORTEST_TOKEN = 16  # characters


@dataclass(frozen=True)
class ServeSettings:
    """Which model, and for whom. `seconds` is how long a request may take to come, and to be answered."""

    uri: str
    store: str | None = None
    host: str = "127.0.0.1"
    port: int = 5000
    workers: int = 1
    seconds: float = 60.0
    max_body_bytes: int = 64 << 20
    token_file: str | None = None
    allowed_hosts: tuple[str, ...] = ()
    unsafe_sha256: str | None = None
    reason: str | None = None
    digest: str | None = None  # of the model that all workers serve

    def __post_init__(self) -> None:
        self.consent  # noqa: B018 - raises InvalidValue for a digest that is none

    @property
    def consent(self) -> Consent | None:
        """Leave to run code that came with the model."""
        return None if self.unsafe_sha256 is None else Consent(self.unsafe_sha256, self.reason or "")

    def to_json(self) -> str:
        """For a worker."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, said: str) -> ServeSettings:
        """In a worker."""
        values: dict[str, Any] = json.loads(said)
        return cls(**{**values, "allowed_hosts": tuple(values["allowed_hosts"])})


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches it."""
    return host.lower().strip("[]") in LOOPBACK or (host.startswith("127.") and host.replace(".", "").isdigit())


def read_token(path: str | Path) -> str:
    """The secret in a file. Raises InvalidValue where there is none that is worth the name."""
    try:
        token = Path(path).read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidValue(f"The token cannot be read from {path}: {error}.") from None
    if len(token) < SHORTEST_TOKEN or not token.isprintable() or " " in token:
        raise InvalidValue(
            f"The file {path} holds no token: that is at least {SHORTEST_TOKEN} letters and digits without spaces, "
            f"as `openssl rand -hex 32 > {path}` writes them."
        )
    return token
