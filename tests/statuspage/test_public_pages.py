"""The pages beside the front page: services, months, figures, statements, plain text, poster, the record's file."""

from __future__ import annotations

import csv
import gzip
import io
import json
import os
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from html import unescape
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from babel.messages.pofile import read_po
from django.conf import settings as configured
from django.db import transaction
from django.utils.translation import gettext, override

from incidents import planned_words, rebuttals, record
from incidents.languages import in_all
from incidents.models import Component, ComponentGroup, IncidentUpdate
from incidents.words import IncidentStatus
from statuspage import page_history, page_uptime, snapshot
from statuspage.page import build_now
from statuspage.snapshot import gathering, parts
from tests.factories import NOON, ComponentGroupFactory, IncidentFactory, ProbeScheduleFactory
from tests.incidents import plans
from tests.probes.test_charts import DAY, rolled
from tests.statuspage import rows
from tests.statuspage.rows import change, old_component

pytestmark = [pytest.mark.long, pytest.mark.django_db, pytest.mark.usefixtures("mfano_pesa")]
HOSTILE = "<script>alert(1)</script>\u202e{{ lang }}{% now %}]]>&amp;\"'" + "x" * 10_000


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, settings: Any) -> Path:
    settings.SNAPSHOT_DIR = tmp_path / "snapshot"
    return tmp_path / "snapshot"


def read(folder: Path, name: str) -> str:
    return (folder / "current" / name).read_text()


def words_of(html: str) -> str:
    """What a reader sees."""
    body = re.sub(r"<(style|script)\b.*?</\1>", " ", html, flags=re.S)
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", body)))


def html_files(folder: Path) -> Iterator[tuple[str, str]]:
    for root in ("current/fresh", "current/stale", "current/archive"):
        for parent, _, names in os.walk(folder / root, followlinks=True):
            for name in names:
                if name.endswith(".html"):
                    path = Path(parent, name)
                    yield str(path.relative_to(folder)), path.read_text()


# --- A service ---------------------------------------------------------------------------------


def test_a_service_s_page_says_its_state_since_when_and_how_we_know(folder: Path) -> None:
    part = old_component(observed_status="operational", owner="Benki ya Mfano", channels=["app", "ussd"])
    change(part, "operational", 50)
    snapshot.refresh(now=NOON)
    page = words_of(read(folder, "fresh/pages/components/send-money/page.html"))
    assert "Send money is working" in page
    assert "Since 10:00 am EAT, 22 Nov 2026." in page
    assert "Measured by our probes" in page
    assert "Benki ya Mfano" in page
    assert "App, USSD" in page
    assert "100% in 90 days, no days with problems" in page
    assert "Huduma ya Tuma pesa inafanya kazi" in read(folder, "fresh/pages/sw/components/send-money/page.html")


def test_a_service_s_stale_page_is_never_green_and_says_what_was_last_known(folder: Path) -> None:
    old_component()
    snapshot.refresh(now=NOON)
    page = read(folder, "stale/pages/components/send-money/page.html")
    assert "We can’t confirm Send money" in words_of(page)
    assert "Last known: Working" in words_of(page)
    assert "<h1" in page
    assert "Send money is working" not in page


def test_a_bad_day_leads_to_the_problem_it_was(folder: Path) -> None:
    part = old_component()
    change(part, "partial_outage", 30)
    change(part, "operational", 28)
    incident = IncidentFactory(started_at=NOON - timedelta(hours=30))
    rows.publish(incident=incident, at=NOON - timedelta(hours=29), affected={part: "partial_outage"})
    rows.publish(incident=incident, at=NOON - timedelta(hours=28), status=IncidentStatus.RESOLVED, affected={part: "operational"})
    snapshot.refresh(now=NOON)
    page = read(folder, "fresh/pages/components/send-money/page.html")
    assert re.search(rf"23 Nov<td>.*?Not working for some.*?/incidents/{incident.public_id}.*?<td>2 h", page, re.S)
    assert "1 day with problems" in page


