"""Answers to claims in rows: draft, edit, to the lawyers, approve, look at again, a new version.

What each step asks for: incidents.rebuttals. Publishing and withdrawing: statuspage.publishing. A step counts for the words that
it was taken with: whoever changes them starts at drafting again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction

from incidents import audit, documents, rebuttals, record
from incidents.blockers import Blocker, standing
from incidents.drafts import TimelineError
from incidents.languages import by_language, codes, in_all
from incidents.models import Claim, Component, Incident, Rebuttal, Withdrawal
from incidents.periods import local_day
from incidents.policy import Gate
from incidents.rebuttals import Corroboration, Evidence, LegalBasis, State, Verdict
from incidents.signing import SigningRefused, content_hash, sign
from incidents.words import Publication

_TEXTS = ("fact_headline", "what_is_true", "what_is_false", "why_it_spread", "spokesperson_role")
_LISTS = ("evidence", "corroborations", "legal_basis")


# --- Between rows and rules --------------------------------------------------------------------


def fields_of(answer: rebuttals.Rebuttal) -> dict[str, Any]:
    """The row's fields that an answer fills. Author and approver are the row's own people."""
    return {
        **{field: in_all(getattr(answer, field)) for field in _TEXTS},
        "claim_quote": answer.claim.quote,
        "claim_language": answer.claim.language,
        "claim_where": in_all(answer.claim.where),
        "claim_first_seen": answer.claim.first_seen,
        "verdict": answer.verdict or "",
        "spokesperson": answer.spokesperson,
        "spoke_at": answer.spoke_at,
        "spoke_in": answer.spoke_in,
        "review_date": answer.review_date,
        "short_forms": {name: dict(text) for name, text in answer.short_forms.items()},
        **{name: [_plain(asdict(item)) for item in getattr(answer, name)] for name in _LISTS},
    }


def _plain(item: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value.isoformat() if isinstance(value, date) else value for key, value in item.items()}


def as_pure(row: Rebuttal) -> rebuttals.Rebuttal:
    """The row as the rules see it."""
    seen = row.claim
    return rebuttals.Rebuttal(
        **{field: by_language(getattr(row, field)) for field in _TEXTS},
        claim=rebuttals.Claim(
            quote=row.claim_quote,
            language=row.claim_language,
            where=by_language(row.claim_where),
            first_seen=row.claim_first_seen,
            copies=tuple(seen.copies) if seen else (),
            reach=seen.reach if seen else 0,
        ),
        verdict=Verdict(row.verdict) if row.verdict else None,
        evidence=tuple(Evidence(**_dated(item)) for item in row.evidence),
        corroborations=tuple(Corroboration(**_dated(item)) for item in row.corroborations),
        legal_basis=tuple(LegalBasis(**item) for item in row.legal_basis),
        spokesperson=row.spokesperson,
        spoke_at=row.spoke_at,
        spoke_in=row.spoke_in,
        short_forms=row.short_forms,
        review_date=row.review_date,
        author=row.author.get_username() if row.author else "",
        approver=row.signed_by.get_username() if row.signed_by else "",
    )


def _dated(item: Mapping[str, Any]) -> dict[str, Any]:
    days = {key: date.fromisoformat(item[key]) for key in ("dated", "checked_on") if item.get(key)}
    return {**item, **days}


def stage_of(row: Rebuttal) -> State:
    """Where it stands in its life. Words that changed since their last step are a draft again."""
    if row.publication == Publication.DISCARDED:
        return State.DROPPED
    if not row.is_published:
        return State(row.state) if row.state_hash == content_hash(row) else State.DRAFTING
    if is_withdrawn(row.series):
        return State.WITHDRAWN
    if row.review_started_at:
        return State.UNDER_REVIEW
    return State.UPDATED if row.version > 1 else State.PUBLISHED


def is_withdrawn(series: str) -> bool:
    return Withdrawal.objects.filter(rebuttal__series=series, publication=Publication.PUBLISHED).exists()


def blockers(row: Rebuttal, *, to: State, today: date, signatories: Sequence[str] = ()) -> list[Blocker]:
    """What forbids the step; who approved it is asked by the gate on signatures, in every kind's words."""
    found = rebuttals.blockers(as_pure(row), to=to, today=today, languages=codes(), signatories=signatories)
    return [one for one in found if one.field != "approver"]


