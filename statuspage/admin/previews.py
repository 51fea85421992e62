"""An update before it is public, exactly as its readers will get it: on the page, by mail, as an SMS, as a post."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.translation import override

from incidents.facts import AffectedFacts, UpdateFacts
from incidents.languages import by_language
from incidents.models import AffectedComponent, Component, IncidentUpdate
from incidents.sms_length import measure
from incidents.words import Publication
from statuspage import rendering, text_packs
from statuspage.page import update_now
from subscribers import rendering as mail
from subscribers.items import Item
from subscribers.transports.sms import SmsSender


@dataclass(frozen=True, slots=True)
class Preview:
    """One language. `page` is a whole little HTML document in the public page's own sheet."""

    code: str
    language: str
    page: str
    subject: str
    mail: str
    sms: str
    sms_parts: int
    post: str


def previews(update: IncidentUpdate, states: list[tuple[Component, str]], *, now: datetime) -> list[Preview]:
    """One a language, of a draft as it stands in memory; nothing is saved."""
    facts = _facts(update, states, now)
    update.display_at = now  # as if it went out at this moment; in memory only
    rows = text_packs.Rows.of(update)
    return [_preview(rows, facts, code, name, now) for code, name in settings.LANGUAGES]


def _preview(rows: text_packs.Rows, facts: UpdateFacts, code: str, language: str, now: datetime) -> Preview:
    update = rows.update
    name = by_language(update.incident.name)[code]
    item = item_to_be(update)
    said, text = mail.render(item, code), SmsSender.render(item, code).text
    return Preview(
        code=code,
        language=language,
        page=_page(name, facts, code),
        subject=said.subject,
        mail=said.text,
        sms=text,
        sms_parts=measure(text).parts,
        post=text_packs.post(text_packs.said_in(rows, code, now)),
    )


def item_to_be(update: IncidentUpdate) -> Item:
    """A draft as subscribers are told of it, were it published now. One query."""
    named = AffectedComponent.objects.filter(update__incident=update.incident_id, update__publication=Publication.PUBLISHED)
    own = update.affected.all()
    incident = update.incident
    return Item(
        kind="incident_update",
        public_id=update.public_id,
        thread=incident.public_id,
        path=f"/incidents/{incident.public_id}",
        record_seq=0,
        published_at=timezone.now(),
        components=frozenset((named | own).values_list("component_id", flat=True)),
        impact="",  # not known before it is public: whoever minds the least hears too
        document=update,
    )


def _page(name: str, facts: UpdateFacts, code: str) -> str:
    with override(code):
        frame = rendering.frame(language=code, path="/")
        shown = {"name": name, "update": update_now(facts), "whole": True, "shapes_used": [i.new_status for i in facts.affected]}
        return render_to_string("admin/desk/preview_page.html", {**frame, **shown})


def _facts(update: IncidentUpdate, states: list[tuple[Component, str]], now: datetime) -> UpdateFacts:
    more = update.more_words()
    return UpdateFacts(
        public_id=update.public_id,
        status=update.status,
        body=by_language(update.body),
        display_at=now,
        published_at=now,
        next_update_by=update.next_update_by,
        promised_by=None,
        deliver_notifications=update.deliver_notifications,
        presigned=False,
        record_seq=0,
        affected=tuple(AffectedFacts(part.public_id, by_language(part.name), {}, part.status, new) for part, new in states),
        what_to_do=more.get("what_to_do"),
        who_affected=more.get("who_affected"),
        still_works=more.get("still_works"),
        attribution=update.attribution,
        channels=tuple(update.channels),
        areas=tuple(update.areas),
        share_affected=update.share_affected,
        share_source=update.share_source,
    )