@pytest.mark.parametrize(
    ("fields", "status", "said", "swahili"),
    [
        ({}, IncidentStatus.FALSE_ALARM, "There was no problem: the time it was shown stays counted.", "Hakukuwa na hitilafu:"),
        ({"backfilled": True}, IncidentStatus.RESOLVED, "Written down after it was over: its time is counted.", "Iliandikwa"),
        ({}, IncidentStatus.RESOLVED, "", ""),
    ],
)
def test_a_false_alarm_and_what_was_written_later_are_noted_beside_the_days_they_count_in(
    folder: Path, fields: dict[str, Any], status: str, said: str, swahili: str
) -> None:
    part = old_component()
    change(part, "partial_outage", 30)
    change(part, "operational", 28)
    over = NOON - timedelta(hours=28)
    incident = IncidentFactory(started_at=NOON - timedelta(hours=30), resolved_at=over, **fields)
    rows.publish(incident=incident, at=NOON - timedelta(hours=29), affected={part: "partial_outage"})
    rows.publish(incident=incident, at=over, status=status, affected={part: "operational"})
    snapshot.refresh(now=NOON)
    page = read(folder, "fresh/pages/components/send-money/page.html")
    notes = re.findall(rf"/incidents/{incident.public_id}\">[^<]*</a> <span class=\"m\">([^<]*)</span><td>2 h", page)
    assert notes == [said] * bool(said)
    assert swahili in read(folder, "fresh/pages/sw/components/send-money/page.html")


def test_a_service_s_page_says_how_fast_it_answered_and_leaves_days_without_answers_out(folder: Path) -> None:
    row = ProbeScheduleFactory(probe__component=old_component())
    midnight = int((NOON - timedelta(hours=12)).timestamp())
    for days_ago, took_ms in ((0, 9_000), (1, 300), (2, 400), (4, 2_500)):
        rolled(row, DAY, midnight - days_ago * DAY, took_ms, ok=1)
    snapshot.refresh(now=NOON)
    html = read(folder, "fresh/pages/components/send-money/page.html")
    said = re.search(r"On a usual day [^<]*", html)
    assert said
    usual, slowest = re.findall(r"within (\S+) (?:ms|s)\b", said[0])
    assert float(usual) == pytest.approx(400, rel=0.02)
    assert float(slowest) == pytest.approx(2.5, rel=0.02)
    assert "On the slowest day, 20 Nov, within" in said[0]
    drawn = re.search(r'class="b ln"[^>]*><path d="([^"]*)"', html)
    assert drawn
    assert drawn[1].count("M") == 2  # one day alone, then two that follow each other
    assert "Katika siku ya kawaida" in read(folder, "fresh/pages/sw/components/send-money/page.html")


def test_a_service_nobody_measured_has_no_line(folder: Path) -> None:
    old_component()
    snapshot.refresh(now=NOON)
    assert "Response time" not in read(folder, "fresh/pages/components/send-money/page.html")


def test_only_the_pages_something_happened_to_are_written_again(folder: Path) -> None:
    touched, other = old_component("touched"), old_component("other")
    snapshot.refresh(now=NOON)
    first = {code: (folder / f"current/fresh/pages/components/{code}/page.html").stat().st_ino for code in ("touched", "other")}
    shard = os.readlink(folder / "current/fresh/pages")
    snapshot.refresh(now=NOON + timedelta(seconds=10))
    assert os.readlink(folder / "current/fresh/pages") == shard, "the clock alone makes no page anew"
    change(touched, "delayed", 0)
    snapshot.refresh(now=NOON + timedelta(seconds=11))
    again = {code: (folder / f"current/fresh/pages/components/{code}/page.html").stat().st_ino for code in ("touched", "other")}
    assert again["other"] == first["other"]
    assert again["touched"] != first["touched"]
    assert other.code == "other"


