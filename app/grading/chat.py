"""The model client: any OpenAI-compatible endpoint behind the engine's `ChatModel` port.

The `openai` SDK sends, retries and reads rate-limit headers; its aiohttp transport does the HTTP. The SDK is
imported with the first call (1.2 s), in a thread. Answers are taken as raw responses and read here: that
halves the work a call costs, and a half-broken answer gets a precise sentence instead of an exception from
the middle of a library.
"""

from __future__ import annotations

import asyncio
import base64
import json
import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from app.grading.endpoint import KEYLESS, WITHOUT_KEY, Endpoint, check_endpoint
from app.grading.model import ChatModel, ChatReply, ModelError, SeeingModel, ShownPicture
from app.grading.replies import read_completion

if TYPE_CHECKING:
    import httpx2
    from openai import APIConnectionError, APIStatusError, AsyncOpenAI

log = logging.getLogger(__name__)

CONNECT_SECONDS = 10.0
"""How long a connection may take to open; the whole of `timeout_seconds` when that is shorter."""

SHOWN_DETAIL = 200
"""Characters of an endpoint's own error message that are shown to a person."""

BOUNDED, SCHEMA, JSON_OBJECT, PLAIN = 0, 1, 2, 3
"""How an answer's shape is asked for: a strict JSON schema; one without BOUNDS; any JSON object; the prompt alone."""

BOUNDS = ("maxLength", "maxItems", "enum")
"""Keywords that keep a small model from going on for ever. OpenAI's and others' strict schemas refuse some of them, and
their models end by themselves, so only a school's own endpoints get them."""

Content = str | list[dict[str, Any]]
"""What a message says: a text, or the protocol's list of parts (texts and pictures)."""


def connect(
    provider: str,
    base_url: str,
    api_key: str,
    model: str,
    *,
    timeout_seconds: float,
    max_retries: int,
    max_parallel: int,
    prices: Mapping[str, tuple[float, float]] | None = None,
    max_output_tokens: int | None = None,
) -> OpenAIChat:
    """A client for a provider; nothing is sent and nothing heavy imported yet.

    `provider` is a name of `endpoint.PROVIDERS`; `base_url` "" takes its address. `timeout_seconds` bounds
    one attempt from the first byte sent to the last received; `max_retries` further attempts follow a rate
    limit, a server fault, a lost connection or a timeout, after the pause that `Retry-After` names (at most
    120 s) or 0.5 s doubled each time. At most `max_parallel` calls are under way; the rest wait. `prices`
    gives US dollars per million (input, output) tokens by model name, used when the endpoint does not say
    what a call cost. Raises ProblemError for settings that cannot work.
    """
    endpoint = check_endpoint(provider, base_url, api_key, model)
    return OpenAIChat(
        endpoint,
        timeout_seconds=timeout_seconds,
        max_retries=max_retries,
        max_parallel=max_parallel,
        price=(prices or {}).get(endpoint.model),
        max_output_tokens=max_output_tokens,
    )


