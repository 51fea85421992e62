"""What the probers' specs have in common: each function reads one key or says what to change."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from difflib import get_close_matches
from ipaddress import ip_address
from typing import Any, TypeVar
from urllib.parse import SplitResult, urlsplit

from probes.outcome import TargetError

Spec = Mapping[str, Any]

# What other monitors call some keys.
_CALLED_ELSEWHERE = {
    **dict.fromkeys(("less_than", "lt", "lte", "max", "maximum", "below"), "at_most"),
    **dict.fromkeys(("greater_than", "more_than", "gt", "gte", "min", "minimum", "above"), "at_least"),
    **dict.fromkeys(("eq", "is", "value"), "equals"),
    **dict.fromkeys(("in", "any_of"), "one_of"),
    **dict.fromkeys(("includes", "text"), "contains"),
    **dict.fromkeys(("regex", "regexp", "pattern"), "matches"),
    **dict.fromkeys(("jsonpath", "json_path"), "json"),
    **dict.fromkeys(("status", "status_code", "expect_code", "expected_status_codes"), "expect_status"),
    **dict.fromkeys(("schedule", "crontab"), "cron"),
    "verb": "method",
}

SECRET_NAME = re.compile(r"[A-Z][A-Z0-9_]{0,39}", re.ASCII)
HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?\.?", re.ASCII)
LONGEST_MS = 60_000


# --- All errors at once --------------------------------------------------------------------------------

NOWHERE = "https://not-told.invalid"  # goes on in place of an address that was refused
_told: ContextVar[list[str] | None] = ContextVar("what is wrong in the spec that is being read", default=None)
Value = TypeVar("Value")


@contextmanager
def all_told() -> Iterator[list[str]]:
    """Inside, what `refuse` and `part` would raise is gathered instead, each as one line."""
    told: list[str] = []
    token = _told.set(told)
    try:
        yield told
    finally:
        _told.reset(token)


def refuse(words: str, instead: Value) -> Value:
    """Raises TargetError; where all errors are gathered, notes it and answers what to go on with."""
    told = _told.get()
    if told is None:
        raise TargetError(words)
    told.append(words)
    return instead


@contextmanager
def part(where: str = "") -> Iterator[None]:
    """A part of a spec: where all are gathered, its error does not end the reading of the rest. `where` goes before its words."""
    told = _told.get()
    before = len(told or ())
    try:
        yield
    except TargetError as error:
        if told is None:
            raise TargetError(_at(where, str(error))) from None
        told.append(str(error))
    finally:
        if told is not None:
            told[before:] = [_at(where, one) for one in told[before:]]


def _at(where: str, words: str) -> str:
    return f"{where}: {words}" if where else words


# --- Keys ----------------------------------------------------------------------------------------------


def only_keys(spec: Spec, allowed: Collection[str]) -> None:
    for key in spec:
        if key not in allowed:
            refuse(f"{str(key)[:40]!r} is not a key of this kind of probe: {instead_of(key, allowed)}.", None)


def only_known(value: Mapping[str, Any], allowed: Collection[str], where: str = "") -> None:
    """As `only_keys`, of an object inside a spec."""
    for key in value:
        if key not in allowed:
            refuse(_at(where, f"{str(key)[:40]!r} is not known; {instead_of(key, allowed)}."), None)


def instead_of(key: object, allowed: Collection[str]) -> str:
    """What to use in place of a key that nobody knows: what it looks like first, or what others call so."""
    key = str(key).lower()
    meant = _CALLED_ELSEWHERE.get(key, "")
    near = [meant] if meant in allowed else get_close_matches(key, allowed, 1)
    return f"did you mean {near[0]}? Use {', '.join(allowed)}" if near else f"use {', '.join(allowed)}"


def text(spec: Spec, key: str, *, required: bool = False, at_most: int = 1000) -> str:
    value = spec.get(key, "")
    if not isinstance(value, str) or len(value) > at_most:
        return refuse(f"{key}: give a text of at most {at_most} characters.", "")
    if required and not value.strip():
        return refuse(f"{key} is missing: add it to the spec.", "")
    return value


def milliseconds(spec: Spec, key: str) -> int | None:
    value = spec.get(key)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= LONGEST_MS:
        return refuse(f"{key}: give whole milliseconds from 1 to {LONGEST_MS}.", None)
    return value


def seconds(spec: Spec, key: str, default: float, longest: float) -> float:
    value = spec.get(key, default)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value <= longest:
        return refuse(f"{key}: give seconds from above 0 to {longest:g}.", default)
    return float(value)


def secret_name(value: Any, key: str) -> str:
    if not isinstance(value, str) or not SECRET_NAME.fullmatch(value):
        return refuse(f"{key}: give the name of a secret (capital letters, digits, _), never the secret itself.", "")
    if value.endswith(("_FILE", "_HOSTS")):
        return refuse(f"{key}: a secret's name does not end with _FILE or _HOSTS; these say where it lies and may go.", "")
    return value


def address(spec: Spec, key: str) -> SplitResult:
    """The http(s) address under `key`, taken apart. Its text is never repeated in an error: it may hold what it should not."""
    found = urlsplit(NOWHERE)
    with part():
        found = _address(spec, key)
    return found


def _address(spec: Spec, key: str) -> SplitResult:
    value = text(spec, key, required=True, at_most=2000)
    if not re.fullmatch(r"[!-~]+", value):
        raise TargetError(f"{key}: has spaces or letters outside ASCII; encode them (a host as xn--…, a path as %…).")
    try:
        parts = urlsplit(value)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise TargetError(
            f"{key}: the host or the port is impossible; give http(s)://host[:port]/path, port 1 to 65535."
        ) from None
    if parts.scheme not in {"http", "https"}:
        found = f"begins with {parts.scheme[:20]!r}" if "://" in value[:24] else "has no http:// or https:// before it"
        raise TargetError(f"{key}: {found}; give http:// or https://.")
    if not host:
        raise TargetError(f"{key}: the host is missing; give http(s)://host[:port]/path.")
    if port == 0:
        raise TargetError(f"{key}: port 0 is impossible; give 1 to 65535.")
    if "@" in parts.netloc:
        raise TargetError(f"{key}: holds a user name or a password; take it out and name a secret instead.")
    if not _is_host(host):
        raise TargetError(f"{key}: the host is not a name or an address; give http(s)://host[:port]/path.")
    return parts


def host(spec: Spec, key: str, shown: str = "") -> str:
    """The host name or address under `key`."""
    shown = shown or key
    value = text(spec, key, required=True, at_most=260)
    if not _is_host(value.removeprefix("[").removesuffix("]")):
        return refuse(f"{shown}: give a host name or an address alone, such as pay.example or 192.0.2.7.", "not-told.invalid")
    return value.removeprefix("[").removesuffix("]")


def port(spec: Spec, key: str = "port", default: int | None = None) -> int:
    return whole(spec, key, 1, 65535, default)


def whole(spec: Spec, key: str, low: int, high: int, default: int | None = None) -> int:
    """A whole number; without a default it must be there."""
    if key not in spec and default is None:
        return refuse(f"{key} is missing: add it to the spec.", low)
    value = spec.get(key, default)
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        return refuse(f"{key}: give a whole number from {low} to {high}.", low if default is None else default)
    return value


def choice(spec: Spec, key: str, allowed: Collection[Any], default: Any) -> Any:
    """One of a few values; true is not 1."""
    value = spec.get(key, default)
    if not any(value == one and type(value) is type(one) for one in allowed):
        return refuse(f"{key}: give one of {', '.join(str(one) for one in allowed)}.", default)
    return value


def flag(spec: Spec, key: str, default: bool = False) -> bool:
    value = spec.get(key, default)
    if not isinstance(value, bool):
        return refuse(f"{key}: give true or false.", default)
    return value


def is_loopback(host: str | None) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host or "").is_loopback
    except ValueError:
        return False


def _is_host(host: str) -> bool:
    if ":" in host or host.replace(".", "").isdecimal():
        try:
            ip_address(host)
        except ValueError:
            return False
        return True
    return len(host) <= 253 and HOST.fullmatch(host) is not None
