"""Pausing a probe until a time, and asking for a run now. Both are acts of a person, and audited."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.contrib.auth.models import User
from django.db import transaction

from incidents import audit
from probes import scheduling
from probes.models import Probe, ProbeSchedule

LONGEST_PAUSE = timedelta(days=30)


class PauseRefused(ValueError):
    """The pause cannot be as it was asked for. The message says what to change."""


def pause(*, probe: Probe, until: datetime, reason: str, now: datetime, actor: User | None = None, by: str = "") -> Probe:
    """Run it nowhere until then. It stays watched, so without another word its service turns to “we cannot confirm”.

    `by` names a machine where there is no `actor`. Raises PauseRefused.
    """
    reason = " ".join(reason.split())
    if not reason:
        raise PauseRefused("Say why: the reason is kept in the audit log.")
    if len(reason) > 200:
        raise PauseRefused("The reason is too long: keep it to 200 characters.")
    if until <= now:
        raise PauseRefused("The end is not in the future: give a later time.")
    if until - now > LONGEST_PAUSE:
        raise PauseRefused(f"A pause ends within {LONGEST_PAUSE.days} days: give an earlier time, or switch the probe off.")
    with transaction.atomic():
        probe.paused_until, probe.paused_because = until, reason
        probe.save(update_fields=["paused_until", "paused_because"])
        details = {"until": until.isoformat(timespec="seconds"), "reason": reason}
        audit.log(act="probe.pause", now=now, actor=actor, actor_name=by, target=probe.code, details=details)
    return probe


def resume(*, probe: Probe, now: datetime, actor: User | None = None, by: str = "") -> bool:
    """End its pause; answers whether there was one."""
    with transaction.atomic():
        ended = Probe.objects.filter(pk=probe.pk, paused_until__gt=now).update(paused_until=None, paused_because="")
        if ended:
            scheduling.hasten(probe=probe, now=int(now.timestamp()))
            audit.log(act="probe.resume", now=now, actor=actor, actor_name=by, target=probe.code)
    return bool(ended)


def run_now(
    *, probe: Probe, now: datetime, actor: User | None = None, by: str = "", vantages: list[str] | None = None
) -> list[ProbeSchedule]:
    """Ask its vantages (all, or those named) for a run, which the next tick sends; answers their schedules.

    Its outcome is kept as attempt 1 of the second it was sent in: to be read, never counted.
    """
    with transaction.atomic():
        rows = ProbeSchedule.objects.filter(probe=probe, enabled=True, vantage__enabled=True).select_related("vantage")
        if vantages is not None:
            rows = rows.filter(vantage__name__in=vantages)
        found = list(rows.order_by("vantage__name"))
        if found:
            ProbeSchedule.objects.filter(pk__in=[row.pk for row in found]).update(asked_at=int(now.timestamp()))
            where = [row.vantage.name for row in found]
            audit.log(act="probe.run", now=now, actor=actor, actor_name=by, target=probe.code, details={"at": where})
    return found
