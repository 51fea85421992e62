"""The shared cache on Redis, which nobody's sign-in may depend on: while it does not answer, a file cache stands in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.core.cache.backends.filebased import FileBasedCache
from django.core.cache.backends.redis import RedisCache as _RedisCache
from redis import RedisError


class RedisCache(_RedisCache):
    """Django's own, for what rate limits ask: get, set, add, incr, delete."""

    def __init__(self, server: str, params: dict[str, Any]) -> None:
        options = {"socket_timeout": 1, "socket_connect_timeout": 1, **params.get("OPTIONS", {})}
        super().__init__(server, {**params, "OPTIONS": options})
        self._instead = FileBasedCache(str(settings.DATA_DIR / "cache"), {})

    def get(self, key: str, default: Any = None, version: int | None = None) -> Any:
        return self._ask(super().get, self._instead.get, key, default, version=version)

    def set(self, key: str, value: Any, *args: Any, **kwargs: Any) -> None:
        self._ask(super().set, self._instead.set, key, value, *args, **kwargs)

    def add(self, key: str, value: Any, *args: Any, **kwargs: Any) -> bool:
        return bool(self._ask(super().add, self._instead.add, key, value, *args, **kwargs))

    def incr(self, key: str, delta: int = 1, version: int | None = None) -> int:
        return int(self._ask(super().incr, self._instead.incr, key, delta, version=version))

    def delete(self, key: str, version: int | None = None) -> bool:
        return bool(self._ask(super().delete, self._instead.delete, key, version=version))

    def _ask(self, first: Callable[..., Any], instead: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        try:
            return first(*args, **kwargs)
        except (RedisError, OSError):
            return instead(*args, **kwargs)
