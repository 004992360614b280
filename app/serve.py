"""`zhupi serve`: everything from nothing to the first page, and back down in order.

The embedded services start while the application is imported; the database is migrated in a child process
meanwhile, because what migrating imports (alembic, psycopg, LangGraph's tables) the server does not need. gunicorn
runs in this process. The end goes the other way: workers, then services.
"""

from __future__ import annotations

import contextlib
import errno
import importlib
import json
import logging
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import structlog
from aiohttp.worker import GunicornUVLoopWebWorker
from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter
from gunicorn.glogging import Logger

from app import embedded, metrics_folder
from app.i18n import ProblemError, Text
from app.settings import Settings

# For a stop in all: running requests (leaving.REQUEST_SECONDS) with jobs beside them, then closing. What is not done
# by then is killed, and its jobs are taken over by others as those of a crash.
GRACE_SECONDS = 35
KEEPALIVE_SECONDS = 75  # longer than nginx's 60 s to its upstream, so that nginx closes first
PORT_SECONDS = 3.0  # a killed server's workers keep the port until they notice, within a second
BACKLOG = 2048
# Imported by the preparing child while the services start; it would take them when it has to migrate.
USED_BY_PREPARING = ("app.migrate", "alembic.command", "langgraph.checkpoint.postgres", "pgqueuer.queries")
PROBLEM = 3  # the preparing child's exit code for a sentence on standard output; 1 and 2 are Python's

log = structlog.stdlib.get_logger(__name__)


def serve(settings: Settings, *, demo: bool = False) -> None:
    """Serve until SIGINT or SIGTERM. Raises ProblemError when the server cannot start."""
    listening = bind(settings.host, settings.port)
    # Before `app.metrics` is imported: it asks whether there are several processes.
    with metrics_folder.shared(settings.web_concurrency), embedded.launch(settings) as services:
        # A signal before gunicorn takes over must end the services too: as an exception, through `with`.
        signal.signal(signal.SIGTERM, _interrupt)
        preparing = subprocess.Popen(  # noqa: S603
            [sys.executable, "-P", "-m", "app.serve", *(["demo"] if demo else [])],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])},
        )
        try:
            import app.main

            services.wait()
            _hand_on(settings, services)
            settings = settings.with_services(services.database_url, services.redis_url)
            _tell(preparing, settings)
            # Before the fork as well: the workers share what was loaded.
            import app.storage
            import app.worker.service

            # Each worker opens them for itself; what is wrong with them is said once, in words.
            app.storage.Storage(settings.uploads, settings.var_dir / "spool")
            sign_in = _prepared(preparing)
        finally:
            preparing.kill()
            preparing.wait()
        _Server(settings, listening, services, app.main.create, sign_in).run()


def bind(host: str, port: int) -> socket.socket:
    """A socket bound to the address, not yet listening. Raises ProblemError in words about HOST and PORT."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except (OSError, UnicodeError):
        raise ProblemError("HOST={host} is not an address of this machine.", host=host) from None
    limit = time.monotonic() + PORT_SECONDS
    while True:
        made = socket.socket(family, kind, protocol)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            made.bind(address)
            # bind() alone succeeds twice with SO_REUSEADDR; listening is what claims the port.
            made.listen(BACKLOG)
        except OSError as error:
            made.close()
            if error.errno != errno.EADDRINUSE or time.monotonic() > limit:
                raise _refusal(error, host, port) from None
            time.sleep(0.1)
        else:
            return made


def address(settings: Settings) -> str:
    """Where a browser finds the server, under a name that ALLOWED_HOSTS serves.

    That is this machine's own, if it is served; else the first trusted origin of a served name (https, as a proxy shows
    us to the world); else the first name served, at our own port.
    """
    everywhere_or_here = ("127.0.0.1", "0.0.0.0", "::1", "::")  # noqa: S104 - compared with, not bound
    host = "localhost" if settings.host in everywhere_or_here else settings.host
    if not _serves(settings, host):
        for origin in settings.csrf_trusted_origins:
            name = urlsplit(origin).hostname or ""
            if "*" not in name and _serves(settings, name):
                return f"{origin.rstrip('/')}/"
        host = next((name for name in settings.allowed_hosts if "*" not in name), host)
    return f"http://{f'[{host}]' if ':' in host else host}:{settings.port}/"


def _serves(settings: Settings, host: str) -> bool:
    """Whether requests for a host are answered; the same rule as the pages' (app.web.middleware.hosts)."""
    return any(
        pattern in ("*", host) or (pattern.startswith("*.") and host.endswith(pattern[1:]))
        for pattern in settings.allowed_hosts
    )


def _refusal(error: OSError, host: str, port: int) -> ProblemError:
    if error.errno == errno.EADDRINUSE:
        return ProblemError("Port {port} is taken; set PORT to another one.", port=port)
    if error.errno == errno.EACCES:
        return ProblemError("Port {port} needs root's rights; set PORT to 1024 or more.", port=port)
    if error.errno == errno.EADDRNOTAVAIL:
        return ProblemError("HOST={host} is not an address of this machine.", host=host)
    why = error.strerror or str(error)
    return ProblemError("HOST={host} PORT={port} cannot be used: {why}", host=host, port=port, why=why)


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def _hand_on(settings: Settings, services: embedded.Services) -> None:
    """Put the addresses of services that were started where the workers read their settings.

    Given ones stay as they were given: with its password filled in, an address would be one too many beside it.
    """
    for name, given, started in (
        ("DATABASE_URL", settings.postgres_url, services.database_url),
        ("REDIS_URL", settings.redis_url.get_secret_value(), services.redis_url),
    ):
        if not given:
            os.environ.pop(name + "_FILE", None)
            os.environ[name] = started


