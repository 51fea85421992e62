"""The only way words become public: publish_update, publish_notice, publish_due, advance_maintenance, and one act a document.

Each is one durable transaction (gates, rows, record entry, Notification) and needs only the database; this host's snapshot is
refreshed after the commit. Nothing here talks to the broker: the publisher wakes the senders.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import TypeVar

from django.conf import settings
from django.contrib.auth.models import User
from django.db import InterfaceError, OperationalError, transaction

from incidents import (
    announcements,
    document_gates,
    documents,
    drafts,
    exercise,
    gates,
    holding,
    merging,
    notice_updates,
    planned_acts,
    planned_work,
    record,
    set_times,
    signing,
    stating,
    timeline,
    update_facts,
)
from incidents.blockers import Blocker, standing, waived
from incidents.models import (
    Announcement,
    Component,
    Correction,
    Incident,
    IncidentUpdate,
    MaintenanceUpdate,
    Notice,
    Rebuttal,
    RecordEntry,
    Redress,
    Review,
    SetTime,
    Statement,
    Withdrawal,
)
from incidents.models.publishable import Document
from incidents.notices import is_signed
from incidents.words import IncidentStatus, Publication, SignatureKind
from statuspage import document_blockers, freezing, restoring, snapshot
from subscribers import outbox

log = logging.getLogger(__name__)

Said = TypeVar("Said", bound=Document)

_Step = Callable[[int, datetime], IncidentUpdate | None]

NO_CHANGE = "no-change"
NO_CHANGE_AT_MOST = 3
NO_CHANGE_BEFORE = timedelta(seconds=30)  # said just before the promise lapses, so that it is kept


class Blocked(Exception):
    """Publishing is refused; `blockers` say what to change. Nothing was changed."""

    def __init__(self, blockers: Sequence[Blocker]) -> None:
        super().__init__("; ".join(blocker.message for blocker in blockers))
        self.blockers = list(blockers)


# --- Gates -------------------------------------------------------------------------------------


def blockers_of(update: IncidentUpdate, *, now: datetime) -> list[Blocker]:
    """What still forbids this draft to go out. A notice's untouched words are judged with the promise they would get now.

    Reads only; `update` itself stays as it is.
    """
    draft = IncidentUpdate.objects.select_related("incident", "notice").get(pk=update.pk)
    _promise_anew(draft, now)
    return standing(gates.blockers(update_facts.read(draft, now=now)), off=settings.GATES_OFF)


def _promise_anew(draft: IncidentUpdate, now: datetime) -> None:
    """A notice's promise counts from the moment it goes out, not from the moment it was drafted. In memory only."""
    if draft.publication == Publication.DRAFT and draft.notice and drafts.is_untouched(draft):
        first = draft.affected.select_related("component").first()
        if first:
            drafts.fill_in(update=draft, notice=draft.notice, component=first.component, now=now)


# --- Acts --------------------------------------------------------------------------------------


def _lock_head() -> None:
    """The transaction's first lock. Raises Blocked while the record is held or behind the page: a restore from an older copy."""
    if why := restoring.why_refused(record.lock_head()):
        raise Blocked([Blocker("record_held", "", why)])


def publish_update(
    *, update_id: int, actor: User | None, now: datetime, reason: str = "", automatic: bool = False, show: bool = True
) -> IncidentUpdate:
    """Make a draft public. A second call for a published update changes nothing and answers it.

    `reason` overrules probes that disagree; it is kept, for staff only. `show` False: one of many, and the publisher's next
    second shows them all. Raises Blocked with all that forbids it.
    """
    with transaction.atomic(durable=True):
        _lock_head()
        update = _publish(update_id=update_id, actor=actor, now=now, reason=reason, automatic=automatic)
    if show:
        _show(now)
    return update


def _publish(*, update_id: int, actor: User | None, now: datetime, reason: str = "", automatic: bool = False) -> IncidentUpdate:
    """`publish_update` inside the caller's transaction, which holds the head."""
    update = IncidentUpdate.objects.select_related("incident", "notice").get(pk=update_id)
    if update.publication == Publication.PUBLISHED:
        return update  # a double click, or someone was faster
    _promise_anew(update, now)
    _pass_gates(update, reason or update.reason, now)
    entry = timeline.mark_published(update=update, actor=actor, now=now, automatic=automatic)
    held = update.signature_kind != SignatureKind.NOTICE  # words that were signed in calm time are not waited for
    outbox.enqueue(record_seq=entry.seq, kind=entry.kind, update=update, now=now, held=held)
    _follow(update.incident, now)
    return update