@pytest.mark.parametrize(("zone", "minute"), [("Asia/Kolkata", 30), ("Asia/Kathmandu", 15), ("Africa/Nairobi", 180)])
def test_a_day_begins_at_its_own_midnight_in_every_zone(folder: Path, settings: Any, zone: str, minute: int) -> None:
    settings.PAGE_TIME_ZONE = zone
    rows.component(created_at=NOON - timedelta(days=200))
    midnight = datetime(2026, 11, 30, 18, tzinfo=UTC) + timedelta(minutes=minute)  # of the last day of a month
    axes = []
    for seconds in (-20, 0):
        snapshot.refresh(now=midnight + timedelta(seconds=seconds))
        html = (folder / "current" / "fresh" / "pages" / "components" / "send-money" / "page.html").read_text()
        axes.append(re.findall(r'class="ax m"><span>(.*?)</span>', html)[0])
    assert axes == ["2 Sep", "3 Sep"]
    assert (folder / "current" / "archive" / "pages" / "history" / "2026-12.html").exists()


def test_a_service_taken_off_the_page_loses_its_own(folder: Path) -> None:
    part = old_component()
    snapshot.refresh(now=NOON)
    Component.objects.filter(pk=part.pk).update(enabled=False)
    snapshot.refresh(now=NOON + timedelta(seconds=10))
    assert not (folder / "current/fresh/pages/components/send-money/page.html").exists()


def test_groups_of_two_levels_are_two_levels_of_headings(folder: Path) -> None:
    banks = ComponentGroupFactory(code="banks", name=in_all({"en": "Banks", "sw": "Benki"}))
    ComponentGroup.objects.filter(pk=banks.pk).update(position=9)
    pesalink = ComponentGroupFactory(code="transfer", name=in_all({"en": "Transfers", "sw": "Uhamisho"}), parent=banks)
    old_component("bank", group=pesalink)
    snapshot.refresh(now=NOON)
    home = read(folder, "fresh/index.html")
    assert re.search(r"<h3>Banks</h3>\s*<div class=\"v\"><h4 class=\"g\">Transfers</h4>", home)
    assert "Status now / Banks / Transfers" in words_of(read(folder, "fresh/pages/components/bank/page.html"))


def test_a_service_shown_only_in_trouble_is_not_listed_while_it_works(folder: Path) -> None:
    part = old_component("rare", only_show_if_degraded=True)
    old_component("usual", name=in_all({"en": "Airtime", "sw": "Muda wa maongezi"}))
    snapshot.refresh(now=NOON)
    assert "/components/rare" not in read(folder, "fresh/index.html")
    change(part, "delayed", 0)
    snapshot.refresh(now=NOON + timedelta(seconds=1))
    assert "/components/rare" in read(folder, "fresh/index.html")


def test_a_service_without_a_showcase_has_a_state_and_no_history(folder: Path) -> None:
    old_component(showcase=False)
    snapshot.refresh(now=NOON)
    for name in ("fresh/index.html", "fresh/pages/components/send-money/page.html", "archive/pages/uptime.html"):
        assert "100%" not in words_of(read(folder, name)), name


# --- The past ----------------------------------------------------------------------------------


def test_a_month_lists_its_problems_its_days_and_whether_we_kept_our_word(folder: Path) -> None:
    part = old_component()
    change(part, "delayed", 30)
    change(part, "operational", 28)
    incident = IncidentFactory(started_at=NOON - timedelta(hours=30))
    promised = NOON - timedelta(hours=29)
    rows.publish(incident=incident, at=promised - timedelta(minutes=50), affected={part: "delayed"}, next_update_by=promised)
    rows.publish(incident=incident, at=promised, status=IncidentStatus.RESOLVED, affected={part: "operational"})
    snapshot.refresh(now=NOON)
    page = read(folder, "archive/pages/history/2026-11.html")
    assert "1 problem. 1 day with a service in trouble." in words_of(page)
    assert "The first word came after 10 minutes (median). 1 of 1 promised updates came on time." in words_of(page)
    assert re.search(r'<span>23</span><a href="#d23"><svg[^>]*aria-label="Delayed"', page)
    assert 'id="d23"' in page
    assert "Novemba 2026" in read(folder, "archive/pages/sw/history/2026-11.html")
    assert "November 2026" in words_of(read(folder, "archive/pages/history.html"))


