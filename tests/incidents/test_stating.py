"""Statements on data and funds in rows: who signs, what stands, what takes it back, what appears by itself."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group

from incidents import breaches, documents, record, statements, stating, withdrawing
from incidents.drafts import TimelineError
from incidents.languages import by_language, in_all
from incidents.models import (
    Breach,
    Component,
    Incident,
    Notice,
    RecordEntry,
    Statement,
    StatementSignature,
    Withdrawal,
)
from incidents.policy import Gate
from incidents.signing import SigningRefused, sign
from incidents.statements import WORDS, Level, Role
from incidents.verification import verify
from incidents.words import Impact
from statuspage import grounds, publishing, roles
from statuspage.publishing import Blocked
from subscribers.models import Notification
from tests.factories import ComponentFactory, UserFactory
from tests.incidents.helpers import all_notices, safety_notices
from tests.incidents.test_incident_facts import at, write

pytestmark = pytest.mark.django_db

SECURITY, OPERATIONS, DPO, CFO = (
    Role.HEAD_OF_SECURITY,
    Role.OPERATIONS,
    Role.DATA_PROTECTION_OFFICER,
    Role.CHIEF_FINANCIAL_SERVICES_OFFICER,
)


@pytest.fixture
def notices() -> dict[str, Notice]:
    return all_notices()


@pytest.fixture
def component(notices: dict[str, Notice]) -> Component:
    return ComponentFactory(code="paybill")


@pytest.fixture
def say(component: Component, notices: dict[str, Notice]) -> Callable[..., Incident]:
    def publish(code: str, minute: float) -> Incident:
        update = publishing.publish_notice(component=component, notice=notices[code], actor=UserFactory(), now=at(minute))
        return Incident.objects.get(pk=update.incident_id)

    return publish


@pytest.fixture
def incident(say: Callable[..., Incident]) -> Incident:
    """Public, open and major since noon; the notices for level 0 and the advice are signed."""
    safety_notices()
    return say("down", 0)


def ready(incident: Incident, **known: Any) -> Incident:
    """All that any level asks for is established."""
    grounds.set_security(incident=incident, value="no", reason="Triage", actor=UserFactory(), now=at(2))
    established = {"triage": "Nothing", "log_review": "Folder 7", "reconciliation": "3 of 4 banks agree", **known}
    grounds.note(incident=incident, actor=UserFactory(), now=at(2), **established)
    return Incident.objects.get(pk=incident.pk)


def signed(incident: Incident, level: Level, *by: Role, minute: float = 3, **more: Any) -> Statement:
    statement = stating.draft(incident=incident, level=level, author=UserFactory(), now=at(minute), **more)
    for role in by:
        statement = stating.sign(statement=statement, role=role, held={role}, signer=UserFactory(), now=at(minute))
    return statement


def publish(statement: Statement, minute: float = 4) -> Statement:
    return publishing.publish_statement(statement=statement, actor=None, now=at(minute))


def stands(incident: Incident) -> dict[str, str]:
    return {ladder: row.level for ladder, row in stating.newest(incident).items() if not row.withdrawal}


def refused(act: Callable[[], Any]) -> list[str]:
    with pytest.raises(Blocked) as refusal:
        act()
    return [blocker.code for blocker in refusal.value.blockers]


def test_a_statement_that_nobody_signed_goes_out_where_the_gate_is_off_says_so_and_lapses(
    incident: Incident, settings: Any
) -> None:
    draft = signed(incident, Level.NO_SIGN)
    assert refused(lambda: publish(draft)) == ["triage_missing", "signature_missing"]
    settings.GATES_OFF = frozenset({Gate.SIGNATURE, Gate.STATEMENT_GROUND})
    said = publish(draft)
    assert said.waived == ["signature", "statement_ground"]
    assert said.expires_at == at(4) + statements.HOLDS_FOR
    assert stands(incident)["data"] == "1"
    assert stating.due(now=at(4) + statements.HOLDS_FOR) == [incident]
    assert verify().holds


# --- By itself ---------------------------------------------------------------------------------


def test_level_0_and_the_advice_appear_with_the_word_that_makes_an_incident_major(incident: Incident) -> None:
    assert stands(incident) == {"data": "0", "advice": "advice"}
    kinds = RecordEntry.objects.order_by("seq").values_list("kind", flat=True)
    assert list(kinds) == ["incident_update", "component_status", "statement", "statement"]
    assert Notification.objects.filter(kind="statement").count() == 2
    said = Statement.objects.get(level=Level.CHECKING)
    assert (by_language(said.body), said.signature_kind) == (WORDS[Level.CHECKING], "notice")
    assert verify().holds


def test_a_minor_incident_says_nothing_of_data_by_itself(say: Callable[..., Incident]) -> None:
    safety_notices()
    incident = say("delayed", 0)
    assert incident.impact == Impact.MINOR
    assert stands(incident) == {}
    grounds.set_impact(incident=incident, impact="critical", reason="Everyone", actor=UserFactory(), now=at(3))
    assert stands(incident) == {"data": "0", "advice": "advice"}


def test_a_second_word_does_not_say_it_again(incident: Incident, say: Callable[..., Incident]) -> None:
    say("no-change", 10)
    assert Statement.objects.count() == 2


def test_without_a_signed_notice_nothing_is_said_and_it_follows_once_it_is_signed(say: Callable[..., Incident]) -> None:
    incident = say("down", 0)
    assert stands(incident) == {}
    grounds.follow_due(now=at(1))
    assert stands(incident) == {}
    safety_notices()
    grounds.follow_due(now=at(2))
    assert stands(incident) == {"data": "0", "advice": "advice"}
    before = record.head().seq
    grounds.follow_due(now=at(3))
    assert record.head().seq == before


def test_a_notice_about_data_is_no_update(incident: Incident, component: Component) -> None:
    notice = Notice.objects.get(code="checking")
    assert refused(lambda: publishing.publish_notice(component=component, notice=notice, actor=None, now=at(5))) == [
        "notice_is_statement"
    ]


# --- Signing -----------------------------------------------------------------------------------


def test_a_statement_goes_out_when_every_role_has_signed_it(incident: Incident) -> None:
    incident = ready(incident)
    half = signed(incident, Level.NOT_ACCESSED, SECURITY)
    assert refused(lambda: publish(half)) == ["signature_missing"]
    whole = stating.sign(statement=half, role=DPO, held={DPO}, signer=UserFactory(), now=at(3))
    said = publish(whole)
    assert said.expires_at == at(3) + timedelta(hours=24)
    assert stands(incident) == {"data": "3", "advice": "advice"}
    assert said.facts()["signed_in"] == ["data_protection_officer", "head_of_security"]
    assert verify().holds


def test_nobody_signs_without_the_role_their_own_words_or_twice(incident: Incident) -> None:
    author, one = UserFactory(), UserFactory()
    statement = stating.draft(incident=ready(incident), level=Level.NOT_ACCESSED, author=author, now=at(3))

    def try_to_sign(role: Role, held: set[Role], signer: Any, seen: str = "") -> str:
        with pytest.raises(SigningRefused) as refusal:
            stating.sign(statement=statement, role=role, held=held, signer=signer, now=at(3), seen_hash=seen)
        return str(refusal.value)

    assert "do not sign as head of security" in try_to_sign(SECURITY, {OPERATIONS}, one)
    assert "You wrote" in try_to_sign(SECURITY, {SECURITY}, author)
    assert "is not signed by the operations" in try_to_sign(OPERATIONS, {OPERATIONS}, one)
    assert "Read it again" in try_to_sign(SECURITY, {SECURITY}, one, seen="f" * 64)
    stating.sign(statement=statement, role=SECURITY, held={SECURITY, DPO}, signer=one, now=at(3))
    assert "another role" in try_to_sign(DPO, {SECURITY, DPO}, one)


def test_one_signature_of_the_common_kind_does_not_stand_in_for_the_roles(incident: Incident) -> None:
    statement = stating.draft(incident=ready(incident), level=Level.NO_SIGN, author=UserFactory(), now=at(3))
    sign(item=statement, signer=UserFactory(), now=at(3))
    assert refused(lambda: publish(statement)) == ["signature_missing"]


def test_a_change_of_the_words_voids_every_signature(incident: Incident) -> None:
    statement = signed(ready(incident), Level.NO_SIGN, SECURITY)
    documents.edit(document=statement, actor=UserFactory(), now=at(4), scope=in_all({"en": "Tills", "sw": "Till"}))
    assert refused(lambda: publish(statement)) == ["signature_missing"]


@pytest.mark.parametrize(
    ("words", "codes"),
    [
        ({"en": "All your data is secure.", "sw": "Hakuna."}, ["banned_phrase", "words_not_permitted", "words_not_permitted"]),
        ({"en": WORDS[Level.NOT_ACCESSED]["en"], "sw": ""}, ["language_missing", "words_not_permitted"]),
    ],
)
def test_a_level_says_its_own_words_in_every_language(incident: Incident, words: dict[str, str], codes: list[str]) -> None:
    statement = stating.draft(incident=ready(incident), level=Level.NO_SIGN, author=UserFactory(), now=at(3))
    statement = documents.edit(document=statement, actor=UserFactory(), now=at(3), body=in_all(words))
    statement = stating.sign(statement=statement, role=SECURITY, held={SECURITY}, signer=UserFactory(), now=at(3))
    assert sorted(refused(lambda: publish(statement))) == sorted(codes)


def test_the_level_on_money_says_by_when_and_asks_for_the_books(incident: Incident) -> None:
    with pytest.raises(TimelineError, match="by when"):
        stating.draft(incident=incident, level=Level.MONEY, author=UserFactory(), now=at(3))
    incident = ready(incident, reconciliation="")
    money = signed(incident, Level.MONEY, CFO, by=at(60 * 6))
    assert "by 6:00 pm" in by_language(money.body)["en"]
    assert refused(lambda: publish(money)) == ["reconciliation_missing"]
    grounds.note(incident=incident, actor=UserFactory(), now=at(4), reconciliation="All agree")
    publish(money)
    assert stands(incident) == {"data": "0", "money": "money", "advice": "advice"}


@pytest.mark.parametrize(("group", "role"), roles.SIGNS_AS.items())
def test_the_roles_of_the_desk_say_who_signs_as_what(group: str, role: Role) -> None:
    roles.sync()
    person = UserFactory()
    assert roles.held_by(person) == set()
    person.groups.add(Group.objects.get(name=group))
    assert roles.held_by(person) == {role}


# --- Taken back --------------------------------------------------------------------------------


@pytest.fixture
def standing(incident: Incident) -> Incident:
    """Level 3 and money stand since 12:04."""
    incident = ready(incident)
    publish(signed(incident, Level.NOT_ACCESSED, SECURITY, DPO))
    publish(signed(incident, Level.MONEY, CFO, by=at(60 * 6)))
    return incident


def turn_to_security(incident: Incident) -> None:
    grounds.set_security(incident=incident, value="unknown", reason="A strange login", actor=UserFactory(), now=at(10))


def open_a_breach(incident: Incident) -> None:
    grounds.open_breach(incident=incident, reason="A list was copied", actor=UserFactory(), now=at(10))


def find_an_attacker(incident: Incident) -> None:
    grounds.note(incident=incident, actor=UserFactory(), now=at(10), cause_is_an_attacker=True)


def name_another_cause(incident: Incident) -> None:
    for minute, cause in ((8, "network"), (9, "us")):
        draft = write(incident, Component.objects.get(), minute=minute, attribution=cause)
        publishing.publish_update(update_id=draft.pk, actor=None, now=at(minute + 1))


@pytest.mark.parametrize(
    ("shake", "cause"),
    [
        (turn_to_security, "security_changed"),
        (open_a_breach, "breach_opened"),
        (find_an_attacker, "cause_changed"),
        (name_another_cause, "cause_changed"),
    ],
)
def test_what_was_said_is_taken_back_with_what_shakes_it(
    standing: Incident, shake: Callable[[Incident], None], cause: str
) -> None:
    shake(standing)
    assert stands(standing) == {"data": "0", "advice": "advice"}
    assert set(Withdrawal.objects.values_list("cause", "published_at")) == {(cause, at(10))}
    entries = RecordEntry.objects.filter(kind="withdrawal")
    assert entries.count() == 2
    assert Notification.objects.filter(record_seq__in=entries.values("seq")).count() == 2
    assert all(text for one in Withdrawal.objects.all() for text in by_language(one.note).values())
    assert Statement.objects.published().filter(level=Level.NOT_ACCESSED).exists()  # it stays visible
    assert verify().holds


def test_a_relapse_takes_it_back_in_the_words_own_transaction(standing: Incident, say: Callable[..., Incident]) -> None:
    say("watching", 30)
    say("resolved", 60)
    assert stands(standing)["data"] == "3"
    draft = write(Incident.objects.get(), Component.objects.get(), minute=90, status="investigating")
    update = publishing.publish_update(update_id=draft.pk, actor=None, now=at(91))
    assert stands(standing) == {"data": "0", "advice": "advice"}
    assert set(Withdrawal.objects.values_list("cause", "published_at")) == {("reopened", at(91))}
    after = RecordEntry.objects.filter(seq__gt=update.record_seq).order_by("seq").values_list("kind", flat=True)
    assert list(after) == ["component_status", "withdrawal", "withdrawal", "statement"]
    assert verify().holds


def test_a_statement_lapses_by_itself_after_a_day_and_once(standing: Incident) -> None:
    grounds.follow_due(now=at(3 + 24 * 60 - 1))
    assert stands(standing)["data"] == "3"
    grounds.follow_due(now=at(3 + 24 * 60))
    assert stands(standing) == {"data": "0", "advice": "advice"}
    before = record.head().seq
    grounds.follow_due(now=at(4 + 24 * 60))
    assert record.head().seq == before
    assert verify().holds


def test_one_signed_anew_in_time_goes_on_and_the_earlier_one_does_not_lapse(standing: Incident) -> None:
    day = 24 * 60
    publish(signed(standing, Level.NOT_ACCESSED, SECURITY, DPO, minute=day), minute=day)
    grounds.follow_due(now=at(3 + day))
    assert stands(standing) == {"data": "3", "advice": "advice"}  # money lapsed


def test_what_stands_on_a_closed_incident_does_not_lapse(standing: Incident, say: Callable[..., Incident]) -> None:
    say("watching", 30)
    say("resolved", 60)
    grounds.follow_due(now=at(10_000))
    assert stands(standing)["data"] == "3"


def test_a_statement_signed_before_its_ground_changed_does_not_go_out(incident: Incident) -> None:
    incident = ready(incident)
    statement = signed(incident, Level.NO_SIGN, SECURITY)
    turn_to_security(incident)
    assert refused(lambda: publish(statement, minute=11)) == ["ground_changed"]
    stating.sign(statement=statement, role=SECURITY, held={SECURITY}, signer=UserFactory(), now=at(12))
    publish(statement, minute=13)
    assert stands(incident)["data"] == "1"


def test_while_a_breach_record_is_open_only_level_0_may_be_said(incident: Incident) -> None:
    incident = ready(incident)
    open_a_breach(incident)
    statement = signed(incident, Level.NO_SIGN, SECURITY, minute=12)
    assert refused(lambda: publish(statement, minute=13)) == ["breach_open"]
    breaches.close_breach(breach=Breach.objects.get(), finding="An old list", actor=UserFactory(), now=at(14))
    publish(statement, minute=15)
    assert stands(incident)["data"] == "1"


def test_people_take_back_with_a_note_that_another_signs(standing: Incident) -> None:
    statement = stating.newest(standing)["data"]
    note = {"en": "We spoke too soon.", "sw": "Tulisema mapema mno."}
    draft = withdrawing.draft(of=statement, note=note, author=UserFactory(), now=at(20))
    assert refused(lambda: publishing.publish_withdrawal(withdrawal=draft, actor=None, now=at(20))) == ["signature_missing"]
    sign(item=draft, signer=UserFactory(), now=at(20))
    publishing.publish_withdrawal(withdrawal=draft, actor=None, now=at(21))
    assert stands(standing) == {"data": "0", "money": "money", "advice": "advice"}
    again = withdrawing.draft(of=statement, note=note, author=UserFactory(), now=at(22))
    sign(item=again, signer=UserFactory(), now=at(22))
    assert refused(lambda: publishing.publish_withdrawal(withdrawal=again, actor=None, now=at(23))) == ["withdrawn"]
    assert verify().holds


def test_level_0_taken_back_by_people_does_not_come_back_by_itself(incident: Incident) -> None:
    note = {"en": "Nothing was wrong.", "sw": "Hapakuwa na tatizo."}
    draft = withdrawing.draft(of=stating.newest(incident)["data"], note=note, author=UserFactory(), now=at(5))
    sign(item=draft, signer=UserFactory(), now=at(5))
    publishing.publish_withdrawal(withdrawal=draft, actor=None, now=at(6))
    grounds.follow_due(now=at(7))
    assert stands(incident) == {"advice": "advice"}


def false_alarm(incident: Incident, component: Component, minute: float) -> None:
    draft = write(incident, component, minute, status="false_alarm", state="operational")
    publishing.publish_update(update_id=draft.pk, actor=None, now=at(minute))


def test_what_says_that_we_are_checking_goes_with_a_false_alarm_and_says_why(incident: Incident, component: Component) -> None:
    false_alarm(incident, component, 5)
    assert stands(incident) == {}
    gone = stating.newest(incident)
    assert {row.withdrawal.cause for row in gone.values()} == {"false_alarm"}
    assert by_language(gone["data"].withdrawal.note) == statements.NOTES[statements.Cause.FALSE_ALARM]
    grounds.follow_due(now=at(6))
    assert stands(incident) == {}, "it does not come back by itself"
    assert verify().holds


def test_nothing_is_said_anew_after_a_false_alarm_of_which_a_statement_had_lapsed(
    standing: Incident, component: Component
) -> None:
    grounds.open_breach(incident=standing, reason="A log", actor=UserFactory(), now=at(10))
    grounds.close_breach(breach=Breach.objects.get(), finding="Ours", actor=UserFactory(), now=at(11))
    assert stands(standing) == {"data": "0", "advice": "advice"}
    false_alarm(standing, component, 12)
    assert stands(standing) == {}


def test_a_false_alarm_that_comes_back_says_again_that_we_are_checking(incident: Incident, component: Component) -> None:
    false_alarm(incident, component, 5)
    again = write(Incident.objects.get(pk=incident.pk), component, 30, status="investigating", state="major_outage")
    publishing.publish_update(update_id=again.pk, actor=None, now=at(30))
    assert stands(incident) == {"data": "0", "advice": "advice"}
    assert verify().holds


def test_while_a_breach_record_is_open_a_false_alarm_goes_on_being_checked(incident: Incident, component: Component) -> None:
    breach = grounds.open_breach(incident=incident, reason="A log", actor=UserFactory(), now=at(3))
    false_alarm(incident, component, 5)
    assert stands(incident)["data"] == "0"
    grounds.close_breach(breach=breach, finding="Ours", actor=UserFactory(), now=at(6))
    assert stands(incident) == {}


def test_a_breach_found_after_a_false_alarm_is_being_checked(incident: Incident, component: Component) -> None:
    false_alarm(incident, component, 5)
    grounds.open_breach(incident=Incident.objects.get(pk=incident.pk), reason="A log", actor=UserFactory(), now=at(6))
    assert stands(incident) == {"data": "0"}


# --- Proof -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (lambda: Statement.objects.filter(level="3").update(level="2"), "the statement it records was edited"),
        (lambda: Statement.objects.filter(level="3").update(expires_at=at(9_999)), "the statement it records was edited"),
        (lambda: Statement.objects.filter(level="3").update(body=in_all({"en": "Trust us."})), "of its statement was edited"),
        (lambda: StatementSignature.objects.filter(role=DPO).update(role=OPERATIONS), "the statement it records was edited"),
        (lambda: Statement.objects.filter(level="3").update(publication="discarded"), "the statement it records was edited"),
        (lambda: Withdrawal.objects.update(cause="lapsed"), "the withdrawal it records was edited"),
        (lambda: Withdrawal.objects.update(publication="draft"), "the withdrawal it records was edited"),
        (lambda: Withdrawal.objects.update(note=in_all({"en": "All is well.", "sw": "Shwari."})), "of its withdrawal was edited"),
        (lambda: Withdrawal.objects.all().delete(), "the withdrawal it records was edited or removed"),
    ],
)
def test_a_hand_edit_of_a_statement_or_its_withdrawal_is_named(standing: Incident, edit: Callable[[], Any], words: str) -> None:
    turn_to_security(standing)
    assert verify().holds
    edit()
    assert words in verify().problem


def test_a_removed_text_of_a_statement_is_gone_and_it_can_still_be_taken_back(standing: Incident) -> None:
    statement = stating.newest(standing)["data"]
    record.redact(
        seq=statement.record_seq or 0, field="scope.en", requested_by=UserFactory(), approved_by=UserFactory(), now=at(5)
    )
    assert verify().holds
    turn_to_security(standing)
    assert stands(standing)["data"] == "0"
    assert verify().holds