def _pass_gates(update: IncidentUpdate, reason: str, now: datetime) -> None:
    update.reason = ""
    found = gates.blockers(update_facts.read(update, now=now))
    if reason.strip() and any(blocker.code == "probes_disagree" for blocker in found):
        update.reason = reason.strip()  # kept only where it overrules something: it holds the state down
        found = gates.blockers(update_facts.read(update, now=now))
    update.waived = _stand(found)


def _stand(found: Sequence[Blocker]) -> list[str]:
    """Raise Blocked with what forbids it here; answer the switched-off gates that would have."""
    if forbidding := standing(found, off=settings.GATES_OFF):
        exercise.note_refusal(blocker.code for blocker in forbidding)
        raise Blocked(forbidding)
    return waived(found, off=settings.GATES_OFF)


def _show(now: datetime) -> None:
    """Refresh this host's snapshot. The words are public already: if the disk fails, the publisher tries again each second."""
    try:
        snapshot.refresh(now=now, hurry=True)
    except OSError as error:
        log.error("The snapshot could not be written (%s); the publisher will try again.", error)


def publish_notice(
    *, component: Component, notice: Notice, actor: User | None, now: datetime, reason: str = ""
) -> IncidentUpdate:
    """Publish a pre-signed notice about a component: in its open draft or incident, else in a new one.

    Raises Blocked (unsigned notice, gates) or drafts.TimelineError (nothing open that could be watched or resolved).
    A draft that a person has worked on is left as it is.
    """
    with transaction.atomic(durable=True):
        _lock_head()  # finding the incident and speaking of it are one step: whoever comes second sees the first
        update = _publish(update_id=_draft_from_notice(component, notice, now).pk, actor=actor, now=now, reason=reason)
    _show(now)
    return update


def _draft_from_notice(component: Component, notice: Notice, now: datetime) -> IncidentUpdate:
    if notice.code in (holding.CODE, *stating.NOTICES.values()):
        raise Blocked([Blocker("notice_is_statement", "notice", f"{notice.code} is no update: it appears by itself.")])
    if not is_signed(notice):
        raise Blocked([Blocker("notice_unsigned", "notice", f"The notice {notice.code} is not signed: sign it at the desk.")])
    incident = drafts.open_incident_of(component)
    if incident:
        return notice_updates.next_from_notice(incident, component, notice, now)
    if notice.phase not in ("", IncidentStatus.INVESTIGATING) or not notice.component_status:
        raise drafts.TimelineError(f"Nothing is open for {component.code}: {notice.code} has nothing to speak of.")
    status = component.observed_status if component.observed_status in notice.opens_for else notice.component_status
    return drafts.open_draft(component=component, status=status, since=now, now=now, notice=notice)


def publish_correction(*, correction: Correction, actor: User | None, now: datetime) -> Correction:
    """New words in place of a public update's. Raises Blocked."""
    return publish_document(document=correction, actor=actor, now=now)


def publish_redress(*, redress: Redress, actor: User | None, now: datetime) -> Redress:
    """Who was charged twice or late, and by when that is made good. Raises Blocked."""
    return publish_document(document=redress, actor=actor, now=now)


def publish_review(*, review: Review, actor: User | None, now: datetime) -> Review:
    """A review, or its next version. Raises Blocked."""
    return publish_document(document=review, actor=actor, now=now)


def publish_maintenance(*, update: MaintenanceUpdate, actor: User | None, now: datetime) -> MaintenanceUpdate:
    """A word about planned work: its announcement, other times, how it goes. Raises Blocked."""
    return publish_document(document=update, actor=actor, now=now, mark=planned_work.mark_published)


def publish_announcement(*, announcement: Announcement, actor: User | None, now: datetime) -> Announcement:
    """A warning or a piece of news without an incident. Raises Blocked."""
    return publish_document(document=announcement, actor=actor, now=now)


def withdraw_announcement(*, announcement: Announcement, reason: str, actor: User, now: datetime) -> Announcement:
    """Take an announcement off the page. Raises timeline.TimelineError."""
    with transaction.atomic(durable=True):
        entry = announcements.withdraw(announcement=announcement, reason=reason, actor=actor, now=now)
        if entry:
            outbox.enqueue(record_seq=entry.seq, kind=entry.kind, now=now)
    _show(now)
    return Announcement.objects.get(pk=announcement.pk)