def test_a_month_says_the_same_out_of_rows_that_were_made_already() -> None:
    change(old_component(), "delayed", 50)
    change(old_component("paybill"), "major_outage", 3)
    built = build_now(NOON)
    known = [component.days for group in built.groups for component in group.components if component.days]
    for name in ("2026-11", "2026-10", "2026-06"):
        assert page_history.build_month(name, now=NOON, known=known) == page_history.build_month(name, now=NOON)


def test_only_the_month_a_word_speaks_of_is_written_again(folder: Path) -> None:
    september = IncidentFactory(started_at=NOON - timedelta(days=70))
    rows.publish(incident=september, at=NOON - timedelta(days=70))
    rows.publish(at=NOON - timedelta(days=40))
    snapshot.refresh(now=NOON)
    inode = (folder / "current/archive/pages/history/2026-10.html").stat().st_ino
    before = read(folder, "archive/pages/history/2026-09.html")
    rows.publish(incident=september, at=NOON, status=IncidentStatus.RESOLVED)
    snapshot.refresh(now=NOON + timedelta(seconds=1))
    assert (folder / "current/archive/pages/history/2026-10.html").stat().st_ino == inode
    assert read(folder, "archive/pages/history/2026-09.html") != before


def test_a_problem_whose_start_is_corrected_moves_to_its_month(folder: Path) -> None:
    incident = rows.publish().incident
    snapshot.refresh(now=NOON)
    type(incident).objects.update(started_at=NOON - timedelta(days=40))
    rows.record_entry(kind="incident_time", data={"incident": incident.public_id})
    snapshot.refresh(now=NOON + timedelta(seconds=1))
    assert f"/incidents/{incident.public_id}" in read(folder, "archive/pages/history/2026-10.html")
    assert f"/incidents/{incident.public_id}" not in read(folder, "archive/pages/history/2026-11.html")


# --- Figures -----------------------------------------------------------------------------------


def test_the_csv_has_a_row_a_service_and_period_and_its_rule(folder: Path) -> None:
    part = old_component(name=in_all({"en": "=SUM(1)", "sw": "Tuma pesa"}))
    change(part, "major_outage", 30)
    change(part, "operational", 20)
    snapshot.refresh(now=NOON)
    found = list(csv.DictReader(io.StringIO(read(folder, "archive/pages/uptime.csv"))))
    assert [row["period"] for row in found] == ["90_days", "2026-Q4", "2026-Q3"]
    quarter = found[1]
    assert (quarter["service"], quarter["rule"], quarter["major_outage_s"]) == ("send-money", "statuspage", "36000")
    assert quarter["name"] == "'=SUM(1)", "no spreadsheet runs it"
    assert 99 < float(quarter["uptime_percent"]) < 99.3
    assert found[2]["uptime_percent"] == "100.000000"


def test_the_csv_says_what_our_words_were_worth_in_each_quarter(folder: Path) -> None:
    part = old_component()
    first = rows.publish(affected={part: "major_outage"}, next_update_by=NOON + timedelta(minutes=30))
    rows.publish(incident=first.incident, at=NOON + timedelta(minutes=20), status=IncidentStatus.RESOLVED)
    snapshot.refresh(now=NOON + timedelta(hours=1))
    found = list(csv.DictReader(io.StringIO(read(folder, "archive/pages/uptime.csv"))))
    told = {row["period"]: [value for name, value in row.items() if name.startswith("all_")] for row in found}
    assert told == {"90_days": [""] * 5, "2026-Q4": ["1", "240", "1", "1", "0"], "2026-Q3": ["0", "", "0", "0", "0"]}


def test_the_uptime_page_prints_its_rule_and_when_it_was_counted(folder: Path, settings: Any) -> None:
    settings.UPTIME_RULE = "full"
    old_component()
    snapshot.refresh(now=NOON)
    page = words_of(read(folder, "archive/pages/uptime.html"))
    assert "each minute of “Not working for some” in full" in page
    assert "12:00 pm EAT, 24 Nov 2026" in page
    assert "July to September 2026" in page
    assert "Julai hadi Septemba 2026" in read(folder, "archive/pages/sw/uptime.html")


