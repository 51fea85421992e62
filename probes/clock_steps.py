"""When our clock was put back: what rows date ahead of it says nothing of now, and would keep what is due waiting."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F, Max, Q

from probes.models import ProbeSchedule, ProbeVerdict, Result, VantageLink

AHEAD_AT_MOST = 60  # seconds: hosts' clocks differ, and a run is claimed before its slot

log = logging.getLogger(__name__)


def is_ahead(slot: int, now: datetime) -> bool:
    """Whether a slot (epoch seconds) lies where no run can have been yet."""
    return slot > now.timestamp() + AHEAD_AT_MOST


def forget_what_is_ahead(*, now: datetime) -> bool:
    """Begin anew with every probe whose last vote or next slot lies in a time that has not come, and drop its results from
    there. Answers whether there was one: its service is unknown until it is heard again, which is at once.

    Run by the publisher each second, before it looks for silence.
    """
    heard_at_most = now + timedelta(seconds=AHEAD_AT_MOST)
    slot_at_most = int(heard_at_most.timestamp())
    # What is pushed to us has the end of its grace there, which may be far.
    newest = ProbeSchedule.objects.aggregate(
        heard=Max("last_outcome_at"), slot=Max(F("next_slot") - F("interval"), filter=Q(vantage__is_passive=False))
    )
    if (newest["heard"] or now) <= heard_at_most and (newest["slot"] or 0) <= slot_at_most:
        return False
    log.warning("The clock was put back: what probes said ahead of it is forgotten, and all of those are run at once.")
    with transaction.atomic():
        ahead = ProbeSchedule.objects.filter(
            Q(last_outcome_at__gt=heard_at_most) | Q(next_slot__gt=F("interval") + slot_at_most, vantage__is_passive=False)
        )
        probes = list(ahead.values_list("probe_id", flat=True))
        ahead.update(state={}, confirmed="", confirmed_since=None, last_outcome_at=None, excused_at=None, next_slot=0)
        ProbeVerdict.objects.filter(probe__in=probes).update(
            state={}, confirmed="", confirmed_since=None, suspects="", suspected_since=None, is_intermittent=False
        )
        VantageLink.objects.update(state={}, out_since=None, out_because="")
        Result.objects.filter(slot__gt=slot_at_most).delete()
    return True
