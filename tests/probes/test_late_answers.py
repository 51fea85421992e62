"""Runs whose answer comes later: the rule, the rows, and what is never kept."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from incidents.models import Component
from probes import late_answers, recording
from probes.gateway_callbacks import DONE, FAULT, SETUP, TIMEOUT, Told, read
from probes.models import PendingAnswer, Probe, ProbeSchedule, Result, Vantage
from probes.pending import Waiting, close
from probes.recording import Report
from tests.factories import NOON, ComponentFactory, ProbeFactory, ProbeScheduleFactory

START = int(NOON.timestamp())
NUMBER = "254708374149"


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


# --- The rule ---------------------------------------------------------------------------------------

LATE_S, LOST_S = 30, 180


def waiting(answered: float | None = None, answer: str = DONE, code: str = "0", **more: Any) -> Waiting:
    return Waiting(
        asked_at=NOON,
        late_at=at(LATE_S),
        deadline=at(LOST_S),
        answered_at=None if answered is None else at(answered),
        answer="" if answered is None else answer,
        code="" if answered is None else code,
        **{"slow": False, **more},
    )


@pytest.mark.parametrize(
    ("case", "now", "status", "error_class", "seconds"),
    [
        (waiting(0.4), 1, "ok", "", 0.4),
        (waiting(30), 31, "ok", "", 30),
        (waiting(4, slow=True), 4, "degraded", "", 4),
        (waiting(31), 31, "delayed", "", 31),
        (waiting(31, slow=True), 31, "delayed", "", 31),
        (waiting(180), 181, "delayed", "", 180),
        (waiting(181), 400, "down", "lost", 180),
        (waiting(2, code="1032"), 2, "ok", "", 2),  # a business decline is an answer
        (waiting(2, FAULT, "26"), 2, "down", "internal", 2),
        (waiting(100, FAULT, "26"), 100, "down", "internal", 100),
        (waiting(2, SETUP, "2001"), 2, "misconfigured", "credentials", 2),
        (waiting(2, TIMEOUT, "1"), 2, "down", "lost", 2),
        (waiting(), 29.9, None, "", 0),
        (waiting(), 30, "delayed", "", 30),
        (waiting(), 179, "delayed", "", 179),
        (waiting(), 180, "down", "lost", 180),
        (waiting(), 9000, "down", "lost", 180),
        (waiting(is_losing=True), 29.9, None, "", 0),
        (waiting(is_losing=True), 30, "down", "lost", 30),
        (waiting(2, is_losing=True), 30, "ok", "", 2),
        (waiting(-1), 1, "ok", "", 0),  # the agent's clock runs ahead
    ],
)
def test_a_slot_closes_by_its_answer_or_by_its_limits(
    case: Waiting, now: float, status: str | None, error_class: str, seconds: float
) -> None:
    closing = close(case, at(now))
    if status is None:
        assert closing is None
    else:
        assert closing is not None
        assert (closing.status, closing.error_class, closing.seconds) == (status, error_class, seconds)


# --- What is read of a callback -----------------------------------------------------------------------


def result(code: Any, **more: Any) -> dict[str, Any]:
    return {"Result": {"ResultType": 0, "ResultCode": code, "ResultDesc": f"said of {NUMBER}", **more}}


PAYMENT = {"TransID": "NLJ7RT61SV", "BillRefNumber": "p0123456789abcdef", "MSISDN": NUMBER, "OrgAccountBalance": "49197.00"}


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (result(0), Told("", DONE, "0")),
        (result("0"), Told("", DONE, "0")),
        ([result(0)], Told("", DONE, "0")),
        ({"Result": [result(0)["Result"]]}, Told("", DONE, "0")),
        ({"ResultCode": 0}, Told("", DONE, "0")),
        (result(0, ResultParameters={"ResultParameters": {"Key": "Amount"}}), Told("", DONE, "0")),
        (result(0, ResultParameters={"ResultParameter": [{"Key": "A"}, {"Key": "A", "Value": NUMBER}]}), Told("", DONE, "0")),
        ({"Body": {"stkCallback": {"ResultCode": 1037}}}, Told("", DONE, "1037")),
        (result(26), Told("", FAULT, "26")),
        (result("2001"), Told("", SETUP, "2001")),
        (result("SFC_IC0003"), Told("", DONE, "SFC_IC0003")),
        (result(None), Told("", DONE, "?")),
        (result(True), Told("", DONE, "?")),
        (result(NUMBER), Told("", DONE, "?")),
        (result(int(NUMBER)), Told("", DONE, "?")),
        (PAYMENT, Told("p0123456789abcdef", DONE, "0")),
        ({**PAYMENT, "BillRefNumber": "rent"}, None),
        ({**PAYMENT, "BillRefNumber": "4111111111111111"}, None),
        ({"hello": "world"}, None),
        ([], None),
        (7, None),
        (None, None),
    ],
)
def test_a_callback_is_read_loosely_and_only_its_code_is_kept(body: Any, told: Told | None) -> None:
    assert read(json.dumps(body).encode()) == told


@pytest.mark.parametrize("body", [b"", b"not json", b"[" * 60_000, b"\xff"])
def test_bytes_that_are_no_json_tell_nothing_but_a_queue_timeout_needs_no_words(body: bytes) -> None:
    assert read(body) is None
    assert read(body, in_queue_timeout=True) == Told("", TIMEOUT, "?")


def test_at_the_timeout_address_every_code_is_a_timeout() -> None:
    assert read(json.dumps(result("1")).encode(), in_queue_timeout=True) == Told("", TIMEOUT, "1")


# --- Rows ----------------------------------------------------------------------------------------------


@pytest.fixture
def probe() -> Probe:
    probe = ProbeFactory(code="status-rt", component=ComponentFactory(code="payouts"), interval=60)
    ProbeScheduleFactory(probe=probe, interval=60)
    return probe


def correlation(slot: int) -> str:
    return f"p{slot:016x}"


def accepted(probe: Probe, slot: int, *, slow: bool = False) -> Report:
    return Report(
        probe_id=probe.pk,
        slot=START + 60 * slot,
        attempt=0,
        status="accepted",
        error_class="",
        evidence="status-rt: accepted in 12 ms",
        http_status=200,
        total_us=12_000,
        phases={"ttfb": 11_000},
        started_at=float(START + 60 * slot),
        lateness_ms=0,
        accepted={"correlation": correlation(slot), "late_s": LATE_S, "lost_s": LOST_S, "slow": slow},
    )


def ask(probe: Probe, slot: int, **more: Any) -> None:
    recording.record(vantage_name="nairobi", reports=[accepted(probe, slot, **more)], now=at(60 * slot + 0.1))


def answer_only(slot: int, after: float, kind: str = DONE, code: str = "0") -> None:
    late_answers.take_answer(correlation=correlation(slot), told=Told("", kind, code), now=at(60 * slot + after))


def answer(slot: int, after: float, kind: str = DONE, code: str = "0") -> None:
    """It comes, and the publisher's second with it."""
    answer_only(slot, after, kind, code)
    late_answers.sweep(now=at(60 * slot + after))


