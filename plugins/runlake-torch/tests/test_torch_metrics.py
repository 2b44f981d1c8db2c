"""What says how good a model is in a loop is in the run of the loop: torchmetrics, and `sklearn.metrics` on what the model says."""

from __future__ import annotations

import copy
import io
import pickle
import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, TensorDataset

import runlake
from reading import series

pytest.importorskip("torchmetrics")
pytest.importorskip("sklearn")

from sklearn.base import BaseEstimator, ClassifierMixin  # where it is there
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, auc, confusion_matrix, roc_auc_score, roc_curve
from torchmetrics import MeanMetric, MetricCollection
from torchmetrics.classification import (
    BinaryAccuracy,
    BinaryF1Score,
    BinaryPrecision,
    BinaryROC,
    MulticlassAccuracy,
    MulticlassConfusionMatrix,
)
from torchmetrics.wrappers import BootStrapper, ClasswiseWrapper, MetricTracker, MinMaxMetric

Runs = Callable[[], list[runlake.read.Run]]
Each = Callable[[int], object]

SAID, TRUE = torch.tensor([0, 1, 2, 1]), torch.tensor([0, 1, 1, 1])
INPUTS = torch.linspace(-1, 1, 16).reshape(8, 2)
LABELS = torch.tensor([0, 1] * 4)
MADE_BEFORE = BinaryAccuracy()


@pytest.fixture(autouse=True)
def _as_new() -> Iterator[None]:
    """The metric that is shared has nothing in it."""
    MADE_BEFORE.reset()
    yield
    MADE_BEFORE.reset()


def batches(count: int = 8) -> DataLoader[Any]:
    """Of two rows each."""
    return DataLoader(TensorDataset(INPUTS[:count], LABELS[:count]), batch_size=2)


def train(epochs: int = 2, each: Each = lambda epoch: None, in_step: Each = lambda step: None) -> Any:
    """Epochs of four steps, with something after each and within each step; the model and its optimizer."""
    model = torch.nn.Linear(2, 2)
    optimizer, loader = torch.optim.SGD(model.parameters(), lr=0.1), batches()
    for epoch in range(epochs):
        for number, (inputs, labels) in enumerate(loader):
            optimizer.zero_grad()
            loss: Any = torch.nn.functional.cross_entropy(model(inputs), labels)
            loss.backward()
            optimizer.step()
            in_step(4 * epoch + number)
        each(epoch)
    return model, optimizer


def compute(metric: Any, said: torch.Tensor = SAID, true: torch.Tensor = TRUE) -> Any:
    """Of four rows, from the start."""
    metric.reset()
    metric.update(said, true)
    return metric.compute()


def told(run: runlake.read.Run) -> dict[str, list[tuple[int, float]]]:
    """What is recorded beside the loop's own."""
    own = ("train/loss", "train/lr", "train/epoch", "eval/seconds", "train/steps_per_second", "train/samples_per_second")
    return {key: series(run.info.run_id, key) for key in run.metrics if key not in own}


def skipped(run: runlake.read.Run) -> dict[str, str]:
    """What is not recorded, and why."""
    return {key.removeprefix("runlake.skipped."): why for key, why in run.tags.items() if key.startswith("runlake.skipped.")}


def test_a_value_that_is_asked_for_is_a_point_at_the_step_of_the_loop(runs: Runs) -> None:
    """Of a metric that was made before, too; what `forward` computes for a batch is none, nor what is known already."""
    runlake.autolog("torch")

    def each(epoch: int) -> None:
        MADE_BEFORE.reset()
        for said, true in ([1, 1], [1, 0]), ([0, 1], [0, 1]):
            MADE_BEFORE(torch.tensor(said), torch.tensor(true))
        assert MADE_BEFORE.compute() is MADE_BEFORE.compute()

    held = train(each=each)
    runlake.disable_autolog()

    (run,) = runs()
    assert (told(run), run.errors, skipped(run)) == ({"train/accuracy": [(3, 0.75), (7, 0.75)]}, [], {})
    assert held


