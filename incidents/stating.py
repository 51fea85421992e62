"""Statements on data and funds in rows: draft, sign in roles, what stands, what takes it back, what appears by itself.

The rules are those of incidents.statements. The newest of each ladder (data, money, advice) stands, unless it is withdrawn.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Exists, OuterRef, Prefetch, Q

from incidents import audit, documents, gates, record, statements
from incidents.blockers import Blocker
from incidents.drafts import TimelineError
from incidents.languages import by_language, codes, in_all
from incidents.models import (
    Breach,
    Incident,
    IncidentUpdate,
    Notice,
    RecordEntry,
    Statement,
    StatementGround,
    StatementSignature,
    Withdrawal,
)
from incidents.notices import is_signed
from incidents.policy import Gate
from incidents.signing import SigningRefused, content_hash, has_written, signature_state
from incidents.statements import UNSHAKEN, Cause, Ground, Level, Role, Security, Signed
from incidents.wording import clock_from
from incidents.words import Attribution, Impact, IncidentStatus, Publication, SignatureKind

# Signed in calm time, they appear by themselves; their codes are their meaning, as that of no-change.
NOTICES = {Level.CHECKING: "checking", Level.ADVICE: "money-advice"}
_ON_DATA = [level.value for level in Level if level.ladder == "data"]
_LOUD = [impact.value for impact in Impact if statements.appears_by_itself(impact)]


# --- Draft, sign -------------------------------------------------------------------------------


def draft(
    *,
    incident: Incident,
    level: Level,
    author: User,
    now: datetime,
    scope: Mapping[str, str] | None = None,
    as_of: datetime | None = None,
    by: datetime | None = None,
) -> Statement:
    """A draft in the permitted words of the level, in every language. `scope`: what it is about, if not the incident by its name;
    `by`: when late payments are done, for the level on money. Raises TimelineError for times that do not fit."""
    as_of = as_of or now
    if as_of > now:
        raise TimelineError("as_of: that time has not come yet.")
    if level == Level.MONEY and (by is None or by <= now):
        raise TimelineError("by: say by when late payments complete or are returned.")
    zone = ZoneInfo(settings.PAGE_TIME_ZONE)
    body = {
        code: words.replace("{time}", clock_from(as_of, now, code, zone)).replace(
            "{by}", clock_from(by, now, code, zone) if by else ""
        )
        for code, words in statements.WORDS[level].items()
    }
    statement = Statement(
        incident=incident, level=level, scope=in_all(scope or by_language(incident.name)), body=in_all(body), as_of=as_of
    )
    return documents.add(document=statement, author=author, now=now)


def sign(
    *, statement: Statement, role: Role, held: Collection[str], signer: User, now: datetime, seen_hash: str = ""
) -> Statement:
    """Sign a draft in one role, of those that the signer holds (`held`). Once every role of the level has signed, it may go out.

    Raises SigningRefused: to whoever wrote any part of it, superusers included; in a role that the level does not ask for or
    that another signature of theirs excludes; and when the words are not those the signer saw (`seen_hash`).
    """
    with transaction.atomic():
        record.lock_head()
        row = Statement.objects.select_related("author", "incident").get(pk=statement.pk)
        current = content_hash(row)
        if refusal := _refusal(row, role, held, signer, seen_hash, current):
            raise SigningRefused(refusal)
        StatementSignature.objects.update_or_create(
            statement=row, role=role, defaults={"signed_by": signer, "signed_at": now, "hash": current}
        )
        _sign_whole(row, current)
        audit.log(
            act="statement.sign", actor=signer, now=now, target=row.public_id, details={"role": role.value, "hash": current}
        )
    return Statement.objects.get(pk=row.pk)


def _refusal(row: Statement, role: Role, held: Collection[str], signer: User, seen_hash: str, current: str) -> str:
    if row.publication != Publication.DRAFT:
        return "This is no longer a draft."
    if role not in held:
        return f"You do not sign as {role.replace('_', ' ')}."
    if seen_hash and seen_hash != current:
        return "It was changed after you opened it. Read it again."
    if has_written(signer, row):
        return "You wrote this statement. Another person must sign it."
    person, author = signer.get_username(), _name(row.author)
    return statements.may_sign(Level(row.level), role=role, person=person, author=author, signatures=_signed(row, current))


def _sign_whole(row: Statement, current: str) -> None:
    """The row is signed once all have signed; it counts from the first signature, so that none is older than its ground."""
    if statements.missing_signers(Level(row.level), _signed(row, current), author=_name(row.author)):
        return
    signatures = list(row.signatures.filter(hash=current).order_by("signed_at"))
    row.signature_kind, row.signature_hash = SignatureKind.PERSON, current
    row.signed_by_id, row.signed_at = signatures[-1].signed_by_id, signatures[0].signed_at
    row.expires_at = statements.expires(Level(row.level), signed_at=row.signed_at, incident_is_open=row.incident.is_open)
    row.security = row.incident.security_related
    row.save(update_fields=["signature_kind", "signature_hash", "signed_by", "signed_at", "expires_at", "security", "updated_at"])


def _signed(row: Statement, current: str) -> tuple[Signed, ...]:
    given = row.signatures.filter(hash=current).select_related("signed_by")
    return tuple(Signed(Role(one.role), one.signed_by.get_username()) for one in given)


def _name(person: Any) -> str:
    return person.get_username() if person else ""


def blockers(statement: Statement, *, now: datetime) -> list[Blocker]:
    """What its own kind forbids; empty: it may go out once its signature is whole."""
    said, known = as_pure(statement), ground(statement.incident)
    found = gates.language_blockers({"scope": by_language(statement.scope)})
    found += statements.blockers(said, known, languages=codes())
    if statement.incident.publication != Publication.PUBLISHED:
        found.append(Blocker("not_public", "incident", "The incident is not public yet: publish its first update."))
    if taken := statements.withdrawal(said, known, now=now):
        message = f"Its ground changed after it was signed ({taken.cause.replace('_', ' ')}): read it again and sign it anew."
        found.append(Blocker("ground_changed", "signature", message, Gate.STATEMENT_GROUND))
    return found


def as_pure(row: Statement) -> statements.Statement:
    """The row as the rules see it."""
    whole = row.is_published or signature_state(row) == "valid"  # a text that was removed later does not unsign it
    withdrawal = row.withdrawal if row.pk else None
    return statements.Statement(
        level=Level(row.level),
        texts=by_language(row.body),
        scope=next((text for text in by_language(row.scope).values() if text.strip()), ""),
        as_of=row.as_of,
        author=_name(row.author),
        signatures=_signed(row, content_hash(row)),
        signed_at=(row.signed_at or row.published_at) if whole else None,
        expires_at=row.expires_at,
        security=Security(row.security or Security.NO),
        withdrawn_at=withdrawal.published_at if withdrawal else None,
    )


def mark_published(*, document: Statement, actor: User | None, now: datetime) -> RecordEntry:
    """As documents.mark_published. Where the gate on signatures is off, what nobody signed counts and lapses from now on."""
    if document.signed_at is None:
        level, is_open = Level(document.level), document.incident.is_open
        document.expires_at = statements.expires(level, signed_at=now, incident_is_open=is_open)
        document.security = document.incident.security_related
    return documents.mark_published(document=document, actor=actor, now=now)


# --- Ground ------------------------------------------------------------------------------------

NOTED = ("triage", "log_review", "reconciliation", "cause_is_an_attacker", "duplicates_open")


def note(*, incident: Incident, actor: User, now: datetime, **known: Any) -> StatementGround:
    """Write down what was established (NOTED). A cause that turns out to be an attacker shakes what was said of it.

    Statements follow by statuspage.grounds. Raises TimelineError for what is not on the list.
    """
    if unknown := sorted(set(known) - set(NOTED)):
        raise TimelineError(f"There is nothing called {unknown[0]}: use {', '.join(NOTED)}.")
    with transaction.atomic():
        record.lock_head()
        row, _ = StatementGround.objects.get_or_create(incident=incident)
        if known.get("cause_is_an_attacker", row.cause_is_an_attacker) != row.cause_is_an_attacker:
            row.cause_changed_at = now
        for field, value in known.items():
            setattr(row, field, value)
        row.save()
        audit.log(act="statement.ground", actor=actor, now=now, target=incident.public_id, details=known)
    return row


def ground(incident: Incident) -> Ground:
    """All that statements on the incident stand on, read from the rows."""
    row = StatementGround.objects.filter(incident=incident).first() or StatementGround(incident=incident)
    breach = Breach.objects.filter(incident=incident, closed_at=None).order_by("opened_at").first()
    changes = [at for at in (row.cause_changed_at, _another_cause_at(incident)) if at]
    return Ground(
        is_open=incident.is_open,
        security=Security(incident.security_related),
        security_changed_at=row.security_changed_at,
        reopened_at=incident.reopened_at,
        breach_opened_at=breach.opened_at if breach else None,
        cause_changed_at=max(changes, default=None),
        triage_logged=bool(row.triage.strip()),
        cause_identified=incident.identified_at is not None,
        cause_is_an_attacker=row.cause_is_an_attacker,
        log_review_filed=bool(row.log_review.strip()),
        reconciliation=row.reconciliation,
        duplicates_open=row.duplicates_open,
        was_false_alarm=incident.status == IncidentStatus.FALSE_ALARM,
    )


def _another_cause_at(incident: Incident) -> datetime | None:
    """When published updates last named another cause than before; the first to name one changes nothing."""
    named, changed = "", None
    stated = IncidentUpdate.objects.filter(incident=incident, publication=Publication.PUBLISHED).exclude(attribution="")
    for attribution, at in stated.order_by("record_seq").values_list("attribution", "published_at"):
        if named and attribution != named:
            changed = at
        if named or attribution != Attribution.UNKNOWN:
            named = attribution
    return changed


def duplicates_open(incident_id: str) -> bool:
    """Are double debits of the incident (public id) not all returned?"""
    return StatementGround.objects.filter(incident__public_id=incident_id, duplicates_open=True).exists()


# --- What stands, what is due ------------------------------------------------------------------


def newest(incident: Incident) -> dict[str, Statement]:
    """The last published statement of each ladder; withdrawn or not."""
    taken_back = Prefetch("withdrawals", Withdrawal.objects.filter(publication=Publication.PUBLISHED))
    said = Statement.objects.filter(incident=incident, publication=Publication.PUBLISHED).order_by("record_seq")
    rows = said.select_related("incident", "author").prefetch_related(taken_back)
    return {Level(row.level).ladder: row for row in rows}


def standing_level(incident: Incident) -> Level | None:
    """The level on data that stands, for the gates; None: nothing is said."""
    row = newest(incident).get("data")
    return None if row is None else Level.CHECKING if row.withdrawal else Level(row.level)


def withdrawals_due(*, incident: Incident, now: datetime) -> list[Withdrawal]:
    """What must be taken back now, not yet written; the publisher of words writes it."""
    may_go = [level for level in Level if level not in UNSHAKEN or incident.status == IncidentStatus.FALSE_ALARM]
    standing = [row for row in newest(incident).values() if not row.withdrawal and row.level in may_go]
    if not standing:
        return []
    known = ground(incident)
    found = [(row, statements.withdrawal(as_pure(row), known, now=now)) for row in standing]
    return [Withdrawal(statement=row, cause=taken.cause, note=in_all(taken.note)) for row, taken in found if taken]


def appearing(*, incident: Incident, now: datetime) -> list[Statement]:
    """What must stand by itself now and does not, in the words of the signed notices, not yet written.

    Level 0 on every major or critical incident, the advice with it; level 0 also where what was said of data or money fell. What
    went with a false alarm comes back with the incident; what people took back does not.
    """
    if incident.publication != Publication.PUBLISHED or incident.merged_into_id or incident.withdrawn_at:
        return []
    shown = newest(incident)
    data, loud = shown.get("data"), statements.appears_by_itself(incident.impact)
    taken_back = any(row and row.withdrawal and row.level != Level.CHECKING for row in (data, shown.get("money")))
    if incident.status == IncidentStatus.FALSE_ALARM:
        if ground(incident).nothing_to_check:
            return []
        taken_back = taken_back or _is_unsaid(data)  # no trouble, but somebody may have seen personal data
    nothing_stands = data is None or data.withdrawal is not None
    levels = []
    if nothing_stands and (taken_back or (loud and _is_unsaid(data))):
        levels.append(Level.CHECKING)
    if loud and _is_unsaid(shown.get("advice")):
        levels.append(Level.ADVICE)
    return [statement for level in levels if (statement := _presigned(incident, level, now))]


def _is_unsaid(row: Statement | None) -> bool:
    """Was it never said, or did it go with a false alarm?"""
    return row is None or (row.withdrawal is not None and row.withdrawal.cause == Cause.FALSE_ALARM)


def _presigned(incident: Incident, level: Level, now: datetime) -> Statement | None:
    notice = Notice.objects.filter(code=NOTICES[level]).first()
    if notice is None or not is_signed(notice):
        return None
    statement = Statement(
        incident=incident,
        level=level,
        scope=in_all(by_language(incident.name)),
        body=in_all(by_language(notice.body)),
        as_of=now,
        signature_kind=SignatureKind.NOTICE,
        signed_by_id=notice.signed_by_id,
        signed_at=notice.signed_at,
    )
    statement.signature_hash = content_hash(statement)
    return statement


def due(*, now: datetime) -> list[Incident]:
    """Open incidents of which a statement may have lapsed, or of which nothing is said although the notice for it is signed."""
    taken_back = Withdrawal.objects.filter(statement=OuterRef("pk"), publication=Publication.PUBLISHED)
    lapsed = Statement.objects.filter(~Exists(taken_back), publication=Publication.PUBLISHED, expires_at__lte=now)
    needed = Q(pk__in=lapsed.values("incident"))
    notice = Notice.objects.filter(code=NOTICES[Level.CHECKING]).first()
    if notice and is_signed(notice):
        on_data = Statement.objects.filter(incident=OuterRef("pk"), publication=Publication.PUBLISHED, level__in=_ON_DATA)
        needed |= Q(~Exists(on_data), impact__in=_LOUD)
    return list(Incident.objects.published().unresolved().filter(needed))
