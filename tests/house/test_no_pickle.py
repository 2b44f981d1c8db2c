"""Nothing in the house runs what a file says, but for the few places that are listed here with their reasons."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import runlake

SRC = Path(runlake.__file__).parent
ROOT = SRC.parent.parent
FILES = sorted([*SRC.rglob("*.py"), *(ROOT / "plugins").glob("*/runlake_*.py"), *(ROOT / "plugins").glob("*/runlake_*/**/*.py")])

MODULES = {"pickle", "_pickle", "cPickle", "cloudpickle", "dill", "joblib", "marshal", "shelve", "runpy", "code", "codeop"}
BUILTINS = {"eval", "exec", "compile", "__import__"}
CALLS = {
    *("torch.load", "torch.jit.load", "torch.export.load", "torch.package.PackageImporter", "torch.hub.load"),
    *("pandas.read_pickle", "yaml.load", "yaml.unsafe_load", "yaml.full_load", "os.system", "os.popen", "shutil.unpack_archive"),
    *("importlib.util.spec_from_file_location", "importlib.machinery.SourceFileLoader", "subprocess.getoutput"),
    *("subprocess.getstatusoutput", "asyncio.create_subprocess_shell", "importlib.abc.InspectLoader", "importlib.abc.SourceLoader"),
}
METHODS = {"extractall", "unpack_archive", "exec_module", "read_pickle"}
NOT_SO = {"allow_pickle": False, "shell": False, "weights_only": True, "trust_remote_code": False}

ALLOWED = {
    # A model that is a pickle: written where a person asks for it, loaded after consent to its bytes.
    "runlake/models/code/pickles.py": {"cloudpickle", "pickle"},
    # The source of a model, run after consent.
    "runlake/models/code/modules.py": {"compile", "exec"},
    # Compiled to compare it with what runs already; it is not run.
    "runlake/models/code/definitions.py": {"compile"},
    # The program that the user names on the command line.
    "runlake/cli/as_mlflow.py": {"runpy"},
    # What the program imports by itself, watched.
    "runlake/instrument/finder.py": {"exec_module"},
    "runlake/verify/observer.py": {"exec_module"},
    # The kit for plugin authors pickles objects of its own to compare them.
    "runlake/testing/harmless.py": {"cloudpickle", "pickle"},
    "runlake/testing/scenario.py": {"pickle"},
}


def findings(text: str) -> set[str]:
    """What in this source could run what a file says, by its name."""
    tree = ast.parse(text)
    return set(_imports(tree)) | set(_names(tree)) | set(_calls(tree))


def _imports(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.partition(".")[0] in MODULES)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] in MODULES:
            yield node.module or ""
        elif isinstance(node, ast.Call) and _dotted(node.func, {}).rpartition(".")[2] in ("import_module", "__import__"):
            said = node.args[0].value if node.args and isinstance(node.args[0], ast.Constant) else ""
            if isinstance(said, str) and said.partition(".")[0] in MODULES:
                yield said


def _names(tree: ast.Module) -> Iterator[str]:
    """Of those that are dangerous wherever they stand: whoever has them can call them."""
    known = _aliases(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and node.id in BUILTINS:
            yield node.id
        elif isinstance(node, (ast.Name, ast.Attribute)):
            dotted = _dotted(node, known)
            if dotted in CALLS or dotted.removeprefix("builtins.") in BUILTINS:
                yield dotted


def _calls(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            if isinstance(node.func, ast.Attribute) and node.func.attr in METHODS:
                yield node.func.attr
            for keyword in node.keywords:
                is_harmless = isinstance(keyword.value, ast.Constant) and keyword.value.value is NOT_SO.get(keyword.arg or "")
                if keyword.arg in NOT_SO and not is_harmless:
                    yield f"{keyword.arg}="


def _aliases(tree: ast.Module) -> dict[str, str]:
    """What the names that imports bind stand for."""
    known: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            known |= {alias.asname: alias.name for alias in node.names if alias.asname}
        elif isinstance(node, ast.ImportFrom):
            known |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
    return known


def _dotted(node: ast.expr, known: dict[str, str]) -> str:
    if isinstance(node, ast.Name):
        return known.get(node.id, node.id)
    return f"{_dotted(node.value, known)}.{node.attr}" if isinstance(node, ast.Attribute) else ""


def test_nothing_runs_what_a_file_says_but_what_is_listed() -> None:
    """A new place fails here, and so does one of the list that is gone."""
    found = {}
    for path in FILES:
        if dangerous := findings(path.read_text(encoding="utf-8")):
            found[str(path.relative_to(SRC.parent if path.is_relative_to(SRC) else ROOT))] = dangerous

    assert found == ALLOWED


@pytest.mark.parametrize(
    "line",
    [
        "import pickle",
        "import joblib.numpy_pickle as j",
        "from dill import loads",
        "importlib.import_module('cloudpickle')",
        "import torch as t; t.load(f)",
        "from torch import load as read; read(f)",
        "torch.jit.load(f)",
        "np.load(f, allow_pickle=True)",
        "np.load(f, allow_pickle=asked)",
        "eval(text)",
        "run = exec",
        "import builtins; builtins.eval(text)",
        "os.system(text)",
        "from os import system; system(text)",
        "subprocess.run(text, shell=True)",
        "archive.extractall(folder)",
        "import yaml; yaml.load(text)",
        "loader.exec_module(module)",
        "AutoModel.from_pretrained(path, trust_remote_code=True)",
    ],
)
def test_each_way_to_run_a_file_is_seen(line: str) -> None:
    """However it is imported or called."""
    assert findings(line)


@pytest.mark.parametrize(
    "line",
    [
        "re.compile(text)",
        "model.eval()",
        "safetensors.torch.load(data)",
        "np.load(f, allow_pickle=False)",
        "json.load(f)",
        "subprocess.run([program])",
        "yaml.safe_load(text)",
    ],
)
def test_what_only_looks_like_it_is_not(line: str) -> None:
    """Or the list would fill with what is no danger."""
    assert not findings(line)
