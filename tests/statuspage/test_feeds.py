from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import feedparser
import pytest

from incidents.languages import in_all
from incidents.models import Correction, Incident
from incidents.words import IncidentStatus
from statuspage import entries, feeds, page, page_lately
from tests.factories import NOON, IncidentFactory
from tests.statuspage import rows

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("mfano_pesa")]

KINDS = {"history": entries.history, "updates": entries.updates, "feed": entries.updates}
XML = [name for name in feeds.FEEDS if not name.endswith(".json")]
ATOM = ["history", "updates"]


def feed(kind: str, *, language: str = "en", stale: bool = False, later: timedelta = timedelta()) -> bytes:
    return made(f"{kind}.atom", language=language, stale=stale, later=later)


def made(name: str, *, language: str = "en", stale: bool = False, later: timedelta = timedelta(), code: str = "") -> bytes:
    prefix = "" if language == "en" else f"/{language}"
    said = page_lately.build_lately(page.build_now(NOON + later))
    kind, write = feeds.FEEDS[name]
    part = next((part for part in said.components if part.code == code), None)
    listed = KINDS[kind](said, language)
    chosen = entries.about(part.public_id, listed) if part else listed
    return write(feeds.channel(said, kind, language=language, prefix=prefix, component=part, stale=stale), chosen)


def read(raw: bytes) -> Any:
    parsed = feedparser.parse(raw)
    assert not parsed.bozo, parsed.bozo_exception
    return parsed


def story() -> Incident:
    """Three words, the last of them a repetition."""
    incident = rows.publish(at=NOON - timedelta(minutes=40)).incident
    rows.publish(incident=incident, status=IncidentStatus.IDENTIFIED, at=NOON - timedelta(minutes=20))
    rows.publish(incident=incident, status=IncidentStatus.IDENTIFIED, at=NOON)
    return incident


@pytest.mark.parametrize("kind", ATOM)
@pytest.mark.parametrize("language", ["en", "sw"])
def test_feeds_are_well_formed_when_empty_and_when_full(kind: str, language: str) -> None:
    assert read(feed(kind, language=language)).entries == []
    story()
    parsed = read(feed(kind, language=language))
    assert len(parsed.entries) == {"history": 1, "updates": 3}[kind]
    assert parsed.feed.language == language
    assert all(entry.id and entry.link.startswith("http") and entry.updated for entry in parsed.entries)


def test_the_history_has_one_entry_an_incident_with_every_word_newest_first() -> None:
    incident = story()
    [entry] = read(feed("history")).entries
    assert entry.title == "Payments are late"
    assert entry.link.endswith(f"/incidents/{incident.public_id}")
    assert (entry.published, entry.updated) == ("2026-11-24T08:20:00Z", "2026-11-24T09:00:00Z")
    assert re.findall(r"<strong>(.*?)</strong>", entry.content[0].value) == ["Update", "Identified", "Investigating"]


def test_the_updates_have_one_entry_a_word_newest_first() -> None:
    incident = story()
    entries = read(feed("updates")).entries
    assert [entry.published for entry in entries] == ["2026-11-24T09:00:00Z", "2026-11-24T08:40:00Z", "2026-11-24T08:20:00Z"]
    assert entries[0].title == "Cause found: Payments are late"
    assert entries[0].link.endswith(f"#u-{incident.updates.published()[0].public_id}")


def test_the_twin_is_in_kiswahili_and_has_ids_of_its_own() -> None:
    story()
    [english], [kiswahili] = read(feed("history")).entries, read(feed("history", language="sw")).entries
    assert kiswahili.title == "Malipo yanachelewa"
    assert "Chanzo kimejulikana" in kiswahili.content[0].value
    assert "/sw/incidents/" in kiswahili.link
    assert kiswahili.id != english.id


