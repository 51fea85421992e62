"""A language that came after everything was published: what nobody has written in it is said in the first, as what it is."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import html5lib
import pytest

from incidents.languages import StandIn, in_all, to_read
from incidents.models import Announcement, Correction, IncidentUpdate, MaintenanceUpdate
from incidents.words import IncidentStatus
from statuspage import snapshot, text_packs
from subscribers import telling
from subscribers.items import item_of
from subscribers.transports import statuspage_bodies
from tests.factories import NOON
from tests.incidents import plans
from tests.statuspage import rows
from tests.statuspage.test_validity import files

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("mfano_pesa")]
LATER = ("fr", "ar")
# What was written before anybody thought of them.
SAID = (
    "Send money",
    "A bank is slow.",
    "Payments to one bank fail.",
    "Payments in the north fail.",
    "We named the wrong place.",
    "Wait for your SMS.",
    "Balances are not changed.",
    "We were wrong.",
    "A technical fault delays payments",
    "A queue stopped.",
    "Nobody asked us to stop.",
    "Log of changes",
    "Chief officer",
    "The cause of it.",
    "A second queue",
    "This is who.",
    "Callers ask for PINs",
    "Hang up.",
    "A link is moved.",
)


def text(english: str) -> Any:
    return in_all(rows.both(english))


@pytest.fixture
def update(settings: Any, tmp_path: Path) -> IncidentUpdate:
    """Everything is published in two languages; then there are four."""
    settings.SNAPSHOT_DIR = tmp_path / "snapshot"
    part = rows.component(showcase=True)
    made = rows.publish(
        affected={part: "major_outage"},
        incident__name=text("A bank is slow."),
        body=text("Payments to one bank fail."),
        what_to_do=text("Wait for your SMS."),
        next_update_by=NOON + timedelta(minutes=30),
    )
    type(made.incident).objects.update(name=text("A bank is slow."))
    corrected = Correction(update=made, body=text("Payments in the north fail."), reason=text("We named the wrong place."))
    rows._public(corrected, NOON + timedelta(minutes=1))
    rows.statement(made.incident)
    rows.withdrawal(rows.statement(made.incident, "money"), at=NOON + timedelta(minutes=2))
    rows.redress(made.incident)
    rows.rebuttal(incident=made.incident)
    over = rows.publish(at=NOON - timedelta(days=2), affected={part: "major_outage"}, body=text("A link is moved.")).incident
    rows.publish(incident=over, at=NOON - timedelta(days=1), status=IncidentStatus.RESOLVED, affected={part: "operational"})
    rows.review(over)
    warned = Announcement(title=text("Callers ask for PINs"), body=text("Hang up."), starts_at=NOON - timedelta(hours=1))
    rows._public(warned, NOON)
    plans.announced({part: "under_maintenance"}, start=5, end=6)
    settings.LANGUAGES = [*settings.LANGUAGES, ("fr", "Français"), ("ar", "العربية")]
    snapshot.rebuild_all(now=NOON + timedelta(minutes=5))
    return made


def test_no_file_in_it_leaves_out_what_the_first_language_says(update: IncidentUpdate, settings: Any) -> None:
    written = {name: raw for name, raw in files(settings.SNAPSHOT_DIR).items() if not name.endswith((".png", ".ico"))}
    found = {name: " ".join(raw.decode().lower().split()) for name, raw in written.items()}
    seen = set()
    for name, own, later in twins(found):
        said = {words for words in SAID if words.lower() in own}
        seen |= said
        assert {words for words in said if words.lower() not in later} == set(), name
        for blank in ("“”", "<p>: ", "<strong></strong>", "<p></p>", "<summary></summary>", ": </p>", "- </p>"):
            assert later.count(blank) <= own.count(blank), (name, blank)
    assert seen == set(SAID)


def twins(found: dict[str, str]) -> Iterator[tuple[str, str, str]]:
    """(name, in the first language, in a later one) of every file that has one."""
    for name, later in found.items():
        folders = name.split("/")
        if code := next((folder for folder in folders if folder in LATER), None):
            folders.remove(code)
            yield name, found["/".join(folders)], later


def test_pages_say_whose_language_it_is_and_stay_html(update: IncidentUpdate, settings: Any) -> None:
    found = files(settings.SNAPSHOT_DIR, ".html")
    parser = html5lib.HTMLParser()
    for name, raw in found.items():
        parser.parse(raw, transport_encoding="utf-8")
        assert not parser.errors, (name, parser.errors[:3])
    page = next(raw for name, raw in found.items() if name.endswith(f"fr/{update.incident.public_id}.html")).decode()
    assert '<span lang="en">Payments in the north fail.</span></p><p class="m">The translation is still to come.' in page
    first = next(raw for name, raw in found.items() if name.endswith(f"{update.incident.public_id}.html") and "/fr/" not in name)
    assert b"still to come" not in first


def test_our_own_json_has_no_empty_text_in_any_language(update: IncidentUpdate, settings: Any) -> None:
    said = {name: raw for name, raw in files(settings.SNAPSHOT_DIR, "status.json").items() if "/v1/" in name}
    assert len(said) == 2
    for raw in said.values():
        assert {code for code, words in texts(json.loads(raw)) if not words} == set()


def texts(value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        if "fr" in value and value.get("en"):
            yield from value.items()
        value = list(value.values())
    if isinstance(value, list):
        for one in value:
            yield from texts(one)


def test_a_warning_for_programs_has_no_part_in_a_language_nobody_wrote_it_in(update: IncidentUpdate, settings: Any) -> None:
    for name, raw in files(settings.SNAPSHOT_DIR, ".cap").items():
        assert b"<language>en</language>" in raw, name
        assert b"<language>fr</language>" not in raw, name


def test_texts_to_copy_and_webhooks_are_not_blank(update: IncidentUpdate) -> None:
    for pack in text_packs.packs_of(update, now=NOON):
        if pack.language in LATER:
            assert all("north fail" in piece.text or "Wait for your SMS." in piece.text for piece in pack.pieces), pack.language
    for document, words in ((update, "Payments in the north fail."), (MaintenanceUpdate.objects.get(), plans.BODY["en"])):
        said = telling.tell(item_of(document), "fr")
        assert all((said.subject, said.about or said.headline, *(section.text for section in said.sections)))
        hook = statuspage_bodies.body_of(item_of(document), "fr")
        assert hook
        assert hook["incident"]["name"]
        assert hook["incident"]["incident_updates"][0]["body"] == words


def test_a_correction_in_the_new_language_ends_it(update: IncidentUpdate, settings: Any) -> None:
    words = {**rows.both("Payments in the north fail."), "fr": "Au nord, les paiements échouent."}
    rows._public(Correction(update=update, body=in_all(words), reason=text("Translated.")), NOON + timedelta(minutes=6))
    snapshot.rebuild_all(now=NOON + timedelta(minutes=7))
    pages = files(settings.SNAPSHOT_DIR, f"{update.incident.public_id}.html")
    page = next(raw for name, raw in pages.items() if "/fr/" in name).decode()
    assert "Au nord, les paiements échouent.</p>" in page


def test_what_stands_in_is_the_first_that_is_written_and_nothing_stays_nothing(settings: Any) -> None:
    settings.LANGUAGES = [("fr", "Français"), ("en", "English"), ("sw", "Kiswahili")]
    read = to_read({"en": "Wait.", "sw": "Subiri."})
    assert read == {"fr": "Wait.", "en": "Wait.", "sw": "Subiri."}
    assert isinstance(read["fr"], StandIn)
    assert read["fr"].language == "en"
    assert to_read({}) == {"fr": "", "en": "", "sw": ""}