def seen() -> list[tuple[int, str, int | None]]:
    """Slot, status and milliseconds of each outcome."""
    rows = Result.objects.order_by("slot").values_list("slot", "status", "total_us")
    return [((slot - START) // 60, status, None if total is None else round(total / 1000)) for slot, status, total in rows]


def status(probe: Probe) -> str:
    return Component.objects.get(pk=probe.component_id).status


@pytest.mark.django_db
@pytest.mark.database
class TestRows:
    def test_an_accepted_run_is_no_outcome_until_its_answer_comes(self, probe: Probe) -> None:
        ask(probe, 0)
        assert seen() == []
        answer(0, 4.2)
        assert seen() == [(0, "ok", 4200)]
        assert Result.objects.get().evidence == "status-rt: result 0 after 4.2 s"
        assert status(probe) == "operational"

    def test_the_agent_was_heard_when_it_reported_and_not_when_the_slot_closed(self, probe: Probe) -> None:
        ask(probe, 0)
        late_answers.sweep(now=at(31))
        assert Vantage.objects.get().last_heard_at == at(0.1)

    def test_nothing_at_the_limit_is_delayed_at_once_and_twice_makes_the_page_say_so(self, probe: Probe) -> None:
        for slot in range(3):
            ask(probe, slot)
            late_answers.sweep(now=at(60 * slot + 29))
            late_answers.sweep(now=at(60 * slot + 31))
        assert seen() == [(0, "delayed", 31_000), (1, "delayed", 31_000), (2, "delayed", 31_000)]
        assert status(probe) == "delayed"

    def test_an_answer_after_the_limit_brings_the_real_measure(self, probe: Probe) -> None:
        ask(probe, 0)
        late_answers.sweep(now=at(30))
        answer(0, 95)
        assert seen() == [(0, "delayed", 95_000)]
        assert Result.objects.get().evidence == "status-rt: result 0 after 95.0 s, limit 30 s"

    def test_a_series_that_loses_answers_is_down_at_its_next_limit(self, probe: Probe) -> None:
        for slot in range(5):
            ask(probe, slot)
            late_answers.sweep(now=at(60 * slot + 30))
        assert [said for _, said, _ in seen()] == ["delayed", "delayed", "delayed", "down", "down"]
        assert status(probe) == "major_outage"

    def test_an_answer_after_the_deadline_is_noted_and_saves_nothing(self, probe: Probe) -> None:
        ask(probe, 0)
        late_answers.sweep(now=at(30))
        answer(0, 600)
        ask(probe, 11)
        late_answers.sweep(now=at(60 * 11 + 30))
        assert seen() == [(0, "delayed", 30_000), (11, "down", 30_000)]
        assert PendingAnswer.objects.get(slot=START).answered_at == at(600)

    def test_a_series_that_answers_again_is_well_again(self, probe: Probe) -> None:
        ask(probe, 0)
        late_answers.sweep(now=at(30))
        ask(probe, 5)
        answer(5, 2)
        ask(probe, 9)
        late_answers.sweep(now=at(60 * 9 + 30))
        assert [said for _, said, _ in seen()] == ["delayed", "ok", "delayed"]

    def test_a_publisher_that_was_away_until_the_deadline_says_down(self, probe: Probe) -> None:
        ask(probe, 0)
        late_answers.sweep(now=at(500))
        assert seen() == [(0, "down", 180_000)]

    def test_duplicates_and_second_thoughts_change_nothing(self, probe: Probe) -> None:
        ask(probe, 0)
        answer(0, 4)
        answer(0, 5)
        answer(0, 9, FAULT, "26")
        ask(probe, 0)
        late_answers.sweep(now=at(31))
        assert seen() == [(0, "ok", 4000)]
        assert PendingAnswer.objects.count() == 1

    def test_answers_in_another_order_each_close_their_own_slot(self, probe: Probe) -> None:
        ask(probe, 0)
        ask(probe, 1)
        answer(1, 1)
        answer(0, 70)
        assert seen() == [(0, "delayed", 70_000), (1, "ok", 1000)]

    def test_an_answer_that_is_faster_than_its_report_waits_for_it(self, probe: Probe) -> None:
        answer_only(0, 0.05)
        assert seen() == []
        ask(probe, 0)
        late_answers.sweep(now=at(1))
        assert seen() == [(0, "ok", 50)]
        late_answers.sweep(now=at(500))
        assert seen() == [(0, "ok", 50)]

    def test_answers_of_one_second_are_one_batch_of_their_vantage(self, probe: Probe, django_assert_max_num_queries: Any) -> None:
        for slot in range(30):
            ask(probe, slot)
            answer_only(slot, 4)
        with django_assert_max_num_queries(60):
            late_answers.sweep(now=at(1800))
        assert seen() == [(slot, "ok", 4000) for slot in range(30)]

    def test_an_answer_that_comes_while_its_slot_is_closed_as_late_brings_the_real_measure(
        self, probe: Probe, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        ask(probe, 0)
        record = recording.record_closed

        def answered_meanwhile(**given: Any) -> Any:
            answer_only(0, 30.4)
            return record(**given)

        monkeypatch.setattr(recording, "record_closed", answered_meanwhile)
        late_answers.sweep(now=at(31))
        assert seen() == [(0, "delayed", 30_400)]

    def test_a_slow_acknowledgement_with_a_fast_result_is_degraded(self, probe: Probe) -> None:
        ask(probe, 0, slow=True)
        answer(0, 4)
        assert seen() == [(0, "degraded", 4000)]

    @pytest.mark.parametrize(
        ("kind", "code", "says"), [(FAULT, "26", "down"), (TIMEOUT, "1", "down"), (SETUP, "2001", "misconfigured")]
    )
    def test_answers_that_tell_of_trouble_close_at_once(self, probe: Probe, kind: str, code: str, says: str) -> None:
        ask(probe, 0)
        answer(0, 3, kind, code)
        assert seen() == [(0, says, 3000)]

    def test_recording_killed_before_the_row_was_closed_is_made_up_for(self, probe: Probe) -> None:
        ask(probe, 0)
        late_answers.sweep(now=at(30))
        PendingAnswer.objects.update(closed_at=None)
        late_answers.sweep(now=at(40))
        assert seen() == [(0, "delayed", 30_000)]

    def test_a_row_of_another_version_does_not_stop_the_publisher(self, probe: Probe) -> None:
        ask(probe, 0)
        PendingAnswer.objects.update(report={"unheard": "of"})
        late_answers.sweep(now=at(30))
        assert seen() == []
        assert not PendingAnswer.objects.open().exists()

    def test_answers_that_nobody_asked_for_are_few_and_short_lived(self, probe: Probe, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(late_answers, "UNKNOWN_AT_MOST", 3)
        for number in range(5):
            late_answers.take_answer(correlation=f"p{number:016x}", told=Told("", DONE, "0"), now=at(0))
        assert PendingAnswer.objects.count() == 3
        assert late_answers.prune(now=at(601)) == 3

    def test_rows_of_the_day_before_yesterday_go(self, probe: Probe) -> None:
        ask(probe, 0)
        assert late_answers.prune(now=NOON + timedelta(hours=47)) == 0
        assert late_answers.prune(now=NOON + timedelta(hours=49)) == 1

    def test_a_run_by_hand_counts_as_its_own_attempt(self, probe: Probe) -> None:
        report = accepted(probe, 0)
        recording.record(vantage_name="nairobi", reports=[replace(report, attempt=1)], now=at(0))
        answer(0, 3)
        assert Result.objects.get().attempt == 1
        assert status(probe) != "operational"

    def test_a_probe_waiting_for_answers_is_not_silent(self, probe: Probe) -> None:
        for slot in range(4):
            ask(probe, slot)
            late_answers.sweep(now=at(60 * slot + 30))
            recording.sweep_silence(now=at(60 * slot + 31))
            heard = ProbeSchedule.objects.get().last_outcome_at
            assert heard is not None
            assert heard >= datetime.fromtimestamp(START + 60 * slot, UTC)
        assert status(probe) != "unknown"
