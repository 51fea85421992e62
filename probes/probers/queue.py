"""The prober `queue`: how much waits in a Redis list, stream or set, or in an AMQP queue. It only counts, it never takes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote, urlsplit

import redis
from redis.exceptions import AuthenticationError, NoPermissionError, RedisError, ResponseError

from probes.outcome import Outcome, TargetError
from probes.probers import connections, credentials, limits, queue_amqp, specs, thresholds, tls_options
from probes.probers.runs import Failure, Run
from probes.probers.specs import Spec

KEYS = ("url", "key", "count", "group", "tls", *thresholds.KEYS, *limits.KEYS)
COUNTS = ("list", "stream", "pending", "lag", "set", "sorted_set", *queue_amqp.COUNTS)
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
        specs.refuse("group: goes with count pending or lag; take it out.", None)
    tls_options.validate(spec)
    thresholds.validate(spec)
    limits.validate(spec)


def probe(spec: Spec, *, timeout: float, now: float) -> Outcome:
    """Run once. The spec has been validated; `timeout` is seconds in all. `url`: HALI_SECRET_<url>, redis(s)://[user:password@]
    host[:port][/database], or amqp(s)://user:password@host[:port][/virtual host] to count messages or consumers."""
    target = _target(spec)
    options = tls_options.resolve(spec.get("tls", {}), host=target.host)
    run = Run(timeout)
    try:
        number = _count(spec, run, target, options)
    except Failure as failure:
        return run.failed(failure)
    return thresholds.outcome(spec, run, number)


@dataclass(frozen=True)
class _Target:
    """An address taken apart. `place`: a database's number, or a virtual host."""

    host: str
    port: int
    place: str
    user: str = field(repr=False)
    password: str = field(repr=False)
    is_tls: bool


def _target(spec: Spec) -> _Target:
    """Raises MissingSecret or TargetError, which never hold the address."""
    address, variable = credentials.secret(spec["url"]), f"HALI_SECRET_{spec['url']}"
    is_amqp = spec.get("count") in queue_amqp.COUNTS
    ports = queue_amqp.PORTS if is_amqp else {"redis": 6379, "rediss": 6379}
    plain, secure = ports
    form = f"{plain}://user:password@host[:port][/virtual host]" if is_amqp else f"{plain}://host[:port][/database]"
    try:
        parts = urlsplit(address)
        port = parts.port or ports.get(parts.scheme, 0)
        place = unquote(parts.path.removeprefix("/")) if is_amqp else str(int(parts.path.strip("/") or 0))
    except ValueError:
        raise TargetError(f"{variable}: port or database is not a number; give {form}.") from None
    if parts.scheme not in ports or not parts.hostname:
        raise TargetError(f"{variable}: give {form}, or {secure}:// for TLS.")
    if "tls" in spec and parts.scheme == plain:
        raise TargetError(f"tls: {variable} begins with {plain}://, so there is none; give {secure}:// or leave tls out.")
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    credentials.remember(user)
    credentials.remember(password)
    return _Target(parts.hostname, port, place, user, password, parts.scheme == secure)


class _Connection(redis.Connection):
    """Redis' words over a connection of ours; it is never opened anew."""

    opened: Any = None

    def _connect(self) -> Any:
        return self.opened


def _count(spec: Spec, run: Run, target: _Target, options: tls_options.TlsOptions) -> int:
    opened: Any = connections.connect(run, target.host, target.port)
    if target.is_tls:
        opened = connections.secure(run, opened, target.host, options)
    with opened:
        if spec.get("count") not in queue_amqp.COUNTS:
            return _count_in_redis(spec, run, target, opened)
        return queue_amqp.count(
            run,
            opened,
            queue=spec["key"],
            what=spec["count"],
            virtual_host=target.place or "/",
            user=target.user,
            password=target.password,
        )


def _count_in_redis(spec: Spec, run: Run, target: _Target, opened: Any) -> int:
    login = {"db": int(target.place), "username": target.user or None, "password": target.password or None}
    connection: Any = _Connection(host=target.host, protocol=2, driver_info=None, **login)  # type: ignore[no-untyped-call]
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
