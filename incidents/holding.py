"""Words of one language that hold its place until they are written: signed beforehand, replaced within a quarter of an hour."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from incidents.languages import by_language, codes
from incidents.models import Correction, Incident, IncidentUpdate, Notice, NoticeVersion
from incidents.notices import is_signed
from incidents.words import Publication

CODE = "holding"
WITHIN = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Owed:
    """A public update whose words in `languages` are still to come."""

    update: IncidentUpdate
    languages: tuple[str, ...]
    due_at: datetime


def words() -> dict[str, str]:
    """The signed holding text of each language but the first, which is always written; empty where none is signed."""
    notice = Notice.objects.filter(code=CODE).first()
    if notice is None or not is_signed(notice):
        return {}
    texts = by_language(notice.body)
    return {code: texts[code] for code in codes()[1:]}


def languages_of(update: IncidentUpdate) -> list[str]:
    """In which languages an update says a holding text, as it was ever signed."""
    versions = NoticeVersion.objects.filter(notice__code=CODE).values_list("covered", flat=True)
    signed = [version["body"] for version in versions]
    said = by_language(update.body)
    return [code for code in codes()[1:] if said[code] and said[code] in {body.get(code) for body in signed}]


def owed() -> list[Owed]:
    """What is still to be written of open incidents, the longest owed first: neither corrected nor followed by a word in full."""
    held = IncidentUpdate.objects.filter(
        publication=Publication.PUBLISHED, incident__in=Incident.objects.published().unresolved()
    ).exclude(holding=[])
    found = []
    for update in held.select_related("incident").order_by("published_at"):
        waiting = tuple(code for code in update.holding if not _is_written(update, code))
        if waiting and update.published_at:
            found.append(Owed(update, waiting, update.published_at + WITHIN))
    return found


def _is_written(update: IncidentUpdate, code: str) -> bool:
    later = update.incident.updates.filter(publication=Publication.PUBLISHED, record_seq__gt=update.record_seq)
    if any(code not in holding for holding in later.values_list("holding", flat=True)):
        return True
    said = by_language(update.body)[code]
    corrected = Correction.objects.filter(update=update, publication=Publication.PUBLISHED)
    return any(one.words().get("body", {}).get(code, said) != said for one in corrected)