def _tell(child: subprocess.Popen[str], settings: Settings) -> None:
    """The services' addresses for the preparing child, which has imported what it needs meanwhile."""
    assert child.stdin is not None
    with contextlib.suppress(BrokenPipeError):  # it ended already; `_prepared` finds out why
        child.stdin.write(json.dumps([settings.postgres_url, settings.redis_url.get_secret_value()]) + "\n")
        child.stdin.flush()


def prepare(settings: Settings, *, demo: bool) -> str | None:
    """Migrate, and load the demo if asked; what to tell about signing in, if there is something to tell."""
    from app.migrate import upgrade

    upgrade(settings)
    if demo:
        from app.demo import load

        said = load(settings)
        if said:
            return said
    return _set_up(settings)


def _set_up(settings: Settings) -> str | None:
    """The one-time link for the first account, while there is none."""
    import asyncio

    from app.accounts.service import setup_token
    from app.db import Database

    async def ask() -> str | None:
        database = Database(settings.sqlalchemy_url, pool_size=1)
        try:
            async with database.begin() as session:
                return await setup_token(session)
        finally:
            await database.close()

    token = asyncio.run(ask())
    if token is None:
        return None
    if settings.production:
        # Logs are kept and read by others, and a proxy's address is not known here.
        return Text("Nobody has an account yet: zhupi set-up-link prints a link for the first one.").render(
            settings.language
        )
    link = f"{address(settings)}set-up/{token}"
    return Text("Nobody has an account yet. Make the first one here: {link}", {"link": link}).render(
        settings.language
    )


def _prepared(child: subprocess.Popen[str]) -> str:
    """What the preparing child has to say about signing in. Raises ProblemError, the child's own if it had one."""
    said, _ = child.communicate()
    if child.returncode == PROBLEM:
        raise ProblemError(Text.from_json(json.loads(said)))
    if child.returncode:
        raise ProblemError("The database could not be prepared; the log above says why.")
    return said.strip()


class _Log(Logger):
    """gunicorn's messages through our logging."""

    def setup(self, cfg: Any) -> None:
        super().setup(cfg)
        for logger in (self.error_log, self.access_log):
            logger.handlers.clear()
            logger.propagate = True
        # "Starting gunicorn", "Using worker": a matter for who debugs; the address is printed once, by us.
        self.error_log.setLevel(max(logging.WARNING, logging.getLogger().level))


class _Arbiter(Arbiter):
    """gunicorn's master, which also looks after the services."""

    def murder_workers(self) -> None:
        """Called every second."""
        super().murder_workers()
        if not self.app.services.alive and not self.app.ending:
            self.app.ending = True
            log.error("embedded services ended")
            os.kill(os.getpid(), signal.SIGTERM)


class _Worker(GunicornUVLoopWebWorker):
    """aiohttp's worker; the first one says that the server serves, once it does."""

    announced = deep = False

    def handle_exit(self, sig: int, frame: Any) -> None:
        """SIGTERM: go at once, where aiohttp's own worker would sleep out its second."""
        super().handle_exit(sig, frame)
        self._notify_waiter_done()

    def notify(self) -> None:
        """Called every second from when the sockets are served."""
        super().notify()
        if self.booted and not self.deep:
            self.deep = True
            for listening in self.sockets:
                # aiohttp has listened anew with its own 128. Behind a proxy those are full after a stall of seconds,
                # and the kernel then drops what would only have waited.
                listening.listen(BACKLOG)
        if self.booted and self.age == 1 and not self.announced:
            self.announced = True
            self.app.announce()


def _forget(_server: Any, worker: Any) -> None:
    """A worker's end, for the figures of those that live."""
    from app import metrics

    metrics.forget(worker.pid)


class _Server(BaseApplication):
    """gunicorn with what we imported already, on a socket that is bound already."""

    def __init__(
        self,
        settings: Settings,
        listening: socket.socket,
        services: embedded.Services,
        factory: Callable[..., Any],
        sign_in: str,
    ) -> None:
        self.settings, self.listening, self.services = settings, listening, services
        self.factory, self.sign_in, self.ending = factory, sign_in, False
        super().__init__()

    def load_config(self) -> None:
        options = {
            "bind": f"fd://{self.listening.detach()}",
            "workers": self.settings.web_concurrency,
            "worker_class": _Worker,
            "preload_app": True,
            "timeout": 120,  # a worker that does not even beat for so many seconds is replaced
            "graceful_timeout": GRACE_SECONDS,
            "keepalive": KEEPALIVE_SECONDS,
            "control_socket_disable": True,
            "logger_class": _Log,
            "proc_name": "zhupi",
            "child_exit": _forget,
        }
        for name, value in options.items():
            self.cfg.set(name, value)

    def load(self) -> Callable[..., Any]:
        return self.factory

    def run(self) -> None:
        _Arbiter(self).run()

    def announce(self) -> None:
        """Say where the server is, and how to sign in."""
        sentence = Text("Zhupi serves {address} (Ctrl-C stops it).", {"address": address(self.settings)})
        print(sentence.render(self.settings.language), self.sign_in, sep="\n", flush=True)


def main() -> int:
    """The preparing child: how to sign in, or a problem as JSON, on standard output. Returns the exit code."""
    from app.logs import configure
    from app.settings import load_settings

    try:
        settings = load_settings()
        configure(settings)
        for module in USED_BY_PREPARING:
            importlib.import_module(module)
        addresses = sys.stdin.readline()
        if not addresses:  # the server ended before its services were there
            return 1
        said = prepare(settings.with_services(*json.loads(addresses)), demo="demo" in sys.argv[1:])
    except ProblemError as problem:
        print(json.dumps(problem.text.to_json()))
        return PROBLEM
    print(said or "")
    return 0


if __name__ == "__main__":
    sys.exit(main())
