"""Whatever is done in whatever order: the record holds, one draft a component waits, and impact falls by nobody's silence."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.db import transaction
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from incidents import (
    breaking_glass,
    claims,
    closing,
    components,
    documents,
    drafts,
    linking,
    planned_work,
    promises,
    rebutting,
    record,
    signing,
    stating,
    timeline,
    times,
    withdrawing,
)
from incidents.drafts import TimelineError
from incidents.languages import in_all
from incidents.models import (
    Announcement,
    Breach,
    Component,
    Correction,
    Incident,
    IncidentUpdate,
    Notice,
    Override,
    RecordText,
    Redress,
    Review,
)
from incidents.rebuttals import State
from incidents.record import RecordError
from incidents.signing import SigningRefused
from incidents.statements import SIGNERS, Level
from incidents.verification import verify
from incidents.words import Impact, Publication
from statuspage import grounds, publishing
from statuspage.publishing import Blocked
from tests.factories import NOON, ComponentFactory, UserFactory
from tests.incidents.helpers import all_notices, safety_notices
from tests.incidents.test_rebuttals import WHOLE

IS_FULL = os.environ.get("TEST_FUZZ") == "full"
REFUSALS = (TimelineError, Blocked, SigningRefused, RecordError)
CODES = st.sampled_from(["paybill", "till"])
SEEN = st.sampled_from(["operational", "delayed", "degraded_performance", "partial_outage", "major_outage", "unknown"])
STATED = st.sampled_from(["operational", "delayed", "partial_outage", "major_outage"])
PHASES = st.sampled_from(["investigating", "identified", "monitoring", "resolved", "false_alarm"])
MINUTES = st.integers(1, 90)
WHICH = st.integers(0, 4)


class Record(RuleBasedStateMachine):
    """Two services, five notices, a writer and a signer. What is refused is an answer; what fails otherwise is a fault."""

    writer: User
    signer: User
    notices: dict[str, Notice]

    def __init__(self) -> None:
        super().__init__()
        self.block = transaction.atomic()
        self.block._from_testcase = True  # type: ignore[attr-defined]  # durable acts may run inside, as in Django's own tests
        self.block.__enter__()
        self.now: datetime = NOON
        self.worst: dict[int, str] = {}
        self.by_hand: set[int] = set()

    def teardown(self) -> None:
        found = verify()
        transaction.set_rollback(True)
        self.block.__exit__(None, None, None)
        assert found.holds, found.problem

    def try_to(self, act: Callable[[], object]) -> None:
        """Each act a minute later."""
        self.now += timedelta(minutes=1)
        with suppress(*REFUSALS):
            act()

    def component(self, code: str) -> Component:
        return Component.objects.get(code=code)

    def incident(self, which: int) -> Incident:
        incidents = list(Incident.objects.order_by("-id")[:5])
        if not incidents:
            raise TimelineError("There is none.")
        return incidents[which % len(incidents)]

    def signed(self, item: Any) -> Any:
        return signing.sign(item=item, signer=self.signer, now=self.now)

    # --- What machines do ---

    @rule(code=CODES, status=SEEN)
    def observe(self, code: str, status: str) -> None:
        self.try_to(lambda: timeline.observe(component=self.component(code), status=status, since=self.now, now=self.now))

    @rule(minutes=MINUTES)
    def time_passes(self, minutes: int) -> None:
        self.now += timedelta(minutes=minutes)
        IncidentUpdate.objects.drafts().update(created_at=self.now - timedelta(minutes=6))
        publishing.publish_due(now=self.now)
        components.lapse_overrides(now=self.now)
        publishing.advance_maintenance(now=self.now)
        grounds.follow_due(now=self.now)
        promises.record_missed(now=self.now)
        breaking_glass.record_missing(now=self.now)

    # --- What people do ---

    @rule(code=CODES, status=STATED)
    def open(self, code: str, status: str) -> None:
        self.try_to(
            lambda: drafts.open_draft(
                component=self.component(code), status=status, since=self.now, now=self.now, author=self.writer
            )
        )

    @rule(code=CODES, notice=st.sampled_from(["delayed", "down", "no-change", "watching", "resolved"]), reason=st.booleans())
    def say(self, code: str, notice: str, reason: bool) -> None:
        self.try_to(
            lambda: publishing.publish_notice(
                component=self.component(code),
                notice=self.notices[notice],
                actor=self.writer,
                now=self.now,
                reason="They are wrong." if reason else "",
            )
        )

    @rule(which=WHICH, codes=st.sets(CODES, min_size=1), phase=PHASES, status=STATED)
    def write(self, which: int, codes: set[str], phase: str, status: str) -> None:
        """An update in a person's words: of an open incident, or one that brings a closed one back."""

        def act() -> None:
            draft = drafts.add_update(
                incident=self.incident(which),
                status=phase,
                body={"en": "A cable was cut.", "sw": "Waya umekatika."},
                affected={self.component(code): status for code in sorted(codes)},
                next_update_by=self.now + timedelta(minutes=30),
                author=self.writer,
                now=self.now,
            )
            self.signed(draft)
            publishing.publish_update(update_id=draft.pk, actor=self.writer, now=self.now, reason="They are wrong.")

        self.try_to(act)

    @rule(which=WHICH, code=CODES, status=STATED, signed=st.booleans())
    def speak_alone(self, which: int, code: str, status: str, signed: bool) -> None:
        """Nobody else is there; somebody signs afterwards, or nobody within the hour."""

        def act() -> None:
            draft = drafts.add_update(
                incident=self.incident(which),
                status="identified",
                body={"en": "Do not pay again.", "sw": "Usilipe tena."},
                affected={self.component(code): status},
                next_update_by=self.now + timedelta(minutes=30),
                author=self.writer,
                now=self.now,
            )
            breaking_glass.break_glass(update=draft, actor=self.writer, reason="Nobody answers.", now=self.now)
            publishing.publish_update(update_id=draft.pk, actor=self.writer, now=self.now, reason="They are wrong.")
            if signed:
                breaking_glass.sign_after(update=draft, signer=self.signer, now=self.now)

        self.try_to(act)

    @rule(which=WHICH)
    def make_good(self, which: int) -> None:
        def act() -> None:
            words = in_all({"en": "Whoever paid twice.", "sw": "Aliyelipa mara mbili."})
            redress = Redress(
                incident=self.incident(which), who=words, how=words, complain=words, good_by=(self.now + timedelta(days=2)).date()
            )
            draft = self.signed(documents.add(document=redress, author=self.writer, now=self.now))
            publishing.publish_redress(redress=draft, actor=self.writer, now=self.now)

        self.try_to(act)

    @rule(withdrawn=st.booleans())
    def answer_a_claim(self, withdrawn: bool) -> None:
        def act() -> None:
            claim = claims.log_claim(
                words=WHOLE.claim.quote,
                language="en",
                where="posts",
                first_seen=NOON.date(),
                actor=self.writer,
                now=self.now,
                reach=50_000,
            )
            claim = claims.move(claim=claim, to=State.ASSESSING, actor=self.writer, now=self.now)
            answer = rebutting.draft(claim=claim, answer=WHOLE, author=self.writer, now=self.now)
            rebutting.send_to_lawyers(rebuttal=answer, actor=self.writer, now=self.now)
            approved = rebutting.approve(rebuttal=answer, signer=self.signer, now=self.now)
            public = publishing.publish_rebuttal(rebuttal=approved, actor=self.writer, now=self.now)
            if withdrawn:
                note = {"en": "We were wrong.", "sw": "Tulikosea."}
                back = self.signed(withdrawing.draft(of=public, note=note, author=self.writer, now=self.now))
                publishing.publish_withdrawal(withdrawal=back, actor=self.writer, now=self.now)

        self.try_to(act)

    @rule(which=WHICH, codes=st.sets(CODES, min_size=1), status=STATED)
    def edit(self, which: int, codes: set[str], status: str) -> None:
        def act() -> None:
            draft = self.incident(which).updates.drafts().first()
            if draft:
                affected = {self.component(code): status for code in sorted(codes)}
                drafts.edit_update(update=draft, actor=self.writer, now=self.now, affected=affected)

        self.try_to(act)

    @rule(which=WHICH)
    def sign_and_publish(self, which: int) -> None:
        def act() -> None:
            draft = self.incident(which).updates.drafts().first()
            if draft:
                self.signed(draft)
                publishing.publish_update(update_id=draft.pk, actor=self.writer, now=self.now)

        self.try_to(act)

    @rule(which=WHICH)
    def discard(self, which: int) -> None:
        def act() -> None:
            draft = self.incident(which).updates.drafts().first()
            if draft:
                drafts.discard(update=draft, actor=self.writer, now=self.now)

        self.try_to(act)

    @rule(which=WHICH)
    def correct(self, which: int) -> None:
        def act() -> None:
            update = self.incident(which).updates.published().first()
            if update:
                words = in_all({"en": "It was later.", "sw": "Ilikuwa baadaye."})
                correction = Correction(update=update, body=words, beside={"name": words.data}, reason=words)
                draft = self.signed(documents.add(document=correction, author=self.writer, now=self.now))
                publishing.publish_correction(correction=draft, actor=self.writer, now=self.now)

        self.try_to(act)

    @rule(which=WHICH, into=WHICH)
    def merge(self, which: int, into: int) -> None:
        self.try_to(
            lambda: publishing.merge_incidents(
                incident=self.incident(which), into=self.incident(into), actor=self.writer, now=self.now
            )
        )

    @rule(which=WHICH, earlier=WHICH)
    def link(self, which: int, earlier: int) -> None:
        self.try_to(
            lambda: linking.link(
                incident=self.incident(which),
                earlier=self.incident(earlier),
                reason="The same cable.",
                actor=self.writer,
                now=self.now,
            )
        )

    @rule(which=WHICH)
    def unlink(self, which: int) -> None:
        self.try_to(lambda: linking.unlink(incident=self.incident(which), reason="Another one.", actor=self.writer, now=self.now))

    @rule(which=WHICH)
    def withdraw(self, which: int) -> None:
        self.try_to(
            lambda: publishing.withdraw_incident(
                incident=self.incident(which), reason="A drill.", requested_by=self.writer, approved_by=self.signer, now=self.now
            )
        )

    @rule(code=CODES, status=STATED, minutes=MINUTES)
    def override(self, code: str, status: str, minutes: int) -> None:
        self.try_to(
            lambda: components.set_override(
                component=self.component(code),
                status=status,
                reason="The switch says so.",
                expires_at=self.now + timedelta(minutes=minutes),
                actor=self.writer,
                now=self.now,
            )
        )

    @rule(code=CODES)
    def end_override(self, code: str) -> None:
        def act() -> None:
            standing = Override.objects.standing().filter(component__code=code).first()
            if standing:
                components.end_override(override=standing, actor=self.writer, now=self.now)

        self.try_to(act)

    @rule(which=WHICH, field=st.sampled_from(times.PUBLIC), minutes=MINUTES)
    def set_time(self, which: int, field: str, minutes: int) -> None:
        self.try_to(
            lambda: times.set_time(
                incident=self.incident(which),
                field=field,
                value=self.now - timedelta(minutes=minutes),
                reason="Logs",
                actor=self.writer,
                now=self.now,
            )
        )

    @rule(which=WHICH, impact=st.sampled_from(["", *Impact.values]))
    def set_impact(self, which: int, impact: str) -> None:
        def act() -> None:
            incident = self.incident(which)
            times.set_impact(incident=incident, impact=impact, reason="Figures", actor=self.writer, now=self.now)
            self.by_hand.add(incident.pk)

        self.try_to(act)

    @rule(code=CODES, status=STATED, minutes=MINUTES)
    def write_down_afterwards(self, code: str, status: str, minutes: int) -> None:
        def act() -> None:
            draft = drafts.open_backfill(
                name={"en": "It failed", "sw": "Ilishindikana"},
                body={"en": "A disk was full.", "sw": "Diski ilijaa."},
                affected={self.component(code): status},
                started_at=self.now - timedelta(minutes=minutes + 1),
                ended_at=self.now - timedelta(minutes=minutes),
                author=self.writer,
                now=self.now,
            )
            self.signed(draft)
            publishing.publish_update(update_id=draft.pk, actor=self.writer, now=self.now)

        self.try_to(act)

    @rule(which=WHICH)
    def review_and_close(self, which: int) -> None:
        def act() -> None:
            words = in_all({"en": "A disk was full.", "sw": "Diski ilijaa."})
            item = {"what": {"en": "Disk", "sw": "Diski"}, "owner": {"en": "Storage", "sw": "Hifadhi"}, "by": "2026-12-31"}
            review = Review(incident=self.incident(which), cause=words, measures=words, apology=words, prevention=[item])
            draft = self.signed(documents.add(document=review, author=self.writer, now=self.now))
            publishing.publish_review(review=draft, actor=self.writer, now=self.now)
            closing.close(incident=self.incident(which), actor=self.writer, now=self.now)

        self.try_to(act)

    @rule(which=WHICH, level=st.sampled_from([Level.CHECKING, Level.NO_SIGN, Level.MONEY]))
    def state(self, which: int, level: Level) -> None:
        """A statement on data or funds, with what it stands on."""

        def act() -> None:
            incident = self.incident(which)
            grounds.set_security(incident=incident, value="no", reason="Triage", actor=self.writer, now=self.now)
            grounds.note(incident=incident, actor=self.writer, now=self.now, triage="Nothing", reconciliation="All")
            by = self.now + timedelta(hours=5)
            draft = stating.draft(incident=self.incident(which), level=level, author=self.writer, now=self.now, by=by)
            for role in SIGNERS[level]:
                stating.sign(statement=draft, role=role, held={role}, signer=self.signer, now=self.now)
            publishing.publish_statement(statement=draft, actor=self.writer, now=self.now)

        self.try_to(act)

    @rule(which=WHICH, how=st.sampled_from(["breach", "cleared", "security"]))
    def shake(self, which: int, how: str) -> None:
        def act() -> None:
            incident = self.incident(which)
            if how == "security":
                grounds.set_security(incident=incident, value="yes", reason="A login", actor=self.writer, now=self.now)
            elif how == "breach":
                grounds.open_breach(incident=incident, reason="A list", actor=self.writer, now=self.now)
            for breach in Breach.objects.filter(incident=incident, closed_at=None) if how == "cleared" else ():
                grounds.close_breach(breach=breach, finding="Ours", actor=self.writer, now=self.now)

        self.try_to(act)

    @rule(code=CODES, minutes=MINUTES, expects=st.sampled_from(["delayed", "partial_outage"]))
    def plan(self, code: str, minutes: int, expects: str) -> None:
        def act() -> None:
            starts_at = self.now + timedelta(minutes=minutes)
            draft = planned_work.plan(
                name={"en": "New disks", "sw": "Diski mpya"},
                body={"en": "Pay later.", "sw": "Lipa baadaye."},
                starts_at=starts_at,
                ends_at=starts_at + timedelta(hours=1),
                expected={self.component(code): expects},
                author=self.writer,
                now=self.now,
            )
            publishing.publish_maintenance(update=self.signed(draft), actor=self.writer, now=self.now)

        self.try_to(act)

    @rule(withdrawn=st.booleans())
    def announce(self, withdrawn: bool) -> None:
        def act() -> None:
            words = in_all({"en": "Hang up.", "sw": "Kata simu."})
            draft = documents.add(
                document=Announcement(title=words, body=words, starts_at=self.now), author=self.writer, now=self.now
            )
            public = publishing.publish_announcement(announcement=self.signed(draft), actor=self.writer, now=self.now)
            if withdrawn:
                publishing.withdraw_announcement(announcement=public, reason="Old", actor=self.writer, now=self.now)

        self.try_to(act)

    @rule(which=WHICH)
    def redact(self, which: int) -> None:
        def act() -> None:
            texts = list(RecordText.objects.filter(redacted_at=None).order_by("-id")[:5])
            if texts:
                text = texts[which % len(texts)]
                record.redact(
                    seq=text.entry_id, field=text.field, requested_by=self.writer, approved_by=self.signer, now=self.now
                )

        self.try_to(act)

    # --- What always holds ---

    @invariant()
    def one_draft_waits_for_a_component(self) -> None:
        for code in ("paybill", "till"):
            waiting = Incident.objects.filter(
                publication=Publication.DRAFT,
                backfilled=False,
                updates__publication=Publication.DRAFT,
                updates__affected__component__code=code,
            )
            assert waiting.distinct().count() <= 1, f"{code} has more than one draft"

    @invariant()
    def impact_never_falls_by_itself(self) -> None:
        for incident in Incident.objects.published().exclude(status="false_alarm"):
            before = self.worst.get(incident.pk, Impact.NONE)
            assert Impact.values.index(incident.impact_computed) >= Impact.values.index(before)
            if incident.pk not in self.by_hand:
                assert incident.impact == incident.impact_computed
            self.worst[incident.pk] = incident.impact_computed
        for incident in Incident.objects.filter(status="false_alarm"):
            self.worst.pop(incident.pk, None)


@pytest.mark.django_db
@pytest.mark.timeout(1800 if IS_FULL else 180)
def test_any_sequence_of_acts_leaves_a_record_that_holds_and_one_draft_a_component() -> None:
    """Eight sequences of at most 25 acts, other ones at each run; TEST_FUZZ=full takes a hundred."""
    Record.notices = all_notices()
    safety_notices()
    Record.writer, Record.signer = UserFactory(), UserFactory()
    Record.writer.user_permissions.add(Permission.objects.get(codename="break_glass"))
    for code in ("paybill", "till"):
        ComponentFactory(code=code)
    run_state_machine_as_test(
        Record,
        settings=settings(
            max_examples=100 if IS_FULL else 8,
            stateful_step_count=25,
            phases=[Phase.generate],  # a sequence that fails is told as it was: making it shorter takes minutes
            suppress_health_check=list(HealthCheck),
        ),
    )
