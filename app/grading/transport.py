"""The SDK's aiohttp transport with two faults mended; imported with the first call only.

1. Its timeouts count from byte to byte, so an endpoint that drips an answer holds a call for ever. Here one
   attempt has one time limit.
2. It reports a connection that the other side closed as a timeout (`ClientConnectionError` stands above
   `ServerTimeoutError` in its table), and lets broken HTTP through as an aiohttp exception, which the SDK
   does not know.
"""

from __future__ import annotations

import asyncio
from typing import Any

import httpx2
from openai import DefaultAioHttpClient


class BrokenOffError(httpx2.ReadError):
    """The other side closed the connection or sent something that is not HTTP."""


class _PatientClient(DefaultAioHttpClient):
    """An aiohttp-backed HTTP client with a time limit for a whole attempt."""

    def __init__(self, total_seconds: float, **options: Any) -> None:
        super().__init__(**options)
        self._total_seconds = total_seconds

    async def send(self, request: httpx2.Request, **options: Any) -> httpx2.Response:
        """Send and read the body. Raises only httpx2.ReadTimeout, httpx2.ConnectError, BrokenOffError."""
        try:
            async with asyncio.timeout(self._total_seconds):
                return await super().send(request, **options)
        except TimeoutError as error:
            raise httpx2.ReadTimeout("the attempt took too long", request=request) from error
        except Exception as error:
            raise _sorted_out(error, request) from error


def _sorted_out(error: Exception, request: httpx2.Request) -> httpx2.RequestError:
    """The exception that says what happened, whatever the transport made of it."""
    names = _names(error)
    if "ClientConnectorError" in names or "ConnectError" in names:
        return httpx2.ConnectError("no connection", request=request)
    if "TimeoutError" in names:  # aiohttp's own timeouts all descend from it
        return httpx2.ReadTimeout("no answer in time", request=request)
    return BrokenOffError("the connection or the answer broke off", request=request)


def _names(error: BaseException | None) -> set[str]:
    """The class names of an error, its causes and their parents: by name, the engine needs no aiohttp."""
    names: set[str] = set()
    while error is not None:
        names.update(parent.__name__ for parent in type(error).__mro__)
        error = error.__cause__
    return names


def broke_off(error: BaseException) -> bool:
    """Whether an SDK error came from a connection that was open and broke off."""
    return BrokenOffError.__name__ in _names(error)


def untrusted(error: BaseException) -> bool:
    """Whether an SDK error came from a certificate that cannot be verified."""
    return "SSLCertVerificationError" in _names(error)


def patient_client(total_seconds: float, connect_seconds: float, connections: int) -> httpx2.AsyncClient:
    """An HTTP client for `connections` calls at once, each attempt bounded by `total_seconds`."""
    return _PatientClient(
        total_seconds,
        timeout=httpx2.Timeout(total_seconds, connect=connect_seconds),
        limits=httpx2.Limits(max_connections=connections, max_keepalive_connections=connections),
    )
