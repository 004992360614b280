"""Passwords put into addresses and hidden in them, read back by the libraries that will use them."""

from __future__ import annotations

import psycopg.conninfo
import pytest
from redis.connection import parse_url
from sqlalchemy import make_url

from app.settings_urls import has_password, has_user, masked, with_password

ODD = "a b@c:d/e%f?g#h&i=j'\"\\中"


def test_postgresql_reads_any_password() -> None:
    url = with_password("postgresql://u@h:5/d?sslmode=disable", ODD)
    assert psycopg.conninfo.conninfo_to_dict(url) == {
        "user": "u",
        "password": ODD,
        "host": "h",
        "port": "5",
        "dbname": "d",
        "sslmode": "disable",
    }
    assert make_url(url).password == ODD


def test_a_socket_of_postgresql() -> None:
    url = with_password("postgresql://u@/d?host=/run/x", ODD)
    assert psycopg.conninfo.conninfo_to_dict(url) == {
        "user": "u",
        "password": ODD,
        "host": "/run/x",
        "dbname": "d",
    }


@pytest.mark.parametrize(
    ("url", "facts"),
    [
        ("redis://h:6380/1", {"host": "h", "port": 6380, "db": 1}),
        ("redis://me@h", {"host": "h", "username": "me"}),
        ("rediss://[::1]:1", {"host": "::1", "port": 1}),
        ("unix:///run/valkey.sock?db=2", {"path": "/run/valkey.sock", "db": 2}),
    ],
)
def test_redis_reads_any_password(url: str, facts: dict[str, object]) -> None:
    read = parse_url(with_password(url, ODD))
    read.pop("connection_class", None)
    assert read == {**facts, "password": ODD}


@pytest.mark.parametrize("url", ["", "redis://:old@h", "redis://me:old@h", "postgresql://u@h/d?password=old"])
def test_what_has_a_password_keeps_it(url: str) -> None:
    assert with_password(url, "new") == url


def test_no_password_changes_nothing() -> None:
    assert with_password("redis://h", "") == "redis://h"


@pytest.mark.parametrize(
    ("url", "password", "user"),
    [
        ("postgresql://u:p@h/d", True, True),
        ("postgresql://u:@h/d", False, True),
        ("postgresql://u@h/d", False, True),
        ("postgresql://h/d", False, False),
        ("postgresql://h/d?user=u&password=p", True, True),
        ("postgresql://h/d?password=", False, False),
        ("unix:///x", False, False),
    ],
)
def test_what_an_address_carries(url: str, password: bool, user: bool) -> None:
    assert (has_password(url), has_user(url)) == (password, user)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://u:secret@h:5/d", "postgresql://u:********@h:5/d"),
        ("postgresql://u@h/d", "postgresql://u@h/d"),
        ("postgresql://u:se@cret@h/d", "postgresql://u:********@h/d"),
        ("postgresql://u:12/secret@h/d", "postgresql://********"),
        ("postgresql://u@h/d?password=secret", "postgresql://u@h/d?********"),
        ("redis://:secret@h", "redis://:********@h"),
        ("unix://:secret@/run/x?db=0", "unix://:********@/run/x?********"),
        ("secret", "********"),
    ],
)
def test_passwords_are_hidden(url: str, shown: str) -> None:
    assert masked(url) == shown