def test_figures_are_counted_in_the_same_few_queries_however_many_services(django_assert_num_queries: Any) -> None:
    old_component("one")
    rows.publish()
    with django_assert_num_queries(12):
        page_uptime.build_uptime(NOON)
    for number in range(5):
        change(old_component(f"part-{number}"), "delayed", 5)
        rows.publish()
    with django_assert_num_queries(12):
        page_uptime.build_uptime(NOON)


@pytest.mark.parametrize("language", ["en", "sw"])
def test_every_word_of_planned_work_and_every_verdict_is_explained(folder: Path, language: str) -> None:
    snapshot.refresh(now=NOON)
    said = words_of(read(folder, f"archive/pages/{'' if language == 'en' else 'sw/'}definitions.html"))
    with override(language):
        words = [gettext(word) for word in (*planned_words.PHASE_WORDS.values(), "It takes longer than announced.")]
    words += [text[language] for told in rebuttals.VERDICTS.values() for text in told]
    assert [word for word in words if word not in said] == []


# --- Plain text and the poster -------------------------------------------------------------------


def test_plain_text_says_what_matters_in_about_a_kilobyte(folder: Path) -> None:
    for number in range(12):
        old_component(f"part-{number}")
    part = old_component("broken", name=in_all({"en": "STK push", "sw": "STK push"}))
    rows.publish(affected={part: "partial_outage"}, next_update_by=NOON + timedelta(minutes=30))
    snapshot.refresh(now=NOON)
    text = read(folder, "fresh/text.txt")
    assert len(text.encode()) <= 1100
    assert max(map(len, text.splitlines())) <= 60
    for said in ("STK PUSH IS NOT WORKING FOR SOME PEOPLE", "Do not pay again.", "Next update by 12:30 pm EAT.", "0800 000 100"):
        assert said in text
    stale = read(folder, "stale/text.txt")
    assert "WE CAN’T CONFIRM RIGHT NOW" in stale
    assert "12 of 13" not in stale
    assert "Next update by 12:30 pm EAT. After that, this update is late." in " ".join(stale.split())
    assert "After that, this update" not in text
    assert "After that, this update is late." in words_of(read(folder, "stale/index.html"))
    assert "After that, this update" not in words_of(read(folder, "fresh/index.html"))
    snapshot.refresh(now=NOON + timedelta(minutes=31))
    assert "We are still working on it." in " ".join(read(folder, "fresh/text.txt").split())
    assert "We are still working on it." not in " ".join(read(folder, "stale/text.txt").split())
    assert "HAIPATIKANI KWA BAADHI YA WATEJA" in read(folder, "fresh/sw/text.txt").replace("\n", " ")


def test_plain_text_counts_the_problems_that_it_does_not_tell(folder: Path) -> None:
    part = old_component()
    for minute in range(5):
        rows.publish(affected={part: "delayed"}, at=NOON - timedelta(minutes=minute))
    snapshot.refresh(now=NOON)
    assert "\n\n2 more problems are open.\n\n" in read(folder, "fresh/text.txt")
    assert "Kuna matatizo mengine 2 yanayoendelea." in read(folder, "fresh/sw/text.txt")


def test_the_front_page_tells_of_work_in_the_next_seven_days_and_names_what_comes_later(folder: Path) -> None:
    part = old_component()
    soon, later = (plans.announced({part: "under_maintenance"}, start=hours, end=hours + 1) for hours in (24 * 6, 24 * 9))
    snapshot.refresh(now=NOON)
    [told] = re.findall('<section class="s" id="planned">.*?</section>', read(folder, "fresh/index.html"), re.S)
    now, _, folded = told.partition("<details>")
    assert f"/maintenance/{soon.public_id}" in now
    assert "Planned for later: 1" in folded
    assert f"/maintenance/{later.public_id}" in folded
    snapshot.refresh(now=NOON + timedelta(days=3), force=True)
    [told] = re.findall('<section class="s" id="planned">.*?</section>', read(folder, "fresh/index.html"), re.S)
    assert "Planned for later" not in told


