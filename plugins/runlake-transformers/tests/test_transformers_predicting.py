"""What a model says of texts is what the pipeline of its task says, and of tokens its logits, in this process and in another."""

from __future__ import annotations

import gc
import json
import os
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
import transformers
from runlake_transformers import FORMAT, load_model, predict, save_model
from runlake_transformers.processing import remember_processing
from transformers import BertForTokenClassification, GPT2Config, GPT2LMHeadModel

import runlake
from fresh import put_down, said_elsewhere
from runlake import entities
from trainers import bert, tokenizer

PLENTY = 1 << 28
TEXTS = ["1 2 3", "4", "5 6"]


def with_tokenizer(model: Any) -> Any:
    """As a Trainer leaves it."""
    remember_processing(model, tokenizer())
    return model


def gpt() -> Any:
    """It goes on with a text."""
    torch.manual_seed(0)
    sizes: dict[str, Any] = {"n_embd": 8, "n_layer": 1, "n_head": 2, "n_positions": 16, "bos_token_id": 0, "eos_token_id": 0}
    return GPT2LMHeadModel(GPT2Config(vocab_size=32, **sizes))


def kept(model: Any, *told: Any) -> runlake.Saved:
    """What it is saved as."""
    found = save_model(model, PLENTY, *told)
    assert found is not None
    return found


def labels() -> Any:
    """What the pipeline itself says of the texts."""
    return transformers.pipeline("text-classification", model=bert().eval(), tokenizer=tokenizer(), device="cpu")(TEXTS)


@pytest.mark.parametrize(
    ("make", "n"),
    [
        (lambda: TEXTS, 3),
        (lambda: np.array(TEXTS), 3),
        (lambda: pd.Series(TEXTS), 3),
        (lambda: pd.DataFrame({"anything": TEXTS}), 3),
        (lambda: {"text": TEXTS}, 3),
        (lambda: TEXTS[0], 1),
    ],
    ids=["list", "array", "series", "frame", "dictionary", "text"],
)
def test_texts_of_every_kind_give_a_table(make: Callable[[], Any], n: int) -> None:
    """A label and its score for each."""
    said = predict(with_tokenizer(bert()), make(), {})

    expected = labels()[:n]
    assert list(said.columns) == ["label", "score"]
    assert said["label"].tolist() == [each["label"] for each in expected]
    np.testing.assert_allclose(said["score"], [each["score"] for each in expected], rtol=1e-6)


def test_the_index_and_the_model_stay_and_params_are_handed_on() -> None:
    """A model that was being trained is afterwards."""
    model = with_tokenizer(bert()).train()
    rows = pd.DataFrame({"text": TEXTS}, index=[7, 8, 9])

    said = predict(model, rows, {})
    both = predict(model, rows, {"top_k": 2})

    assert (said.index.tolist(), model.training) == ([7, 8, 9], True)
    assert [len(each) for each in both] == [2, 2, 2]


def test_pairs_of_texts_are_taken() -> None:
    """By the names that the pipeline has for them."""
    said = predict(with_tokenizer(bert()), pd.DataFrame({"text": ["1"], "text_pair": ["2"]}), {})

    assert said["label"].tolist()[0] in ("LABEL_0", "LABEL_1")


def test_a_pipeline_is_made_once_and_keeps_no_model_alive() -> None:
    """It is gone with its model."""
    model = with_tokenizer(bert())
    for _ in range(2):
        predict(model, TEXTS, {})
    reference = weakref.ref(model)
    del model
    gc.collect()

    assert reference() is None


def test_texts_of_other_tasks_give_texts() -> None:
    """Of a generation what it has become, of tokens their kinds."""
    few = {"max_new_tokens": 2, "do_sample": False}

    written = predict(with_tokenizer(gpt()), TEXTS, few)
    assert [type(each) for each in written] == [str, str, str]
    assert len(predict(with_tokenizer(gpt()), TEXTS[0], few)) == 1
    kinds = predict(with_tokenizer(bert(BertForTokenClassification)), TEXTS, {})
    assert set(kinds) <= {"LABEL_0", "LABEL_1"}  # the tokenizer takes each text for one token
    assert len(kinds) == 3


def test_tokens_give_logits() -> None:
    """By the names of the forward, as a single array, or as columns of lists; half precision becomes single."""
    model, tokens = bert(), np.array([[1, 2, 3], [4, 5, 0]])
    with torch.no_grad():
        expected = bert().eval()(input_ids=torch.from_numpy(tokens)).logits.numpy()

    for given in ({"input_ids": tokens}, tokens, tokens.tolist(), pd.DataFrame({"input_ids": tokens.tolist()})):
        np.testing.assert_allclose(predict(model, given, {}), expected, rtol=1e-5)
    assert predict(bert().to(torch.bfloat16), tokens, {}).dtype == np.float32
    with pytest.raises(runlake.InvalidValue, match="there is no words"):
        predict(model, {"words": tokens}, {})
    with pytest.raises(runlake.InvalidValue, match="what prepares its inputs was not kept"):
        predict(model, TEXTS, {})
    assert predict("no model", TEXTS, {}) is None


