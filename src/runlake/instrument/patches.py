"""What a plugin asks for: a capture around a library's call, or something registered with a library."""

from __future__ import annotations

import re
from collections.abc import Callable, Generator
from dataclasses import KW_ONLY, dataclass
from types import ModuleType
from typing import TYPE_CHECKING, Any, Literal, get_args

from runlake.errors import InvalidValue

if TYPE_CHECKING:
    from runlake.instrument.call import Call

__all__ = ["OUTERMOST", "Capture", "Glance", "Patch", "Registration", "Role"]

Capture = Callable[["Call"], Generator[None, Any, None] | None]
Glance = Callable[[tuple[Any, ...], dict[str, Any]], object]
Role = Literal["fit", "inside", "after", "predict", "judge", "glance"]

OUTERMOST: frozenset[Role] = frozenset({"predict", "judge"})

_ROLES = "'fit', 'inside', 'after', 'predict', 'judge' or 'glance'"
_TARGET = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")


@dataclass(frozen=True)
class Patch:
    """A capture around the library's call at `target`, which is `"package.module:Class.method"` or `"package.module:function"`.

    A `fit` is a training: where none is under way, it owns one. `inside` adds to a training that is under way and is not called
    without one. `after` never owns one, and asks for the run in which an object was trained. `predict` is a method that says
    something, of objects that were trained in a run, and `judge` is what says how good that is: both are captured outside of
    trainings alone, and what is called inside them is neither. With `subclasses`, the method is captured wherever a class that
    derives from this one defines it, now or later; one that predicts or judges also where such a class has it from elsewhere.

    An `optional` target is one that some versions of the library lack, which is no reason to warn.

    A capture is a generator function with one `yield`, at which the library is called, or a plain function that only looks first.

    A `glance` is for what is called a thousand times a second: a plain function of the arguments, `(args, kwargs)`, which is called
    before the library, in every context, and not timed. It changes nothing, calls no library, and keeps what it sees for a later look.
    """

    target: str
    capture: Capture | Glance
    _: KW_ONLY
    why: str
    role: Role = "fit"
    subclasses: bool = False
    optional: bool = False

    def __post_init__(self) -> None:
        if not isinstance(self.target, str) or not _TARGET.fullmatch(self.target):
            raise InvalidValue(f"A target is 'package.module:Class.method' or 'package.module:function', not {self.target!r}.")
        if self.role not in get_args(Role):
            raise InvalidValue(f"The role of the patch of {self.target} is {_ROLES}, not {self.role!r}.")
        if not callable(self.capture):
            raise InvalidValue(f"The capture of {self.target} is a function, not {self.capture!r}.")
        if self.subclasses and "." not in self.name:
            raise InvalidValue(f"Only a method is captured in subclasses; {self.target} is none.")

    @property
    def module(self) -> str:
        """The module to wait for."""
        return self.target.partition(":")[0]

    @property
    def name(self) -> str:
        """What is patched, inside its module."""
        return self.target.partition(":")[2]


@dataclass(frozen=True)
class Registration:
    """Something to register with a library when its `module` is there: what `apply(module)` gives goes to `undo`."""

    module: str
    apply: Callable[[ModuleType], Any]
    undo: Callable[[Any], Any]
    _: KW_ONLY
    why: str

    @property
    def target(self) -> str:
        """How it is named where patches are listed."""
        return f"{self.module} ({getattr(self.apply, '__name__', self.apply)})"
