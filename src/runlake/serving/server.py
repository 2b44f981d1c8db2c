"""One process that serves one model: loaded once, asked until the process is told to stop, which it does when all is answered."""

from __future__ import annotations

import contextlib
import importlib.util
import logging
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from runlake import config
from runlake.errors import InvalidModel, RunlakeError
from runlake.serving.settings import ServeSettings, read_token
from runlake.serving.shown import curl_line, model_lines

__all__ = ["address_of", "bound", "check_installed", "loaded_model", "serve_here"]

NEEDED = ("starlette", "uvicorn", "httptools")
MOST_CONNECTIONS = 1_000
SWITCH_SECONDS = 0.0005  # a thread that wants to go on waits a tenth of what it does by default, which is as long as some answers take
IDLE_SECONDS = 75  # between two requests; more than proxies keep theirs

Ready = Callable[[list[str]], None]


def check_installed() -> None:
    """Raise RunlakeError where the extra is missing that serving needs."""
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise RunlakeError(f'To serve models, {" and ".join(missing)} must be installed: pip install "runlake[serve]"')


def bound(settings: ServeSettings) -> socket.socket:
    """The socket that is listened at. Raises RunlakeError where there is somebody else."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, protocol)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
        except OSError:
            listener.close()
            raise
    except OSError as error:
        raise _cannot_listen(settings, error) from None
    return listener


def address_of(settings: ServeSettings, listener: socket.socket) -> tuple[ServeSettings, str]:
    """The settings with the port that was taken, and the address that a browser would be given."""
    port = listener.getsockname()[1]
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return replace(settings, port=port), f"http://{host}:{port}"


def loaded_model(settings: ServeSettings) -> Any:
    """The model to serve. Raises a RunlakeError, also where it is no longer the one that the other workers have."""
    from runlake.client.models import load_pyfunc  # late: help and usage errors need none of it

    if settings.store is not None:
        config.choose_store(Path(settings.store))
    model = load_pyfunc(settings.uri, allow_unsafe=settings.consent)
    if settings.digest not in (None, model.metadata.digest):
        raise InvalidModel(f"The model at {settings.uri} is no longer the one that is served; start the server again to serve the new one.")
    return model


def serve_here(settings: ServeSettings, listener: socket.socket, ready: Ready, is_over: Callable[[], None] | None = None) -> None:
    """Serve until a signal comes, or until `is_over`, which a thread waits in, returns. `ready` is told what is served, in lines."""
    model = loaded_model(settings)
    settings, address = address_of(settings, listener)
    curl = curl_line(model, address, settings.token_file)
    lines = [*model_lines(model), *([f"  try it  {curl}"] if curl else [])]
    server = _server(model, settings, lambda: ready(lines))
    sys.setswitchinterval(SWITCH_SECONDS)
    if is_over is not None:
        threading.Thread(target=_stop_after, args=(server, is_over), name="runlake-parent", daemon=True).start()
    try:
        server.run(sockets=[listener])
    except OSError as error:  # somebody else was quicker to listen
        raise _cannot_listen(settings, error) from None


def _server(model: Any, settings: ServeSettings, ready: Callable[[], None]) -> Any:
    import uvicorn

    from runlake.serving.app import Limits, app_of
    from runlake.serving.connections import connection_of
    from runlake.serving.door import names_of

    class Server(uvicorn.Server):
        """Says when it is ready, and ends as a program that was asked to end does."""

        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            ready()

        @contextlib.contextmanager
        def capture_signals(self) -> Iterator[None]:
            is_main = threading.current_thread() is threading.main_thread()
            former = {each: signal.signal(each, self.handle_exit) for each in (signal.SIGINT, signal.SIGTERM)} if is_main else {}
            try:
                yield
            finally:
                for each, handler in former.items():
                    signal.signal(each, handler)

    token = None if settings.token_file is None else read_token(settings.token_file)
    hosts = names_of(settings.host, settings.port, settings.allowed_hosts)
    logging.getLogger("uvicorn").setLevel(logging.ERROR)  # what strangers send is no news
    told = uvicorn.Config(
        app_of(model, Limits(settings.max_body_bytes, settings.seconds), hosts, token),
        http=connection_of(settings.seconds),
        ws="none",
        lifespan="off",
        interface="asgi3",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        limit_concurrency=MOST_CONNECTIONS,
        timeout_keep_alive=IDLE_SECONDS,
        timeout_graceful_shutdown=max(1, round(settings.seconds)),
    )
    return Server(told)


def _stop_after(server: Any, is_over: Callable[[], None]) -> None:
    is_over()
    server.should_exit = True


def _cannot_listen(settings: ServeSettings, error: OSError) -> RunlakeError:
    why = error.strerror or str(error)
    return RunlakeError(
        f"Nothing can listen at {settings.host}, port {settings.port}: {why}. Take another by -p, or one that is free by -p 0."
    )
