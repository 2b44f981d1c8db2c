"""The trainings of a Trainer are recorded step by step, under the names that it has, in one run each."""

from __future__ import annotations

import copy
import json
import pickle
import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from runlake_transformers.listening import Listener
from sklearn.linear_model import LinearRegression
from transformers import DefaultFlowCallback, EarlyStoppingCallback, Seq2SeqTrainer, Trainer, TrainerCallback
from transformers.integrations import integration_utils
from transformers.trainer import DEFAULT_CALLBACKS

import runlake
from reading import series
from runlake.testing import Scenario, parametrize_with_plugin_checks
from trainers import SAMPLES, bert, history, trainer

Runs = Callable[[], list[runlake.read.Run]]

METHODS = ("train", "evaluate", "predict", "hyperparameter_search")


def what_is_patched() -> list[Any]:
    """What stands where the plugin puts something."""
    own = [vars(kind).get(name) for kind in (Trainer, Seq2SeqTrainer) for name in METHODS]
    return [*own, *DEFAULT_CALLBACKS, *integration_utils.INTEGRATION_TO_CALLBACK.values()]


def trained(folder: Path, **given: Any) -> Any:
    """A Trainer that has trained."""
    made = trainer(folder, **given)
    made.train()
    return made


class Failing(TrainerCallback):
    """As people write one, with a mistake in it."""

    def on_step_end(self, args: Any, state: Any, control: Any, **given: Any) -> None:
        """Of the second step."""
        if state.global_step == 2:
            raise ValueError("the second step")


def test_nothing_is_recorded_before_everything_during_and_nothing_is_left_after(runs: Runs, tmp_path: Path) -> None:
    """The numbers are those that the Trainer keeps itself."""
    before = what_is_patched()
    trained(tmp_path)
    assert runs() == []

    runlake.autolog("transformers")
    made = trained(tmp_path)
    runlake.disable_autolog()
    trained(tmp_path)
    made.train()

    (run,) = runs()
    assert [found is known for found, known in zip(what_is_patched(), before, strict=True)] == [True] * len(before)
    assert (run.info.run_name, str(run.info.status), run.errors) == ("BertForSequenceClassification", "FINISHED", [])


def test_every_number_is_recorded_as_the_trainer_has_it(runs: Runs, tmp_path: Path) -> None:
    """By the same names and steps; the epoch once a step."""
    runlake.autolog("transformers")

    made = trained(tmp_path, eval_dataset=SAMPLES, eval_strategy="steps", eval_steps=2)

    (run,) = runs()
    names = {name for logged in made.state.log_history for name in logged} - {"step", "epoch"}
    assert set(run.metrics) == names | {"epoch"}
    assert {name: series(run.info.run_id, name) for name in names} == {name: history(made, name) for name in names}
    assert [step for step, _ in series(run.info.run_id, "epoch")] == [1, 2, 3, 4, 5]


def test_what_was_told_is_recorded(runs: Runs, tmp_path: Path) -> None:
    """What people compare and what is not the default are params; a file has all."""
    runlake.autolog("transformers")

    trained(tmp_path, learning_rate=0.25, gradient_accumulation_steps=2)

    (run,) = runs()
    told = {"learning_rate": 0.25, "gradient_accumulation_steps": 2, "max_steps": 5, "seed": 42, "hidden_size": 8, "model_type": "bert"}
    facts = {"architecture": "BertForSequenceClassification", "task": "text-classification", "parameters": 1106}
    assert {name: run.params.get(name) for name in told | facts} == told | facts
    assert {"output_dir", "report_to", "bf16", "save_on_each_node"} & run.params.keys() == set()
    assert b'"bf16": false' in run.read_artifact("transformers_config.json")


