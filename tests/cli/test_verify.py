"""`runlake verify`: a program that recording leaves alone is told from one that it changes, and nobody is blamed for chance."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from children import environment, run_program
from toys import LIBRARY, PLUGIN, path_setting, write_plugin
from verifying import run_verify, verdicts_of, verified

TRAINING = """
    import random, sys, warnings
    import numpy as np
    import toylib

    def main():
        random.seed(1)
        np.random.seed(1)
        toylib.train(int(np.random.randint(3)))
        estimator = toylib.Estimator(4).fit("data")
        print("done", np.random.rand())
        print("a note", file=sys.stderr)
        warnings.warn("the program's own")
        sys.exit(3)

    main()
"""
DIGESTS = """
@hookimpl
def model_digest(model):
    return str(vars(model.model_)) if hasattr(model, "model_") else None
"""
OFFENDER = """
import sys, warnings
import numpy as np

@hookimpl
def patches():
    return [Patch("toylib.core:train", capture, why="to offend"), Patch("toylib.core:Estimator.fit", capture, why="to offend")]

def capture(call):
    yield
    OFFENCE
"""
SWALLOWS = """
@hookimpl
def patches():
    return [Registration("toylib.core", swallow, print, why="to offend")]

def swallow(module):
    module.train = lambda *args: None
