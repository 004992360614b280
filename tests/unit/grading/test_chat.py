"""The model client against a real HTTP server in another process, in every way that server can fail."""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from app.grading.chat import JSON_OBJECT, OpenAIChat, connect
from app.grading.endpoint import PROVIDERS, check_endpoint
from app.grading.model import ChatReply, ModelError
from app.grading.replies import BilledModelError, read_completion
from app.i18n import ProblemError
from tests.stubs.processes import ModelServer

KEY = "sk-secret-of-the-school"
SCHEMA = {
    "type": "object",
    "properties": {"word": {"type": "string"}},
    "required": ["word"],
    "additionalProperties": False,
}


@pytest.fixture(scope="module")
def process() -> Iterator[ModelServer]:
    with ModelServer() as server:
        yield server


@pytest.fixture
def server(process: ModelServer) -> ModelServer:
    process.control(reset=True, retry_after=0.2)
    return process


@asynccontextmanager
async def chat_with(server: ModelServer | str, **settings: Any) -> AsyncIterator[OpenAIChat]:
    url = server if isinstance(server, str) else server.url
    provider = settings.pop("provider", "custom")
    wanted: dict[str, Any] = {"timeout_seconds": 5.0, "max_retries": 0, "max_parallel": 8} | settings
    chat = connect(provider, url, KEY, "small-model", **wanted)
    try:
        yield chat
    finally:
        await chat.aclose()


async def failure(server: ModelServer | str, mode: str = "ok", **settings: Any) -> ModelError:
    if isinstance(server, ModelServer):
        server.control(mode=mode)
    async with chat_with(server, **settings) as chat:
        with pytest.raises(ModelError) as caught:
            await chat.complete("system", "user", SCHEMA)
    assert KEY not in str(caught.value)
    return caught.value


async def test_answers_with_tokens(server: ModelServer) -> None:
    async with chat_with(server) as chat:
        reply = await chat.complete("s" * 40, "u" * 40, SCHEMA)
    assert chat.name == "small-model"
    assert json.loads(reply.content) == {"word": ""}
    assert (reply.tokens_in, reply.cost) == (20, 0.0)
    assert reply.tokens_out >= 1


async def test_asks_for_a_strict_schema_and_nothing_random(server: ModelServer) -> None:
    async with chat_with(server) as chat:
        await chat.complete("the rules", "the answer", SCHEMA)
    [body] = server.counters()["bodies"]
    assert body["response_format"]["json_schema"] == {"name": "answer", "strict": True, "schema": SCHEMA}
    assert body["temperature"] == 0
    assert [message["content"] for message in body["messages"]] == ["the rules", "the answer"]
    assert "usage" not in body


async def test_cost_from_the_price_table(server: ModelServer) -> None:
    async with chat_with(server, prices={"small-model": (2.0, 8.0), "other": (99.0, 99.0)}) as chat:
        reply = await chat.complete("s", "u" * 4000, SCHEMA)
    assert reply.cost == pytest.approx((reply.tokens_in * 2 + reply.tokens_out * 8) / 1e6)
    assert reply.cost > 0


async def test_cost_that_the_provider_states_wins(server: ModelServer) -> None:
    async with chat_with(server, provider="openrouter", prices={"small-model": (900.0, 900.0)}) as chat:
        reply = await chat.complete("s", "u" * 4000, SCHEMA)
    assert reply.cost == pytest.approx(reply.tokens_in * 1e-6 + reply.tokens_out * 4e-6, abs=1e-7)


@pytest.mark.parametrize(
    ("mode", "says"),
    [
        ("401", "refused the API key"),
        ("402", "no credit left"),
        ("quota", "no credit left"),
        ("403", "does not allow this API key"),
        ("404", "does not know the model small-model"),
        ("400", "too long for small-model"),
        ("413", "too long for small-model"),
        ("429_always", "limits the number of calls"),
        ("500", "a fault of its own (status 500)"),
        ("error_in_200", "a fault of its own (status 502)"),
        ("reset", "broke off the connection"),
        ("half", "broke off the connection"),
        ("wrong_type", "not JSON"),
        ("no_choices", "does not speak the OpenAI protocol"),
    ],
)
async def test_every_fault_has_its_sentence(server: ModelServer, mode: str, says: str) -> None:
    error = await failure(server, mode)
    assert says in str(error)
    assert error.text.render("zh") != error.text.render("en")
    assert server.counters()["calls"] == 1


