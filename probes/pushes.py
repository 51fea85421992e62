"""What others push to us: heartbeats and counts become results of the vantage `pushed`, and so does a beat that does not come.

The end of a beat's grace stands in its schedule's `next_slot`, so the publisher finds who is late with one query. It needs
neither broker nor agent.
"""

from __future__ import annotations

import hashlib
import json
import logging
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from django.db import transaction

from incidents.models import StatusChange
from probes import clock_steps, cron, push_signatures, recording
from probes.declines import Counts
from probes.links import NO_CONNECTIVITY
from probes.models import Probe, ProbeSchedule, Push, PushedCounts, Result, Vantage
from probes.outcome import Outcome, OutcomeStatus
from probes.probers import BEATS, COUNTED, PASSIVE, PROBERS, credentials, heartbeat, metric
from probes.probers.passive import BodyError
from probes.vantages import PASSIVE as VANTAGE

log = logging.getLogger(__name__)

EARLY = 20.0  # seconds by which a sender's clock may run ahead of a cron time
AWAY = 60  # seconds without a sweep: then we were away ourselves, and nobody is blamed for what we did not hear
NOTED_EVERY = 10  # seconds between two notes that we are here
COMING_BACK = 300  # seconds at most that senders get after that
WITNESS = 900  # seconds: a sender of so short an interval tells whether anything reaches us
SWEPT_AT_ONCE = 200
MISSING = "missing"  # the error class of one that did not come


class PushRefused(Exception):
    """A push that is not taken: the HTTP status, and one line that says what to change."""

    def __init__(self, status: int, words: str) -> None:
        super().__init__(words)
        self.status = status


# --- A push comes -----------------------------------------------------------------------------------


def take(*, code: str, timestamp: str, signatures: str, body: bytes, now: datetime) -> bool:
    """Take one push into the record; answers whether it was news. Raises PushRefused.

    The same push again changes nothing. One that is older than the last is refused, so that nobody can play an old one again.
    """
    probe = Probe.objects.filter(code=code, kind__in=PASSIVE, enabled=True).first()
    if probe is None:
        raise PushRefused(404, "There is no enabled probe of this code that is pushed to us.")
    return take_trusted(probe=probe, sent_at=_proven(probe, timestamp, signatures, body, now), body=body, now=now)


def take_trusted(*, probe: Probe, sent_at: int, body: bytes, now: datetime) -> bool:
    """`take` from a sender whom somebody else proved: the API, by a token.

    What is taken is the probe's newest outcome, whatever came before it in its slot. It is kept in one transaction: a sender who
    heard nothing may send the same again, and it counts once.
    """
    said = _read(body)
    outcome = _judged(probe, said)  # before anything else: a body that says nothing to us is told so in every second
    row = watch(probe)
    if not (row.enabled and row.vantage.enabled):
        raise PushRefused(404, f"This probe is switched off at the vantage {VANTAGE}; nothing was kept.")
    with transaction.atomic():
        list(Vantage.objects.select_for_update(no_key=True).filter(pk=row.vantage_id))  # one after another, as recording does
        last = Push.objects.filter(probe=probe).first()
        bodies = _bodies_so_far(last, sent_at)
        digest = hashlib.sha256(body).hexdigest()[:32]
        if digest in bodies:
            return False
        if last is None:
            _centre(row, sent_at)
        began = min(float(sent_at), now.timestamp())
        slot = _free_slot(row, began, outcome, now)
        taken = recording.take_in(VANTAGE, [_report(probe, slot, outcome, began, now)], now)
        if probe.kind == COUNTED:
            _keep_counts(probe, slot, began, said)
        kept = {"sent_at": sent_at, "received_at": now, "bodies": [*bodies, digest]}
        Push.objects.update_or_create(probe=probe, defaults=kept)
        if probe.kind in BEATS:
            ProbeSchedule.objects.filter(pk=row.pk).update(next_slot=_deadline(row, expected_after(row, began)))
    recording.hand_over([taken], now)
    return True


def _bodies_so_far(last: Push | None, sent_at: int) -> list[str]:
    """The hashes of what was taken of that second already."""
    if last is None or sent_at > last.sent_at:
        return []
    if sent_at == last.sent_at:
        return list(last.bodies)
    raise PushRefused(409, f"webhook-timestamp: a newer push was taken already ({last.sent_at}); send them in order.")


def _free_slot(row: ProbeSchedule, began: float, outcome: Outcome, now: datetime) -> int:
    """Where this push is the newest outcome: its slot on the grid, or, where something is kept there or after it, the second it
    was sent in, as a slot of its own. So a job that fails after its beat is seen to fail, and one run again heals."""
    slot = slot_of(row, began)
    kept = Result.objects.filter(probe=row.probe, vantage=row.vantage, attempt=0, slot__gte=slot).order_by("-slot")
    newest = kept.values_list("slot", "error_class").first()
    last = max(newest[0] if newest else 0, _last_vote(row))
    if last < slot:
        return slot
    if newest and newest[0] > slot and newest[1] == MISSING and outcome.status is not OutcomeStatus.DOWN:
        raise PushRefused(409, "One that was expected after this one did not come: this says nothing of now. Send the newest.")
    own = max(int(began), last + 1)
    if clock_steps.is_ahead(own, now):
        raise PushRefused(429, "More pushes came than a probe takes, one a second in the long run; send it again later.")
    return own


