"""What models said, remembered so that a number which judges it finds its way to the run of the model.

A prediction is known by its memory, as long as that lives, and by a hash of what it holds; nothing of the user's is kept alive.
What is remembered is one queue of bounded length, to which every access is one C call: no lock is needed, and none is lost in a fork.
"""

from __future__ import annotations

import contextlib
import functools
import sys
import threading
import weakref
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from runlake import platform
from runlake.entities import Scope
from runlake.entities.tags import SKIPPED_TAG
from runlake.guard import attempt

if TYPE_CHECKING:
    import numpy as np

    from runlake.recording.offered import OfferedRun

__all__ = ["KEPT", "Judged", "Loop", "another_speaks", "forget_predictions", "judged", "latest_loop", "loop_goes_on", "remember_prediction"]

KEPT = 512  # predictions, the latest
MOST_ROWS = 10_000  # that are hashed
MOST_BYTES = 1 << 19  # of them
MOST_OBJECTS = 5_000  # rows of texts and the like, which are hashed one by one
FEW_ROWS = 1_000  # of so many the columns are hashed too, and which of them is the greatest
FEW_COLUMNS = 32
MANY_PARTS = 16  # of a prediction that is several arrays
MOST_OF_A_NAME = 100  # judgements that a run takes: a sweep of thresholds, say, is not a thousand metrics
MOST_AT_A_STEP = 10  # judgements of one name: those of single batches are not the loop's
MOST_TOLD = 8  # candidates, where it is not clear which is meant
LINKED_TAG = "runlake.linked_by."

Form = tuple[Any, Any]  # the type of the elements, and the hash of them


@dataclass(eq=False)
class _Said:
    """One prediction: whose it is, where its memory is, how many rows it has, what it holds, and who asked for it."""

    run: OfferedRun
    owner: weakref.ref[Any]
    bounds: tuple[int, int]
    rows: int
    forms: frozenset[Form]
    is_derived: bool
    thread: weakref.ref[Any]
    task: weakref.ref[Any] | None
    step: int | None = None  # of the loop whose it is

    def is_of_here(self, thread: Any, task: Any) -> bool:
        """Whether it was asked for in this thread and task; what a task left that is over is the thread's."""
        made_in = self.task() if self.task is not None else None
        return self.thread() is thread and (made_in is None or made_in is task or made_in.done())


@dataclass(eq=False)
class Loop:
    """A training whose model nothing tells what it says, since no call encloses it: its run, its library, and how far it has come."""

    run: OfferedRun
    libraries: frozenset[str]
    step: int = 0
    is_over: bool = False

    def has_memory_of(self, given: Any) -> bool:
        """Whether it is its library's, a tensor say, or an array that lies in one."""
        array = _array(given)
        holders = (given,) if array is None else (given, _owner(array).base)
        return any(type(holder).__module__.partition(".")[0] in self.libraries for holder in holders)


class _Here(threading.local):
    """Of this thread: the loop that went on last, and whether nothing else has trained or predicted since."""

    loop: Loop | None = None
    is_last: bool = False


_present = _Here()
_remembered: deque[_Said] = deque(maxlen=KEPT)
_counts: weakref.WeakKeyDictionary[OfferedRun, Counter[str]] = weakref.WeakKeyDictionary()
_at_step: weakref.WeakKeyDictionary[OfferedRun, dict[str, tuple[int | None, int]]] = weakref.WeakKeyDictionary()
_counting = threading.RLock()


def loop_goes_on(loop: Loop) -> None:
    """It has come to a step, in this thread."""
    _present.loop, _present.is_last = loop, True


def another_speaks() -> None:
    """In this thread a model was trained by a call, or predicts: what is judged next may be its."""
    _present.is_last = False


def latest_loop() -> Loop | None:
    """The loop that went on last in this thread, unless it is over."""
    loop = _present.loop
    if loop is not None and loop.is_over:
        loop = _present.loop = None
    return loop


