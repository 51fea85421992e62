"""Short questions to the broker, embedded or not: a stopped one takes connections and never answers, so none waits long."""

from __future__ import annotations

import redis

PATIENCE = 1.0  # seconds
BEAT = "hali:beat"  # epoch seconds of the last message that beat could send


def connect(url: str) -> redis.Redis:
    """A client of the broker that Celery knows as `url`. Its calls raise redis.RedisError after PATIENCE."""
    address = url.replace("redis+socket://", "unix://", 1)
    client: redis.Redis = redis.Redis.from_url(address, socket_timeout=PATIENCE, socket_connect_timeout=PATIENCE)
    return client