def _last_vote(row: ProbeSchedule) -> int:
    """The slot of the newest vote that detection remembers: results may be kept for less than the pause between two pushes."""
    return int(ProbeSchedule.objects.values_list("state", flat=True).get(pk=row.pk).get("last_slot") or 0)


def _proven(probe: Probe, timestamp: str, signatures: str, body: bytes, now: datetime) -> int:
    """The time that the sender signed."""
    if not (timestamp.isascii() and timestamp.isdecimal() and len(timestamp) <= 12):
        raise PushRefused(400, "webhook-timestamp: give whole seconds since 1970, for example from `date +%s`.")
    if not signatures:
        raise PushRefused(401, "webhook-signature is missing: give v1,BASE64(HMAC-SHA256(secret, code.timestamp.body)).")
    name = str(probe.spec.get("secret", ""))
    try:
        secret = credentials.secret(name)
    except credentials.MissingSecret:
        log.error(
            "A push for the probe %s cannot be checked: HALI_SECRET_%s is not set at the web app. Put it into its environment, "
            "for a copy of `make run` into $HALI_DATA_DIR/env, and start it anew.",
            probe.code,
            name,
        )  # not in the answer: whoever posts reads it
        words = "The secret of this probe is not set at the web app, whose log names it; nothing is taken until it is."
        raise PushRefused(503, words) from None
    sent_at = int(timestamp)
    if not push_signatures.is_signed(secret, probe.code, sent_at, body, signatures):
        raise PushRefused(401, "webhook-signature does not fit: sign the text code.timestamp.body with the probe's secret.")
    off = round(sent_at - now.timestamp())
    if abs(off) > push_signatures.WINDOW:
        raise PushRefused(401, f"webhook-timestamp is {off:+d} s off our clock, at most {push_signatures.WINDOW}: set the clock.")
    return sent_at


def _read(body: bytes) -> dict[str, Any]:
    try:
        value = json.loads(body) if body.strip() else {}
    except (ValueError, RecursionError):
        raise PushRefused(400, "The body is not JSON: send an object, or for a heartbeat nothing.") from None
    if not isinstance(value, dict):
        raise PushRefused(400, "The body is not a JSON object.")
    return value


def _judged(probe: Probe, said: Mapping[str, Any]) -> Outcome:
    judge = PROBERS[probe.kind].judge
    assert judge is not None
    try:
        return judge(probe.spec, said)
    except BodyError as error:
        raise PushRefused(422, str(error)) from None


def _keep_counts(probe: Probe, slot: int, began: float, said: Mapping[str, Any]) -> None:
    """Counts that were judged good: an incident's share of payments is made of them (statuspage.shares)."""
    counts = Counts.from_mapping(said)
    PushedCounts.objects.update_or_create(
        probe=probe,
        slot=slot,
        defaults={
            "at": datetime.fromtimestamp(began, UTC),
            "attempts": counts.attempts,
            "success": counts.success,
            "business": counts.business,
            "technical": counts.technical,
            "late": counts.are_late(metric.limits_of(probe.spec)),
        },
    )


def _report(probe: Probe, slot: int, outcome: Outcome, began: float, now: datetime) -> recording.Report:
    return recording.Report(
        probe_id=probe.pk,
        slot=slot,
        attempt=0,
        status=outcome.status.value,
        error_class=outcome.error_class,
        evidence=outcome.evidence,
        http_status=None,
        total_us=outcome.total_us,
        phases={},
        started_at=began,
        lateness_ms=max(0, round((now.timestamp() - began) * 1000)),
    )


# --- When one is expected ------------------------------------------------------------------------------


def watch(probe: Probe) -> ProbeSchedule:
    """The probe's schedule at the vantage of pushes, made or brought up to date. A cron expression goes before the interval."""
    vantage, _ = Vantage.objects.get_or_create(name=VANTAGE, defaults={"is_passive": True, "label": "Pushed to us"})
    if not vantage.is_passive:  # somebody made one of this name by hand
        vantage.is_passive = True
        vantage.save(update_fields=["is_passive"])
    interval = every(probe)
    row, made = ProbeSchedule.objects.select_related("probe", "vantage").get_or_create(
        probe=probe, vantage=vantage, defaults={"interval": interval}
    )
    if not made and row.interval != interval:
        row.interval = interval
        row.save(update_fields=["interval"])
    return row


def every(probe: Probe) -> int:
    """Seconds between two pushes: of a cron expression its longest pause."""
    expression = _cron_of(probe)
    return cron.longest_gap(expression, _zone_of(probe), time.time()) if expression else probe.interval


def slot_of(row: ProbeSchedule, at: float) -> int:
    """The slot of a push that was sent at `at`."""
    if expression := _cron_of(row.probe):
        return cron.latest(expression, _zone_of(row.probe), at + EARLY)
    return int(at) - (int(at) - row.phase) % row.interval


