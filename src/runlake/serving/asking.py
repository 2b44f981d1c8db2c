"""The model, and those that wait for it: while it is being asked, single rows that arrive are gathered, and asked together next.

Nobody waits for others that may come. The thread that talks with clients hands the model to others, unless it has been quick for a while.
Only models in the format of a plugin are asked so; only while they give a row for a row, and in the first batches the same as for these
rows alone; and only while it is quicker. What a row is checked for is checked before, request by request, and a request that fails among
others is asked again alone, so that it fails alone.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import deque
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from runlake.guard import attempt
from runlake.models.loading import CODE
from runlake.serving.answers import as_json
from runlake.serving.threads import Threads, settle

__all__ = ["Asking", "is_of_plugin"]

MOST_TOGETHER = 256
THREADS_OF_CODE = 8
TRIED_AGAIN = 256  # chances to ask together that are passed over before one is taken, to see whether it has become quicker
SHARE_OF_LAST = 0.1
QUICK_SECONDS = 0.005
CALLS_TO_TRUST = 32
BATCHES_COMPARED, ROWS_COMPARED = 8, 4  # the first batches, and of each so many rows, which are asked alone too

T = TypeVar("T")

Predict = Callable[[Any, Mapping[str, Any] | None], Any]


@dataclass(frozen=True)
class Question:
    """What one request asks; those of one `key` can be asked together."""

    data: Any
    params: Mapping[str, Any] | None
    key: Hashable
    answer: asyncio.Future[Any]


class Asking:
    """Asks one model for all requests, whose data has been checked."""

    def __init__(self, model: Any) -> None:
        self._predict: Predict = model.predict
        self._gains = Gains(is_of_plugin(model.metadata.format_id))
        self._n_threads = 1 if self._gains.is_allowed else THREADS_OF_CODE
        self._threads = Threads(self._n_threads)
        self._keys = Keys()
        self._waiting: deque[Question] = deque()
        self._n_asked = 0
        self._is_woken = False
        self._n_compared = 0

    async def ask(self, data: Any, params: Mapping[str, Any] | None) -> Any:
        """What the model says, or raises."""
        loop = asyncio.get_running_loop()
        question = Question(data, params, self._keys.key_of(data, params) if self._gains.is_allowed else None, loop.create_future())
        self._waiting.append(question)
        self._wake()
        return await question.answer

    async def beside(self, work: Callable[[], T]) -> T | BaseException:
        """What something else gives or raises that takes long."""
        return await self._threads.result(work)

    def _wake(self) -> None:
        """Go on once all requests that are there by now have been read."""
        if not self._is_woken:
            self._is_woken = True
            asyncio.get_running_loop().call_soon(self._go_on)

    def _go_on(self) -> None:
        self._is_woken = False
        while self._n_asked < self._n_threads and (questions := self._next()):
            if questions[0].key is not None and self._gains.is_quick():
                _settle(questions, self._answers(questions))
                self._wake()  # clients first
                return
            self._n_asked += 1
            self._threads.do(partial(self._answers, questions), partial(self._tell, questions))

    def _next(self) -> list[Question]:
        """Those that are asked next: the first, and those that go together with it."""
        questions: list[Question] = []
        while self._waiting and not questions:
            first = self._waiting.popleft()
            questions = [] if first.answer.done() else [first]  # whoever asked has gone
        if questions and questions[0].key is not None and self._waiting and self._gains.is_worth_it():
            rest: deque[Question] = deque()
            while self._waiting and len(questions) < MOST_TOGETHER:
                each = self._waiting.popleft()
                (questions if each.key == questions[0].key else rest).append(each)
            self._waiting.extendleft(reversed(rest))
        return questions

    def _answers(self, questions: Sequence[Question]) -> list[Any]:
        """An answer, or an error, for each."""
        began = time.perf_counter()
        if len(questions) > 1:
            together = attempt(lambda: self._predict(_joined([each.data for each in questions]), questions[0].params))
            answers = None if isinstance(together, BaseException) else _rows_of(together, len(questions))
            if answers is not None:
                self._gains.took(len(questions), time.perf_counter() - began)
                if self._n_compared >= BATCHES_COMPARED or self._are_as_alone(questions[:ROWS_COMPARED], answers):
                    return answers
            if not isinstance(together, BaseException):
                self._gains.is_allowed = False
        alone = []
        for each in questions:
            began = time.perf_counter()
            alone.append(attempt(partial(self._predict, each.data, each.params)))
            if each.key is not None:
                self._gains.took(1, time.perf_counter() - began)
        return alone

    def _are_as_alone(self, questions: Sequence[Question], answers: Sequence[Any]) -> bool:
        """Whether the model says the same of these rows without the others: there are models that take means over all of them."""
        self._n_compared += 1
        alone = [attempt(partial(self._predict, each.data, each.params)) for each in questions]
        same = attempt(lambda: [_are_close(as_json(one), as_json(other)) for one, other in zip(alone, answers, strict=False)])
        return isinstance(same, list) and all(same)

    def _tell(self, questions: Sequence[Question], answers: list[Any] | BaseException) -> None:
        self._n_asked -= 1
        _settle(questions, answers)
        self._go_on()


class Gains:
    """How single rows are to be asked, by what they cost so far: together or alone, here or by another thread."""

    def __init__(self, is_allowed: bool) -> None:
        self.is_allowed = is_allowed
        self._together: float | None = None  # seconds for a row
        self._alone: float | None = None
        self._n_passed = 0
        self._n_quick = 0  # calls, one after the other

    def is_worth_it(self) -> bool:
        """Whether the next rows are to be asked together."""
        if not self.is_allowed:
            return False
        if self._together is None or self._alone is None or self._together < self._alone:
            return True
        self._n_passed = (self._n_passed + 1) % TRIED_AGAIN
        return self._n_passed == 0

    def is_quick(self) -> bool:
        """Whether the model takes so little that to hand a row to another thread costs more than it can hold up anybody here."""
        return self._n_quick >= CALLS_TO_TRUST

    def took(self, n_rows: int, seconds: float) -> None:
        """So many rows were asked in one call."""
        self._n_quick = self._n_quick + 1 if seconds < QUICK_SECONDS else 0
        if n_rows == 1:
            self._alone = _moved(self._alone, seconds)
        else:
            self._together = _moved(self._together, seconds / n_rows)


def is_of_plugin(format_id: str) -> bool:
    """Whether the model is in the format of a library's plugin, which knows what its models do."""
    return format_id not in CODE  # which may do anything with the rows


