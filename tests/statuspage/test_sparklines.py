"""Small lines: a gap stays a gap, and the words say what the line shows."""

from __future__ import annotations

from typing import Any

import pytest
from django.utils import timezone

from probes import sketches
from probes.models import Rollup
from probes.rollups import day_of, hour_of, zone
from statuspage.roles import ENGINEER
from statuspage.sparklines import sparkline
from tests.factories import ProbeScheduleFactory
from tests.statuspage.desk import sign_in, someone


def paths(markup: str) -> list[str]:
    return [piece.split('"')[0] for piece in markup.split('<path d="')[1:]]


def test_the_highest_value_is_on_top_and_nothing_at_the_bottom() -> None:
    assert paths(sparkline([0.0, 10.0, 5.0], "")) == ["M0.0 30.0L120.0 2.0L240.0 16.0"]


def test_a_gap_breaks_the_line_and_a_lone_value_is_a_dot() -> None:
    assert paths(sparkline([1.0, None, 1.0, 1.0], "")) == ["M0.0 2.0h0", "M160.0 2.0L240.0 2.0"]


def test_nothing_measured_is_an_empty_picture() -> None:
    assert paths(sparkline([None, None], "")) == []


def test_its_words_are_for_those_who_do_not_see_it() -> None:
    assert 'role="img" aria-label="80 &lt; 90"' in sparkline([1.0], "80 < 90")


@pytest.mark.django_db
def test_a_probes_page_shows_its_last_day_and_its_last_90_days() -> None:
    row = ProbeScheduleFactory()
    now = int(timezone.now().timestamp())
    hour, (day, _) = hour_of(now, zone()), day_of(now, zone())
    took: Any = sketches.encode({sketches.key_of(250_000): 4})
    for span, start in ((Rollup.Span.HOUR, hour), (Rollup.Span.DAY, day)):
        Rollup.objects.create(probe=row.probe, vantage=row.vantage, span=span, start=start, ok=3, down=1, latencies=took)
    page = sign_in(someone(ENGINEER)).get(f"/admin/probes/probe/{row.probe_id}/change/").content.decode()
    assert page.count("75.00% of 4 outcomes ok; 95 % took at most 250 ms at the worst</") == 2
    assert page.count('<svg class="sparkline"') == 2
