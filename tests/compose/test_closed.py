"""Closed to the outside: ports, networks, rights, secrets. Asked of the running containers, not read from files."""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.compose.stack import APPLICATION, HTTP, HTTPS, PROJECT, CommandError, Stack
from tests.compose.teacher import Teacher

pytestmark = pytest.mark.compose
STRANGERS = "zhupi-drill-strangers"
# Tries to connect to the addresses (host:port) it is given and prints those that answered.
KNOCK = """
import socket, sys
from concurrent.futures import ThreadPoolExecutor
def open_(address):
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host, int(port)), 2).close()
        return address
    except OSError:
        return ""
with ThreadPoolExecutor(200) as pool:
    print(*filter(None, pool.map(open_, sys.stdin.read().split())))
"""
LISTENING = """
import pathlib
text = "".join(pathlib.Path(f"/proc/net/{name}").read_text() for name in ("tcp", "tcp6"))
print(*sorted({int(line.split()[1].rpartition(":")[2], 16) for line in text.splitlines() if line.split()[3] == "0A"}))
"""


@pytest.fixture(scope="module")
def ours(school: Stack) -> dict[str, list[dict[str, Any]]]:
    """What `docker inspect` tells of the containers of each service, the drills' own left out."""
    found: dict[str, list[dict[str, Any]]] = {}
    for told in school.inspect(*school.containers()):
        labels = told["Config"]["Labels"]
        if "zhupi.drill" not in labels:
            found.setdefault(labels["com.docker.compose.service"], []).append(told)
    assert set(APPLICATION) <= set(found)
    return found


@pytest.fixture
def strangers(school: Stack) -> Iterator[str]:
    """A network that is none of the stack's."""
    school.docker("network", "create", STRANGERS)
    yield STRANGERS
    school.docker("network", "rm", STRANGERS)


@pytest.fixture(scope="module")
def isolation(school: Stack) -> None:
    """Skips where the engine does not keep networks apart, whoever's they are: it was started without packet filter.

    Then only what the files ask for can be looked at (internal networks, published ports), not what comes of it.
    """
    inside, outside = "zhupi-drill-inside", "zhupi-drill-outside"
    school.docker("network", "create", "--internal", inside)
    school.docker("network", "create", outside)
    name = "zhupi-drill-door"
    try:
        words = ("python", school.image, "-m", "http.server", "8000")
        school.docker("run", "--rm", "-d", "--name", name, f"--network={inside}", "--entrypoint", *words)
        address = school.inspect(name)[0]["NetworkSettings"]["Networks"][inside]["IPAddress"]
        for _ in range(20):
            if knock(school, inside, [f"{address}:8000"]):
                break
        else:
            pytest.fail("the knocking itself does not work")
        apart = not knock(school, outside, [f"{address}:8000"])
    finally:
        school.docker("rm", "-f", name)
        school.docker("network", "rm", inside, outside)
    if not apart:
        pytest.skip("this engine has no packet filter: it keeps no networks apart, internal ones neither")


def knock(stack: Stack, network: str, addresses: list[str], *more: str) -> list[str]:
    """Which addresses a container on a network can connect to."""
    options = ("--rm", "-i", f"--network={network}", "--entrypoint=python", *more)
    return stack.docker(
        "run", *options, stack.image, "-c", KNOCK, given="\n".join(addresses).encode()
    ).split()


def test_only_nginx_publishes_ports(ours: dict[str, list[dict[str, Any]]]) -> None:
    """80 and 443 as .env says, and nothing else, whatever the protocol."""
    published = {
        (service, inner, outer["HostPort"])
        for service, containers in ours.items()
        for told in containers
        for inner, outers in (told["NetworkSettings"]["Ports"] or {}).items()
        for outer in outers or []
    }
    services, ports = {row[0] for row in published}, {row[2] for row in published}
    assert services == {"nginx"} and ports == {str(HTTP), str(HTTPS)}, published
    assert all(inner.endswith("/tcp") for _, inner, _ in published), published


