"""What counts as the value and the step of a metric: numbers now, tensors as a copy to be read later."""

from __future__ import annotations

import math
import operator
from typing import Any

from runlake.errors import InvalidValue
from runlake.guard import attempt, log

__all__ = ["Deferred", "as_key", "as_offered_text", "as_step", "as_text", "as_value", "goal_tag"]

GOAL_TAG = "runlake.goal."
MAX_KEY_BYTES = 4096
MAX_TEXT = 1 << 20  # letters of a param's or tag's text
SHOWN = 80  # of what is refused
KEPT = 1000  # of a longer text that a capture offers
_EXACT = 2**53
_STEP = 2**63

_rounding_told = False


class Deferred:
    """A number on a device, or one still being computed: reading it may wait, so the flusher does."""

    __slots__ = ("tensor",)

    def __init__(self, tensor: Any) -> None:
        self.tensor = tensor

    def __float__(self) -> float:
        number = attempt(lambda: float(self.tensor.item() if hasattr(self.tensor, "item") else self.tensor))
        if isinstance(number, BaseException):
            raise ValueError(f"{type(number).__name__}: {number}") from number
        return number


def as_key(key: Any, what: str = "metric") -> str:
    """The key if it can be one, of a metric, param or tag."""
    if not isinstance(key, str):
        raise InvalidValue(f"A {what}'s key is text, not {type(key).__name__}: {_shown(key)}.")
    try:
        size = len(key.encode())
    except UnicodeEncodeError as error:
        raise InvalidValue(f"The key {_shown(key)} holds half a surrogate pair, which no file can hold.") from error
    if not 0 < size <= MAX_KEY_BYTES:
        raise InvalidValue(f"A {what}'s key has 1 to {MAX_KEY_BYTES:,} bytes; {key[:40]!r} has {size:,}.")
    return str(key)


def as_step(key: str, step: Any) -> int:
    """The step as an int64; whole floats are taken, as other trackers do."""
    try:
        number = int(step) if isinstance(step, float) and step.is_integer() else operator.index(step)
    except (TypeError, ValueError, AttributeError):  # of arrays and of what only says that it is a number, too
        raise InvalidValue(f"The step of {key!r} is a whole number, not {_shown(step)}.") from None
    if not -_STEP <= number < _STEP:
        raise InvalidValue(f"The step of {key!r} fits into 64 bits; one of {number.bit_length():,} bits does not.")
    return number


def as_value(key: str, value: Any) -> float | Deferred:
    """The value as a double, or as a copy that the flusher reads. Raises at once what can be known at once."""
    if type(value) is float:
        return value
    if type(value) is int:
        return _from_int(key, value)
    found = attempt(lambda: _from_other(key, value))  # whatever it answers to, and raises
    if isinstance(found, (float, Deferred)):
        return found
    raise found if isinstance(found, InvalidValue) else _not_a_number(key, value) from found


def _from_other(key: str, value: Any) -> float | Deferred:
    if isinstance(value, float):
        return float(value)
    if isinstance(value, int):
        return _from_int(key, value)
    if hasattr(value, "shape"):
        return _from_array(key, value)
    if hasattr(value, "__float__"):  # Decimal, Fraction
        return _from_wider(key, value)
    raise _not_a_number(key, value)


def _from_int(key: str, value: int) -> float:
    global _rounding_told
    try:
        number = float(value)
    except OverflowError:
        raise InvalidValue(f"The value of {key!r} does not fit a double: an int of {value.bit_length():,} bits.") from None
    if abs(value) > _EXACT and not _rounding_told and int(number) != value:
        _rounding_told = True
        log.warning("Metrics are doubles: %r, the int %d, is kept as %.17g, and so are others beyond 2**53.", key, value, number)
    return number


def _from_array(key: str, value: Any) -> float | Deferred:
    if any(size != 1 for size in value.shape):
        raise InvalidValue(f"The value of {key!r} is one number, not an array of shape {tuple(value.shape)}. Log its mean.")
    if hasattr(value, "detach"):  # the loop goes on and changes it in place; a copy on its own device waits for nothing
        return Deferred(value.detach().clone())
    if hasattr(value, "__array_interface__") or hasattr(value, "__array_struct__"):  # in this process's memory
        if value.dtype.kind in "mM":  # a time would be a number of units that nobody knows
            raise _not_a_number(key, value)
        return math.nan if hasattr(value, "filled") and value.mask.all() else _from_scalar(key, value.item())
    if hasattr(value, "__array__") or hasattr(value, "__dlpack__"):
        return Deferred(value)
    raise _not_a_number(key, value)


def _from_scalar(key: str, value: Any) -> float:
    if isinstance(value, (float, int)):
        return _from_int(key, value) if isinstance(value, int) else value
    if getattr(getattr(value, "dtype", None), "kind", "") == "f":  # longer than a double, which has no item of Python's
        return _from_wider(key, value)
    raise _not_a_number(key, value)


def _from_wider(key: str, value: Any) -> float:
    """Of what may hold more than a double does: the nearest double, but no infinity for what is none."""
    number = attempt(lambda: float(value))
    if isinstance(number, OverflowError) or (isinstance(number, float) and math.isinf(number) and value not in (math.inf, -math.inf)):
        raise InvalidValue(f"The value of {key!r} does not fit a double: {_shown(value)}.")
    if not isinstance(number, float):
        raise _not_a_number(key, value)
    return number


def _not_a_number(key: str, value: Any) -> InvalidValue:
    return InvalidValue(f"The value of {key!r} is a number, not {type(value).__name__}: {_shown(value)}. Params and tags take text.")


def _shown(value: Any) -> str:
    """What is refused, as far as it can be shown."""
    shown = attempt(lambda: repr(value))
    if not isinstance(shown, str):
        return f"one that cannot be shown ({type(shown).__name__})"
    return shown if len(shown) <= SHOWN else shown[: SHOWN - 3] + "..."


def as_text(key: Any, value: Any) -> str:
    """The text of a param's or tag's value."""
    text = value if type(value) is str else attempt(lambda: str(value))
    if isinstance(text, BaseException):
        raise InvalidValue(f"The value of {key!r}, of type {type(value).__name__}, has no text: {_shown(text)}.") from text
    if len(text) > MAX_TEXT:
        raise InvalidValue(
            f"The text of {key!r} has at most {MAX_TEXT:,} letters; that of this {type(value).__name__} has {len(text):,}. "
            "Keep it with log_text()."
        )
    return text


def goal_tag(key: str, goal: str) -> dict[str, str]:
    """The tag that says which way a metric is better. Raises InvalidValue for what is neither "min" nor "max"."""
    if goal not in ("min", "max"):
        raise InvalidValue(f"The goal of {key!r} is 'min' or 'max', not {goal!r}.")
    return {GOAL_TAG + as_key(key): goal}


def as_offered_text(value: Any) -> tuple[str, bool]:
    """The text of a value that a capture came upon, or what there is to say of it; whether it is the value's own, whole."""
    text = attempt(lambda: str(value))
    if isinstance(text, BaseException):
        return f"<{type(value).__name__}, which has no text: {type(text).__name__}>", False
    if len(text) > MAX_TEXT:
        return f"{text[:KEPT]}... ({len(text):,} letters)", False
    return text, True
