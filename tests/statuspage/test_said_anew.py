"""What programs read of words that were corrected, taken back, or are told elsewhere: it never stays as it was, unsaid."""

from __future__ import annotations

import json
import re
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import feedparser
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from incidents.languages import in_all
from incidents.models import Component, Correction, Incident, IncidentUpdate, MaintenanceUpdate
from statuspage import at_rest, publishing, snapshot
from statuspage import page as page_now
from tests.factories import NOON, UserFactory
from tests.incidents import plans
from tests.statuspage import rows

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("mfano_pesa")]
LAST = NOON + timedelta(minutes=20)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, settings: Any) -> Path:
    settings.SNAPSHOT_DIR = tmp_path / "snapshot"
    return tmp_path / "snapshot"


def refresh(minutes: int) -> None:
    snapshot.refresh(now=NOON + timedelta(minutes=minutes), force=True)


def page(folder: Path, name: str, form: str = "archive") -> str:
    return (folder / "current" / form / "pages" / name).read_text()


def listed(folder: Path) -> dict[str, Any]:
    """Incidents of the API by their id."""
    return {one["id"]: one for one in json.loads(page(folder, "api/v2/incidents.json", "fresh"))["incidents"]}


def own(folder: Path, public_id: str) -> Any:
    return json.loads((folder / "ids" / public_id / f"{public_id}.json").read_text())


def told(text: str, name: str) -> list[str]:
    return re.findall(rf"<{name}>(.*?)</{name}>", text)


# --- Gone ----------------------------------------------------------------------------------------


@pytest.fixture
def part() -> Component:
    return rows.component()


@pytest.fixture
def withdrawn(part: Component) -> Incident:
    incident = rows.publish(affected={part: "major_outage"}, next_update_by=LAST).incident
    refresh(1)
    people = {"requested_by": UserFactory(), "approved_by": UserFactory()}
    publishing.withdraw_incident(incident=incident, reason="An exercise.", now=NOON + timedelta(minutes=3), **people)
    refresh(4)
    return incident


@pytest.fixture
def merged(part: Component) -> Incident:
    into = rows.publish(affected={part: "major_outage"}).incident
    double = rows.publish(affected={part: "partial_outage"}, at=NOON + timedelta(minutes=1)).incident
    refresh(2)
    publishing.merge_incidents(incident=double, into=into, actor=UserFactory(), now=NOON + timedelta(minutes=3))
    refresh(4)
    return double


@pytest.fixture(params=["withdrawn", "merged"])
def gone(request: pytest.FixtureRequest) -> tuple[Incident, str]:
    """With what is said of it."""
    words = {"withdrawn": "We took this back: it was no problem of our services.", "merged": "This is part of another problem."}
    return request.getfixturevalue(request.param), words[request.param]


def test_what_is_gone_is_resolved_to_programs_with_its_time(gone: tuple[Incident, str], folder: Path) -> None:
    incident, words = gone
    for said in (listed(folder)[incident.public_id], own(folder, incident.public_id)):
        assert (said["status"], said["resolved_at"]) == ("resolved", "2026-11-24T12:03:00.000+03:00")
        assert said["updated_at"] == "2026-11-24T12:03:00.000+03:00"
        last = said["incident_updates"][0]
        assert (last["status"], last["body"], last["incident_id"]) == ("resolved", words, incident.public_id)
        assert re.fullmatch("[0-9b-df-hj-np-tv-z]{12}", last["id"])
        assert last["affected_components"] is None
        assert said["incident_updates"][1]["status"] == "investigating"
    open_now = json.loads(page(folder, "api/v2/incidents/unresolved.json", "fresh"))["incidents"]
    assert incident.public_id not in {one["id"] for one in open_now}
    assert f"/incidents/{incident.public_id}" not in (folder / "current" / "fresh" / "index.html").read_text()
    assert incident.public_id not in page(folder, "sitemap.xml")


def test_who_reads_feeds_reads_that_it_is_gone_in_each_language(gone: tuple[Incident, str], folder: Path) -> None:
    incident, words = gone
    for where, first, said in (("", "Resolved", words), ("sw/", "Imetatuliwa", "")):
        [entry] = of(feedparser.parse(page(folder, f"{where}history.atom", "fresh")), f"Incident/{incident.public_id}")
        assert re.findall("<strong>(.*?)</strong>", entry.summary)[0] == first
        assert said in entry.summary
        assert words not in entry.summary or not where
        assert entry.updated == "2026-11-24T09:03:00Z"
        updates = feedparser.parse(page(folder, f"{where}updates.atom", "fresh"))
        assert updates.entries[0].id.endswith(f"IncidentGone/{incident.public_id}")
        assert updates.entries[0].title.endswith(f": {incident.name.data['sw' if where else 'en']}")
        own_feed = feedparser.parse(page(folder, f"{where}components/send-money/updates.atom"))
        assert of(own_feed, f"IncidentGone/{incident.public_id}")
    assert f"IncidentGone/{incident.public_id}" in page(folder, "feed.json", "fresh")


def of(feed: Any, ending: str) -> list[Any]:
    return [entry for entry in feed.entries if entry.id.endswith((f":{ending}", f"/{ending}"))]