def test_the_poster_has_every_language_its_time_and_when_it_is_old(folder: Path) -> None:
    rows.publish(affected={old_component(): "delayed"}, next_update_by=NOON + timedelta(minutes=30))
    snapshot.refresh(now=NOON)
    sheet = words_of(read(folder, "fresh/poster.html"))
    assert "Send money is delayed" in sheet
    assert "Huduma ya Tuma pesa inachelewa" in sheet
    assert "After 12:30 pm EAT this sheet is old" in sheet
    assert "We can’t confirm right now" in read(folder, "stale/poster.html")


def test_the_poster_names_services_in_each_of_its_languages_and_counts_those_it_leaves_out(folder: Path) -> None:
    for number in range(11):
        name = {"en": f"Pay a bill {number}", "sw": f"Lipa bili {number}"} if number else {"en": "SMS", "sw": "SMS"}
        old_component(f"part-{number}", status="delayed", name=in_all(name))
    snapshot.refresh(now=NOON)
    for sheet, first, second in (
        ("poster.html", "Pay a bill 7", "Lipa bili 7"),
        ("sw/poster.html", "Lipa bili 7", "Pay a bill 7"),
    ):
        said = words_of(read(folder, f"fresh/{sheet}"))
        assert f"{first} / {second}" in said
        assert "SMS / " not in said, "one name in both"
        assert "Pay a bill 8" not in said
        assert "and 3 more" in said
        assert "na nyingine 3" in said


# --- The record's file ---------------------------------------------------------------------------


def lines_in(path: Path) -> list[dict[str, Any]]:
    raw = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    return [json.loads(line) for line in raw.decode().splitlines()]


def test_the_record_s_file_grows_at_its_end_and_its_twin_with_it(folder: Path) -> None:
    rows.publish()
    snapshot.refresh(now=NOON)
    path = folder / "current/archive/record/record.jsonl"
    inode, time = path.stat().st_ino, path.stat().st_mtime
    rows.publish()
    snapshot.refresh(now=NOON)
    assert path.stat().st_ino == inode
    assert path.stat().st_mtime > time
    for file in (path, path.with_name("record.jsonl.gz")):
        assert [line["seq"] for line in lines_in(file)] == [1, 2]


def test_what_a_killed_writer_added_to_it_is_cut_off(folder: Path) -> None:
    rows.publish()
    snapshot.refresh(now=NOON)
    for name in ("record.jsonl", "record.jsonl.gz"):
        with (folder / "current/archive/record" / name).open("ab") as file:
            file.write(b'{"half a line')
    rows.publish()
    snapshot.refresh(now=NOON)
    for name in ("record.jsonl", "record.jsonl.gz"):
        assert [line["seq"] for line in lines_in(folder / "current/archive/record" / name)] == [1, 2]


def test_a_long_record_is_filled_in_a_piece_at_a_time(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gathering, "RECORD_AT_ONCE", 2)
    for _ in range(5):
        rows.record_entry(kind="component_status", data={})
    written = []
    for second in range(4):
        if snapshot.refresh(now=NOON + timedelta(seconds=second)):
            written.append(len(lines_in(folder / "current/archive/record/record.jsonl")))
    assert written == [2, 4, 5]


def test_a_publication_does_not_wait_for_a_long_record(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gathering, "RECORD_AT_ONCE", 2)
    monkeypatch.setattr(gathering, "RECORD_IN_A_HURRY", 1)
    for _ in range(5):
        rows.record_entry(kind="component_status", data={})
    written = []
    for second, hurry in enumerate((False, True, False)):
        assert snapshot.refresh(now=NOON + timedelta(seconds=second), hurry=hurry)
        written.append(len(lines_in(folder / "current/archive/record/record.jsonl")))
    assert written == [2, 3, 5]


def test_after_a_redaction_the_file_is_written_anew_without_the_text(folder: Path) -> None:
    with transaction.atomic():
        record.append(kind="note", data={}, texts={"body.en": "Call Achieng"}, now=NOON)
    snapshot.refresh(now=NOON)
    assert "Achieng" in read(folder, "archive/record/record.jsonl")
    from incidents.models import RecordText

    RecordText.objects.update(text="", salt="", redacted_at=NOON)
    rows.record_entry(kind="redaction", data={"targets": [], "incidents": []})
    snapshot.refresh(now=NOON + timedelta(seconds=1))
    assert "Achieng" not in read(folder, "archive/record/record.jsonl")
    assert [path.name for path in (folder / "shards/record").iterdir()] == ["2"]


