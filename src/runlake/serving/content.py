"""In which form a body comes, by its `Content-Type`: nothing is guessed."""

from __future__ import annotations

import functools
from enum import Enum

from runlake.serving.refusals import Refusal

__all__ = ["TAKEN", "Form", "form_of"]


class Form(Enum):
    """A form; the last two are those of MLflow 1, whose answers are bare lists."""

    JSON = "application/json"
    CSV = "text/csv"
    PARQUET = "application/vnd.apache.parquet"
    SPLIT = "application/json; format=pandas-split"
    RECORDS = "application/json; format=pandas-records"


TAKEN = (Form.JSON.value, Form.CSV.value, Form.PARQUET.value)
_OLD = {"pandas-split": Form.SPLIT, "pandas-records": Form.RECORDS}


@functools.lru_cache(maxsize=64)
def form_of(content_type: str | None) -> Form:
    """The form. Raises Refusal for any that is not taken."""
    if content_type is None:
        raise _refusal("The request has no Content-Type.")
    kind, *parameters = (part.strip() for part in content_type.split(";"))
    form = next((each for each in (Form.JSON, Form.CSV, Form.PARQUET) if each.value == kind.lower()), None)
    if form is None:
        raise _refusal("The body is of another type.")
    for parameter in parameters:
        name, _, value = (part.strip() for part in parameter.partition("="))
        value = value.strip('"').lower()
        if name.lower() == "format" and form == Form.JSON and value in _OLD:
            form = _OLD[value]
        elif name.lower() != "charset":
            raise _refusal("The Content-Type has a parameter that means nothing here.")
        elif value != "utf-8":
            raise _refusal("The body is in another charset than UTF-8.")
    return form


def _refusal(what: str) -> Refusal:
    return Refusal("UNSUPPORTED_MEDIA_TYPE", f"{what} Send {', '.join(TAKEN[:-1])} or {TAKEN[-1]}, with charset=utf-8 or no parameter.")