def test_a_metric_of_an_evaluation_is_told_from_one_of_an_epoch(runs: Runs) -> None:
    """By the data that were passed since the last step, wherever it is computed; an evaluation within an epoch is one as well."""
    runlake.autolog("torch")
    of_epoch, of_evaluation, losses = MulticlassAccuracy(3), MulticlassAccuracy(3), MeanMetric()

    def evaluate(_: int) -> None:
        for _batch in batches(4):
            of_evaluation.update(SAID, TRUE)
        of_evaluation.compute()
        of_evaluation.reset()

    def in_step(step: int) -> None:
        losses.update(float(step))
        losses.compute()
        if step == 1:
            evaluate(0)

    def each(epoch: int) -> None:
        compute(of_epoch)
        evaluate(epoch)

    held = train(each=each, in_step=in_step)
    runlake.disable_autolog()

    (run,) = runs()
    found = told(run)
    assert found.keys() == {"train/mean_metric", "train/accuracy", "eval/accuracy"}
    assert [step for step, _ in found["train/accuracy"]] == [3, 7]
    assert [step for step, _ in found["eval/accuracy"]] == [1, 3, 7]
    assert found["train/mean_metric"] == [(step, step / 2) for step in range(8)]
    assert held


def test_a_model_that_is_set_to_evaluate_is_evaluated(runs: Runs) -> None:
    """Where no loader tells that, as with one batch of all rows."""
    runlake.autolog("torch")
    model = torch.nn.Linear(2, 2)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    metric = BinaryAccuracy()
    for _ in range(2):
        model.train()
        model(INPUTS).sum().backward()
        optimizer.step()
        compute(metric, SAID % 2)
        model.eval()
        compute(metric, SAID % 2)
    runlake.disable_autolog()

    (run,) = runs()
    assert told(run) == {"train/accuracy": [(0, 0.75), (1, 0.75)], "eval/accuracy": [(0, 0.75), (1, 0.75)]}


def test_a_collection_has_its_own_names(runs: Runs) -> None:
    """With a prefix they tell what it is of; each metric in it is recorded once, and not at all where it is known already."""
    runlake.autolog("torch")
    one = MetricCollection({"acc": BinaryAccuracy(), "f1": BinaryF1Score()})
    other = MetricCollection([BinaryAccuracy(), BinaryF1Score()], prefix="val_", postfix="_all")

    def each(epoch: int) -> None:
        for collection in (one, other):
            collection(SAID % 2, TRUE)
            compute(collection, SAID % 2)
            collection.compute()

    held = train(1, each=each)
    runlake.disable_autolog()

    (run,) = runs()
    points = [(3, 0.75)], [(3, pytest.approx(0.8))]
    assert told(run) == dict(zip(("train/acc", "train/f1", "val_BinaryAccuracy_all", "val_BinaryF1Score_all"), points * 2, strict=True))
    assert held


def test_metrics_of_one_name_are_series_of_their_own(runs: Runs) -> None:
    """Also where they are made anew for each evaluation, of which there are two."""
    runlake.autolog("torch")
    kept = BinaryAccuracy()

    def each(epoch: int) -> None:
        compute(kept, SAID % 2)
        for right in (1, 2):
            compute(BinaryAccuracy(), torch.tensor([0, 1][:right] + [1] * (2 - right)), torch.tensor([0, 0 if right == 1 else 1]))

    held = train(3, each=each)
    runlake.disable_autolog()

    (run,) = runs()
    steps = 3, 7, 11
    values = {"train/accuracy": 0.75, "train/accuracy-2": 0.5, "train/accuracy-3": 1.0}
    assert told(run) == {name: [(step, value) for step in steps] for name, value in values.items()}
    assert held


def test_values_for_each_class_are_series_and_what_is_no_number_is_not(runs: Runs) -> None:
    """A mean that nobody asked for is not made up."""
    runlake.autolog("torch")

    def each(epoch: int) -> None:
        compute(MulticlassAccuracy(3, average=None))
        compute(MulticlassAccuracy(40, average=None))
        compute(MulticlassConfusionMatrix(3))
        compute(BinaryROC(), torch.rand(4))

    held = train(1, each=each)
    runlake.disable_autolog()

    (run,) = runs()
    assert told(run) == {"train/accuracy/0": [(3, 1.0)], "train/accuracy/1": [(3, pytest.approx(2 / 3))], "train/accuracy/2": [(3, 0.0)]}
    assert skipped(run) == {
        "train/accuracy-2": "it has 40 values, more than 32",
        "train/confusion_matrix": "it is a tensor of the shape (3, 3) and no number",
        "train/roc": "it is a tuple and no number",
    }
    assert held


