"""What share of payments an incident hits, measured while it lasted. A person takes it into an update.

Where the core pushes counts of a service's payments (the kind `metric`), they are the share; else the runs of probes that pay
(`payment_flow`). Which of the two is said with it, everywhere: a share of test payments is not one of customers' payments.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, F, Q, Sum

from incidents.models import Component, Incident
from incidents.words import Publication, ShareSource
from probes.models import PushedCounts, Result
from probes.outcome import OutcomeStatus
from statuspage import state_words

FEWEST = 20  # payments; fewer are no share
_PAYING = "payment_flow"
_HIT = (OutcomeStatus.DOWN, OutcomeStatus.DELAYED)
_VOTES = (OutcomeStatus.OK, OutcomeStatus.DEGRADED, *_HIT)


@dataclass(frozen=True, slots=True)
class Share:
    """`hit` of `payments` failed or came late, by this source. Slow ones arrived: they are not counted as hit."""

    source: ShareSource
    hit: int
    payments: int

    @property
    def thousandths(self) -> int | None:
        """As an update states it (`share_affected`), rounded to the nearest; None: too few payments to tell."""
        return None if self.payments < FEWEST else round(1000 * self.hit / self.payments)

    @property
    def words(self) -> str:
        """For staff: what readers would be told, and from how many. Empty where there are too few to tell."""
        if self.thousandths is None:
            return ""
        return f"{state_words.share(self.thousandths, self.source)['en']}: {self.hit} of {self.payments}"


def measure(*, incident: Incident, now: datetime) -> Share:
    """From its start until it was over (or now), over every enabled probe of the services it names. Three queries at most.

    Counts of one service stand for it even where probes pay at others: the two are never added up.
    """
    named = Component.objects.filter(affected__update__incident=incident).exclude(
        affected__update__publication=Publication.DISCARDED
    )
    services = list(named.distinct().values_list("pk", flat=True))
    until = incident.mitigated_at or incident.resolved_at or now
    counted = _counted(services, incident.started_at, until)
    return counted if counted.payments else _tried(services, incident.started_at, until)


def _counted(services: Collection[int], since: datetime, until: datetime) -> Share:
    """Technical declines among the payments that were decided. What is still under way when an interval ends is hit only where
    payments came late, or not one was decided; business declines are the customers' own and say that the service works.
    """
    rows = PushedCounts.objects.filter(probe__component__in=services, probe__enabled=True, at__gte=since, at__lt=until)
    decided = F("success") + F("business") + F("technical")
    found = rows.aggregate(
        declined=Sum("technical", default=0),
        decided=Sum(decided, default=0),
        waiting=Sum(F("attempts") - decided, filter=Q(late=True), default=0),
    )
    return Share(ShareSource.COUNTED, found["declined"] + found["waiting"], found["decided"] + found["waiting"])


def _tried(services: Collection[int], since: datetime, until: datetime) -> Share:
    """Scheduled runs alone count, as in uptime; those that say nothing of the service (skipped, misconfigured) do not."""
    runs = Result.objects.filter(
        probe__component__in=services,
        probe__enabled=True,
        probe__kind=_PAYING,
        attempt=0,
        status__in=_VOTES,
        started_at__gte=since,
        started_at__lt=until,
    )
    found = runs.aggregate(runs=Count("pk"), hit=Count("pk", filter=Q(status__in=_HIT)))
    return Share(ShareSource.PROBES, found["hit"], found["runs"])