def merge_incidents(*, incident: Incident, into: Incident, actor: User, now: datetime) -> Incident:
    """A duplicate goes on in another incident. Raises timeline.TimelineError."""
    with transaction.atomic(durable=True):
        entry = merging.merge(incident=incident, into=into, actor=actor, now=now)
        outbox.enqueue(record_seq=entry.seq, kind=entry.kind, now=now)
    _show(now)
    return Incident.objects.get(pk=incident.pk)


def withdraw_incident(*, incident: Incident, reason: str, requested_by: User, approved_by: User, now: datetime) -> Incident:
    """Take back an incident that should not have been. Raises timeline.TimelineError."""
    with transaction.atomic(durable=True):
        entry = merging.withdraw(incident=incident, reason=reason, requested_by=requested_by, approved_by=approved_by, now=now)
        outbox.enqueue(record_seq=entry.seq, kind=entry.kind, now=now)
    _show(now)
    return Incident.objects.get(pk=incident.pk)


def publish_document(
    *,
    document: Said,
    actor: User | None,
    now: datetime,
    mark: Callable[..., RecordEntry] = documents.mark_published,
) -> Said:
    """Make a statement, rebuttal, review, ... public; what forbids it is asked under the lock. `mark` is
    documents.mark_published, or what a kind does around it.

    A second call for a published one changes nothing. Raises Blocked with all that forbids it; each kind has an act of its own
    name that calls this.
    """
    with transaction.atomic(durable=True):
        _lock_head()
        draft = type(document)._default_manager.get(pk=document.pk)
        if draft.publication == Publication.PUBLISHED:
            return draft
        draft.waived = _stand(document_gates.blockers(draft, document_blockers.own(draft, now=now), now=now))
        entry = mark(document=draft, actor=actor, now=now)
        outbox.enqueue(record_seq=entry.seq, kind=entry.kind, now=now, held=actor is not None)
        if isinstance(draft, Withdrawal) and draft.statement:
            _follow(draft.statement.incident, now)
    _show(now)
    return draft


def _write(document: Document, actor: User | None, now: datetime) -> None:
    entry = documents.mark_published(document=document, actor=actor, now=now)
    outbox.enqueue(record_seq=entry.seq, kind=entry.kind, now=now, held=actor is not None)


# --- Data and funds, claims --------------------------------------------------------------------


def publish_statement(*, statement: Statement, actor: User | None, now: datetime) -> Statement:
    """What is known of data or funds, signed in every role its level asks for. Raises Blocked."""
    return publish_document(document=statement, actor=actor, now=now, mark=stating.mark_published)


def publish_rebuttal(*, rebuttal: Rebuttal, actor: User | None, now: datetime) -> Rebuttal:
    """An answer to a claim, or its next version. Raises Blocked."""
    return publish_document(document=rebuttal, actor=actor, now=now)


def publish_withdrawal(*, withdrawal: Withdrawal, actor: User | None, now: datetime) -> Withdrawal:
    """Take back a statement or an answer, with a public note that a second person signed. Raises Blocked."""
    return publish_document(document=withdrawal, actor=actor, now=now)


@contextmanager
def following(*, incident: Incident, now: datetime) -> Iterator[None]:
    """What is done inside may shake what was said of data and funds: statements follow in the same transaction."""
    with transaction.atomic(durable=True):
        _lock_head()
        yield
        _follow(Incident.objects.get(pk=incident.pk), now)
    _show(now)


def _follow(incident: Incident, now: datetime) -> None:
    """Take back what no longer holds, then say by itself what must stand; a freeze keeps the second back, never the first."""
    for withdrawal in stating.withdrawals_due(incident=incident, now=now):
        _write(withdrawal, None, now)
    if freezing.is_frozen():
        return
    for statement in stating.appearing(incident=incident, now=now):
        _write(statement, None, now)


# --- By itself ---------------------------------------------------------------------------------


def advance_maintenance(*, now: datetime) -> int:
    """Planned work as announced: reminders, start, end, running late, the next of a series. Answers how many words went out.

    Each window in a transaction of its own. What fails is logged and keeps nothing else back. A freeze keeps all of it back.
    """
    said = 0
    if freezing.is_frozen():
        return said
    for prepare, pk in planned_acts.waiting(now=now):
        try:
            with transaction.atomic(durable=True):
                _lock_head()
                word = None if freezing.is_frozen() else prepare(pk, now)
                if word:
                    entry = planned_work.mark_published(document=word, actor=None, now=now)
                    outbox.enqueue(record_seq=entry.seq, kind=entry.kind, now=now, held=False)
        except (OperationalError, InterfaceError):
            raise  # nothing works without a database: the tick fails as a whole
        except Exception:
            log.exception("Planned work %s could not go on by itself (%s).", pk, prepare.__name__)
            continue
        said += bool(word)
    if said:
        _show(now)
    return said