def _moved(known: float | None, last: float) -> float:
    """By a tenth of the way to what came last; a call that was held up by something else counts for little."""
    return last if known is None else known + SHARE_OF_LAST * (min(last, 10 * known) - known)


def _are_close(one: Any, other: Any) -> bool:
    """Whether two answers in JSON are the same but for how numbers are rounded."""
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_are_close, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_are_close(one[key], other[key]) for key in one)
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=1e-4, abs_tol=1e-6)
    return bool(one == other)


def _settle(questions: Sequence[Question], answers: list[Any] | BaseException) -> None:
    """Each gets its own."""
    for place, question in enumerate(questions):
        settle(question.answer, answers if isinstance(answers, BaseException) else answers[place])


class Keys:
    """What single rows that can be asked together have in common."""

    def __init__(self) -> None:
        self._columns: tuple[Any, Hashable] = (None, ())  # of the last frame, and their names: frames of one schema often share them

    def key_of(self, data: Any, params: Mapping[str, Any] | None) -> Hashable:
        """None for all that is not a single row."""
        said = repr(sorted(params.items())) if params else ""
        if hasattr(data, "iloc") and hasattr(data, "columns"):
            if len(data) != 1 or data.index[0] != 0:
                return None
            if not data.columns.is_(self._columns[0]):
                self._columns = data.columns, tuple(data.columns)
            return self._columns[1], tuple(data.dtypes.tolist()), said
        if type(data).__module__ == "numpy" and getattr(data, "ndim", 0) > 1 and len(data) == 1:
            return data.shape, data.dtype, said
        return None


def _joined(rows: Sequence[Any]) -> Any:
    if hasattr(rows[0], "columns"):
        import pandas as pd

        return pd.concat(rows, ignore_index=True)
    import numpy as np

    return np.concatenate(rows)


def _rows_of(answer: Any, n_rows: int) -> list[Any] | None:
    """The rows of an answer, each as the model would have given it alone; None where it has others than were asked for."""
    if hasattr(answer, "iloc"):
        return [answer.iloc[place : place + 1] for place in range(n_rows)] if len(answer) == n_rows else None
    if isinstance(answer, list):
        return [[each] for each in answer] if len(answer) == n_rows else None
    if getattr(answer, "shape", ())[:1] == (n_rows,) and hasattr(answer, "__getitem__"):
        return [answer[place : place + 1] for place in range(n_rows)]
    return None
