"""The stack under test: a fresh clone with its own .env, secrets and certificate, driven by make and docker compose.

Everything here blocks for as long as the commands take; tests that do something meanwhile call it through
`asyncio.to_thread`.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import ssl
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.stubs.processes import ModelServer

ROOT = Path(__file__).parents[2]
PROJECT = "zhupi-drill"
OVERRIDE = "tests/compose/compose.yml"
# A range of their own, so that a stack that is really used may run beside the drills.
HTTP, HTTPS, MODEL = 18200, 18243, 18210
NEXT = "next.pem"  # in the folder of the certificate: the one that is to come
COMMAND_SECONDS = 600.0  # a build may be part of it
MODEL_CALLS = 4  # at once, in each replica
REPLICAS = 2
APPLICATION = ("app", "db", "redis", "nginx")


class CommandError(AssertionError):
    """A command that ended with another code than 0; its text holds the output."""


def run(command: Sequence[str], folder: Path, seconds: float = COMMAND_SECONDS, given: bytes = b"") -> str:
    """A command's standard output. Raises CommandError with all it said, also when it takes too long."""
    try:
        done = subprocess.run(
            command, cwd=folder, env=environment(), input=given, capture_output=True, timeout=seconds
        )
    except subprocess.TimeoutExpired as error:
        said = (error.stdout or b"") + (error.stderr or b"")
        raise CommandError(f"{' '.join(command)}: no end after {seconds:g} s\n{_tail(said)}") from None
    if done.returncode:
        raise CommandError(
            f"{' '.join(command)}: exit code {done.returncode}\n{_tail(done.stdout + done.stderr)}"
        )
    return done.stdout.decode(errors="replace")


