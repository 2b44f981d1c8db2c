"""A model that is code as files: what it is, its source, its state, its artifacts and its modules; and back, after consent."""

from __future__ import annotations

import ast
import dis
import inspect
import json
import os
import stat
import sys
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from importlib.util import decode_source
from pathlib import Path
from typing import Any

from runlake.errors import InvalidModel, InvalidValue
from runlake.guard import log
from runlake.models.code.libraries import is_library, own_file
from runlake.models.code.modules import FOLDER, module_of, serve
from runlake.models.code.pickles import pickled, types_in, unpickled
from runlake.models.code.plain import from_json, to_json
from runlake.models.code.python_model import LoadedPython, PythonModel, PythonModelContext, collected, wrong_with
from runlake.models.code.sources import check_imports, imports_in, source_of
from runlake.recording.artifact_names import checked_name

__all__ = ["ABOUT", "load_python", "modules_of", "python_files"]

ABOUT, SOURCE, STATE, PICKLE, ARTIFACTS = "python.json", "model.py", "state.json", "model.pkl", "artifacts"
_LEFT_OUT = {"__pycache__", ".git", ".ipynb_checkpoints"}
_WAYS_OUT = (
    "Load it in load_context() from a file that artifacts= names, leave it out by a __getstate__() of the class, "
    'or keep the object itself with format="pickle".'
)


def python_files(
    python_model: Any,
    artifacts: Mapping[str, str | os.PathLike[str]] | None = None,
    code_paths: Sequence[str | os.PathLike[str]] | None = None,
    model_config: Mapping[str, Any] | None = None,
    *,
    as_pickle: bool = False,
) -> dict[str, bytes]:
    """The files of a PythonModel, a function, or a file that says by `set_model` what the model is. None of their code is run.

    `artifacts` are files and folders by the names that the model has for them; `code_paths` are modules and packages that it imports.
    Raises InvalidValue for what cannot be kept so that another process can use it.
    """
    files = dict(_modules(code_paths or ()))
    shipped = _shipped(files)
    _warn_of_what_is_missing(files, shipped)
    about: dict[str, Any] = {"model_config": to_json("model_config", dict(model_config or {}), "It holds plain data.")}
    if as_pickle:
        _check_model(python_model)
        about |= {"kind": "pickle"}
        files[PICKLE] = pickled(python_model, shipped)
    elif isinstance(python_model, (str, os.PathLike)):
        about |= {"kind": "file"}
        files[SOURCE] = _file(Path(python_model), shipped)
    elif inspect.isfunction(python_model):
        _check_model(python_model)
        about |= {"kind": "function", "name": python_model.__name__}
        files[SOURCE] = source_of(python_model, shipped).encode()
    else:
        _check_model(python_model)
        about |= {"kind": "class", "name": type(python_model).__name__}
        files[SOURCE] = source_of(type(python_model), shipped).encode()
        files[STATE] = _json(_state(python_model))
    about["artifacts"] = {}
    for key, source in (artifacts or {}).items():
        name, found = _artifact(key, Path(source))
        about["artifacts"][key] = name
        files |= found
    files[ABOUT] = _json(about)
    return files


def load_python(
    files: Mapping[str, bytes], folder: Path, model_config: Mapping[str, Any] | None = None, *, name: str = "The model"
) -> LoadedPython:
    """The model that these files are. It runs their code and the model's `load_context`: called only after consent to these very bytes.

    `folder` is an empty one that nobody else may write to, where the artifacts lie for as long as the model is used. `model_config`
    overrides values that the model was kept with. `name` says in errors which model it is.
    """
    about = _about(files)
    context = PythonModelContext(_laid_out(files, about, folder), _config(about, model_config, name))
    serve(files, name)
    if about["kind"] == "pickle":
        return LoadedPython(unpickled(files[PICKLE]), context)
    with collected() as models:
        module = module_of(decode_source(files[SOURCE]), name)
    if about["kind"] == "file":
        if not models:
            raise InvalidModel(f"{name} is a file that ran to its end without a call of runlake.models.set_model(...).")
        return LoadedPython(models[-1], context)
    made = getattr(module, about["name"])
    return LoadedPython(made if about["kind"] == "function" else _instance(made, json.loads(files[STATE])), context)


