"""Sign-ups that nobody confirms: how many are borne, so that no machine writes to strangers through us, or spends our money.

Real crowds confirm, so they never come near; an address gets two messages at most anyway.
"""

from __future__ import annotations

import ipaddress
import logging
from dataclasses import dataclass
from datetime import datetime, timedelta

from subscribers.models import Subscriber, SubscriberState

log = logging.getLogger(__name__)

WINDOW = timedelta(hours=1)


class TooMany(Exception):
    """More unconfirmed askings than people make. Nothing was kept; the same answer for known and unknown addresses."""

    def __init__(self, retry_after: timedelta = WINDOW) -> None:
        super().__init__("Too many unconfirmed sign-ups; try again later.")
        self.retry_after = retry_after


@dataclass(frozen=True, slots=True)
class Limits:
    """Unconfirmed askings within the window, on one channel.

    `network`: behind a carrier's NAT thousands share one address, so a network is refused only far above that. `domain`: of one
    mail domain (for phones a row of a million numbers): from there on who brought half of them is refused, so that one client
    cannot shut out everybody at a large provider; from `whole_domain` on all are. `in_all`: what the channel may cost; None where
    it costs nothing.
    """

    network: int = 5_000
    domain: int = 2_000
    whole_domain: int = 10_000
    in_all: int | None = None


OTHERS = Limits()
OF_CHANNELS = {"sms": Limits(in_all=10_000)}


def refuse(*, channel: str, domain: str, network: str, now: datetime) -> None:
    """Raises TooMany."""
    limits = OF_CHANNELS.get(channel, OTHERS)
    asked = Subscriber.objects.filter(channel=channel, state=SubscriberState.PENDING, created_at__gt=now - WINDOW)
    if network and asked.filter(consent__network=network).count() >= limits.network:
        log.warning("Sign-ups from one network are refused for now: %d unconfirmed within an hour.", limits.network)
        raise TooMany
    if limits.in_all is not None and asked.count() + _asked_again(channel, now) >= limits.in_all:
        log.warning("Sign-ups by %s are refused for now: %d unconfirmed within an hour.", channel, limits.in_all)
        raise TooMany
    of_domain = asked.filter(domain=domain)
    waiting = of_domain.count()
    # Where many have confirmed, many more may ask: a large mail provider has most of a country's people.
    if waiting < limits.domain or waiting < Subscriber.objects.active().filter(channel=channel, domain=domain).count():
        return
    if waiting >= limits.whole_domain or of_domain.filter(consent__network=network).count() * 2 >= waiting:
        log.warning("Sign-ups of one domain are refused for now: %d unconfirmed within an hour.", waiting)
        raise TooMany


def _asked_again(channel: str, now: datetime) -> int:
    """Active ones whose number somebody typed: each costs a message too."""
    return Subscriber.objects.active().filter(channel=channel, asked_again_at__gt=now - WINDOW).count()


def network_of(ip: str) -> str:
    """The /24 or /48 an address lies in; "" for none."""
    try:
        address = ipaddress.ip_address(ip)
    except ValueError:
        return ""
    return str(ipaddress.ip_network(f"{address}/{24 if address.version == 4 else 48}", strict=False))
