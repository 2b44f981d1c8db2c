"""The commands `runlake ui` and `runlake server`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

__all__ = ["server", "ui"]

F = TypeVar("F", bound=Callable[..., Any])


def _serving(command: F) -> F:
    """What both take."""
    options = [
        click.option(
            "-h", "--host", default="127.0.0.1", show_default=True, help="Where to listen; beyond this machine the token is a must."
        ),
        click.option("-p", "--port", type=click.IntRange(0, 65535), help="5000 or the next free one, unless given; 0 takes a free one."),
        click.option("--store", type=click.Path(path_type=Path), help="The store, if not the one that the settings name."),
        click.option("--no-token", is_flag=True, help="Let in whoever is on this machine, without the printed link."),
        click.option("--read-only", is_flag=True, help="Let nobody change anything."),
        click.option("--allow-host", "allowed_hosts", metavar="NAME", multiple=True, help="A name to be asked by; may be given again."),
    ]
    for option in reversed(options):
        command = option(command)
    return command


@click.command(context_settings={"help_option_names": ["--help"]})
@_serving
@click.option("--no-browser", is_flag=True, help="Print the link alone, and open no browser.")
def ui(
    host: str, port: int | None, store: Path | None, no_token: bool, read_only: bool, allowed_hosts: tuple[str, ...], no_browser: bool
) -> None:
    """Show a store in the browser: experiments, runs, curves, models.

    \b
    runlake ui
    runlake ui --store ../other/lake --port 8080
    runlake ui --host 0.0.0.0 --allow-host gpu7.example.org --read-only

    The link that is printed lets a browser in; nobody else on the machine gets in without it. Ctrl-C stops the server.
    """
    _serve(host, port, store, no_token, read_only, allowed_hosts, opens_browser=not no_browser)


@click.command(context_settings={"help_option_names": ["--help"]})
@_serving
def server(host: str, port: int | None, store: Path | None, no_token: bool, read_only: bool, allowed_hosts: tuple[str, ...]) -> None:
    """Serve the page of a store, as `runlake ui` does, where nobody sits: no browser is opened.

    \b
    runlake server --host 0.0.0.0 --port 5000 --allow-host gpu7.example.org
    """
    _serve(host, port, store, no_token, read_only, allowed_hosts, opens_browser=False)


def _serve(
    host: str, port: int | None, store: Path | None, no_token: bool, read_only: bool, allowed_hosts: tuple[str, ...], *, opens_browser: bool
) -> None:
    from runlake_ui.hosts import is_loopback  # late: help needs none of it
    from runlake_ui.launch import Wanted, launch

    if no_token and not is_loopback(host):
        raise click.UsageError(
            f"At {host} others reach the store, and may read and change everything: the token that keeps them out is not optional there."
        )
    launch(Wanted(_path(store), host, port, not no_token, read_only, allowed_hosts, opens_browser))


def _path(store: Path | None) -> Path:
    """The store, be it there or not. Raises StoreError for a folder that holds something else."""
    import runlake

    path = Path(runlake.get_tracking_uri()) if store is None else store.absolute()
    if path.exists() and not (path / "STORE.json").is_file() and (path.is_file() or any(path.iterdir())):
        runlake.read.open_store(path)  # which says what is wrong with it
    return path
