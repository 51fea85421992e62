"""Answers to claims in rows: from the log of claims to the last version, each step by its people."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from incidents import claims, documents, rebutting, record, withdrawing
from incidents.drafts import TimelineError
from incidents.languages import by_language, in_all
from incidents.models import AuditEvent, Claim, Rebuttal, RecordEntry, RecordText
from incidents.policy import Gate
from incidents.rebuttals import State, Triage
from incidents.signing import SigningRefused, sign
from incidents.verification import verify
from statuspage import page_answers, publishing
from statuspage.publishing import Blocked
from subscribers.models import Notification
from tests.factories import NOON, ComponentFactory, UserFactory
from tests.incidents.test_rebuttals import TODAY, WHOLE, both

pytestmark = pytest.mark.django_db


def day(number: float) -> Any:
    return NOON + timedelta(days=number)


def logged() -> Claim:
    """A claim that may be answered."""
    claim = claims.log_claim(
        words=f"{WHOLE.claim.quote}, says my cousin",
        language="en",
        where="a family group",
        first_seen=TODAY,
        actor=UserFactory(),
        now=day(0),
        link="https://forward.example/1",
        reach=40_000,
    )
    return claims.move(claim=claim, to=State.ASSESSING, actor=UserFactory(), now=day(0))


@pytest.fixture
def claim() -> Claim:
    return logged()


@pytest.fixture
def draft(claim: Claim) -> Rebuttal:
    part = ComponentFactory(code="paybill")
    return rebutting.draft(claim=claim, answer=WHOLE, author=UserFactory(), now=day(0), components=[part])


def approved(draft: Rebuttal, number: float = 0) -> Rebuttal:
    if rebutting.stage_of(draft) == State.DRAFTING:
        rebutting.send_to_lawyers(rebuttal=draft, actor=UserFactory(), now=day(number))
    return rebutting.approve(rebuttal=draft, signer=UserFactory(), now=day(number))


def publish(rebuttal: Rebuttal, number: float = 0) -> Rebuttal:
    return publishing.publish_rebuttal(rebuttal=rebuttal, actor=None, now=day(number))


@pytest.fixture
def public(draft: Rebuttal) -> Rebuttal:
    return publish(approved(draft))


def refused(act: Callable[[], Any]) -> list[str]:
    with pytest.raises(Blocked) as refusal:
        act()
    return [blocker.code for blocker in refusal.value.blockers]


def test_an_answer_without_evidence_goes_out_where_the_gates_are_off_and_says_so(claim: Claim, settings: Any) -> None:
    bare = replace(WHOLE, evidence=(), spokesperson="", review_date=None)
    draft = rebutting.draft(claim=claim, answer=bare, author=UserFactory(), now=day(0))
    with pytest.raises(TimelineError, match="Name at least one piece of evidence"):
        rebutting.send_to_lawyers(rebuttal=draft, actor=UserFactory(), now=day(0))
    off = {Gate.EVIDENCE, Gate.SPOKESPERSON, Gate.ANSWER_REVIEW, Gate.SIGNATURE}
    settings.GATES_OFF = frozenset(off)
    assert refused(lambda: publish(draft)) == ["not_approved"]  # the lawyers are no gate
    sent = rebutting.send_to_lawyers(rebuttal=draft, actor=UserFactory(), now=day(0))
    assert publish(sent).waived == sorted(off)
    [shown] = page_answers.build_answers(day(1))
    assert shown.is_overdue
    assert verify().holds


# --- The log of claims -------------------------------------------------------------------------


def test_a_claim_is_logged_word_for_word_and_stands_in_no_entry(claim: Claim) -> None:
    assert claim.words.endswith("says my cousin")
    assert not RecordEntry.objects.exists()
    assert not RecordText.objects.exists()


@pytest.mark.parametrize(("reach", "advice"), [(100, Triage.LOG), (2_000, Triage.PREPARE), (10_000, Triage.ANSWER)])
def test_the_log_advises_by_reach_as_it_grows(claim: Claim, reach: int, advice: Triage) -> None:
    assert claims.advise(claims.see_again(claim=claim, actor=UserFactory(), now=day(1), reach=reach)) == advice


def test_a_claim_keeps_its_words_and_is_dropped_with_a_reason_only(claim: Claim) -> None:
    with pytest.raises(TimelineError, match="stays as it was logged"):
        claims.see_again(claim=claim, actor=UserFactory(), now=day(1), words="Other words")
    with pytest.raises(TimelineError, match="why"):
        claims.move(claim=claim, to=State.DROPPED, actor=UserFactory(), now=day(1))
    claims.move(claim=claim, to=State.DROPPED, actor=UserFactory(), now=day(1), reason="Three people saw it.")
    with pytest.raises(TimelineError, match="does not become assessing"):
        claims.move(claim=claim, to=State.ASSESSING, actor=UserFactory(), now=day(1))


def test_a_claim_seen_tomorrow_is_refused() -> None:
    with pytest.raises(TimelineError, match="not come yet"):
        claims.log_claim(
            words="x", language="en", where="y", first_seen=TODAY + timedelta(days=2), actor=UserFactory(), now=day(0)
        )


def test_only_an_assessed_claim_is_answered_and_once_at_a_time(claim: Claim, draft: Rebuttal) -> None:
    with pytest.raises(TimelineError, match="assess it first"):
        rebutting.draft(claim=claim, answer=WHOLE, author=UserFactory(), now=day(0))


# --- Steps -------------------------------------------------------------------------------------


def test_rows_and_rules_speak_of_the_same_answer(draft: Rebuttal) -> None:
    author = draft.author.get_username() if draft.author else ""
    assert rebutting.as_pure(Rebuttal.objects.get(pk=draft.pk)) == replace(WHOLE, author=author, approver="")


def test_an_answer_goes_by_the_lawyers_and_a_second_person(draft: Rebuttal) -> None:
    assert refused(lambda: publish(draft)) == ["not_approved", "signature_missing"]
    with pytest.raises(TimelineError, match="does not become"):
        rebutting.approve(rebuttal=draft, signer=UserFactory(), now=day(0))
    rebutting.send_to_lawyers(rebuttal=draft, actor=UserFactory(), now=day(0))
    assert draft.author is not None
    with pytest.raises(SigningRefused, match="Another person"):
        rebutting.approve(rebuttal=draft, signer=draft.author, now=day(0))
    ready = rebutting.approve(rebuttal=draft, signer=UserFactory(), now=day(0))
    said = publish(ready)
    assert rebutting.stage_of(said) == State.PUBLISHED
    entry = RecordEntry.objects.get(kind="rebuttal")
    assert Notification.objects.filter(record_seq=entry.seq).exists()
    assert verify().holds


def test_a_signature_alone_is_not_the_lawyers(draft: Rebuttal) -> None:
    sign(item=draft, signer=UserFactory(), now=day(0))
    assert refused(lambda: publish(draft)) == ["not_approved"]


def test_words_that_change_are_a_draft_again(draft: Rebuttal) -> None:
    ready = approved(draft)
    changed = replace(WHOLE, what_is_true=both("You can pay tax from your account."))
    rebutting.edit(rebuttal=ready, answer=changed, actor=UserFactory(), now=day(0))
    assert rebutting.stage_of(Rebuttal.objects.get()) == State.DRAFTING
    assert refused(lambda: publish(ready)) == ["not_approved", "signature_void"]


def test_what_is_missing_keeps_it_from_the_lawyers(draft: Rebuttal) -> None:
    bare = replace(WHOLE, what_is_true={"en": "", "sw": ""}, evidence=())
    rebutting.edit(rebuttal=draft, answer=bare, actor=UserFactory(), now=day(0))
    with pytest.raises(TimelineError, match=r"What is true is missing .* evidence"):
        rebutting.send_to_lawyers(rebuttal=draft, actor=UserFactory(), now=day(0))


def test_only_those_of_the_settings_speak_for_us(draft: Rebuttal, settings: Any) -> None:
    ready = approved(draft)
    settings.SPOKESPEOPLE = ["otieno"]
    assert refused(lambda: publish(ready)) == ["spokesperson_unknown"]
    settings.SPOKESPEOPLE = ["otieno", "grace"]
    assert publish(ready).is_published


def test_an_internal_component_is_never_named(claim: Claim) -> None:
    inner = ComponentFactory(code="core", internal=True)
    with pytest.raises(TimelineError, match="never public"):
        rebutting.draft(claim=claim, answer=WHOLE, author=UserFactory(), now=day(0), components=[inner])


# --- Versions ----------------------------------------------------------------------------------


def test_a_new_version_is_a_new_row_and_the_old_one_stays_public(public: Rebuttal) -> None:
    corrected = replace(WHOLE, verdict=WHOLE.verdict, what_is_true=both("Tax may be paid from your account."))
    with pytest.raises(TimelineError, match="Start its review first"):
        rebutting.revise(rebuttal=public, answer=corrected, author=UserFactory(), now=day(5))
    rebutting.start_review(rebuttal=public, actor=UserFactory(), now=day(5))
    assert rebutting.stage_of(Rebuttal.objects.get()) == State.UNDER_REVIEW
    second = rebutting.revise(rebuttal=public, answer=corrected, author=UserFactory(), now=day(5))
    with pytest.raises(TimelineError, match="being written already"):
        rebutting.revise(rebuttal=public, answer=corrected, author=UserFactory(), now=day(5))
    said = publish(approved(second, 5), 5)
    assert (said.series, said.version, rebutting.stage_of(said)) == (public.series, 2, State.UPDATED)
    assert [row.version for row in Rebuttal.objects.published()] == [2, 1]
    assert by_language(Rebuttal.objects.get(version=1).what_is_true) == WHOLE.what_is_true
    assert [entry.kind for entry in RecordEntry.objects.order_by("seq")] == ["rebuttal", "rebuttal"]
    assert verify().holds


def test_a_renewed_answer_keeps_its_words_and_needs_one_more_person(public: Rebuttal) -> None:
    rebutting.start_review(rebuttal=public, actor=UserFactory(), now=day(80))
    later = TODAY + timedelta(days=160)
    renewed = rebutting.renew(rebuttal=public, review_date=later, author=UserFactory(), now=day(80))
    assert refused(lambda: publish(renewed, 80)) == ["not_approved", "signature_missing"]
    said = publish(approved(renewed, 80), 80)
    assert (said.version, said.review_date) == (2, later)
    assert said.texts() == public.texts()


def test_a_review_may_end_without_a_change(public: Rebuttal) -> None:
    rebutting.start_review(rebuttal=public, actor=UserFactory(), now=day(5))
    assert rebutting.stage_of(rebutting.end_review(rebuttal=public, actor=UserFactory(), now=day(5))) == State.PUBLISHED


def test_a_withdrawn_answer_stays_visible_and_takes_no_new_version(public: Rebuttal) -> None:
    note = {"en": "We did not know enough.", "sw": "Hatukujua vya kutosha."}
    taken_back = withdrawing.draft(of=public, note=note, author=UserFactory(), now=day(3))
    assert refused(lambda: publishing.publish_withdrawal(withdrawal=taken_back, actor=None, now=day(3))) == ["signature_missing"]
    sign(item=taken_back, signer=UserFactory(), now=day(3))
    publishing.publish_withdrawal(withdrawal=taken_back, actor=None, now=day(3))
    assert rebutting.stage_of(public) == State.WITHDRAWN
    assert Rebuttal.objects.published().get().pk == public.pk
    with pytest.raises(TimelineError, match="a withdrawn answer is not"):
        rebutting.start_review(rebuttal=public, actor=UserFactory(), now=day(4))
    assert verify().holds


# --- Proof -------------------------------------------------------------------------------------


def test_names_and_words_stand_beside_the_entry_and_what_is_for_staff_nowhere(public: Rebuttal) -> None:
    entry = RecordEntry.objects.get(kind="rebuttal")
    texts = dict(entry.texts.values_list("field", "text"))
    assert texts["claim_quote"] == WHOLE.claim.quote
    assert texts["spokesperson"] == "grace"
    assert texts["corroborations.0.said.sw"] == "This is fake news. (sw)"
    assert not [text for text in texts.values() if text in ("neema", "otieno") or "cousin" in text]
    assert [word for word in ("grace", "fake", "neema", "40000", "forward.example") if word in entry.body] == []


def _set_nested(field: str, place: str, value: str) -> None:
    row = Rebuttal.objects.get()
    changed = getattr(row, field)
    changed[0][place] = value
    Rebuttal.objects.update(**{field: changed})


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (lambda: Rebuttal.objects.update(verdict="true"), "the rebuttal it records was edited"),
        (lambda: Rebuttal.objects.update(review_date=TODAY), "the rebuttal it records was edited"),
        (lambda: Rebuttal.objects.update(components=[]), "the rebuttal it records was edited"),
        (lambda: Rebuttal.objects.update(publication="draft"), "the rebuttal it records was edited"),
        (lambda: Rebuttal.objects.update(claim_quote="Nothing"), "the text claim_quote of its rebuttal was edited"),
        (lambda: Rebuttal.objects.update(what_is_true=in_all({"en": "x", "sw": "y"})), "of its rebuttal was edited"),
        (lambda: _set_nested("corroborations", "link", "https://evil.example"), "corroborations.0.link of its rebuttal"),
        (lambda: _set_nested("evidence", "dated", "2020-01-01"), "the rebuttal it records was edited"),
    ],
)
def test_a_hand_edit_of_a_public_answer_is_named(public: Rebuttal, edit: Callable[[], Any], words: str) -> None:
    assert verify().holds
    edit()
    assert words in verify().problem


@pytest.mark.parametrize("field", ["claim_quote", "corroborations.0.body", "corroborations.0.said.sw", "what_is_true.en"])
def test_any_text_of_an_answer_can_be_removed_for_ever(public: Rebuttal, field: str) -> None:
    seq = public.record_seq or 0
    text = RecordText.objects.get(entry_id=seq, field=field).text
    record.redact(seq=seq, field=field, requested_by=UserFactory(), approved_by=UserFactory(), now=day(1))
    row = Rebuttal.objects.get()
    assert row.texts()[field].startswith(("[removed on 2026-11-25]", "[imeondolewa tarehe 2026-11-25]"))
    assert not RecordText.objects.filter(text=text).exists()
    assert verify().holds


def test_every_act_on_claims_and_answers_is_in_the_log_of_acts(public: Rebuttal) -> None:
    acts = list(AuditEvent.objects.order_by("id").values_list("act", flat=True))
    assert acts == [
        *("claim.log", "claim.move", "rebuttal.add", "rebuttal.step", "rebuttal.sign", "rebuttal.step", "rebuttal.publish")
    ]


def test_a_draft_that_is_discarded_leaves_its_row(draft: Rebuttal) -> None:
    documents.discard(document=draft, actor=UserFactory(), now=day(0))
    assert rebutting.stage_of(Rebuttal.objects.get()) == State.DROPPED
