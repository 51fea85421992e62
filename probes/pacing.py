"""How often a target may be asked: less while it is down, and never above its cap. Pure: values in, values out.

A flood of questions makes an outage worse. Whatever is left out is written down as skipped, so that it is not taken for silence.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from ipaddress import ip_address

BACKOFF, RATE_CAP = "backoff", "rate_cap"  # error classes of the slots that are left out

# So many intervals without a good vote, and only each n-th slot is run. Above four intervals it would be silence.
STEPS = ((30, 4), (10, 2))
FIRST_PROBE_AT_MOST = 60  # seconds between two runs of a component's first probe, unless its interval is longer

EVERY_HOST = "*"
MINUTE = 60
_HOST = re.compile(r"[a-z0-9]([a-z0-9._-]*[a-z0-9])?|[0-9a-f:]*:[0-9a-f:.]*", re.ASCII)


# --- Back-off ------------------------------------------------------------------------------------


def is_backed_off(*, slot: int, interval: int, down_since: int, is_first: bool) -> bool:
    """Whether this slot of a probe that has been down, without a good vote, since the slot `down_since` is left out.

    `is_first`: it is its component's first probe, the one that must see the recovery soon.
    """
    passed = (slot - down_since) // interval
    every = next((step for after, step in STEPS if passed >= after), 1)
    if is_first:
        at_most = max(1, FIRST_PROBE_AT_MOST // interval)
        every = min(every, 1 << at_most.bit_length() - 1)  # each step is a multiple of the one before, or more lies between them
    return slot // interval % every != 0


# --- Caps ----------------------------------------------------------------------------------------


def parse_rates(value: str) -> dict[str, int]:
    """`host=runs a minute,…` as a mapping; `*` is every other host. Raises ValueError with what to change."""
    rates = {}
    for item in filter(None, (part.strip() for part in value.split(","))):
        host, _, rate = (part.strip() for part in item.rpartition("="))
        host = host.lower().removeprefix("[").removesuffix("]")
        if host != EVERY_HOST and not _HOST.fullmatch(host):
            raise ValueError(f"{item!r}: give host=runs a minute, for example api.bank.example=10, commas between several")
        if not (rate.isascii() and rate.isdigit() and 1 <= int(rate) <= 6000):
            raise ValueError(f"{item!r}: give 1 to 6000 runs a minute after the =")
        if host in rates:
            raise ValueError(f"{host!r} is named twice: keep one")
        rates[host] = int(rate)
    return rates


def cap_of(host: str, rates: Mapping[str, int]) -> int | None:
    """Runs a minute that `host` may be asked; None: as often as its probes like. `*` does not speak of this machine."""
    if host in rates:
        return rates[host]
    return None if not host or _is_loopback(host) else rates.get(EVERY_HOST)


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def is_turn(*, number: int, index: int, cap: int, wanted: int) -> bool:
    """Whether schedule `number` has its turn at its slot `index`, where `wanted` runs a minute share `cap`.

    Of each `wanted` slots in a row a schedule runs `cap`, evenly spread; schedules begin at different places. So all are
    thinned alike, and none starves because of its phase.
    """
    return wanted <= cap or (index * cap + number * 7919) % wanted < cap


def runs_lately(runs: Mapping[str, int], now: int) -> dict[str, int]:
    """Of the runs counted by second (epoch, as text), those of the last minute."""
    return {second: count for second, count in runs.items() if now - MINUTE < int(second) <= now}
