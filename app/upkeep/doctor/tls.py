"""When the certificate that browsers see runs out, and whether they trust it."""

from __future__ import annotations

import asyncio
import base64
import re
import socket
import ssl
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

from app.i18n import Text
from app.settings import Settings
from app.upkeep.doctor.findings import Finding, Level, ok, problem, skipped, warning
from app.upkeep.doctor.limits import in_thread, resolve

SECONDS = 5.0
SOON_DAYS = 21
"""ACME renews at 30 days left: below this a renewal has failed for more than a week."""

BESIDE = ("nginx", 8443)
"""The proxy of docker-compose.yml, as a replica reaches it."""

BESIDE_SECONDS, PAUSE_SECONDS = 2.0, 2.0
"""For one look at the proxy beside us, and before the second one: nginx that starts again is away for a second."""

FILES = ("nginx/certs/server.crt", "nginx/certs/fullchain.pem", "nginx/certs/cert.pem")
"""Where the certificate lies when this runs beside the proxy, from the folder of the checkout."""


class CertificateError(ValueError):
    """Something that is not an X.509 certificate."""


async def check(settings: Settings, address: str = "") -> list[Finding]:
    """The certificate at an address (https://…), else at the first trusted origin, else of the proxy beside us."""
    address = address or next(
        (each for each in settings.csrf_trusted_origins if each.startswith("https://") and "*" not in each),
        "",
    )
    if address:
        return await _served(address)
    found, why = await _beside(settings)
    if found is not None:
        return [found]
    for name in FILES:
        found = await in_thread(lambda name=name: _from_file(Path(name)))  # type: ignore[misc]
        if found is not None:
            return [found]
    text = Text("No certificate was looked at: no proxy was found beside this server.")
    if not settings.production:
        return [skipped("certificate", text)]
    proxy = Text(
        "With compose: make ps shows whether nginx runs, docker compose logs nginx says why not, make up starts it. "
        "Behind another proxy: name its address with --address https://…"
    )
    place = f"{BESIDE[0]}:{BESIDE[1]}"
    if isinstance(why, socket.gaierror):  # nobody of that name: it is stopped, or there is none
        return [Finding("certificate", Level.SKIPPED, text, proxy)]
    text = Text(
        "The proxy at {address} shows no certificate ({error}); looked at twice.",
        {"address": place, "error": type(why).__name__},
    )
    return [problem("certificate", text, proxy)]


async def _beside(settings: Settings) -> tuple[Finding | None, Exception | None]:
    """The compose proxy's certificate, else why there is none. Whether browsers trust it only its real name can tell.

    In production it is looked at twice: it may just be starting again.
    """
    host, port = BESIDE
    asked = next((name for name in settings.allowed_hosts if "*" not in name and ":" not in name), host)
    why: Exception | None = None
    for pause in (0.0, PAUSE_SECONDS) if settings.production else (0.0,):
        await asyncio.sleep(pause)
        try:
            async with asyncio.timeout(BESIDE_SECONDS):
                return judge(await _handshake(host, port, trusted=False, name=asked), f"{host}:{port}"), None
        except (OSError, TimeoutError, CertificateError) as error:
            why = error
    return None, why


async def _served(address: str) -> list[Finding]:
    host, port = _place(address)
    if not host:
        text = Text("{address} is not an address that begins with https://", {"address": address})
        return [problem("certificate", text, Text("Say --address https://name or https://name:port."))]
    place = {"address": f"{host}:{port}"}
    try:
        der = await _handshake(host, port, trusted=False)
        finding = judge(der, place["address"])
    except TimeoutError:
        text = Text("{address} does not answer.", place)
        return [problem("certificate", text, Text("Is the proxy running, and the port open?"))]
    except (OSError, CertificateError) as error:
        text = Text("{address} shows no certificate ({error}).", {**place, "error": type(error).__name__})
        return [problem("certificate", text, Text("Is the proxy running, and the port open?"))]
    return [finding, await _trust(host, port)]


def _place(address: str) -> tuple[str, int]:
    """Host and port of an https:// address; host "" where it is none."""
    try:
        parts = urlsplit(address)
        return (parts.hostname or "", parts.port or 443) if parts.scheme == "https" else ("", 0)
    except ValueError:  # a port that is no number, a broken IPv6 address
        return "", 0