# --- Everything ----------------------------------------------------------------------------------


def everything(folder: Path) -> None:
    part = old_component(description=in_all({"en": "To a phone", "sw": "Kwa simu"}), channels=["app"], areas=[1], owner="Benki")
    change(part, "delayed", 30)
    change(part, "operational", 29)
    told = {
        name: in_all({"en": f"ENGLISH {name}", "sw": f"Swahili {name}"}) for name in ("what_to_do", "who_affected", "still_works")
    }
    going_on = rows.publish(
        affected={part: "partial_outage"},
        next_update_by=NOON + timedelta(minutes=9),
        share_affected=20,
        attribution="network",
        areas=[1, 2],
        channels=["sim"],
        body=in_all({"en": "ENGLISH body", "sw": "Swahili body"}),
        **told,
    ).incident
    over = rows.publish(at=NOON - timedelta(days=2), affected={part: "major_outage"}).incident
    rows.publish(incident=over, at=NOON - timedelta(days=1), status=IncidentStatus.RESOLVED, affected={part: "operational"})
    rows.statement(over)
    rows.statement(over, "2", at=NOON + timedelta(minutes=1))
    rows.withdrawal(rows.statement(going_on), at=NOON + timedelta(minutes=2))
    rows.redress(going_on)
    answered = rows.rebuttal(incident=going_on)
    rows.rebuttal(before=answered, incident=going_on, at=NOON + timedelta(minutes=3))
    rows.withdrawal(rows.rebuttal(fact_headline=in_all(rows.both("Cards work"))), at=NOON + timedelta(minutes=4))
    rows.review(over, cause_known=False, cause_due_at=NOON + timedelta(days=2))
    rows.review(over, at=NOON + timedelta(minutes=5))
    snapshot.refresh(now=NOON + timedelta(minutes=10))


def test_no_kiswahili_page_shows_a_text_that_has_its_own_kiswahili(folder: Path) -> None:
    everything(folder)
    english = english_with_a_translation()
    seen = 0
    for name, html in html_files(folder):
        if "/sw/" not in name:
            continue
        seen += 1
        if name.endswith("poster.html"):  # it has every language by design, each in its own part
            html = re.sub(r'<(div|p)\b[^>]*\blang="en".*?</\1>', "", html, flags=re.S)
        texts = {
            unescape(text).strip()
            for text in re.findall(r">([^<>]+)<", re.sub(r"<(style|script)\b.*?</\1>", "", html, flags=re.S))
        }
        attributes = {unescape(text) for text in re.findall(r'(?:aria-label|title|content)="([^"]*)"', html)}
        assert not (texts | attributes) & english, name
        assert "ENGLISH" not in html, name
    assert seen >= 20


def english_with_a_translation() -> set[str]:
    """Every message whose Kiswahili is another text."""
    with Path(configured.BASE_DIR, "statuspage", "locale", "sw", "LC_MESSAGES", "django.po").open("rb") as file:
        catalogue = read_po(file, locale="sw")
    return {
        message.id
        for message in catalogue
        if isinstance(message.id, str) and message.id and message.string != message.id and "%" not in message.id
    }


def test_no_kiswahili_file_for_programs_shows_such_a_text_either(folder: Path) -> None:
    """Feeds, calendars, badges, plain text: a message stands in them as a whole text, between marks of their format."""
    everything(folder)
    plans.announced({Component.objects.get(): "partial_outage"}, start=5, end=6)
    snapshot.refresh(now=NOON + timedelta(minutes=11), force=True)
    english = {words.strip(" .:") for words in english_with_a_translation()}
    months = re.compile(
        r"\b(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)\b(?! \d{4} \d\d:)"
    )  # RSS has its dates in English
    kinds = set()
    for parent, _, names in os.walk(folder / "current", followlinks=True):
        for name in names:
            ending = name.rpartition(".")[2]
            if "/sw/" in f"{parent}/" and ending in ("atom", "rss", "json", "txt", "svg", "ics"):
                kinds.add(ending)
                whole = unescape(unescape(Path(parent, name).read_text().replace("\r\n ", "")))
                pieces = {piece.strip(" .:") for piece in re.split(r"[<>\n\"“”():]|\\\\n|\. ", whole)}
                assert not pieces & english, (parent, name)
                assert "ENGLISH" not in whole, (parent, name)
                assert not months.search(whole), (parent, name)
    assert kinds == {"atom", "rss", "json", "txt", "svg", "ics"}


