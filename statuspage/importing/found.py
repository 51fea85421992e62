"""Pure: what an export of another status page holds, in one shape for all of them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, tzinfo
from typing import Any


class NotThatFormat(ValueError):
    """The file is not what it should be; the message says which part and what was expected."""


@dataclass(frozen=True, slots=True)
class Service:
    external_id: str
    name: str
    description: str = ""
    group: str = ""  # the name of its group there


@dataclass(frozen=True, slots=True)
class Word:
    at: datetime
    phase: str  # as it was called there
    text: str


@dataclass(frozen=True, slots=True)
class Past:
    """Trouble that is over. `states`: {external id of a service: the worst it showed, a ComponentStatus}."""

    external_id: str
    name: str
    started_at: datetime
    ended_at: datetime
    words: tuple[Word, ...]
    states: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class ToCome:
    """Planned work that has not begun."""

    external_id: str
    name: str
    starts_at: datetime
    ends_at: datetime
    text: str
    services: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Asked:
    """Something that is asked again and again: a probe of ours, switched off until somebody has looked at it."""

    external_id: str
    service: str
    kind: str
    spec: Mapping[str, Any]
    interval: int


@dataclass(frozen=True, slots=True)
class Found:
    """All of it. `left`: what is not taken over, a line each with the reason."""

    source: str
    page: str
    services: tuple[Service, ...] = ()
    past: tuple[Past, ...] = ()
    to_come: tuple[ToCome, ...] = ()
    asked: tuple[Asked, ...] = ()
    left: tuple[str, ...] = field(default=())


def code_of(name: str) -> str:
    """A service's code by its name: “Send money” is send-money."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:60].strip("-") or "service"


def moment_of(value: object, *, zone: tzinfo = UTC) -> datetime:
    """A time of theirs; without a zone it is `zone`'s. Raises NotThatFormat."""
    if isinstance(value, datetime):
        found = value
    elif not isinstance(value, (str, date)):
        raise NotThatFormat(f"{_shown(value)} is no time.")
    else:
        try:
            found = datetime.fromisoformat(str(value).strip().replace(" UTC", "+00:00"))
        except ValueError:
            raise NotThatFormat(f"{_shown(value)} is no time.") from None
    if not 1990 <= found.year <= 2100:
        raise NotThatFormat(f"{_shown(value)} is no time of our days.")
    return (found if found.tzinfo else found.replace(tzinfo=zone)).astimezone(UTC)


def _shown(value: object) -> str:
    return repr(str(value)[:40]) if isinstance(value, (str, int, float, date)) else "A list or an object"


def listed(payload: object, key: str, where: str) -> list[dict[str, Any]]:
    """The list of objects under a key. Raises NotThatFormat."""
    value = payload.get(key) if isinstance(payload, dict) else None
    if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
        raise NotThatFormat(f"{where} has no list “{key}”: is it the right file?")
    return value


def text_of(row: Mapping[str, Any], key: str) -> str:
    """A text without what no text of ours holds; "" where there is none, or something that is no text."""
    value = row.get(key)
    if not isinstance(value, (str, int, float, date)) or isinstance(value, bool):
        return ""
    return str(value or "").encode("utf-8", "ignore").decode().replace("\x00", "").strip()