def modules_of(files: Mapping[str, bytes]) -> list[str]:
    """The top modules of libraries that a model's code imports, which have to be installed for it; nothing is run."""
    if PICKLE in files:
        return sorted({name.partition(".")[0] for name in types_in(files[PICKLE])} - sys.stdlib_module_names - _shipped(files))
    texts = [content for name, content in files.items() if name == SOURCE or (name.startswith(FOLDER) and name.endswith(".py"))]
    imported = {module.partition(".")[0] for content in texts for module in imports_in(content)}  # "" for those of their own package
    return sorted(imported - {""} - sys.stdlib_module_names - _shipped(files))


def _shipped(files: Iterable[str]) -> set[str]:
    """The top modules that come along."""
    return {name.removeprefix(FOLDER).partition("/")[0].removesuffix(".py") for name in files if name.startswith(FOLDER)}


def _json(value: Any) -> bytes:
    return json.dumps(value, allow_nan=False).encode()


def _check_model(model: Any) -> None:
    if problem := wrong_with(model):
        raise InvalidValue(f"This is no model that can be kept as code: {problem}.")


def _file(path: Path, shipped: Collection[str]) -> bytes:
    content = _read(path, "python_model")
    try:
        tree = ast.parse(content)
    except (SyntaxError, ValueError) as error:
        raise InvalidValue(f"{path} is no Python: {error}.") from error
    called = [node.func for node in ast.walk(tree) if isinstance(node, ast.Call)]
    if not any(getattr(each, "id", getattr(each, "attr", None)) == "set_model" for each in called):
        raise InvalidValue(f"{path} does not say what the model in it is: end it with runlake.models.set_model(...).")
    check_imports(content, str(path), shipped)
    return content


def _state(model: PythonModel) -> Any:
    """What the instance holds, or what its own `__getstate__` says of that; `load_context` makes anew what it sets and JSON cannot hold."""
    is_own = getattr(type(model), "__getstate__", None) is not getattr(object, "__getstate__", None)
    if is_own:
        return to_json(f"What {type(model).__qualname__}.__getstate__() gives", model.__getstate__(), _WAYS_OUT)
    held = dict(vars(model))
    for kind in type(model).__mro__:
        slots = vars(kind).get("__slots__", ())
        named = {slots} if isinstance(slots, str) else {*slots} - {"__dict__", "__weakref__"}
        held |= {slot: getattr(model, slot) for slot in sorted(named) if hasattr(model, slot)}
    made_anew = _set_by(type(model).load_context)
    state = {}
    for name, value in held.items():
        try:
            state[name] = to_json(f"{type(model).__qualname__}.{name}", value, _WAYS_OUT)
        except InvalidValue:
            if name not in made_anew:
                raise
    return state


def _set_by(method: Any) -> set[str]:
    """The attributes that a method sets."""
    return {each.argval for each in dis.get_instructions(inspect.unwrap(method)) if each.opname == "STORE_ATTR"}


def _instance(kind: type[Any], state: Any) -> Any:
    """An object of the class with this state, as a pickle makes one: `__init__` is not called."""
    model = object.__new__(kind)
    if hasattr(model, "__setstate__"):
        model.__setstate__(from_json(state))
        return model
    for name, value in state.items():
        object.__setattr__(model, name, from_json(value))
    return model


def _modules(code_paths: Sequence[str | os.PathLike[str]]) -> Iterator[tuple[str, bytes]]:
    if isinstance(code_paths, (str, os.PathLike)):
        raise InvalidValue(f"code_paths is a list of files and folders, [{str(code_paths)!r}].")
    for given in code_paths:
        path = Path(given).resolve()
        top = path.name.removesuffix(".py")
        if path.exists() and is_library(top):
            raise InvalidValue(
                f"code_paths names {str(given)!r}, and {top} is an installed module, which would be used instead: rename it."
            )
        for name, content in _content(path, "code_paths"):
            yield FOLDER + str(checked_name(name)), content


