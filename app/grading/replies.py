"""Reading a chat completion: the JSON that an endpoint sends with its 200, usable or not."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from app.grading.endpoint import Endpoint
from app.grading.model import ChatReply, ModelError
from app.i18n import Text

MILLION = 1_000_000


class BilledModelError(ModelError):
    """An answer of no use that was paid for all the same; `reply` holds its tokens and cost."""

    def __init__(self, text: Text, reply: ChatReply) -> None:
        super().__init__(text)
        self.reply = reply


def read_completion(payload: bytes, endpoint: Endpoint, price: tuple[float, float] | None) -> ChatReply:
    """The reply in a response body. `price` is US dollars per million (input, output) tokens, or None.

    Raises ModelError for a body that is no completion, BilledModelError for a completion without an answer.
    """
    host = endpoint.host
    try:
        body = json.loads(payload)
    except (ValueError, RecursionError):
        raise ModelError("{host} sent something that is not JSON; check the base URL", host=host) from None
    if not isinstance(body, dict):
        raise ModelError("{host} does not speak the OpenAI protocol; check the base URL", host=host)
    if body.get("error"):
        # Gateways answer 200 and report the fault of the provider behind them in the body.
        raise ModelError(
            "{host} has a fault of its own (status {status})", host=host, status=_code(body["error"])
        )
    choice = _first_choice(body)
    if choice is None:
        raise ModelError("{host} does not speak the OpenAI protocol; check the base URL", host=host)
    message = choice["message"]
    reply = _reply(_content(message), body.get("usage"), price)
    problem = _unusable(reply.content, message, choice.get("finish_reason"), endpoint.model)
    if problem is not None:
        raise BilledModelError(problem, reply)
    return reply


def _first_choice(body: Mapping[str, Any]) -> dict[str, Any] | None:
    choices = body.get("choices")
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
        return None
    return choices[0] if isinstance(choices[0].get("message"), dict) else None


def _content(message: Mapping[str, Any]) -> str:
    """The answer's text; some endpoints send it as a list of parts."""
    content = message.get("content")
    if isinstance(content, list):
        return "".join(str(part.get("text") or "") for part in content if isinstance(part, dict))
    return content if isinstance(content, str) else ""


def _unusable(content: str, message: Mapping[str, Any], finish: object, model: str) -> Text | None:
    """Why a completion holds no whole answer; None when it does."""
    if finish == "length":
        return Text("The answer of {model} was cut off at its length limit", {"model": model})
    if finish == "content_filter" or message.get("refusal"):
        return Text("{model} declined to mark this answer", {"model": model})
    if not content.strip():
        return Text("{model} sent an empty answer", {"model": model})
    return None


def _reply(content: str, usage: object, price: tuple[float, float] | None) -> ChatReply:
    figures = usage if isinstance(usage, dict) else {}
    tokens_in, tokens_out = _count(figures.get("prompt_tokens")), _count(figures.get("completion_tokens"))
    cost = _amount(figures.get("cost"))
    if cost is None and price is not None:
        cost = (tokens_in * price[0] + tokens_out * price[1]) / MILLION
    return ChatReply(content, tokens_in, tokens_out, cost or 0.0)


def _count(value: object) -> int:
    return int(_amount(value) or 0)


def _amount(value: object) -> float | None:
    """A figure that an endpoint states; None when it is not a number one could pay."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value < 0:
        return None
    return float(value)


def _code(error: object) -> str:
    code = error.get("code") if isinstance(error, dict) else None
    return str(code)[:40] if code else "200"
