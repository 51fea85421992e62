"""Row “Post at a set time” of the edge cases: signed first, taken back at will, given up when the evidence changes."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from django.test import Client
from django.utils import timezone

from incidents import drafts, set_times, signing, timeline
from incidents.models import AuditEvent, Component, IncidentUpdate, SetTime
from statuspage import alerting, freezing, publishing
from statuspage.models import StaffAlert
from statuspage.roles import APPROVER, AUTHOR
from subscribers.models import Notification
from tests.statuspage.desk import OWN_WORDS, a_draft, at, form_of, sign_in, someone

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("pages_unwritten")]


def a_signed_draft() -> tuple[IncidentUpdate, Client]:
    """In own words, asked for and signed by another person; and its author."""
    draft, author = a_draft(), sign_in(someone(AUTHOR, "amina"))
    promise = timezone.localtime(timezone.now() + timedelta(hours=3))
    changes = {**OWN_WORDS, "next_day": f"{promise:%Y-%m-%d}", "next_time": f"{promise:%H:%M}"}
    assert author.post(at(draft), form_of(draft, act="ask", **changes)).status_code == 302
    signing.sign(item=draft, signer=someone(APPROVER, "achieng"), now=timezone.now())
    return IncidentUpdate.objects.get(pk=draft.pk), author


def fields(moment: datetime) -> dict[str, str]:
    local = timezone.localtime(moment)
    return {"act": "set", "out_day": f"{local:%Y-%m-%d}", "out_time": f"{local:%H:%M}"}


def in_an_hour() -> datetime:
    return (timezone.now() + timedelta(hours=1)).replace(second=0, microsecond=0)


def set_for_an_hour() -> tuple[IncidentUpdate, datetime]:
    draft, author = a_signed_draft()
    moment = in_an_hour()
    assert author.post(at(draft, "time"), fields(moment)).status_code == 302
    return draft, moment


def refusals() -> list[str]:
    alerting.raise_due(now=timezone.now() + timedelta(hours=2))
    return list(StaffAlert.objects.filter(kind="set_time").values_list("text", flat=True))


def test_post_at_a_set_time_goes_out_by_the_publisher_then_and_not_before() -> None:
    draft, moment = set_for_an_hour()
    assert publishing.publish_due(now=moment - timedelta(seconds=1)) == []
    [published] = publishing.publish_due(now=moment)
    assert (published.pk, published.published_by, published.published_at) == (draft.pk, None, moment)
    assert publishing.publish_due(now=moment) == []
    assert Notification.objects.get(record_seq=published.record_seq or 0).send_at > moment  # held, as words signed just now are
    assert AuditEvent.objects.get(act="update.set_time").actor_name == "amina"
    assert refusals() == []


def test_the_desk_names_the_time_on_both_clocks_and_takes_it_back() -> None:
    draft, moment = set_for_an_hour()
    author = sign_in(someone(AUTHOR))
    assert f"{timezone.localtime(moment):%H:%M %Z} ({moment:%H:%M} UTC)" in author.get(at(draft)).content.decode()
    assert "by itself" in author.get("/admin/").content.decode()
    author.post(at(draft, "time"), {"act": "back"})
    assert publishing.publish_due(now=moment) == []
    assert not SetTime.objects.standing().exists()


@pytest.mark.parametrize(
    ("moment", "words"),
    [
        (timedelta(minutes=-5), "That time has passed"),
        (timedelta(days=8), "within the next 7 days"),
        (timedelta(hours=4), "the promised next update is over"),
    ],
)
def test_a_time_that_cannot_be_kept_is_refused_in_words_and_stays_in_its_field(moment: timedelta, words: str) -> None:
    draft, author = a_signed_draft()
    typed = fields(timezone.now() + moment)
    answer = author.post(at(draft, "time"), typed)
    assert answer.status_code == 422
    assert words in answer.content.decode()
    assert f'value="{typed["out_time"]}"' in answer.content.decode()


def test_without_a_signature_no_time_is_set() -> None:
    draft = a_draft()
    drafts.edit_update(update=draft, actor=someone(AUTHOR), now=timezone.now(), body={"en": "Wait.", "sw": "Subiri."})
    answer = sign_in(someone(AUTHOR)).post(at(draft, "time"), fields(in_an_hour()))
    assert "Another person signs first" in answer.content.decode()
    assert not SetTime.objects.exists()


def test_an_approver_signs_now_and_sets_the_time_in_one_press() -> None:
    draft = a_draft()
    soon = timezone.now() + timedelta(hours=3)
    body = {"en": "A link is cut.", "sw": "Kiungo kimekatika."}
    drafts.edit_update(update=draft, actor=someone(AUTHOR), now=timezone.now(), body=body, next_update_by=soon)
    answer = sign_in(someone(APPROVER)).post(at(draft, "sign"), {**fields(in_an_hour()), "act": "later"})
    assert answer.status_code == 302
    draft.refresh_from_db()
    assert (draft.publication, signing.signature_state(draft)) == ("draft", "valid")
    assert set_times.standing(draft) is not None


def test_evidence_that_changes_state_voids_the_time_at_once_and_calls_people() -> None:
    draft, moment = set_for_an_hour()
    part = Component.objects.get(code="stk-push")
    timeline.observe(component=part, status="major_outage", since=timezone.now(), now=timezone.now())
    assert publishing.publish_due(now=moment - timedelta(minutes=30)) == []
    assert refusals() == ["What probes say of its services has changed since."]
    assert "has changed since" in sign_in(someone(AUTHOR)).get("/admin/").content.decode()
    draft.refresh_from_db()
    assert draft.publication == "draft"


def test_a_gate_that_has_closed_keeps_it_back_and_calls_people() -> None:
    draft, moment = set_for_an_hour()
    IncidentUpdate.objects.filter(pk=draft.pk).update(next_update_by=moment)
    signed = IncidentUpdate.objects.get(pk=draft.pk)
    IncidentUpdate.objects.filter(pk=draft.pk).update(signature_hash=signing.content_hash(signed))
    assert publishing.publish_due(now=moment) == []
    assert refusals() == ["The promised time has passed: promise a later one."]


def test_words_that_were_changed_since_are_not_sent_at_their_time() -> None:
    draft, moment = set_for_an_hour()
    drafts.edit_update(update=draft, actor=someone(AUTHOR), now=timezone.now(), body={"en": "Other.", "sw": "Nyingine."})
    assert publishing.publish_due(now=moment) == []
    assert refusals() == ["It was changed after its time was set."]


def test_a_freeze_keeps_it_back_and_lifted_late_it_is_not_sent() -> None:
    _, moment = set_for_an_hour()
    someone_who_may = someone(AUTHOR)
    freezing.freeze(reason="A drill.", actor=someone_who_may, now=timezone.now())
    assert publishing.publish_due(now=moment) == []
    freezing.unfreeze(actor=someone_who_may, now=timezone.now())
    assert publishing.publish_due(now=moment + timedelta(minutes=30)) == []
    assert "more than 10 minutes ago" in refusals()[0]


def test_words_published_by_hand_before_their_time_go_out_once() -> None:
    draft, moment = set_for_an_hour()
    publishing.publish_update(update_id=draft.pk, actor=someone(AUTHOR), now=timezone.now())
    assert publishing.publish_due(now=moment) == []
    assert not SetTime.objects.standing().exists()
    assert refusals() == []
