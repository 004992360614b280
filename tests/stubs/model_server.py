"""A stub model server: speaks the OpenAI chat protocol over real HTTP and misbehaves on request.

Run it as a process of its own, so that neither its work nor its faults touch what is tested:

    python tests/stubs/model_server.py --port 0 --mode ok --latency 1.0

It prints "listening on http://127.0.0.1:PORT/v1". POST /control changes it while it runs:
{"mode": MODE, "once": N, "latency": SECONDS, "retry_after": SECONDS, "lines": [...], "reset": true}; with "once" the
mode holds for the next N calls and the one before it returns. "lines" is what it reads on every picture it is shown.
GET /control answers the counters.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import hashlib
import json
import sys
import time
from collections import Counter, deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import web

# The file runs as a script: its own folder is on the path then, the project is not.
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.stubs import model_answers as answers

KEPT_BODIES = 500
SILENCE_SECONDS = 30.0

STATUS_MODES: dict[str, tuple[int, str, str]] = {
    "401": (401, "Incorrect API key provided: sk-s***t.", "invalid_api_key"),
    "402": (402, "Insufficient credits.", "insufficient_credits"),
    "403": (403, "This key may not use this model.", "permission_denied"),
    "404": (404, "The model does not exist.", "model_not_found"),
    "413": (413, "This request is too large.", "request_too_large"),
    "400": (400, "This model's maximum context length is 4096 tokens.", "context_length_exceeded"),
    "500": (500, "The server had an error.", "server_error"),
    "quota": (429, "You exceeded your current quota.", "insufficient_quota"),
}
CONTENT_MODES = (
    "too_many_points",
    "wrong_quote",
    "wrong_shape",
    "not_json",
    "obedient",
    "ok",
    "slow",
    "rude",
    "wrong_page",
)
BODY_MODES = (
    "empty",
    "cut",
    "refusal",
    "filtered",
    "no_choices",
    "error_in_200",
    "half",
    "wrong_type",
    "trickle",
)
REFUSING_MODES = (
    "no_bounds",
    "no_schema",
    "no_json",
    "no_temperature",
    "429",
    "429_always",
    "reset",
    "silent",
)
MODES = (*CONTENT_MODES, *BODY_MODES, *REFUSING_MODES, *STATUS_MODES)


@dataclass
class State:
    """What the server does now, and what it has seen. Times are in seconds."""

    mode: str = "ok"
    latency: float = 0.0
    retry_after: float = 1.0
    slow_seconds: float = 5.0
    once: int = 0
    after_once: str = "ok"
    calls: int = 0
    in_flight: int = 0
    in_flight_max: int = 0
    answered: int = 0
    lines: list[str] = field(default_factory=list)
    by_key: Counter[str] = field(default_factory=Counter)
    first_answered: dict[str, float] = field(default_factory=dict)
    by_status: Counter[int] = field(default_factory=Counter)
    limited: set[str] = field(default_factory=set)
    bodies: deque[dict[str, Any]] = field(default_factory=lambda: deque(maxlen=KEPT_BODIES))
    headers: deque[dict[str, str]] = field(default_factory=lambda: deque(maxlen=KEPT_BODIES))

    def take_mode(self) -> str:
        """The mode for the call that has just come; counts "once" down."""
        mode = self.mode
        if self.once:
            self.once -= 1
            if not self.once:
                self.mode = self.after_once
        return mode

    def forget(self) -> None:
        """Set all counters to nothing."""
        self.calls = self.in_flight_max = self.answered = 0
        for counter in (
            self.by_key,
            self.first_answered,
            self.by_status,
            self.limited,
            self.bodies,
            self.headers,
        ):
            counter.clear()

    def report(self) -> dict[str, Any]:
        """The counters as JSON: `by_key` counts answered (paid) calls by the digest of model and messages,
        `first_answered` is when each was answered first, in seconds since 1970."""
        return {
            "mode": self.mode,
            "calls": self.calls,
            "answered": self.answered,
            "by_key": dict(self.by_key),
            "first_answered": self.first_answered,
            "by_status": {str(status): count for status, count in self.by_status.items()},
            "in_flight": self.in_flight,
            "in_flight_max": self.in_flight_max,
            "bodies": list(self.bodies),
            "headers": list(self.headers),
        }


STATE = web.AppKey("state", State)


def call_key(body: dict[str, Any]) -> str:
    """One digest for one question asked: the same for a retry, and for an unlike response_format."""
    asked = json.dumps([body.get("model"), body.get("messages")], ensure_ascii=True, sort_keys=True)
    return hashlib.sha256(asked.encode()).hexdigest()[:16]


def error(status: int, message: str, code: str, headers: dict[str, str] | None = None) -> web.Response:
    """An error in the shape that OpenAI gives."""
    body = {"error": {"message": message, "type": "invalid_request_error", "param": None, "code": code}}
    return web.json_response(body, status=status, headers=headers)


def completion(
    body: dict[str, Any], content: str | None, finish: str = "stop", **message: Any
) -> dict[str, Any]:
    """A chat completion; tokens are counted as a quarter of the characters, at least one."""
    asked = sum(len(str(part.get("content") or "")) for part in body.get("messages", []))
    tokens_in, tokens_out = max(1, asked // 4), max(1, len(content or "") // 4)
    usage = {
        "prompt_tokens": tokens_in,
        "completion_tokens": tokens_out,
        "total_tokens": tokens_in + tokens_out,
    }
    if body.get("usage"):  # asked for by OpenRouter's clients; it then says the price as well
        usage["cost"] = round(tokens_in * 1e-6 + tokens_out * 4e-6, 8)  # type: ignore[assignment]
    reply = {"role": "assistant", "content": content, **message}
    return {
        "id": "chatcmpl-stub",
        "object": "chat.completion",
        "created": 0,
        "model": body.get("model", "stub"),
        "choices": [{"index": 0, "message": reply, "finish_reason": finish}],
        "usage": usage,
    }


def refusal(state: State, mode: str, body: dict[str, Any]) -> web.Response | None:
    """The error response of a mode, or None when this call is to be answered."""
    if mode in STATUS_MODES:
        return error(*STATUS_MODES[mode])
    wanted = (body.get("response_format") or {}).get("type")
    if mode == "no_bounds" and '"maxLength"' in json.dumps(body):
        said = "Invalid schema for response_format 'answer': 'maxLength' is not permitted."
        return error(400, said, "invalid_request_error")
    if mode in ("no_schema", "no_json") and wanted == "json_schema":
        return error(
            400, "response_format 'json_schema' is unavailable for this model", "invalid_request_error"
        )
    if mode == "no_json" and wanted == "json_object":
        return error(400, "This response_format type is unavailable now", "invalid_request_error")
    if mode == "no_temperature" and "temperature" in body:
        return error(400, "Unsupported value: 'temperature' does not support 0", "unsupported_value")
    if mode in ("429", "429_always"):
        key = call_key(body)
        if mode == "429_always" or key not in state.limited:
            state.limited.add(key)
            headers = {"Retry-After": f"{state.retry_after:g}"}
            return error(429, "Rate limit reached", "rate_limit_exceeded", headers)
    return None


async def send_raw(
    request: web.Request, payload: bytes, promised: int, pause: float = 0.0
) -> web.StreamResponse:
    """Send a body that promises `promised` bytes; with a pause, byte by byte. Then the connection is cut."""
    response = web.StreamResponse(
        headers={"Content-Type": "application/json", "Content-Length": str(promised)}
    )
    await response.prepare(request)
    if pause:
        for place in range(len(payload)):
            await response.write(payload[place : place + 1])
            await asyncio.sleep(pause)
    else:
        await response.write(payload)
    if len(payload) < promised and request.transport is not None:
        request.transport.abort()
    return response


async def deliver(request: web.Request, state: State, mode: str, body: dict[str, Any]) -> web.StreamResponse:
    """The answer of a mode that reaches a 200."""
    if mode == "wrong_type":
        return web.Response(text="<!doctype html><title>Welcome</title><p>Log in", content_type="text/html")
    if mode == "error_in_200":
        return web.json_response({"error": {"message": "Provider returned error", "code": 502}})
    if mode == "no_choices":
        return web.json_response({"object": "chat.completion", "choices": []})
    content: str | None = answers.content(body, mode if mode in CONTENT_MODES else "ok", state.lines)
    finish, extra = "stop", {}
    if mode == "empty":
        content = None
    elif mode == "cut":
        content, finish = content[: len(content) // 2] if content else "", "length"
    elif mode == "filtered":
        content, finish = "", "content_filter"
    elif mode == "refusal":
        content, extra = None, {"refusal": "I cannot help with that."}
    payload = json.dumps(completion(body, content, finish, **extra)).encode()
    if mode == "half":
        return await send_raw(request, payload[: len(payload) // 2], len(payload))
    if mode == "trickle":
        return await send_raw(request, payload, len(payload), pause=0.05)
    return web.Response(body=payload, content_type="application/json")


async def chat(request: web.Request) -> web.StreamResponse:
    """POST /v1/chat/completions."""
    state = request.app[STATE]
    state.calls += 1
    state.in_flight += 1
    state.in_flight_max = max(state.in_flight_max, state.in_flight)
    mode = state.take_mode()
    try:
        body = await request.json()
        state.bodies.append(body)
        state.headers.append({name.lower(): value for name, value in request.headers.items()})
        if mode == "silent":
            await asyncio.sleep(SILENCE_SECONDS)
        if mode == "reset":
            assert request.transport is not None
            request.transport.abort()
            return web.Response()
        refused = refusal(state, mode, body)
        if refused is not None:
            state.by_status[refused.status] += 1
            return refused
        await asyncio.sleep(state.latency + (state.slow_seconds if mode == "slow" else 0))
        response = await deliver(request, state, mode, body)
        state.by_status[200] += 1
        state.answered += 1
        key = call_key(body)
        state.by_key[key] += 1
        state.first_answered.setdefault(key, time.time())
        return response
    finally:
        state.in_flight -= 1


async def control(request: web.Request) -> web.Response:
    """POST /control: change the behaviour; 400 for an unknown mode."""
    state, wanted = request.app[STATE], await request.json()
    if wanted.get("mode", state.mode) not in MODES:
        return error(400, f"no such mode; there are {', '.join(MODES)}", "unknown_mode")
    if wanted.get("reset"):
        state.forget()
        state.lines = []
        state.mode, state.once, state.after_once, state.latency, state.retry_after = "ok", 0, "ok", 0.0, 1.0
    for name in ("latency", "retry_after", "slow_seconds"):
        if name in wanted:
            setattr(state, name, float(wanted[name]))
    if "lines" in wanted:
        state.lines = [str(line) for line in wanted["lines"]]
    if "mode" in wanted:
        state.once = int(wanted.get("once", 0))
        if state.once:
            state.after_once = state.mode
        state.mode = wanted["mode"]
    return web.json_response(state.report())


async def counters(request: web.Request) -> web.Response:
    """GET /control: the counters and the last bodies."""
    return web.json_response(request.app[STATE].report())


def create_app(state: State) -> web.Application:
    """The server's two routes."""
    app = web.Application(client_max_size=32 * 1024 * 1024)
    app[STATE] = state
    app.router.add_post("/v1/chat/completions", chat)
    app.router.add_post("/control", control)
    app.router.add_get("/control", counters)
    return app


async def serve(state: State, port: int, host: str = "127.0.0.1") -> None:
    """Serve until cancelled. A caller that leaves cancels its handler: an unheard answer is not counted."""
    runner = web.AppRunner(
        create_app(state), handler_cancellation=True, access_log=None, shutdown_timeout=0.2
    )
    await runner.setup()
    site = web.TCPSite(runner, host, port, backlog=1024)
    await site.start()
    print(f"listening on http://{host}:{runner.addresses[0][1]}/v1", flush=True)
    try:
        await asyncio.Event().wait()
    finally:
        await runner.cleanup()


def main() -> None:
    """Read the arguments and serve."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--host", default="127.0.0.1", help="0.0.0.0 in a container of its own")
    parser.add_argument("--mode", choices=MODES, default="ok")
    parser.add_argument("--latency", type=float, default=1.0, help="seconds before an answer")
    arguments = parser.parse_args()
    with contextlib.suppress(KeyboardInterrupt):
        state = State(mode=arguments.mode, latency=arguments.latency)
        asyncio.run(serve(state, arguments.port, arguments.host))


if __name__ == "__main__":
    main()
