"""What customers should know though nothing is broken: published, shown for its time, withdrawn."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from incidents import announcements, documents, signing
from incidents.drafts import TimelineError
from incidents.languages import by_language, in_all
from incidents.models import Announcement, RecordEntry
from incidents.record import redact
from incidents.verification import verify
from statuspage import page, publishing
from subscribers.models import Notification
from tests.factories import NOON, ComponentFactory, UserFactory
from tests.incidents.plans import announced as planned

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)
TITLE = {"en": "We never ask for your PIN", "sw": "Hatuombi PIN yako kamwe"}
BODY = {"en": "Callers pretend to be us. Hang up.", "sw": "Wapigaji wanajifanya sisi. Kata simu."}


def draft(**fields: Any) -> Announcement:
    given = {"title": in_all(TITLE), "body": in_all(BODY), "starts_at": NOON, "ends_at": NOON + 5 * HOUR, **fields}
    return documents.add(document=Announcement(**given), author=UserFactory(), now=NOON)


def published(**fields: Any) -> Announcement:
    signed = signing.sign(item=draft(**fields), signer=UserFactory(), now=NOON)
    return publishing.publish_announcement(announcement=signed, actor=UserFactory(), now=NOON)


def shown(hours: float) -> list[str]:
    return [one.title["en"] for one in page.build_now(NOON + hours * HOUR).announcements]


def codes(announcement: Announcement) -> list[str]:
    return [blocker.code for blocker in announcements.blockers(announcement, now=NOON)]


def test_it_is_an_entry_and_a_notification_and_shown_for_its_time() -> None:
    published(starts_at=NOON + HOUR)
    entry = RecordEntry.objects.get(kind="announcement")
    assert Notification.objects.filter(record_seq=entry.seq).exists()
    assert [bool(shown(hours)) for hours in (0, 1, 4.9, 5)] == [False, True, True, False]
    assert verify().holds


def test_a_pinned_one_stands_first() -> None:
    published(title=in_all({"en": "Pinned", "sw": "Imebandikwa"}), pinned=True)
    published(title=in_all({"en": "A new number", "sw": "Nambari mpya"}), starts_at=NOON + HOUR, ends_at=None)
    assert shown(2) == ["Pinned", "A new number"]


def test_withdrawn_it_is_gone_from_the_page_at_once_and_stays_in_the_record() -> None:
    announcement = published(ends_at=None)
    for _ in range(2):  # a double click
        publishing.withdraw_announcement(
            announcement=announcement, reason="The number was wrong.", actor=UserFactory(), now=NOON + HOUR
        )
    assert shown(2) == []
    entry = RecordEntry.objects.get(kind="announcement_withdrawn")
    assert Notification.objects.filter(record_seq=entry.seq).exists()
    assert "wrong" not in entry.body, "the reason is for staff"
    assert verify().holds


def test_what_cannot_be_withdrawn_is_said_in_one_line() -> None:
    with pytest.raises(TimelineError, match="Say why"):
        announcements.withdraw(announcement=published(), reason=" ", actor=UserFactory(), now=NOON)
    with pytest.raises(TimelineError, match="not public"):
        announcements.withdraw(announcement=draft(), reason="Wrong.", actor=UserFactory(), now=NOON)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, []),
        ({"title": in_all({"en": "Only English"})}, ["language_missing"]),
        ({"starts_at": NOON - 2 * HOUR, "ends_at": NOON - HOUR}, ["end_past"]),
        ({"body": in_all({"en": "Scheduled maintenance on Sunday.", "sw": "Jumapili."})}, ["maintenance_word"]),
    ],
)
def test_a_draft_that_cannot_go_out_says_why(fields: dict[str, Any], expected: list[str]) -> None:
    assert codes(draft(**fields)) == expected


def test_an_end_before_the_start_is_a_blocker_before_it_is_a_database_error() -> None:
    announcement = draft()
    announcement.ends_at = announcement.starts_at
    assert codes(announcement) == ["end_before_start"]


def test_it_may_speak_of_maintenance_that_is_announced() -> None:
    planned({ComponentFactory(): ""}, now=-1, start=48, end=50)
    assert codes(draft(body=in_all({"en": "Scheduled maintenance on Sunday.", "sw": "Jumapili."}))) == []


@pytest.mark.parametrize(
    ("change", "words"), [({"withdrawn_at": NOON}, "withdrawal"), ({"ends_at": None}, "edited"), ({"pinned": True}, "edited")]
)
def test_the_proof_sees_an_edited_announcement(change: dict[str, Any], words: str) -> None:
    published()
    Announcement.objects.update(**change)
    assert words in verify().problem


def test_its_words_can_be_removed_for_ever() -> None:
    announcement = published()
    assert announcement.record_seq is not None
    redact(seq=announcement.record_seq, field="title.en", requested_by=UserFactory(), approved_by=UserFactory(), now=NOON + HOUR)
    assert by_language(Announcement.objects.get().title)["en"] == "[removed on 2026-11-24]"
    assert verify().holds