def expected_after(row: ProbeSchedule, at: float) -> int:
    """When the next one after that of `at` is expected."""
    if expression := _cron_of(row.probe):
        return cron.following(expression, _zone_of(row.probe), at + EARLY)
    return int(at) + row.interval


def _deadline(row: ProbeSchedule, expected: int) -> int:
    return expected + int(heartbeat.grace_of(row.probe.spec))


def _centre(row: ProbeSchedule, first: int) -> None:
    """Put the first push into the middle of its slot, so that later ones may come a little early or late."""
    row.phase = (first - row.interval // 2) % row.interval
    row.save(update_fields=["phase"])


def _cron_of(probe: Probe) -> str:
    return str(probe.spec.get("cron", "")) if probe.kind in BEATS else ""


def _zone_of(probe: Probe) -> str:
    return str(probe.spec.get("time_zone") or "UTC")


# --- One does not come ---------------------------------------------------------------------------------


def sweep(*, now: datetime) -> list[StatusChange]:
    """An outcome for each beat that did not come in its grace. Run by the publisher each second; twice changes nothing.

    Nobody is late before their first beat. After we were away ourselves everybody gets time to come back; and where nothing of
    two unrelated senders comes any more, it is our door that is shut, and nothing is said of them.
    """
    seconds = int(now.timestamp())
    vantage = Vantage.objects.filter(name=VANTAGE, is_passive=True).first()
    if vantage is None:
        return []
    was_away = _note_presence(vantage, seconds)
    late = list(ProbeSchedule.objects.overdue(seconds).select_related("probe__push").order_by("next_slot")[:SWEPT_AT_ONCE])
    if was_away:
        for row in late:
            _move(row, seconds + min(row.interval, COMING_BACK))
        return []
    is_shut = bool(late) and _is_our_door_shut(now)
    changes = []
    for row in late:
        changes += _miss(row, now, is_shut=is_shut)
    return changes


def _note_presence(vantage: Vantage, seconds: int) -> bool:
    """Whether no sweep has looked for so long that what did not come may be our fault."""
    seen = int(vantage.clock.get("swept_at", 0))
    if seconds - seen >= NOTED_EVERY or seconds < seen:
        Vantage.objects.filter(pk=vantage.pk).update(clock={"swept_at": seconds})
    return seconds - seen > AWAY


def _is_our_door_shut(now: datetime) -> bool:
    """Whether two or more senders with secrets of their own, all that push often, have fallen silent alike."""
    rows = ProbeSchedule.objects.active().filter(
        vantage__name=VANTAGE, interval__lte=WITNESS, probe__push__isnull=False
    ).select_related("probe__push")  # fmt: skip
    silent = {row.probe.spec.get("secret"): _is_silent(row, now) for row in rows}
    for row in rows:  # one word from a sender is enough
        silent[row.probe.spec.get("secret")] &= _is_silent(row, now)
    return len(silent) >= 2 and all(silent.values())


def _is_silent(row: ProbeSchedule, now: datetime) -> bool:
    grace = heartbeat.grace_of(row.probe.spec) if row.probe.kind in BEATS else row.interval
    return (now - row.probe.push.received_at).total_seconds() >= row.interval + grace


def _miss(row: ProbeSchedule, now: datetime, *, is_shut: bool) -> list[StatusChange]:
    push = Push.objects.filter(probe=row.probe).first()
    if push is None or row.probe.kind not in BEATS:
        _move(row, 0)
        return []
    first = expected_after(row, push.sent_at)
    if row.next_slot < _deadline(row, first):  # somebody began anew: a changed probe
        _move(row, _deadline(row, expected_after(row, now.timestamp())))
        return []
    expected = row.next_slot - int(heartbeat.grace_of(row.probe.spec))
    missed = _count(row, first, expected)
    ago = round((now.timestamp() - push.sent_at) / 60)
    words = f"missed {missed} in a row, the last came {ago} min ago"
    is_down = missed >= heartbeat.missed_down_of(row.probe.spec)
    if is_shut:
        outcome = Outcome(OutcomeStatus.SKIPPED, NO_CONNECTIVITY, f"{words}; nothing of any sender reaches us")
    else:
        outcome = Outcome(OutcomeStatus.DOWN if is_down else OutcomeStatus.DELAYED, MISSING, words)
    report = _report(row.probe, slot_of(row, expected), outcome, now.timestamp(), now)
    changes = recording.record(vantage_name=VANTAGE, reports=[report], now=now, heard=False)
    _move(row, _deadline(row, expected_after(row, expected)))  # last: killed before, the same slot is written again
    return changes


def _count(row: ProbeSchedule, first: int, expected: int) -> int:
    """How many beats were expected from `first` to `expected`."""
    count = 1
    while (first := expected_after(row, first)) <= expected and count < 100:
        count += 1
    return count


def _move(row: ProbeSchedule, deadline: int) -> None:
    """By compare-and-set: a beat that came meanwhile has moved it already."""
    ProbeSchedule.objects.filter(pk=row.pk, next_slot=row.next_slot).update(next_slot=deadline)
