"""One `fmin`, and all that is evaluated in it."""

from __future__ import annotations

import math
import sys
import threading
from collections.abc import Callable, Generator, Mapping
from datetime import UTC, datetime
from typing import Any

from hyperopt.base import JOB_STATE_DONE, STATUS_FAIL, STATUS_OK, STATUS_STRINGS
from hyperopt.pyll.base import Apply

from runlake import Call
from runlake_hyperopt.points import labels_of, numbers_of, params_of

__all__ = ["capture_fmin", "glance_at_evaluation"]

STATUS_TAG = "hyperopt.status"
TID_TAG = "hyperopt.tid"

_LIMITS = ("max_evals", "timeout", "loss_threshold", "max_queue_len", "catch_eval_exceptions", "trials_save_file")
_BY_DEFAULT = (None, sys.maxsize, False, "")
_tried: set[int] = set()  # the ids of objectives as they are called now
_here = threading.local()  # the evaluation that is about to begin in this thread: its `ctrl`


def glance_at_evaluation(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
    """`Domain.evaluate(config, ctrl)`."""
    _here.ctrl = kwargs["ctrl"] if "ctrl" in kwargs else args[-1] if len(args) < 3 else args[1]


def capture_fmin(call: Call) -> Generator[None, Any, None]:
    """Each call of the objective is an evaluation."""
    arguments = call.arguments
    if id(arguments["fn"]) in _tried:
        return  # `fmin` hands everything to its trials, whose `fmin` calls this one anew
    search = _Search(call, arguments)
    call.name = _name_of(arguments["fn"])
    call.holds_trainings()
    function, space = _objective(arguments["fn"], arguments["space"])
    tried = call.tries(search.begin, function, search.end)
    if space is not None:
        call.rewrite(fn=tried, space=space)
    _tried.add(id(tried))
    try:
        yield
    finally:
        _tried.discard(id(tried))
        search.leave()


class _Search:
    """What is recorded of one `fmin`."""

    def __init__(self, call: Call, arguments: Mapping[str, Any]) -> None:
        self._call = call
        self._told = arguments
        self._trials = arguments["trials"]
        self._is_open = False
        self._n = 0
        self._begun: set[int] = set()
        self._docs: dict[Any, Mapping[str, Any]] = {}  # of the evaluations that go on
        self._best_tags: dict[str, Any] = {}
        self._best = math.inf

    def begin(self, *point: Any, **how: Any) -> Any:
        """The next evaluation; what is called so by somebody else is none."""
        ctrl = how.get("ctrl") or _here.__dict__.pop("ctrl", None)
        doc = getattr(ctrl, "current_trial", None)
        if doc is None:
            return None
        self._trials = ctrl.trials
        self._open(doc)
        trial = self._opened(doc)
        trial.run.log_params(params_of(point[0]) if point else labels_of(doc))
        self._begun.add(doc["tid"])
        self._docs[trial] = doc
        return trial

    def end(self, trial: Any, outcome: Any, error: BaseException | None) -> None:
        """The objective gave a loss, or a dictionary, or raised."""
        doc = self._docs.pop(trial)
        if error is not None:
            trial.end(error=error)
            return
        result = outcome if isinstance(outcome, Mapping) else {"loss": outcome, "status": STATUS_OK}
        self._record(trial, doc, result)

    def leave(self) -> None:
        """What was evaluated elsewhere is known in the end."""
        trials = self._trials
        for doc in getattr(trials, "trials", ()) if getattr(trials, "asynchronous", False) else ():
            if doc["state"] == JOB_STATE_DONE and doc["tid"] not in self._begun and doc.get("book_time") is not None:
                self._open(doc)
                trial = self._opened(doc)
                trial.run.log_params(labels_of(doc))
                self._record(trial, doc, doc["result"], _ns(doc["refresh_time"]) if doc.get("refresh_time") else None)

    def _open(self, doc: Mapping[str, Any]) -> None:
        """With the first evaluation, by which the trials are known: nothing is written on them."""
        if self._is_open:
            return
        self._is_open = True
        first = next((each for each in self._trials.trials if each.get("book_time") is not None), doc)
        identity = f"hyperopt {first['tid']} {sorted(labels_of(first).items())}"
        self._call.is_of(identity, _ns(first["book_time"]) - 1000, is_of_many=bool(self._told["trials_save_file"]))
        run = self._call.run
        limits = {name: self._told[name] for name in _LIMITS if self._told[name] not in _BY_DEFAULT}
        run.log_params({"algo": _algo_of(self._told["algo"]), **limits})
        run.set_metric_goal("best_loss", "min")
        done = [each for each in self._trials.trials if each["state"] == JOB_STATE_DONE and each is not doc]
        self._n = 0 if getattr(self._trials, "asynchronous", False) else len(done)
        losses = [each["result"].get("loss") for each in done if each["result"].get("status") == STATUS_OK]
        self._best = min((float(loss) for loss in losses if loss is not None and not math.isnan(loss)), default=math.inf)

    def _opened(self, doc: Mapping[str, Any]) -> Any:
        trial = self._call.trial(f"trial {doc['tid']}", str(doc["tid"]), _ns(doc["book_time"]))
        trial.run.set_tag(TID_TAG, doc["tid"])
        trial.run.set_metric_goal("loss", "min")
        return trial

    def _record(self, trial: Any, doc: Mapping[str, Any], result: Mapping[str, Any], end_ns: int | None = None) -> None:
        status, loss = result.get("status"), _loss_of(result)
        trial.run.log_metrics({**numbers_of(result), **({} if loss is None else {"loss": loss})}, step=0)
        trial.run.set_tag(STATUS_TAG, status)
        if status not in STATUS_STRINGS:
            trial.end("FAILED", f"the objective gave {status!r}, which is no status", end_ns)
        elif status == STATUS_OK and loss is None:
            trial.end("FAILED", f"the objective gave {result.get('loss')!r}, which is no loss", end_ns)
        elif status == STATUS_FAIL:
            trial.end("FAILED", result.get("status_fail") and str(result["status_fail"]), end_ns)
        else:
            trial.end("FINISHED", None, end_ns)
        self._n += 1
        if status == STATUS_OK and loss is not None:
            self._tell_best(trial, doc, loss)

    def _tell_best(self, trial: Any, doc: Mapping[str, Any], loss: float) -> None:
        run = self._call.run
        if loss < self._best:
            self._best = loss
            tags = {f"best_{label}": value for label, value in labels_of(doc).items()}
            gone = dict.fromkeys(self._best_tags.keys() - tags.keys(), "")  # a label that the best one does not have
            self._best_tags = {**gone, **tags, "best_trial": doc["tid"], "best_run": trial.run.run_id}
            run.set_tags(self._best_tags)
        if self._best < math.inf:
            run.log_metric("best_loss", self._best, self._n)


def _objective(function: Any, space: Any) -> tuple[Callable[..., Any], Any]:
    """The function of a point, and its space: None where the library will say what is wrong."""
    if not (isinstance(space, str) and space == "annotated"):
        return function, space
    annotated = dict(getattr(function, "__annotations__", {}))
    if not annotated or not all(isinstance(kind, Apply) for kind in annotated.values()):
        return function, None

    def by_names(point: Mapping[str, Any]) -> Any:
        return function(**point)

    return by_names, annotated


def _loss_of(result: Mapping[str, Any]) -> float | None:
    loss: Any = result.get("loss")
    return float(loss) if hasattr(loss, "__float__") else None


def _name_of(function: Any) -> str:
    found = getattr(getattr(function, "func", function), "__name__", "")
    return found if found.isidentifier() else "fmin"


def _algo_of(algo: Any) -> str:
    """`tpe.suggest`, say, of what was given, or of the default."""
    inner = getattr(algo, "func", algo)
    return "tpe.suggest" if inner is None else f"{inner.__module__.rpartition('.')[2]}.{getattr(inner, '__name__', type(inner).__name__)}"


def _ns(moment: datetime) -> int:
    """Nanoseconds since 1970 of a time as hyperopt has it: universal, to the millisecond."""
    return round(moment.replace(tzinfo=UTC).timestamp() * 1e3) * 1_000_000