def publishing_blockers(row: Rebuttal, *, now: datetime, signatories: Sequence[str] = ()) -> list[Blocker]:
    """What its own kind forbids; empty: it may go out once its signature is whole."""
    stage, found = stage_of(row), []
    if stage != State.APPROVED:
        say = f"It is at “{stage}”: it goes by the lawyers, then another person approves it."
        found.append(Blocker("not_approved", "state", say, Gate.SIGNATURE if stage == State.LEGAL else ""))
    if is_withdrawn(row.series):
        found.append(Blocker("withdrawn", "state", "This answer was withdrawn. Log the claim anew and write a new one."))
    return [*found, *blockers(row, to=State.PUBLISHED, today=_today(now), signatories=signatories)]


# --- Acts --------------------------------------------------------------------------------------


def draft(
    *,
    claim: Claim,
    answer: rebuttals.Rebuttal,
    author: User,
    now: datetime,
    incident: Incident | None = None,
    components: Sequence[Component] = (),
) -> Rebuttal:
    """The first version of an answer to a claim that is being assessed. Raises TimelineError."""
    if internal := [component.code for component in components if component.internal]:
        raise TimelineError(f"{internal[0]} is internal and never public.")
    with transaction.atomic():
        record.lock_head()
        claim = Claim.objects.get(pk=claim.pk)
        if not rebuttals.may_step(State(claim.state), State.DRAFTING):
            raise TimelineError(f"The claim is at “{claim.state}”: assess it first.")
        Claim.objects.filter(pk=claim.pk).update(state=State.DRAFTING)
        named = sorted(component.public_id for component in components)
        row = Rebuttal(claim=claim, incident=incident, components=named, **fields_of(answer))
        row.series = row.public_id
        return documents.add(document=row, author=author, now=now)


def edit(
    *, rebuttal: Rebuttal, answer: rebuttals.Rebuttal, actor: User, now: datetime, seen_at: datetime | None = None
) -> Rebuttal:
    """Other words in a draft. Raises TimelineError as documents.edit."""
    return documents.edit(document=rebuttal, actor=actor, now=now, seen_at=seen_at, **fields_of(answer))


def send_to_lawyers(*, rebuttal: Rebuttal, actor: User, now: datetime) -> Rebuttal:
    """The answer is written: its words go to the lawyers. Raises TimelineError with all that is missing."""
    with transaction.atomic():
        record.lock_head()
        row = Rebuttal.objects.get(pk=rebuttal.pk)
        _require_step(row, State.LEGAL, now)
        return _step(row, State.LEGAL, actor, now)


def approve(*, rebuttal: Rebuttal, signer: User, now: datetime, seen_hash: str = "") -> Rebuttal:
    """A second person signs words that the lawyers have read. Raises TimelineError or SigningRefused."""
    with transaction.atomic():
        record.lock_head()
        row = Rebuttal.objects.get(pk=rebuttal.pk)
        if stage_of(row) == State.APPROVED:
            raise SigningRefused("It is approved already.")
        _require_step(row, State.APPROVED, now)
        signed = sign(item=row, signer=signer, now=now, seen_hash=seen_hash)
        return _step(signed, State.APPROVED, signer, now)


def start_review(*, rebuttal: Rebuttal, actor: User, now: datetime) -> Rebuttal:
    """Look at the last public version again; then revise, renew or withdraw it. For staff: no reader sees it."""
    with transaction.atomic():
        record.lock_head()
        row = Rebuttal.objects.get(pk=rebuttal.pk)
        if row.pk != _last(row.series).pk or not rebuttals.may_step(stage_of(row), State.UNDER_REVIEW):
            raise TimelineError("Only the last public version is looked at again, and a withdrawn answer is not.")
        row.review_started_at = now
        row.save(update_fields=["review_started_at"])
        audit.log(act="rebuttal.review", actor=actor, now=now, target=row.public_id)
    return row