def test_a_scan_of_the_host_finds_two_ports(school: Stack, ours: dict[str, list[dict[str, Any]]]) -> None:
    """What listens on the host for the stack: every port that Docker's own processes hold for its containers."""
    addresses = {
        network["IPAddress"]
        for containers in ours.values()
        for told in containers
        for network in told["NetworkSettings"]["Networks"].values()
    }
    held = set()
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().decode(errors="replace").split("\0")
        except OSError:
            continue
        if words[0].endswith("docker-proxy") and words[words.index("-container-ip") + 1] in addresses:
            held.add(int(words[words.index("-host-port") + 1]))
    # Where Docker publishes by packet filter alone there are no such processes; the ports are open all the same.
    assert held in ({HTTP, HTTPS}, set()), held
    for port in (HTTP, HTTPS):
        socket.create_connection(("127.0.0.1", port), 5).close()


def test_nothing_is_reachable_from_another_network(
    school: Stack, isolation: None, strangers: str, ours: dict[str, list[dict[str, Any]]]
) -> None:
    """A container on another network reaches no port that any of our containers listens on, by address."""
    targets = []
    for service, containers in ours.items():
        for told in containers:
            ports = listening(school, service, told["Id"])
            addresses = [network["IPAddress"] for network in told["NetworkSettings"]["Networks"].values()]
            targets += [f"{address}:{port}" for address in addresses for port in ports]
    assert any(target.endswith(":5432") for target in targets), targets
    assert any(target.endswith(":6379") for target in targets), targets
    assert knock(school, strangers, targets) == []


def test_the_doors_network_sees_no_service_behind_it(
    school: Stack, isolation: None, ours: dict[str, list[dict[str, Any]]]
) -> None:
    """From `edge` (what is published) and `front` (nginx and the replicas) neither database nor Redis is reachable."""
    targets = [
        f"{network['IPAddress']}:{port}"
        for service, port in (("db", 5432), ("redis", 6379))
        for told in ours[service]
        for network in told["NetworkSettings"]["Networks"].values()
    ]
    for network in ("edge", "front"):
        assert knock(school, f"{PROJECT}_{network}", targets) == [], network
    # The same knock does open doors where there should be some: it can fail.
    assert sorted(knock(school, f"{PROJECT}_back", targets)) == sorted(targets)


def test_the_database_has_no_way_out(ours: dict[str, list[dict[str, Any]]], school: Stack) -> None:
    """Database and Redis are in internal networks only."""
    for service in ("db", "redis"):
        for told in ours[service]:
            names = list(told["NetworkSettings"]["Networks"])
            networks = json.loads(school.docker("network", "inspect", *names))
            assert networks and all(network["Internal"] for network in networks), names


def listening(stack: Stack, service: str, container: str) -> list[int]:
    """The TCP ports that a container listens on, read inside its network."""
    said = stack.docker(
        "run", "--rm", f"--network=container:{container}", "--entrypoint=python", stack.image, "-c", LISTENING
    )
    # 127.0.0.11, Docker's own name server, is in every container.
    return [int(word) for word in said.split()]


def test_rights_are_given_up(ours: dict[str, list[dict[str, Any]]]) -> None:
    """Every container: read-only root, no new privileges, capabilities dropped, limits, rotated logs, restarts."""
    for service, containers in ours.items():
        for told in containers:
            host = told["HostConfig"]
            assert host["ReadonlyRootfs"], service
            assert not host["Privileged"], service
            assert "ALL" in (host["CapDrop"] or []), service
            assert any(option.startswith("no-new-privileges") for option in host["SecurityOpt"] or []), (
                service
            )
            assert host["Memory"] > 0 and host["NanoCpus"] > 0, service
            assert host["PidsLimit"], service
            assert {"max-size", "max-file"} <= set(host["LogConfig"]["Config"]), service
            assert host["RestartPolicy"]["Name"] in ("unless-stopped", "always"), service
            assert told["Config"].get("Healthcheck"), service
            assert not any(bind.startswith("/var/run/docker") for bind in host["Binds"] or []), service


@pytest.mark.parametrize("service", APPLICATION)
def test_the_root_cannot_be_written(school: Stack, service: str) -> None:
    """Not even by root inside."""
    for place in ("/probe", "/usr/probe", "/etc/probe"):
        with pytest.raises(CommandError, match=r"(?i)read-only file system|permission denied"):
            school.exec(service, "sh", "-c", f"touch {place}", user="0")


