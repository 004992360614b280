"""Where a model is: the providers' addresses, and what a person can get wrong about them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from app.i18n import ProblemError

PROVIDERS: Mapping[str, str] = {
    "openrouter": "https://openrouter.ai/api/v1",
    "openai": "https://api.openai.com/v1",
    "gemini": "https://generativelanguage.googleapis.com/v1beta/openai",
    "deepseek": "https://api.deepseek.com/v1",
    "qwen": "https://dashscope.aliyuncs.com/compatible-mode/v1",
    "ollama": "http://127.0.0.1:11434/v1",
    "vllm": "",
    "custom": "",
}
"""The OpenAI-compatible base address by provider, from each provider's documentation; "" must be given."""

DEFAULT_PROVIDER = "openrouter"

WITHOUT_KEY = frozenset({"ollama", "vllm", "custom"})
"""Providers that may run without a key, on the school's own machines."""

KEYLESS = "none"
"""Sent where no key is needed: the protocol wants the header."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One model at one address. `base_url` has no slash at its end; the key never shows in a repr."""

    provider: str
    base_url: str
    model: str
    api_key: str = field(default="", repr=False)

    @property
    def host(self) -> str:
        """The host, with its port when one is named: what a person is told about the endpoint."""
        return urlsplit(self.base_url).netloc.rpartition("@")[2]


def check_endpoint(provider: str, base_url: str, api_key: str, model: str) -> Endpoint:
    """The endpoint that four settings name. Raises ProblemError that says which one cannot work and why."""
    provider = provider.strip().lower() or DEFAULT_PROVIDER
    if provider not in PROVIDERS:
        known = ", ".join(PROVIDERS)
        raise ProblemError(
            "There is no model provider {provider}; choose one of {known}", provider=provider, known=known
        )
    address = (base_url.strip() or PROVIDERS[provider]).rstrip("/")
    if not address:
        raise ProblemError("The model provider {provider} needs its base URL", provider=provider)
    if not _usable(address):
        raise ProblemError(
            "{address} is not a web address for a model (http:// or https://)", address=address
        )
    key = api_key.strip()
    if not key and provider not in WITHOUT_KEY:
        raise ProblemError("The model provider {provider} needs an API key", provider=provider)
    if not key.isascii() or not key.isprintable() or " " in key:
        raise ProblemError("The API key holds characters that no key has; copy it again")
    if not model.strip():
        raise ProblemError("Name the model to use, as its provider calls it")
    return Endpoint(provider, address, model.strip(), key)


def _usable(address: str) -> bool:
    try:
        parts = urlsplit(address)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is no number, a broken IPv6 address
        return False
