"""How sign-ins lie in Redis: what the pages write, and whoever counts or ends sign-ins looks for."""

from __future__ import annotations

COOKIE = "zhupi"
ALL_SESSIONS = f"{COOKIE}_*"  # a pattern of their keys in Redis
