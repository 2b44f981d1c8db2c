"""`runlake artifacts`: what runs keep, listed and copied out."""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path, PurePosixPath

import click

from runlake.cli.completing import complete_run
from runlake.cli.exporting import print_csv, print_list
from runlake.cli.printing import console_for, print_line
from runlake.cli.stores import open_named, store_option
from runlake.client.artifacts import download_artifacts
from runlake.display.artifact_tree import artifact_tree
from runlake.display.words import count, one_line, size
from runlake.errors import RunlakeError, UnknownArtifact
from runlake.read import Run
from runlake.read.naming import find_run

__all__ = ["artifacts"]

OUTPUT = "-"  # where a file goes to the standard output


@click.group()
def artifacts() -> None:
    """List what runs keep, and copy it out.

    RUN is its id or the first four letters of it, its name, @last or @best(METRIC); PATH is a file, or a folder with all below it.

    \b
    runlake artifacts ls @last
    runlake artifacts get "@best(val_loss)" model -o best-model
    """


@artifacts.command(name="ls")
@click.argument("run", shell_complete=complete_run)
@click.argument("path", default="")
@click.option("--json", "form", flag_value="json", help="Print JSON.")
@click.option("--csv", "form", flag_value="csv", help="Print CSV.")
@store_option
def list_files(run: str, path: str, form: str | None, store: Path | None) -> None:
    """List the files of RUN, those below PATH alone if that is given.

    JSON is a list of objects with the path and the bytes of each file; CSV has the same in columns.
    """
    found = find_run(open_named(store), run)
    sizes = _below(found, path)
    if form == "json":
        print_list({"path": name, "bytes": n_bytes} for name, n_bytes in sizes.items())
    elif form == "csv":
        print_csv(["path", "bytes"], list(sizes.items()))
    else:
        console = console_for(sys.stdout)
        for line in artifact_tree(sizes, console.width):
            print_line(console, line)


@artifacts.command(name="get")
@click.argument("run", shell_complete=complete_run)
@click.argument("path", default="")
@click.option("-o", "--output", metavar="DEST", default=".", help="Where to: a folder, a new name, or - for the standard output.")
@click.option("--force", is_flag=True, help="Write over what is there.")
@store_option
def copy_files(run: str, path: str, output: str, force: bool, store: Path | None) -> None:
    """Copy a file or a folder that RUN keeps, or all that it keeps.

    \b
    runlake artifacts get @last environment.json -o - | less
    runlake artifacts get brave-otter-41 model          # to ./model
    runlake artifacts get brave-otter-41                # to a folder that is named by its id
    """
    opened = open_named(store)
    found = find_run(opened, run)
    path = path.strip("/")
    sizes = _below(found, path)
    if output == OUTPUT:
        _print_file(found, path)
        return
    target = _target(Path(output), PurePosixPath(path).name or found.info.run_id)
    if target.exists() and not force:
        raise RunlakeError(f"{target} is there already: name another place with -o, or write over it with --force.")
    _copy(found, path, target, opened.path)
    is_file = path in sizes
    click.echo(
        f"{target}  {size(sum(sizes.values()))}" if is_file else f"{target}/  {count(len(sizes), 'file')}, {size(sum(sizes.values()))}"
    )


def _below(run: Run, path: str) -> dict[str, int]:
    """The sizes of the files that are meant. Raises UnknownArtifact."""
    path = path.strip("/")
    sizes = {name: n for name, n in run.artifacts.items() if not path or name == path or name.startswith(f"{path}/")}
    if path and not sizes:
        there = ", ".join(map(one_line, list(run.artifacts)[:10])) or "nothing"
        raise UnknownArtifact(f"The run {run.info.run_name!r} keeps nothing at {path!r}; it has {there}.")
    return sizes


def _print_file(run: Run, path: str) -> None:
    if path not in run.artifacts:
        raise RunlakeError(f"Only a file goes to the standard output, and {path or 'all that it keeps'} is a folder: name a file in it.")
    click.echo(run.read_artifact(path), nl=False)


def _target(output: Path, name: str) -> Path:
    """As `cp` has it: below a folder that is there, under its own name; else that is the name."""
    return output / name if output.is_dir() else output


def _copy(run: Run, path: str, target: Path, store: Path) -> None:
    """What is there is replaced only once all is read."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".runlake-") as folder:
        copied = Path(download_artifacts(run_id=run.info.run_id, artifact_path=path, dst_path=folder, store=store))
        if path in run.artifacts:
            shutil.copyfile(copied, target)
        else:
            shutil.copytree(copied, target, dirs_exist_ok=True)
