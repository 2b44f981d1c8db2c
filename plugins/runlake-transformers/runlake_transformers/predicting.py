"""What a model says: of texts by the pipeline of its task, where its tokenizer was kept; of arrays of tokens itself."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import torch
import transformers

from runlake import InvalidValue
from runlake_transformers.describing import task_of
from runlake_transformers.processing import processing_of
from runlake_transformers.saving import is_adapter, is_pipeline, part_of
from runlake_transformers.tasks import SAID

__all__ = ["predicted"]

_made: WeakKeyDictionary[Any, Any] = WeakKeyDictionary()  # pipelines of models, each without its model, which it would keep alive


def predicted(model: Any, data: Any, params: Mapping[str, Any]) -> Any:
    """Of texts what its users expect of the task, one for each text; of tokens the logits. None for a model of another library."""
    if is_pipeline(model):
        return _of_pipeline(model, data, params)
    if not isinstance(model, transformers.PreTrainedModel) and not is_adapter(model):
        return None
    texts = _texts(data)
    if texts is None:
        return _of_tokens(model, data, params)
    pipeline = _pipeline_of(model)
    if pipeline is None:
        what = "what prepares its inputs was not kept with it" if processing_of(model) is None else "nothing says what task it is for"
        raise InvalidValue(f"{type(model).__name__} is not asked with texts: {what}. It takes arrays, by the names of its forward.")
    return _of_pipeline(pipeline, data, params)


def _of_pipeline(pipeline: Any, data: Any, params: Mapping[str, Any]) -> Any:
    given = _texts(data)
    with _asked(pipeline.model):
        said = pipeline(data if given is None else given, **params)
    if given is None:
        return said
    if pipeline.task == "text-classification" and all(isinstance(each, Mapping) for each in said):
        return _table(said, getattr(data, "index", None) if hasattr(data, "iloc") else None)
    names = SAID.get(pipeline.task)
    if names is None:
        return said
    each_said = said if len(said) == len(given) and isinstance(said[0], list) else [said]  # of a single text it may be bare
    return [_text_of(each, names, joined=pipeline.task == "token-classification") for each in each_said]


def _table(said: Any, index: Any) -> Any:
    import pandas as pd

    return pd.DataFrame({name: [each[name] for each in said] for name in ("label", "score")}, index=index)


def _text_of(said: list[Mapping[str, Any]], names: tuple[str, ...], *, joined: bool) -> str:
    """The best that there is; of tokens the kinds of all of them."""
    texts = [str(each[name]) for each in said for name in names if name in each]
    return ",".join(texts) if joined else texts[0]


def _pipeline_of(model: Any) -> Any:
    """Made once; it holds the model only as long as it is asked."""
    task, processing = task_of(model.get_base_model() if is_adapter(model) else model), processing_of(model)
    if processing is None or not task:
        return None
    if model not in _made:
        make: Any = transformers.pipeline
        made = make(task, model=model, device=model.device, **{part_of(processing): processing})
        made.model = None
        _made[model] = made
    pipeline = copy.copy(_made[model])
    pipeline.model = model
    return pipeline


def _texts(data: Any) -> list[Any] | None:
    """Texts, or pairs of them by their names; None for what is none."""
    if isinstance(data, str):
        return [data]
    if isinstance(data, Mapping) and len(data) == 1:
        return _texts(next(iter(data.values())))
    if hasattr(data, "columns") and hasattr(data, "iloc"):
        if set(data.columns) == {"text", "text_pair"}:
            return [dict(zip(data.columns, row, strict=True)) for row in data.itertuples(index=False)]
        return _texts(data.iloc[:, 0]) if len(data.columns) == 1 else None
    if not hasattr(data, "tolist") and not isinstance(data, (list, tuple)):
        return None
    found = list(data.tolist() if hasattr(data, "tolist") else data)
    return found if found and all(isinstance(each, str) for each in found) else None


def _of_tokens(model: Any, data: Any, params: Mapping[str, Any]) -> Any:
    """By the names of its forward."""
    takes = inspect.signature(model.forward).parameters
    given = _by_name(model, data)
    unknown = [name for name in given if name not in takes]
    if unknown:
        raise InvalidValue(
            f"{type(model).__name__} is given texts or arrays by the names of its forward; there is no {', '.join(unknown)}."
        )
    tensors = {name: _tensor(model, each) for name, each in given.items()}
    with _asked(model):
        said = model(**tensors, **{name: value for name, value in params.items() if name in takes})
        logits = getattr(said, "logits", None)
        return _arrays(said if logits is None else logits)


def _by_name(model: Any, data: Any) -> dict[str, Any]:
    """Columns of lists as arrays; a single array is the model's main input."""
    if hasattr(data, "columns") and hasattr(data, "iloc"):
        return {str(name): np.stack([np.asarray(cell) for cell in data[name]]) for name in data.columns}
    if isinstance(data, Mapping):
        return {str(name): each for name, each in data.items()}
    return {str(model.main_input_name): data}


def _tensor(model: Any, given: Any) -> torch.Tensor:
    held = given if isinstance(given, torch.Tensor) else torch.from_numpy(np.array(given))
    return held.to(model.device, model.dtype if held.is_floating_point() else torch.int64)


def _arrays(said: Any) -> Any:
    if isinstance(said, torch.Tensor):
        held = said.detach().cpu()
        return (held.float() if held.dtype is torch.bfloat16 else held).numpy()
    if isinstance(said, Mapping):
        return {str(name): _arrays(each) for name, each in said.items()}
    return [_arrays(each) for each in said] if isinstance(said, (list, tuple)) else said


@contextmanager
def _asked(model: torch.nn.Module) -> Iterator[None]:
    """Nothing is dropped, and no gradient is kept; each part is then as it was before."""
    modes = [(part, part.training) for part in model.modules()]
    model.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        for part, mode in modes:
            part.training = mode
