"""Where a project is: a folder of this machine, or a git repository, and the folder in it."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from runlake.errors import InvalidValue
from runlake.redaction import redacted_text

__all__ = ["Address", "read_address", "shown_address"]

_GIT = re.compile(r"(?:https?|ssh|git|file)://.+|[\w.-]+@[\w.-]+:.+", re.DOTALL)
_HELPER = re.compile(r"\w+::")
_SCHEME = re.compile(r"(\w[\w+.-]+)://")
_USER_AT_WEB = re.compile(r"(?<=http://)[^/@]*@|(?<=https://)[^/@]*@")
_PASSWORD = re.compile(r"(?<=://)([^/@:]*):[^/@]*@")


@dataclass(frozen=True)
class Address:
    """What was meant by it."""

    place: str
    below: str = ""  # the folder in it, behind a #
    is_remote: bool = False  # git fetches it; else it is a folder

    @property
    def folder(self) -> Path:
        """The folder of this machine."""
        return Path(os.path.expanduser(self.place)).absolute()

    @property
    def shown(self) -> str:
        """How it is told and recorded: without anybody's password."""
        return shown_address(str(self.folder) if not self.is_remote else self.place) + (f"#{self.below}" if self.below else "")


def read_address(uri: str) -> Address:
    """What an address means. Raises InvalidValue for one that nothing is fetched from."""
    if not isinstance(uri, str) or not uri.strip() or not uri.isprintable():
        raise InvalidValue(f"A project's address is a folder or a git repository, not {uri!r}.")
    if uri.startswith("-"):
        raise InvalidValue(f"The address {uri!r} begins with a dash, as options do. For a folder of that name write ./{uri}.")
    if _HELPER.match(uri):
        raise InvalidValue(
            f"{shown_address(uri)!r} would have git start a program. A project comes from a folder, https, ssh, git or file."
        )
    if _GIT.fullmatch(uri) and not os.path.exists(uri):
        place, _, below = uri.partition("#")
        return Address(place, below, is_remote=True)
    if scheme := _SCHEME.match(uri):
        raise InvalidValue(f"Nothing is fetched from {scheme[1]}: here. A project comes from a folder, https, ssh, git or file.")
    place, _, below = (uri, "", "") if os.path.exists(os.path.expanduser(uri)) else uri.rpartition("#") if "#" in uri else (uri, "", "")
    if not os.path.isdir(os.path.expanduser(place)):
        if os.path.isfile(os.path.expanduser(place)):
            folder, name = os.path.split(place)
            raise InvalidValue(
                f"{place!r} is a file, and a project is a folder. Run that, with the file as its entry point: {folder or '.'} -e {name}"
            )
        raise InvalidValue(
            f"There is nothing at {place!r}. A project is a folder, or a git repository such as https://host/name.git#folder."
        )
    return Address(place, below)


def shown_address(address: str) -> str:
    """The address without who fetches from it: over the web a user's name may be a token."""
    return redacted_text(_PASSWORD.sub(r"\1@", _USER_AT_WEB.sub("", address)))