def remember_prediction(run: OfferedRun, outcome: Any, classes: Any = None, *, is_derived: bool = False, step: int | None = None) -> None:
    """Whatever a model said: an array, a series or a list; of a list or tuple of arrays each. `classes` are those of the columns.

    What is derived from a prediction, a curve say, is found again as itself, but does not count by its number of rows.
    """
    thread, task = _here()
    for part in _parts(outcome):
        array = _array(part)
        if array is None or not array.size:
            continue
        owner = weakref.ref(_owner(array))
        of_task = weakref.ref(task) if task is not None else None
        forms = frozenset(_forms(array, classes))
        _remembered.append(_Said(run, owner, _bounds(array), len(array), forms, is_derived, weakref.ref(thread), of_task, step))


def forget_predictions() -> None:
    """All of them, and that a loop goes on in this thread."""
    _remembered.clear()
    _present.loop, _present.is_last = None, False


@dataclass(frozen=True)
class Judged:
    """The run of the model that made a prediction, and how that is known: by its memory, its content, or its number of rows.

    What no model is known to have said is the loop's that goes on here; what is recorded then has its step. Where several may be meant
    there is no run, and all of them are told so. What is recorded here never takes the place of anything: a name that is there already,
    at this step if there is one, goes on as `-2`, `-3`.
    """

    run: OfferedRun | None
    linked_by: str
    candidates: Sequence[OfferedRun] = ()
    n_candidates: int = 0
    step: int | None = None

    def log_metric(self, name: str, value: float) -> None:
        """Record a number."""
        self._record(Scope.METRIC, name, "", lambda run, key: run.log_metric(key, value, self.step))

    def log_columns(self, name: str, columns: Mapping[str, Sequence[Any]]) -> None:
        """Keep a table."""
        self._record(Scope.ARTIFACT, name, ".parquet", lambda run, key: run.log_columns(columns, key))

    def log_document(self, name: str, document: Any) -> None:
        """Keep a text, or what becomes JSON."""
        if isinstance(document, str):
            self._record(Scope.ARTIFACT, name, ".txt", lambda run, key: run.log_text(document, key))
        else:
            self._record(Scope.ARTIFACT, name, ".json", lambda run, key: run.log_dict(document, key))

    def skipped(self, name: str, why: str) -> None:
        """Say why something is not recorded that could be."""
        for run in self.candidates if self.run is None else (self.run,):
            run.set_tag(SKIPPED_TAG + name, why)

    def derived(self, outcome: Any) -> None:
        """Remember what was made of the prediction."""
        if self.run is not None:
            remember_prediction(self.run, outcome, is_derived=True, step=self.step)

    def _record(self, scope: Scope, name: str, ending: str, record: Callable[[OfferedRun, str], None]) -> None:
        if self.run is None:
            self.skipped(
                name, f"ambiguous: {self.n_candidates} models predicted as many rows, and what was judged is what none of them said"
            )
            return
        is_point = self.step is not None and scope is Scope.METRIC
        key = self._name_at_step(self.run, name) if is_point else self._free_name(self.run, scope, name, ending)
        if key:
            record(self.run, key)
            if self.linked_by in ("rows", "loop") and self.run.tags.get(LINKED_TAG + key) != self.linked_by:
                self.run.set_tag(LINKED_TAG + key, self.linked_by)

    def _name_at_step(self, run: OfferedRun, name: str) -> str:
        """The same from step to step, so that it is a series."""
        with _counting:
            counts = _at_step.setdefault(run, {})
            step, n = counts.get(name, (None, 0))
            n = n + 1 if step == self.step else 1
            counts[name] = self.step, n
        if n == MOST_AT_A_STEP + 1:
            self.skipped(name, f"there are {MOST_AT_A_STEP} of it at one step already")
        return "" if n > MOST_AT_A_STEP else name if n == 1 else f"{name}-{n}"

    def _free_name(self, run: OfferedRun, scope: Scope, name: str, ending: str) -> str:
        """The next; none where there are many already, which is said once."""
        with _counting:
            counts = _counts.setdefault(run, Counter())
            while counts[name + ending] < MOST_OF_A_NAME:
                counts[name + ending] += 1
                n = counts[name + ending]
                key = f"{name}{ending}" if n == 1 else f"{name}-{n}{ending}"
                if not run.active.has_logged(scope, key):
                    return key
            if counts[name + ending] == MOST_OF_A_NAME:
                counts[name + ending] += 1
                self.skipped(name, f"there are {MOST_OF_A_NAME} of it already")
        return ""


