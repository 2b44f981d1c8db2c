"""The models that a run keeps: what each is, how it is loaded, asked and served, and which versions were made of it."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any

from starlette.requests import Request
from starlette.routing import Route

from runlake.entities import ModelSignature
from runlake.read import DescribedModel, Run, asking_lines, models_in, quoted
from runlake_ui.run.opened import Parts, about_run
from runlake_ui.served import served_by

__all__ = ["ROUTES", "signature_told"]

MOST_COLUMNS = 2000


def models(request: Request, run: Run) -> dict[str, Any]:
    """All of them."""
    served, parts = served_by(request), Parts()
    versions = parts.told("the registry", lambda: list(served.client.search_model_versions(f"run_id = {quoted(run.info.run_id)}")), [])
    found = parts.told("models", lambda: models_in(run), [])
    told = [parts.told("a model", partial(_model, model, run, versions, str(served.path)), None) for model in found]
    return {"models": [each for each in told if each is not None], "problems": parts.problems}


def _model(model: DescribedModel, run: Run, versions: Sequence[Any], store: str) -> dict[str, Any]:
    info = model.info
    address = f"runs:/{run.info.run_id}/{info.artifact_path}".rstrip("/")
    lines = asking_lines(model, address, store)
    loading = lines[lines.index("import runlake") : -1]
    serving = ["runlake", "models", "serve", "-m", address, "--store", store]
    if model.is_code:
        serving += ["--allow-unsafe", info.digest, "--reason", "I know who wrote it"]
    return {
        "path": info.artifact_path,
        "flavors": [str(name) for name in info.flavors],
        "format": info.format_id,
        "digest": info.digest,
        "size": model.n_bytes,
        "n_files": model.n_files,
        "created": _milliseconds(info.utc_time_created),
        "requirements": list(model.requirements)[:MOST_COLUMNS],
        "is_code": model.is_code,
        "signature": signature_told(info.signature),
        "predict": "\n".join(lines),
        "load": "\n".join(loading),
        "serve": shlex.join(serving),
        "versions": [
            {"name": each.name, "version": int(each.version), "aliases": list(each.aliases), "stage": str(each.current_stage)}
            for each in versions
            if each.source == address or each.digest == info.digest
        ],
    }


def _milliseconds(said: str) -> int | None:
    try:
        return int(datetime.fromisoformat(said).replace(tzinfo=UTC).timestamp() * 1000)
    except ValueError:
        return None


def signature_told(signature: ModelSignature | None) -> dict[str, Any] | None:
    """What a model takes and gives."""
    if signature is None:
        return None
    params = signature.to_dict()["params"]
    return {"inputs": _columns(signature.inputs), "outputs": _columns(signature.outputs), "params": params}


def _columns(schema: Any) -> list[dict[str, Any]] | None:
    """Its columns or tensors; the shape of a tensor has -1 where any size is taken."""
    if schema is None:
        return None
    return [
        {
            "name": None if each.name is None else str(each.name),
            "type": str(each.type),
            "shape": list(each.shape) if hasattr(each, "shape") else None,
            "required": bool(each.required),
        }
        for each in list(schema)[:MOST_COLUMNS]
    ]


ROUTES: Sequence[Route] = [Route("/runs/{run_id}/models", about_run(models), methods=["GET"])]
