"""The model's endpoint: its name, its port, its certificate, its key; with --ask-model one tiny answer."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.request import getproxies

import aiohttp

from app.grading.chat import connect
from app.grading.endpoint import KEYLESS, Endpoint, check_endpoint
from app.i18n import ProblemError, Text
from app.settings import Settings
from app.upkeep.doctor.clock import skew
from app.upkeep.doctor.findings import Finding, Level, ok, problem, skipped, warning
from app.upkeep.doctor.limits import resolve

SECONDS = 5.0
LARGEST = 4 * 2**20  # bytes of a list of models; OpenRouter's has half of one
# Its header tells whole seconds.
DATE_ERROR = 0.5
SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "properties": {"ok": {"type": "boolean"}},
    "required": ["ok"],
    "additionalProperties": False,
}


async def check(settings: Settings, ask: bool = False) -> list[Finding]:
    """Look at the endpoint without paying; with `ask` also for one answer."""
    if not settings.asks_model:
        return [skipped("model", Text("No model is set up (LLM_API_KEY); the local graders serve."))]
    try:
        endpoint = check_endpoint(
            settings.llm_provider,
            settings.llm_base_url,
            settings.llm_api_key.get_secret_value(),
            settings.llm_model,
        )
    except ProblemError as error:
        return [problem("model", error.text, Text("Mend the settings that begin with LLM_."))]
    findings = await reach(endpoint, settings.vision_model)
    if ask and findings[0].level is not Level.PROBLEM:
        findings.append(await _ask(settings, endpoint))
    return findings


async def reach(endpoint: Endpoint, eyes: str = "") -> list[Finding]:
    """Ask for the list of models, which costs nothing; the first finding is about the endpoint itself.

    `eyes` is the model at the same endpoint that pictures are shown to, "" for none.
    """
    values = {"host": endpoint.host, "model": endpoint.model}
    timeout = aiohttp.ClientTimeout(total=SECONDS)
    headers = {"Authorization": f"Bearer {endpoint.api_key or KEYLESS}"}
    advice = Text("Runs pause or hand their questions to the teacher meanwhile; nothing is graded by guess.")
    try:
        if not getproxies():
            await resolve(endpoint.base_url)
        # trust_env: the client that asks for marks goes through the same proxies.
        async with (
            aiohttp.ClientSession(timeout=timeout, trust_env=True) as session,
            session.get(f"{endpoint.base_url}/models", headers=headers) as response,
        ):
            now = time.time()
            body = await _read(response.content)
    except TimeoutError:
        return [problem("model", Text("{host} does not answer.", values), advice)]
    except socket.gaierror:
        return [problem("model", Text("Nobody knows the host of {place}.", {"place": endpoint.host}), advice)]
    except aiohttp.ClientConnectorCertificateError:
        text = Text("The certificate of {host} cannot be trusted", values)
        return [problem("model", text, Text("Give this machine the certificate of whoever signed it."))]
    except (aiohttp.ClientError, OSError, ValueError) as error:
        text = Text("{host} cannot be reached ({error}).", {**values, "error": type(error).__name__})
        return [problem("model", text, advice)]
    models = _models(body)
    judged = _judged(response.status, models, endpoint)
    return [judged, *_eyes(models, endpoint, eyes), *_clock(response.headers, now, endpoint)]


async def _read(content: aiohttp.StreamReader) -> bytes:
    """The body up to LARGEST; what is longer is no list of models."""
    pieces, size = [], 0
    async for piece in content.iter_any():
        pieces.append(piece)
        size += len(piece)
        if size > LARGEST:
            return b""
    return b"".join(pieces)


def _models(body: bytes) -> set[str]:
    """The ids of a list of models; none where the answer is something else."""
    try:
        rows = json.loads(body)["data"]
        return {str(row["id"]).removeprefix("models/") for row in rows}
    except (ValueError, KeyError, TypeError, RecursionError):
        return set()


def _judged(status: int, models: set[str], endpoint: Endpoint) -> Finding:
    values = {"host": endpoint.host, "model": endpoint.model, "status": status}
    if status in (401, 403):
        return problem(
            "model",
            Text("{host} refused the API key", values),
            Text("Compare LLM_API_KEY with the provider's page; give the right one and restart."),
            status=status,
        )
    if status >= 500 or status == 429:
        return warning(
            "model",
            Text("{host} answers, and is in trouble itself (status {status}).", values),
            Text("Wait; the provider's status page says more."),
            status=status,
        )
    if models and endpoint.model not in models:
        return warning(
            "model",
            Text("{host} does not list the model {model}.", values),
            Text("Compare LLM_MODEL with its list; --ask-model tries it for real."),
            status=status,
        )
    return ok("model", Text("{host} answers.", values), status=status)


def _eyes(models: set[str], endpoint: Endpoint, name: str) -> list[Finding]:
    """The model that sees pages, where one is set up and the endpoint says what it has."""
    if not name or not models:
        return []
    values = {"host": endpoint.host, "model": name}
    if name in models:
        return [ok("model.vision", Text("{host} lists the vision model {model}.", values))]
    return [
        warning(
            "model.vision",
            Text("{host} does not list the model {model}.", values),
            Text("Compare VISION_MODEL with its list. Until it answers, pages keep what is recognised here."),
        )
    ]


def _clock(headers: Mapping[str, str], now: float, endpoint: Endpoint) -> list[Finding]:
    """Another clock, for nothing."""
    try:
        theirs = parsedate_to_datetime(headers["Date"]).timestamp()
    except (KeyError, ValueError, TypeError, OverflowError):
        return []
    return [skew("clock.endpoint", theirs + DATE_ERROR - now, endpoint.host)]


async def _ask(settings: Settings, endpoint: Endpoint) -> Finding:
    values = {"host": endpoint.host, "model": endpoint.model}
    began = time.perf_counter()
    try:
        chat = connect(
            endpoint.provider,
            endpoint.base_url,
            endpoint.api_key,
            endpoint.model,
            timeout_seconds=settings.llm_timeout,
            max_retries=0,
            max_parallel=1,
        )
        try:
            reply = await chat.complete("Answer with JSON.", 'Say {"ok": true}.', SCHEMA)
        finally:
            await chat.aclose()
    except ProblemError as error:
        return problem("model.answer", error.text, Text("Mend the settings that begin with LLM_."))
    seconds = time.perf_counter() - began
    facts = {
        "seconds": round(seconds, 2),
        "tokens_in": reply.tokens_in,
        "tokens_out": reply.tokens_out,
        "cost": reply.cost,
    }
    values["seconds"] = f"{seconds:.1f}"
    return ok("model.answer", Text("{model} at {host} answered in {seconds} s.", values), **facts)
