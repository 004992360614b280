"""New secrets, and a new certificate, while people work."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterator

import pytest

from tests.compose.figures import Figures
from tests.compose.load import RATE, loading
from tests.compose.runs import grading
from tests.compose.stack import HTTPS, NEXT, CommandError, Stack, timed
from tests.compose.teacher import Teacher

pytestmark = pytest.mark.compose
CALM = min(20.0, RATE)  # requests a second while a secret changes
# Asks the database over the network with the password that comes on standard input.
WITH_PASSWORD = (
    'PGPASSWORD=$(cat) psql -h "$(hostname -i | cut -d" " -f1)" -U zhupi -d zhupi -Atqc "select 1"'
)
# The same for Redis: what it answers to AUTH.
REDIS_WITH = "printf 'AUTH %s\\n' \"$(cat)\" | redis-cli"
MADE_BY = "nginx:1.28"
CERTIFICATE = """
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 -subj /CN=zhupi-drill \
  -addext subjectAltName=DNS:localhost,IP:127.0.0.1 -keyout /certs/next.key -out /certs/next.pem 2>/dev/null
chown 10001:10001 /certs/next.key
chmod 0600 /certs/next.key
chmod 0644 /certs/next.pem
"""


@pytest.mark.parametrize("name", ["db_password", "redis_password"])
async def test_a_password_is_changed(teacher: Teacher, figures: Figures, name: str) -> None:
    """`make rotate-secret`: nobody is signed out, no request fails, the old password is worth nothing."""
    stack = teacher.stack
    old = stack.secrets()[name]
    async with loading(teacher, f"rotate {name}", ["/account", "/classes/new"], CALM) as load:
        await asyncio.sleep(1)
        with timed() as took:
            await asyncio.to_thread(stack.make, "rotate-secret", f"NAME={name}", "YES=1")
        await asyncio.sleep(2)
    figures.note(f"rotate-secret {name}", took[0], "s")
    load.told(figures, f"rotate-secret {name}")
    new = stack.secrets()[name]
    assert new != old and len(new) >= 24
    assert await teacher.signed_in()
    assert accepts(stack, name, new) and not accepts(stack, name, old)
    assert old not in "".join(path.read_text() for path in (stack.folder / "secrets").iterdir())


def accepts(stack: Stack, name: str, password: str) -> bool:
    """Whether the service takes a password."""
    service, script = ("db", WITH_PASSWORD) if name == "db_password" else ("redis", REDIS_WITH)
    try:
        said = stack.exec(service, "sh", "-c", script, given=password.encode()).strip()
    except CommandError:
        return False
    return said in ("1", "OK")


async def test_the_secret_key_is_changed(teacher: Teacher, figures: Figures) -> None:
    """All sign-ins end; the password is as it was; nothing else is different."""
    stack = teacher.stack
    with timed() as took:
        await asyncio.to_thread(stack.make, "rotate-secret", "NAME=secret_key", "YES=1")
    figures.note("rotate-secret secret_key", took[0], "s")
    assert not await teacher.signed_in()
    await teacher.sign_in()
    assert await teacher.signed_in()


def test_an_unknown_secret_is_refused(school: Stack) -> None:
    """With a sentence, and nothing changes."""
    before = school.secrets()
    with pytest.raises(CommandError, match="secret_key"):
        school.make("rotate-secret", "NAME=no_such", "YES=1")
    assert school.secrets() == before


@pytest.fixture
def next_certificate(school: Stack) -> Iterator[str]:
    """Another certificate for the same names, lying ready; its PEM."""
    mount = f"{school.certs}:/certs"
    options = ("--rm", "--network=none", "--user=0", "--entrypoint=sh", "-v", mount)
    school.docker("run", *options, MADE_BY, "-c", CERTIFICATE)
    yield (school.certs / NEXT).read_text()
    school.docker("run", *options, MADE_BY, "-c", "rm -f /certs/next.pem /certs/next.key")


async def test_the_certificate_is_swapped(school: Stack, next_certificate: str, figures: Figures) -> None:
    """`make reload-certificate` under load: no request fails, no stream breaks, new connections see the new one."""
    teacher = Teacher(school)  # trusts both
    await teacher.sign_in()
    async with grading(teacher, "Swap") as run:
        async with loading(teacher, "swap", ["/account", f"/assignments/{run.assignment}/run"]) as load:
            await asyncio.sleep(2)
            await asyncio.to_thread(swap, school)
            with timed() as took:
                await asyncio.to_thread(school.make, "reload-certificate")
            await asyncio.sleep(3)
            served = await asyncio.to_thread(ssl.get_server_certificate, ("localhost", HTTPS))
        await run.finished()
        await run.check_pages()
        assert [listener.opened for listener in run.listeners] == [1] * len(run.listeners)
    await teacher.close()
    figures.note("certificate swapped in", took[0], "s", limit=10)
    figures.note(
        f"certificate swapped: failed of {load.sent} requests at 50/s", len(load.failed), "", limit=0
    )
    assert ssl.PEM_cert_to_DER_cert(served) == ssl.PEM_cert_to_DER_cert(next_certificate)


def swap(stack: Stack) -> None:
    """Put the next certificate where the present one is, as an admin would: two files, replaced."""
    options = ("--rm", "--network=none", "--user=0", "--entrypoint=sh", "-v", f"{stack.certs}:/certs")
    stack.docker(
        "run", *options, MADE_BY, "-c",
        "cp -p /certs/next.key /certs/privkey.pem && cp -p /certs/next.pem /certs/fullchain.pem",
    )  # fmt: skip


async def test_a_wrong_certificate_changes_nothing(school: Stack, teacher: Teacher) -> None:
    """A key that does not belong to it: a sentence, and the old certificate is served on."""
    before = await asyncio.to_thread(ssl.get_server_certificate, ("localhost", HTTPS))
    certificate = school.certs / "fullchain.pem"
    kept = certificate.read_text()
    certificate.write_text("-----BEGIN CERTIFICATE-----\nnonsense\n-----END CERTIFICATE-----\n")
    try:
        with pytest.raises(CommandError, match="fullchain"):
            await asyncio.to_thread(school.make, "reload-certificate")
    finally:
        certificate.write_text(kept)
    after = await asyncio.to_thread(ssl.get_server_certificate, ("localhost", HTTPS))
    assert after == before and await teacher.signed_in()