def test_what_is_made_of_metrics_is_recorded_and_they_are_not(runs: Runs) -> None:
    """Wrappers, sums, and a tracker, which has another metric in each epoch."""
    runlake.autolog("torch")
    tracker = MetricTracker(BinaryAccuracy())
    made = MinMaxMetric(BinaryAccuracy()), BinaryAccuracy() + BinaryPrecision(), BootStrapper(BinaryAccuracy(), num_bootstraps=2)
    by_class = ClasswiseWrapper(MulticlassAccuracy(3, average=None))

    def each(epoch: int) -> None:
        tracker.increment()
        for metric in (tracker, *made):
            metric.update(SAID % 2, TRUE)
            metric.compute()
        compute(by_class)
        tracker.compute_all(), tracker.best_metric()

    held = train(2, each=each)
    runlake.disable_autolog()

    (run,) = runs()
    found = told(run)
    parts = {"min_max_metric": ("raw", "min", "max"), "boot_strapper": ("mean", "std")}
    names = {f"train/{name}/{part}" for name, all_of_it in parts.items() for part in all_of_it}
    classes = {f"train/classwise_wrapper/multiclassaccuracy_{place}" for place in range(3)}
    assert found.keys() == {"train/accuracy", "train/compositional_metric"} | names | classes
    assert all([step for step, _ in points] == [3, 7] for points in found.values())
    assert held


def test_nothing_is_recorded_where_no_loop_goes_on(runs: Runs) -> None:
    """Before the first step, in another thread, after the end, and once it is off."""
    runlake.autolog("torch")
    compute(MADE_BEFORE, SAID % 2)
    held = train(1)
    thread = threading.Thread(target=compute, args=(MADE_BEFORE, SAID % 2))
    thread.start()
    thread.join()
    del held
    compute(MADE_BEFORE, SAID % 2)
    accuracy_score([0, 1], [0, 1])
    held = train(1)
    runlake.disable_autolog()
    compute(MADE_BEFORE, SAID % 2)
    accuracy_score([0, 1], [0, 1])

    assert [told(run) for run in runs()] == [{}, {}]
    assert held


