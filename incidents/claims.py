"""The log of claims, for staff: seen, weighed, answered or left alone, before anything about them is public."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction

from incidents import audit, record
from incidents.drafts import TimelineError
from incidents.models import Claim, Incident
from incidents.periods import local_day
from incidents.rebuttals import State, Triage, may_step, triage

REACH_TO_ANSWER = 10_000  # people; a claim that fewer have seen would be carried further by an answer
SEEN = ("reach", "copies", "link", "where", "harmful", "asked_by_press", "incident")


def log_claim(
    *,
    words: str,
    language: str,
    where: str,
    first_seen: date,
    actor: User,
    now: datetime,
    link: str = "",
    copies: Sequence[str] = (),
    reach: int = 0,
    harmful: bool = False,
    asked_by_press: bool = False,
    incident: Incident | None = None,
) -> Claim:
    """Keep a claim word for word with where and when it was first seen. It is never public. Raises TimelineError."""
    if not words.strip() or not where.strip() or not language:
        raise TimelineError("Copy the claim word for word, and say in which language and where it was seen.")
    if first_seen > local_day(now, ZoneInfo(settings.PAGE_TIME_ZONE)):
        raise TimelineError("first_seen: that day has not come yet.")
    with transaction.atomic():
        record.lock_head()
        claim = Claim.objects.create(
            words=words.strip(),
            language=language,
            where=where.strip(),
            link=link,
            copies=list(copies),
            first_seen=first_seen,
            reach=reach,
            harmful=harmful,
            asked_by_press=asked_by_press,
            incident=incident,
            logged_by=actor,
            logged_at=now,
        )
        audit.log(act="claim.log", actor=actor, now=now, target=str(claim.pk))
    return claim


def see_again(*, claim: Claim, actor: User, now: datetime, **seen: Any) -> Claim:
    """Bring up to date what is known of its spread (SEEN). Raises TimelineError for anything else."""
    if unknown := sorted(set(seen) - set(SEEN)):
        raise TimelineError(f"{unknown[0]} of a claim stays as it was logged; use {', '.join(SEEN)}.")
    with transaction.atomic():
        record.lock_head()
        claim = Claim.objects.get(pk=claim.pk)
        for field, value in seen.items():
            setattr(claim, field, value)
        claim.save(update_fields=list(seen))
        audit.log(act="claim.see", actor=actor, now=now, target=str(claim.pk), details={"fields": sorted(seen)})
    return claim


def move(*, claim: Claim, to: State, actor: User, now: datetime, reason: str = "") -> Claim:
    """Take the claim a step in triage: assessing, back to logged, or dropped with a reason. Raises TimelineError."""
    if to not in (State.LOGGED, State.ASSESSING, State.DROPPED):
        raise TimelineError("From assessing on, the answer takes the steps: draft one.")
    if to == State.DROPPED and not reason.strip():
        raise TimelineError("Say why it is not answered.")
    with transaction.atomic():
        record.lock_head()
        claim = Claim.objects.get(pk=claim.pk)
        before = State(claim.state)
        if not may_step(before, to):
            raise TimelineError(f"A claim that is {before} does not become {to}.")
        claim.state = to
        claim.save(update_fields=["state"])
        details = {"from": before.value, "to": to.value, "reason": reason.strip()}
        audit.log(act="claim.move", actor=actor, now=now, target=str(claim.pk), details=details)
    return claim


def advise(claim: Claim, *, threshold: int = REACH_TO_ANSWER) -> Triage:
    """What to do about it by its reach and harm; people decide."""
    return triage(reach=claim.reach, threshold=threshold, harmful=claim.harmful, asked_by_press=claim.asked_by_press)