def publish_due(*, now: datetime) -> list[IncidentUpdate]:
    """What goes out by itself: signed words at the time that was set for them; and when nobody came, the pre-signed first notice,
    then `no-change` at each promise, three times.

    Each in a transaction of its own, asked again under the head's lock: of two publishers one speaks. What fails is logged
    and keeps nothing else back. A freeze keeps all of it back.
    """
    if freezing.is_frozen():
        return []
    due: list[tuple[_Step, int]] = [(_at_set_time, pk) for pk in set_times.unsteady(now=now)]
    if settings.UNATTENDED_MINUTES:
        due += [(_first_words, pk) for pk in _silent_drafts(now)]
        due += [(_no_change, pk) for pk in _lapsing_incidents(now)]
    published = []
    for step, pk in due:
        try:
            with transaction.atomic(durable=True):
                _lock_head()
                update = None if freezing.is_frozen() else step(pk, now)
        except (OperationalError, InterfaceError):
            raise  # nothing works without a database: the tick fails as a whole
        except Exception:
            log.exception("What was due could not go out by itself (%s %s).", getattr(step, "__name__", ""), pk)
            continue
        if update:
            published.append(update)
    if published:
        _show(now)
    return published


def _at_set_time(pk: int, now: datetime) -> IncidentUpdate | None:
    """None before its time, or when it is given up: it holds no more, or the gates forbid it."""
    row = SetTime.objects.standing().filter(pk=pk).select_related("update__incident", "set_by").first()
    if row is None:
        return None
    is_draft, update = row.update.publication == Publication.DRAFT, None
    why = set_times.holds_no_more(row, now) if is_draft else ""
    if is_draft and not why:
        if row.at > now:
            return None
        try:
            with transaction.atomic():
                update = _publish(update_id=row.update_id, actor=None, now=now)
        except Blocked as refusal:
            why = str(refusal)
    set_times.end(row, why, now)
    return update


def _unattended(draft: IncidentUpdate, now: datetime) -> IncidentUpdate | None:
    """None when the gates forbid it; a person is then asked, and it is not tried again."""
    try:
        with transaction.atomic():
            update = _publish(update_id=draft.pk, actor=None, now=now, automatic=True)
    except Blocked as refusal:
        log.warning("Nobody came, and %s cannot go out by itself: %s", draft.public_id, refusal)
        signing.request(item=draft, actor=None, now=now)
        return None
    log.warning("Nobody came: %s is published by itself.", update.public_id)
    return update


def _silent_drafts(now: datetime) -> list[int]:
    """Drafts of machines that waited long enough for a person."""
    since = now - timedelta(minutes=settings.UNATTENDED_MINUTES)
    waiting = IncidentUpdate.objects.drafts().filter(
        incident__publication=Publication.DRAFT, author=None, signature_requested_at=None, created_at__lte=since
    )
    waiting = waiting.exclude(set_times__in=SetTime.objects.standing())  # a person chose its time
    return list(waiting.values_list("pk", flat=True))


def _first_words(update_id: int, now: datetime) -> IncidentUpdate | None:
    """None when there is nothing to say any more."""
    draft = IncidentUpdate.objects.select_related("incident").get(pk=update_id)
    is_due = draft.pk in _silent_drafts(now) and drafts.is_untouched(draft) and not drafts.has_person(draft.incident)
    return _unattended(draft, now) if is_due else None


def _lapsing_incidents(now: datetime) -> list[int]:
    """Public incidents whose promise is about to lapse."""
    lapsing = Incident.objects.published().unresolved().filter(next_update_by__lte=now + NO_CHANGE_BEFORE)
    return list(lapsing.values_list("pk", flat=True))


def _no_change(incident_id: int, now: datetime) -> IncidentUpdate | None:
    """The next word of an incident that only machines have spoken of."""
    if incident_id not in _lapsing_incidents(now):
        return None
    incident = Incident.objects.get(pk=incident_id)
    spoken = list(incident.updates.published().select_related("notice"))
    repeats = sum(1 for update in spoken if update.notice and update.notice.code == NO_CHANGE)
    notice = Notice.objects.filter(code=NO_CHANGE).first()
    first = spoken[-1].affected.select_related("component").first()
    attended = drafts.has_person(incident) or incident.updates.drafts().exists()
    if attended or repeats >= NO_CHANGE_AT_MOST or notice is None or not is_signed(notice) or first is None:
        return None
    return _unattended(notice_updates.next_from_notice(incident, first.component, notice, now), now)