"""
OFFENCES = {
    "random": "np.random.rand()",
    "models": "getattr(call.instance, 'model_', call).best_round = 7",
    "stdout": "print('here I am')",
    "stderr": "warnings.warn('beware')",
}


def certificate(folder: Path, program: str = TRAINING, offender: str = "", **settings: str) -> dict[str, Any]:
    """What is said of a program where the toy library and its plugin are installed, and one that offends."""
    plugin = write_plugin(
        folder / "plugin",
        "offender",
        DIGESTS + (offender or "\n@hookimpl\ndef patches():\n    return [Patch('toylib:a', print, why='', optional=True)]\n"),
    )
    given = {"PYTHONPATH": path_setting(LIBRARY, PLUGIN, plugin), "RUNLAKE_PLUGINS": "toylib,offender", **settings}
    return verified(folder, program, **given)


def test_a_program_that_is_left_alone_has_a_clean_certificate(tmp_path: Path) -> None:
    """Its exit code, output, warnings, generators and the model of its main function are the same, and it was recorded."""
    found = certificate(tmp_path)

    assert verdicts_of(found) == dict.fromkeys(("exit", "stdout", "stderr", "random", "models"), "same")
    assert [each["what"] for each in found["findings"]] == [
        *("3", "1 line", "3 lines", "2 in the same state: random, numpy.random"),
        "1 compared bit for bit: estimator (Estimator)",
    ]
    assert (found["recorded"]["runs"], found["recorded"]["errors"], len(found["seconds"])) == (2, [], 3)
    assert not (tmp_path / "lake").exists()


@pytest.mark.parametrize("about", OFFENCES)
def test_what_a_plugin_changes_is_found(tmp_path: Path, about: str) -> None:
    """A number drawn, a model changed, a line printed, a warning: each is named, and nothing else is."""
    found = certificate(tmp_path, offender=OFFENDER.replace("OFFENCE", OFFENCES[about]))
    changed = [each for each in found["findings"] if each["verdict"] == "differs"]

    named = {"random": "numpy.random", "models": "estimator (Estimator)", "stdout": "here I am", "stderr": "beware"}
    assert not found["is_same"]
    assert about in [each["about"] for each in changed]
    assert named[about] in next(str(each) for each in changed if each["about"] == about)
    assert {each["about"] for each in changed} <= ({about, "stdout"} if about == "random" else {about})  # what is drawn next is printed


def test_an_exception_that_a_plugin_swallows_is_found(tmp_path: Path) -> None:
    """The program goes on where it would have ended."""
    found = certificate(tmp_path, 'import toylib\ntoylib.core.train("bad")', SWALLOWS)

    assert found["findings"][0] == {"about": "exit", "verdict": "differs", "what": "1 without autolog, 0 with it", "lines": []}


def test_a_traceback_is_the_same_but_for_frames_of_ours(tmp_path: Path) -> None:
    """A program that fails does so with the same words."""
    found = certificate(tmp_path, 'import toylib\ntoylib.train("bad")')

    assert (found["is_same"], found["findings"][0]["what"], verdicts_of(found)["stderr"]) == (True, "1", "same")


def test_a_program_with_chance_in_it_is_not_blamed(tmp_path: Path) -> None:
    """What differs between two runs as it is says nothing."""
    found = certificate(
        tmp_path, "import random, toylib\nprint('drew', random.random())\nestimator = toylib.Estimator(random.randrange(10**9)).fit(0)"
    )

    said = {each["about"]: each["what"] for each in found["findings"]}
    assert found["is_same"]
    assert {name for name, verdict in verdicts_of(found).items() if verdict == "differs by itself"} == {"stdout", "random", "models"}
    assert said["stdout"] == "differs by itself, in numbers alone, all three times"
    assert said["random"].startswith("random")


def test_of_a_program_that_ends_now_so_now_so_nothing_is_proven(tmp_path: Path) -> None:
    """The last line is no certificate, and the exit code none either."""
    (tmp_path / "train.py").write_text("import os, sys\nn = len(os.listdir('.'))\nopen(f'{n}.txt', 'w').close()\nsys.exit(n % 2)")
    done = run_verify(tmp_path, "train.py")
    found = run_verify(tmp_path, "--json", "train.py")

    assert done.returncode == 1
    assert done.stdout.splitlines()[0].startswith("~ exit     differs by itself: ")
    assert done.stdout.splitlines()[-1] == (
        "This program does not end the same each time, without autologging either, so nothing is proven."
    )
    assert (found.returncode, json.loads(found.stdout)["is_same"]) == (1, None)


def test_models_are_found_where_they_are_kept(tmp_path: Path) -> None:
    """As globals, in lists and dicts, as what a function returns, once each; with `--globals-only` not inside functions."""
    program = """
        import toylib
        def made():
            inside = toylib.Estimator(2).fit(1)
            return toylib.Estimator(3).fit(1)
        several = {"a": made(), "b": toylib.Child().fit(1)}
    """
    found = certificate(tmp_path, program)
    path = path_setting(LIBRARY, PLUGIN, tmp_path / "plugin")
    fewer = run_verify(tmp_path, "--globals-only", "train.py", PYTHONPATH=path, RUNLAKE_PLUGINS="toylib,offender")

    assert found["findings"][-1]["what"] == "3 compared bit for bit: inside (Estimator), made (Estimator), several['b'] (Child)"
    assert "✓ models   2 compared bit for bit: several['a'] (Estimator), several['b'] (Child)" in fewer.stdout.splitlines()


def test_people_read_a_certificate(tmp_path: Path) -> None:
    """A line for each comparison, the times, what was recorded, and the verdict last; a difference is shown."""
    write_plugin(tmp_path / "plugin", "offender", OFFENDER.replace("OFFENCE", OFFENCES["stdout"]))
    (tmp_path / "train.py").write_text("import toylib\nprint('mine')\ntoylib.train(1)")
    path = path_setting(LIBRARY, PLUGIN, tmp_path / "plugin")
    done = run_verify(tmp_path, "train.py", PYTHONPATH=path, RUNLAKE_PLUGINS="toylib,offender")

    lines = done.stdout.splitlines()
    assert (done.returncode, lines[0], lines[1:4]) == (
        1,
        "✓ exit     0",
        ["✕ stdout   - without autolog, + with it", "   mine", "  +here I am"],
    )
    assert any(line.startswith("· time     ") and "times as long" in line for line in lines)
    assert lines[-2:] == ["· recorded 1 run, 0 models, 2 metrics", "Autologging changed this program: stdout."]
    assert done.stderr.splitlines()[-1] == "runlake verify: 3 of 3: with autolog"


def test_any_command_can_be_verified_and_only_its_first_python_is(tmp_path: Path) -> None:
    """A module with its arguments, a shell; what the program starts itself is plain Python."""
    (tmp_path / "module.py").write_text(
        "import subprocess, sys\nprint(sys.argv[1:], 'runlake' in sys.modules)\n"
        "subprocess.run([sys.executable, '-c', 'import sys; print(\"sitecustomize\" in sys.modules, \"runlake\" in sys.modules)'])"
    )
    python = run_verify(tmp_path, "--json", "--", sys.executable, "-m", "module", "--lr", "1")
    shell = run_verify(tmp_path, "--json", "sh", "-c", f"{sys.executable} -m module; exit 4")

    changed = [each for each in json.loads(python.stdout)["findings"] if each["verdict"] == "differs"]
    assert [each["lines"] for each in changed] == [["-['--lr', '1'] False", "+['--lr', '1'] True", " False False"]]
    assert json.loads(shell.stdout)["findings"][0]["what"] == "4"


def test_a_sitecustomize_of_the_programs_own_runs(tmp_path: Path) -> None:
    """It is found behind the one that observes."""
    place = tmp_path / "site"
    place.mkdir()
    (place / "sitecustomize.py").write_text("import builtins; builtins.customized = 'yes'")
    program = "import os, sys\nassert [os.environ['PYTHONPATH'], sys.path[1], customized] == [sys.argv[1], sys.argv[1], 'yes']"
    found = verified(tmp_path, program, str(place), PYTHONPATH=str(place))

    assert (found["is_same"], found["findings"][0]["what"]) == (True, "0")


def test_a_program_without_an_end_is_compared_by_the_rest(tmp_path: Path) -> None:
    """`os._exit` tells nothing of models, and neither does a program that is no Python."""
    told = verdicts_of(verified(tmp_path, "import os; print('x', flush=True); os._exit(2)"))

    assert told == {"exit": "same", "stdout": "same", "stderr": "same", "end": "unknown"}
    assert "· recorded nothing: no training of a library that has a plugin" in run_verify(tmp_path, "true").stdout


def test_a_profiler_of_the_programs_own_is_left_to_it(tmp_path: Path) -> None:
    """What watches gives way."""
    found = verified(tmp_path, "import sys\nseen = []\nsys.setprofile(lambda *given: seen.append(1))\nlen([])\nprint(len(seen) > 0)")

    assert found["is_same"]
    assert verdicts_of(found)["models"] == "unknown"


def test_a_watch_that_takes_too_long_ends_and_still_sees_what_is_on_the_stack(tmp_path: Path) -> None:
    """A function that began before then is looked at when the program is over."""
    program = """
        import toylib
        from runlake.verify import observer

        def main():
            for number in range(2000):
                len(str(number))
            late = toylib.Estimator().fit(1)

        observer.MOST_EVENTS = 1000
        watch = observer.Watch(["toylib"])
        watch.begin()
        main()
        watch.end()
        print(watch.has_stopped, [(name, type(model).__name__) for name, model in watch.models])
    """
    done = run_program(program, tmp_path / "lake", PYTHONPATH=path_setting(LIBRARY))

    assert (done.stdout, done.stderr) == ("True [('late', 'Estimator')]\n", "")


def test_a_program_that_records_itself_writes_to_a_store_that_is_thrown_away(tmp_path: Path) -> None:
    """All three times; its own `autolog()` holds in the last alone."""
    program = "import runlake, toylib\nrunlake.autolog()\nwith runlake.start_run():\n    runlake.log_metric('own', 1)\ntoylib.train(1)"
    found = certificate(tmp_path, program)
    (tmp_path / "named").mkdir()
    named = certificate(tmp_path / "named", program.replace("runlake.autolog", "runlake.toylib.autolog"))

    assert (found["is_same"], found["recorded"]["runs"], found["recorded"]["own_runs"]) == (True, 2, 1)
    assert not (tmp_path / "lake").exists()
    assert verdicts_of(named)["alone"] == "unknown"


def test_people_are_told_what_the_program_records_by_itself(tmp_path: Path) -> None:
    """In one line, beside what is recorded in all."""
    (tmp_path / "train.py").write_text("import runlake\nwith runlake.start_run():\n    runlake.log_metric('own', 1)")
    done = run_verify(tmp_path, "train.py")

    assert done.stdout.splitlines()[-3:] == [
        "· recorded 1 run, 0 models, 1 metric",
        "· alone    the program uses runlake itself, and 1 run is there without autolog too: that much is its own",
        "Autologging did not change this program.",
    ]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["missing.py"], "runlake: There is no file missing.py."),
        (["no-such-command"], "runlake: There is no command 'no-such-command', neither here nor on the PATH."),
        (["sh", "-c", "kill -9 $$"], "runlake: Without autologging the program was ended by SIGKILL, so there is nothing to compare with."),
    ],
)
def test_a_command_that_cannot_be_compared_is_one_line(tmp_path: Path, arguments: list[str], said: str) -> None:
    """What is wrong, and exit code 1."""
    done = run_verify(tmp_path, *arguments)

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines()[-1].startswith(said)


def test_an_interrupt_ends_the_program(tmp_path: Path) -> None:
    """And the command, which leaves nothing."""
    (tmp_path / "train.py").write_text("import os, time; open('pid', 'w').write(str(os.getpid())); time.sleep(60)")
    command = [sys.executable, "-m", "runlake", "verify", "train.py"]
    running = subprocess.Popen(command, cwd=tmp_path, env=environment(tmp_path / "lake", TMPDIR=str(tmp_path)), stderr=subprocess.DEVNULL)
    while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text():
        time.sleep(0.05)
    running.send_signal(signal.SIGINT)

    assert running.wait(20) == 130
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)
    assert list(tmp_path.glob("runlake-verify-*")) == []
