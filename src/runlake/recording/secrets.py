"""What is written of a run holds no secrets: not in params, tags, errors, arguments of jobs or descriptions of data."""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import Any

from runlake.config import Config
from runlake.entities import Event, Scope
from runlake.guard import attempt
from runlake.redaction import may_hold_secrets, redacted, redacted_text

__all__ = ["REDACTION_TAG", "as_written", "without_secrets"]

REDACTION_TAG = "runlake.redaction"  # says "off" where nothing is taken out

_NAMED = (Scope.PARAM, Scope.TAG)
_TEXTS = (Scope.RUN, Scope.ERROR)
_DOCUMENTS = (Scope.INPUT, Scope.JOB, Scope.CAPTURE)


def without_secrets(event: Event, allowed: Collection[str]) -> Event:
    """The event without its secrets; what goes by a name that is `allowed` stays as it is."""
    if event.text is None or event.key in allowed:
        return event
    if event.scope in _NAMED:
        text = redacted(event.key, event.text)
    elif event.scope in _TEXTS:
        text = redacted_text(event.text)
    elif event.scope in _DOCUMENTS:
        text = _document_without_secrets(event.text)
    else:
        return event
    return event if text == event.text else event._replace(text=text, type="str", number=None, integer=None)


def _document_without_secrets(text: str) -> str:
    """JSON, which it stays: taken out of the text itself, what a secret is cut at may be half of an escaped quote."""
    if not may_hold_secrets(text):
        return text
    document = attempt(lambda: json.loads(text))
    return redacted_text(text) if isinstance(document, BaseException) else json.dumps(_redacted_inside("", document))


def _redacted_inside(key: str, value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _redacted_inside(name, inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_redacted_inside(key, inner) for inner in value]
    if not isinstance(value, str):
        return value
    is_document = value.startswith(("{", "["))  # the schema of a data set, say
    return _document_without_secrets(value) if is_document else redacted(key, value)


def as_written(key: str, text: str, settings: Config) -> str:
    """What the store has of a param's or tag's text under these settings."""
    return redacted(key, text) if settings.redact and key not in settings.redact_allow else text