def environment() -> dict[str, str]:
    """What commands are given: nothing of the make that runs the tests, nothing that names another project."""
    mine = ("COMPOSE_", "MAKE", "MFLAGS", "GIT_", "ZHUPI_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(mine)}
    return {**kept, "COMPOSE_PROGRESS": "plain", "COMPOSE_ANSI": "never"}


def _tail(said: bytes, lines: int = 60) -> str:
    return "\n".join(said.decode(errors="replace").splitlines()[-lines:])


class Stack:
    """One project of Docker compose in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.url = f"https://localhost:{HTTPS}"
        self.plain_url = f"http://localhost:{HTTP}"
        self.image = "zhupi:drill"
        self.setup_link = ""
        self.up_seconds = 0.0  # the first `make up`, images built before
        self.model = ModelServer()
        self.model.url = f"http://127.0.0.1:{MODEL}/v1"

    def clone(self) -> None:
        """A fresh clone of what is committed, and the .env of the drills."""
        shutil.rmtree(self.folder, ignore_errors=True)
        run(["git", "clone", "--quiet", str(ROOT), str(self.folder)], ROOT)
        self.configure()

    def configure(self, **more: str) -> None:
        """Write .env: the ports, the stub model, and what a drill wants besides. Lasts until the next call."""
        values = {
            "COMPOSE_PROJECT_NAME": PROJECT,
            "COMPOSE_FILE": f"docker-compose.yml:{OVERRIDE}",
            "APP_IMAGE": self.image,
            "HTTP_PORT": str(HTTP),
            "HTTPS_PORT": str(HTTPS),
            "MODEL_PORT": str(MODEL),
            "BUILD_NETWORK": os.environ.get("BUILD_NETWORK", "default"),
            "APP_REPLICAS": str(REPLICAS),
            "LANGUAGE": "en",
            "LLM_PROVIDER": "custom",
            "LLM_BASE_URL": "http://model:9000/v1",
            "LLM_MODEL": "stub",
            "MAX_PARALLEL_WORKERS": str(MODEL_CALLS),
            **more,
        }
        lines = [f"{name}={value}" for name, value in values.items() if value]
        (self.folder / ".env").write_text("\n".join(lines) + "\n", encoding="utf-8")

    def make(self, *words: str, seconds: float = COMMAND_SECONDS, given: bytes = b"") -> str:
        """One of the Makefile's verbs."""
        return run(["make", "--no-print-directory", *words], self.folder, seconds, given)

    def compose(self, *words: str, seconds: float = COMMAND_SECONDS, given: bytes = b"") -> str:
        """A compose command; the project and the files are those of .env, as for `make`."""
        return run(["docker", "compose", *words], self.folder, seconds, given)

    def docker(self, *words: str, seconds: float = COMMAND_SECONDS, given: bytes = b"") -> str:
        """A plain docker command."""
        return run(["docker", *words], self.folder, seconds, given)

    def exec(self, service: str, *words: str, user: str = "", given: bytes = b"") -> str:
        """A command in a running container of a service (the first one)."""
        more = ["--user", user] if user else []
        return self.compose("exec", "-T", *more, service, *words, given=given)

    def zhupi(self, *words: str, given: bytes = b"") -> str:
        """An admin's verb in a running replica."""
        return self.exec("app", "zhupi", *words, given=given)

    def containers(self, service: str = "") -> list[str]:
        """The ids of the running containers of a service, or of all."""
        return self.compose("ps", "--quiet", *([service] if service else [])).split()

    def inspect(self, *containers: str) -> list[dict[str, Any]]:
        """What `docker inspect` tells of containers."""
        told: list[dict[str, Any]] = json.loads(self.docker("inspect", *containers)) if containers else []
        return told

    def addresses(self, container: str) -> dict[str, str]:
        """A container's address in each of its networks, by the network's name without the project's."""
        networks = self.inspect(container)[0]["NetworkSettings"]["Networks"]
        return {name.removeprefix(f"{PROJECT}_"): told["IPAddress"] for name, told in networks.items()}

    def kill(self, *containers: str) -> float:
        """kill -9 for the first process of containers at once, as the kernel does; seconds since 1970 of it.

        Not `docker kill`: that is an admin's own wish, after which the restart policy does nothing.
        """
        pids = [int(told["State"]["Pid"]) for told in self.inspect(*containers)]
        assert pids and all(pids), "there is nothing to kill"
        killed = time.time()
        if os.geteuid() == 0:
            for pid in pids:
                os.kill(pid, signal.SIGKILL)
        else:
            # The processes are root's or another user's: a container that sees all processes does it.
            self._on_the_host("kill", "-9", *map(str, pids))
        return killed

    def _on_the_host(self, *words: str) -> str:
        options = ("--rm", "--privileged", "--pid=host", "--network=none", "--user=0", "--entrypoint=")
        return self.docker("run", *options, "redis:8", *words)

    def sql(self, statement: str) -> list[list[str]]:
        """Rows of the application's database, as text, asked by the superuser over the socket."""
        said = self.exec("db", "psql", "-U", "postgres", "-d", "zhupi", "-XAtq", "-F", "\t", "-c", statement)
        return [line.split("\t") for line in said.splitlines() if line]

    def number(self, statement: str) -> int:
        """The one number that a query gives; 0 for NULL."""
        rows = self.sql(statement)
        return int(rows[0][0] or 0) if rows else 0

    def redis(self, *words: str) -> Any:
        """A Redis command's answer, read from redis-cli's JSON."""
        ask = 'REDISCLI_AUTH=$(cat /run/secrets/redis_password) exec redis-cli --json "$@"'
        return json.loads(self.exec("redis", "sh", "-c", ask, "sh", *words))

    def events(self, assignment: int) -> list[tuple[str, str, dict[str, Any]]]:
        """All entries of an assignment's stream: id, name, fields."""
        found = self.redis("xrange", f"events:{assignment}", "-", "+")
        entries = []
        for entry_id, fields in found:
            pairs = fields.items() if isinstance(fields, Mapping) else zip(*[iter(fields)] * 2, strict=True)
            told = dict(pairs)
            entries.append((entry_id, told["name"], json.loads(told["data"])))
        return entries

    def tls(self) -> ssl.SSLContext:
        """A client that trusts the certificate in nginx/certs alone (and the next one, if there is one)."""
        context = ssl.create_default_context(cafile=str(self.certs / "fullchain.pem"))
        if (self.certs / NEXT).exists():
            context.load_verify_locations(cafile=str(self.certs / NEXT))
        return context

    @property
    def certs(self) -> Path:
        """The folder of nginx's certificate."""
        return self.folder / "nginx/certs"

    def secrets(self) -> dict[str, str]:
        """What the files in secrets/ hold, empty ones left out."""
        found = {path.name: path.read_text().strip() for path in (self.folder / "secrets").iterdir()}
        return {name: value for name, value in found.items() if len(value) >= 8}

    def healthy(self) -> bool:
        """Whether all containers that should run do so and are healthy."""
        told = self.inspect(*self.containers())
        states = [one["State"].get("Health", {}).get("Status", one["State"]["Status"]) for one in told]
        return bool(states) and all(state in ("healthy", "running") for state in states)

    def down(self, volumes: bool = False) -> None:
        """Stop all and remove the containers; the volumes too when asked."""
        more = ["--volumes"] if volumes else []
        self.compose("--profile", "*", "down", "--remove-orphans", "--timeout", "20", *more)

    def logs(self, path: Path) -> None:
        """Write what all containers have said."""
        with contextlib.suppress(CommandError):
            path.write_text(self.compose("--profile", "*", "logs", "--no-color", "--timestamps"))


@contextmanager
def timed() -> Iterator[list[float]]:
    """`with timed() as took: ...`; then took[0] is the seconds it took."""
    took: list[float] = []
    began = time.monotonic()
    yield took
    took.append(time.monotonic() - began)