def test_its_warning_is_cancelled_and_names_the_message_that_no_longer_holds(gone: tuple[Incident, str], folder: Path) -> None:
    incident, words = gone
    first, last = (page(folder, f"cap/{incident.public_id}-{number}.cap") for number in (1, 2))
    assert told(first, "msgType") == ["Alert"]
    assert told(last, "msgType") == ["Cancel"]
    assert told(last, "references") == [f"{told(first, 'sender')[0]},{told(first, 'identifier')[0]},{told(first, 'sent')[0]}"]
    assert told(last, "sent") == ["2026-11-24T12:03:00+03:00"]
    assert told(last, "description")[0] == words
    assert set(told(last, "urgency")) == {"Past"}
    assert set(told(last, "responseType")) == {"AllClear"}
    [entry] = of(feedparser.parse(page(folder, "cap.atom", "fresh")), f"Cap/{incident.public_id}")
    assert entry.links[0].href.endswith(f"/cap/{incident.public_id}-2.cap")


def test_what_was_merged_and_then_withdrawn_is_said_to_be_withdrawn(merged: Incident, folder: Path) -> None:
    people = {"requested_by": UserFactory(), "approved_by": UserFactory()}
    publishing.withdraw_incident(incident=merged, reason="An exercise.", now=NOON + timedelta(minutes=5), **people)
    refresh(6)
    words = "We took this back: it was no problem of our services."
    [entry] = of(feedparser.parse(page(folder, "history.atom", "fresh")), f"Incident/{merged.public_id}")
    assert entry.title.startswith("Withdrawn: ")
    assert words in entry.summary
    html = (folder / "ids" / merged.public_id / f"{merged.public_id}.html").read_text()
    assert f'<p class="lead">{words}' in html


def test_many_that_were_merged_take_as_many_queries_as_one(part: Component) -> None:
    into = rows.publish(affected={part: "major_outage"}).incident
    doubles = [rows.publish(at=NOON + timedelta(minutes=minute)).incident for minute in range(1, 6)]
    of_one = queries_after_merging(doubles[:1], into)
    assert queries_after_merging(doubles[1:], into) == of_one
    gone = {one.public_id: one.gone_at for one in page_now.build_now(NOON + timedelta(hours=1)).lately if one.is_gone}
    assert gone == {one.public_id: NOON + timedelta(minutes=10) for one in doubles}


def queries_after_merging(doubles: list[Incident], into: Incident) -> int:
    """Of a process that has read nothing yet."""
    for one in doubles:
        publishing.merge_incidents(incident=one, into=into, actor=UserFactory(), now=NOON + timedelta(minutes=10))
    at_rest._last.clear()
    with CaptureQueriesContext(connection) as asked:
        page_now.build_now(NOON + timedelta(hours=1))
    return len(asked)


def test_what_was_taken_back_today_is_cancelled_however_much_was_said_since_its_words(part: Component, folder: Path) -> None:
    old = rows.publish(affected={part: "major_outage"}).incident
    for minute in range(1, 26):
        rows.publish(at=NOON + timedelta(minutes=minute))
    people = {"requested_by": UserFactory(), "approved_by": UserFactory()}
    publishing.withdraw_incident(incident=old, reason="An exercise.", now=NOON + timedelta(minutes=30), **people)
    refresh(31)
    first = feedparser.parse(page(folder, "cap.atom", "fresh")).entries[0]
    assert first.links[0].href.endswith(f"/cap/{old.public_id}-2.cap")
    assert told(page(folder, f"cap/{old.public_id}-2.cap"), "msgType") == ["Cancel"]


# --- Corrected -----------------------------------------------------------------------------------


@pytest.fixture
def corrected(part: Component, folder: Path) -> tuple[IncidentUpdate, str]:
    """With its CAP message from before."""
    update = rows.publish(affected={part: "major_outage"}, body=in_all(rows.both("Payments fail.")))
    rows.publish(incident=update.incident, status="identified", at=NOON + timedelta(minutes=5), body=in_all(rows.both("Found.")))
    refresh(6)
    before = page(folder, f"cap/{update.incident.public_id}-1.cap")
    words = {"body": in_all(rows.both("Payments fail in Coast only.")), "beside": {"name": rows.both("Coast is down")}}
    rows._public(Correction(update=update, reason=in_all(rows.both("The wrong place.")), **words), LAST)
    refresh(21)
    return update, before


def test_a_corrected_word_moves_the_times_that_programs_compare(corrected: tuple[IncidentUpdate, str], folder: Path) -> None:
    update, _ = corrected
    for said in (listed(folder)[update.incident.public_id], own(folder, update.incident.public_id)):
        assert said["updated_at"] == "2026-11-24T12:20:00.000+03:00"
        newest, first = said["incident_updates"]
        assert (first["created_at"], first["updated_at"]) == ("2026-11-24T12:00:00.000+03:00", "2026-11-24T12:20:00.000+03:00")
        assert newest["updated_at"] == newest["created_at"]
    html = (folder / "ids" / update.incident.public_id / f"{update.incident.public_id}.html").read_text()
    assert '<meta property="article:modified_time" content="2026-11-24T12:20+03:00">' in html


