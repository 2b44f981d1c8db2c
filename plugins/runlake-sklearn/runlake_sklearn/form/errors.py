"""What can be wrong with a model that is to be written, or with a form that is to be read."""

from __future__ import annotations

from runlake import InvalidModel


class NoSafeForm(Exception):
    """The model holds something that is not in the closed list; the message says where, and what."""

    def __init__(self, reason: str, path: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.path = path

    def inside(self, piece: str) -> None:
        """Tell that it was found inside this attribute, item or key, on the way back up to the model."""
        self.path = piece + self.path

    def __str__(self) -> str:
        return f"{self.path.removeprefix('.') or 'the model'} {self.reason}"


class TooLarge(Exception):
    """The model is over the size that it may have; the message has both."""


class InvalidForm(InvalidModel):
    """The bytes are not those of a model as this library writes them; the message says what is wrong."""