class OpenAIChat(ChatModel, SeeingModel):
    """A model over HTTP; made by `connect`. Belongs to the event loop of its first call."""

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        timeout_seconds: float,
        max_retries: int,
        max_parallel: int,
        price: tuple[float, float] | None = None,
        max_output_tokens: int | None = None,
    ) -> None:
        self._endpoint = endpoint
        self._timeout = max(0.01, timeout_seconds)
        self._retries = max(0, max_retries)
        self._parallel = max(1, max_parallel)
        self._price = price
        self._max_output_tokens = max_output_tokens
        self._slots = asyncio.Semaphore(self._parallel)
        self._starting = asyncio.Lock()
        self._client: AsyncOpenAI | None = None
        self._form = BOUNDED if endpoint.provider in WITHOUT_KEY else SCHEMA
        self._temperature = True

    @property
    def name(self) -> str:
        """The model's name as its provider calls it."""
        return self._endpoint.model

    async def complete(self, system: str, user: str, schema: Mapping[str, Any]) -> ChatReply:
        """One answer that should fit `schema` (an endpoint without strict schemas may still stray from it).

        Raises ModelError; its subclass BilledModelError when the endpoint charged for an answer of no use.
        """
        return await self._ask(_encodable(system), _encodable(user), schema)

    async def see(
        self, system: str, user: str, picture: ShownPicture, schema: Mapping[str, Any]
    ) -> ChatReply:
        """One answer about a picture, which goes along in the call itself (a data: URL). Raises as `complete`."""
        # In a thread: megabytes in base64 hold the loop for milliseconds.
        shown = await asyncio.to_thread(_data_url, picture)
        parts: list[dict[str, Any]] = [
            {"type": "text", "text": _encodable(user)},
            {"type": "image_url", "image_url": {"url": shown}},
        ]
        return await self._ask(_encodable(system), parts, schema)

    async def _ask(self, system: str, user: Content, schema: Mapping[str, Any]) -> ChatReply:
        async with self._slots:
            client = await self._ready()
            while True:
                form, temperature = self._form, self._temperature
                if form == BOUNDED and unbounded(schema) == schema:
                    form = SCHEMA
                body = self._body(system, user, schema, form, temperature)
                response = await self._send(client, body, form, temperature)
                if response is not None:
                    return read_completion(response.content, self._endpoint, self._price)

    async def aclose(self) -> None:
        """Close the connections. The client can be used again afterwards."""
        client, self._client = self._client, None
        if client is not None:
            await client.close()

    async def _ready(self) -> AsyncOpenAI:
        if self._client is None:
            async with self._starting:
                if self._client is None:
                    # In a thread: the import and the certificates take a second of this loop otherwise.
                    self._client = await asyncio.to_thread(self._build)
        return self._client

    def _build(self) -> AsyncOpenAI:
        import httpx2
        from openai import AsyncOpenAI, Omit

        from app.grading.transport import patient_client

        connect_seconds = min(CONNECT_SECONDS, self._timeout)
        return AsyncOpenAI(
            api_key=self._endpoint.api_key or KEYLESS,
            base_url=self._endpoint.base_url,
            # The SDK takes these from the environment and would tell them to any provider.
            default_headers={"OpenAI-Organization": Omit(), "OpenAI-Project": Omit()},  # type: ignore[dict-item]
            max_retries=self._retries,
            timeout=httpx2.Timeout(self._timeout, connect=connect_seconds),
            http_client=patient_client(self._timeout, connect_seconds, self._parallel),
        )

    def _body(
        self, system: str, user: Content, schema: Mapping[str, Any], form: int, temperature: bool
    ) -> dict[str, Any]:
        """The request as the endpoint has been found to take it."""
        body: dict[str, Any] = {"model": self.name, "stream": False}
        if temperature:
            body["temperature"] = 0
        if self._max_output_tokens is not None:
            field = "max_completion_tokens" if self._endpoint.provider == "openai" else "max_tokens"
            body[field] = self._max_output_tokens
        if form != BOUNDED:
            schema = unbounded(schema)
        if form <= SCHEMA:
            body["response_format"] = {
                "type": "json_schema",
                "json_schema": {"name": "answer", "strict": True, "schema": schema},
            }
        else:
            system += "\n\nAnswer with one JSON object that fits this JSON schema, and nothing else:\n"
            system += json.dumps(schema, ensure_ascii=False)
        if form == JSON_OBJECT:
            body["response_format"] = {"type": "json_object"}
        if self._endpoint.provider == "openrouter":
            body["usage"] = {"include": True}  # OpenRouter then says what the call cost
        body["messages"] = [{"role": "system", "content": system}, {"role": "user", "content": user}]
        return body

    async def _send(
        self, client: AsyncOpenAI, body: dict[str, Any], form: int, temperature: bool
    ) -> httpx2.Response | None:
        """The endpoint's 200, or None when it refused a feature that the next attempt leaves out."""
        import httpx2
        from openai import APIConnectionError, APIStatusError, OpenAIError

        try:
            return await client.post("/chat/completions", cast_to=httpx2.Response, body=body)
        except APIStatusError as error:
            if self._learns(error, form, temperature):
                return None
            raise self._status_error(error) from error
        except APIConnectionError as error:
            raise self._connection_error(error) from error
        except OpenAIError as error:
            raise ModelError(
                "{host} could not be asked: {detail}", host=self._host, detail=_short(error)
            ) from error

    def _learns(self, error: APIStatusError, form: int, temperature: bool) -> bool:
        """Whether the refusal names a feature that can be left out; it is left out from now on."""
        if error.status_code not in (400, 404, 422, 501):
            return False
        said = error.response.text.casefold()
        if form < PLAIN and any(
            word in said for word in ("response_format", "json_schema", "json_object", "schema")
        ):
            # Calls that ran beside this one may have found out already: never step back.
            self._form = max(self._form, form + 1)
        elif temperature and "temperature" in said:
            self._temperature = False
        else:
            return False
        log.info("%s refused a feature; asking without it from now on", self._host)
        return True

    @property
    def _host(self) -> str:
        return self._endpoint.host

    def _status_error(self, error: APIStatusError) -> ModelError:
        status, code = error.status_code, str(error.code or "")
        if status == 401:
            return ModelError("{host} refused the API key", host=self._host)
        if status == 403:
            return ModelError(
                "{host} does not allow this API key to use {model}", host=self._host, model=self.name
            )
        if status == 402 or "insufficient_quota" in code:
            return ModelError("The account at {host} has no credit left", host=self._host)
        if status == 404:
            return ModelError("{host} does not know the model {model}", host=self._host, model=self.name)
        if status == 413 or "context_length" in code:
            return ModelError("The question and its answer are too long for {model}", model=self.name)
        if status == 429:
            return ModelError("{host} limits the number of calls; try again later", host=self._host)
        if status >= 500:
            return ModelError(
                "{host} has a fault of its own (status {status})", host=self._host, status=status
            )
        detail = self._detail(error)
        if not detail:
            return ModelError("{host} refused the call (status {status})", host=self._host, status=status)
        return ModelError(
            "{host} refused the call (status {status}): {detail}",
            host=self._host,
            status=status,
            detail=detail,
        )

    def _detail(self, error: APIStatusError) -> str:
        """What the endpoint says itself, short and without the key; "" for a web page."""
        said = error.body.get("message") if isinstance(error.body, dict) else None
        if not isinstance(said, str):
            return ""
        if self._endpoint.api_key:
            said = said.replace(self._endpoint.api_key, "***")
        return " ".join(said.split())[:SHOWN_DETAIL]

    def _connection_error(self, error: APIConnectionError) -> ModelError:
        from openai import APITimeoutError

        from app.grading.transport import broke_off, untrusted

        if isinstance(error, APITimeoutError):
            return ModelError(
                "{host} did not answer within {seconds} seconds",
                host=self._host,
                seconds=f"{self._timeout:g}",
            )
        if untrusted(error):
            return ModelError("The certificate of {host} cannot be trusted", host=self._host)
        if broke_off(error):
            return ModelError("{host} broke off the connection", host=self._host)
        return ModelError("{host} cannot be reached", host=self._host)


def unbounded(schema: Mapping[str, Any]) -> dict[str, Any]:
    """A JSON schema without BOUNDS, at any depth. Properties of those names stay."""
    return {
        name: {key: unbounded(part) for key, part in value.items()}
        if name == "properties"
        else unbounded(value)
        if isinstance(value, Mapping)
        else value
        for name, value in schema.items()
        if name not in BOUNDS
    }


def _data_url(picture: ShownPicture) -> str:
    return f"data:{picture.media_type};base64,{base64.b64encode(picture.data).decode()}"


def _encodable(text: str) -> str:
    """A text that UTF-8 can carry: lone surrogates, which broken PDFs hold, become question marks."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _short(error: Exception) -> str:
    return " ".join(str(error).split())[:SHOWN_DETAIL]
