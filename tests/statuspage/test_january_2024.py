"""Two real outages of January 2024 played again through the whole house, from the first probe to the review, in both languages.

tests/incidents/test_january.py has what happened; here is what would have been published, and what would have been refused.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.contrib.auth.models import Permission, User

from incidents import (
    availability,
    claims,
    closing,
    deadlines,
    documents,
    drafts,
    rebutting,
    signing,
    stating,
    ticks,
    times,
)
from incidents.figures import ReviewState
from incidents.languages import by_language, codes, in_all
from incidents.models import (
    Component,
    Correction,
    Incident,
    IncidentUpdate,
    Notice,
    Rebuttal,
    RecordEntry,
    RecordText,
    Redress,
    Review,
    Statement,
    Withdrawal,
)
from incidents.models.publishable import Document
from incidents.policy import Gate
from incidents.rebuttals import LegalBasis, State
from incidents.statements import Level, Role
from incidents.verification import verify
from probes import recording
from probes.models import Probe
from probes.recording import Report
from statuspage import grounds, page, publishing
from statuspage.publishing import Blocked
from tests.factories import ComponentFactory, ProbeFactory, ProbeScheduleFactory, UserFactory
from tests.incidents.helpers import all_notices, safety_notices
from tests.incidents.test_rebuttals import WHOLE

pytestmark = pytest.mark.django_db
NAIROBI = ZoneInfo("Africa/Nairobi")


def eat(day: int, hour: int, minute: int = 0) -> datetime:
    """A moment of January 2024 on the clock of Nairobi."""
    return datetime(2024, 1, day, hour, minute, tzinfo=NAIROBI).astimezone(UTC)


# Which gates judge which words; the others judge updates.
OF_STATEMENTS = {Gate.STATEMENT_WORDS, Gate.STATEMENT_SCOPE, Gate.STATEMENT_GROUND}
OF_REVIEWS = {Gate.CAUSE, Gate.PREVENTION}
OF_CLOSING = {Gate.STATEMENT, Gate.REVIEW}
OF_ANSWERS = {
    Gate.CLAIM,
    Gate.PRIVATE_NUMBERS,
    Gate.FACT_FIRST,
    Gate.LENGTHS,
    Gate.EVIDENCE,
    Gate.LAWYERS,
    Gate.SPOKESPERSON,
    Gate.ANSWER_REVIEW,
}
OF: dict[type[Any], set[Gate]] = {Statement: OF_STATEMENTS, Review: OF_REVIEWS, Incident: OF_CLOSING, Rebuttal: OF_ANSWERS}
OF_UPDATES = set(Gate).difference(*OF.values())


class House:
    """The people of one provider, one watched service, and what was refused to whom."""

    def __init__(self) -> None:
        self.notices: dict[str, Notice] = all_notices()
        self.writer, self.signer, self.officer = UserFactory(), UserFactory(), UserFactory()
        self.engineer: User = UserFactory()
        self.engineer.user_permissions.add(Permission.objects.get(codename="tick_phrase"))
        self.engineer = User.objects.get(pk=self.engineer.pk)
        self.service: Component = ComponentFactory(code="paybill", channels=["app", "ussd", "sim"])
        Component.objects.update(created_at=eat(1, 0))
        self.probe: Probe = ProbeFactory(code="stk-query", component=self.service, interval=60)
        ProbeScheduleFactory(probe=self.probe, interval=60)
        self.blocked: set[str] = set()
        self.passed: set[str] = set()

    # --- What machines do ---

    def see(self, status: str, since: datetime) -> None:
        """Six outcomes a minute apart, in six batches: enough to confirm what they say."""
        for minute in range(6):
            at = since + timedelta(minutes=minute)
            report = Report(
                probe_id=self.probe.pk,
                slot=int(at.timestamp()),
                attempt=0,
                status=status,
                error_class="" if status == "ok" else "busy",
                evidence="",
                http_status=200,
                total_us=12_000,
                phases={},
                started_at=at.timestamp(),
                lateness_ms=0,
            )
            recording.record(vantage_name="nairobi", reports=[report], now=at + timedelta(seconds=2))
        self.service.refresh_from_db()

    # --- What people do ---

    @property
    def incident(self) -> Incident:
        return Incident.objects.published().latest("pk")

    def say(self, code: str, at: datetime) -> Any:
        notice = self.notices[code]
        return self.try_to(lambda: publishing.publish_notice(component=self.service, notice=notice, actor=self.writer, now=at))

    def publish(self, draft: IncidentUpdate, at: datetime) -> Any:
        return self.try_to(lambda: publishing.publish_update(update_id=draft.pk, actor=self.writer, now=at))

    def sign(self, draft: Any, at: datetime) -> Any:
        return signing.sign(item=draft, signer=self.signer, now=at, seen_hash=signing.content_hash(draft))

    def put_out(self, document: Document, act: Callable[..., Any], name: str, at: datetime) -> Any:
        """Write a document, have it signed by another, publish it."""
        draft = self.sign(documents.add(document=document, author=self.writer, now=at), at)
        return self.try_to(lambda: act(**{name: draft}, actor=self.writer, now=at))

    def close(self, at: datetime) -> Any:
        return self.try_to(lambda: closing.close(incident=self.incident, actor=self.officer, now=at))

    def try_to(self, act: Callable[[], Any]) -> Any:
        """Do it; what forbids it is written down by its gate, and what went through passed them all."""
        try:
            done = act()
        except (Blocked, closing.NotYet) as refusal:
            self.blocked |= {blocker.gate for blocker in refusal.blockers}
            raise
        self.passed |= OF.get(type(done), OF_UPDATES)
        return done

    def refuses(self, act: Callable[[], Any]) -> list[str]:
        with pytest.raises((Blocked, closing.NotYet)) as refusal:
            act()
        return sorted(blocker.code for blocker in refusal.value.blockers)  # type: ignore[attr-defined]

    def statement(self, level: Level, *by: Role, at: datetime) -> Statement:
        said = stating.draft(incident=self.incident, level=level, author=self.writer, now=at)
        for role in by:
            said = stating.sign(statement=said, role=role, held={role}, signer=UserFactory(), now=at)
        return self.put(said, at)  # type: ignore[no-any-return]

    def put(self, said: Statement, at: datetime) -> Any:
        return self.try_to(lambda: publishing.publish_statement(statement=said, actor=self.writer, now=at))

    def answer(self, draft: Rebuttal, at: datetime) -> Any:
        return self.try_to(lambda: publishing.publish_rebuttal(rebuttal=draft, actor=self.writer, now=at))

    def review(self, at: datetime, **fields: Any) -> Review:
        words = in_all({"en": "A database answered too slowly.", "sw": "Hifadhidata ilijibu polepole mno."})
        item = {
            "what": {"en": "A second database", "sw": "Hifadhidata ya pili"},
            "owner": {"en": "Platform", "sw": "Mitambo"},
            "by": "2024-03-31",
        }
        review = Review(
            **{"incident": self.incident, "cause": words, "measures": words, "apology": words, "prevention": [item], **fields}
        )
        return self.put_out(review, publishing.publish_review, "review", at)  # type: ignore[no-any-return]


@pytest.fixture
def house(settings: Any) -> House:
    settings.PAGE_TIME_ZONE = "Africa/Nairobi"
    settings.UNATTENDED_MINUTES = 5
    return House()


def in_every_language() -> None:
    """No public text stands in one language only."""
    fields = {(text.entry_id, text.field.rpartition(".")[0]) for text in RecordText.objects.filter(field__endswith=".en")}
    assert fields
    for entry, field in fields:
        for code in codes():
            assert RecordText.objects.filter(entry_id=entry, field=f"{field}.{code}").exclude(text="").exists(), field


def kinds() -> list[str]:
    return list(RecordEntry.objects.order_by("seq").values_list("kind", flat=True))


# --- Tuesday 9 January ---------------------------------------------------------------------------


def test_the_ninth_of_january_from_the_first_probe_to_the_review(house: House) -> None:
    # 11:00: payments are accepted and come late. Within minutes the page says so, and a draft waits.
    house.see("delayed", eat(9, 11))
    assert (house.service.status, house.service.observed_since) == ("delayed", eat(9, 11))
    draft = IncidentUpdate.objects.get()

    # The handsets' words of that day, and worse, are refused, each with where to mend it.
    wrong = {"en": "Scheduled maintenance. It cannot be hacked. You will not be charged.", "sw": ""}
    drafts.edit_update(update=draft, actor=house.writer, now=eat(9, 11, 6), body=wrong, affected={}, next_update_by=None)
    assert house.refuses(lambda: house.publish(draft, eat(9, 11, 6))) == [
        "banned_phrase",
        "language_missing",
        "maintenance_word",
        "no_components",
        "phrase_unticked",
        "promise_missing",
        "signature_void",
    ]

    # In plain words, ticked by an engineer and signed by a second person, it goes out nine minutes after the first sign.
    right = {
        "en": "Payments arrive late since 11 am. Do not pay again. You will not be charged for waiting.",
        "sw": "Malipo yanachelewa tangu saa 11:00. Usilipe tena. Hutatozwa kwa kusubiri.",
    }
    draft = drafts.edit_update(
        update=draft,
        actor=house.writer,
        now=eat(9, 11, 8),
        body=right,
        affected={house.service: "delayed"},
        next_update_by=eat(9, 11, 40),
    )
    ticks.tick(item=draft, code="no_charge", engineer=house.engineer, ground="Tariff 4.2", now=eat(9, 11, 8))
    house.publish(house.sign(draft, eat(9, 11, 9)), eat(9, 11, 9))
    assert page.build_now(eat(9, 11, 10)).open_incidents[0].facts.updates[0].body == right

    # 11:20: half of it is refused now. It is major, and no maintenance whatever the handsets say.
    house.see("down", eat(9, 11, 20))
    second = drafts.add_update(
        incident=house.incident,
        status="identified",
        body={"en": "Some payments fail. This is not maintenance.", "sw": "Baadhi ya malipo hayapiti. Si matengenezo."},
        affected={house.service: "major_outage"},
        next_update_by=eat(9, 12),
        author=house.writer,
        now=eat(9, 11, 28),
        more={"attribution": "us", "channels": ["app", "sim"], "who_affected": {"en": "Some.", "sw": "Baadhi."}},
    )
    house.publish(house.sign(second, eat(9, 11, 30)), eat(9, 11, 30))
    assert house.incident.impact == "critical"

    # Midday: a rumour is logged, and answered by the fact, first the lawyers, then another person.
    claim = claims.log_claim(
        words=WHOLE.claim.quote,
        language="en",
        where="posts",
        first_seen=date(2024, 1, 9),
        actor=house.officer,
        now=eat(9, 12),
        reach=50_000,
    )
    claims.move(claim=claim, to=State.ASSESSING, actor=house.officer, now=eat(9, 12))

    # 12:30: it eases, and a person says so. Nobody says that it works before the probes do.
    house.see("delayed", eat(9, 12, 30))
    easing = drafts.add_update(
        incident=house.incident,
        status="identified",
        body={"en": "Payments go through, and arrive late.", "sw": "Malipo yanapita, ila yanachelewa."},
        affected={house.service: "delayed"},
        next_update_by=eat(9, 13, 30),
        author=house.writer,
        now=eat(9, 12, 38),
    )
    house.publish(house.sign(easing, eat(9, 12, 39)), eat(9, 12, 40))
    early = drafts.add_update(
        incident=house.incident,
        status="monitoring",
        body={"en": "It works again. We are watching.", "sw": "Inafanya kazi tena. Tunaangalia."},
        affected={house.service: "operational"},
        next_update_by=eat(9, 16),
        author=house.writer,
        now=eat(9, 13),
    )
    early = house.sign(early, eat(9, 13))
    assert house.refuses(lambda: house.publish(early, eat(9, 13))) == ["probes_disagree"]

    # 15:15: clear. First watched, then over; the other way round is refused.
    house.see("ok", eat(9, 15, 15))
    assert house.refuses(lambda: house.say("resolved", eat(9, 15, 22))) == ["not_monitored"]
    house.publish(early, eat(9, 15, 22))
    house.say("resolved", eat(9, 15, 52))
    house.service.refresh_from_db()
    assert house.service.status == "operational"

    # Duration and the rest are computed, not argued about.
    found = deadlines.figures_of(house.incident, now=eat(12, 8))
    assert found.to_first_word is not None
    assert found.to_first_word <= timedelta(minutes=9)
    assert found.duration == timedelta(hours=4, minutes=52)
    assert found.promises_missed == 2  # 12:00 and 13:30: nobody spoke in time
    day = availability.by_day(components=[house.service], first=date(2024, 1, 9), last=date(2024, 1, 9), now=eat(31, 0))
    assert timedelta(hours=2, minutes=30) < day["paybill"][0].tally.delayed < timedelta(hours=3, minutes=10)
    assert timedelta(hours=1) < day["paybill"][0].tally.down < timedelta(hours=1, minutes=30)

    # Nothing was said of data, and no review is there: resolved, but not closed. Three days later everybody can read that.
    assert house.refuses(lambda: house.close(eat(9, 16))) == ["review_missing", "statement_missing"]
    assert closing.review_state(house.incident, now=eat(12, 15)).state == ReviewState.DUE_BY
    assert closing.overdue_reviews(now=eat(12, 16)) == [house.incident]

    # 12 January. More than the level permits, of nothing named, before anybody looked, is refused; so is a review of nothing.
    hasty = stating.draft(incident=house.incident, level=Level.NOT_ACCESSED, author=house.writer, now=eat(12, 16))
    boast = in_all({"en": "All is well.", "sw": "Shwari."})
    hasty = documents.edit(document=hasty, actor=house.writer, now=eat(12, 16), body=boast, scope=in_all({}))
    assert {"words_not_permitted", "scope_missing", "triage_missing"} <= set(house.refuses(lambda: house.put(hasty, eat(12, 16))))
    empty = {"cause_known": False, "cause": in_all({}), "prevention": []}
    assert house.refuses(lambda: house.review(eat(12, 16), **empty)) == ["cause_date_missing", "prevention_missing"]

    # Said with what it stands on, signed by those who may; the review in both languages; closed.
    grounds.set_security(incident=house.incident, value="no", reason="Triage", actor=house.officer, now=eat(12, 17))
    grounds.note(incident=house.incident, actor=house.officer, now=eat(12, 17), triage="Nothing", log_review="Folder 9")
    house.statement(Level.NOT_ACCESSED, Role.DATA_PROTECTION_OFFICER, Role.HEAD_OF_SECURITY, at=eat(12, 17))
    house.review(eat(12, 18))
    assert house.close(eat(12, 19)).closed_at == eat(12, 19)

    assert house.blocked == house.passed == set(Gate) - OF_ANSWERS
    in_every_language()
    assert verify().holds, verify().problem


def test_the_rumour_of_the_ninth_is_answered_fact_first_in_both_languages(house: House) -> None:
    at = datetime(2026, 11, 24, 9, tzinfo=UTC)
    claim = claims.log_claim(
        words=WHOLE.claim.quote, language="en", where="posts", first_seen=at.date(), actor=house.officer, now=at, reach=50_000
    )
    claim = claims.move(claim=claim, to=State.ASSESSING, actor=house.officer, now=at)
    bad = replace(
        WHOLE,
        claim=replace(WHOLE.claim, quote="Call 0722 000 111", language=""),
        fact_headline={"en": "False: it is a rumour", "sw": "M" * 91},
        evidence=(),
        legal_basis=(LegalBasis(act="Data Protection Act 2019", section="", says={}, link="", read_by=""),),
        spokesperson="",
        review_date=None,
    )
    draft = rebutting.draft(claim=claim, answer=bad, author=house.writer, now=at, components=[house.service])
    house.refuses(lambda: house.answer(draft, at))
    assert house.blocked >= OF_ANSWERS
    rebutting.edit(rebuttal=draft, answer=WHOLE, actor=house.writer, now=at)
    assert house.refuses(lambda: house.answer(draft, at)) == ["not_approved", "signature_missing"]
    rebutting.send_to_lawyers(rebuttal=draft, actor=house.writer, now=at)
    approved = rebutting.approve(rebuttal=draft, signer=house.signer, now=at)
    public = house.answer(approved, at)
    assert house.passed == OF_ANSWERS
    assert all(by_language(public.fact_headline).values())
    assert verify().holds, verify().problem


# --- 22 and 23 January ---------------------------------------------------------------------------


def test_the_relapse_of_the_23rd_from_the_first_probe_to_the_review(house: House) -> None:
    safety_notices()

    # 22nd, 18:30: PayBill fails and nobody comes. After five minutes the words signed in calm time go out by themselves.
    house.see("down", eat(22, 18, 30))
    IncidentUpdate.objects.update(created_at=eat(22, 18, 31))
    assert publishing.publish_due(now=eat(22, 18, 35)) == []
    [first] = publishing.publish_due(now=eat(22, 18, 36))
    assert (first.automatic, first.signature_kind) == (True, "notice")
    # With them, by themselves: what is known of data, and not to pay twice.
    assert {row.level for row in stating.newest(house.incident).values()} == {"0", "advice"}

    # 20:00: “resolved”, ten minutes after it was watched.
    house.see("ok", eat(22, 19, 40))
    house.say("watching", eat(22, 19, 50))
    house.say("resolved", eat(22, 20))
    told = house.incident
    times.set_time(
        incident=told, field="identified_at", value=eat(22, 19), reason="Logs", actor=house.officer, now=eat(22, 20, 20)
    )
    grounds.set_security(incident=told, value="no", reason="Triage", actor=house.officer, now=eat(22, 20, 20))
    grounds.note(incident=told, actor=house.officer, now=eat(22, 20, 20), triage="Nothing")
    house.statement(Level.NOT_SECURITY, Role.HEAD_OF_SECURITY, Role.OPERATIONS, at=eat(22, 20, 30))
    assert stating.standing_level(told) == Level.NOT_SECURITY

    # 23rd, 02:00: it fails again. The same link goes on, and what was said of data is taken back with a note.
    house.see("down", eat(23, 2))
    anew = Incident.objects.latest("pk")
    assert (anew.publication, anew.follows) == ("draft", told)
    drafts.discard(update=anew.updates.get(), actor=house.writer, now=eat(23, 2, 8), reason="The old link goes on.")
    back = drafts.add_update(
        incident=told,
        status="investigating",
        body={"en": "PayBill fails again. It was not over.", "sw": "PayBill inashindikana tena. Halikuwa limeisha."},
        affected={house.service: "major_outage"},
        next_update_by=eat(23, 3),
        author=house.writer,
        now=eat(23, 2, 8),
    )
    house.publish(house.sign(back, eat(23, 2, 9)), eat(23, 2, 10))
    told.refresh_from_db()
    assert (told.status, told.reopened_at, told.resolved_at) == ("investigating", eat(23, 2, 10), None)
    assert stating.standing_level(told) == Level.CHECKING
    assert all(by_language(Withdrawal.objects.get().note).values())

    # The wrong word stays readable, folded, with what was wrong.
    wrong = told.updates.get(status="resolved")
    correction = Correction(
        update=wrong,
        body=in_all({"en": "PayBill worked from 7:40 pm until 2 am.", "sw": "PayBill ilifanya kazi hadi saa 02:00."}),
        reason=in_all({"en": "It was not over.", "sw": "Halikuwa limeisha."}),
    )
    house.put_out(correction, publishing.publish_correction, "correction", eat(23, 2, 30))

    # Double debits: nobody says that no money was lost, and everybody reads how it is made good.
    grounds.note(incident=told, actor=house.officer, now=eat(23, 8), duplicates_open=True)
    lulling = drafts.add_update(
        incident=told,
        status="identified",
        body={"en": "No money was lost.", "sw": "Hakuna pesa iliyopotea."},
        affected={},
        next_update_by=eat(23, 9),
        author=house.writer,
        now=eat(23, 8),
    )
    lulling = house.sign(lulling, eat(23, 8))
    assert set(house.refuses(lambda: house.publish(lulling, eat(23, 8)))) == {"banned_phrase"}
    drafts.discard(update=lulling, actor=house.writer, now=eat(23, 8))
    redress = Redress(
        incident=told,
        who=in_all({"en": "Whoever was charged twice.", "sw": "Aliyetozwa mara mbili."}),
        how=in_all({"en": "The second debit returns by itself.", "sw": "Makato ya pili yanarudi yenyewe."}),
        complain=in_all({"en": "Call 0800 000 100.", "sw": "Piga 0800 000 100."}),
        good_by=date(2024, 1, 26),
    )
    house.put_out(redress, publishing.publish_redress, "redress", eat(23, 8, 30))

    # 14:00: restored. Resolved only after it was watched anew.
    house.see("ok", eat(23, 14))
    assert house.refuses(lambda: house.say("resolved", eat(23, 14, 8))) == ["not_monitored"]
    house.say("watching", eat(23, 14, 8))
    house.say("resolved", eat(23, 15))
    found = availability.in_period(components=[house.service], first=date(2024, 1, 22), last=date(2024, 1, 23), now=eat(31, 0))[
        "paybill"
    ]
    assert timedelta(hours=13) < found.tally.down < timedelta(hours=14, minutes=30)

    # The authority's seven days are met by a person, from the draft.
    report = deadlines.draft_filing(incident=house.incident, code="ca-report", now=eat(24, 9))
    assert "Lasted: 20 h 30 min" in report
    deadlines.mark_filed(
        about=house.incident, code="ca-report", filed_at=eat(24, 10), actor=house.officer, now=eat(24, 10), text=report
    )
    met = {one.rule.code: str(one.state) for one in deadlines.deadlines_of(house.incident, now=eat(30, 0))}
    assert met["ca-report"] == "met"

    # The review says that the cause is not known yet, and when it will be; late, that is public; then it comes.
    unknown = {"cause_known": False, "cause_due_at": eat(30, 9), "cause": in_all({})}
    house.review(eat(26, 9), **unknown)
    assert closing.review_state(house.incident, now=eat(31, 9)).state == ReviewState.CAUSE_OVERDUE
    house.review(eat(31, 10))
    assert closing.review_state(house.incident, now=eat(31, 11)).state == ReviewState.PUBLISHED
    assert house.close(eat(31, 11)).closed_by == house.officer

    assert {"statement", "withdrawal", "correction", "redress", "review", "incident_time"} <= set(kinds())
    assert json.loads(RecordEntry.objects.filter(kind="review").latest("seq").body)["data"]["cause_known"] is True
    in_every_language()
    assert verify().holds, verify().problem