def test_every_page_has_one_heading_a_title_a_language_and_a_way_back(folder: Path) -> None:
    everything(folder)
    for name, html in html_files(folder):
        assert html.count("<h1") == (2 if name.endswith(("404.html", "away.html")) else 1), name
        assert re.search(r"<title>[^<]+</title>", html), name
        assert f'<html lang="{"sw" if "/sw/" in name else "en"}"' in html, name
        levels = [int(level) for level in re.findall(r"<h([1-6])", html)]
        assert all(after <= before + 1 for before, after in pairwise(levels)), (name, levels)
        assert " style=" not in html, name
        assert "<img" not in html, name


def test_every_link_of_every_page_leads_somewhere(folder: Path) -> None:
    from statuspage.snapshot import serving

    everything(folder)
    asked = set()
    for _, html in html_files(folder):
        asked |= {unescape(link).partition("#")[0] for link in re.findall(r'(?:href|action)="(/[^"]*)"', html)}
    shelf = serving.Shelf(folder / "current")
    reader = serving.SnapshotFirst(lambda environ, start: [], folder, clock=lambda: NOON.timestamp())
    snapshot.extend_freshness(now=NOON + timedelta(minutes=10))
    for path in sorted(asked):
        place = serving.place_of(path)
        assert place is not None, path
        assert any(shelf.take(file) for file in reader._files(place, reader._is_live())), path
    assert len(asked) > 30


def test_hostile_text_stays_text_on_every_page(folder: Path) -> None:
    everything(folder)
    hostile = in_all({"en": HOSTILE, "sw": HOSTILE})
    group = ComponentGroup.objects.get()
    ComponentGroup.objects.filter(pk=group.pk).update(name=hostile)
    Component.objects.update(name=hostile, description=hostile, owner="<script>alert(1)</script>")
    IncidentUpdate.objects.update(body=hostile, what_to_do=hostile, who_affected=hostile, still_works=hostile)
    from incidents.models import AffectedComponent, Incident, Rebuttal, Redress, Review, Statement, Withdrawal

    Incident.objects.update(name=hostile)
    AffectedComponent.objects.update(name=hostile)
    Statement.objects.update(body=hostile, scope=hostile)
    Withdrawal.objects.update(note=hostile)
    Redress.objects.update(who=hostile, how=hostile, complain=hostile)
    named = [{"body": HOSTILE, "said": {"en": HOSTILE, "sw": HOSTILE}, "dated": "2026-11-24"}]
    words = {name: hostile for name in Rebuttal.text_fields if name != "fact_headline"}
    Rebuttal.objects.update(claim_quote=HOSTILE, spokesperson="<script>", corroborations=named, **words)
    prevention = [{"what": {"en": HOSTILE, "sw": HOSTILE}, "owner": {"en": HOSTILE, "sw": HOSTILE}, "by": "2026-12-01"}]
    Review.objects.update(prevention=prevention, **dict.fromkeys(Review.text_fields, hostile))
    snapshot.rebuild_all(now=NOON + timedelta(minutes=11))
    seen = 0
    for name, html in html_files(folder):
        assert "<script>" not in html.replace("<script>window.uptimeData = {", ""), name
        assert "alert(1)</script>" not in html, name
        seen += "alert(1)" in html
    assert seen > 10


def test_the_parts_keep_their_key_while_they_say_the_same(folder: Path) -> None:
    everything(folder)
    first, later = (parts.components(build_now(NOON + timedelta(minutes=minutes))) for minutes in (10, 11))
    assert {name: part.key for name, part in first.items()} == {name: part.key for name, part in later.items()}
