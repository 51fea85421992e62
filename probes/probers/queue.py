"""The prober `queue`: how much waits in a Redis list, stream or set, against thresholds. It only counts, it never takes."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote, urlsplit

import redis
from redis.exceptions import AuthenticationError, NoPermissionError, RedisError, ResponseError

from probes.outcome import Outcome, TargetError
from probes.probers import connections, credentials, limits, specs, thresholds, tls_options
from probes.probers.runs import Failure, Run
from probes.probers.specs import Spec

KEYS = ("url", "key", "count", "group", "tls", *thresholds.KEYS, *limits.KEYS)
COUNTS = ("list", "stream", "pending", "lag", "set", "sorted_set")
_COMMANDS = {"list": "LLEN", "stream": "XLEN", "set": "SCARD", "sorted_set": "ZCARD"}
_OF_A_GROUP = {"pending", "lag"}


def validate(spec: Spec) -> None:
    """Raises TargetError with what to change."""
    specs.only_keys(spec, KEYS)
    specs.secret_name(spec.get("url"), "url")
    specs.text(spec, "key", required=True, at_most=500)
    count = specs.choice(spec, "count", COUNTS, "list")
    specs.text(spec, "group", required=count in _OF_A_GROUP, at_most=200)
    if "group" in spec and count not in _OF_A_GROUP:
        raise TargetError("group: goes with count pending or lag; take it out.")
    tls_options.validate(spec)
    thresholds.validate(spec)
    limits.validate(spec)


def probe(spec: Spec, *, timeout: float, now: float) -> Outcome:
    """Run once. The spec has been validated; `timeout` is seconds in all. `url`: HALI_SECRET_<url>, redis(s)://[user:password@]
    host[:port][/database]."""
    target = _target(spec)
    options = tls_options.resolve(spec.get("tls", {}), host=target["host"])
    run = Run(timeout)
    try:
        number = _count(spec, run, target, options)
    except Failure as failure:
        return run.failed(failure)
    return thresholds.outcome(spec, run, number)


def _target(spec: Spec) -> dict[str, Any]:
    """The address taken apart; raises MissingSecret or TargetError, which never hold it."""
    address, variable = credentials.secret(spec["url"]), f"HALI_SECRET_{spec['url']}"
    try:
        parts = urlsplit(address)
        port, database = parts.port or 6379, int(parts.path.strip("/") or 0)
    except ValueError:
        raise TargetError(f"{variable}: port or database is not a number; give redis://host[:port][/database].") from None
    if parts.scheme not in {"redis", "rediss"} or not parts.hostname:
        raise TargetError(f"{variable}: give redis://host[:port][/database], or rediss:// for TLS.")
    if "tls" in spec and parts.scheme == "redis":
        raise TargetError(f"tls: {variable} begins with redis://, so there is none; give rediss:// or leave tls out.")
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    credentials.remember(user)
    credentials.remember(password)
    return {
        "host": parts.hostname,
        "port": port,
        "db": database,
        "username": user or None,
        "password": password or None,
        "is_tls": parts.scheme == "rediss",
    }


class _Connection(redis.Connection):
    """Redis' words over a connection of ours; it is never opened anew."""

    opened: Any = None

    def _connect(self) -> Any:
        return self.opened


def _count(spec: Spec, run: Run, target: dict[str, Any], options: tls_options.TlsOptions) -> int:
    opened: Any = connections.connect(run, target["host"], target["port"])
    if target["is_tls"]:
        opened = connections.secure(run, opened, target["host"], options)
    with opened:
        login = {name: target[name] for name in ("db", "username", "password")}
        connection: Any = _Connection(host=target["host"], protocol=2, driver_info=None, **login)  # type: ignore[no-untyped-call]
        connection.opened = opened
        try:
            connection.connect()
            number = _ask(spec, connection)
        except (AuthenticationError, NoPermissionError):
            raise Failure("credentials", "our user or password is refused, or may not count this key") from None
        except ResponseError as error:
            raise _refused(error) from None
        except (redis.TimeoutError, TimeoutError):
            raise Failure("timeout_read", "connected, but it does not answer in time") from None
        except (RedisError, OSError):
            if run.is_over:
                raise Failure("timeout_read", "connected, but it does not answer in time") from None
            raise Failure("refused", "the connection was closed, or its answer is not Redis as we know it") from None
        finally:
            connection.disconnect()
        run.mark("ttfb")
        return number


def _ask(spec: Spec, connection: Any) -> int:
    count, key = spec.get("count", "list"), spec["key"]
    if count in _COMMANDS:
        return _number(_say(connection, _COMMANDS[count], key))
    if count == "pending":
        summary = _say(connection, "XPENDING", key, spec["group"])
        return _number(summary[0] if isinstance(summary, list) and summary else None)
    for group in _say(connection, "XINFO", "GROUPS", key):
        fields = dict(zip(group[::2], group[1::2], strict=False))
        if fields.get(b"name") == spec["group"].encode():
            return _number(fields.get(b"lag"))
    raise Failure("target", "the stream has no group of this name")


def _say(connection: Any, *words: str) -> Any:
    connection.send_command(*words)
    return connection.read_response()


def _number(value: Any) -> int:
    if isinstance(value, int):
        return value
    raise Failure("target", "it does not know this number; count the stream or what is pending instead")


def _refused(error: ResponseError) -> Failure:
    """By the first word only: the rest may name the key."""
    word = str(error).partition(" ")[0]
    if word in {"WRONGTYPE", "NOGROUP", "ERR"}:
        return Failure("target", f"{word}: key, count or group of the spec do not fit what is there")
    if word in {"NOAUTH", "WRONGPASS", "NOPERM"}:
        return Failure("credentials", f"{word}: our user or password is refused, or may not count this key")
    return Failure("status", f"it refuses to count: {word[:20] if word.isalpha() and word.isupper() else 'an unknown error'}")