@pytest.mark.parametrize("kind", ATOM)
def test_ids_and_first_times_never_change(kind: str) -> None:
    incident = story()
    before = {entry.id: entry.published for entry in read(feed(kind)).entries}
    rows.publish(incident=incident, status=IncidentStatus.RESOLVED, at=NOON + timedelta(minutes=20))
    Incident.objects.update(name=in_all({"en": "Payments were late", "sw": "Malipo yalichelewa"}))
    after = {entry.id: entry.published for entry in read(feed(kind)).entries}
    assert before.items() <= after.items()


@pytest.mark.parametrize("kind", ATOM)
@pytest.mark.parametrize(("language", "mark"), [("en", "Corrected"), ("sw", "Imesahihishwa")])
def test_a_correction_is_marked_with_what_was_said_before_folded_below_it(kind: str, language: str, mark: str) -> None:
    first = story().updates.order_by("pk")[0]
    words = {field: in_all({"en": f"{field} <new>", "sw": f"{field} <mpya>"}) for field in ("body", "reason")}
    at = NOON + timedelta(minutes=1)
    Correction.objects.create(update=first, publication="published", published_at=at, record_seq=900, **words)
    raw = feedparser.parse(feed(kind, language=language), sanitize_html=False)
    [html] = [entry.content[0].value for entry in raw.entries if "<details>" in entry.content[0].value]
    new = {"en": "&lt;new&gt;", "sw": "&lt;mpya&gt;"}[language]
    assert f" - body {new}</p><details><summary>{mark} " in html
    assert f": reason {new}</summary>" in html
    assert f"<del>{first.body.data[language]}</del></p></details>" in html


@pytest.mark.parametrize("kind", ATOM)
def test_a_stale_feed_differs_in_its_subtitle_alone(kind: str) -> None:
    story()
    fresh, stale = feed(kind).decode().splitlines(), feed(kind, stale=True).decode().splitlines()
    different = [(one, other) for one, other in zip(fresh, stale, strict=True) if one != other]
    assert [(one[:10], other[:10]) for one, other in different] == [("<subtitle>", "<subtitle>")]
    assert "We can’t confirm right now" in different[0][1]


@pytest.mark.parametrize("kind", ATOM)
def test_a_fresh_feed_stays_the_same_while_nothing_changes(kind: str) -> None:
    story()
    assert feed(kind) == feed(kind, later=timedelta(minutes=9))


@pytest.mark.parametrize("kind", ATOM)
def test_markup_and_control_characters_in_words_cannot_break_a_feed(kind: str) -> None:
    nasty = "a < b & c ]]> <script>alert(1)</script> \x0b\x00 “quoted”\nsecond line"
    incident = IncidentFactory(name=in_all({"en": nasty.replace("\x00", ""), "sw": "x"}))
    rows.publish(incident=incident, body=in_all({"en": nasty.replace("\x00", ""), "sw": "x"}))
    [entry] = read(feed(kind)).entries
    assert "a < b & c" in entry.title
    assert "<script>" not in entry.content[0].value
    assert "<br />second line" in feedparser.parse(feed(kind), sanitize_html=False).entries[0].content[0].value


@pytest.mark.parametrize("kind", ATOM)
def test_drafts_are_in_no_feed(kind: str) -> None:
    rows.draft(incident=story())
    rows.draft()
    assert rows.SECRET.encode() not in feed(kind) + feed(kind, language="sw")


def test_a_feed_has_at_most_25_entries() -> None:
    for number in range(30):
        rows.publish(at=NOON - timedelta(minutes=number))
    assert len(read(feed("history")).entries) == 25
    assert len(read(feed("updates")).entries) == 25


def test_a_language_that_came_later_leaves_out_what_others_said_before_it(settings: Any) -> None:
    rows.rebuttal()
    settings.LANGUAGES = [*settings.LANGUAGES, ("ar", "العربية")]
    [entry] = entries.history(page_lately.build_lately(page.build_now(NOON)), "ar")
    assert "The authority" in entry.html
    assert ": “”" not in entry.html.partition("The authority")[2]
