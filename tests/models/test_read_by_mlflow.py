"""MLflow, where it is installed beside runlake, reads our models: what they are, what they say, and what is in a format of its own.

`MLFLOW_PYTHON` names the interpreter that has both; by default this one.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import runlake
from conftest import lacking

FRAME = pd.DataFrame(np.random.default_rng(0).normal(size=(40, 3)), columns=["height", "weight", "age"])
TARGETS = (FRAME["height"] > 0).astype(int)

READ = """
import json, logging, sys, warnings
warnings.simplefilter("ignore")
logging.disable(logging.WARNING)
import mlflow, pandas as pd
path, rows, library = sys.argv[1:]
frame = pd.read_csv(rows)
info = mlflow.models.get_model_info(path)
model = mlflow.pyfunc.load_model(path)
said = {
    "flavors": sorted(info.flavors),
    "inputs": info.signature.inputs.to_dict(),
    "predict": model.predict(frame[["age", "height", "weight"]]).tolist(),
    "dependencies": open(mlflow.pyfunc.get_model_dependencies(path)).read().splitlines(),
}
if library != "sklearn":
    said["native"] = getattr(mlflow, library).load_model(path).predict(frame).tolist()
try:
    model.predict(frame.drop(columns="age"))
except mlflow.MlflowException as error:
    said["error"] = str(error)
print(json.dumps(said))
"""


def python() -> str:
    """The interpreter that has MLflow and runlake, or the test is skipped."""
    found = os.environ.get("MLFLOW_PYTHON", sys.executable)
    if subprocess.run([found, "-c", "import mlflow, runlake"], capture_output=True, check=False).returncode:
        lacking("mlflow beside runlake")
    return found


def models() -> dict[str, Any]:
    """One for each library whose folders MLflow is to read."""
    from xgboost import XGBClassifier

    pipeline = make_pipeline(StandardScaler(), LogisticRegression()).fit(FRAME, TARGETS)
    return {"sklearn": pipeline, "xgboost": XGBClassifier(n_estimators=5).fit(FRAME, TARGETS)}


@pytest.mark.parametrize("library", ["sklearn", "xgboost"])
def test_mlflow_reads_what_we_wrote(library: str, tmp_path: Path) -> None:
    """Its `pyfunc` through our loader, with its own enforcement of our signature; and what is in a format of its own by that."""
    found, model, path = python(), models()[library], tmp_path / "model"
    FRAME.to_csv(tmp_path / "rows.csv", index=False)
    signature = runlake.models.infer_signature(FRAME, model.predict(FRAME))
    getattr(runlake, library).save_model(model, path, signature=signature)

    done = subprocess.run([found, "-c", READ, str(path), str(tmp_path / "rows.csv"), library], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    said = json.loads(done.stdout.splitlines()[-1])

    assert said["flavors"] == ["python_function", library]
    assert [each["name"] for each in said["inputs"]] == ["height", "weight", "age"]
    assert said["predict"] == said.get("native", said["predict"]) == model.predict(FRAME).tolist()
    assert "age" in said["error"]
    assert any(line.startswith("runlake==") for line in said["dependencies"])
