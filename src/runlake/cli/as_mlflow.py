"""`runlake as-mlflow SCRIPT`: run a program written for MLflow, with that name meaning runlake in this process."""

from __future__ import annotations

import importlib
import os
import runpy
import sys
from collections.abc import Callable, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

import click

import runlake

__all__ = ["as_mlflow"]


@click.command(name="as-mlflow", context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@click.argument("script", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def as_mlflow(script: Path, arguments: tuple[str, ...]) -> Callable[[], None]:
    """Run SCRIPT with ARGUMENTS; what it imports as mlflow is runlake.

    MLFLOW_TRACKING_URI and MLFLOW_EXPERIMENT_NAME are read here, and nowhere else.

    Example: runlake as-mlflow train.py --alpha 0.5
    """

    def run() -> None:
        sys.meta_path.insert(0, _MlflowIsRunlake())
        if uri := os.environ.get("MLFLOW_TRACKING_URI"):
            runlake.set_tracking_uri(uri)
        if name := os.environ.get("MLFLOW_EXPERIMENT_NAME"):
            runlake.set_experiment(name)
        sys.argv = [str(script), *arguments]
        sys.path.insert(0, str(script.resolve().parent))
        runpy.run_path(str(script), run_name="__main__")

    return run


class _MlflowIsRunlake(MetaPathFinder, Loader):
    """Finds `mlflow` and what is below it at runlake's modules; they are the same objects, not copies."""

    def find_spec(self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None) -> ModuleSpec | None:
        """The modules of that name, and no others."""
        return ModuleSpec(name, self) if name == "mlflow" or name.startswith("mlflow.") else None

    def create_module(self, spec: ModuleSpec) -> None:
        """An empty one, which the real one takes the place of."""

    def exec_module(self, module: ModuleType) -> None:
        """Put runlake's module where the import looks for its outcome."""
        real = "runlake" + module.__name__.removeprefix("mlflow")
        try:
            sys.modules[module.__name__] = importlib.import_module(real)
        except ModuleNotFoundError as error:
            if error.name != real:
                raise
            raise ModuleNotFoundError(
                f"runlake has no {real.partition('.')[2]!r}, which this program imports from mlflow.", name=module.__name__
            ) from None
