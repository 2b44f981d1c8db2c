"""`runlake run URI`: a project is run, and its run recorded."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from runlake import config
from runlake.cli.completing import complete_experiment
from runlake.cli.stores import store_option
from runlake.errors import InvalidValue
from runlake.redaction import redacted

__all__ = ["run"]

MANAGERS = ("local", "virtualenv", "conda")


@click.command()
@click.argument("uri")
@click.option("-e", "--entry-point", default="main", show_default=True, help="An entry point of the project's file, or a script.")
@click.option("-v", "--version", help="The branch, tag or commit, of a project in git.")
@click.option("-P", "--param-list", "params", multiple=True, metavar="NAME=VALUE", help="A parameter; may be given several times.")
@click.option("--env-manager", type=click.Choice(MANAGERS), help="Where packages come from; else as the project says.")
@click.option("--experiment-name", shell_complete=complete_experiment, help="The experiment of the run; it is made if it is not there.")
@click.option("--experiment-id", help="The experiment of the run, by its id.")
@click.option("--run-name", help="The name of the run.")
@click.option("--env", "let_through", multiple=True, metavar="NAME", help="A variable to hand on, although it may be a secret.")
@store_option
def run(
    uri: str,
    entry_point: str,
    version: str | None,
    params: tuple[str, ...],
    env_manager: str | None,
    experiment_name: str | None,
    experiment_id: str | None,
    run_name: str | None,
    let_through: tuple[str, ...],
    store: Path | None,
) -> None:
    """Run a project: a folder or a git repository with a file MLproject, or with scripts.

    URI is a folder or an address that git knows; behind a # stands the folder in it. What the project logs joins its run, and the exit
    code is the project's. No shell is started, and variables that look like secrets are not handed on.

    \b
    runlake run examples/elastic_net -P alpha=0.5
    runlake run https://github.com/someone/models.git#churn -v v1.2 -e train.py -P epochs=3
    """
    from runlake.projects.launching import Asked  # late, as it takes a while: not what asks for help
    from runlake.projects.submitted import run_to_end
    from runlake.recording.opening import Wanted

    if store is not None:
        config.choose_store(store)
    asked = Asked(uri, entry_point, version, _values(params), env_manager, let_through)
    sys.exit(run_to_end(asked, Wanted(run_name=run_name), experiment_name, experiment_id).exit_code)


def _values(params: tuple[str, ...]) -> dict[str, str]:
    """The parameters by their names. Raises InvalidValue for one without a value, and for one that is there twice."""
    found: dict[str, str] = {}
    for param in params:
        name, equals, value = param.partition("=")
        if not equals:
            raise InvalidValue(f"-P takes NAME=VALUE, not {param!r}.")
        if name in found:
            first, second = redacted(name, found[name]), redacted(name, value)
            raise InvalidValue(f"-P gives {name!r} twice, as {first!r} and as {second!r}. Give it once.")
        found[name] = value
    return found
