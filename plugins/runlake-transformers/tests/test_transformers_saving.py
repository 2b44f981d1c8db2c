"""Models, adapters and pipelines are kept in a safe form and come back as they were; what was not saved so is refused."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import peft
import pytest
import torch
import transformers
from runlake_transformers import FORMAT, load_model, save_model
from transformers import BertForSequenceClassification, GPT2Config, GPT2LMHeadModel

import runlake
from children import run_program
from trainers import bert, tokenizer, trainer

Runs = Callable[[], list[runlake.read.Run]]

PLENTY = 1 << 28
PEFT = "ignore:.is_gradient_checkpointing. is deprecated:FutureWarning"  # of which it asks every model
ROWS = torch.ones(2, 4, dtype=torch.long)


def gpt() -> Any:
    """A model whose weights are shared at both ends."""
    return GPT2LMHeadModel(GPT2Config(vocab_size=32, n_embd=8, n_layer=1, n_head=2, n_positions=16, bos_token_id=0, eos_token_id=0))


def adapted() -> Any:
    """A model with an adapter."""
    told = peft.LoraConfig(task_type="SEQ_CLS", r=2, lora_alpha=4, target_modules=["query", "value"], init_lora_weights=False)
    return peft.get_peft_model(bert(), told)


class Own(BertForSequenceClassification):  # type: ignore[no-untyped-call]  # transformers has no types there
    """As a program has its own."""


def files_of(model: Any) -> dict[str, bytes]:
    """What it is saved as."""
    saved = save_model(model, PLENTY)
    assert saved is not None
    assert saved.why_not == ""
    return dict(saved.files)


def again(files: Mapping[str, bytes], **options: Any) -> Any:
    """What comes back."""
    return load_model(FORMAT, files, options)


def said(model: Any) -> Any:
    """What a model gives."""
    with torch.no_grad():
        return model.eval()(input_ids=ROWS).logits.tolist()


@pytest.mark.parametrize("make", [bert, gpt, lambda: bert().to(torch.bfloat16)], ids=["bert", "gpt", "half"])
def test_a_model_comes_back(make: Callable[[], Any]) -> None:
    """Of its class, its weights shared as they were, its type of numbers kept; and saving leaves it as it is."""
    model = make()
    before = model.config.to_dict()

    loaded = again(files_of(model))

    assert (type(loaded), loaded.dtype, said(loaded)) == (type(model), model.dtype, said(model))
    assert model.config.to_dict() == before
    if isinstance(model, GPT2LMHeadModel):
        assert loaded.lm_head.weight is loaded.transformer.wte.weight


def test_a_pipeline_comes_back() -> None:
    """Or its model alone, or its parts."""
    files = files_of(transformers.pipeline("text-classification", model=bert().eval(), tokenizer=tokenizer()))
    known = transformers.pipeline("text-classification", model=bert().eval(), tokenizer=tokenizer())("1 2 3")

    assert again(files)("1 2 3") == known
    assert again(files, return_type="pipeline")("1 2 3") == known
    assert type(again(files, return_type="model")) is BertForSequenceClassification
    assert sorted(again(files, return_type="components")) == ["model", "tokenizer"]


def test_a_model_without_a_tokenizer_makes_no_pipeline() -> None:
    """It is looked for nowhere else, and the model comes back without a name of ours."""
    files = files_of(bert())

    with pytest.raises(runlake.RunlakeError, match="what prepares its inputs was not kept"):
        again(files, return_type="pipeline")
    assert again(files).config._name_or_path == ""


@pytest.mark.filterwarnings(PEFT)
def test_an_adapter_comes_back_on_its_base() -> None:
    """Which the files do not have; a process without it is told so."""
    model = adapted()
    files = files_of(model)

    assert sum(map(len, files.values())) < len(files_of(bert())["model.safetensors"])
    assert said(again(files, base_model=bert())) == said(model)
    with pytest.raises(runlake.RunlakeError, match="an adapter of a model without a name"):
        again(files)


def test_a_model_of_a_class_of_the_programs_own_needs_that() -> None:
    """The plugin of this library is asked before PyTorch's all the same."""
    saved = save_model(bert(Own), PLENTY)

    assert saved is not None
    assert saved.needs_class
    assert type(again(saved.files, model_class=Own)) is Own
    with pytest.raises(runlake.RunlakeError, match="a class of the program"):
        again(saved.files)


@pytest.mark.filterwarnings(PEFT)
@pytest.mark.parametrize("make", [bert, lambda: bert(Own), adapted], ids=["model", "own", "adapter"])
def test_the_model_of_a_training_is_kept(runs: Runs, tmp_path: Path, make: Callable[[], Any]) -> None:
    """With its tokenizer, as text; what an adapter was told are params."""
    runlake.autolog("transformers", "torch")

    made = trainer(tmp_path, make(), processing_class=tokenizer())
    made.train()

    (run,) = runs()
    kept = {name.partition("/")[2] for name in run.artifacts if name.startswith("model/")}
    is_adapter = isinstance(made.model, peft.PeftModel)
    weights = {"adapter_config.json", "adapter_model.safetensors"} if is_adapter else {"config.json", "model.safetensors"}
    assert kept >= {"model.json", "tokenizer.json", "tokenizer_config.json", *weights}
    assert not any(name.endswith((".bin", ".pt", ".pkl")) for name in kept)
    assert (run.tags["runlake.model.format"], run.params["tokenizer_max_length"], run.errors) == (FORMAT, 16, [])
    assert not is_adapter or (run.params["peft_type"], run.params["peft_r"], run.params["trainable_parameters"]) == ("LORA", 2, 82)


