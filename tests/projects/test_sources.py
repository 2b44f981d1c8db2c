"""Projects come from folders and git repositories, and nothing of a repository is run by fetching it."""

from __future__ import annotations

import shutil
import socket
import tempfile
from contextlib import ExitStack
from pathlib import Path

import pytest

from projecting import commit_all, git, leftovers, repository, write_project
from runlake.errors import RunlakeError
from runlake.projects import git as projects_git
from runlake.projects.git import holds, work_tree_of
from runlake.projects.sources import fetched


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where temporary folders are made."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with a project in a folder of it: version one is tagged v1, and main is version two."""
    folder = tmp_path_factory.mktemp("made") / "repository"
    write_project(folder / "nets", train_py="one")
    repository(folder)
    git(folder, "tag", "v1")
    write_project(folder / "nets", train_py="two")
    commit_all(folder)
    git(folder, "branch", "other", "v1")
    return folder


@pytest.fixture
def project(made: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    return shutil.copytree(made, tmp_path / "repository")


def refused(uri: str, version: str | None = None) -> str:
    """What is said of an address from which nothing comes."""
    with pytest.raises(RunlakeError) as error, ExitStack() as stack:
        fetched(uri, version, stack)
    return str(error.value)


def test_a_folder_is_used_where_it_lies(tmp_path: Path, project: Path) -> None:
    """With the commit that it is at, where it is in a repository."""
    git(project, "remote", "add", "origin", "https://me:secret@example.com/nets.git")
    write_project(tmp_path / "plain")
    with ExitStack() as stack:
        source, plain = fetched(f"{project}#nets", None, stack), fetched(str(tmp_path / "plain"), None, stack)

    assert source.tree is not None
    assert (source.folder, source.address.shown, source.name) == (project / "nets", f"{project}#nets", "nets")
    assert (source.tree.commit, source.tree.branch) == (git(project, "rev-parse", "HEAD"), "main")
    assert source.tree.remote == "https://example.com/nets.git"
    assert (plain.folder, plain.tree, plain.name) == (tmp_path / "plain", None, "plain")


@pytest.mark.parametrize("place", ["{path}#nets", pytest.param("{path}/nets", marks=pytest.mark.long), "file://{path}#nets"])
@pytest.mark.parametrize("version", ["v1", pytest.param("other", marks=pytest.mark.long), "commit", "short commit"])
def test_a_version_is_a_branch_a_tag_or_a_commit(project: Path, temporary: Path, place: str, version: str) -> None:
    """Of a folder, and of an address; the clone goes afterwards."""
    commit = git(project, "rev-parse", "v1")
    wanted = {"commit": commit, "short commit": commit[:10]}.get(version, version)
    with ExitStack() as stack:
        source = fetched(place.format(path=project), wanted, stack)
        text, where = (source.folder / "train.py").read_text(), source.folder
        assert source.tree is not None
        assert (source.tree.commit, source.version, where.is_relative_to(temporary)) == (commit, wanted, True)

    assert (text, leftovers(temporary)) == ("one", [])
    assert (project / "nets" / "train.py").read_text() == "two"


def test_an_address_without_a_version_is_the_newest(project: Path, temporary: Path) -> None:
    """Of the branch that is checked out there."""
    with ExitStack() as stack:
        source = fetched(f"file://{project}#nets", None, stack)
        assert (source.folder / "train.py").read_text() == "two"
        assert (source.name, source.address.shown) == ("nets", f"file://{project}#nets")
    assert leftovers(temporary) == []


@pytest.mark.parametrize(
    ("uri", "version", "what"),
    [
        ("ext::sh -c touch% pwned", None, "would have git start a program"),
        ("fd::17", None, "would have git start a program"),
        ("--upload-pack=touch pwned", None, "begins with a dash"),
        ("s3://bucket/project", None, "Nothing is fetched from s3:"),
        ("no/such/folder", None, "There is nothing at 'no/such/folder'"),
        ("~nobody-of-that-name/x", None, "There is nothing at"),
        ("x" * 5000, None, "There is nothing at"),
        ("{path}/nets/train.py", None, "is a file, and a project is a folder.*/nets -e train.py$"),
        ("https://127.0.0.1:9/" + "x" * 5000, None, "cannot be read"),
        ("", None, "A project's address is a folder or a git repository"),
        ("https://host/x\n.git", None, "A project's address is a folder or a git repository"),
        ("{path}", "nope", "no branch, tag or commit 'nope' in .*; there are main, other, v1"),
        ("{path}", "0123abcd", "no branch, tag or commit '0123abcd'"),
        ("file://{path}", "nope", "no branch, tag or commit 'nope' in .*; there are main, other, v1"),
        ("file://{path}", "0123abcd", "no branch, tag or commit '0123abcd'"),
        ("{path}", "--upload-pack=x", "A version is a branch, a tag or a commit"),
        ("file://{path}", "-b", "A version is a branch, a tag or a commit"),
        ("{path}", "", "A version is a branch, a tag or a commit"),
        ("{path}#../outside", None, "leads out of"),
        ("{path}#/etc", None, "leads out of"),
        ("{path}#none", None, "There is no folder 'none'"),
        ("file://{path}#../outside", None, "leads out of"),
        ("{path}/../outside", "v1", "is in no git repository, so it has no version 'v1'"),
        ("file://{path}/../outside", None, "git says: fatal: .*outside"),
    ],
)
def test_what_is_no_project_is_refused_and_leaves_nothing(project: Path, temporary: Path, uri: str, version: str | None, what: str) -> None:
    """With the reason, or git's own words."""
    write_project(project.parent / "outside")

    with pytest.raises(RunlakeError, match=what), ExitStack() as stack:
        fetched(uri.format(path=project), version, stack)
    assert (leftovers(temporary), Path("pwned").exists()) == ([], False)


def test_an_address_that_does_not_answer_is_told_soon(temporary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A listener that says nothing."""
    monkeypatch.setattr(projects_git, "ANSWER_SECONDS", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        said = refused(f"http://user:password1@127.0.0.1:{silent.getsockname()[1]}/x.git")

    assert "did not answer within 0.3 s" in said
    assert ("password1" in said, leftovers(temporary)) == (False, [])


@pytest.mark.parametrize("scheme", ["http://me:hunter22@", "git://", "http://ghp_0123456789abcdefghij0123@"])
def test_an_address_that_refuses_is_told_in_gits_words_without_secrets(scheme: str) -> None:
    """Nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    said = refused(f"{scheme}127.0.0.1:{port}/x.git")

    assert "cannot be read. git says: fatal: " in said
    assert ("hunter22" in said, "ghp_" in said, "me:" in said) == (False, False, False)


def test_gits_words_are_told_without_what_the_address_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A git that repeats the whole address, as some do: a program that stands in for it."""
    program = tmp_path / "git"
    program.write_text("#!/bin/sh\necho \"fatal: repository '$*' not found, nor https://you:hunter33@host/x\" >&2\nexit 128\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")

    said = refused("https://me:hunter22@host/x.git")

    assert "https://host/x.git' not found, nor https://host/x" in said
    assert ("hunter22" in said, "hunter33" in said) == (False, False)


def test_nothing_in_a_clone_is_run_and_it_does_not_know_the_password(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Hooks of a template that the user has, submodules, and what the address holds."""
    hooks = tmp_path / "template" / "hooks"
    hooks.mkdir(parents=True)
    (hooks / "post-checkout").write_text(f"#!/bin/sh\ntouch {tmp_path}/hooked\n")
    (hooks / "post-checkout").chmod(0o755)
    monkeypatch.setenv("GIT_TEMPLATE_DIR", str(tmp_path / "template"))
    git(project, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(project), "inner")
    commit_all(project)
    (tmp_path / "hooked").unlink(missing_ok=True)
    monkeypatch.setattr(projects_git, "shown_address", lambda address: address.replace("x:y@", ""))

    with ExitStack() as stack:
        source = fetched(f"file://x:y@{project}", None, stack)
        assert source.tree is not None
        assert "x:y" not in (source.tree.root / ".git" / "config").read_text()
        assert leftovers(source.folder / "inner") == []
    assert not (tmp_path / "hooked").exists()


def test_a_link_in_the_repository_does_not_lead_out(project: Path, tmp_path: Path) -> None:
    """The folder behind the # is one of it."""
    write_project(tmp_path / "outside", train_py="three")
    (project / "link").symlink_to(tmp_path / "outside")
    commit_all(project)

    assert "leads out of" in refused(f"file://{project}#link")
    assert "leads out of" in refused(f"{project}#link")


def test_a_commit_that_no_branch_has_any_more_is_still_found(project: Path) -> None:
    """After an amended commit, say."""
    lost = git(project, "rev-parse", "HEAD")
    git(project, "reset", "--quiet", "--hard", "v1")

    with ExitStack() as stack:
        assert (fetched(str(project), lost, stack).folder / "nets" / "train.py").read_text() == "two"


def test_to_look_at_a_repository_fetches_nothing_and_starts_nothing(project: Path, tmp_path: Path) -> None:
    """One that names a program to fetch with what it does not hold."""
    program = f"touch {tmp_path}/fetched; false"
    settings = {"url": f"file://{project}", "promisor": "true", "uploadpack": program}
    git(project, "config", "core.repositoryFormatVersion", "1")
    git(project, "config", "extensions.partialClone", "origin")
    for name, value in settings.items():
        git(project, "config", f"remote.origin.{name}", value)
    tree = work_tree_of(project)
    assert tree is not None

    assert (holds(project, tree.commit, "nets/train.py"), holds(project, tree.commit, "none")) == (True, False)
    assert (holds(project, tree.commit), holds(project, "1" * 40), holds(project, "--batch")) == (True, False, False)
    assert not (tmp_path / "fetched").exists()