def test_a_warning_that_is_corrected_is_another_message(corrected: tuple[IncidentUpdate, str], folder: Path) -> None:
    update, before = corrected
    public_id = update.incident.public_id
    first, second, third = (page(folder, f"cap/{public_id}-{number}.cap") for number in (1, 2, 3))
    assert first == before
    assert told(second, "description")[0] == "Found."
    assert (told(third, "msgType"), told(third, "sent")) == (["Update"], ["2026-11-24T12:20:00+03:00"])
    assert told(third, "description")[0] == "Found."  # the first word was corrected too: it is no longer how it is
    assert told(third, "headline")[0] == "Coast is down"
    assert told(second, "headline") == told(first, "headline") != told(third, "headline")
    assert len(told(third, "references")[0].split()) == 2
    [entry] = of(feedparser.parse(page(folder, "cap.atom", "fresh")), f"Cap/{public_id}")
    assert entry.updated == "2026-11-24T09:20:00Z"
    assert entry.links[0].href.endswith("-3.cap")


def correct(of: IncidentUpdate | MaintenanceUpdate, at: datetime, **words: str) -> None:
    both = {field: rows.both(text) for field, text in words.items()}
    said = {"body": in_all(both.pop("body", {})), "beside": both}
    pointer = {"update": of} if isinstance(of, IncidentUpdate) else {"planned": of}
    rows._public(Correction(reason=in_all(rows.both("Wrong.")), **pointer, **said), at)


def messages(folder: Path, public_id: str) -> list[str]:
    count = len(list((folder / "current" / "archive" / "pages" / "cap").glob(f"{public_id}-*.cap")))
    return [page(folder, f"cap/{public_id}-{number}.cap") for number in range(1, count + 1)]


def test_a_word_from_before_that_is_corrected_opens_nothing_that_is_over(part: Component, folder: Path) -> None:
    first = rows.publish(affected={part: "major_outage"})
    last = rows.publish(incident=first.incident, status="resolved", at=LAST, affected={part: "operational"})
    refresh(21)
    before = messages(folder, first.incident.public_id)
    correct(first, LAST + timedelta(days=1), body="Looking into it.")
    refresh(1500)
    assert messages(folder, first.incident.public_id) == before
    correct(last, LAST + timedelta(days=2), body="Mended.")
    correct(first, LAST + timedelta(days=3), body="Looking.", name="Coast was down")
    refresh(6000)
    *same, anew, renamed = messages(folder, first.incident.public_id)
    assert same == before
    for text, name in ((anew, told(before[-1], "headline")[0]), (renamed, "Coast was down")):
        assert told(text, "description")[0] == "Mended."
        assert (told(text, "headline")[0], set(told(text, "urgency"))) == (name, {"Past"})


def test_what_is_corrected_after_it_was_taken_back_stays_cancelled(gone: tuple[Incident, str], folder: Path) -> None:
    incident, _ = gone
    before = messages(folder, incident.public_id)
    correct(incident.updates.get(), LAST, body="Looking into it.", name="Another name")
    refresh(21)
    assert messages(folder, incident.public_id) == before
    assert told(before[-1], "msgType") == ["Cancel"]


def test_planned_work_that_began_stays_begun_when_its_announcement_is_corrected(part: Component, folder: Path) -> None:
    work = plans.announced({part: "under_maintenance"}, start=0, end=6)
    announced = work.updates.get()
    assert plans.tick(0)
    refresh(1)
    before = messages(folder, work.public_id)
    correct(announced, LAST, body="Pay before noon.")
    refresh(21)
    assert messages(folder, work.public_id) == before
    assert set(told(before[-1], "urgency")) == {"Immediate"}


def test_a_clock_that_was_put_back_stops_no_publication(part: Component, folder: Path) -> None:
    first = rows.publish(affected={part: "major_outage"})
    correct(first, NOON - timedelta(seconds=2), name="Coast is down")
    refresh(1)
    assert [told(text, "headline")[0] for text in messages(folder, first.incident.public_id)] == ["Coast is down"] * 2
    rows.publish(incident=first.incident, status="resolved", at=NOON - timedelta(seconds=1), affected={part: "operational"})
    refresh(2)
    assert set(told(messages(folder, first.incident.public_id)[-1], "urgency")) == {"Past"}


def test_corrected_words_of_planned_work_move_its_times_too(part: Component, folder: Path) -> None:
    work = plans.announced({part: "under_maintenance"}, start=5, end=6)
    rows._public(
        Correction(planned=work.updates.get(), body=in_all(rows.both("Later.")), reason=in_all(rows.both("Wrong."))), LAST
    )
    refresh(21)
    [said] = json.loads(page(folder, "api/v2/scheduled-maintenances.json", "fresh"))["scheduled_maintenances"]
    assert said["updated_at"] == said["incident_updates"][0]["updated_at"] == "2026-11-24T12:20:00.000+03:00"
    assert page(folder, f"cap/{work.public_id}-2.cap").count("Later.") == 2
