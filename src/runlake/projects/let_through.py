"""The environment of a project's programs: that of whoever starts them, without what is a secret, unless it is let through by its name."""

from __future__ import annotations

from collections.abc import Collection

from runlake import config
from runlake.errors import InvalidValue
from runlake.recording.telling import say
from runlake.redaction import redacted

__all__ = ["environment_for"]

_ANY_TOKEN = "x" * 32  # a value that is one wherever the name says so
_HARMLESS = ("PWD", "OLDPWD", "XDG_SESSION_ID", "TERM_SESSION_ID", "ITERM_SESSION_ID")  # which are called what secrets are


def environment_for(allowed: Collection[str]) -> dict[str, str]:
    """What they find; the names of what they do not are told. Raises InvalidValue for a name that is let through and not set."""
    known, _ = config.environment_of_projects(lambda name, value: False)
    if unset := [name for name in allowed if name not in known]:
        raise InvalidValue(f"{', '.join(unset)} is to be let through with --env, and is not set. Set it, or leave --env out.")
    environment, withheld = config.environment_of_projects(lambda name, value: name not in allowed and _is_secret(name, value))
    if withheld:
        say(f"runlake: the project does not get {', '.join(withheld)}, which may be secrets; let one through with --env NAME")
    return environment


def _is_secret(name: str, value: str) -> bool:
    """By its name, whatever it holds, as a token may be short; or by what it holds, such as a password in an address."""
    if name in _HARMLESS:
        return False
    if redacted(name, value) != value:
        return True
    return bool(value) and not value.isdigit() and redacted(name, _ANY_TOKEN) != _ANY_TOKEN