async def _handshake(host: str, port: int, *, trusted: bool, name: str = "") -> bytes:
    """The certificate that a server shows for a name, as DER. `trusted` demands what a browser would."""
    context = ssl.create_default_context()
    if not trusted:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE  # to look at one that has run out
    await resolve(f"//[{host}]" if ":" in host else f"//{host}")
    async with asyncio.timeout(SECONDS):
        _, writer = await asyncio.open_connection(host, port, ssl=context, server_hostname=name or host)
        try:
            shown = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
        finally:
            writer.transport.abort()
    return bytes(shown or b"")


async def _trust(host: str, port: int) -> Finding:
    place = {"address": f"{host}:{port}"}
    try:
        await _handshake(host, port, trusted=True)
    except ssl.SSLCertVerificationError as error:
        text = Text(
            "Browsers will warn of {address}: {why}", {**place, "why": error.verify_message.rstrip(".")}
        )
        advice = Text("Replace the self-signed certificate by your own or an ACME one, in nginx/certs.")
        return warning("certificate.trust", text, advice)
    except (OSError, TimeoutError) as error:
        text = Text("{address} shows no certificate ({error}).", {**place, "error": type(error).__name__})
        return problem("certificate.trust", text, Text("Is the proxy running, and the port open?"))
    return ok("certificate.trust", Text("Browsers trust {address}.", place))


def _from_file(path: Path) -> Finding | None:
    try:
        text = path.read_text(encoding="ascii")
        body = re.search(r"-----BEGIN CERTIFICATE-----(.+?)-----END CERTIFICATE-----", text, re.DOTALL)
        return judge(base64.b64decode(body[1] if body else ""), str(path))
    except (OSError, ValueError):
        return None


def judge(der: bytes, place: str, now: datetime | None = None) -> Finding:
    """How long a certificate is still good. Raises CertificateError."""
    began, ends = validity(der)
    now = now or datetime.now(UTC)
    days = (ends - now).total_seconds() / 86400
    values = {"address": place, "days": max(0, int(days)), "date": ends.date().isoformat()}
    facts = {"not_after": ends.isoformat(), "days": round(days, 1)}
    renew = Text("Put a new one into nginx/certs and reload nginx; connections are not dropped.")
    if days <= 0:
        return problem(
            "certificate", Text("The certificate of {address} ran out on {date}.", values), renew, **facts
        )
    if began > now:
        text = Text("The certificate of {address} is not valid yet.", values)
        return problem("certificate", text, Text("Look at this machine's clock."), **facts)
    text = Text("The certificate of {address} is good until {date} ({days} days).", values)
    return (
        warning("certificate", text, renew, **facts) if days < SOON_DAYS else ok("certificate", text, **facts)
    )


# --- As much of X.509 (RFC 5280, 4.1) in DER (X.690) as the two dates need ---------------------------

_SEQUENCE, _UTC_TIME, _TIME, _VERSION = 0x30, 0x17, 0x18, 0xA0


def validity(der: bytes) -> tuple[datetime, datetime]:
    """notBefore and notAfter of a certificate. Raises CertificateError.

    Python reads a certificate's fields only when it trusts it, and this is asked about one that has run out.
    """
    try:
        certificate, _ = _open(der, _SEQUENCE)
        rest, _ = _open(certificate, _SEQUENCE)
        if rest[0] == _VERSION:
            rest = _skip(rest)
        for _ in ("serialNumber", "signature", "issuer"):
            rest = _skip(rest)
        dates, _ = _open(rest, _SEQUENCE)
        return _date(dates), _date(_skip(dates))
    except (IndexError, ValueError):
        raise CertificateError("no certificate") from None


def _open(data: bytes, tag: int) -> tuple[bytes, bytes]:
    """The content of the element in front, and what follows it."""
    if data[0] != tag:
        raise ValueError("another element")
    content, rest = _element(data)
    return content, rest


def _skip(data: bytes) -> bytes:
    return _element(data)[1]


def _element(data: bytes) -> tuple[bytes, bytes]:
    length, start = data[1], 2
    if length & 0x80:
        start += length & 0x7F
        length = int.from_bytes(data[2:start], "big")
    if len(data) < start + length:
        raise ValueError("cut off")
    return data[start : start + length], data[start + length :]


def _date(data: bytes) -> datetime:
    """UTCTime has years from 1950 to 2049 in two digits, GeneralizedTime all four."""
    said = _element(data)[0].decode("ascii")
    if data[0] == _UTC_TIME:
        said = ("20" if int(said[:2]) < 50 else "19") + said
    elif data[0] != _TIME:
        raise ValueError("no date")
    return datetime.strptime(said, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC)
