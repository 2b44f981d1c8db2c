"""Wherever recording fails, at the n-th call of any function of ours, the library is called once and gives the same."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from children import run_program
from toys import path_setting

PROGRAM = '''
import json, logging, os, sys
import runlake, toylib, runlake_toylib
from runlake import guard

SRC = os.path.dirname(runlake.__file__)
PLUGIN = runlake_toylib.__file__
# What stands directly between the user and the library: a fault in here is one of the interpreter.
BETWEEN = {(file, name) for file, names in {
    "engine.py": "__call__ _begun inside __init__ __enter__ __exit__ finish is_under_way",
    "scope.py": "is_plugin_at_work __exit__",
    "guard.py": "__init__ __enter__ __exit__ is_strict attempt",
}.items() for name in names.split()}
ERROR = {"Exception": Exception, "SystemExit": SystemExit, "MemoryError": MemoryError}[sys.argv[1]]
logging.getLogger("runlake").disabled = True

class Fault:
    """Raises at the n-th call."""
    def __init__(self, n):
        self.n, self.seen, self.where = n, 0, None
    def __call__(self, frame, event, argument):
        if event != "call":
            return
        code = frame.f_code
        ours = code.co_filename.startswith(SRC) or code.co_filename == PLUGIN
        name = os.path.basename(code.co_filename).partition(" ")[0]
        if not ours or code.co_name in ("listener", "safely") or (name, code.co_name) in BETWEEN:
            return
        self.seen += 1
        if self.seen == self.n:
            self.where = f"{code.co_filename}:{code.co_name}"
            raise ERROR("planted")

def train(kind, calls):
    if kind == "function":
        return toylib.train("data", 2, [lambda number, loss: calls.append(number)]).best_round
    return toylib.Child(2, toylib.Estimator(1)).fit([1]).model_.best_round

runlake.autolog("toylib")
for _ in range(2):
    for kind in ("function", "method"):
        train(kind, [])
failed, total = [], {}
for kind, expected in (("function", (1, [0, 1])), ("method", (1, []))):
    n = 0
    while True:
        n += 1
        fault, calls = Fault(n), []
        sys.setprofile(fault)
        try:
            outcome = train(kind, calls)
        except BaseException as error:
            outcome = repr(error)
        finally:
            sys.setprofile(None)
        if fault.where is None:
            break
        if (outcome, calls) != expected:
            failed.append((kind, n, fault.where, str(outcome), calls))
        if runlake.active_run() is not None:
            runlake.end_run()
    total[kind] = n
after = [train(kind, []) for kind in ("function", "method")]
runlake.flush()
runs = runlake.read.open_store().runs()
print(json.dumps({"failed": failed, "total": total, "after": after, "open": sum(str(run.info.status) == "RUNNING" for run in runs)}))
'''


@pytest.mark.parametrize("error", ["Exception", "SystemExit", "MemoryError"])
def test_the_library_gives_the_same_wherever_recording_fails(error: str, tmp_path: Path) -> None:
    """Each fault leaves the call's result and its number of calls as they are, and recording works again after it."""
    done = run_program(PROGRAM, tmp_path / "lake", error, PYTHONPATH=path_setting(), RUNLAKE_JOBS="off")

    assert done.returncode == 0, done.stderr[-3000:]
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["failed"] == []
    assert told["after"] == [1, 1]
    assert min(told["total"].values()) > 100