def end_review(*, rebuttal: Rebuttal, actor: User, now: datetime) -> Rebuttal:
    """Nothing changes: the answer stands as it is until its review date."""
    with transaction.atomic():
        record.lock_head()
        if Rebuttal.objects.filter(pk=rebuttal.pk, review_started_at__isnull=False).update(review_started_at=None):
            audit.log(act="rebuttal.review_end", actor=actor, now=now, target=rebuttal.public_id)
    return Rebuttal.objects.get(pk=rebuttal.pk)


def revise(*, rebuttal: Rebuttal, answer: rebuttals.Rebuttal, author: User, now: datetime) -> Rebuttal:
    """The next version in other words; the earlier one stays public. Raises TimelineError unless it is under review."""
    return _next_version(rebuttal, fields_of(answer), author, now)


def renew(*, rebuttal: Rebuttal, review_date: date, author: User, now: datetime) -> Rebuttal:
    """The same words with a later review date, as the next version: the lawyers have read them, a second person approves.

    Raises TimelineError unless it is under review.
    """
    with transaction.atomic():
        row = _next_version(rebuttal, {"review_date": review_date}, author, now)
        return _step(row, State.LEGAL, author, now)


def _next_version(rebuttal: Rebuttal, changed: Mapping[str, Any], author: User, now: datetime) -> Rebuttal:
    with transaction.atomic():
        record.lock_head()
        last = _last(rebuttal.series)
        if stage_of(last) != State.UNDER_REVIEW:
            raise TimelineError("Start its review first: a public answer changes only by a review.")
        if Rebuttal.objects.drafts().filter(series=last.series).exists():
            raise TimelineError("The next version is being written already: edit that draft.")
        copied = ("claim", "incident", "components", *fields_of(as_pure(last)))
        row = Rebuttal(**{**{name: getattr(last, name) for name in copied}, **changed})
        row.series, row.version = last.series, last.version + 1
        return documents.add(document=row, author=author, now=now)


def _last(series: str) -> Rebuttal:
    """The last public version. Raises TimelineError where none is public."""
    last = Rebuttal.objects.published().filter(series=series).order_by("-version").first()
    if last is None:
        raise TimelineError("No version of it is public yet.")
    return last


def _require_step(row: Rebuttal, to: State, now: datetime) -> None:
    stage = stage_of(row)
    if row.publication != Publication.DRAFT or not rebuttals.may_step(stage, to):
        raise TimelineError(f"An answer at “{stage}” does not become “{to}”.")
    if found := standing(blockers(row, to=to, today=_today(now)), off=settings.GATES_OFF):
        raise TimelineError("; ".join(blocker.message for blocker in found))


def _today(now: datetime) -> date:
    return local_day(now, ZoneInfo(settings.PAGE_TIME_ZONE))


def _step(row: Rebuttal, to: State, actor: User, now: datetime) -> Rebuttal:
    row.state, row.state_hash = to, content_hash(row)
    row.save(update_fields=["state", "state_hash"])
    audit.log(act="rebuttal.step", actor=actor, now=now, target=row.public_id, details={"to": to.value})
    return row


# --- Where an answer stands ----------------------------------------------------------------------


def addresses(firsts: Iterable[Rebuttal]) -> dict[str, str]:
    """{series: its address below /answers/} of first versions, oldest first: the fact in words, and the series too where that is
    taken."""
    taken: dict[str, str] = {}
    for first in firsts:
        name = slug_of(first)
        taken[first.series] = f"{name}-{first.series}".strip("-") if not name or name in taken.values() else name
    return taken


def slug_of(first: Rebuttal) -> str:
    """Made of the first version's fact."""
    return rebuttals.slug(next(iter(by_language(first.fact_headline).values())))


def address_of(series: str) -> str:
    """The address of one public answer below /answers/."""
    firsts = Rebuttal.objects.filter(publication=Publication.PUBLISHED, version=1).order_by("record_seq")
    return addresses(firsts).get(series, "")
