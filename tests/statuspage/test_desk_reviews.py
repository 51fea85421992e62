"""Reviews at the desk: figures computed and never typed, measures with owner and day, signed by another person."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from incidents.models import Incident, Review
from statuspage.roles import APPROVER, AUTHOR
from tests.statuspage import rows
from tests.statuspage.desk import page_of, sign_in, someone
from tests.statuspage.forms import posted

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("pages_unwritten")]
WORDS = {
    "cause_en": "A link broke.",
    "cause_sw": "Kiungo kilikatika.",
    "measures_en": "We used a second link.",
    "measures_sw": "Tulitumia kiungo cha pili.",
    "apology_en": "You could not pay. We are sorry.",
    "apology_sw": "Hukuweza kulipa. Samahani.",
    "prevention_1_what_en": "Test the second link each month",
    "prevention_1_what_sw": "Kujaribu kiungo cha pili kila mwezi",
    "prevention_1_owner_en": "Platform",
    "prevention_1_owner_sw": "Jukwaa",
    "prevention_1_by": "2030-01-31",
}


@pytest.fixture
def author() -> Client:
    return sign_in(someone(AUTHOR, "asha"))


@pytest.fixture
def over() -> Incident:
    """Public for two hours, over since an hour ago."""
    now, part = timezone.now(), rows.component()
    incident = rows.publish(at=now - timedelta(hours=3), affected={part: "major_outage"}).incident
    rows.publish(incident=incident, at=now - timedelta(hours=1), status="resolved", affected={part: "operational"})
    return incident


def new_of(incident: Incident) -> str:
    return f"/admin/incidents/review/add/?incident={incident.pk}"


def drafted(author: Client, incident: Incident, **changes: Any) -> Review:
    answer = author.post(new_of(incident), posted(author.get(new_of(incident)), **{**WORDS, **changes}))
    assert answer.status_code == 302, answer.content.decode()
    return Review.objects.latest("id")


def publish(draft: Review) -> Any:
    approver = sign_in(someone(APPROVER))
    seen = approver.get(page_of(draft, "sign")).context["seen_hash"]
    return approver.post(page_of(draft, "sign"), {"seen_hash": seen, "act": "publish"})


def test_a_review_shows_computed_figures_and_goes_out_signed(author: Client, over: Incident) -> None:
    draft = drafted(author, over)
    page = author.get(page_of(draft)).content.decode()
    assert "2 h 4 min" in page  # from the record: it began four minutes before the first word
    assert "Nothing blocks this" not in page  # its signature is missing
    assert publish(draft).status_code == 302
    draft.refresh_from_db()
    assert draft.is_published
    assert draft.prevention[0]["by"] == "2030-01-31"


def test_a_measure_without_an_owner_or_a_day_blocks_and_is_led_to(author: Client, over: Incident) -> None:
    draft = drafted(author, over, prevention_1_owner_sw="", prevention_1_by="")
    page = author.get(page_of(draft)).content.decode()
    assert 'href="#prevention_1_owner_sw"' in page
    assert 'id="prevention_1_owner_sw"' in page
    assert "Say by which day number 1 is done" in page
    assert publish(draft).status_code == 409  # signed, and kept back
    draft.refresh_from_db()
    assert not draft.is_published


def test_a_cause_not_yet_known_asks_for_a_date(author: Client, over: Incident) -> None:
    draft = drafted(author, over, cause_known="no", cause_en="", cause_sw="")
    assert b"say by when you will say more" in author.get(page_of(draft)).content
    page = author.get(page_of(draft))
    author.post(page_of(draft), posted(page, cause_due_at_day="2030-01-02", cause_due_at_time="17:00"))
    assert publish(draft).status_code == 302
    draft.refresh_from_db()
    assert draft.is_published


def test_a_next_version_begins_with_the_words_of_the_last(author: Client, over: Incident) -> None:
    publish(drafted(author, over))
    page = author.get(new_of(over))
    assert posted(page)["cause_en"] == "A link broke."
    assert posted(page)["prevention_1_owner_en"] == "Platform"
    publish(drafted(author, over, cause_en="A link broke, and its spare too."))
    assert Review.objects.published().count() == 2


def test_the_list_says_which_reviews_are_owed(author: Client, over: Incident) -> None:
    page = author.get("/admin/incidents/review/")
    assert [row[0].pk for row in page.context["due"]] == [over.pk]
    publish(drafted(author, over))
    assert author.get("/admin/incidents/review/").context["due"] == []


def test_a_public_incident_that_is_not_over_has_no_review_yet(author: Client) -> None:
    incident = rows.publish(at=timezone.now() - timedelta(hours=1)).incident
    draft = drafted(author, incident)
    assert b"The incident is not resolved yet" in author.get(page_of(draft)).content