def test_what_the_model_takes_and_gives_is_recorded(runs: Runs, tmp_path: Path) -> None:
    """Of its first batch, without the targets; nothing is left on the model."""
    runlake.autolog("transformers")

    made = trained(tmp_path)

    (run,) = runs()
    signature: Any = run.signature
    assert [(each.name, each.shape) for each in signature.inputs.inputs] == [("attention_mask", (-1, -1)), ("input_ids", (-1, -1))]
    assert [(each.name, each.shape) for each in signature.outputs.inputs] == [("logits", (-1, 2))]
    assert not any(part._forward_hooks for part in made.model.modules())
    assert torch.nn.modules.module._global_forward_hooks == {}


def test_an_evaluation_later_belongs_to_the_run_of_its_model(runs: Runs, tmp_path: Path) -> None:
    """With whatever Trainer, and a prediction too; in a training it is part of that."""
    runlake.autolog("transformers")
    made = trained(tmp_path)

    evaluated = trainer(tmp_path, made.model, eval_dataset={"a": SAMPLES, "b": SAMPLES[:4]}).evaluate()
    predicted = made.predict(SAMPLES)

    (run,) = runs()
    assert series(run.info.run_id, "eval_a_loss") == [(0, evaluated["eval_a_loss"])]
    assert series(run.info.run_id, "eval_b_loss") == [(0, evaluated["eval_b_loss"])]
    assert series(run.info.run_id, "test_loss") == [(5, predicted.metrics["test_loss"])]
    assert [each.dataset.name for each in run.inputs.dataset_inputs] == ["train", "test"]


def test_an_evaluation_alone_opens_no_run(runs: Runs, tmp_path: Path) -> None:
    """It is recorded where the user has one open."""
    runlake.autolog("transformers")
    trainer(tmp_path, eval_dataset=SAMPLES).evaluate()
    assert runs() == []

    with runlake.start_run():
        trainer(tmp_path, eval_dataset=SAMPLES).evaluate()

    (run,) = runs()
    assert "eval_loss" in run.metrics


def test_a_trainer_that_was_made_before_is_recorded(runs: Runs, tmp_path: Path) -> None:
    """And the callbacks of users stay in their order."""
    own = Failing(), EarlyStoppingCallback()
    earlier = trainer(tmp_path, callbacks=list(own))
    runlake.autolog("transformers")

    later = trainer(tmp_path, callbacks=list(own))
    earlier.remove_callback(EarlyStoppingCallback)
    with pytest.raises(ValueError, match="the second step"):
        earlier.train()

    assert [type(each) for each in later.callback_handler.callbacks] == [DefaultFlowCallback, Listener, Failing, EarlyStoppingCallback]
    assert [type(each) for each in earlier.callback_handler.callbacks] == [DefaultFlowCallback, Failing, Listener]
    assert [len(run.metrics["loss"]) for run in runs()] == [1]


def test_a_training_that_fails_ends_its_run_so(runs: Runs, tmp_path: Path) -> None:
    """With all that it logged before; what is recorded next is recorded as ever."""
    runlake.autolog("transformers")

    with pytest.raises(ValueError, match="the second step"):
        trained(tmp_path, callbacks=[Failing()])
    trained(tmp_path)

    failed, after = runs()
    assert (str(failed.info.status), failed.tags["runlake.exception"], len(failed.metrics["loss"])) == (
        "FAILED",
        "ValueError: the second step",
        1,
    )
    assert (str(after.info.status), after.info.parent_run_id, len(after.metrics["loss"])) == ("FINISHED", None, 5)


