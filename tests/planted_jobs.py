"""Kinds of jobs from outside the core, the programs that add them, and the runners that do them."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import runlake
from children import environment, run_program
from runlake.entities import Job

__all__ = ["add_jobs", "jobs_of", "plant", "run_jobs", "start_jobs", "until"]

KINDS = """
import json, os, signal, time
from runlake.jobs.kinds import Skipped

def began(work):
    with open(work.arguments["trace"], "a") as trace:
        trace.write(f"{work.arguments.get('name', '')} {os.getpid()}\\n")

def crashes(work):
    os.kill(os.getpid(), signal.SIGSEGV)

def hangs(work):
    time.sleep(600)

def raises(work):
    raise ValueError("no good")

def leaves(work):
    raise SystemExit(3)

def vanishes(work):
    os._exit(0)

def skips(work):
    raise Skipped("nothing to do")

def counts(work):
    began(work)

def prints(work):
    began(work)
    print("failed", flush=True)
    os.write(1, b"failed\\n")

def fails_once(work):
    began(work)
    assert len(open(work.arguments["trace"]).readlines()) > 1

def waits(work):
    began(work)
    while not os.path.exists(work.arguments["until"]):
        time.sleep(0.02)

def writes(work):
    work.keep("out/points.txt", str(len(work.store.points(work.run.info.run_id))).encode())
    work.record.log_param("by", "the job")
    work.record.set_tag("seen", work.run.params["seen"])
    work.record.log_metric("quality", 0.5, 0)

def tells(work):
    names = "RUNLAKE_RUN_ID RUNLAKE_PARENT_RUN_ID OMP_NUM_THREADS OPENBLAS_NUM_THREADS MKL_NUM_THREADS".split()
    told = {name: os.environ.get(name) for name in names}
    told |= {"nice": os.nice(0), "folder": os.getcwd(), "session": os.getsid(0), "group": os.getpgid(0)}
    work.keep("told.json", json.dumps(told).encode())
"""
NAMES = "crashes hangs raises leaves vanishes skips counts prints fails_once waits writes tells".split()


def plant(folder: Path) -> dict[str, str]:
    """Install the kinds below the folder, and give the environment in which they are found; runners there have slots of their own."""
    installed = folder / "planted"
    metadata = installed / "planted_kinds-1.0.dist-info"
    metadata.mkdir(parents=True)
    (installed / "planted_kinds.py").write_text(KINDS)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: planted-kinds\nVersion: 1.0\n")
    lines = [f"{name} = planted_kinds:{name}\n" for name in NAMES]
    (metadata / "entry_points.txt").write_text("[runlake.jobs]\n" + "".join(lines))
    return {"PYTHONPATH": str(installed), "XDG_RUNTIME_DIR": str(folder), "RUNLAKE_EXIT_WAIT": "0"}


def add_jobs(store: Path, kinds: dict[str, str], lines: str) -> str:
    """Let a program add jobs to a run and leave as one that is killed does, so that they are pending; the run's id."""
    code = f"import os, runlake\nfrom runlake.jobs import queue\nrun = runlake.start_run()\n{lines}\nrun.end()\nrunlake.flush()\n"
    done = run_program(f"{code}print(run.run_id, flush=True)\nos._exit(0)", store, **kinds)
    assert done.stderr == ""
    return done.stdout.strip()


def start_jobs(store: Path, kinds: dict[str, str], *arguments: str) -> subprocess.Popen[str]:
    """Start `python -m runlake.jobs`."""
    command = [sys.executable, "-P", "-m", "runlake.jobs", str(store), *arguments]
    return subprocess.Popen(command, env=environment(store, **kinds), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def run_jobs(store: Path, kinds: dict[str, str], *arguments: str) -> None:
    """Do what is pending."""
    _, said = start_jobs(store, kinds, "--finish", *arguments).communicate(timeout=60)
    assert said == ""


def jobs_of(store: Path, run_id: str) -> dict[str, Job]:
    """How the run's jobs stand."""
    return runlake.read.open_store(store).run(run_id).jobs


def until(holds: Callable[[], bool], seconds: float = 30.0) -> None:
    """Wait for it."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it never came to be"
        time.sleep(0.05)


assert os.name == "posix", "these kinds kill themselves by signals"
