"""Locked phrases need an engineer; banned ones, and the word maintenance, never go out."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import Group, User

from incidents import documents, drafts, signing, ticks
from incidents.languages import in_all
from incidents.models import Component, Correction, IncidentUpdate, Notice, PhraseTick, Redress
from incidents.signing import SigningRefused
from statuspage import grounds, publishing, roles
from statuspage.publishing import Blocked
from tests.factories import ComponentFactory, NoticeFactory, UserFactory
from tests.incidents.helpers import all_notices
from tests.incidents.test_incident_facts import at

pytestmark = pytest.mark.django_db

REFUND = {"en": "Whoever paid twice gets a refund by 6:00 pm EAT.", "sw": "Aliyelipa mara mbili atarudishiwa."}
PLAIN = {"en": "A cable was cut.", "sw": "Waya umekatika."}


@pytest.fixture
def engineer() -> User:
    roles.sync()
    person = UserFactory()
    person.groups.add(Group.objects.get(name=roles.ENGINEER))
    return User.objects.get(pk=person.pk)


@pytest.fixture
def component() -> Component:
    return ComponentFactory(code="paybill")


@pytest.fixture
def public(component: Component) -> IncidentUpdate:
    notices: dict[str, Notice] = all_notices()
    return publishing.publish_notice(component=component, notice=notices["down"], actor=UserFactory(), now=at(0))


@pytest.fixture
def draft(public: IncidentUpdate, component: Component) -> IncidentUpdate:
    return write(public, component, REFUND)


def write(public: IncidentUpdate, component: Component, body: dict[str, str], **more: Any) -> IncidentUpdate:
    update = drafts.add_update(
        incident=public.incident,
        status="identified",
        body=body,
        affected={component: "partial_outage"},
        next_update_by=at(60),
        author=UserFactory(),
        now=at(5),
        more=more,
    )
    return signing.sign(item=update, signer=UserFactory(), now=at(5))


def codes(update: IncidentUpdate) -> list[str]:
    return [blocker.code for blocker in publishing.blockers_of(update, now=at(6))]


def test_a_locked_phrase_waits_for_an_engineer(draft: IncidentUpdate, engineer: User) -> None:
    assert codes(draft) == ["phrase_unticked", "phrase_unticked"]  # once a language
    ticks.tick(item=draft, code="refund", engineer=engineer, ground="Ledger, 12:05", now=at(6))
    assert codes(draft) == []
    assert ticks.tick(item=draft, code="refund", engineer=engineer, ground="Again", now=at(7)).ground == "Ledger, 12:05"


def test_a_tick_is_for_the_words_as_they_are(draft: IncidentUpdate, engineer: User) -> None:
    ticks.tick(item=draft, code="refund", engineer=engineer, ground="Ledger", now=at(6))
    drafts.edit_update(update=draft, actor=UserFactory(), now=at(6), body={**REFUND, "en": "Everybody gets a refund."})
    assert "phrase_unticked" in codes(draft)


def test_who_is_no_engineer_or_wrote_it_or_says_no_ground_ticks_nothing(draft: IncidentUpdate, engineer: User) -> None:
    for person, code, ground, words in (
        (UserFactory(is_superuser=False), "refund", "Ledger", "Only an engineer"),
        (engineer, "refund", " ", "where you looked"),
        (engineer, "all_customers", "Ledger", "Nothing in it needs"),
    ):
        with pytest.raises(SigningRefused, match=words):
            ticks.tick(item=draft, code=code, engineer=person, ground=ground, now=at(6))
    drafts.edit_update(update=draft, actor=engineer, now=at(6), body=PLAIN)
    drafts.edit_update(update=draft, actor=UserFactory(), now=at(6), body=REFUND)
    with pytest.raises(SigningRefused, match="You wrote part"):
        ticks.tick(item=draft, code="refund", engineer=engineer, ground="Ledger", now=at(6))
    assert not PhraseTick.objects.exists()


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({**PLAIN, "en": "All your data is secure."}, "banned_phrase"),
        ({**PLAIN, "sw": "Huduma inafanyiwa matengenezo."}, "maintenance_word"),
    ],
)
def test_what_is_banned_never_goes_out(public: IncidentUpdate, component: Component, body: dict[str, str], code: str) -> None:
    assert code in codes(write(public, component, body))


def test_words_beside_the_body_are_read_too(public: IncidentUpdate, component: Component) -> None:
    update = write(public, component, PLAIN, what_to_do={"en": "It cannot be hacked.", "sw": "Subiri."})
    [blocker] = publishing.blockers_of(update, now=at(6))
    assert (blocker.code, blocker.field) == ("banned_phrase", "what_to_do.en")


def test_no_money_was_lost_is_banned_while_double_debits_are_open(public: IncidentUpdate, component: Component) -> None:
    update = write(public, component, {"en": "No money was lost.", "sw": "Salio ni lile lile."})
    assert codes(update) == []
    grounds.note(incident=public.incident, actor=UserFactory(), now=at(5), duplicates_open=True)
    assert codes(update) == ["banned_phrase"]


def test_documents_of_every_kind_pass_the_same_gates(public: IncidentUpdate, engineer: User) -> None:
    correction = Correction(update=public, body=in_all(REFUND), reason=in_all({"en": "It was maintenance.", "sw": "Saa."}))
    draft = documents.add(document=correction, author=UserFactory(), now=at(5))
    signing.sign(item=draft, signer=UserFactory(), now=at(5))
    with pytest.raises(Blocked) as refusal:
        publishing.publish_correction(correction=draft, actor=None, now=at(6))
    found = [(blocker.code, blocker.field) for blocker in refusal.value.blockers]
    assert found == [("maintenance_word", "reason.en"), ("phrase_unticked", "body.en"), ("phrase_unticked", "body.sw")]


def test_a_ticked_document_goes_out(public: IncidentUpdate, engineer: User) -> None:
    redress = Redress(
        incident=public.incident, who=in_all(PLAIN), how=in_all(REFUND), complain=in_all(PLAIN), good_by=at(9_999).date()
    )
    draft = documents.add(document=redress, author=UserFactory(), now=at(5))
    signing.sign(item=draft, signer=UserFactory(), now=at(5))
    ticks.tick(item=draft, code="refund", engineer=engineer, ground="Ledger", now=at(6))
    assert publishing.publish_redress(redress=draft, actor=None, now=at(6)).is_published


@pytest.mark.parametrize(("text", "words"), [("All your data is secure.", "signed, dated"), ("You get a refund.", "tick")])
def test_a_notice_is_signed_without_phrases_that_need_somebody_on_the_day(text: str, words: str) -> None:
    notice = NoticeFactory(body=in_all({"en": text, "sw": "Subiri."}))
    with pytest.raises(SigningRefused, match=words):
        signing.sign_notice(notice=notice, signer=UserFactory(), now=at(0))
