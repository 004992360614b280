"""Passwords in the addresses of services: put into one, looked for in one, hidden in one.

Docker hands a password over as a file of its own (DATABASE_PASSWORD_FILE), and an address without one beside it.
"""

from __future__ import annotations

from urllib.parse import parse_qs, quote, unquote, urlsplit, urlunsplit

MASK = "********"


def has_password(url: str) -> bool:
    """Whether an address carries a password that is not empty, before its host or as `?password=`."""
    parts = urlsplit(url)
    return bool(parts.password) or any(parse_qs(parts.query).get("password", ()))


def has_user(url: str) -> bool:
    """Whether an address names a user, before its host or as `?user=`."""
    parts = urlsplit(url)
    return bool(parts.username) or any(parse_qs(parts.query).get("user", ()))


def with_password(url: str, password: str) -> str:
    """An address with a password put into it, quoted so that any character may be in it.

    An address that has one already, an empty address and an empty password are left alone.
    """
    if not url or not password or has_password(url):
        return url
    return replaced_password(url, password)


def replaced_password(url: str, password: str) -> str:
    """An address with another password before its host; one in its query is left alone."""
    parts = urlsplit(url)
    user, found, host = parts.netloc.rpartition("@")
    user = user.partition(":")[0] if found else ""
    netloc = f"{user}:{quote(password, safe='')}@{host}"
    # Not urlunsplit alone: it writes unix:///path for an address without a host, and drops the user with it.
    return f"{parts.scheme}://{netloc}{urlunsplit(('', '', parts.path, parts.query, parts.fragment))}"


def password_of(url: str) -> str:
    """The password before an address's host, or ""; one in its query is not looked for."""
    return unquote(urlsplit(url).password or "")


def masked(url: str) -> str:
    """An address for a person: who, where and which database, but no password and none of its options.

    Where it cannot be told apart for certain, everything behind the scheme is hidden.
    """
    parts = urlsplit(url)
    user, found, host = parts.netloc.rpartition("@")
    if "@" in parts.path + parts.query + parts.fragment or "://" not in url:
        return f"{parts.scheme}://{MASK}" if "://" in url else MASK
    name, secret, _ = user.partition(":")
    shown = f"{name}{f':{MASK}' if secret else ''}@{host}" if found else host
    return f"{parts.scheme}://{shown}{parts.path}{f'?{MASK}' if parts.query else ''}"
