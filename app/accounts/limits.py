"""How often signing in may fail: per account and per address, counted in Redis."""

from __future__ import annotations

import hashlib

from redis.asyncio import Redis

WINDOW_SECONDS = 15 * 60
PER_ACCOUNT = 10
PER_ADDRESS = 50


def _keys(username: str, address: str) -> tuple[tuple[str, int], tuple[str, int]]:
    # Hashed: the keys hold neither names nor addresses, and a long name makes no long key.
    account = hashlib.sha256(username.encode()).hexdigest()[:32]
    place = hashlib.sha256(address.encode()).hexdigest()[:32]
    return (f"signin:account:{account}", PER_ACCOUNT), (f"signin:address:{place}", PER_ADDRESS)


async def allowed(redis: Redis, username: str, address: str) -> bool:
    """Whether another try may be made; counts it as a failure until `forget` says otherwise."""
    verdicts = []
    for key, most in _keys(username, address):
        pipeline = redis.pipeline()
        pipeline.incr(key)
        pipeline.expire(key, WINDOW_SECONDS, nx=True)
        count, _ = await pipeline.execute()
        verdicts.append(count <= most)
    return all(verdicts)


async def refused_first(redis: Redis, username: str, address: str) -> bool:
    """Whether a refused try is the first one that its account's or its address's limit refused in the window.

    For the audit: who goes on trying must not be able to fill it. Where both limits refuse, the address's counts, for
    one address can name any number of accounts.
    """
    account, place = _keys(username, address)
    over = int(await redis.get(place[0]) or 0) > place[1]
    key = (place if over else account)[0]
    return bool(await redis.set(f"told:{key}", 1, ex=WINDOW_SECONDS, nx=True))


async def forget(redis: Redis, username: str, address: str) -> None:
    """A sign-in succeeded: the account starts anew, the address gets this try back."""
    (account, _), (place, _) = _keys(username, address)
    pipeline = redis.pipeline()
    pipeline.delete(account)
    pipeline.decr(place)
    # The window may have ended meanwhile: then this made a new key, which must not stay for ever.
    pipeline.expire(place, WINDOW_SECONDS, nx=True)
    await pipeline.execute()
