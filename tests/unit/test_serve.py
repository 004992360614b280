"""The address that is printed is one that the server answers to."""

from __future__ import annotations

from typing import Any

import pytest

from app.serve import address
from app.settings import Settings
from app.web.middleware.hosts import host_of, matches


@pytest.mark.parametrize(
    ("given", "printed"),
    [
        ({}, "http://localhost:8080/"),
        ({"host": "0.0.0.0", "allowed_hosts": "*"}, "http://localhost:8080/"),
        ({"host": "::", "port": 80}, "http://localhost:80/"),
        ({"host": "10.0.0.7", "allowed_hosts": "10.0.0.7"}, "http://10.0.0.7:8080/"),
        ({"host": "fd00::7", "allowed_hosts": "[fd00::7]"}, "http://[fd00::7]:8080/"),
        # Only names of the world are served.
        ({"allowed_hosts": "grades.example.com"}, "http://grades.example.com:8080/"),
        ({"allowed_hosts": "*.example.com,127.0.0.1"}, "http://127.0.0.1:8080/"),
        (
            {
                "host": "0.0.0.0",
                "allowed_hosts": "grades.example.com,www.example.org",
                "csrf_trusted_origins": "https://*.example.com,https://other.net,https://www.example.org",
            },
            "https://www.example.org/",
        ),
        (
            {"allowed_hosts": "*.example.com", "csrf_trusted_origins": "https://grades.example.com:8443"},
            "https://grades.example.com:8443/",
        ),
    ],
)
def test_the_printed_address_is_served(given: dict[str, Any], printed: str) -> None:
    settings = Settings.model_validate(given)
    assert address(settings) == printed
    assert matches(host_of(printed.split("/")[2]), settings.allowed_hosts)


def test_with_wildcards_alone_this_machine_is_named() -> None:
    """No name is known then; the guide says to open the path at one's own address."""
    assert address(Settings.model_validate({"allowed_hosts": "*.example.com"})) == "http://localhost:8080/"
