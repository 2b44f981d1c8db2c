"""Whatever is changed in the files of a model, in either form, they are refused or give a model that answers; no process dies of it."""

from __future__ import annotations

import io
import random
import sys
import zipfile
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
from runlake_sklearn import FORMAT, SKOPS
from runlake_sklearn.loading import loaded
from runlake_sklearn.saving import saved
from scipy.sparse import csr_matrix
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import SVC

from mutations import Case, as_json, attack, changed_bytes, files_of, mutation_tests, use

X = np.random.default_rng(0).normal(size=(40, 4))
THREE = np.digitize(X[:, 0], [-0.5, 0.5])

MODELS: dict[str, Callable[[], Any]] = {
    "a forest": lambda: RandomForestClassifier(2, max_depth=3, random_state=0).fit(X, THREE),
    "bins": lambda: HistGradientBoostingRegressor(max_iter=2, min_samples_leaf=5).fit(X, X[:, 0]),
    "neighbors": lambda: KNeighborsClassifier(3, algorithm="kd_tree", leaf_size=5).fit(X, THREE),
    "balls": lambda: KNeighborsClassifier(3, algorithm="ball_tree", leaf_size=5).fit(X, THREE),
    "sparse vectors": lambda: SVC().fit(csr_matrix(X), THREE),
    "a pipeline": lambda: make_pipeline(StandardScaler(), LogisticRegression()).fit(X, THREE),
    "categories": lambda: make_pipeline(OneHotEncoder(handle_unknown="ignore"), LogisticRegression()).fit(np.round(X), THREE),
}


def of_model(name: str, form: str) -> Mapping[str, bytes]:
    """What it is saved as."""
    return files_of(saved(MODELS[name](), 1 << 28, form))


def before_compression(data: bytes, chance: random.Random) -> bytes:
    """The arrays with something changed, as many bytes as before, in a frame that is whole."""
    with pa.CompressedInputStream(pa.BufferReader(data), "zstd") as stream:
        plain = stream.read()
    changed = changed_bytes(plain, chance)
    return bytes(pa.compress((changed + plain)[: len(plain)], codec="zstd", asbytes=True))


def in_a_member(data: bytes, chance: random.Random) -> bytes:
    """An archive of which one member was changed, and which is whole but for that; the schema as often as all the others."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    others = [name for name in members if name != "schema.json"]
    name = chance.choice(others) if others and chance.random() < 0.5 else "schema.json"
    members[name] = as_json(members[name], chance) if name == "schema.json" else in_an_array(members[name], chance)
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as archive:
        for each, content in members.items():
            archive.writestr(each, content)
    return written.getvalue()


def in_an_array(content: bytes, chance: random.Random) -> bytes:
    """Numbers, behind a head that says what it said; now and then the head."""
    if not content.startswith(b"\x93NUMPY") or chance.random() < 0.2:
        return changed_bytes(content, chance)
    head = 10 + int.from_bytes(content[8:10], "little")
    changed = changed_bytes(content[head:], chance)
    return content[:head] + (changed + content[head:])[: len(content) - head]


def read(files: Mapping[str, bytes]) -> None:
    """Load and ask."""
    model = loaded(SKOPS if "model.skops" in files else FORMAT, files, {})
    for rows in (X, csr_matrix(X)):
        for method in ("predict", "predict_proba", "decision_function", "kneighbors", "apply"):
            use(lambda method=method, rows=rows: getattr(model, method)(rows))  # type: ignore[misc]  # a default is a value


CASES: dict[str, Case] = {
    **{f"the tree of {name}": (partial(of_model, name, "runlake"), "estimator.json", as_json) for name in MODELS},
    **{f"the arrays of {name}": (partial(of_model, name, "runlake"), "buffers.bin.zst", before_compression) for name in MODELS},
    **{f"members of {name}": (partial(of_model, name, "skops"), "model.skops", in_a_member) for name in MODELS},
    "a frame": (partial(of_model, "a forest", "runlake"), "buffers.bin.zst", changed_bytes),
    "an archive": (partial(of_model, "a forest", "skops"), "model.skops", changed_bytes),
}


test_no_changed_file_of_some_ends_the_process, test_no_changed_file_ends_the_process = mutation_tests(__file__, CASES, 10)


if __name__ == "__main__":
    attack(CASES, read, sys.argv[1:])