def test_what_is_computed_within_a_training_of_a_call_is_that_trainings(runs: Runs) -> None:
    """It says itself what it measures, as what trains a model for the program does."""

    class Net(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
        def fit(self, inputs: Any, labels: Any) -> Net:
            self.classes_, self.held_ = np.unique(labels), train(1, each=lambda epoch: compute(MADE_BEFORE, SAID % 2))
            accuracy_score(LABELS, LABELS.flip(0))
            return self

        def predict(self, inputs: Any) -> Any:
            return np.zeros(len(inputs), int)

    runlake.autolog("torch", "sklearn")
    Net().fit(INPUTS.numpy(), LABELS.numpy())
    runlake.disable_autolog()

    (run,) = runs()
    assert run.info.run_name == "Net"
    assert not any("train/accuracy" in key or key.startswith("accuracy_score") for key in run.metrics)


def test_what_a_metric_gives_and_is_stays_as_it_is(runs: Runs) -> None:
    """Values bit for bit, exceptions, copies, and what is kept of it."""
    runlake.autolog("torch")
    metric = MulticlassAccuracy(3, average=None)
    wrapper = MinMaxMetric(BinaryAccuracy())
    held = train(1)
    value, bare = compute(metric), MulticlassAccuracy(3, average=None)
    copies = [metric.clone(), copy.deepcopy(metric), pickle.loads(pickle.dumps(metric))]
    torch.save(wrapper, io.BytesIO())

    with pytest.raises(ValueError, match="No samples to concatenate"), pytest.warns(UserWarning, match="before the ``update``"):
        BinaryROC().compute()
    runlake.disable_autolog()

    assert torch.equal(value, compute(bare))
    assert [torch.equal(each.compute(), value) for each in copies] == [True] * 3
    assert vars(metric).keys() == vars(bare).keys()
    assert list(metric.state_dict()) == list(bare.state_dict())
    assert runs()[0].errors == []
    assert held


def test_a_name_that_the_program_logs_is_the_programs(runs: Runs) -> None:
    """As with all that is recorded by itself."""
    runlake.autolog("torch")

    def each(epoch: int) -> None:
        runlake.log_metric("train/accuracy", 0.5, step=epoch)
        compute(MADE_BEFORE, SAID % 2)

    with runlake.start_run():
        held = train(2, each=each)

    (run,) = runs()
    assert told(run) == {"train/accuracy": [(0, 0.5), (1, 0.5)]}
    assert held


def predictions(model: Any) -> Any:
    """As an evaluation collects them."""
    with torch.no_grad():
        return torch.cat([model(inputs) for inputs, _ in batches()])


FORMS: dict[str, Callable[[torch.Tensor], Any]] = {
    "an array": lambda said: said.argmax(1).numpy(),
    "a list": lambda said: said.argmax(1).tolist(),
    "a tensor": lambda said: said.argmax(1),
    "what numpy made of it": lambda said: said.numpy().argmax(1),
}


@pytest.mark.parametrize("form", FORMS)
def test_what_scikit_learn_says_of_a_model_in_a_loop_is_at_its_step(runs: Runs, form: str) -> None:
    """From epoch to epoch a series; a second one at a step is a second series."""
    runlake.autolog("torch", "sklearn")
    model = torch.nn.Linear(2, 2)
    optimizer, values = torch.optim.SGD(model.parameters(), lr=0.5), []
    for epoch in range(2):
        model(INPUTS).square().sum().backward()
        optimizer.step()
        said = FORMS[form](predictions(model))
        values.append((epoch, accuracy_score(LABELS, said)))
        accuracy_score(1 - LABELS, said)
    runlake.disable_autolog()

    (run,) = runs()
    assert told(run) == {"accuracy_score": values, "accuracy_score-2": [(step, 1 - value) for step, value in values]}
    assert (run.tags["runlake.linked_by.accuracy_score"], run.errors) == ("loop", [])


def test_probabilities_curves_and_tables_are_the_loops_too(runs: Runs) -> None:
    """The area under a curve has the step of the curve."""
    runlake.autolog("torch", "sklearn")
    model, held = train(1)
    probable = predictions(model).softmax(1)[:, 1].numpy()
    ranks, table = roc_auc_score(LABELS, probable), confusion_matrix(LABELS, probable > 0.5)
    false, true, _ = roc_curve(LABELS, probable)
    area = auc(false, true)
    runlake.disable_autolog()

    (run,) = runs()
    assert told(run) == {"roc_auc_score": [(3, ranks)], "auc": [(3, area)]}
    assert {"confusion_matrix.parquet", "roc_curve.parquet"} <= set(run.artifacts)
    assert table.sum() == 8
    assert held


@pytest.mark.parametrize("is_later", [True, False])
def test_what_a_model_of_scikit_learn_says_stays_its_own(runs: Runs, is_later: bool) -> None:
    """Trained before the loop or after it; what no memory tells is nobody's where either may have said it."""
    runlake.autolog("torch", "sklearn")
    inputs, labels = INPUTS.numpy(), LABELS.numpy()
    held = None if is_later else LogisticRegression().fit(inputs, labels)
    model, optimizer = train(1)
    other = held or LogisticRegression().fit(inputs, labels)
    said = other.predict(inputs)
    accuracy_score(labels, said), accuracy_score(labels, said.tolist())
    accuracy_score(labels, 1 - said), accuracy_score(labels[:3], (1 - said)[:3].tolist())
    accuracy_score(labels[:5], predictions(model).argmax(1).numpy()[:5])
    runlake.disable_autolog()

    loops, others = sorted(runs(), key=lambda run: run.info.run_name != "Linear")
    assert told(loops).keys() == {"accuracy_score"}
    assert {"accuracy_score", "accuracy_score-2"} <= others.metrics.keys()
    assert "accuracy_score-3" not in others.metrics
    assert skipped(others)["accuracy_score"].startswith("ambiguous: 2 models")
    assert optimizer


def test_many_judgements_at_a_step_are_of_batches_and_not_all_series(runs: Runs) -> None:
    """Ten of a name; the reason is told."""
    runlake.autolog("torch", "sklearn")
    model, held = train(1)
    for _ in range(20):
        accuracy_score(LABELS, predictions(model).argmax(1).numpy())
    runlake.disable_autolog()

    (run,) = runs()
    assert len(told(run)) == 10
    assert skipped(run)["accuracy_score"] == "there are 10 of it at one step already"
    assert held


def test_what_is_judged_without_a_loop_is_nobodys(runs: Runs) -> None:
    """And of a loop that has ended, or that the next has taken the place of."""
    runlake.autolog("torch", "sklearn")
    said = np.array([0, 1] * 4)
    accuracy_score(LABELS, said)
    with runlake.start_run(run_name="first"):
        held = [train(1)]
    accuracy_score(LABELS, said)
    held.append(train(1))
    accuracy_score(LABELS, said)
    runlake.disable_autolog()
    accuracy_score(LABELS, said)

    assert [(run.info.run_name, told(run)) for run in runs()] == [("first", {}), ("Linear", {"accuracy_score": [(3, 1.0)]})]