@pytest.mark.parametrize(
    ("mode", "says"),
    [("empty", "empty answer"), ("cut", "cut off"), ("refusal", "declined"), ("filtered", "declined")],
)
async def test_a_useless_answer_is_paid_for(server: ModelServer, mode: str, says: str) -> None:
    error = await failure(server, mode, prices={"small-model": (10.0, 10.0)})
    assert says in str(error)
    assert isinstance(error, BilledModelError)
    assert error.reply.tokens_in > 0
    assert error.reply.cost > 0


@pytest.mark.parametrize("mode", ["silent", "slow", "trickle"])
async def test_an_attempt_has_one_time_limit(server: ModelServer, mode: str) -> None:
    began = time.monotonic()
    error = await failure(server, mode, timeout_seconds=0.3)
    assert "did not answer within 0.3 seconds" in str(error)
    assert time.monotonic() - began < 2


async def test_a_timeout_is_tried_again(server: ModelServer) -> None:
    server.control(mode="silent", once=1)
    async with chat_with(server, timeout_seconds=0.3, max_retries=1) as chat:
        await chat.complete("system", "user", SCHEMA)
    assert server.counters()["calls"] == 2


async def test_nobody_listens() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{free.getsockname()[1]}/v1"
        error = await failure(address)
    assert "cannot be reached" in str(error)


async def test_host_without_address() -> None:
    assert "cannot be reached" in str(await failure("http://model.invalid/v1"))


