"""What share of payments an incident hits, measured: the probes' own runs while it lasted. A person takes it into an update."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Q

from incidents.models import Component, Incident
from incidents.words import Publication
from probes.models import Result
from probes.outcome import OutcomeStatus

FEWEST = 20  # runs; fewer are no share
_HIT = (OutcomeStatus.DOWN, OutcomeStatus.DELAYED)
_VOTES = (OutcomeStatus.OK, OutcomeStatus.DEGRADED, *_HIT)


@dataclass(frozen=True, slots=True)
class Share:
    """`hit` of `runs` failed or came late. Slow ones arrived: they are not counted as hit."""

    hit: int
    runs: int

    @property
    def thousandths(self) -> int | None:
        """As an update states it (`share_affected`), rounded to the nearest; None: too few runs to tell."""
        return None if self.runs < FEWEST else round(1000 * self.hit / self.runs)


def measure(*, incident: Incident, now: datetime) -> Share:
    """From its start until it was over (or now), over every enabled probe of the services it names. Two queries.

    Scheduled runs alone count, as in uptime; those that say nothing of the service (skipped, misconfigured) do not.
    """
    until = incident.mitigated_at or incident.resolved_at or now
    named = Component.objects.filter(affected__update__incident=incident).exclude(
        affected__update__publication=Publication.DISCARDED
    )
    runs = Result.objects.filter(
        probe__component__in=list(named.distinct().values_list("pk", flat=True)),
        probe__enabled=True,
        attempt=0,
        status__in=_VOTES,
        started_at__gte=incident.started_at,
        started_at__lt=until,
    )
    found = runs.aggregate(runs=Count("pk"), hit=Count("pk", filter=Q(status__in=_HIT)))
    return Share(hit=found["hit"], runs=found["runs"])
