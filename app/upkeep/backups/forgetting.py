"""What Redis holds of the data before a restore: sign-ins, the streams of events, lists that were read but not taken.

Answers of a model stay, they are kept by what was asked; so do the counters of wrong passwords.
"""

from __future__ import annotations

import redis

from app.accounts.sessions import ALL_SESSIONS
from app.i18n import ProblemError
from app.settings import Settings

PATTERNS = (ALL_SESSIONS, "events:*", "roster:*")
SECONDS = 5
AT_ONCE = 500


class ForgettingError(ProblemError):
    """The restore is done, and Redis does not answer."""


def forget(settings: Settings) -> int:
    """Remove them: everybody signs in again, open pages take a snapshot. Returns how many keys went.

    Raises ForgettingError.
    """
    store = redis.Redis.from_url(
        settings.redis_url.get_secret_value(), socket_timeout=SECONDS, socket_connect_timeout=SECONDS
    )
    gone = 0
    try:
        for pattern in PATTERNS:
            batch: list[bytes] = []
            for key in store.scan_iter(match=pattern, count=AT_ONCE):
                batch.append(key)
                if len(batch) == AT_ONCE:
                    gone += int(store.unlink(*batch))
                    batch.clear()
            if batch:
                gone += int(store.unlink(*batch))
    except redis.RedisError:
        raise ForgettingError(
            "The backup is restored, but Redis does not answer: old sign-ins are still valid. Empty Redis, "
            "or restore once more."
        ) from None
    finally:
        store.close()
    return gone
