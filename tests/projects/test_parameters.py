"""Parameters are checked all at once, and arrive in the program as they were given."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import pytest

import runlake
from projecting import ECHO, echoed, leftovers, write_project
from runlake.errors import InvalidValue, RunlakeError
from runlake.projects.parameters import Value, values_of
from runlake.projects.project_file import Kind, Parameter

NASTY = [
    *("; touch x", "$(touch x)", "`touch x`", "a\nb", "--flag", "-x", "'", '"', "it's", '"quoted"', "*", "?", "~", "[a]", "%s", "%(a)s"),
    *("\u2018curly\u2019", "{other}", "{{other}}", "${HOME}", "{0}", "a b", " ", "", "\\", "\\n", "&& touch x", "| cat", "> x", "#", "!!"),
    *("\u2028", "\t", "\x1b[31m", "é", "日本", "\U0001f600", "=", "a=b", "--", "/etc/passwd", "../x", "\udcff"),
]


def value(kind: Kind, text: str, folder: Path, default: str | None = None) -> Value:
    """The one value of a parameter of this kind."""
    given = {"p": text} if default is None else {}
    with ExitStack() as stack:
        return values_of({"p": Parameter("p", kind, default)}, given, folder, stack, None)["p"]


def test_every_nasty_value_arrives_as_one_word_unchanged(store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By its place in the command, and behind it; nothing is carried out."""
    monkeypatch.setenv("ECHOED", str(tmp_path / "echoed.json"))
    names = [f"p{number}" for number in range(len(NASTY))]
    places = " ".join(f"{{{name}}}" if number % 2 else f"'{{{name}}}'" for number, name in enumerate(names))
    folder = write_project(tmp_path / "project", MLproject=f'entry_points: {{main: {{command: "python echo.py {places}"}}}}', echo_py=ECHO)
    before = leftovers(tmp_path)

    runlake.projects.run(
        str(folder), parameters={**dict(zip(names, NASTY, strict=True)), **{f"x.{n}": text for n, text in enumerate(NASTY)}}
    )

    more = [word for number, text in enumerate(NASTY) for word in (f"--x.{number}", text)]
    assert echoed(tmp_path / "echoed.json")["argv"] == NASTY + more
    assert leftovers(folder) == ["MLproject", "echo.py"]
    assert set(leftovers(tmp_path)) - set(before) == {"echoed.json", "lake"}


@pytest.mark.parametrize("text", ["a\0b", "\ud800"])
def test_what_no_program_can_be_given_is_refused(tmp_path: Path, text: str) -> None:
    """A zero byte ends a word."""
    with pytest.raises(InvalidValue, match="which no program can be given"):
        value("string", text, tmp_path)
    with pytest.raises(InvalidValue, match="131,072 bytes, and a program is given 131,071"):
        value("string", "x" * 131_072, tmp_path)


@pytest.mark.parametrize(
    ("kind", "text", "recorded"),
    [
        ("int", "3", 3),
        ("int", "-10", -10),
        ("int", "+7", 7),
        ("float", "1e-3", 0.001),
        ("float", "3", 3.0),
        ("float", ".5", 0.5),
        ("float", "-2.", -2.0),
        ("string", "3", "3"),
    ],
)
def test_numbers_are_recorded_as_numbers_and_given_as_they_were(tmp_path: Path, kind: Kind, text: str, recorded: object) -> None:
    """The program sees the text."""
    found = value(kind, text, tmp_path)

    assert (found.text, found.recorded, type(found.recorded)) == (text, recorded, type(recorded))


@pytest.mark.parametrize(
    ("kind", "text"),
    [("int", text) for text in ("1.0", "", "x", "1_000", "0x1f", "٣", " 3", "1e3", "--3")]
    + [("float", text) for text in ("", "x", "inf", "-inf", "nan", "1e999", "1_0.0", "1,5", "0x1p3", "--1", " 1")],
)
def test_what_is_no_number_is_refused(tmp_path: Path, kind: Kind, text: str) -> None:
    """Infinity and nan are no settings that somebody means."""
    with pytest.raises(InvalidValue, match=f"it is (no {kind}|greater than any float)"):
        value(kind, text, tmp_path)


