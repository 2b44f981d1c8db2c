"""A toy library and plugins for it, installed and taken away as a test wants them."""

from __future__ import annotations

import importlib
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import runlake
from runlake import guard
from runlake.instrument.plugins import find_plugins

__all__ = [
    "LIBRARY",
    "PLUGIN",
    "Recorded",
    "be_lenient",
    "installed",
    "path_setting",
    "probe_of",
    "recorded",
    "rows",
    "seen",
    "toylib_installed",
    "write_plugin",
]

TOYS = Path(__file__).parent / "instrument" / "toys"
LIBRARY, PLUGIN = TOYS / "library", TOYS / "plugin"

Recorded = tuple[str, str, str | None, dict[str, Any]]


def write_plugin(folder: Path, name: str, code: str, *, tested_from: str = "3.0") -> Path:
    """Make `folder` an installed distribution `runlake-<name>` whose plugin has this code."""
    metadata = folder / f"runlake_{name}-0.1.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text(
        f"Metadata-Version: 2.4\nName: runlake-{name}\nVersion: 0.1\nProvides-Extra: instruments\n"
        f'Requires-Dist: toylib>={tested_from}; extra == "instruments"\n'
    )
    (metadata / "entry_points.txt").write_text(f"[runlake.plugins]\n{name} = runlake_{name}\n")
    (folder / f"runlake_{name}.py").write_text("from runlake import Patch, Registration, hookimpl, isolated\n\n" + textwrap.dedent(code))
    return folder


@contextmanager
def installed(*folders: Path) -> Iterator[None]:
    """Have these folders be on the path, and nothing of them be imported before or after."""
    sys.path[:0] = [str(folder) for folder in folders]
    importlib.invalidate_caches()
    _forget(folders)
    find_plugins(anew=True)
    try:
        yield
    finally:
        runlake.disable_autolog()
        for folder in folders:
            sys.path.remove(str(folder))
        _forget(folders)
        importlib.invalidate_caches()
        find_plugins(anew=True)


@contextmanager
def toylib_installed() -> Iterator[ModuleType]:
    """The toy library, imported anew, with its plugin beside it."""
    with installed(LIBRARY, PLUGIN):
        yield importlib.import_module("toylib")


PROBE = """
SEEN = []

def look(call):
    SEEN.append(("before", call.args, dict(call.kwargs)))
    call.run.set_tag("probed", "yes")
    outcome = yield
    SEEN.append(("after", outcome))
"""


def probe_of(*targets: str, **options: Any) -> str:
    """The code of a plugin that notes every call of these targets in its list `SEEN`."""
    given = "".join(f", {name}={value!r}" for name, value in options.items())
    patches = ", ".join(f"Patch({target!r}, look, why='to see it'{given})" for target in targets)
    return f"{PROBE}\n\n@hookimpl\ndef patches():\n    return [{patches}]\n"


def seen(name: str = "probe") -> list[Any]:
    """What that plugin noted, which is forgotten then."""
    noted: list[Any] = sys.modules[f"runlake_{name}"].SEEN
    found, noted[:] = noted[:], []
    return found


def path_setting(*folders: Path) -> str:
    """For the environment of a program that is to find these."""
    return ":".join(map(str, folders or (LIBRARY, PLUGIN)))


def recorded(store: Path) -> list[Recorded]:
    """Each run as its name, status, the name of the run that it is inside of, and its params, in the order of their beginning."""
    runs = rows(store)
    names = {run.info.run_id: run.info.run_name for run in runs}
    return [(run.info.run_name, str(run.info.status), names.get(run.info.parent_run_id or ""), run.params) for run in runs]


def rows(store: Path) -> list[runlake.read.Run]:
    """The runs of the store, the first that began first."""
    runlake.flush()
    runs = runlake.read.open_store(store).runs() if store.exists() else []
    return sorted(runs, key=lambda run: run.info.run_id)


def be_lenient() -> None:
    """Have errors inside runlake be kept from the program, as users have it."""
    guard.set_strict(False)


def _forget(folders: tuple[Path, ...]) -> None:
    homes = tuple(str(folder) for folder in folders)
    for name, module in list(sys.modules.items()):
        if str(getattr(module, "__file__", "") or "").startswith(homes):
            del sys.modules[name]
