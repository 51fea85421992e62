"""What published words say after their corrections, and what they said before: a text never changes, a version is added."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, TypeVar, cast

from django.contrib.auth.models import User
from django.db.models import Model, OuterRef, Q, QuerySet, Subquery

from incidents import documents
from incidents.drafts import TimelineError
from incidents.facts import EarlierText, Text
from incidents.languages import by_language, in_all, to_read
from incidents.models import Correction, Incident, IncidentUpdate, MaintenanceUpdate, Redress
from incidents.models.correction import BESIDE, Corrected
from incidents.words import Publication

Row = TypeVar("Row", bound=Model)


def draft(
    *,
    of: Corrected,
    words: Mapping[str, Text],
    reason: Text,
    author: User,
    now: datetime,
    deliver_notifications: bool = False,
) -> Correction:
    """A draft of a correction. `words`: {field: {language: text}}, of the fields that `said` answers; each the whole text as it
    should have been. Another person signs it. Raises TimelineError for another field."""
    row = Correction(reason=in_all(reason), deliver_notifications=deliver_notifications, **pointer(of), **fields_of(words))
    return documents.add(document=row, author=author, now=now)


def pointer(of: Corrected) -> dict[str, Any]:
    """The row's field that names what it corrects."""
    if isinstance(of, IncidentUpdate):
        return {"update": of}
    if isinstance(of, MaintenanceUpdate):
        return {"planned": of}
    return {"redress": of} if isinstance(of, Redress) else {"announcement": of}


def fields_of(words: Mapping[str, Text]) -> dict[str, Any]:
    """The row's fields that hold these words."""
    if unknown := sorted(set(words) - {"body", *BESIDE}):
        raise TimelineError(f"Nothing called {unknown[0]} is corrected: use {', '.join(('body', *BESIDE))}.")
    return {
        "body": in_all(words.get("body", {})),
        "beside": {field: by_language(text) for field, text in words.items() if field != "body"},
    }


def said(of: Corrected) -> dict[str, Text]:
    """What it said when it went out, by field; its incident's or its work's name among it."""
    if isinstance(of, IncidentUpdate):
        return {"name": by_language(of.incident.name), "body": by_language(of.body), **of.more_words()}
    if isinstance(of, MaintenanceUpdate):
        return {"name": by_language(of.maintenance.name), "body": by_language(of.body)}
    return {field: by_language(getattr(of, field)) for field in of.text_fields}


def standing(of: Corrected, *, until: int | None = None) -> dict[str, Text]:
    """The same as last corrected; `until`: before that entry of the record."""
    rows = _published().filter(_of_its_thread(of))
    of_thread = list(rows if until is None else rows.filter(record_seq__lt=until))
    own = [row for row in of_thread if row.of == of]
    originals = said(of)
    names = {field: text for field, text in originals.items() if field == "name"}
    return now_said(originals, own) | now_said(names, of_thread)


def _of_its_thread(of: Corrected) -> Q:
    """Corrections of it, and of all that shares its name."""
    if isinstance(of, IncidentUpdate):
        return Q(update__incident=of.incident_id)
    if isinstance(of, MaintenanceUpdate):
        return Q(planned__maintenance=of.maintenance_id)
    return Q(**pointer(of))


def now_said(originals: Mapping[str, Text], corrections: Iterable[Correction]) -> dict[str, Text]:
    """What these texts say after `corrections` (published, oldest first)."""
    found = dict(originals)
    for correction in corrections:
        found |= {field: text for field, text in correction.words().items() if field in found}
    return found


def earlier(originals: Mapping[str, Text], corrections: Iterable[Correction]) -> Iterator[EarlierText]:
    """What they said before each of `corrections` (published, oldest first)."""
    before = dict(originals)
    for correction in corrections:
        for field, text in correction.words().items():
            if field in before and correction.published_at:
                yield EarlierText(to_read(before[field]), correction.published_at, to_read(correction.reason), field)
                before[field] = text


def names(public_ids: Iterable[str] | None = None) -> dict[str, Text]:
    """{public id: name as last corrected} of incidents whose name was corrected; of these alone. One query."""
    rows = _published().filter(beside__has_key="name").exclude(update=None)
    if public_ids is not None:
        rows = rows.filter(update__incident__public_id__in=list(public_ids))
    found = rows.values_list("update__incident__public_id", "beside")
    return {public_id: by_language(beside["name"]) for public_id, beside in found}


def name_of(incident: Incident) -> Text:
    """An incident's name as last corrected, for readers."""
    return to_read(names([incident.public_id]).get(incident.public_id) or incident.name)


def call_as_now(incidents: Iterable[Incident]) -> None:
    """Each of them, in memory, gets what `listed_name` reads. One query; none for what never was public."""
    every = list(incidents)
    public = [one.public_id for one in every if one.publication == Publication.PUBLISHED]
    found = names(public) if public else {}
    for one in every:
        said = found.get(one.public_id)
        one.renamed = {"name": said} if said else None  # type: ignore[attr-defined]


def with_names(rows: QuerySet[Row], *, named_by: str, of: str = "pk") -> QuerySet[Row]:
    """For lists: the same rows, each with what `listed_name` reads, without a query a row. `named_by`: the field of a correction
    that leads to what has the name (update__incident, planned__maintenance); `of`: the row's field with its key."""
    renamed = _published().filter(beside__has_key="name", **{named_by: OuterRef(of)}).order_by("-record_seq")
    return cast(QuerySet[Row], rows.annotate(renamed=Subquery(renamed.values("beside")[:1])))


def listed_name(row: Any, name: Any) -> Text:
    """`name` as last corrected, of a row from `with_names`."""
    beside = getattr(row, "renamed", None)
    return by_language(beside["name"]) if beside else by_language(name)


def said_now(of: IncidentUpdate | MaintenanceUpdate) -> tuple[dict[str, Text], list[EarlierText]]:
    """Its own words as last corrected, and what they were before; a draft's as they are. One query, none where prefetched."""
    words = {field: text for field, text in said(of).items() if field != "name"}
    if not of.is_published:
        return words, []
    published = sorted((one for one in of.corrections.all() if one.is_published), key=lambda one: one.record_seq or 0)
    return now_said(words, published), list(earlier(words, published))


def _published() -> QuerySet[Correction]:
    return Correction.objects.filter(publication=Publication.PUBLISHED).order_by("record_seq")