def test_all_that_is_wrong_is_told_at_once(tmp_path: Path) -> None:
    """With all that is missing, and its types."""
    parameters = {"a": Parameter("a", "int"), "b": Parameter("b", "float"), "c": Parameter("c"), "d": Parameter("d", "int", "2.5")}

    with pytest.raises(InvalidValue) as error, ExitStack() as stack:
        values_of(parameters, {"a": "x", "e f": "1"}, tmp_path, stack, None)

    assert str(error.value).splitlines() == [
        "The parameters are wrong, and nothing was started:",
        "  'e f' is no name of a parameter: it has letters, digits, `_`, `.` and `-`, and begins with a letter or `_`",
        "  no value is given for b (float), c (string): give each with -P NAME=VALUE",
        "  a='x': it is no int, such as 3 or -10",
        "  d='2.5': it is no int, such as 3 or -10",
    ]


def test_a_secret_that_is_wrong_is_not_shown(tmp_path: Path) -> None:
    """Errors are printed, and kept by others."""
    with pytest.raises(InvalidValue, match="password='<redacted:key:8>': it is no int") as error, ExitStack() as stack:
        values_of({"password": Parameter("password", "int")}, {"password": "hunter22"}, tmp_path, stack, None)
    assert "hunter22" not in str(error.value)


def test_a_path_given_is_of_the_callers_folder_and_a_default_of_the_projects(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Either is made absolute, and must be there."""
    project, caller = write_project(tmp_path / "project"), write_project(tmp_path / "caller")
    (project / "data.csv").touch()
    (caller / "mine.csv").touch()
    monkeypatch.chdir(caller)

    assert value("path", "mine.csv", project).text == str(caller / "mine.csv")
    assert value("path", "", project, default="data.csv").text == str(project / "data.csv")
    assert value("path", (project / "data.csv").as_uri(), project).text == str(project / "data.csv")
    with pytest.raises(InvalidValue, match=f"there is nothing at {caller / 'data.csv'}"):
        value("path", "data.csv", project)
    for text in ("~nobody-of-that-name/x", "x" * 5000):
        with pytest.raises(InvalidValue, match="there is nothing at"):
            value("path", text, project)
    with pytest.raises(InvalidValue, match="nothing is downloaded from s3: here"):
        value("path", "s3://bucket/data.csv", project)


def test_a_uri_is_made_absolute_where_it_is_a_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And is left alone otherwise."""
    monkeypatch.chdir(tmp_path)

    assert value("uri", "data", tmp_path / "p").text == str(tmp_path / "data")
    assert value("uri", "", tmp_path / "p", default="data").text == str(tmp_path / "p" / "data")
    for text in ("s3://bucket/x", "https://host/x?a=b", "runs:/abc/x", "dbfs:/x"):
        assert value("uri", text, tmp_path).text == text


def test_what_a_run_keeps_is_copied_for_the_program_and_removed_after_it(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The record has the address, so that it can be given again."""
    with runlake.start_run() as run:
        runlake.log_text("1,2", "data/a.csv")
    monkeypatch.setenv("ECHOED", str(tmp_path / "echoed.json"))
    copies = write_project(tmp_path / "copies")
    reading = ECHO + 'print(open(sys.argv[1] + "/a.csv").read())\n'
    project = write_project(
        tmp_path / "project",
        MLproject="entry_points: {main: {parameters: {data: path}, command: 'python echo.py {data}'}}",
        echo_py=reading,
    )

    made = runlake.projects.run(str(project), parameters={"data": f"runs:/{run.run_id}/data"}, storage_dir=copies)

    assert echoed(tmp_path / "echoed.json")["argv"][0].startswith(str(copies))
    assert leftovers(copies) == []
    assert runlake.get_run(made.run_id).params == {"data": f"runs:/{run.run_id}/data"}
    with pytest.raises(RunlakeError, match=r"data='runs:/.*': The run .* keeps nothing at 'none'"):
        runlake.projects.run(str(project), parameters={"data": f"runs:/{run.run_id}/none"}, storage_dir=copies)
    assert leftovers(copies) == []
