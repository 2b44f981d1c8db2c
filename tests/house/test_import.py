"""`import runlake` costs next to nothing and touches nothing."""

from __future__ import annotations

import json
from pathlib import Path

from children import run_program

WATCH_THE_IMPORT = """
    import json, sys, threading
    opened = []
    sys.addaudithook(lambda event, args: opened.append(str(args[0])) if event == "open" else None)
    before = set(sys.modules)
    import runlake
    loaded = sorted({name.partition(".")[0] for name in set(sys.modules) - before})
    print(json.dumps({"opened": opened, "loaded": loaded, "threads": threading.active_count()}))
"""


def test_importing_loads_no_heavy_module_opens_no_file_and_starts_no_thread(tmp_path: Path) -> None:
    """Only Python's own files for modules are opened."""
    finished = run_program(WATCH_THE_IMPORT, tmp_path / "lake")
    seen = json.loads(finished.stdout)

    assert seen["threads"] == 1
    assert not set(seen["loaded"]) & {"numpy", "pyarrow", "deltalake", "pluggy", "wrapt", "click", "rich", "asyncio", "logging"}
    assert [path for path in seen["opened"] if not path.endswith((".py", ".pyc"))] == []
    assert not (tmp_path / "lake").exists()


def test_a_run_imports_arrow_in_the_callers_thread(tmp_path: Path) -> None:
    """Libraries look for Arrow in `sys.modules` and use what they find: in a thread of ours it would be there by half for a while."""
    finished = run_program(
        """
        import sys, threading
        imported_by = {}
        class Watch:
            def find_spec(self, name, path=None, target=None):
                imported_by.setdefault(name.partition(".")[0], threading.current_thread().name)
        sys.meta_path.insert(0, Watch())
        import runlake
        run = runlake.start_run()
        print(hasattr(sys.modules["pyarrow"], "Table"))
        runlake.log_metric("loss", 1.0)
        run.end()
        print(imported_by["pyarrow"], imported_by["numpy"], imported_by.get("pandas"))
        """,
        tmp_path / "lake",
    )

    # Arrow looks for pandas in places, and would bring it into a program that may never have wanted it.
    assert (finished.stdout.split(), finished.stderr) == (["True", "MainThread", "MainThread", "None"], "")


def test_a_writer_never_imports_what_publishes(tmp_path: Path) -> None:
    """After one use of deltalake a forked child's first use would panic."""
    finished = run_program(
        """
        import sys, runlake
        with runlake.start_run():
            runlake.log_metric("loss", 1.0)
        print("deltalake" in sys.modules)
        """,
        tmp_path / "lake",
    )

    assert finished.stdout.strip() == "False"