def test_what_is_fitted_to_judge_the_model_opens_no_run(runs: Runs, tmp_path: Path) -> None:
    """In a training and after it."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import f1_score

    def judged(said: Any) -> dict[str, float]:
        LogisticRegression().fit(said.predictions, said.label_ids)
        return {"f1": float(f1_score(said.label_ids, said.predictions.argmax(-1)))}

    runlake.autolog("transformers", "sklearn")
    made = trained(tmp_path, eval_dataset=SAMPLES, compute_metrics=judged, eval_strategy="epoch")
    made.evaluate()

    (run,) = runs()
    assert len(run.metrics["eval_f1"]) == 3
    assert not any(name.startswith("training_") for name in run.metrics)


def test_a_second_training_is_a_second_run(runs: Runs, tmp_path: Path) -> None:
    """One that resumes goes on in the steps, and says from where."""
    runlake.autolog("transformers")
    made = trained(tmp_path, max_steps=2, save_strategy="steps", save_steps=2)
    made.args.max_steps = 4

    made.train(resume_from_checkpoint=True)

    first, second = runs()
    assert [[step for step, _ in series(run.info.run_id, "loss")] for run in (first, second)] == [[1, 2], [3, 4]]
    assert (second.params["resumed_from_step"], second.tags["runlake.continues"]) == (2, first.info.run_id)


@pytest.mark.parametrize("is_reopened", [False, True])
def test_a_training_that_resumes_goes_on_in_the_run_that_is_open(runs: Runs, tmp_path: Path, is_reopened: bool) -> None:
    """Though one was recorded in it before; what PyTorch's own steps tell of it goes on, too."""
    runlake.autolog("transformers", "torch")
    with runlake.start_run() as opened:
        trained(tmp_path, max_steps=2, save_strategy="steps", save_steps=2)
        if not is_reopened:
            trainer(tmp_path, max_steps=4).train(resume_from_checkpoint=str(tmp_path / "checkpoint-2"))
    if is_reopened:
        with runlake.start_run(run_id=opened.run_id):
            trainer(tmp_path, max_steps=4).train(resume_from_checkpoint=str(tmp_path / "checkpoint-2"))

    (run,) = runs()
    assert [[step for step, _ in series(run.info.run_id, key)] for key in ("loss", "train/loss")] == [[1, 2, 3, 4], [0, 1, 2, 3]]