def judged(predictions: Sequence[Any], others: Sequence[Any] = (), *, by_rows: bool = True, loop: Loop | None = None) -> Judged | None:
    """Whose these are; None where no model is known that can have said them, and they are not those of a loop either.

    The others are arguments that are no predictions by their name: one of them counts only if it is a prediction's own memory, since
    the truth holds just what a model says that is never wrong.
    """
    remembered = list(_remembered.copy())[::-1]  # the latest first
    if not remembered and loop is None:
        return None
    for given in predictions:
        array = _array(given)
        if array is not None and array.size:
            by_memory = _with_memory_of(array, remembered)
            if by_memory is not None:
                return Judged(by_memory.run, "identity", step=by_memory.step)
            by_content = _with_content_of(array, _rows(given), remembered)
            if by_content is not None:
                if loop is not None and loop.run is not by_content.run and loop.has_memory_of(given):
                    return Judged(None, "ambiguous", (by_content.run, loop.run), 2)  # they may say the same
                return Judged(by_content.run, "content", step=by_content.step)
    for given in others:
        if getattr(given, "ndim", 0) == 1 or hasattr(given, "base"):  # a frame may have to be copied to be looked at
            found = _with_memory_of(given, remembered)
            if found is not None:
                return Judged(found.run, "identity", step=found.step)
    if not by_rows:
        return None
    found_by_rows = _by_rows({_rows(given) for given in predictions}, remembered)
    return found_by_rows if loop is None else _of_loop(loop, predictions, found_by_rows)


def _of_loop(loop: Loop, predictions: Sequence[Any], other: Judged | None) -> Judged | None:
    """The loop's where its library holds it, or where no other model has been heard of since the last step, nor of as many rows."""
    if any(map(loop.has_memory_of, predictions)):
        return Judged(loop.run, "loop", step=loop.step)
    if other is not None:
        runs = [loop.run, *(other.candidates if other.run is None else (other.run,))]
        return Judged(None, "ambiguous", runs[:MOST_TOLD], 1 + (other.n_candidates or 1))
    return Judged(loop.run, "loop", step=loop.step) if _present.is_last else None


def _with_memory_of(given: Any, remembered: Sequence[_Said]) -> _Said | None:
    """The prediction that the array lies within: it is the very object, or a column, a slice, another shape of it."""
    array = _array(given)
    if array is None or not array.size:
        return None
    owner, bounds = _owner(array), None
    for said in remembered:
        if said.owner() is owner:
            bounds = bounds or _bounds(array)
            if said.bounds[0] <= bounds[0] and bounds[1] <= said.bounds[1]:
                return said
    return None


def _with_content_of(array: np.ndarray, rows: int, remembered: Sequence[_Said]) -> _Said | None:
    """The latest prediction that holds the same."""
    known: dict[Any, Form | None] = {}
    for said in remembered:
        if said.rows == rows:
            for form in said.forms:
                dtype = form[0]
                if dtype not in known:
                    known[dtype] = _form_as(array, dtype)
                if known[dtype] == form:
                    return said
    return None


def _by_rows(rows: set[int], remembered: Sequence[_Said]) -> Judged | None:
    """The one run, of this thread and task, whose model predicted so many."""
    thread, task = _here()
    runs = dict.fromkeys(said.run for said in remembered if said.rows in rows and not said.is_derived and said.is_of_here(thread, task))
    if len(runs) > 1:
        return Judged(None, "ambiguous", list(runs)[:MOST_TOLD], len(runs))
    return next((Judged(run, "rows") for run in runs), None)


def _parts(outcome: Any) -> Sequence[Any]:
    if isinstance(outcome, (list, tuple)) and outcome and all(getattr(part, "ndim", 0) for part in outcome[:MANY_PARTS]):
        return outcome[:MANY_PARTS]
    return (outcome,)


def _array(given: Any) -> np.ndarray | None:
    """As an array, without a copy where there is one inside; of a long list the beginning."""
    numpy: Any = sys.modules.get("numpy")
    if numpy is None:  # then nobody has made an array
        return None
    if isinstance(given, numpy.ndarray):
        return given if given.ndim else None
    if isinstance(given, (list, tuple)):
        given = given[:MOST_ROWS]
    elif not hasattr(given, "__array__"):
        return None
    found = attempt(lambda: numpy.asarray(given))
    return found if isinstance(found, numpy.ndarray) and found.ndim else None


