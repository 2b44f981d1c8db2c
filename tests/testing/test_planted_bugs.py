"""Small plugins that are right but for one bug: each is caught, by the check that is meant for it."""

from __future__ import annotations

import dataclasses
import importlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from runlake.testing import Scenario, check_names, parametrize_with_plugin_checks
from runlake.testing.kit import run_check
from toys import LIBRARY, installed, write_plugin

RIGHT = """
{top}

@hookimpl
def patches():
    return [Patch("toylib.core:train", capture, why="the function that trains"){more}]


@hookimpl
def options():
    return {{}}


def capture(call):
    call.run.log_params({{"rounds": call.arguments["rounds"]}})
    {before}
    model = yield
    call.run.log_metric("best_round", model.best_round)
    {after}
"""

WRAPPING = """
    import functools, threading, time, toylib.core as core
    train = core.train

    @functools.wraps(train)
    def mine(*args, **kwargs):
        {inside}

    core.train = mine
    return train
"""

SAVING = """
import json


@hookimpl
def predict_sample(model, rows):
    return [model.best_round for _ in rows]


@hookimpl
def save_model(model, max_bytes):
    return Saved("buggy/1", {{"model": json.dumps(model.best_round).encode()}})


@hookimpl
def load_model(format_id, files):
    from toylib import Model
    {said}
    return Model(rounds)
"""


def plugin(top: str = "", before: str = "pass", after: str = "pass", more: str = "") -> str:
    """The code of a plugin with something added."""
    return RIGHT.format(top=top, before=before, after=after, more=more)


def by_hand(inside: str, undo: str = "core.train = train") -> str:
    """The code of a plugin that also replaces the function by hand."""
    top = f"def apply(core):{WRAPPING.format(inside=inside)}\n\ndef undo(train):\n    import toylib.core as core\n    {undo}\n"
    return plugin(top=top, more=", Registration('toylib.core', apply, undo, why='to replace it')")


BUGS = {
    "it changes the caller's list": (plugin(before="call.arguments['callbacks'].append(print)"), "the_arguments_are_as_they_were"),
    "it draws from the generator of all": (plugin("import random", after="random.random()"), "random_numbers_are_as_without"),
    "it changes the model": (plugin(after="model.best_round = -1"), "the_model_is_the_same_bit_for_bit"),
    "it keeps the data": (plugin("KEPT = []", "KEPT.append(call.arguments['data'])"), "nothing_of_the_training_is_kept"),
    "it keeps the model": (plugin("KEPT = []", after="KEPT.append(model)"), "nothing_of_the_training_is_kept"),
    "it imports its library": (plugin("import toylib"), "enabling_imports_nothing_of_the_library"),
    "it needs its library": (plugin("import toylib"), "the_library_may_be_absent"),
    "it does not undo what it set": (by_hand("return train(*args, **kwargs)", "pass"), "the_library_is_as_it_was"),
    "it adds to the library": (
        plugin(after="call.outcome.__class__.describe = lambda self: 'described'"),
        "the_library_is_as_it_was",
    ),
    "it raises after the training": (plugin(after="raise KeyError('no such thing')"), "a_training_is_recorded"),
    "it records once more each time": (
        by_hand("import runlake\n        with runlake.start_run(nested=True): pass\n        return train(*args, **kwargs)", "pass"),
        "enabling_again_records_once",
    ),
    "it trains by itself": (
        plugin(before="__import__('toylib').train(call.arguments['data'])"),
        "the_library_does_the_same_work",
    ),
    "it replaces the user's exception": (
        by_hand(
            "try:\n            return train(*args, **kwargs)\n"
            "        except Exception as error:\n            raise RuntimeError('training failed') from error"
        ),
        "the_very_exception_arrives",
    ),
    "it swallows an interrupt": (
        by_hand("try:\n            return train(*args, **kwargs)\n        except KeyboardInterrupt:\n            return core.Model(0)"),
        "an_interrupt_passes_and_the_run_is_killed",
    ),
    "it hides the signature": (
        by_hand("return train(*args, **kwargs)").replace("@functools.wraps(train)\n", "\n"),
        "what_is_patched_looks_and_pickles_the_same",
    ),
    "it prints": (plugin(after="print('done')"), "nothing_is_said"),
    "it warns": (plugin("import warnings", after="warnings.warn('best_round is deprecated')"), "nothing_is_said"),
    "it sets up logging": (
        plugin("import logging", after="logging.getLogger().setLevel(logging.root.level + 1)"),
        "nothing_is_said",
    ),
    "it leaves a thread": (
        plugin("import threading, time", after="threading.Thread(target=time.sleep, args=(4,), daemon=True).start()"),
        "no_thread_and_no_file_is_left",
    ),
    "it leaves a file open": (plugin("import os", after="os.open(__file__, os.O_RDONLY)"), "no_thread_and_no_file_is_left"),
    "it is slow": (plugin("import time", after="time.sleep(0.6)"), "it_costs_little"),
    "it patches what is not there": (
        plugin(more=", Patch('toylib.core:train_all', capture, why='for a later version')"),
        "every_target_is_there",
    ),
    "it gives no reason": (plugin(more=", Patch('toylib.core:rounds', capture, why='')"), "every_patch_says_why"),
    "it mixes threads up": (
        plugin(
            "import time\nHERE = {}",
            "HERE['run'] = call.run; time.sleep(0.4)",
            "HERE['run'].log_metric('seen', 1.0)",
        ),
        "two_trainings_at_once_are_two_complete_runs",
    ),
    "it cannot do without a store": (
        by_hand(
            "import os, runlake\n        os.makedirs(runlake.get_tracking_uri(), exist_ok=True)\n        return train(*args, **kwargs)"
        ),
        "a_store_that_cannot_be_made_costs_nothing",
    ),
    "it loads another model than it saved": (
        plugin("from runlake import Saved\n" + SAVING.format(said="rounds = 1 + json.loads(files['model'])")),
        "a_saved_model_says_the_same_when_it_is_loaded",
    ),
    "it does not know the format that it saves in": (
        plugin("from runlake import Saved\n" + SAVING.format(said="return None")),
        "a_saved_model_says_the_same_when_it_is_loaded",
    ),
    "it records the library under other names only": (
        plugin().replace("toylib.core:train", "toylib.core:checked_train"),
        "a_program_that_enables_first_is_recorded",
    ),
}