def test_a_run_that_the_environment_names_is_joined_by_a_training_that_resumes(
    runs: Runs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A training anew is inside it."""
    with runlake.start_run() as opened:
        pass
    trained(tmp_path, max_steps=2, save_strategy="steps", save_steps=2)
    monkeypatch.setenv("RUNLAKE_RUN_ID", opened.run_id)
    runlake.autolog("transformers")

    trainer(tmp_path, max_steps=4).train(resume_from_checkpoint=str(tmp_path / "checkpoint-2"))
    trained(tmp_path)

    joined, inside = runs()
    assert [step for step, _ in series(joined.info.run_id, "loss")] == [3, 4]
    assert inside.info.parent_run_id == joined.info.run_id


def test_checkpoints_are_referred_to(runs: Runs, tmp_path: Path) -> None:
    """Their places, steps and metrics, which of them are still there, and the best."""
    runlake.autolog("transformers")

    best = {"load_best_model_at_end": True, "metric_for_best_model": "loss", "save_total_limit": 1}
    made = trained(tmp_path, eval_dataset=SAMPLES, eval_strategy="steps", eval_steps=2, save_strategy="steps", save_steps=2, **best)

    (run,) = runs()
    kept = run.read_artifact("checkpoints.json")
    noted = json.loads(kept)
    losses = dict(history(made, "eval_loss"))
    assert noted["best"] == made.state.best_model_checkpoint
    assert [(each["step"], each["metric"]) for each in noted["checkpoints"]] == [(s, {"eval_loss": losses[s]}) for s in (2, 4, 5)]
    assert [each["is_there"] for each in noted["checkpoints"]] == [False, False, True]
    assert series(run.info.run_id, "best_metric") == [(5, made.state.best_metric)]
    assert not any("checkpoint-" in name for name in run.artifacts)


def test_where_it_stopped_early_is_recorded(runs: Runs, tmp_path: Path) -> None:
    """And after how many evaluations without a gain."""
    runlake.autolog("transformers")
    best = {"eval_strategy": "steps", "eval_steps": 1, "save_strategy": "steps", "save_steps": 1, "load_best_model_at_end": True}

    made = trained(
        tmp_path,
        eval_dataset=SAMPLES,
        metric_for_best_model="loss",
        greater_is_better=True,
        callbacks=[EarlyStoppingCallback(2)],
        **best,
    )

    (run,) = runs()
    assert run.params["early_stopping_patience"] == 2
    assert series(run.info.run_id, "stopped_step") == [(made.state.global_step, made.state.global_step)]


class Small(Trainer):
    """As libraries derive their own: it has methods of its own, and memory for two samples at a time."""

    def train(self, *args: Any, **given: Any) -> Any:
        """The other one's."""
        return super().train(*args, **given)

    def log(self, logs: dict[str, float], *args: Any) -> None:
        """One more."""
        super().log({**logs, "more": 1.0}, *args)

    def training_step(self, model: Any, inputs: Any, *args: Any) -> Any:
        """A step that needs memory."""
        if len(inputs["labels"]) > 2:
            raise RuntimeError("CUDA out of memory.")
        return super().training_step(model, inputs, *args)


def test_a_training_that_begins_again_with_smaller_batches_is_one_run(runs: Runs, tmp_path: Path) -> None:
    """Of a class that derives from Trainer; what it logs more is recorded."""
    runlake.autolog("transformers")

    made = trained(tmp_path, kind=Small, auto_find_batch_size=True)

    (run,) = runs()
    assert (run.tags["restarts"], run.params["found_batch_size"], run.errors) == ("2", made.state.train_batch_size, [])
    assert [step for step, _ in series(run.info.run_id, "loss")] == [1, 2, 3, 4, 5]
    assert len(run.metrics["more"]) == len(made.state.log_history)


def test_a_search_has_a_run_around_its_trials(runs: Runs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each trial is a training of its own."""
    from transformers import hyperparameter_search
    from transformers.trainer_utils import BestRun, HPSearchBackend

    class Backend(hyperparameter_search.HyperParamSearchBackendBase):
        name = "optuna"

        @staticmethod
        def is_available() -> bool:
            return True

        def default_hp_space(self, trial: Any) -> dict[str, float]:
            return {}

        def run(self, trainer: Any, n_trials: int, direction: str, **kwargs: Any) -> Any:
            for place in range(n_trials):
                trainer.args.learning_rate = 0.1 * (place + 1)
                trainer.train()
                runlake.log_metric("noted", place)
            return BestRun("1", 0.5, {"learning_rate": 0.2})

    monkeypatch.setitem(hyperparameter_search.ALL_HYPERPARAMETER_SEARCH_BACKENDS, HPSearchBackend.OPTUNA, Backend)
    runlake.autolog("transformers")

    trainer(tmp_path, model_init=lambda: bert()).hyperparameter_search(backend="optuna", n_trials=2)

    search, *trials = runs()
    assert (search.info.run_name, search.params["best_learning_rate"], search.params["n_trials"]) == ("hyperparameter_search", 0.2, 2)
    assert [value for _, value in series(search.info.run_id, "noted")] == [0, 1]
    assert [(run.info.run_name, run.info.parent_run_id, run.params["learning_rate"]) for run in trials] == [
        ("trial-0", search.info.run_id, 0.1),
        ("trial-1", search.info.run_id, 0.2),
    ]
    assert [len(run.metrics["loss"]) for run in trials] == [5, 5]


def test_a_failure_of_ours_does_not_stop_a_training(runs: Runs, tmp_path: Path) -> None:
    """The run says so, and has what could be recorded."""

    class Strange(transformers.BertForSequenceClassification):  # type: ignore[no-untyped-call]  # transformers has no types there
        def parameters(self, recurse: bool = True) -> Any:
            if sys._getframe(1).f_globals["__name__"].startswith("runlake"):
                raise ValueError("strange")
            return super().parameters(recurse)

    runlake.autolog("transformers", strict=False)

    made = trained(tmp_path, model=bert(Strange))

    (run,) = runs()
    assert (made.state.global_step, str(run.info.status), len(run.metrics["loss"])) == (5, "FINISHED", 5)
    assert "strange" in str(run.errors)


def test_a_trainer_can_be_copied_and_pickled(runs: Runs, tmp_path: Path) -> None:
    """As far as it can be without us, which is before any has trained: our callback holds nothing."""
    runlake.autolog("transformers")
    made = trained(tmp_path)
    (ours,) = [each for each in made.callback_handler.callbacks if type(each) is Listener]

    for again in (pickle.loads(pickle.dumps(ours)), copy.deepcopy(ours)):
        trained(tmp_path, callbacks=[again])

    assert vars(ours) == {}
    assert [len(run.metrics["loss"]) for run in runs()] == [5, 5, 5]


one_at_a_time = threading.Lock()  # accelerate has one state for the whole process, which the making of arguments resets


def train(samples: list[Any]) -> Any:
    """For the checks of every plugin."""
    with tempfile.TemporaryDirectory() as folder, one_at_a_time:
        return trained(Path(folder), train_dataset=samples, max_steps=3).model


def fail() -> None:
    """A training without data, which the Trainer itself refuses."""
    with tempfile.TemporaryDirectory() as folder:
        trained(Path(folder), train_dataset=None)


SCENARIO = Scenario(
    train=train,
    data=lambda: ([dict(sample) for sample in SAMPLES],),
    told_by=lambda model: [tensor.tolist() for tensor in model.state_dict().values()],
    fail=fail,
    series="loss",
    generators=lambda: torch.get_rng_state().tolist(),
    program="""
import os
os.environ["HF_HUB_OFFLINE"] = "1"
import sys, tempfile, torch
from transformers import BertConfig, BertForSequenceClassification, PrinterCallback, Trainer, TrainingArguments

torch.manual_seed(0)
model = BertForSequenceClassification(
    BertConfig(vocab_size=32, hidden_size=8, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16, max_position_embeddings=16)
)
samples = [{"input_ids": [number] * 4, "labels": number % 2} for number in range(8)]
folder = tempfile.TemporaryDirectory()
args = TrainingArguments(
    folder.name, max_steps=2, save_strategy="no", report_to="none", disable_tqdm=True, use_cpu=True, dataloader_pin_memory=False
)
trainer = Trainer(model=model, args=args, train_dataset=samples)
trainer.remove_callback(PrinterCallback)
print(trainer.train().global_step)
folder.cleanup()
""",
)


@parametrize_with_plugin_checks("transformers", SCENARIO)
def test_the_plugin_holds_what_every_plugin_does(check: Callable[[], None]) -> None:
    """What is asked of all of them."""
    check()


def test_a_training_that_fails_leaves_every_other_plugin_as_it_was(runs: Runs, tmp_path: Path) -> None:
    """What is fitted next, and what PyTorch trains, is recorded as ever."""
    runlake.autolog("transformers", "sklearn", "torch")
    with pytest.raises(ValueError, match="the second step"):
        trainer(tmp_path, callbacks=[Failing()]).train()
    LinearRegression().fit([[0.0], [1.0]], [0.0, 1.0])
    optimizer = torch.optim.SGD([weights := torch.nn.Parameter(torch.ones(1))], lr=0.1)
    weights.sum().backward()  # type: ignore[no-untyped-call]  # torch has no types there
    optimizer.step()
    runlake.disable_autolog()

    assert [(run.info.run_name, str(run.info.status), run.info.parent_run_id) for run in runs()] == [
        ("BertForSequenceClassification", "FAILED", None),
        ("LinearRegression", "FINISHED", None),
        ("SGD", "FINISHED", None),
    ]


def test_what_a_trainer_writes_to_tensorboard_is_recorded_once(runs: Runs, tmp_path: Path) -> None:
    """With PyTorch's plugin, which mirrors what is written there, and has a loss of each step by the same name."""
    runlake.autolog("transformers", "torch")
    made = trained(tmp_path, report_to="tensorboard", logging_steps=2, eval_strategy="epoch", eval_dataset=SAMPLES)

    (run,) = runs()
    assert run.errors == []
    assert series(run.info.run_id, "loss") == history(made, "loss")
    assert [step for step, _ in series(run.info.run_id, "train/loss")] == [0, 1, 2, 3, 4]
    assert not {"train/learning_rate", "eval/loss", "train/train_loss"} & set(run.metrics)