def test_who_the_processes_are(school: Stack, ours: dict[str, list[dict[str, Any]]]) -> None:
    """The application is user 10001 from the start; nothing that reads what strangers send is root anywhere."""
    allowed = {"nginx": ("nginx: master", "sh", "sleep", "follow", "tini", "docker-init")}
    for service, containers in ours.items():
        for told in containers:
            rows = school.docker("top", told["Id"], "-eo", "pid,uid,args").splitlines()[1:]
            for row in rows:
                _, uid, command = row.split(None, 2)
                if service == "app":
                    assert uid == "10001", row
                elif uid == "0":
                    assert any(word in command for word in allowed.get(service, ("init",))), (
                        f"{service}: {row}"
                    )


def test_no_capability_is_left_to_the_application(school: Stack) -> None:
    """The kernel's own word on it: no effective, permitted or bounding capability, and no way to new ones."""
    status = school.exec("app", "cat", "/proc/self/status")
    told = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    assert int(told["CapEff"], 16) == int(told["CapPrm"], 16) == int(told["CapBnd"], 16) == 0
    assert told["NoNewPrivs"].strip() == "1"


def test_no_secret_is_told(school: Stack) -> None:
    """Neither inspect, nor compose's own config, nor the images, nor the processes' environment, nor the logs."""
    secrets = school.secrets()
    assert {"secret_key", "db_password", "redis_password"} <= set(secrets), set(secrets)
    containers = school.containers()
    places = {
        "inspect": school.docker("inspect", *containers),
        "config": school.compose("--profile", "*", "config"),
        "image": school.docker("image", "inspect", school.image),
        "history": school.docker("history", "--no-trunc", school.image),
        "logs": school.compose("logs", "--no-color"),
        "processes": "".join(school.docker("top", one, "-eo", "pid,args") for one in containers),
    }
    for service in APPLICATION:
        script = "cat /proc/[0-9]*/environ 2>/dev/null | tr '\\0' '\\n'"
        places[f"environment of {service}"] = school.exec(service, "sh", "-c", script)
    for place, text in places.items():
        for name, value in secrets.items():
            assert value not in text, f"{name} stands in {place}"


def test_secrets_are_files_of_their_reader(school: Stack) -> None:
    """0600, 10001's; and git does not see them."""
    folder = school.folder / "secrets"
    files = [path for path in folder.iterdir() if path.is_file() and not path.name.startswith(".")]
    assert files
    for path in files:
        assert path.stat().st_mode & 0o777 == 0o600, path.name
        assert path.stat().st_uid == 10001, path.name
    seen = school.docker("run", "--rm", "--network=none", "--entrypoint=id", school.image)
    assert "uid=10001" in seen


async def test_what_nginx_answers(school: Stack, teacher: Teacher) -> None:
    """No figures for strangers, TLS 1.2 or later only, the headers that browsers obey, no version told."""
    assert (await teacher.get("/metrics")).status in (403, 404)
    async with teacher.session.get(school.url + "/sign-in") as answer:
        headers = answer.headers
    assert headers.get("Server", "nginx") == "nginx", headers["Server"]
    assert "default-src" in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert len(headers.getall("Content-Security-Policy")) == 1


async def test_old_tls_is_refused(school: Stack) -> None:
    """TLS 1.1 gets no answer; 1.2 and 1.3 do, with the certificate of the folder, its name checked."""
    for version, good in ((ssl.TLSVersion.TLSv1_1, False), (ssl.TLSVersion.TLSv1_2, True)):
        context = school.tls()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # that it is old is the point
            context.minimum_version = context.maximum_version = version
        context.set_ciphers("DEFAULT:@SECLEVEL=0")
        try:
            _, writer = await asyncio.open_connection("localhost", HTTPS, ssl=context)
        except (ssl.SSLError, ConnectionError):
            assert not good, version
        else:
            writer.close()
            assert good, version


async def test_a_strange_host_is_refused(school: Stack) -> None:
    """A name that is not ours gets no page, at nginx or behind it."""
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=school.tls())) as session:
        sent = session.get(school.url + "/sign-in", headers={"Host": "evil.example"}, allow_redirects=False)
        try:
            async with sent as answer:
                assert answer.status in (400, 403, 404, 421), answer.status
        except aiohttp.ServerDisconnectedError:
            pass  # nginx's 444: no answer at all
