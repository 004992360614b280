"""Where a sign-in may lead, and which requests come from our own pages."""

from __future__ import annotations

import pytest

from app.web.middleware.hosts import host_of, matches
from app.web.middleware.language import accepted
from app.web.middleware.origin import _trusted
from app.web.sign_in import safe_next


@pytest.mark.parametrize(
    ("wanted", "leads"),
    [
        ("/classes/3?edit=4", "/classes/3?edit=4"),
        ("/", "/"),
        ("/课堂", "/%E8%AF%BE%E5%A0%82"),
        ("", "/"),
        ("classes", "/"),
        ("https://evil.example", "/"),
        ("//evil.example", "/"),
        ("///evil.example", "/"),
        ("/\\evil.example", "/"),
        ("\\\\evil.example", "/"),
        ("/\t/evil.example", "/"),
        ("/\n/evil.example", "/"),
        ("/x\r\nSet-Cookie: a=b", "/"),
        (" //evil.example", "/"),
        ("javascript:alert(1)", "/"),
        ("//[", "/"),
        ("/\0", "/"),
        ("http:/evil.example", "/"),
    ],
)
def test_next_stays_here(wanted: str, leads: str) -> None:
    assert safe_next(wanted) == leads


@pytest.mark.parametrize(
    ("origin", "good"),
    [
        ("https://grades.example.com", True),
        ("https://a.school.example", True),
        ("http://grades.example.com", False),
        ("https://grades.example.com:8443", False),
        ("https://school.example", False),
        ("https://evilschool.example", False),
        ("https://grades.example.com.evil.example", False),
        ("null", False),
        ("https://[", False),
        ("", False),
    ],
)
def test_trusted_origins(origin: str, good: bool) -> None:
    assert _trusted(origin, ["https://grades.example.com", "https://*.school.example"]) is good


def test_a_trusted_origin_may_name_its_port() -> None:
    assert _trusted("https://[::1]:8443", ["https://[::1]:8443"])
    assert not _trusted("https://[::1]", ["https://[::1]:8443"])


@pytest.mark.parametrize(
    ("netloc", "host"),
    [("A.example:80", "a.example"), ("[::1]:80", "::1"), ("[::1]", "::1"), ("", ""), ("[", ""), (":80", "")],
)
def test_hosts_are_read(netloc: str, host: str) -> None:
    assert host_of(netloc) == host


def test_a_star_takes_what_is_below_a_name_only() -> None:
    assert matches("a.example.com", ["*.example.com"])
    assert not matches("example.com", ["*.example.com"])
    assert not matches("notexample.com", ["*.example.com"])
    assert matches("anything", ["*"])
    assert not matches("", ["localhost"])


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("zh-CN,zh;q=0.9,en;q=0.8", "zh"),
        ("en-GB,en;q=0.9,zh;q=0.1", "en"),
        ("de,fr", ""),
        ("zh;q=0,en;q=0.1", "en"),
        ("zh;q=x,en;q=0.1", "en"),
        ("", ""),
        (";q=,,,", ""),
        ("*", ""),
    ],
)
def test_the_browsers_language(header: str, language: str) -> None:
    assert accepted(header) == language
