"""The server: where it listens, who may ask it, what is printed, and how it ends."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import os
import secrets
import signal
import socket
import sys
import threading
import webbrowser
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import runlake

__all__ = ["Wanted", "bound", "is_desktop", "launch", "server_of"]

DEFAULT_PORT = 5000
TRIED_PORTS = 50  # from the default one on
GRACE_SECONDS = 1  # for answers on their way, when the server is to stop


@dataclass(frozen=True)
class Wanted:
    """What was asked for on the command line; without a port, the first free one from 5000 on."""

    store: Path
    host: str = "127.0.0.1"
    port: int | None = None
    has_token: bool = True
    is_read_only: bool = False
    allowed_hosts: Sequence[str] = ()
    opens_browser: bool = True


def launch(wanted: Wanted) -> None:
    """Serve the store until Ctrl-C. Raises RunlakeError where nothing can listen."""
    listener = bound(wanted.host, wanted.port)
    port, token = listener.getsockname()[1], secrets.token_urlsafe(24) if wanted.has_token else None
    host = wanted.host if wanted.host not in ("0.0.0.0", "::") else socket.gethostname()
    link = f"http://{f'[{host}]' if ':' in host else host}:{port}/{'' if token is None else f'?t={token}'}"
    server = server_of(wanted, port, token)

    def ready() -> None:
        there = "" if (wanted.store / "STORE.json").is_file() else ", where nothing is recorded yet"
        print(
            f"{link}\nThe page of {wanted.store}{there}{'; nothing can be changed' if wanted.is_read_only else ''}. Ctrl-C stops it.",
            flush=True,
        )
        if wanted.opens_browser and is_desktop():
            threading.Thread(target=webbrowser.open, args=(link,), name="runlake-ui-browser", daemon=True).start()

    server.ready = ready
    with contextlib.closing(listener):
        server.run(sockets=[listener])


def bound(host: str, port: int | None) -> socket.socket:
    """A socket that listens there. Raises RunlakeError where somebody else does."""
    tried = [port] if port is not None else range(DEFAULT_PORT, DEFAULT_PORT + TRIED_PORTS)
    for each in tried:
        try:
            return _listening(host, each)
        except OSError as error:
            if port is None and error.errno in (errno.EADDRINUSE, errno.EACCES):
                continue
            why = error.strerror or str(error)
            hint = "Give another by --port, or 0 for one that is free." if port else ""
            raise runlake.RunlakeError(f"Nothing can listen at {host}, port {each}: {why}. {hint}".rstrip()) from None
    raise runlake.RunlakeError(
        f"The ports from {DEFAULT_PORT} to {tried[-1]} are all taken. Give one by --port, or 0 for one that is free."
    )


def is_desktop() -> bool:
    """Whether a browser that opens here is one that somebody sees."""
    given = os.environ
    if "SSH_CONNECTION" in given or "SSH_TTY" in given:
        return False
    return sys.platform in ("darwin", "win32") or "DISPLAY" in given or "WAYLAND_DISPLAY" in given


def server_of(wanted: Wanted, port: int, token: str | None) -> Any:
    """The server, which calls `ready` once it listens. What answers is loaded meanwhile: a browser takes as long to start."""
    import uvicorn

    logging.getLogger("uvicorn").setLevel(
        logging.CRITICAL
    )  # what strangers send is no news, and what fails here is printed by the application
    loading = _Loading(wanted, port, token)

    class Server(uvicorn.Server):
        """Says when it is ready, and has nobody wait for more when it is to stop."""

        ready: Any = staticmethod(lambda: None)

        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            self.ready()
            loading.start()

        async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
            loading.close()
            await super().shutdown(sockets)

        @contextlib.contextmanager
        def capture_signals(self) -> Iterator[None]:
            is_main = threading.current_thread() is threading.main_thread()
            former = {each: signal.signal(each, self.handle_exit) for each in (signal.SIGINT, signal.SIGTERM)} if is_main else {}
            try:
                yield
            finally:
                for each, handler in former.items():
                    signal.signal(each, handler)

    config = uvicorn.Config(
        loading,
        http="h11",
        ws="none",
        lifespan="off",
        interface="asgi3",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    return Server(config)


class _Loading:
    """The application, once it is loaded; until then requests wait."""

    def __init__(self, wanted: Wanted, port: int, token: str | None) -> None:
        self._wanted = wanted
        self._port = port
        self._token = token
        self._served: Any = None
        self._app: Future[Any] = Future()

    def start(self) -> None:
        """Load it, in a thread."""
        threading.Thread(target=self._load, name="runlake-ui-load", daemon=True).start()

    def close(self) -> None:
        """Have nobody wait for more."""
        if self._served is not None:
            self._served.close()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """One request."""
        app = self._app.result() if self._app.done() else await asyncio.wrap_future(self._app)
        await app(scope, receive, send)

    def _load(self) -> None:
        from runlake_ui.app import app_of
        from runlake_ui.door import Keys
        from runlake_ui.hosts import names_of
        from runlake_ui.schema import look_ahead
        from runlake_ui.served import Served

        wanted = self._wanted
        self._served = Served(wanted.store, is_read_only=wanted.is_read_only)
        keys = Keys(names_of(wanted.host, self._port, wanted.allowed_hosts), self._token, self._port, wanted.is_read_only)
        self._app.set_result(app_of(self._served, keys))
        look_ahead(self._served)


def _listening(host: str, port: int) -> socket.socket:
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    listener = socket.socket(family, kind, protocol)
    try:
        if os.name != "nt":  # where it would let two listen
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(128)
    except OSError:
        listener.close()
        raise
    return listener