def test_another_process_loads_what_a_training_kept(runs: Runs, tmp_path: Path) -> None:
    """By the run alone, as a pipeline that answers."""
    runlake.autolog("transformers")
    trainer(tmp_path, processing_class=tokenizer()).train()
    (run,) = runs()

    program = """
        import sys, runlake
        loaded = runlake.transformers.load_model(sys.argv[1], return_type="pipeline")
        print(loaded("1 2")[0]["label"] in ("LABEL_0", "LABEL_1"))
    """
    ended = run_program(program, Path(str(runlake.read.open_store().path)), f"runs:/{run.info.run_id}/model", HF_HUB_OFFLINE="1")

    assert (ended.stdout.splitlines()[-1:], ended.returncode) == (["True"], 0), ended.stderr


def changed(name: str, **values: Any) -> dict[str, bytes]:
    """A model's files, one of which says something else."""
    files = files_of(bert())
    return files | {name: json.dumps(json.loads(files.get(name, b"{}")) | values).encode()}


CODE = "import os\nos.environ['FORGED'] = 'yes'\n"
FORGED = {
    "code": files_of(bert()) | {"modeling.py": CODE.encode()},
    "a pickle": files_of(bert()) | {"pytorch_model.bin": b"\x80\x04."},
    "a path": files_of(bert()) | {"../escaped.json": b"{}"},
    "an absolute path": files_of(bert()) | {"/tmp/escaped.json": b"{}"},
    "code elsewhere": changed("config.json", auto_map={"AutoModel": "someone/somewhere--modeling.Net"}),
    "a tokenizer's code": changed("tokenizer_config.json", auto_map={"AutoTokenizer": ["someone--x.T", None]}),
    "code in a part": changed("config.json", text_config={"auto_map": {"AutoModel": "modeling.Net"}}),
    "a quantizer": changed("config.json", quantization_config={"quant_method": "custom"}),
    "a word for code": changed("tokenizer_config.json", tokenizer_kwargs={"trust_remote_code": True}),
    "a module": files_of(bert()) | {"adapter_config.json": b'{"megatron_core": "os", "megatron_config": {"a": 1}}'},
    "another class": changed("config.json", architectures=["Trainer"]),
    "a private class": changed("config.json", architectures=["__class__"]),
    "no class": changed("config.json", architectures=[]),
    "another size": changed("config.json", hidden_size=1 << 40),
    "too many layers": changed("config.json", num_hidden_layers=1 << 40),
    "one tensor less": files_of(bert()) | {"model.safetensors": files_of(bert().bert)["model.safetensors"]},
    "no tensors": {name: content for name, content in files_of(bert()).items() if name != "model.safetensors"},
    "cut tensors": files_of(bert()) | {"model.safetensors": files_of(bert())["model.safetensors"][:100]},
    "other parts": changed("model.json", parts={"os": "os"}),
    "no dictionary": files_of(bert()) | {"model.json": b"[]"},
    "nothing": {},
}


@pytest.mark.parametrize("files", FORGED.values(), ids=FORGED.keys())
def test_a_forged_file_is_refused(files: Mapping[str, bytes], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """With one error, and nothing is run or left behind."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.delenv("FORGED", raising=False)

    with pytest.raises(runlake.RunlakeError):
        again(files)

    assert list(tmp_path.iterdir()) == []
    assert "FORGED" not in os.environ


def test_a_kernel_that_a_file_names_is_not_fetched() -> None:
    """The model computes as the library does by itself."""
    loaded = again(changed("config.json", _attn_implementation="someone/kernel", attn_implementation="someone/kernel"))

    assert "/" not in loaded.config._attn_implementation


def test_what_is_too_large_or_not_of_the_library_is_not_kept() -> None:
    """The first with the reason."""
    saved = save_model(bert(), 100)

    assert saved is not None
    assert saved.why_not == "it takes more than 100 bytes"
    assert save_model(torch.nn.Linear(1, 1), PLENTY) is None
    assert load_model("torch/1", {}, {}) is None


@pytest.mark.parametrize(("options", "message"), [({"as_": "x"}, "there is no as_"), ({"return_type": "x"}, "return_type is one of")])
def test_an_option_that_there_is_not_is_an_error(options: dict[str, str], message: str) -> None:
    """Which says what there is."""
    with pytest.raises(runlake.RunlakeError, match=message):
        again(files_of(bert()), **options)


def test_nothing_is_said_of_the_folder_in_which_a_tokenizer_is_written(tmp_path: Path) -> None:
    """Also where the program wants to hear what the library does; of its own folders it hears still."""
    program = """
        import sys
        import transformers
        from runlake_transformers import save_model
        from tokenizers import Tokenizer, models

        transformers.logging.set_verbosity_info()
        inner = Tokenizer(models.WordLevel({"[UNK]": 0}, unk_token="[UNK]"))
        tokenizer = transformers.PreTrainedTokenizerFast(tokenizer_object=inner, unk_token="[UNK]")
        config = transformers.BertConfig(vocab_size=8, hidden_size=8, num_hidden_layers=1, num_attention_heads=2, intermediate_size=8)
        model = transformers.BertForSequenceClassification(config)
        pipeline = transformers.pipeline("text-classification", model=model, tokenizer=tokenizer, device="cpu")
        print("tokenizer.json" in save_model(pipeline, 1 << 28).files)
        tokenizer.save_pretrained(sys.argv[1])
    """
    ended = run_program(program, tmp_path / "store", str(tmp_path / "own"), HF_HUB_OFFLINE="1")

    said = [line for line in ended.stderr.splitlines() if "saved in" in line]
    assert (ended.returncode, ended.stdout.split()) == (0, ["True"]), ended.stderr
    assert [str(tmp_path / "own") in line for line in said] == [True]
