"""Lies as `sitecustomize` before a program that is verified: turns recording on where that is asked for, and tells at the end what was.

Nothing of runlake is imported before the program is over, unless it is recorded, and nothing here draws a random number.
"""

from __future__ import annotations

import atexit
import importlib.machinery
import importlib.util
import itertools
import json
import os
import sys
import time
from types import FrameType
from typing import Any

__all__ = ["Watch", "begin"]

MOST_MODELS = 200
MOST_EVENTS = 20_000_000  # about 4 s more; the imports of a large library are 5,000,000
MOST_RETURNS = 200  # of one function
MOST_HELD = 50  # in a container that is looked into
_SUSPENDS = 0x20 | 0x80 | 0x200  # code of generators and coroutines, which also return where they only pause
_TRAINS = ("fit", "predict", "state_dict")  # one of them is a method of whatever learns, and of no data


class Watch:
    """The models that were globals of `__main__`, or local to a function of it when that returned, in the order of first sight."""

    def __init__(self, libraries: list[str]) -> None:
        self.models: list[tuple[str, Any]] = []
        self.has_stopped = False
        self._libraries = frozenset(libraries)
        self._main = sys.modules["__main__"].__dict__
        self._kinds: dict[type, bool] = {}
        self._seen: set[int] = set()
        self._returns: dict[Any, int] = {}
        self._frames: list[FrameType] = []
        self._events = itertools.count()
        self._profile = self.profile  # the same object each time, to be known again

    def begin(self) -> None:
        """Have Python tell of each function that returns; a profiler of the program's own takes the place."""
        sys.setprofile(self._profile)

    def profile(self, frame: FrameType, event: str, given: Any) -> None:
        """Called by Python at each call and return."""
        if event == "return" and frame.f_globals is self._main and frame.f_code.co_name != "<module>":
            self._look_at(frame, given)
        if next(self._events) > MOST_EVENTS:
            self._stop(frame)

    def end(self) -> None:
        """Look at the functions that were not over when the watch was, and at the globals."""
        if sys.getprofile() == self._profile:
            sys.setprofile(None)
        for frame in self._frames:
            self._note(frame.f_locals)
        self._frames.clear()
        self._note({name: value for name, value in self._main.items() if not name.startswith("__")})

    def _look_at(self, frame: FrameType, given: Any) -> None:
        code = frame.f_code
        count = self._returns[code] = self._returns.get(code, 0) + 1
        if count <= MOST_RETURNS and not code.co_flags & _SUSPENDS:
            self._note(frame.f_locals)
            self._note({code.co_name: given})

    def _stop(self, frame: FrameType) -> None:
        """A program of many small calls is slowed no more. What its functions hold at their end can be read from their frames."""
        sys.setprofile(None)
        self.has_stopped = True
        inner: FrameType | None = frame
        while inner is not None:
            if inner.f_globals is self._main and inner.f_code.co_name != "<module>":
                self._frames.append(inner)
            inner = inner.f_back

    def _note(self, values: dict[str, Any]) -> None:
        for name, value in values.items():
            kind = type(value)
            if kind in (list, tuple, dict) and len(value) <= MOST_HELD:
                pairs = value.items() if kind is dict else enumerate(value)
                for key, held in list(pairs):
                    self._note_one(f"{name}[{key!r}]" if type(key) in (str, int) else name, held)
            else:
                self._note_one(name, value)

    def _note_one(self, name: str, value: Any) -> None:
        kind = type(value)
        is_model = self._kinds.get(kind)
        if is_model is None:
            is_model = self._kinds[kind] = self._is_model(kind)
        if is_model and id(value) not in self._seen and len(self.models) < MOST_MODELS:
            self._seen.add(id(value))
            self.models.append((name, value))

    def _is_model(self, kind: type) -> bool:
        """Whether a library that has a plugin made the class, and it is one of what learns."""
        homes = {str(base.__dict__.get("__module__")).partition(".")[0] for base in kind.__mro__}
        return not self._libraries.isdisjoint(homes) and any(name in vars(base) for base in kind.__mro__ for name in _TRAINS)


def begin() -> None:
    """Take this folder from the paths again, so that no process which the program starts finds it, and observe this one."""
    here = os.path.dirname(os.path.abspath(__file__))
    sys.path[:] = [place for place in sys.path if os.path.abspath(place) != here]
    _, _, rest = os.environ.pop("PYTHONPATH", "").partition(os.pathsep)
    if rest:
        os.environ["PYTHONPATH"] = rest
    if _is_first(here):
        _observe(here)
    _run_next()


def _is_first(here: str) -> bool:
    """Whether no other process of the command came before."""
    try:
        os.close(os.open(os.path.join(here, "taken"), os.O_CREAT | os.O_EXCL | os.O_WRONLY))
    except OSError:
        return False
    return True


def _observe(here: str) -> None:
    with open(os.path.join(here, "asked.json"), encoding="utf-8") as file:
        asked = json.load(file)
    watch = Watch(asked["libraries"])
    process = os.getpid()
    problem = ""

    def end() -> None:
        if os.getpid() == process:  # a fork of the program tells nothing
            _end(here, asked, watch, problem)

    atexit.register(end)  # before all others, and so called after them
    if asked["is_recorded"]:
        try:
            from runlake.instrument.autolog import autolog

            autolog()
        except ImportError as error:
            problem = f"{sys.executable} has no runlake: {error}"
    if asked["is_watched"]:
        watch.begin()


def _end(here: str, asked: dict[str, Any], watch: Watch, problem: str) -> None:
    """Write down what there is, states first: what is imported for the rest could draw numbers itself."""
    report: dict[str, Any] = {"ended": time.monotonic(), "problem": problem, "executable": sys.executable}
    watch.end()
    generators = _generators()
    try:
        from runlake.guard import attempt
        from runlake.verify.telling import tell
    except ImportError as error:
        report["problem"] = problem or f"{sys.executable} has no runlake: {error}"
    else:
        told = attempt(lambda: tell(asked["generators"], generators, watch.models))
        report |= {"problem": f"its end cannot be told: {told!r}"} if isinstance(told, BaseException) else told
    _write(here, report | {"has_stopped": watch.has_stopped})


def _generators() -> dict[str, Any]:
    """The states of those that everybody has."""
    found: dict[str, Any] = {}
    if "random" in sys.modules:
        found["random"] = sys.modules["random"].getstate()
    if "numpy.random" in sys.modules:
        found["numpy.random"] = sys.modules["numpy.random"].get_state(legacy=False)
    return found


def _write(here: str, report: dict[str, Any]) -> None:
    place = os.path.join(here, "report.json")
    with open(f"{place}.part", "w", encoding="utf-8") as file:
        json.dump(report, file)
    os.replace(f"{place}.part", place)


def _run_next() -> None:
    """Run the `sitecustomize` that this one stands before."""
    spec = importlib.machinery.PathFinder.find_spec("sitecustomize", sys.path)
    if spec is not None and spec.loader is not None:
        module = sys.modules["sitecustomize"] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)


if __name__ == "sitecustomize":
    begin()
