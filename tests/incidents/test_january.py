"""Two real outages of January 2024 in the pure modules together: what each figure, clock and rule would have said."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from incidents import clocks, dependencies, figures, phrases, profiles, regulators, statements, uptime
from incidents.dependencies import Edge
from incidents.figures import Moments, Word
from incidents.statements import Ground, Level, Role, Security, Signed, Statement
from incidents.uptime import Interval

NAIROBI = ZoneInfo("Africa/Nairobi")


def eat(day: int, hour: int, minute: int = 0) -> datetime:
    """A moment of January 2024 on the clock of Nairobi."""
    return datetime(2024, 1, day, hour, minute, tzinfo=NAIROBI).astimezone(UTC)


# The 9th: late from 11:00, half of it refused from 11:20, easing from 12:30, clear at 15:15. One public word, at the end.
NINTH = [
    Interval("operational", eat(1, 0), eat(9, 11)),
    Interval("delayed", eat(9, 11), eat(9, 11, 20)),
    Interval("partial_outage", eat(9, 11, 20), eat(9, 12, 30)),
    Interval("delayed", eat(9, 12, 30), eat(9, 15, 15)),
    Interval("operational", eat(9, 15, 15)),
]
# The 22nd: fails at 18:30, “resolved” at 20:00, fails again from 02:00 until 14:00.
RELAPSE = [
    Interval("operational", eat(9, 15, 15), eat(22, 18, 30)),
    Interval("major_outage", eat(22, 18, 30), eat(22, 20)),
    Interval("operational", eat(22, 20), eat(23, 2)),
    Interval("partial_outage", eat(23, 2), eat(23, 14)),
    Interval("operational", eat(23, 14)),
]


def test_the_ninth_lost_little_by_the_rule_and_its_delay_is_not_hidden() -> None:
    [day] = uptime.by_day(NINTH, first=date(2024, 1, 9), last=date(2024, 1, 9), zone=NAIROBI, now=eat(31, 0))
    assert uptime.printed(day.percent) == "98.54"  # 70 minutes at 30 %
    assert day.tally.down == timedelta(minutes=70)
    assert day.tally.delayed == timedelta(hours=3, minutes=5)
    assert regulators.eba_day(day=day.day, tally=day.tally).down_seconds == 4_200


def test_the_ninth_had_one_word_four_hours_late() -> None:
    moments = Moments(first_customer_impact=eat(9, 11), detected=eat(9, 11, 2), first_public_update=eat(9, 15, 15))
    found = figures.derive(moments, [Word(eat(9, 15, 15))], now=eat(12, 8))
    assert found.impact_to_first_word == timedelta(hours=4, minutes=15)
    assert found.first_word_in_time is False
    due = figures.review(resolved_at=eat(9, 15, 15), impact="critical", now=eat(31, 0))
    assert due.state == "overdue"  # no cause was published by the end of the month


def test_the_ninth_would_have_started_kenyas_clocks() -> None:
    situation = clocks.Situation(
        {"first_customer_impact": eat(9, 11), "aware": eat(9, 11, 5)}, flags=clocks.flags(impact="critical", security="no")
    )
    found = clocks.deadlines(clocks.chosen(profiles.load(), None), situation, zone=NAIROBI, now=eat(9, 12, 30))
    assert [(one.rule.code, one.state) for one in found] == [("ca-hour", "missed"), ("ca-report", "running")]


def test_the_handsets_word_on_the_ninth_would_have_been_refused() -> None:
    shown = {"en": "The service is undergoing scheduled maintenance.", "sw": "Huduma inafanyiwa matengenezo."}
    assert len(phrases.maintenance_words(shown, window_published=False)) == 2
    denial = {"en": "There is no integration: sharing of data is not permissible."}
    assert [one.code for one in phrases.refused(denial)] == ["law_without_deed"]


def test_the_core_would_have_dragged_along_what_failed_with_it() -> None:
    edges = [Edge(code, "core") for code in ("app", "ussd", "sim", "airtime")] + [Edge("confirmation-sms", "smsc")]
    assert {one.component for one in dependencies.propose("core", "delayed", edges)} == {"app", "ussd", "sim", "airtime"}


@pytest.mark.parametrize(("hour", "stands"), [(21, Level.NOT_SECURITY), (26, Level.CHECKING)])
def test_what_was_said_after_the_false_all_clear_is_taken_back_at_the_relapse(hour: int, stands: Level) -> None:
    """Signed at 20:30 on the 22nd; the same link is reopened at 02:00."""
    said = Statement(
        level=Level.NOT_SECURITY,
        texts={},
        scope="incident",
        as_of=eat(22, 20, 30),
        author="asha",
        signatures=(Signed(Role.HEAD_OF_SECURITY, "juma"), Signed(Role.OPERATIONS, "neema")),
        signed_at=eat(22, 20, 30),
    )
    now = eat(22, 0) + timedelta(hours=hour)
    reopened = eat(23, 2) if now >= eat(23, 2) else None
    ground = Ground(is_open=reopened is not None, security=Security.NO, reopened_at=reopened)
    assert statements.standing([said], ground, impact="major", now=now) == (stands, False)


def test_while_double_debits_are_open_nobody_says_that_no_money_was_lost() -> None:
    assert phrases.refused({"sw": "Hakuna pesa iliyopotea."}, duplicates_open=True)


def test_the_relapse_counts_as_two_outages_over_two_days() -> None:
    found = regulators.outages(RELAPSE, start=eat(22, 0), end=eat(24, 0))
    assert [one.length for one in found] == [timedelta(hours=1, minutes=30), timedelta(hours=12)]
    days = uptime.by_day(RELAPSE, first=date(2024, 1, 22), last=date(2024, 1, 23), zone=NAIROBI, now=eat(31, 0))
    assert [uptime.printed(day.percent) for day in days] == ["93.75", "85.00"]
    budget = regulators.mas_budget([*NINTH[:-1], *RELAPSE], since=eat(1, 0), now=eat(31, 0))
    assert budget.used == timedelta(hours=14, minutes=40)
    assert budget.is_exceeded