TRAINING = Scenario(
    train=lambda data, callbacks: importlib.import_module("toylib.core").train(data, 4, callbacks),
    data=lambda: ([1, 2], []),
    told_by=lambda model: model.best_round,
    program="from toylib import train\nprint(train('data', 4, []).best_round)",
    seconds=0.5,
)


@pytest.fixture(autouse=True)
def library(runlake_store: object) -> Iterator[None]:
    """The toy library, imported anew."""
    with installed(LIBRARY):
        yield


@pytest.mark.parametrize("bug", BUGS)
def test_the_bug_is_caught(bug: str, tmp_path: Path) -> None:
    """By the check that is meant for it."""
    code, check = BUGS[bug]

    with installed(write_plugin(tmp_path, "buggy", code)), pytest.raises((AssertionError, KeyError, OSError)):
        run_check(check, "buggy", TRAINING)


@parametrize_with_plugin_checks("right", TRAINING)
def test_without_a_bug_every_check_passes(check: Callable[[], None], tmp_path: Path) -> None:
    """The plugin that all of these were made of."""
    with installed(write_plugin(tmp_path, "right", plugin())):
        check()


def test_a_model_that_is_loaded_as_it_was_saved_passes(tmp_path: Path) -> None:
    """The plugin whose two bugs above are mended."""
    code = plugin("from runlake import Saved\n" + SAVING.format(said="rounds = json.loads(files['model'])"))

    with installed(write_plugin(tmp_path, "buggy", code)):
        run_check("a_saved_model_says_the_same_when_it_is_loaded", "buggy", TRAINING)


CAUSES = {
    "a target with a slip": (
        plugin(more=", Patch('toylib.core:Estimator.fitt', capture, why='of an estimator')"),
        "The plugin buggy cannot capture toylib.core:Estimator.fitt: there is no such attribute; did you mean fit?",
    ),
    "a module that is not there": (
        plugin(more=", Patch('toylib.cores:train', capture, why='of another version')"),
        "The plugin buggy cannot capture toylib.cores:train: No module named 'toylib.cores'.",
    ),
    "a hook that there is not": (
        plugin("@hookimpl\ndef save_modle(model):\n    return None"),
        "The plugin buggy cannot be used: InvalidValue: it implements a hook 'save_modle', "
        "which this version of runlake does not have; did you mean save_model?",
    ),
}


@pytest.mark.parametrize("cause", CAUSES)
@pytest.mark.parametrize("check", ["a_training_is_recorded", "nothing_is_said", "every_target_is_there"])
def test_a_cause_of_many_failures_is_told_in_each(check: str, cause: str, tmp_path: Path) -> None:
    """In one line, the same in every check."""
    code, told = CAUSES[cause]

    with installed(write_plugin(tmp_path, "buggy", code)), pytest.raises(AssertionError) as caught:
        run_check(check, "buggy", TRAINING)

    assert str(caught.value) == told


FAILURES = {
    "a metric that there is not": ("", "a_training_is_recorded", "no run has the metric 'loss'; there is best_round"),
    "a number drawn": ("random.random()", "random_numbers_are_as_without", "draws from generators that are not its own: random"),
    "a word on stderr": (
        "import sys; print('beware', file=sys.stderr)",
        "a_program_that_enables_first_is_recorded",
        "--- with the plugin, exit code 0, stdout: 3 --- stderr: beware",
    ),
}


@pytest.mark.parametrize("failure", FAILURES)
def test_a_failure_says_what_there_is(failure: str, tmp_path: Path) -> None:
    """The metrics, the generator, and all that a program said."""
    after, check, told = FAILURES[failure]

    with (
        installed(write_plugin(tmp_path, "buggy", plugin("import random", after=after or "pass"))),
        pytest.raises(AssertionError) as caught,
    ):
        run_check(check, "buggy", dataclasses.replace(TRAINING, series="loss"))

    assert told in " ".join(str(caught.value).split())


def test_most_checks_have_a_bug() -> None:
    """Those that none is planted for hold what the engine does itself, whatever a plugin is like."""
    without = set(check_names()) - {check for _, check in BUGS.values()}

    assert without == {
        "a_disk_that_takes_nothing_costs_nothing",
        "a_forked_child_records_for_itself",
        "a_raising_capture_of_another_plugin_is_harmless",
        "enabling_in_a_thread_records",
        "every_option_is_documented",
        "it_is_unpatched_before_and_after",
        "names_imported_before_are_recorded_and_given_back",
        "somebody_elses_wrapper_survives_ours",
        "the_librarys_exception_is_untouched",
    }