def _warn_of_what_is_missing(files: Mapping[str, bytes], shipped: Collection[str]) -> None:
    """Not refused as in a model's own source: a folder may hold more than is ever imported."""
    for name, content in files.items():
        for module in imports_in(content) if name.endswith(".py") else ():
            top = module.partition(".")[0]
            if top and top not in shipped and (file := own_file(top)) is not None:
                log.warning("%s, which comes with the model, imports %s, which does not: add %r to code_paths.", name, module, str(file))


def _artifact(key: str, path: Path) -> tuple[str, dict[str, bytes]]:
    if len(checked_name(key).parts) > 1:
        raise InvalidValue(f"artifacts= has the name {key!r}; a name is one word, by which the model asks for it.")
    prefix = f"{ARTIFACTS}/{key}"
    found = {str(checked_name(f"{prefix}/{name}")): content for name, content in _content(path.absolute(), f"artifacts[{key!r}]")}
    return f"{prefix}/{path.absolute().name}", found


def _content(path: Path, what: str) -> Iterator[tuple[str, bytes]]:
    """A file, or all files of a folder, by their names from the folder that it lies in."""
    if not path.is_dir():
        yield path.name, _read(path, what)
        return
    for folder, folders, names in os.walk(path):
        folders[:] = sorted(set(folders) - _LEFT_OUT)
        for each in folders:
            _check_no_link(Path(folder, each), what)
        for each in sorted(names):
            file = Path(folder, each)
            _check_no_link(file, what)
            yield file.relative_to(path.parent).as_posix(), _read(file, what)


def _check_no_link(path: Path, what: str) -> None:
    if path.is_symlink():
        raise InvalidValue(f"{what}: {path} is a link, and a model takes files along, not where they lie. Give what it leads to.")


def _read(path: Path, what: str) -> bytes:
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise InvalidValue(f"{what}: {path} is no file.")
        return path.read_bytes()
    except OSError as error:
        raise InvalidValue(f"{what}: {path} cannot be read: {error.strerror}.") from error


def _about(files: Mapping[str, bytes]) -> dict[str, Any]:
    try:
        about = json.loads(files[ABOUT])
        kind = about["kind"]
        needed = {"class": (SOURCE, STATE), "function": (SOURCE,), "file": (SOURCE,), "pickle": (PICKLE,)}[kind]
        if missing := [name for name in needed if name not in files]:
            raise InvalidModel(f"The model is a {kind}, and its folder lacks {', '.join(missing)}.")
        return {"name": "", "artifacts": {}, "model_config": {}, **about}
    except (KeyError, ValueError, TypeError) as error:
        raise InvalidModel(f"{ABOUT} does not say what kind of model this is: {error!r}.") from error


def _config(about: Mapping[str, Any], given: Mapping[str, Any] | None, name: str) -> dict[str, Any]:
    kept: dict[str, Any] = from_json(about["model_config"])
    if unknown := sorted(set(given or ()) - set(kept)):
        raise InvalidValue(
            f"{name} has no {', '.join(map(repr, unknown))} in its model_config, which has {', '.join(map(repr, kept)) or 'nothing'}."
        )
    return kept | dict(given or {})


def _laid_out(files: Mapping[str, bytes], about: Mapping[str, Any], folder: Path) -> dict[str, str]:
    """Write the artifacts; where each of them lies."""
    for name, content in files.items():
        if name.startswith(f"{ARTIFACTS}/"):
            place = folder.joinpath(*checked_name(name).parts)
            place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with open(place, "xb") as file:
                file.write(content)
    places = {key: folder.joinpath(*checked_name(name).parts) for key, name in about["artifacts"].items()}
    for place in places.values():
        if not place.exists():
            place.mkdir(mode=0o700, parents=True)  # a folder without files
    return {key: str(place) for key, place in places.items()}
