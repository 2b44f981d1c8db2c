"""`runlake models serve` and `predict`: a model that answers over HTTP, or for a file of rows."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import click

from runlake.cli.stores import store_option
from runlake.display.words import count, size
from runlake.errors import InvalidValue

__all__ = ["predict", "serve"]

F = TypeVar("F", bound=Callable[..., Any])

MIB = 1 << 20


def _asking_a_model(command: F) -> F:
    """What both take."""
    options = [
        click.option(
            "-m", "--model-uri", "uri", metavar="URI", required=True, help="models:/<name>@<alias>, runs:/<run id>/model, or a folder."
        ),
        click.option(
            "--env-manager", default="local", callback=_only_local, metavar="local", help="The model is loaded in this environment."
        ),
        click.option(
            "--allow-unsafe",
            metavar="SHA256",
            help="The digest of a model that is code, which may then run. What a model is and which digest it has, the refusal says.",
        ),
        click.option("--reason", metavar="TEXT", help="Why it may; goes with --allow-unsafe."),
        store_option,
    ]
    for option in reversed(options):
        command = option(command)
    return command


def _only_local(context: click.Context, option: click.Parameter, value: str) -> str:
    if value != "local":
        raise click.BadParameter(
            f"{value!r} is none that runlake makes: make an environment of your own, `pip install -r requirements.txt` "
            "of the model's folder there, and run this command in it."
        )
    return value


@click.command(context_settings={"help_option_names": ["--help"]})
@_asking_a_model
@click.option("-p", "--port", type=click.IntRange(0, 65535), default=5000, show_default=True, help="0 takes one that is free.")
@click.option("-h", "--host", default="127.0.0.1", show_default=True, help="Where to listen; beyond this machine with a token only.")
@click.option("-w", "--workers", type=click.IntRange(1, 256), default=1, show_default=True, help="Processes that answer.")
@click.option(
    *("-t", "--timeout", "seconds"),
    type=click.FloatRange(min=0.1, max=86_400),
    default=60.0,
    show_default=True,
    metavar="SECONDS",
    help="How long a request may take to come, and to be answered.",
)
@click.option("--token-file", type=click.Path(path_type=Path), help="Holds the token that each request must send as a bearer.")
@click.option("--no-token", is_flag=True, help="Answer whoever reaches the host.")
@click.option("--allowed-host", "allowed_hosts", metavar="NAME", multiple=True, help="A name that requests may ask by; may be given again.")
@click.option("--max-body", type=click.IntRange(1, 4096), default=64, show_default=True, metavar="MIB", help="Of one request.")
def serve(
    uri: str,
    env_manager: str,
    allow_unsafe: str | None,
    reason: str | None,
    store: Path | None,
    port: int,
    host: str,
    workers: int,
    seconds: float,
    token_file: Path | None,
    no_token: bool,
    allowed_hosts: tuple[str, ...],
    max_body: int,
) -> None:
    """Serve a model over HTTP, at the addresses and in the forms that MLflow's server has.

    \b
    runlake models serve -m runs:/<run id>/model
    runlake models serve -m ./model -p 8080 -w 4
    runlake models serve -m ./model -h 0.0.0.0 --token-file token --allowed-host models.example.org

    POST /invocations asks it: JSON with dataframe_split, dataframe_records, instances or inputs; CSV; or Parquet. GET /ping and /health
    say whether it is there, /version which runlake this is, and /openapi.json what can be asked.
    """
    from runlake.serving.server import address_of, bound, check_installed, serve_here
    from runlake.serving.settings import ServeSettings, is_loopback, read_token

    _check_consent(allow_unsafe, reason)
    if not is_loopback(host) and token_file is None and not no_token:
        raise click.UsageError(
            f"At {host} others reach the model. Give --token-file PATH with a secret that they must send, or --no-token to answer anybody."
        )
    if token_file is not None and no_token:
        raise click.UsageError("Give --token-file or --no-token, not both.")
    if workers > 1 and sys.platform == "win32":
        raise click.UsageError("On Windows a server has one worker.")
    check_installed()
    if token_file is not None:
        read_token(token_file)
    settings = ServeSettings(
        uri=uri,
        store=None if store is None else str(store.absolute()),
        host=host,
        port=port,
        workers=workers,
        seconds=seconds,
        max_body_bytes=max_body * MIB,
        token_file=None if token_file is None else str(token_file.absolute()),
        allowed_hosts=allowed_hosts,
        unsafe_sha256=allow_unsafe,
        reason=reason,
    )
    listener = bound(settings)
    settings, address = address_of(settings, listener)

    def ready(lines: list[str]) -> None:
        click.echo("\n".join([*lines, f"Serving at {address} by {count(workers, 'worker')}; Ctrl-C stops it."]))
        sys.stdout.flush()

    if workers == 1:
        serve_here(settings, listener, ready)
        return
    from runlake import config
    from runlake.client.models import get_model_info
    from runlake.serving.workers import serve_by_workers

    if store is not None:
        config.choose_store(store)
    serve_by_workers(replace(settings, digest=get_model_info(uri).digest), listener, ready)


def _check_consent(sha256: str | None, reason: str | None) -> None:
    if (sha256 is None) != (reason is None):
        raise click.UsageError("--allow-unsafe SHA256 and --reason TEXT go together.")


@click.command()
@_asking_a_model
@click.option(
    "-i", "--input-path", "source", type=click.Path(path_type=Path), default="-", help="The file of rows; - is the standard input."
)
@click.option(
    "-o", "--output-path", "target", type=click.Path(path_type=Path, dir_okay=False), default="-", help="Made when all is answered."
)
@click.option("-t", "--content-type", "kind", metavar="TYPE", help="Of the input, if not as its name ends: json, jsonl, csv, parquet.")
@click.option("--chunk", type=click.IntRange(min=1), default=65_536, show_default=True, metavar="ROWS", help="How many are asked at once.")
def predict(
    uri: str,
    env_manager: str,
    allow_unsafe: str | None,
    reason: str | None,
    store: Path | None,
    source: Path,
    target: Path,
    kind: str | None,
    chunk: int,
) -> None:
    """Ask a model for the rows of a file, and write what it says.

    \b
    runlake models predict -m runs:/<run id>/model -i rows.csv -o answers.csv
    runlake models predict -m ./model -i rows.parquet -o answers.parquet
    echo '{"inputs": [[1, 2]]}' | runlake models predict -m ./model

    Files are CSV with a header, Parquet, JSON lines, or JSON as a server is sent it. What is written has the form that the name of the
    output ends in; on the standard output it is JSON as a server answers.
    """
    from runlake.cli.models.answer_files import write_answers
    from runlake.cli.progress import progress  # late, as all of these: a server needs none of them, nor does help
    from runlake.serving.files import STANDARD, answers_of, asked_chunks, form_of_file

    form, written = form_of_file(source, kind, "json"), form_of_file(target, None, "json")
    if source != STANDARD and not source.is_file():
        raise InvalidValue(f"There is no file {source}.")
    model = _loaded(uri, store, allow_unsafe, reason)
    n_rows = 0

    def told(n_more: int) -> None:
        nonlocal n_rows
        n_rows += n_more
        tell(count(n_rows, "row"))

    with progress("Asking the model") as tell:
        write_answers(answers_of(model, asked_chunks(source, form, model.metadata.signature, chunk)), target, written, told)
    if target != STANDARD:
        click.echo(f"Wrote what the model says of {count(n_rows, 'row')} to {target}, {size(target.stat().st_size)}.", err=True)


def _loaded(uri: str, store: Path | None, sha256: str | None, reason: str | None) -> Any:
    from runlake.serving.server import loaded_model
    from runlake.serving.settings import ServeSettings

    _check_consent(sha256, reason)
    return loaded_model(ServeSettings(uri, None if store is None else str(store), unsafe_sha256=sha256, reason=reason))