def test_a_model_with_its_tokenizer_has_the_signature_of_its_pipeline() -> None:
    """A column of texts; without a tokenizer, or for another task, it has none of its own."""
    text = entities.Schema((entities.ColSpec("string"),))
    table = entities.Schema((entities.ColSpec("string", "label"), entities.ColSpec("double", "score")))

    assert kept(with_tokenizer(bert())).signature == entities.ModelSignature(text, table)
    assert kept(with_tokenizer(gpt())).signature == entities.ModelSignature(text, text)
    assert kept(bert()).signature is None


def test_another_process_says_the_same(tmp_path: Path) -> None:
    """Of tokens, by the files alone; of texts, where those of its tokenizer are among them."""
    tokens = np.array([[1, 2, 3], [4, 5, 0]])
    made = {"classes": (with_tokenizer(bert()), tokens), "words": (gpt(), tokens), "half": (bert().to(torch.bfloat16), tokens)}
    made["texts"] = (with_tokenizer(bert()), np.array(TEXTS))
    for name, (model, rows) in made.items():
        put_down(tmp_path / "models" / name, kept(model), rows, ["hook"])
    pipeline = transformers.pipeline("text-classification", model=bert().eval(), tokenizer=tokenizer(), device="cpu")
    put_down(tmp_path / "models" / "pipeline", kept(pipeline), np.array(TEXTS), ["hook"])

    said = said_elsewhere(tmp_path / "models", "transformers")

    for name in ("classes", "words", "half"):
        model, rows = made[name]
        np.testing.assert_allclose(said[f"{name}/hook"], predict(model, rows, {}), rtol=1e-5)
    for name in ("texts", "pipeline"):
        assert said[f"{name}/hook"][:, 0].tolist() == [each["label"] for each in labels()]
        np.testing.assert_allclose(said[f"{name}/hook"][:, 1].astype(float), [each["score"] for each in labels()], rtol=1e-5)


def test_what_tools_of_mlflow_are_told() -> None:
    """Where the model is; of an own class, which they could not find, nothing."""

    class Own(transformers.BertForSequenceClassification):  # type: ignore[no-untyped-call]  # transformers has no types there
        """As a program has its own."""

    found = kept(with_tokenizer(bert()))

    assert found.modules == ("transformers", "torch", "safetensors")
    told = found.flavors["transformers"]
    assert (told["task"], told["model_binary"], told["pipeline_model_type"]) == (
        "text-classification",
        ".",
        "BertForSequenceClassification",
    )
    assert (told["components"], told["torch_dtype"], told["transformers_version"]) == ([], "torch.float32", transformers.__version__)
    own = kept(bert(Own))
    assert (own.flavors, own.modules) == ({}, ("transformers", "torch", "safetensors", Own.__module__.partition(".")[0]))


@pytest.mark.parametrize("key", ["auto_map", "trust_remote_code"])
@pytest.mark.parametrize("name", ["config.json", "tokenizer_config.json", "tokenizer.json", "special_tokens_map.json", "model.json"])
@pytest.mark.parametrize("depth", [0, 1, 7])
def test_code_that_a_file_names_is_refused_at_any_depth(key: str, name: str, depth: int, tmp_path: Path) -> None:
    """In whatever file, with the module beside it, and nothing of that is run."""
    named: Any = {key: {"AutoModel": "modeling.Net", "AutoConfig": "modeling.Net"} if key == "auto_map" else True}
    for level in range(depth):
        named = {"text_config": named} if level % 2 else {"text_config": [named]}
    files = dict(kept(with_tokenizer(bert())).files)
    files[name] = json.dumps(json.loads(files.get(name, b"{}")) | named).encode()

    with pytest.raises(runlake.InvalidModel, match=f"{name} has '{key}'"):
        load_model(FORMAT, files, {})
    with pytest.raises(runlake.InvalidModel, match=r"'modeling.py' is no file of a model|has"):
        load_model(FORMAT, files | {"modeling.py": f"open({str(tmp_path / 'canary')!r}, 'w')".encode()}, {})
    assert os.listdir(tmp_path) == []


def test_a_pickle_under_any_name_is_refused(tmp_path: Path) -> None:
    """And never unpickled."""
    canary, files = tmp_path / "canary", dict(kept(with_tokenizer(bert())).files)
    pickled = f"cos\nsystem\n(S'touch {canary}'\ntR.".encode()

    for name in (*files, "pytorch_model.bin", "model.pt", "training_args.bin", "tf_model.h5"):
        if name != "chat_template.jinja":
            with pytest.raises(runlake.InvalidModel):
                load_model(FORMAT, {**files, name: pickled}, {})
    assert not canary.exists()
