"""JSON of strangers: one value of plain JSON, or a refusal that says what it is instead."""

from __future__ import annotations

import json
import math
from typing import Any, NoReturn

from runlake.serving.refusals import bad_request

__all__ = ["parsed_json"]


def parsed_json(body: bytes) -> Any:
    """The value. Raises Refusal for what is none: cut off, too deep, not UTF-8, with a key twice, or with NaN as a number."""
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise bad_request(f"The body is not UTF-8: byte {error.start:,} begins no character.") from None
    try:
        return json.loads(text, object_pairs_hook=_distinct, parse_constant=_no_constant, parse_float=_finite)
    except RecursionError:
        raise bad_request("The body is JSON of more levels than any data has.") from None
    except json.JSONDecodeError as error:
        raise bad_request(f"The body is not JSON: {error.msg} at character {error.pos:,}.") from None
    except ValueError as error:  # a whole number of thousands of digits
        raise bad_request(f"The body is not JSON that can be read: {error}.") from None


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise bad_request("An object in the body has one key twice.")
    return found


def _finite(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise bad_request("One of the numbers is larger than any double is.")
    return number


def _no_constant(name: str) -> NoReturn:
    raise bad_request(f"The body has {name}, which JSON does not know. A number that is missing is null.")
