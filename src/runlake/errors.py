"""Everything runlake raises on purpose.

RunlakeError
├── StoreError           the store folder is not one, is newer than this version, or cannot be shared
├── InvalidValue         an argument is wrong; also a ValueError
│   └── InvalidFilter    a filter or an order cannot be read; it is shown, with the place underlined
├── UnknownRun           no run has this id; also a KeyError
├── UnknownExperiment    no experiment has this id or name; also a KeyError
├── UnknownArtifact      the run keeps nothing of this name; also a KeyError
├── UnknownModel         no registered model has this name, version, alias or stage; also a KeyError
├── InvalidModel         the files of a model are not those that were kept, or are no model
├── ConsentNeeded        to load the model is to run code that came with it, and nobody has said that it may run
└── NoActiveRun          a verb needs an open run and there is none
"""

from __future__ import annotations

__all__ = [
    "ConsentNeeded",
    "InvalidFilter",
    "InvalidModel",
    "InvalidValue",
    "NoActiveRun",
    "RunlakeError",
    "StoreError",
    "UnknownArtifact",
    "UnknownExperiment",
    "UnknownModel",
    "UnknownRun",
]

SHOWN_BEFORE, SHOWN_AFTER = 60, 40  # characters of a long filter, around what is wrong


class RunlakeError(Exception):
    """The root of every error that runlake raises on purpose."""


class StoreError(RunlakeError):
    """The store cannot be used as it stands."""


class InvalidValue(RunlakeError, ValueError):
    """An argument cannot be recorded; nothing was."""


class InvalidFilter(InvalidValue):
    """A filter or an order cannot be read, or asks for what is not there.

    `what` says it in a sentence; where one part of what was typed is to blame, this is the text from `start` up to `stop`.
    """

    def __init__(self, shown: str, what: str | None = None, start: int | None = None, stop: int | None = None) -> None:
        super().__init__(shown)
        self.what = shown if what is None else what
        self.start = start
        self.stop = stop

    @classmethod
    def at(cls, what: str, typed: str, start: int, stop: int) -> InvalidFilter:
        """With what was typed, and this part of it underlined."""
        first, end = max(0, start - SHOWN_BEFORE), min(stop, start + SHOWN_AFTER)
        shown = "".join(letter if letter.isprintable() else " " for letter in typed[first : end + SHOWN_AFTER])
        return cls(f"{what}\n  {shown}\n  {' ' * (start - first)}{'^' * max(1, end - start)}", what, start, stop)


class _Unknown(RunlakeError, KeyError):
    def __str__(self) -> str:
        return str(self.args[0])  # KeyError would show the repr of the message


class UnknownRun(_Unknown):
    """No run of the store has this id."""


class UnknownExperiment(_Unknown):
    """No experiment of the store has this id or name."""


class UnknownArtifact(_Unknown):
    """The run keeps nothing of this name."""


class UnknownModel(_Unknown):
    """No registered model has this name, or it has no such version, alias or stage."""


class InvalidModel(RunlakeError):
    """The files are not those that were kept, or are no model. Nothing in them was run."""


class ConsentNeeded(RunlakeError):
    """Code that came with the model would run, and nobody has said that it may. None was run."""


class NoActiveRun(RunlakeError, RuntimeError):
    """The verb acts on the open run, and none is open."""
