"""How fast a probe burns what its target allows, counted over raw results. For operators, on request."""

from __future__ import annotations

from datetime import datetime

from django.db.models import Count, Q

from probes import burning
from probes.models import Probe, Result
from probes.outcome import OutcomeStatus

TARGET = 0.999  # share of good votes
_VOTES = [OutcomeStatus.OK, OutcomeStatus.DELAYED, OutcomeStatus.DEGRADED, OutcomeStatus.DOWN]


def burn_of(probe: Probe, *, now: datetime) -> burning.Burn | None:
    """The most urgent tier the probe has reached. Windows longer than raw results are kept count what is there."""

    def count(seconds: int) -> tuple[int, int]:
        votes = Result.objects.filter(
            probe=probe, attempt=0, slot__gt=int(now.timestamp()) - seconds, status__in=_VOTES
        ).aggregate(bad=Count("pk", filter=~Q(status=OutcomeStatus.OK)), all=Count("pk"))
        return votes["bad"], votes["all"]

    return burning.burning(count, target=TARGET)
