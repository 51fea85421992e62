"""How fast each channel and domain is sent to: rows that all senders share, so that two of them are not twice as fast."""

from __future__ import annotations

import logging
from datetime import datetime

from django.conf import settings
from django.db.models import F

from subscribers import pace_rules
from subscribers.models import Delivery, DeliveryState, Pace
from subscribers.pace_rules import quiet_for, rate_of

log = logging.getLogger(__name__)


def quiet_domains(channel: str, now: datetime) -> list[str]:
    """Domains left alone for now: they hung, or asked us to slow down."""
    return list(Pace.objects.filter(channel=channel, quiet_until__gt=now).exclude(domain="").values_list("domain", flat=True))


def capped_domains(channel: str) -> list[str]:
    """Domains that HALI_SEND_RATES names."""
    return [name for name in settings.SEND_RATES if name != channel and "." in name] if channel == "email" else []


def granted(channel: str, domain: str, wanted: int, now: datetime) -> tuple[Pace | None, int]:
    """(the locked bucket, how many may be claimed now); inside the claim's transaction. (None, wanted) where there is no cap."""
    name = domain or channel
    if name not in settings.SEND_RATES:
        return None, wanted
    Pace.objects.bulk_create([Pace(channel=channel, domain=domain)], ignore_conflicts=True)
    pace = Pace.objects.select_for_update().get(channel=channel, domain=domain)
    if pace.quiet_until and pace.quiet_until > now:
        return pace, 0
    rate = rate_of(settings.SEND_RATES, name, pace.factor) or 0.0
    pace.tokens = pace_rules.refilled(pace.tokens, rate=rate, since=pace.refilled_at, now=now)
    pace.refilled_at = max(now, pace.refilled_at) if pace.refilled_at else now
    return pace, min(wanted, int(pace.tokens))


def spend(pace: Pace | None, count: int) -> None:
    if pace is not None:
        pace.tokens -= count
        pace.save(update_fields=["tokens", "refilled_at"])


def slow_down(channel: str, domain: str, *, now: datetime, why: str) -> None:
    """It hung, or asked for less: half as fast from now on, and nothing for a while, longer each time."""
    Pace.objects.bulk_create([Pace(channel=channel, domain=domain)], ignore_conflicts=True)
    pace = Pace.objects.get(channel=channel, domain=domain)
    if pace.quiet_until and pace.quiet_until > now:
        return  # others in the same batch fared alike
    pause = quiet_for(pace.failures + 1)
    log.info("Sending to %s by %s rests for %d s: %s", domain or "everybody", channel, pause.total_seconds(), why)
    Pace.objects.filter(pk=pace.pk).update(
        failures=F("failures") + 1, factor=pace_rules.slower(pace.factor), quiet_until=now + pause
    )
    if domain:  # moved out of the way: claims need not look past them, and nobody is woken for them
        resting = Delivery.objects.filter(channel=channel, domain=domain, state=DeliveryState.PENDING, lease_until=None)
        resting.filter(due_at__lt=now + pause).update(due_at=now + pause)


def speed_up(channel: str, domains: set[str]) -> None:
    """What went through counts: a little faster each batch, and the next pause is a short one again."""
    for pace in Pace.objects.filter(channel=channel, domain__in=[*domains, ""], failures__gt=0):
        factor = pace_rules.faster(pace.factor)
        Pace.objects.filter(pk=pace.pk).update(factor=factor, failures=0 if factor >= 1 else F("failures"))
