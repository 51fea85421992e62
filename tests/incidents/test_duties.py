"""When the desk is stirred: minutes after what waits."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from incidents import duties
from incidents.duties import Duty, Pace, Waiting
from tests.factories import NOON

DEFAULT = Pace()


def at(minutes: float) -> datetime:
    return NOON + timedelta(minutes=minutes)


def due(waiting: Waiting, minutes: float, pace: Pace = DEFAULT) -> list[str]:
    return [f"{one.why}:{one.duty}" for one in duties.due(waiting, now=at(minutes), pace=pace)]


@pytest.mark.parametrize(
    ("waiting", "minutes", "expected"),
    [
        (Waiting(), 999, []),
        (Waiting(first_notice_at=NOON), 4.9, []),
        (Waiting(first_notice_at=NOON), 5, ["first_notice:publish_unattended"]),
        (Waiting(signature_asked_at=NOON), 4.9, []),
        (Waiting(signature_asked_at=NOON), 5, ["signature:page_approver"]),
        (Waiting(signature_asked_at=NOON), 10, ["signature:page_approver", "signature:page_all"]),
        (Waiting(promised_by=NOON), -5.1, []),
        (Waiting(promised_by=NOON), -5, ["promise:nudge_author"]),
        (Waiting(promised_by=NOON), 0, ["promise:nudge_author", "promise:nudge_author"]),
        (Waiting(promised_by=NOON), 5, ["promise:nudge_author", "promise:nudge_author", "promise:page_approver"]),
        (Waiting(broke_glass_at=NOON), 59, []),
        (Waiting(broke_glass_at=NOON), 60, ["after_signature:say_unsigned"]),
    ],
)
def test_what_waits_stirs_somebody_in_time(waiting: Waiting, minutes: float, expected: list[str]) -> None:
    assert due(waiting, minutes) == expected


def test_what_is_done_is_not_due_again_and_a_new_promise_is() -> None:
    first = duties.due(Waiting(promised_by=NOON), now=at(6))
    done = {one.key for one in first}
    assert len(done) == 3
    assert duties.due(Waiting(promised_by=NOON), now=at(9), done=done) == []
    [again] = duties.due(Waiting(promised_by=at(12)), now=at(9), done=done)
    assert again.duty == Duty.NUDGE_AUTHOR


def test_a_deployment_may_let_nothing_out_unattended() -> None:
    assert due(Waiting(first_notice_at=NOON), 999, Pace(unattended=timedelta())) == []


def test_what_lies_ahead_is_told_in_the_order_of_time() -> None:
    everything = Waiting(first_notice_at=NOON, signature_asked_at=at(1), promised_by=at(3), broke_glass_at=at(-58))
    moments = [one.at for one in duties.ahead(everything)]
    assert moments == sorted(moments)
    assert len(moments) == 7


@pytest.mark.parametrize(("minutes", "late"), [(0, False), (4.9, False), (5, True)])
def test_five_minutes_late_the_page_says_so(minutes: float, late: bool) -> None:
    assert duties.is_late_publicly(NOON, now=at(minutes)) is late
    assert not duties.is_late_publicly(None, now=at(minutes))


def test_an_after_signature_is_due_within_the_hour() -> None:
    assert duties.after_signature_due(NOON) == at(60)
