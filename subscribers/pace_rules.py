"""Pure: how fast a domain or a channel may be sent to, and the hours in which little news waits. Read by the settings, too."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, time, timedelta

BURST = timedelta(seconds=2)  # so much of its rate a channel or domain may take at once, after a pause
LEAST_FACTOR = 1 / 64
QUIET_FIRST, QUIET_AT_MOST = timedelta(seconds=30), timedelta(minutes=10)

_CLOCK = re.compile(r"([01]\d|2[0-3]):([0-5]\d)")


def parse_rates(text: str) -> dict[str, float]:
    """`email=6000,gmail.com=600,sms=300`: deliveries a minute of a channel or a mail domain. Raises ValueError."""
    rates = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, _, value = part.partition("=")
        if not re.fullmatch(r"[a-z0-9.-]+", name.strip()) or not re.fullmatch(r"[1-9]\d{0,7}", value.strip()):
            raise ValueError(f"HALI_SEND_RATES: {part!r}: give names and deliveries a minute, as email=6000,gmail.com=600.")
        rates[name.strip()] = float(value)
    return rates


def parse_hours(text: str) -> tuple[time, time] | None:
    """`22:00-06:00`; None for no quiet hours. Raises ValueError."""
    if not text.strip():
        return None
    start, _, end = text.strip().partition("-")
    if not _CLOCK.fullmatch(start) or not _CLOCK.fullmatch(end) or start == end:
        raise ValueError(f"HALI_QUIET_HOURS={text!r}: give start and end of a night, as 22:00-06:00.")
    return time.fromisoformat(start), time.fromisoformat(end)


def parse_clock(text: str) -> time:
    """Raises ValueError."""
    if not _CLOCK.fullmatch(text.strip()):
        raise ValueError(f"HALI_DIGEST_AT={text!r}: give a time of the day, as 08:00.")
    return time.fromisoformat(text.strip())


def refilled(tokens: float, *, rate: float, since: datetime | None, now: datetime) -> float:
    """The bucket now: what was left and what ran in since, at most two seconds' worth (and one whole delivery)."""
    full = max(1.0, rate * BURST.total_seconds() / 60)
    if since is None:
        return full
    return min(full, tokens + rate * max(0.0, (now - since).total_seconds()) / 60)


def slower(factor: float) -> float:
    return max(LEAST_FACTOR, factor / 2)


def faster(factor: float) -> float:
    """A little more after each batch that went through."""
    return min(1.0, factor * 1.25)


def quiet_for(failures: int) -> timedelta:
    """How long what hung or asked for less is left alone after so many times in a row: 30 s, doubled up to 10 minutes."""
    pause: timedelta = min(QUIET_FIRST * (1 << min(max(0, failures - 1), 8)), QUIET_AT_MOST)
    return pause


def rate_of(rates: Mapping[str, float], name: str, factor: float) -> float | None:
    """Deliveries a minute; None for as fast as it goes."""
    rate = rates.get(name)
    return rate * factor if rate is not None else None
