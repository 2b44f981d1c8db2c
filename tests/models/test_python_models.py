"""Models that are code: kept as files by the program that made them, and the same in a process that has nothing of that program."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from runlake.errors import InvalidModel, InvalidValue, RunlakeError
from runlake.models.code.files import load_python, modules_of, python_files
from runlake.models.code.plain import from_json, to_json
from runlake.models.code.python_model import LoadedPython, PythonModel, PythonModelContext, collected, set_model

KEEP = """

if __name__ == "__main__":
    import sys
    from pathlib import Path
    from runlake.models.code import python_files
    for name, content in python_files(**kept()).items():
        place = Path(sys.argv[1], name)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
"""
ASK = """
import json, os, sys, tempfile
from pathlib import Path
from runlake.models.code import load_python
kept = Path(sys.argv[1])
files = {path.relative_to(kept).as_posix(): path.read_bytes() for path in kept.rglob("*") if path.is_file()}
with tempfile.TemporaryDirectory() as folder:
    model = load_python(files, Path(folder), json.loads(sys.argv[4]))
    print(json.dumps(model.predict(json.loads(sys.argv[2]), json.loads(sys.argv[3])), default=repr))
"""


def run(code: str, *arguments: str, folder: Path) -> str:
    """What a program prints that is a file of its own in this folder, and is run there."""
    folder.mkdir(exist_ok=True)
    (folder / "program.py").write_text(code)
    command = [sys.executable, "program.py", *arguments]
    finished = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, check=False)
    assert finished.returncode == 0, finished.stderr
    return finished.stdout


def kept_by(program: str, tmp_path: Path) -> Path:
    """The folder of a model: of what `kept()` of the program gives to `python_files`."""
    run(textwrap.dedent(program) + KEEP, str(tmp_path / "kept"), folder=tmp_path / "there")
    return tmp_path / "kept"


def asked(kept: Path, data: Any, params: Any = None, config: Any = None) -> Any:
    """What the model says in a new process, in an empty folder."""
    arguments = [str(kept), *map(json.dumps, (data, params, config))]
    return json.loads(run(ASK, *arguments, folder=kept.parent / "elsewhere"))


def written(folder: Path, files: Mapping[str, str]) -> Path:
    """The folder, with these files."""
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(textwrap.dedent(text))
    return folder


def test_an_object_of_a_script_is_the_same_in_another_process(tmp_path: Path) -> None:
    """With its state, its artifacts, its configuration, and the functions of the script that it calls."""
    program = """
        from pathlib import Path
        from runlake.pyfunc import PythonModel

        OFFSET = 1

        def shifted(value):
            return value + OFFSET

        class Words(PythonModel):
            def __init__(self, factor):
                self.factor, self.seen = factor, ("a", {1})

            def load_context(self, context):
                self.words = Path(context.artifacts["words"]).read_text().split()
                self.depth = len(list(Path(context.artifacts["folder"]).rglob("*.txt")))

            def predict(self, context, model_input, params=None):
                chosen = (params or {}).get("factor", self.factor)
                known = sorted(context.artifacts), context.model_config, repr(self.seen), self.depth, self.words
                return [shifted(value) * chosen for value in model_input], known

        def kept():
            Path("words.txt").write_text("x y")
            Path("folder/in").mkdir(parents=True)
            Path("folder/in/a.txt").write_text("a")
            Path("folder/b.txt").write_text("b")
            artifacts = {"words": "words.txt", "folder": Path("folder")}
            return {"python_model": Words(10), "artifacts": artifacts, "model_config": {"depth": 2, "mode": "fast"}}
    """
    kept = kept_by(program, tmp_path)
    known = [["folder", "words"], {"depth": 2, "mode": "slow"}, "('a', {1})", 2, ["x", "y"]]

    assert asked(kept, [1, 2], config={"mode": "slow"}) == [[20, 30], known]
    assert asked(kept, [1, 2], {"factor": 2}, {"mode": "slow"}) == [[4, 6], known]


def test_a_function_is_a_model(tmp_path: Path) -> None:
    """With what it calls."""
    program = """
        import math

        def root(value):
            return math.sqrt(value)

        def predict(model_input, params=None):
            return [root(value) for value in model_input], params

        def kept():
            return {"python_model": predict}
    """

    assert asked(kept_by(program, tmp_path), [4, 9], {"a": 1}) == [[2.0, 3.0], {"a": 1}]


def test_a_file_is_a_model_as_it_is(tmp_path: Path) -> None:
    """It says itself what the model is; nothing of it is run when it is kept."""
    model = """
        # a remark
        from runlake.models import set_model
        from runlake.pyfunc import PythonModel
        from helpers.numbers import twice

        class Own(PythonModel):
            def predict(self, model_input):
                return [twice(value) for value in model_input]

        open("was_run", "w").close()
        set_model(Own())
    """
    written(tmp_path / "there", {"own.py": model, "src/helpers/__init__.py": "", "src/helpers/numbers.py": "def twice(x): return x * 2"})
    kept = kept_by("def kept():\n    return {'python_model': 'own.py', 'code_paths': ['src/helpers']}\n", tmp_path)

    assert (kept / "model.py").read_text() == textwrap.dedent(model)
    assert not (tmp_path / "there" / "was_run").exists()
    assert asked(kept, [4, 9]) == [8, 18]


def test_a_file_may_be_written_in_another_encoding(tmp_path: Path) -> None:
    """As Python allows."""
    text = "# coding: latin-1\nfrom runlake.models import set_model\ndef predict(rows):\n    return 'caf\xe9'\nset_model(predict)\n"
    (tmp_path / "own.py").write_bytes(text.encode("latin-1"))

    assert in_process(tmp_path / "1", python_files(tmp_path / "own.py")).predict([]) == "caf\xe9"


def test_a_class_of_a_library_is_imported(tmp_path: Path) -> None:
    """It needs no source."""
    files = python_files(textwrap.dedent)

    assert files["model.py"].endswith(b"from textwrap import dedent\n")
    assert in_process(tmp_path / "1", files).predict("  a") == "a"


@pytest.mark.parametrize("as_pickle", [False, True])
def test_modules_of_the_users_own_come_along(as_pickle: bool, tmp_path: Path) -> None:
    """Files and packages, with imports between them, relative ones, and such as stand in functions."""
    written(
        tmp_path / "there",
        {
            "single.py": "from package.inner import deep\ndef both(x):\n    return deep.added(x)",
            "package/__init__.py": "from .inner.deep import added\nfrom . import side",
            "package/side.py": "NAME = __name__",
            "package/inner/deep.py": "def added(x):\n    from ..side import NAME\n    return f'{x} {NAME}'",
        },
    )
    program = """
        import single
        from package import added
        from runlake.pyfunc import PythonModel

        class Model(PythonModel):
            def predict(self, model_input):
                import package.inner.deep as late
                return [single.both(model_input), added(model_input), late.added(model_input)]

        def kept():
            return {"python_model": Model(), "code_paths": ["single.py", "package"], "as_pickle": %s}
    """

    assert asked(kept_by(program % as_pickle, tmp_path), "x") == ["x package.side"] * 3


def in_process(folder: Path, files: Mapping[str, bytes], **options: Any) -> LoadedPython:
    """The model, loaded with a folder of its own."""
    folder.mkdir()
    return load_python(files, folder, **options)


def tells(answer: Any) -> dict[str, bytes]:
    """The files of a function that asks the module `told` what to say."""
    return {
        "python.json": b'{"kind": "function", "name": "predict"}',
        "model.py": b"import told\ndef predict(rows):\n    return told.WORD",
        "code/told.py": f"WORD = {answer!r}".encode(),
    }


def test_two_models_whose_modules_differ_are_not_mixed_up(tmp_path: Path) -> None:
    """The second is refused with the names of both; one with the same module is welcome."""
    first = in_process(tmp_path / "1", tells("first"), name="runs:/1/model")

    assert first.predict([]) == "first"
    assert in_process(tmp_path / "2", tells("first"), name="runs:/2/model").predict([]) == "first"
    with pytest.raises(RunlakeError, match=r"runs:/3/model and runs:/1/model, .* a module 'told', and the two differ"):
        in_process(tmp_path / "3", tells("third"), name="runs:/3/model")
    assert first.predict([]) == "first"


def test_a_module_never_stands_in_for_a_library(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Whether that is imported already or not, and whatever stands in the files of the model."""
    planted = b"raise SystemExit('planted')"
    files = {
        "python.json": b'{"kind": "function", "name": "predict"}',
        "model.py": b"import numpy, json, this_is_new, wave\ndef predict(rows):\n    return numpy.__file__, json.dumps(1), wave.__file__",
        "code/this_is_new.py": b"",
        "code/numpy.py": planted,
        "code/json/__init__.py": planted,
        "code/wave.py": planted,
        "code/runlake.py": planted,
    }

    path, text, wave = in_process(tmp_path / "1", files, name="runs:/1/model").predict([])

    assert (path, text, os.path.basename(wave)) == (np.__file__, "1", "wave.py")
    assert [record.args for record in caplog.records] == [("runs:/1/model", name) for name in ("json", "numpy", "runlake", "wave")]


