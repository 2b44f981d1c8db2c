"""What a request is told that is not answered: a status, a word for programs, and a sentence that says what to do."""

from __future__ import annotations

import json
from collections.abc import Iterable

__all__ = ["STATUS_OF_CODES", "Refusal", "bad_request"]

STATUS_OF_CODES = {
    "BAD_REQUEST": 400,
    "UNAUTHENTICATED": 401,
    "NOT_FOUND": 404,
    "METHOD_NOT_ALLOWED": 405,
    "REQUEST_TIMEOUT": 408,
    "REQUEST_TOO_LARGE": 413,
    "UNSUPPORTED_MEDIA_TYPE": 415,
    "MISDIRECTED_REQUEST": 421,
    "INTERNAL_ERROR": 500,
    "TEMPORARILY_UNAVAILABLE": 503,
    "DEADLINE_EXCEEDED": 504,
}


class Refusal(Exception):
    """Raised wherever a request cannot be answered; it is sent as it is."""

    def __init__(self, code: str, message: str, headers: Iterable[tuple[bytes, bytes]] = ()) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.headers = tuple(headers)

    @property
    def status(self) -> int:
        """Of HTTP."""
        return STATUS_OF_CODES[self.code]

    def body(self) -> bytes:
        """In MLflow's form."""
        return json.dumps({"error_code": self.code, "message": self.message}).encode()


def bad_request(message: str) -> Refusal:
    """The data is not what the model takes."""
    return Refusal("BAD_REQUEST", message)