async def test_something_else_listens() -> None:
    async def talk(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.school ESMTP ready\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    async with server:
        error = await failure(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1")
    assert "broke off the connection" in str(error)


async def test_retry_after_is_honoured(server: ModelServer) -> None:
    server.control(mode="429", retry_after=0.4)
    began = time.monotonic()
    async with chat_with(server, max_retries=2) as chat:
        await chat.complete("system", "user", SCHEMA)
    assert 0.4 <= time.monotonic() - began < 2
    seen = server.counters()
    assert (seen["calls"], seen["answered"], list(seen["by_key"].values())) == (2, 1, [1])


@pytest.mark.parametrize("mode", ["500", "reset", "half"])
async def test_a_passing_fault_is_tried_again(server: ModelServer, mode: str) -> None:
    server.control(mode=mode, once=1)
    async with chat_with(server, max_retries=1) as chat:
        await chat.complete("system", "user", SCHEMA)
    assert server.counters()["calls"] == 2


async def test_a_refused_key_is_not_tried_again(server: ModelServer) -> None:
    await failure(server, "401", max_retries=3)
    assert server.counters()["calls"] == 1


async def test_falls_back_to_a_json_object_and_remembers(server: ModelServer) -> None:
    server.control(mode="no_schema")
    async with chat_with(server) as chat:
        await chat.complete("the rules", "one", SCHEMA)
        await chat.complete("the rules", "two", SCHEMA)
    first, second, third = server.counters()["bodies"]
    assert first["response_format"]["type"] == "json_schema"
    for body in (second, third):
        assert body["response_format"] == {"type": "json_object"}
        assert json.dumps(SCHEMA) in body["messages"][0]["content"]
    assert third["messages"][1]["content"] == "two"


async def test_falls_back_to_the_prompt_alone(server: ModelServer) -> None:
    server.control(mode="no_json")
    async with chat_with(server) as chat:
        await chat.complete("the rules", "one", SCHEMA)
        await chat.complete("the rules", "two", SCHEMA)
    bodies = server.counters()["bodies"]
    assert [body.get("response_format", {}).get("type") for body in bodies] == [
        "json_schema", "json_object", None, None,
    ]  # fmt: skip
    assert json.dumps(SCHEMA) in bodies[-1]["messages"][0]["content"]


BOUND = {
    "type": "object",
    "properties": {
        "word": {"type": "string", "maxLength": 9},
        "enum": {"type": "number", "enum": [0, 0.5]},  # a property may have a keyword's name
    },
}
FREE = {"type": "object", "properties": {"word": {"type": "string"}, "enum": {"type": "number"}}}


@pytest.mark.parametrize(
    ("provider", "schema"), [("custom", BOUND), ("vllm", BOUND), ("openai", FREE), ("openrouter", FREE)]
)
async def test_only_a_schools_own_endpoint_gets_bounds(
    server: ModelServer, provider: str, schema: dict[str, object]
) -> None:
    async with chat_with(server, provider=provider) as chat:
        await chat.complete("the rules", "one", BOUND)
    [body] = server.counters()["bodies"]
    assert body["response_format"]["json_schema"]["schema"] == schema
    assert "max_tokens" not in body  # models that think aloud would be cut off


async def test_an_endpoint_without_bounds_keeps_its_schema(server: ModelServer) -> None:
    server.control(mode="no_bounds")
    async with chat_with(server) as chat:
        await chat.complete("the rules", "one", BOUND)
        await chat.complete("the rules", "two", BOUND)
    schemas = [body["response_format"]["json_schema"]["schema"] for body in server.counters()["bodies"]]
    assert schemas == [BOUND, FREE, FREE]


async def test_leaves_out_a_temperature_that_is_refused(server: ModelServer) -> None:
    server.control(mode="no_temperature")
    async with chat_with(server) as chat:
        await chat.complete("the rules", "one", SCHEMA)
    first, second = server.counters()["bodies"]
    assert "temperature" in first
    assert "temperature" not in second
    assert second["response_format"]["type"] == "json_schema"


async def test_many_at_once_find_out_together(server: ModelServer) -> None:
    server.control(mode="no_schema", latency=0.05)
    async with chat_with(server) as chat:
        replies = await asyncio.gather(*(chat.complete("rules", f"u{n}", SCHEMA) for n in range(20)))
    assert len(replies) == 20
    assert chat._form == JSON_OBJECT  # not PLAIN: twenty refusals of one feature are one finding


async def test_no_more_at_once_than_allowed(server: ModelServer) -> None:
    server.control(latency=0.05)
    async with chat_with(server, max_parallel=4) as chat:
        await asyncio.gather(*(chat.complete("rules", f"u{n}", SCHEMA) for n in range(20)))
    assert server.counters()["in_flight_max"] == 4


async def test_waiting_for_a_place_is_no_timeout(server: ModelServer) -> None:
    server.control(latency=0.2)
    async with chat_with(server, max_parallel=1, timeout_seconds=0.4) as chat:
        replies = await asyncio.gather(*(chat.complete("rules", f"u{n}", SCHEMA) for n in range(4)))
    assert len(replies) == 4


async def test_a_cancelled_call_frees_its_place(server: ModelServer) -> None:
    server.control(mode="silent", once=1)
    async with chat_with(server, max_parallel=1) as chat:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.5):
                await chat.complete("rules", "one", SCHEMA)
        await chat.complete("rules", "two", SCHEMA)


async def test_works_again_after_closing(server: ModelServer) -> None:
    async with chat_with(server) as chat:
        await chat.complete("rules", "one", SCHEMA)
        await chat.aclose()
        await chat.complete("rules", "two", SCHEMA)


async def test_text_that_utf8_cannot_carry(server: ModelServer) -> None:
    async with chat_with(server) as chat:
        await chat.complete("rules", "broken \ud800 pdf \x00", SCHEMA)
    assert server.counters()["bodies"][0]["messages"][1]["content"] == "broken ? pdf \x00"


async def test_nothing_of_the_environment_is_told(
    server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/elsewhere")
    monkeypatch.setenv("OPENAI_ORG_ID", "org-private")
    monkeypatch.setenv("OPENAI_PROJECT_ID", "project-private")
    async with chat_with(server) as chat:
        await chat.complete("rules", "one", SCHEMA)
    [headers] = server.counters()["headers"][-1:]
    assert headers["authorization"] == f"Bearer {KEY}"
    assert not [name for name in headers if name.startswith("openai-")]


def test_connecting_imports_nothing_heavy() -> None:
    code = (
        "import sys; from app.grading.chat import connect;"
        "connect('openrouter', '', 'k', 'm', timeout_seconds=1, max_retries=0, max_parallel=1);"
        "print(sorted({'openai', 'httpx2', 'aiohttp'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("provider", PROVIDERS)
def test_presets(provider: str) -> None:
    endpoint = check_endpoint(provider, PROVIDERS[provider] or "http://gpu.school:8000/v1/", "key", "m")
    assert endpoint.base_url.startswith("http")
    assert not endpoint.base_url.endswith("/")
    assert "key" not in repr(endpoint).replace("api_key", "")


@pytest.mark.parametrize(
    ("provider", "base_url", "key", "model", "says"),
    [
        ("clippy", "", "k", "m", "There is no model provider clippy"),
        ("custom", "", "k", "m", "needs its base URL"),
        ("vllm", " ", "", "m", "needs its base URL"),
        ("openai", "", "", "m", "needs an API key"),
        ("openai", "", "two words", "m", "characters that no key has"),
        ("openai", "", "schlüssel", "m", "characters that no key has"),
        ("openai", "", "a\nb", "m", "characters that no key has"),
        ("openai", "", "k", " ", "Name the model"),
        ("custom", "gpu.school/v1", "", "m", "not a web address"),
        ("custom", "ftp://gpu.school", "", "m", "not a web address"),
        ("custom", "http://gpu.school:port/v1", "", "m", "not a web address"),
        ("custom", "http://[::1/v1", "", "m", "not a web address"),
    ],
)
def test_settings_that_cannot_work(provider: str, base_url: str, key: str, model: str, says: str) -> None:
    with pytest.raises(ProblemError) as caught:
        connect(provider, base_url, key, model, timeout_seconds=1, max_retries=0, max_parallel=1)
    assert says in str(caught.value)
    assert caught.value.text.render("zh") != caught.value.text.render("en")


def completion(**parts: Any) -> bytes:
    message = {"content": parts.pop("content", "{}")}
    return json.dumps({"choices": [{"message": message, "finish_reason": "stop"}], **parts}).encode()


ENDPOINT = check_endpoint("custom", "http://user:pass@gpu.school:8000/v1", "", "m")


def test_the_host_shows_no_password() -> None:
    assert ENDPOINT.host == "gpu.school:8000"


@pytest.mark.parametrize(
    "usage",
    [None, [], {}, {"prompt_tokens": "many"}, {"prompt_tokens": -4, "cost": float("nan")}, {"cost": True}],
)
def test_strange_usage_counts_nothing(usage: Any) -> None:
    assert read_completion(completion(usage=usage), ENDPOINT, (1.0, 1.0)) == ChatReply("{}")


def test_content_in_parts() -> None:
    parts = [{"type": "text", "text": '{"a"'}, "?", {"type": "text", "text": ": 1}"}]
    assert read_completion(completion(content=parts), ENDPOINT, None).content == '{"a": 1}'


@pytest.mark.parametrize(
    "payload",
    [b"", b"\xff\xfe", b"[]", b"null", b"{}", b'{"choices": {}}', b'{"choices": [1]}', b"[" * 100_000,
     b'{"choices": [{"message": 1}]}', b'{"error": "busy"}', completion(content=None), completion(content=7)],
)  # fmt: skip
def test_a_body_that_is_no_completion(payload: bytes) -> None:
    with pytest.raises(ModelError):
        read_completion(payload, ENDPOINT, None)
