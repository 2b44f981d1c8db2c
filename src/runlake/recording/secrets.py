"""What is written of a run holds no secrets: not in params, tags, errors, arguments of jobs or descriptions of data."""

from __future__ import annotations

from collections.abc import Collection

from runlake.config import Config
from runlake.entities import Event, Scope
from runlake.redaction import redacted, redacted_text

__all__ = ["REDACTION_TAG", "as_written", "without_secrets"]

REDACTION_TAG = "runlake.redaction"  # says "off" where nothing is taken out

_NAMED = (Scope.PARAM, Scope.TAG)
_TEXTS = (Scope.RUN, Scope.INPUT, Scope.ERROR, Scope.JOB, Scope.CAPTURE)


def without_secrets(event: Event, allowed: Collection[str]) -> Event:
    """The event without its secrets; what goes by a name that is `allowed` stays as it is."""
    if event.text is None or event.key in allowed:
        return event
    if event.scope in _NAMED:
        text = redacted(event.key, event.text)
    elif event.scope in _TEXTS:
        text = redacted_text(event.text)
    else:
        return event
    return event if text == event.text else event._replace(text=text, type="str", number=None, integer=None)


def as_written(key: str, text: str, settings: Config) -> str:
    """What the store has of a param's or tag's text under these settings."""
    return redacted(key, text) if settings.redact and key not in settings.redact_allow else text
