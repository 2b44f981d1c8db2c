"""The README shows the files that `runlake plugin new` writes, whole, says what the kit and a capture have, and its example works."""

from __future__ import annotations

import dataclasses
import inspect
import re
import statistics
from pathlib import Path

import pytest

import runlake
from runlake.cli.new_plugin import files_of_plugin
from runlake.instrument.plugins import ask_plugins
from runlake.testing import Scenario, fixtures
from runlake.testing.kit import run_check
from toys import installed, write_plugin

README = (Path(runlake.__file__).parent.parent.parent / "README.md").read_text(encoding="utf-8")
LANGUAGES = {".py": "python", ".toml": "toml", ".md": "markdown"}
INSIDE = {"belongs_to", "note", "recorder"}  # what the engine calls, and no plugin


def section(title: str) -> str:
    """What stands under a heading of the part for authors."""
    return README.partition(f"### {title}\n")[2].partition("\n##")[0]


def public_names(kind: type) -> set[str]:
    """What an object of this class has, in its class and of its own."""
    sources = "".join(inspect.getsource(base) for base in kind.__mro__[:-1])
    own = set(re.findall(r"self\.([a-z]\w*)(?:: [^=\n]+)? = ", sources))
    return {name for name in {*dir(kind), *own} if not name.startswith("_")} - INSIDE


@pytest.mark.parametrize("path", files_of_plugin("statistics"))
def test_the_readme_shows_the_file_that_is_written(path: str) -> None:
    """To the letter."""
    text = files_of_plugin("statistics")[path]

    assert f"`{path}`\n\n```{LANGUAGES[Path(path).suffix]}\n{text}```\n" in README


def test_every_field_of_a_scenario_stands_in_the_readme() -> None:
    """In the table of the kit."""
    assert [field.name for field in dataclasses.fields(Scenario) if f"`{field.name}`" not in section("The kit")] == []
    assert [name for name in fixtures.__all__ if f"`{name}`" not in section("The kit")] == []


@pytest.mark.parametrize(("kind", "head"), [("Call", "call."), ("OfferedRun", "call.run.")])
def test_all_that_a_capture_can_use_stands_in_the_readme(kind: str, head: str) -> None:
    """In the tables of captures: what a call has, and what the run takes."""
    from runlake.instrument.call import Call
    from runlake.recording.offered import OfferedRun

    table = section("Captures").partition(f"| `{head}` |")[2].partition("\n\n")[0]
    shown = {name for row in table.splitlines() for name in re.findall(r"`([a-z_]+)", row.split("|")[1] if "|" in row else "")}

    assert shown == public_names({"Call": Call, "OfferedRun": OfferedRun}[kind])


@pytest.mark.parametrize("name", ["Saved", "DataFacts", "Learner", "Linear", "Explainer", "Unexplained"])
def test_what_hooks_give_stands_in_the_readme_with_its_fields(name: str) -> None:
    """In the order in which they are given."""
    given = ", ".join(field.name for field in dataclasses.fields(getattr(runlake, name)))

    assert f"| `{name}({given})` |" in section("Hooks")


def test_the_example_of_hooks_saves_loads_and_digests(runlake_store: Path, tmp_path: Path) -> None:
    """Below the module that is written, as the README shows it."""
    (example,) = re.findall(r"```python\n(.*?)```", section("Hooks"), re.S)
    plugin = write_plugin(tmp_path, "statistics", "")
    (plugin / "runlake_statistics.py").write_text(files_of_plugin("statistics")["runlake_statistics.py"] + example)
    scenario = Scenario(train=lambda x, y: statistics.linear_regression(x, y), data=lambda: ([1.0, 2.0, 4.0], [2.0, 4.0, 6.5]))

    with installed(plugin):
        run_check("a_saved_model_says_the_same_when_it_is_loaded", "statistics", scenario)
        runlake.flush()
        (run,) = runlake.read.open_store(runlake_store).runs()
        line = runlake.statistics.load_model(f"runs:/{run.info.run_id}/model")
        digests = {ask_plugins("model_digest", each, model=each) for each in (line, scenario.train(*scenario.data()))}

    assert line == statistics.linear_regression(*scenario.data())
    assert (len(digests), digests & {None}) == (1, set())
    assert '"outputs"' in run.read_artifact("signature.json").decode()
