"""The freeze: nothing goes out by itself until a person lifts it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from incidents.models import AuditEvent, IncidentUpdate
from incidents.rights import NotPermitted
from statuspage import freezing, publishing
from statuspage.models import Freeze
from statuspage.roles import APPROVER, AUDITOR, AUTHOR, ENGINEER
from tests.factories import UserFactory
from tests.statuspage.desk import a_draft, sign_in, someone

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("pages_unwritten")]
LATER = timedelta(minutes=6)


def test_a_freeze_holds_back_the_unattended_first_notice_until_it_is_lifted() -> None:
    draft, person = a_draft(), UserFactory()
    now = timezone.now()
    freezing.freeze(reason="The probes are wrong.", actor=person, now=now)
    assert publishing.publish_due(now=now + LATER) == []
    assert publishing.advance_maintenance(now=now + LATER) == 0
    freezing.unfreeze(actor=person, now=now)
    assert [update.pk for update in publishing.publish_due(now=now + LATER)] == [draft.pk]


def test_a_person_publishes_under_a_freeze() -> None:
    draft, person = a_draft(), UserFactory()
    now = timezone.now()
    freezing.freeze(reason="The probes are wrong.", actor=person, now=now)
    assert publishing.publish_update(update_id=draft.pk, actor=person, now=now).is_published


def test_one_freeze_holds_and_both_acts_are_logged() -> None:
    person, now = UserFactory(), timezone.now()
    first = freezing.freeze(reason="A drill.", actor=person, now=now)
    assert freezing.freeze(reason="Another.", actor=person, now=now) == first
    freezing.unfreeze(actor=person, now=now)
    freezing.unfreeze(actor=person, now=now)
    assert list(AuditEvent.objects.values_list("act", flat=True)) == ["publishing.unfreeze", "publishing.freeze"]
    with pytest.raises(freezing.FreezeRefused, match="Say why"):
        freezing.freeze(reason=" ", actor=person, now=now)
    with pytest.raises(NotPermitted):
        freezing.freeze(reason="Because.", actor=someone(AUDITOR), now=now)
    assert Freeze.objects.filter(lifted_at=None).count() == 0


def test_the_desk_says_so_on_every_page_until_it_is_lifted() -> None:
    client = sign_in(someone(ENGINEER, "zawadi"))
    assert client.post("/admin/freeze/", {"act": "freeze", "reason": ""}).status_code == 422
    assert client.post("/admin/freeze/", {"act": "freeze", "reason": "A drill."}).status_code == 302
    page = sign_in(someone(APPROVER)).get("/admin/incidents/incident/").content.decode()
    assert "by zawadi: nothing goes out by itself" in page
    assert "Lift the freeze" in page
    assert "Lift the freeze" not in sign_in(someone(AUDITOR)).get("/admin/").content.decode()
    assert sign_in(someone(AUTHOR)).post("/admin/freeze/", {"act": "lift"}).status_code == 302
    assert "nothing goes out by itself" not in client.get("/admin/").content.decode()
    assert not IncidentUpdate.objects.exists()
