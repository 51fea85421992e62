"""Files that programs read, walked as they lie in a snapshot: each is what its format asks for, whatever people wrote."""

from __future__ import annotations

import json
import os
import re
from datetime import timedelta
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import feedparser
import icalendar
import pytest
from pytest_django.plugin import DjangoDbBlocker

from incidents.languages import in_all
from incidents.models import Rebuttal, ScheduledMaintenance
from statuspage import snapshot, state_words
from statuspage.snapshot import swapping
from tests.factories import NOON
from tests.incidents import plans
from tests.serving import rows_for_a_module
from tests.statuspage import rows
from tests.statuspage.conftest import MFANO_PESA

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("mfano_pesa")]

TURNED = "\u202edesrever\u202c \u2066apart\u2069"
HOSTILE = (
    f"<script>alert(1)</script> ]]> {{{{ 7*7 }}}} {{% now %}} & \" ' \\; , \x0b {TURNED} 🙂 __proto__\nBEGIN:VEVENT\n"
    + "x" * 10_000
)
WHERE = {"fresh": "fresh/pages", "stale": "stale/pages", "archive": "archive/pages"}


@pytest.fixture(scope="module")
def written(django_db_setup: None, django_db_blocker: DjangoDbBlocker, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A generation in which everything was said in hostile words; its rows are gone. Tests read it."""
    folder = tmp_path_factory.mktemp("faces") / "snapshot"
    with rows_for_a_module(django_db_blocker, SNAPSHOT_DIR=folder, **MFANO_PESA):
        say_everything()
    return folder


def say_everything() -> None:
    both = in_all({"en": HOSTILE, "sw": HOSTILE})
    part = rows.component(name=both)
    incident = rows.publish(affected={part: "partial_outage"}, body=both, incident__name=both).incident
    rows.publish(incident=incident, status="identified", body=both, at=NOON + timedelta(minutes=1))
    type(incident).objects.update(name=both)
    plans.announced({part: "partial_outage"}, start=5, end=6)
    ScheduledMaintenance.objects.update(name=both)
    rows.rebuttal(incident=incident)
    Rebuttal.objects.update(claim_quote=HOSTILE, fact_headline=both, what_is_true=both, claim_where=both)
    snapshot.refresh(now=NOON + timedelta(minutes=2))


def files(folder: Path, *endings: str) -> dict[str, bytes]:
    """{name: content} of everything in the current generation that ends so."""
    found = {}
    for half in WHERE.values():
        root = folder / "current" / half
        walked = os.walk(root, followlinks=True)
        for path in sorted(Path(parent, name) for parent, _, names in walked for name in names if name.endswith(endings)):
            found[f"{half}/{path.relative_to(root)}"] = path.read_bytes()
    assert found
    return found


def test_every_feed_reads_without_a_complaint(written: Path) -> None:
    feeds = files(written, ".atom", ".rss")
    assert len(feeds) == 2 * 2 * 5 + 2 * 4  # site and CAP in two forms and languages, a component's in two languages
    for name, raw in feeds.items():
        parsed = feedparser.parse(raw)
        assert not parsed.bozo, (name, parsed.bozo_exception)
        assert parsed.entries, name
        assert all(
            entry.id and entry.links[0].href.startswith("https://status.mfanopesa.example/") for entry in parsed.entries
        ), name
        assert len({entry.id for entry in parsed.entries}) == len(parsed.entries), name


def test_every_json_file_is_json_and_every_drawing_xml(written: Path) -> None:
    for raw in files(written, ".json").values():
        assert isinstance(json.loads(raw), dict)
    for raw in files(written, ".svg", ".cap", ".atom", ".rss").values():
        ElementTree.fromstring(raw)


def test_the_json_feed_has_what_its_version_asks_for(written: Path) -> None:
    for name, raw in files(written, "feed.json").items():
        made = json.loads(raw)
        assert made["version"] == "https://jsonfeed.org/version/1.1", name
        assert made["title"], name
        assert all(item["id"] and item["content_html"] and item["date_published"] for item in made["items"]), name
        assert made["items"], name


def test_every_calendar_reads_without_an_error(written: Path) -> None:
    calendars = files(written, ".ics")
    assert len(calendars) == 4
    for name, raw in calendars.items():
        assert all(len(line) <= 75 for line in raw.split(b"\r\n")), name
        made: Any = icalendar.Calendar.from_ical(raw)
        [event] = made.walk("VEVENT")
        assert (made.errors, event.errors) == ([], []), name
        assert event["UID"].endswith("@status.mfanopesa.example")
        assert event["DTEND"].dt - event["DTSTART"].dt == timedelta(hours=1)
        assert event["STATUS"] == "CONFIRMED"
        assert event["ORGANIZER"] == "mailto:status@mfanopesa.example"


def test_nothing_hostile_lives_in_any_of_them(written: Path) -> None:
    """No script, and no character that turns the text around it."""
    for name, raw in files(written, ".atom", ".rss", ".svg", ".cap", ".ics", ".txt").items():
        text = raw.decode()
        assert "<script" not in text or name.endswith((".txt", ".ics")), name  # those two are read as plain text
        assert not re.search("[\u202a-\u202e\u2066-\u2069\x00\x0b]", text), name
    for name, raw in files(written, ".atom", ".rss").items():
        for entry in feedparser.parse(raw, sanitize_html=False).entries:
            content = entry.content[0].value if "content" in entry else entry.summary
            assert "<script" not in content, name


def test_every_badge_turns_when_stale(written: Path) -> None:
    for name, raw in files(written, "badge.json").items():
        badge = json.loads(raw)
        assert set(badge) == {"schemaVersion", "label", "message", "color", "isError", "cacheSeconds"}, name
        assert (badge["color"] == "lightgrey") == name.startswith("stale/"), name


@pytest.mark.parametrize("ending", ["badge.svg", "badge.txt"])
def test_a_badge_says_its_state_in_a_word_of_its_language(written: Path, ending: str) -> None:
    for name, raw in files(written, ending).items():
        language = "sw" if "/sw/" in name else "en"
        status = "unknown" if name.startswith("stale/") else "partial_outage"
        assert state_words.status_word(status)[language] in raw.decode(), name
        assert len(raw) < 5000, name


def test_a_cap_message_names_those_before_it(written: Path) -> None:
    messages = {name: raw.decode() for name, raw in files(written, ".cap").items()}
    assert len(messages) == 3
    [second] = [text for name, text in messages.items() if name.endswith("-2.cap")]
    assert "<msgType>Update</msgType>" in second
    assert re.search(
        r"<references>status\.mfanopesa\.example,status\.mfanopesa\.example:\w{12}:1,2026-\S+\+03:00</references>", second
    )
    assert second.count("<info>") == 2
    assert not re.search(r"<(?:sent|expires|effective|onset)>[^<]*Z<", "".join(messages.values()))


def test_our_own_json_says_all_of_it_in_both_languages_and_turns_when_stale(written: Path) -> None:
    fresh, stale = (json.loads((written / "current" / form / "api/v1/status.json").read_bytes()) for form in ("fresh", "stale"))
    assert list(fresh) == list(stale)
    assert (fresh["freshness"], fresh["status"]) == ("fresh", "partial_outage")
    assert (stale["freshness"], stale["status"], stale["last_known"]) == ("stale", "unknown", "partial_outage")
    assert {part["status"] for part in stale["components"]} == {"unknown"}
    assert set(fresh["sentence"]) == set(fresh["incidents"][0]["updates"][0]["body"]) == {"en", "sw"}
    assert fresh["components"][0]["age_s"] == 120
    assert [work["phase"] for work in fresh["planned_work"]] == ["scheduled"]


def test_the_frame_is_inert_and_turns_when_stale(written: Path) -> None:
    for name, raw in files(written, "frame.html").items():
        assert b"<script" not in raw, name
        assert ("We can’t confirm" in raw.decode() or "Hatuwezi" in raw.decode()) == name.startswith("stale/"), name
        assert len(raw) < 3000, name


def test_what_search_engines_read_names_every_page_and_its_twin(written: Path) -> None:
    [raw] = files(written, "sitemap.xml").values()
    places = [
        element.text or "" for element in ElementTree.fromstring(raw).iter("{http://www.sitemaps.org/schemas/sitemap/0.9}loc")
    ]
    named = ["/", "/sw/", "/sw/components/send-money", "/answers", "/history/2026-11", "/sw/history/2026-11"]
    known = files(written, ".html")
    answered = [name.partition("/pages")[2].removesuffix(".html") for name in known if "/answers/" in name]
    assert answered
    assert {f"https://status.mfanopesa.example{path}" for path in (*named, *answered)} <= set(places)
    for place in places:
        path = place.removeprefix("https://status.mfanopesa.example").strip("/")
        if path not in ("", "sw") and "incidents/" not in path:
            assert any(name.endswith((f"/pages/{path}.html", f"/pages/{path}/page.html")) for name in known), place


def test_the_data_in_a_page_cannot_end_its_element(written: Path) -> None:
    every = os.walk(written / "current/archive", followlinks=True)
    found = [Path(parent, name) for parent, _, names in every for name in names if name.endswith(".html")]
    pages = [path for path in found if b"ld+json" in path.read_bytes()]
    assert len(pages) == 6  # an incident, planned work and an answer, each in two languages
    for path in pages:
        [inside] = re.findall(r'<script type="application/ld\+json">(.*?)</script>', path.read_text(), re.DOTALL)
        made = json.loads(inside)
        assert made["@type"] in ("Event", "SpecialAnnouncement", "ClaimReview")
        assert "alert(1)" in made.get("name", made.get("claimReviewed"))
        assert "<" not in inside


def test_every_address_in_the_documentation_is_a_file_and_every_kind_of_file_is_documented(written: Path) -> None:
    told = (Path(__file__).parents[2] / "docs" / "formats.md").read_text()
    addresses = re.findall(r"`(/[^` ]*)`", "\n".join(re.findall(r"^\|(.*?)\|", told, re.MULTILINE)))
    patterns = [re.sub(r"<\w+>", r"[\\w-]+", re.escape(address).replace(r"\<", "<").replace(r"\>", ">")) for address in addresses]
    names = set()
    for form in ("fresh", "archive"):
        root = written / "current" / form
        for parent, _, there in os.walk(root, followlinks=True):
            names |= {str(Path(parent, name).relative_to(root)) for name in there if not name.endswith((".gz", ".br", ".html"))}
    places = {f"/{re.sub('^pages/', '', name)}" for name in names if not name.startswith(("sw/", "pages/sw/", "incidents/"))}
    places -= {"/record/record.jsonl", "/text.txt", "/uptime.csv"}  # docs/page.md has those
    places = {re.sub(r"^/history/quarter-\w+\.json$", "/history.json", place) for place in places}
    places = {re.sub(r"^/maintenance/(\w+)\.json$", r"/incidents/\1.json", place) for place in places}  # it is served there
    assert [place for place in sorted(places) if not any(re.fullmatch(one, place) for one in patterns)] == []
    places |= {"/embed/frame"}
    assert [one for one in patterns if not any(re.fullmatch(one, place) for place in places) and "incidents" not in one] == []


def test_nothing_is_made_anew_while_nothing_is_said(snapshot_dir: Path) -> None:
    say_everything()
    before = swapping.read_manifest(snapshot_dir)
    snapshot.refresh(now=NOON + timedelta(minutes=3), force=True)
    after = swapping.read_manifest(snapshot_dir)
    assert before is not None
    assert after is not None
    assert after.pages == before.pages
