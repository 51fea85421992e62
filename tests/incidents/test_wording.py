"""Moments in words."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from incidents.wording import clock, clock_from

NAIROBI = ZoneInfo("Africa/Nairobi")


@pytest.mark.parametrize(
    ("hour_utc", "english", "kiswahili"),
    [(21, "12:05 am", "00:05"), (5, "8:05 am", "08:05"), (9, "12:05 pm", "12:05"), (13, "4:05 pm", "16:05")],
)
def test_english_has_twelve_hours_and_kiswahili_digits(hour_utc: int, english: str, kiswahili: str) -> None:
    moment = datetime(2026, 11, 24, hour_utc, 5, tzinfo=UTC)
    assert clock(moment, "en", NAIROBI) == english
    assert clock(moment, "sw", NAIROBI) == kiswahili


def test_the_day_is_named_when_it_is_not_today() -> None:
    now = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
    assert clock_from(now, now, "en", NAIROBI) == "12:00 pm EAT"
    assert clock_from(now - timedelta(days=1), now, "en", NAIROBI) == "12:00 pm EAT, 23 Nov 2026"
    assert clock_from(now - timedelta(days=1), now, "sw", NAIROBI) == "12:00 EAT, 23 Novemba 2026"
