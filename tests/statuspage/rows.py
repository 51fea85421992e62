"""Published rows as statuspage.publishing leaves them, made directly: row, affected components and record entry."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from incidents import record
from incidents.languages import by_language, in_all
from incidents.models import (
    AffectedComponent,
    Component,
    Incident,
    IncidentUpdate,
    Rebuttal,
    Redress,
    Review,
    Statement,
    StatusChange,
    Withdrawal,
)
from incidents.words import IncidentStatus, Publication
from tests.factories import NOON, ComponentFactory, IncidentFactory, IncidentUpdateFactory

SECRET = "queue seven is jammed"  # the words of a draft: they must not be found on any public file


def component(code: str = "send-money", **fields: Any) -> Component:
    names = in_all({"en": "Send money", "sw": "Tuma pesa"})
    made: Component = ComponentFactory(**{"code": code, "name": names, **fields})
    return made


def publish(
    *,
    incident: Incident | None = None,
    status: str = IncidentStatus.INVESTIGATING,
    at: datetime = NOON,
    affected: Mapping[Component, str] | None = None,
    next_update_by: datetime | None = None,
    **fields: Any,
) -> IncidentUpdate:
    """An update that is public since `at`, in a new incident when none is given."""
    incident = incident or IncidentFactory(started_at=at - timedelta(minutes=4))
    seq = record_entry(kind="incident_update", data={"incident": incident.public_id}, at=at)
    update: IncidentUpdate = IncidentUpdateFactory(
        incident=incident,
        status=status,
        publication=Publication.PUBLISHED,
        published_at=at,
        display_at=at,
        record_seq=seq,
        next_update_by=next_update_by,
        **fields,
    )
    for item, state in (affected or {}).items():
        AffectedComponent.objects.create(
            update=update, component=item, old_status=item.status, new_status=state, name=in_all(by_language(item.name))
        )
        Component.objects.filter(pk=item.pk).update(status=state, status_since=at)
        item.refresh_from_db()
    closed = status in IncidentStatus.closed()
    Incident.objects.filter(pk=incident.pk).update(
        publication=Publication.PUBLISHED,
        published_at=incident.published_at or at,
        status=status,
        next_update_by=next_update_by,
        resolved_at=at if closed else None,
    )
    incident.refresh_from_db()
    return update


def record_entry(*, kind: str, data: Mapping[str, Any], at: datetime = NOON) -> int:
    with transaction.atomic():
        return int(record.append(kind=kind, data=data, texts={}, now=at).seq)


def draft(**fields: Any) -> IncidentUpdate:
    """A draft that says SECRET in every text a person can write."""
    made: IncidentUpdate = IncidentUpdateFactory(
        body=in_all({"en": SECRET, "sw": SECRET}),
        reason=SECRET,
        **{"incident__name": in_all({"en": SECRET, "sw": SECRET}), **fields},
    )
    return made


# --- What is said beside the updates -----------------------------------------------------------


def both(english: str) -> dict[str, str]:
    return {"en": english, "sw": f"Kwa Kiswahili: {english}"}


def _public(row: Any, at: datetime) -> Any:
    """A document as its publication leaves it."""
    row.publication, row.published_at = Publication.PUBLISHED, at
    row.record_seq = record_entry(kind=row.kind, data=row.facts(), at=at)
    row.save()
    return row


def statement(incident: Incident, level: str = "1", *, at: datetime = NOON, **fields: Any) -> Statement:
    words = {"scope": in_all(both("Send money")), "body": in_all(both("Balances are not changed.")), "as_of": at}
    made: Statement = _public(Statement(incident=incident, level=level, **{**words, **fields}), at)
    return made


def withdrawal(of: Statement | Rebuttal, *, at: datetime = NOON, note: str = "We were wrong.") -> Withdrawal:
    about = {"statement": of} if isinstance(of, Statement) else {"rebuttal": of}
    made: Withdrawal = _public(Withdrawal(note=in_all(both(note)), **about), at)
    return made


def review(incident: Incident, *, at: datetime = NOON, **fields: Any) -> Review:
    said = {name: in_all(both(f"The {name} of it.")) for name in ("cause", "measures", "apology")}
    prevention = [{"what": both("A second queue"), "owner": both("Platform team"), "by": "2026-12-20"}]
    made: Review = _public(Review(incident=incident, **{**said, "prevention": prevention, **fields}), at)
    return made


def rebuttal(*, at: datetime = NOON, before: Rebuttal | None = None, **fields: Any) -> Rebuttal:
    """An answer, or the next version of `before`."""
    words: dict[str, Any] = {
        "fact_headline": in_all(both("A technical fault delays payments")),
        "claim_quote": "It was <b>shut down</b>",
        "claim_language": "luo",
        "claim_where": in_all(both("forwarded messages")),
        "claim_first_seen": at.date(),
        "verdict": "false",
        "what_is_true": in_all(both("A queue stopped.")),
        "what_is_false": in_all(both("Nobody asked us to stop.")),
        "why_it_spread": in_all(both("We said nothing for an hour.")),
        "corroborations": [
            {
                "body": "The authority",
                "said": both("We did nothing."),
                "dated": "2026-11-24",
                "link": "https://authority.example/",
                "checked_on": "2026-11-24",
                "reachable": True,
            }
        ],
        "evidence": [{"what": both("Log of changes"), "dated": "2026-11-24", "verified_by": "neema"}],
        "spokesperson": "Baraka Mwangi",
        "spokesperson_role": in_all(both("Chief officer")),
        "review_date": at.date() + timedelta(days=60),
    }
    made = Rebuttal(**{**words, **fields}, version=before.version + 1 if before else 1)
    made.series = before.series if before else made.public_id
    published: Rebuttal = _public(made, at)
    return published


def redress(incident: Incident, *, at: datetime = NOON) -> Redress:
    words = {name: in_all(both(f"This is {name}.")) for name in ("who", "how", "complain")}
    made: Redress = _public(Redress(incident=incident, good_by=at.date() + timedelta(days=5), **words), at)
    return made


def old_component(code: str = "send-money", **fields: Any) -> Component:
    """One with a history."""
    part = component(code, **fields)
    Component.objects.filter(pk=part.pk).update(created_at=NOON - timedelta(days=400))
    part.refresh_from_db()
    return part


def change(part: Component, status: str, hours_ago: float) -> None:
    """As the record has it."""
    at = NOON - timedelta(hours=hours_ago)
    part.refresh_from_db()
    row = StatusChange(component=part, old_status=part.status, new_status=status, source="probes", at=at, since=at)
    with transaction.atomic():
        row.record_seq = record.append(kind="component_status", data=record.status_change_data(row), texts={}, now=at).seq
    row.save()
    Component.objects.filter(pk=part.pk).update(status=status, status_since=at)
