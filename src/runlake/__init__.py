"""Record every training run of a Python process in open Parquet.

Every name is loaded at its first use, so that `import runlake` costs next to nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from runlake import facades

if TYPE_CHECKING:
    from runlake import artifacts as artifacts
    from runlake import client as client
    from runlake import data as data
    from runlake import entities as entities
    from runlake import exceptions as exceptions
    from runlake import models as models
    from runlake import projects as projects
    from runlake import pyfunc as pyfunc
    from runlake import read as read
    from runlake import tracking as tracking
    from runlake import types as types
    from runlake.client.artifacts import list_artifacts, load_table
    from runlake.client.reading import (
        get_experiment,
        get_experiment_by_name,
        get_metric_history,
        get_parent_run,
        get_run,
    )
    from runlake.client.registry import register_model, search_model_versions, search_registered_models
    from runlake.client.searching import search_experiments, search_runs
    from runlake.client.tracking import MlflowClient, RunlakeClient
    from runlake.errors import (
        ConsentNeeded,
        InvalidFilter,
        InvalidModel,
        InvalidValue,
        NoActiveRun,
        RunlakeError,
        StoreError,
        UnknownArtifact,
        UnknownExperiment,
        UnknownModel,
        UnknownRun,
    )
    from runlake.instrument.autolog import Autolog, autolog, disable_autolog
    from runlake.instrument.call import Call
    from runlake.instrument.explained import Explainer, Learner, Linear, Unexplained
    from runlake.instrument.hookspecs import hookimpl
    from runlake.instrument.isolated import isolated
    from runlake.instrument.opened import DataFacts
    from runlake.instrument.parts import load_part, save_part
    from runlake.instrument.patches import Patch, Registration
    from runlake.instrument.saved import Saved
    from runlake.instrument.training import training
    from runlake.projects.submitted import run
    from runlake.read.sql import sql
    from runlake.recording.experiments import (
        create_experiment,
        delete_experiment,
        rename_experiment,
        restore_experiment,
        set_experiment,
        set_experiment_tag,
        set_experiment_tags,
    )
    from runlake.recording.runs import ActiveRun, Child
    from runlake.recording.verbs import (
        active_run,
        delete_run,
        delete_tag,
        end_run,
        flush,
        get_artifact_uri,
        get_tracking_uri,
        last_active_run,
        log_artifact,
        log_artifacts,
        log_batch,
        log_dict,
        log_figure,
        log_image,
        log_input,
        log_metric,
        log_metrics,
        log_param,
        log_params,
        log_table,
        log_text,
        restore_run,
        set_metric_goal,
        set_tag,
        set_tags,
        set_tracking_uri,
        start_run,
    )

__version__ = "0.1.0"

__all__ = [
    "ActiveRun",
    "Autolog",
    "Call",
    "Child",
    "ConsentNeeded",
    "DataFacts",
    "Explainer",
    "InvalidFilter",
    "InvalidModel",
    "InvalidValue",
    "Learner",
    "Linear",
    "MlflowClient",
    "NoActiveRun",
    "Patch",
    "Registration",
    "RunlakeClient",
    "RunlakeError",
    "Saved",
    "StoreError",
    "Unexplained",
    "UnknownArtifact",
    "UnknownExperiment",
    "UnknownModel",
    "UnknownRun",
    "active_run",
    "artifacts",
    "autolog",
    "client",
    "create_experiment",
    "data",
    "delete_experiment",
    "delete_run",
    "delete_tag",
    "disable_autolog",
    "end_run",
    "entities",
    "exceptions",
    "flush",
    "get_artifact_uri",
    "get_experiment",
    "get_experiment_by_name",
    "get_metric_history",
    "get_parent_run",
    "get_run",
    "get_tracking_uri",
    "hookimpl",
    "isolated",
    "last_active_run",
    "list_artifacts",
    "load_part",
    "load_table",
    "log_artifact",
    "log_artifacts",
    "log_batch",
    "log_dict",
    "log_figure",
    "log_image",
    "log_input",
    "log_metric",
    "log_metrics",
    "log_param",
    "log_params",
    "log_table",
    "log_text",
    "models",
    "projects",
    "pyfunc",
    "read",
    "register_model",
    "rename_experiment",
    "restore_experiment",
    "restore_run",
    "run",
    "save_part",
    "search_experiments",
    "search_model_versions",
    "search_registered_models",
    "search_runs",
    "set_experiment",
    "set_experiment_tag",
    "set_experiment_tags",
    "set_metric_goal",
    "set_tag",
    "set_tags",
    "set_tracking_uri",
    "sql",
    "start_run",
    "tracking",
    "training",
    "types",
]

_MODULES = ("artifacts", "client", "data", "entities", "exceptions", "models", "projects", "pyfunc", "read", "tracking", "types")
_NAMES = {
    "runlake.client.artifacts": "list_artifacts load_table",
    "runlake.client.reading": "get_experiment get_experiment_by_name get_metric_history get_parent_run get_run",
    "runlake.client.tracking": "MlflowClient RunlakeClient",
    "runlake.client.registry": "register_model search_model_versions search_registered_models",
    "runlake.client.searching": "search_experiments search_runs",
    "runlake.errors": (
        "ConsentNeeded InvalidFilter InvalidModel InvalidValue NoActiveRun RunlakeError StoreError UnknownArtifact UnknownExperiment "
        "UnknownModel UnknownRun"
    ),
    "runlake.instrument.autolog": "Autolog autolog disable_autolog",
    "runlake.instrument.call": "Call",
    "runlake.instrument.explained": "Explainer Learner Linear Unexplained",
    "runlake.instrument.hookspecs": "hookimpl",
    "runlake.instrument.isolated": "isolated",
    "runlake.instrument.opened": "DataFacts",
    "runlake.instrument.parts": "load_part save_part",
    "runlake.instrument.patches": "Patch Registration",
    "runlake.instrument.saved": "Saved",
    "runlake.instrument.training": "training",
    "runlake.projects.submitted": "run",
    "runlake.read.sql": "sql",
    "runlake.recording.experiments": (
        "create_experiment delete_experiment rename_experiment restore_experiment set_experiment set_experiment_tag set_experiment_tags"
    ),
    "runlake.recording.runs": "ActiveRun Child",
    "runlake.recording.verbs": (
        "active_run delete_run delete_tag end_run flush get_artifact_uri get_tracking_uri last_active_run log_artifact log_artifacts "
        "log_batch log_dict log_figure log_image log_input log_metric log_metrics log_param log_params log_table log_text restore_run "
        "set_metric_goal set_tag set_tags set_tracking_uri start_run"
    ),
}
_HOMES = {name: module for module, names in _NAMES.items() for name in names.split()}


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return importlib.import_module(f"runlake.{name}")
    if name not in _HOMES:
        if not name.startswith("_") and facades.is_library(name):
            return importlib.import_module(f"runlake.{name}")
        raise AttributeError(f"module 'runlake' has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOMES[name]), name)
    globals()[name] = value  # the next look-up finds it at once
    return value


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
