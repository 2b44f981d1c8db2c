"""`runlake models`: what is registered, what is done to it, and what each command says."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

import runlake
from children import environment
from runlake.cli import cli
from runlake.cli.commands import Later
from runlake.cli.models import models as group
from runlake.display.models_table import history_table, models_table, versions_table
from runlake.platform import user_name
from runlake.recording import recorders
from runlake.recording.registry import registry
from runlake.store.layout import Layout
from runlake.store.packs import contents_in


def double(model_input: list[int]) -> list[int]:
    """A model."""
    return [2 * each for each in model_input]


def models(*arguments: str, code: int = 0) -> str:
    """What the command prints, where no terminal is, without ids, digests and times; whoever runs it is ana."""
    runlake.flush()
    ended = CliRunner().invoke(cli, ["models", *arguments], catch_exceptions=False)
    assert ended.exit_code == code, ended.output
    plain = re.sub(r"\b[0-9a-f]{64}\b", "DIGEST", re.sub(r"\b[0-9a-f]{32}\b", "ID", ended.stdout))
    plain = re.sub(r"\b[0-9a-f]{12}, [\d.]+ kB", "DIGEST, SIZE", re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", "WHEN", plain))
    plain = re.sub(r"(changed|registered) {2,}", r"\1  ", re.sub(r"(just now|\d+ s ago) *", "AGO  ", plain))
    plain = re.sub(r"\bby +source", "by  source", re.sub(rf"(?<= ){re.escape(user_name())}(?=\s) *", "ana  ", plain))
    return re.sub(" +\n", "\n", plain)


def command(store: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `python -m runlake models` as a user would."""
    line = [sys.executable, "-m", "runlake", "models", *arguments]
    return subprocess.run(line, env=environment(store), capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture
def churn(store: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three versions of one model, from three runs; the second is the champion, the first stands at Production."""
    monkeypatch.setenv("RUNLAKE_JOBS", "off")
    client = runlake.MlflowClient()
    for n in range(1, 4):
        with runlake.start_run(run_name=f"fit-{n}"):
            runlake.log_metrics({"val_acc": 0.5 + n / 10, "seconds": n})
            runlake.pyfunc.log_model(
                python_model=double, name="model", registered_model_name="churn", input_example=[1, 2], pip_requirements=["toylib==3.1"]
            )
    client.set_registered_model_alias("churn", "champion", 2)
    client.transition_model_version_stage("churn", 1, "Production", reason="the first")
    client.update_registered_model("churn", "Who leaves.")
    client.set_registered_model_tag("churn", "team", "ml")
    return store


@pytest.mark.usefixtures("churn")
def test_each_is_a_line() -> None:
    """With its newest version, aliases, who stands where, and what it is; the command alone and `ls` say the same."""
    runlake.MlflowClient().create_registered_model("empty")

    assert models() == models("ls")
    assert (
        models()
        == """\
model  newest  versions  aliases     Production  changed  description
churn       3         3  champion 2  1           AGO  Who leaves.
empty                 0                          AGO
2 registered models · one: runlake models show NAME
"""
    )
    assert models("ls", "name", "like", "'em%'").splitlines()[-1] == "1 of 2 registered models · one: runlake models show NAME"
    assert models("ls", "tags.team = 'ml'", "--csv").splitlines()[1:][0].startswith("churn,3,3,")


@pytest.mark.usefixtures("churn")
def test_programs_read_the_same() -> None:
    """As JSON and as CSV, of each command that reads."""
    (churn,) = json.loads(models("ls", "--json"))
    for name in ("creation_timestamp", "last_updated_timestamp"):
        assert churn.pop(name) > 1_700_000_000_000
    assert churn == {
        "name": "churn",
        "newest_version": 3,
        "versions": 3,
        "aliases": {"champion": 2},
        "production": [1],
        "staging": [],
        "description": "Who leaves.",
        "tags": {"team": "ml"},
    }
    versions = json.loads(models("versions", "churn", "--json"))
    assert [(each["version"], each["current_stage"], each["aliases"], each["run_id"]) for each in versions] == [
        (3, "None", [], "ID"),
        (2, "None", ["champion"], "ID"),
        (1, "Production", [], "ID"),
    ]
    assert [each["after"] for each in json.loads(models("history", "churn", "--json"))][-2:] == ["Who leaves.", "ml"]
    for line in (["ls"], ["versions", "churn"], ["history", "churn"], ["verify"]):
        objects = json.loads(models(*line, "--json"))
        rows = list(csv.DictReader(io.StringIO(models(*line, "--csv"), newline="")))
        assert [list(row) for row in rows] == [list(each) for each in objects]
        assert [row["name"] for row in rows] == [each["name"] for each in objects]


@pytest.mark.usefixtures("churn")
def test_versions_and_history_are_tables() -> None:
    """With where each came from, and who did what to it."""
    assert (
        models("versions", "churn")
        == """\
version  stage       aliases   run    registered  by  source
      3                        fit-3  AGO  ana  runs:/ID/model
      2              champion  fit-2  AGO  ana  runs:/ID/model
      1  Production            fit-1  AGO  ana  runs:/ID/model
3 versions · one: runlake models show models:/churn/VERSION
"""
    )
    assert models("versions", "churn", "version", ">", "2").splitlines()[-1].startswith("1 of 3 versions · ")
    history = models("history", "churn").splitlines()
    assert [re.split(r"\s{2,}", line) for line in (history[0], *history[-4:])] == [
        ["when", "who", "version", "what", "from", "to", "reason"],
        ["WHEN", "ana", "2", "alias champion", "2"],
        ["WHEN", "ana", "1", "stage", "None", "Production", "the first"],
        ["WHEN", "ana", "description", "Who leaves."],
        ["WHEN", "ana", "tag team", "ml"],
    ]


@pytest.mark.usefixtures("churn")
def test_a_name_shows_its_champion() -> None:
    """After what is said of the name, and all its versions."""
    page = models("show", "churn")

    first, _, rest = page.partition("models:/churn@champion\n")
    assert first.startswith(
        "churn  3 versions\n  made WHEN · changed AGO\n  Who leaves.\n  aliases  champion 2\n\ntags\n  team  ml\n\nversions\n"
    )
    assert re.sub(r"[\d.]+ kB in \d+ files", "SIZE", re.sub(r"started AGO *", "started AGO", rest)) == (
        """\
  version     2 of churn · alias champion
  registered  WHEN, AGO  by ana
  source      runs:/ID/model
  format      python/1, which is code: it runs by consent only
  digest      DIGEST
  size        SIZE
  requires    toylib==3.1
  takes       long
  gives       long

run
  ✓ finished  fit-2  ID  started AGO
  val_acc ▲  0.7
  seconds ▼  2

to ask models:/churn@champion
import runlake
model = runlake.pyfunc.load_model(
    'models:/churn@champion',
    allow_unsafe=runlake.models.Consent('DIGEST', 'I know who wrote it'),
)
model.predict([1, 2])
"""
    )


def test_an_address_shows_one_model(churn: Path, tmp_path: Path) -> None:
    """Of a version, of a run or in a folder; without a champion a name shows its newest version."""
    runlake.MlflowClient().delete_registered_model_alias("churn", "champion")
    uri = runlake.MlflowClient().get_model_version("churn", 3).source
    runlake.artifacts.download_artifacts(uri, dst_path=str(tmp_path / "copy"))

    assert models("show", "churn").partition("to ask ")[2].startswith("models:/churn/3\n")
    shown = {
        what: json.loads(models("show", what, "--json"))["shown"] for what in ("models:/churn/3", uri, str(tmp_path / "copy" / "model"))
    }
    assert [each["version"] and each["version"]["version"] for each in shown.values()] == [3, None, None]
    assert len({json.dumps(each["model"] | {"model_uri": ""}) for each in shown.values()}) == 1
    assert [each["run"]["metrics"] for each in shown.values()] == [{"val_acc": 0.8, "seconds": 3.0}] * 3
    assert shown["models:/churn/3"]["model"]["requirements"] == ["toylib==3.1"]


@pytest.mark.usefixtures("churn")
def test_what_is_changed_is_told_with_what_was_before() -> None:
    """In one sentence, and a second for those that made room."""
    said = [
        models(*line)
        for line in (
            ("alias", "churn", "champion", "3"),
            ("alias", "churn", "champion", "latest"),
            ("alias", "churn", "new", "@champion", "--reason", "to try it"),
            ("alias", "churn", "new", "--delete"),
            ("stage", "churn", "2", "production"),
            ("stage", "churn", "2", "Production"),
            ("promote", "churn", "@champion", "--reason", "better"),
            ("promote", "churn", "3"),
            ("promote", "churn", "1", "--to", "staging"),
        )
    ]

    assert said == [
        "The alias champion of churn means version 3 now; it meant version 2 before.\n",
        "The alias champion of churn means version 3 already; nothing was changed.\n",
        "The alias new of churn means version 3 now; nothing had it before.\n",
        "churn has no alias new any more; it meant version 3.\n",
        "Version 2 of churn is at Production now; it was at None before.\n",
        "Version 2 of churn is at Production already; nothing was changed.\n",
        "Version 3 of churn is at Production now; it was at None before. Archived: versions 1, 2.\n",
        "Version 3 of churn is at Production already; nothing was changed.\n",
        "Version 1 of churn is at Staging now; it was at Archived before. Nothing else stood there.\n",
    ]
    history = runlake.MlflowClient().get_registered_model_history("churn")
    assert [(each.version, each.what, each.after) for each in history if each.reason == "better"] == [
        (1, "stage", "Archived"),
        (2, "stage", "Archived"),
        (3, "stage", "Production"),
    ]


def test_a_model_is_registered(churn: Path, tmp_path: Path) -> None:
    """Of a run, of another version, or of a folder, in the store that is named before or behind, which may be new."""
    uri = runlake.MlflowClient().get_model_version("churn", 3).source
    runlake.artifacts.download_artifacts(uri, dst_path=str(tmp_path / "copy"))
    folder, other = str(tmp_path / "copy" / "model"), str(tmp_path / "other")

    assert models("register", uri, "churn", "--description", "again", "--tag", "a=b=c", "--reason", "why not") == (
        "The model at runs:/ID/model is version 4 of churn now; the newest before was 3.\n"
    )
    assert models("register", folder, "copied", "--store", other) == f"The model at {folder} is version 1 of copied now; it is the first.\n"
    assert models("--store", other, "register", "models:/copied/1", "copied").endswith(
        "is version 2 of copied now; the newest before was 1.\n"
    )
    version = runlake.MlflowClient().get_model_version("churn", 4)
    assert (version.description, version.tags, version.source) == ("again", {"a": "b=c"}, uri)
    assert runlake.MlflowClient().get_registered_model_history("churn")[-1].reason == "why not"
    assert [each["name"] for each in json.loads(models("--store", other, "--json"))] == ["copied"]
    assert [each["name"] for each in json.loads(models("--json"))] == ["churn"]


def test_every_file_is_verified(churn: Path) -> None:
    """What is not as it was registered is told, and does not get to Production."""
    client = runlake.MlflowClient()
    assert models("verify").splitlines()[-1] == "3 models verified: everything is as it was."
    assert models("verify", "models:/churn/1").startswith("✓ models:/churn/1  DIGEST, SIZE in ")

    damage(Layout(churn), client.get_model_version("churn", 3).digest)
    found = models("verify", code=1).splitlines()
    assert [line[0] for line in found[:3]] == ["✕", "✓", "✓"]
    assert found[0] == (
        f"✕ models:/churn/3: The content DIGEST in {churn} is damaged: its bytes are not those that were kept. Put it back from a copy."
    )
    assert found[3] == "3 models verified: 1 not as it was."
    assert [each["is_good"] for each in json.loads(models("verify", "--json", code=1))] == [False, True, True]
    refused = command(churn, "promote", "churn", "3")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert re.fullmatch(r"runlake: The content \w{64} in .* is damaged: .*\n", refused.stderr)
    assert [each.current_stage for each in client.search_model_versions("name = 'churn'")] == ["None", "None", "Production"]
    assert f"The content DIGEST in {churn} is damaged" in models("show", "models:/churn/3")


def damage(layout: Layout, digest: str) -> None:
    """Change a letter of the manifest that has this digest, by itself or in the pack that it came in."""
    if layout.blob(digest).exists():
        layout.blob(digest).write_bytes(b"[" + layout.blob(digest).read_bytes()[1:])
    for pack in layout.packs():
        for sha256, start, _ in contents_in(pack):
            if sha256 == digest:
                data = pack.read_bytes()
                pack.write_bytes(data[:start] + b"[" + data[start + 1 :])


def test_a_version_outlives_its_run(churn: Path) -> None:
    """Whose going is told."""
    runlake.delete_run(str(runlake.MlflowClient().get_model_version("churn", 2).run_id))
    recorders.stop_all()
    for path in [*churn.glob("blobs/*/*"), *churn.glob("packs/*")]:
        os.utime(path, (time.time() - 8 * 86_400,) * 2)
    line = [sys.executable, "-m", "runlake", "gc", "--older-than", "0", "--yes"]
    collected = subprocess.run(line, env=environment(churn), capture_output=True, text=True, timeout=60, check=False)
    assert (collected.returncode, collected.stderr) == (0, "")

    assert models("verify").splitlines()[1].endswith("; its run ID is gone")
    assert models("verify").splitlines()[-1] == "3 models verified: everything is as it was."
    assert "(gone)" in models("versions", "churn")
    assert "\nrun\n" not in models("show", "models:/churn/2")


@pytest.mark.parametrize(
    ("line", "code", "says"),
    [
        ("show chrun", 1, "runlake: There is no registered model 'chrun'; there are churn.\n"),
        ("show models:/churn/9", 1, "runlake: The registered model 'churn' has no version 9; it has 3, 2, 1.\n"),
        ("versions nothing", 1, "runlake: There is no registered model 'nothing'; there are churn.\n"),
        ("history nothing", 1, "runlake: There is no registered model 'nothing'; there are churn.\n"),
        ("verify models:/churn@x", 1, "runlake: The registered model 'churn' has no alias 'x'; it has champion.\n"),
        ("register runs:/0/model churn", 1, "runlake: "),
        ("register /nowhere churn", 1, "runlake: There is no model at '/nowhere': give runs:/<run id>/<path>"),
        ("register models:/churn/1 a/b", 1, "runlake: The name of a registered model holds no '/'"),
        ("register models:/churn/1 churn --tag x", 2, "Usage: "),
        ("alias churn latest 1", 1, "runlake: 'latest' is no alias"),
        ("alias churn a", 2, "Usage: "),
        ("alias churn a 1 --delete", 2, "Usage: "),
        ("alias churn a ٣", 1, "runlake: '٣' is no version of 'churn'"),
        ("alias churn nothing --delete", 1, "runlake: The registered model 'churn' has no alias 'nothing'; it has champion.\n"),
        ("stage churn 1 Live", 1, "runlake: A stage is one of None, Staging, Production, Archived, not 'Live'.\n"),
        ("stage churn 1 Archived --archive-existing", 1, "runlake: archive_existing_versions is for Staging and Production"),
        ("stage churn x Staging", 1, "runlake: 'x' is no version of 'churn' (a number, or latest) and no stage"),
        ("promote churn 1 --to None", 1, "runlake: A version is promoted to Staging or Production, not to None"),
        ("ls name =", 1, "runlake: "),
        ("frob", 2, "Usage: runlake models [OPTIONS]"),
    ],
    ids=lambda value: ascii(value)[:40],
)
def test_what_cannot_be_done_is_told(churn: Path, line: str, code: int, says: str) -> None:
    """And nothing is changed."""
    before = len(list((churn / "registry").iterdir()))
    with pytest.raises((click.ClickException, runlake.RunlakeError)) as raised:
        cli(["models", *line.split()], standalone_mode=False)

    assert len(list((churn / "registry").iterdir())) == before
    if code == 1:
        assert f"runlake: {raised.value}\n".startswith(says)
        assert isinstance(raised.value, runlake.RunlakeError)
    else:
        assert isinstance(raised.value, click.UsageError)


@pytest.mark.usefixtures("churn")
def test_of_a_name_that_is_gone_the_history_stays() -> None:
    """With who took it away."""
    runlake.MlflowClient().delete_registered_model("churn", reason="no longer asked")

    assert re.split(r"\s{2,}", models("history", "churn").splitlines()[-1]) == ["WHEN", "ana", "deleted", "churn", "no longer asked"]
    assert models().startswith("No model is registered")


def test_only_what_registers_makes_a_store(tmp_path: Path) -> None:
    """A slip in a path leaves nothing behind."""
    for line in (
        ["ls"],
        ["show", "a"],
        ["versions", "a"],
        ["history", "a"],
        ["verify"],
        ["stage", "a", "1", "None"],
        ["alias", "a", "b", "1"],
    ):
        with pytest.raises(runlake.RunlakeError, match="There is no store at"):
            cli(["models", *line, "--store", str(tmp_path / "lake")], standalone_mode=False)
    assert not (tmp_path / "lake").exists()


def test_an_error_is_one_line(churn: Path) -> None:
    """And exit code 1, as of every command."""
    ended = command(churn, "show", "chrun")

    assert (ended.returncode, ended.stdout, ended.stderr) == (1, "", "runlake: There is no registered model 'chrun'; there are churn.\n")


@pytest.mark.parametrize("name", sorted(group.commands))
def test_the_list_of_commands_says_what_each_says_itself(name: str) -> None:
    """The first sentence of its help, which is not imported for that."""
    later = group.commands[name]
    assert isinstance(later, Later)

    said = " ".join((later.imported().help or "").split("\n\n")[0].split())
    assert said.startswith(str(later.help))


def test_the_page_of_a_run_says_how_its_models_are_asked(churn: Path) -> None:
    """Each by its own address, also where the settings name another store."""
    with runlake.start_run(run_name="two") as run:
        runlake.pyfunc.log_model(python_model=double, name="first", input_example=[1])
        runlake.pyfunc.log_model(python_model=double, name="deep/second", input_example=[2])
        runlake.log_text("{}", "not/a/model/manifest.json")
    runlake.flush()
    elsewhere = environment(churn.parent / "elsewhere")
    line = [sys.executable, "-m", "runlake", "show", "two", "--store", str(churn)]
    ended = subprocess.run(line, env=elsewhere, capture_output=True, text=True, timeout=60, check=False)

    assert (ended.returncode, ended.stderr) == (0, "")
    digests = {name: runlake.models.get_model_info(f"runs:/{run.info.run_id}/{name}").digest for name in ("deep/second", "first")}
    for name, value in (("deep/second", 2), ("first", 1)):
        address = f"runs:/{run.info.run_id}/{name}"
        assert (
            f"""
to ask {address}
import runlake
runlake.set_tracking_uri({str(churn)!r})
model = runlake.pyfunc.load_model(
    {address!r},
    allow_unsafe=runlake.models.Consent({digests[name]!r}, 'I know who wrote it'),
)
model.predict([{value}])
"""
            in ended.stdout
        )
    assert ended.stdout.count("to ask ") == 2


def test_nothing_that_is_said_moves_the_cursor(churn: Path) -> None:
    """Whatever texts somebody wrote."""
    client = runlake.MlflowClient()
    evil = "a\x1b[31mb\x07\u202e\rc\nd"
    client.update_registered_model("churn", evil)
    client.update_model_version("churn", 2, evil, reason=evil)
    client.set_model_version_tag("churn", 2, "tag", evil)

    for line in (["ls"], ["versions", "churn"], ["history", "churn"], ["show", "churn"], ["verify"]):
        for form in ([], ["--json"]):
            printed = models(*line, *form)
            assert not [letter for letter in printed if not letter.isprintable() and letter != "\n"]


@pytest.mark.usefixtures("churn")
def test_a_narrow_terminal_gets_narrow_tables() -> None:
    """What matters most stays."""
    found, now = registry(), time.time_ns() // 1_000_000
    listed = list(models_table(found.all(), {"churn": found.versions("churn")}, now, 40))
    versions = list(versions_table(found.versions("churn"), {}, now, 40))
    history = list(history_table(found.history("churn"), 60))

    assert max(line.cell_len for line in (*listed, *versions)) <= 40
    assert max(line.cell_len for line in history) <= 60
    assert listed[1].plain.startswith("churn  ")
    assert [line.plain.split()[0] for line in versions] == ["version", "3", "2", "1"]


def test_names_and_versions_are_completed(churn: Path, tmp_path: Path) -> None:
    """And where there is no store, nothing is offered, and nothing said."""
    runlake.MlflowClient().create_registered_model("two words")
    runlake.MlflowClient().create_registered_model("chair")

    def complete(store: Path, *words: str) -> list[str]:
        line = {"COMP_WORDS": " ".join(["runlake", "models", *words]), "COMP_CWORD": str(len(words) + 1)}
        ended = subprocess.run(
            [sys.executable, "-m", "runlake"],
            env=environment(store, _RUNLAKE_COMPLETE="bash_complete", **line),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert ended.stderr == ""
        return [offered.partition(",")[2] for offered in ended.stdout.split()]

    assert complete(churn, "show", "ch") == ["chair", "churn"]
    assert complete(churn, "promote", "churn", "''") == ["latest", "3", "2", "1", "@champion"]
    assert complete(churn, "alias", "churn", "new", "@") == ["@champion"]
    assert complete(tmp_path / "absent", "show", "ch") == []
    assert not (tmp_path / "absent").exists()