@pytest.mark.parametrize(("name", "file"), [("found_alone", "found_alone.py"), ("found_package", "found_package/deep/words.py")])
def test_a_module_that_the_process_finds_elsewhere_is_not_taken_for_the_models(
    name: str, file: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Unless it is the same, as in the program that made the model."""
    written(tmp_path / "path", {file: "WORD = 'here'", f"{name}/more.py": ""})
    monkeypatch.syspath_prepend(str(tmp_path / "path"))
    module = file.removesuffix(".py").replace("/", ".")
    source = f"from {module} import WORD\ndef predict(rows):\n    return WORD".encode()
    files = {"python.json": b'{"kind": "function", "name": "predict"}', "model.py": source}

    same = in_process(tmp_path / "1", {**files, f"code/{file}": b"WORD = 'here'"})
    with pytest.raises(RunlakeError, match=rf"brings a module '{name}', .* has another by that name, .*{name}.*, whose content differs"):
        in_process(tmp_path / "2", {**files, f"code/{file}": b"WORD = 'other'"})

    assert same.predict([]) == "here"
    for each in [each for each in sys.modules if each.partition(".")[0] == name]:
        del sys.modules[each]


def test_nothing_is_found_by_a_folder(tmp_path: Path) -> None:
    """Neither that of the artifacts nor any other is put on the path."""
    before = list(sys.path)
    (tmp_path / "planted.py").write_text("raise SystemExit('planted')")
    files = python_files(model_with_artifacts(), artifacts={"a": tmp_path / "planted.py"})

    in_process(tmp_path / "1", files)

    assert sys.path == before
    assert (tmp_path / "1" / "artifacts" / "a" / "planted.py").exists()


def model_with_artifacts() -> PythonModel:
    """One whose class stands in this file."""
    return Reading()


class Reading(PythonModel):
    """Says where its artifacts lie."""

    def predict(self, context: PythonModelContext, model_input: Any) -> Any:
        """A path for each name."""
        return [context.artifacts[name] for name in model_input]


class Holding(PythonModel):
    """Holds whatever it is given."""

    __slots__ = ("held", "unset")

    def __init__(self, held: Any) -> None:
        self.held = held
        self.count = 1
        if "NOT_TO_BE_MADE" in os.environ:
            raise SystemExit

    def predict(self, model_input: Any) -> Any:
        """What it holds."""
        return self.held, self.count


PLAIN = [
    *(None, True, 0, 10**30, -0.5, "text \U0001f40d\ud800\x00", b"\x00\xff", bytearray(b"x"), 1j, Path("a/b"), float("inf"), float("-inf")),
    [(1, [2, (3,)]), {4, (5, 6)}, frozenset({7})],
    {"a": {1: "b", (2, None): ["c"]}, "$set": {"$tuple": 1}, "": {}},
    {"$tuple": [1]},
    {True: 1, 2.5: {}},
]


@pytest.mark.parametrize("value", PLAIN, ids=repr)
def test_plain_data_comes_back_as_it_was(value: Any) -> None:
    """Types and keys too."""
    text = json.dumps(to_json("x", value, ""), allow_nan=False)

    again = from_json(json.loads(text))

    assert repr(again) == repr(value)


@pytest.mark.parametrize(
    "value",
    [
        np.float32(1.5),
        np.int64(3),
        np.bool_(True),
        np.arange(6.0).reshape(2, 3),
        np.zeros((0, 2), "<c8"),
        np.asfortranarray([[1, 2], [3, 4]]),
    ],
)
def test_arrays_and_their_numbers_come_back_as_they_were(value: Any) -> None:
    """They may be changed, as those before."""
    again = from_json(json.loads(json.dumps(to_json("x", value, ""))))

    assert (type(again), again.dtype, again.tolist()) == (type(value), value.dtype, value.tolist())
    assert not isinstance(again, np.ndarray) or again.flags.writeable


def test_the_state_of_an_object_comes_back_without_its_init(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Slots as well; one that is not set stays so."""
    files = python_files(Holding({"a": (1, 2)}))
    monkeypatch.setenv("NOT_TO_BE_MADE", "1")

    model = in_process(tmp_path / "1", files)

    assert model.predict(None) == ({"a": (1, 2)}, 1)
    assert not hasattr(model.unwrap(), "unset")


def test_state_that_is_no_plain_data_is_an_error_that_names_it() -> None:
    """By its place, with its type and the ways out."""
    loop: list[Any] = []
    loop.append(loop)
    for value, said in [
        (object(), r"Holding\.held is a builtins\.object, which is no plain data\. Load it in load_context\(\) .*format=\"pickle\""),
        ([{"a": len}], r"Holding\.held\[0\]\['a'\] is a builtins\.builtin_function_or_method"),
        (np.zeros(1 << 20), r"Holding\.held is a numpy\.ndarray"),
        (np.array([object()]), r"Holding\.held is a numpy\.ndarray"),
        (loop, r"more than 100 levels deep, or holds itself"),
    ]:
        with pytest.raises(InvalidValue, match=said):
            python_files(Holding(value))


class Selective(PythonModel):
    """Says itself what is kept."""

    def __init__(self) -> None:
        self.kept, self.open = 1, object()

    def __getstate__(self) -> dict[str, Any]:
        return {"kept": (self.kept,)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.kept = state["kept"][0] + 1

    def predict(self, model_input: Any) -> Any:
        """What it kept."""
        return self.kept, hasattr(self, "open")


def test_a_class_may_say_itself_what_is_kept(tmp_path: Path) -> None:
    """As for a pickle."""
    assert in_process(tmp_path / "1", python_files(Selective())).predict(None) == (2, False)


class Loading(PythonModel):
    """Was loaded and asked before it was kept."""

    def load_context(self, context: PythonModelContext) -> None:
        """As it will be loaded."""
        self.made, self.count = object(), 1

    def predict(self, model_input: Any) -> Any:
        """Whether it was made."""
        return hasattr(self, "made")


def test_what_load_context_makes_is_not_kept(tmp_path: Path) -> None:
    """So a model may be tried before it is kept."""
    tried = Loading()
    tried.load_context(PythonModelContext())

    files = python_files(tried)

    assert json.loads(files["state.json"]) == {"count": 1}
    assert in_process(tmp_path / "1", files).predict(None)


def asked_by(function: Callable[..., Any]) -> PythonModel:
    """A model whose predict is this function."""
    made: PythonModel = type("Made", (PythonModel,), {"predict": function})()
    return made


@pytest.mark.parametrize(
    ("predict", "given"),
    [
        (lambda self, context, model_input, params=None: (context, model_input, params), ["context", "data", {"a": 1}]),
        (lambda self, _, rows: (_, rows), ["context", "data"]),
        (lambda self, ctx, rows, /, **more: (ctx, rows, more), ["context", "data", {"params": {"a": 1}}]),
        (lambda self, model_input, params=None: (model_input, params), ["data", {"a": 1}]),
        (lambda self, model_input, params: (model_input, params), ["data", {"a": 1}]),
        (lambda self, model_input, limit=3: (model_input, limit), ["data", 3]),
        (lambda self, *rows: rows, ["data"]),
    ],
)
def test_a_model_is_given_what_its_predict_takes(predict: Callable[..., Any], given: list[Any], caplog: pytest.LogCaptureFixture) -> None:
    """With the context or without, by whatever names; params where it has them, and a word where it has not."""
    context = PythonModelContext({"a": "b"}, {})
    model = LoadedPython(asked_by(predict), context)

    assert list(model.predict("data", {"a": 1})) == [context if each == "context" else each for each in given]
    takes_params = isinstance(given[-1], dict)
    assert [record.message for record in caplog.records] == ([] if takes_params else ["Made takes no params; 'a' is not used."])


def test_a_stream_is_asked_for_as_predictions_are(tmp_path: Path) -> None:
    """Where the model has one."""

    class Streaming(PythonModel):
        def predict(self, model_input: Any) -> Any:
            return list(self.predict_stream(None, model_input))

        def predict_stream(self, context: Any, model_input: Any, params: Any = None) -> Any:
            yield from model_input

    model = in_process(tmp_path / "1", python_files(Streaming()))

    assert list(model.predict_stream("ab")) == model.predict("ab") == ["a", "b"]
    with pytest.raises(InvalidValue, match=r"Reading has no predict_stream\(\)"):
        in_process(tmp_path / "2", python_files(Reading())).predict_stream([])


class WithoutPredict(PythonModel):
    """Forgot something."""


def of_nothing() -> None:
    """Takes no data."""


@pytest.mark.parametrize(
    ("model", "said"),
    [
        (Reading, r"Reading is a class: give an instance of it, Reading\(\)"),
        (WithoutPredict(), r"WithoutPredict defines no predict\(\)"),
        (lambda rows: rows, "a lambda has no name"),
        (of_nothing, r"of_nothing\(\) takes no argument for the data"),
        (3, r"a builtins\.int neither derives from runlake\.pyfunc\.PythonModel nor is a function"),
        (len, "neither derives from"),
        ("no_such_file.py", r"no_such_file\.py cannot be read: No such file"),
    ],
)
def test_what_is_no_model_is_refused(model: Any, said: str) -> None:
    """With what is wrong with it."""
    with pytest.raises(InvalidValue, match=said):
        python_files(model)


def test_a_class_without_a_source_is_refused() -> None:
    """One made by exec, of which nothing but the compiled code is left."""
    names: dict[str, Any] = {"PythonModel": PythonModel, "__name__": "nowhere"}
    exec("class Made(PythonModel):\n    def predict(self, rows):\n        return rows", names)

    with pytest.raises(InvalidValue, match=r"source of the class Made is not known.*format=\"pickle\""):
        python_files(names["Made"]())


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x = (", r"own\.py is no Python: '\(' was never closed"),
        ("x = 1", r"own\.py does not say what the model in it is: end it with runlake\.models\.set_model"),
        ("import beside\nset_model(1)", r"own\.py imports beside, which other processes would not find: add code_paths=\['.*beside\.py'\]"),
        ("from . import beside\nset_model(1)", r"own\.py imports from the package around it, \., which it has left"),
    ],
)
def test_a_file_that_could_not_be_loaded_is_refused(text: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before anybody relies on it."""
    written(tmp_path, {"own.py": text, "beside.py": ""})
    monkeypatch.syspath_prepend(str(tmp_path))

    with pytest.raises(InvalidValue, match=said):
        python_files(tmp_path / "own.py")


def test_what_lies_beside_a_model_is_taken_as_it_is_or_not_at_all(tmp_path: Path) -> None:
    """Links, pipes, what is missing, and names that would lead elsewhere are refused with their names."""
    (tmp_path / "linked" / "in").mkdir(parents=True)
    (tmp_path / "linked" / "in" / "away").symlink_to("/etc/passwd")
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "away").symlink_to("/etc")
    (tmp_path / "file").write_text("x")
    os.mkfifo(tmp_path / "pipe")
    for given, said in [
        ({"artifacts": {"a": tmp_path / "linked"}}, r"artifacts\['a'\]: .*/linked/in/away is a link"),
        ({"artifacts": {"a": tmp_path / "deep"}}, r"artifacts\['a'\]: .*/deep/away is a link"),
        ({"artifacts": {"a": tmp_path / "pipe"}}, r"artifacts\['a'\]: .*/pipe is no file"),
        ({"artifacts": {"a": tmp_path / "gone"}}, r"artifacts\['a'\]: .*/gone cannot be read: No such file"),
        ({"artifacts": {"..": tmp_path / "file"}}, r"'\.\.' leads elsewhere"),
        ({"artifacts": {"a/b": tmp_path / "file"}}, "has the name 'a/b'; a name is one word"),
        ({"code_paths": [tmp_path / "linked"]}, r"code_paths: .*/linked/in/away is a link"),
        ({"code_paths": [tmp_path / "gone.py"]}, r"code_paths: .*/gone\.py cannot be read"),
        ({"code_paths": "own.py"}, r"code_paths is a list of files and folders, \['own\.py'\]"),
        ({"model_config": {"a": object()}}, r"model_config\['a'\] is a builtins\.object, which is no plain data"),
    ]:
        with pytest.raises(InvalidValue, match=said):
            python_files(Reading(), **given)  # type: ignore[arg-type]  # mypy sees one type for all of them


def test_a_module_that_would_never_be_used_is_refused(tmp_path: Path) -> None:
    """An installed one has its name."""
    (tmp_path / "numpy.py").write_text("")

    with pytest.raises(InvalidValue, match=r"code_paths names .*numpy\.py', and numpy is an installed module, .*: rename it"):
        python_files(Reading(), code_paths=[tmp_path / "numpy.py"])


def test_a_module_that_does_not_come_along_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It may never be imported, so it is no error."""
    written(
        tmp_path,
        {"with_it/__init__.py": "import not_with_it, json, with_it\nfrom . import x", "with_it/old.py": "print 1", "not_with_it.py": ""},
    )
    monkeypatch.syspath_prepend(str(tmp_path))

    python_files(Reading(), code_paths=[tmp_path / "with_it"])

    said = ("code/with_it/__init__.py", "not_with_it", str(tmp_path / "not_with_it.py"))
    assert [record.args for record in caplog.records] == [said]


def test_an_empty_folder_is_an_artifact(tmp_path: Path) -> None:
    """The model may count what is in it."""
    (tmp_path / "empty").mkdir()

    model = in_process(tmp_path / "1", python_files(Reading(), artifacts={"a": tmp_path / "empty"}))

    assert [os.listdir(path) for path in model.predict(["a"])] == [[]]


def test_configuration_that_the_model_does_not_have_is_an_error(tmp_path: Path) -> None:
    """A word that is misspelt would change nothing."""
    files = python_files(Reading(), model_config={"depth": 1})

    with pytest.raises(InvalidValue, match=r"The model has no 'dept' in its model_config, which has 'depth'"):
        in_process(tmp_path / "1", files, model_config={"dept": 2})


def test_a_source_that_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    """Its own error is shown, with the line of the source."""
    before = set(sys.modules)

    with pytest.raises(ZeroDivisionError) as failed:
        in_process(tmp_path / "1", {**python_files(Reading()), "model.py": b"\n1 / 0  # here"}, name="runs:/1/model")

    assert "1 / 0  # here" in str(failed.getrepr(style="native"))
    assert set(sys.modules) == before


@pytest.mark.parametrize(
    "changed",
    [
        {"python.json": b"{}"},
        {"python.json": b"[]"},
        {"python.json": b'{"kind": "else"}'},
        {"python.json": b'{"kind": ["class"]}'},
        {"python.json": b"\xff"},
        {"state.json": None},
        {"model.py": None},
        {"python.json": None},
    ],
)
def test_files_that_are_no_model_are_an_error_of_ours(changed: dict[str, bytes | None], tmp_path: Path) -> None:
    """Whatever is missing or meant."""
    files = {name: content for name, content in {**python_files(Reading()), **changed}.items() if content is not None}

    with pytest.raises(InvalidModel):
        in_process(tmp_path / "1", files)


def test_a_forged_place_of_an_artifact_leads_nowhere(tmp_path: Path) -> None:
    """No file is written outside of the folder, none outside is named."""
    (tmp_path / "a").write_text("a")
    files = python_files(Reading(), artifacts={"a": tmp_path / "a"})

    with pytest.raises(InvalidValue, match="leads elsewhere"):
        in_process(tmp_path / "1", {**files, "artifacts/../../planted": b"x"})
    with pytest.raises(InvalidValue, match="leads elsewhere"):
        in_process(tmp_path / "2", {**files, "python.json": files["python.json"].replace(b"artifacts/a/a", b"artifacts/../../a")})
    assert not (tmp_path / "planted").exists()


def test_set_model_says_nothing_where_nobody_listens_and_takes_no_other_thing() -> None:
    """A file with it can be run by itself."""
    set_model(Reading())

    with pytest.raises(InvalidValue, match=r"set_model\(\) takes the model of this file; a builtins\.str neither derives"):
        set_model("model")


def test_a_file_that_loads_another_model_says_its_own() -> None:
    """Each load hears its own file."""
    with collected() as outer:
        with collected() as inner:
            set_model(Reading())
        set_model(python_files)

    assert ([type(model) for model in inner], outer) == ([Reading], [python_files])


def test_the_libraries_that_a_model_needs_are_known(tmp_path: Path) -> None:
    """Those of its source, of the modules that come with it, and of its pickle; none of Python, none that comes along."""
    beside = "import yaml.loader\nfrom . import inner\ndef f():\n    from pandas.api import types\n    import beside.inner, json"
    written(tmp_path, {"beside/__init__.py": beside, "own.py": "import numpy, os, beside\nset_model(1)"})

    assert modules_of(python_files(tmp_path / "own.py", code_paths=[tmp_path / "beside"])) == ["numpy", "pandas", "yaml"]
    assert modules_of({"model.pkl": b"cnumpy\nndarray\n0cjson\nloads\n0cbeside.a\nb\n.", "code/beside/a.py": b""}) == ["numpy"]


def test_to_keep_a_model_runs_none_of_its_code(tmp_path: Path) -> None:
    """Neither that of its class, nor its module's, nor that of the files beside it."""
    planted = f"open({str(tmp_path / 'was_run')!r}, 'w').close()\n"
    written(
        tmp_path,
        {"beside/__init__.py": planted, "own.py": planted + "from runlake.models import set_model\nset_model(None)", "data.py": planted},
    )

    python_files(tmp_path / "own.py", code_paths=[tmp_path / "beside"], artifacts={"a": tmp_path / "data.py"})

    assert not (tmp_path / "was_run").exists()