def _rows(given: Any) -> int:
    return given.shape[0] if getattr(given, "shape", ()) else len(given) if hasattr(given, "__len__") else -1


def _owner(array: Any) -> Any:
    """The array that has the memory."""
    numpy: Any = sys.modules["numpy"]
    while isinstance(array.base, numpy.ndarray):
        array = array.base
    return array


def _bounds(array: np.ndarray) -> tuple[int, int]:
    if array.flags.c_contiguous:
        first = array.__array_interface__["data"][0]
        return first, first + array.nbytes
    from numpy.lib.array_utils import byte_bounds

    return byte_bounds(array)


def _forms(array: np.ndarray, classes: Any) -> Iterator[Form]:
    """What a copy of it would hold; of a few rows of probabilities also what is read off them."""
    found = [_form(array)]
    rows, *columns = array.shape
    if rows <= FEW_ROWS and len(columns) == 1 and columns[0] <= FEW_COLUMNS and array.dtype.kind == "f":
        greatest = array.argmax(axis=1)
        found += [_form(greatest), *(_form(array[:, place]) for place in range(columns[0]))]
        if getattr(classes, "shape", None) == (columns[0],):
            found.append(_form(classes.take(greatest)))
    return (form for form in found if form is not None)


def _form(array: np.ndarray) -> Form | None:
    """The hash of the first rows, whatever their shape, with the type of the elements; None of what has no hash."""
    row_bytes = array.nbytes // len(array) or 1
    flat = array[: max(1, min(MOST_ROWS, MOST_BYTES // row_bytes))].reshape(-1)
    if flat.dtype.kind == "O":
        hashed = attempt(lambda: hash(tuple(flat[:MOST_OBJECTS].tolist())))
        return None if isinstance(hashed, BaseException) else (flat.dtype, hashed)
    raw = _contiguous(flat)
    words = raw[: len(raw) & ~7].view("u8")
    if flat.dtype.kind not in "iubU":  # floats as 1.0 and 0.5 differ in their high bits alone, which a product would lose
        words = words ^ (words >> 32)
    return flat.dtype, (len(raw), int(words.dot(_weights()[: len(words)])), raw[len(raw) & ~7 :].tobytes())


def _form_as(array: np.ndarray, dtype: Any) -> Form | None:
    """The same of the array with elements of another type, if they have that type's values."""
    first = array[:MOST_ROWS]
    if first.dtype == dtype:
        return _form(first)
    if (first.dtype.kind in _TEXTS) != (dtype.kind in _TEXTS):
        return None
    numpy: Any = sys.modules["numpy"]
    with contextlib.suppress(TypeError, ValueError, OverflowError), numpy.errstate(all="ignore"):
        if first.dtype.kind in "fc" and dtype.kind in "iub" and not (first == first.round()).all():
            return None
        changed = first.astype(dtype)
        return _form(changed) if ((changed == first) | (first != first)).all() else None
    return None


_TEXTS = "OUST"


def _contiguous(flat: Any) -> Any:
    """Its bytes."""
    numpy: Any = sys.modules["numpy"]
    return numpy.ascontiguousarray(flat).view("u1")


@functools.cache
def _weights() -> Any:
    """An odd number for each word: the sum of the products is as good a hash as any here, and takes a third of the time."""
    import numpy as np

    return np.random.default_rng(0).integers(0, 2**64, MOST_BYTES // 8 + 1, np.uint64) | np.uint64(1)


def _here() -> tuple[Any, Any]:
    """The thread, and the task if one runs."""
    asyncio: Any = sys.modules.get("asyncio")
    task = None
    with contextlib.suppress(RuntimeError, AttributeError):  # no loop runs here, or it is being imported
        task = asyncio.current_task()
    return threading.current_thread(), task


def _in_forked_child() -> None:
    global _counting
    _counting = threading.RLock()  # the thread that held it is not here
    _present.loop = None  # the loop is the parent's


platform.on_fork(in_child=_in_forked_child)
