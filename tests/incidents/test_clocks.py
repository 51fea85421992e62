"""Deadlines by jurisdiction: which timestamp each counts from, its state, and the draft of its filing."""

from __future__ import annotations

import dataclasses
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from incidents import clocks, figures, filings, profiles
from incidents.clocks import Deadline, ProfileError, Situation

NAIROBI = ZoneInfo("Africa/Nairobi")
BRUSSELS = ZoneInfo("Europe/Brussels")
RIYADH = ZoneInfo("Asia/Riyadh")
# 9 January 2024, a Tuesday: 11:00 in Nairobi.
START = datetime(2024, 1, 9, 8, 0, tzinfo=UTC)
PROFILES = profiles.load()


def after(hours: float = 0, *, days: float = 0) -> datetime:
    return START + timedelta(hours=hours, days=days)


def clock(
    code: str,
    *,
    now: float = 0,
    flags: tuple[str, ...] = (),
    filed: dict[str, float] | None = None,
    **moments: float,
) -> Deadline | None:
    """The clock of that code; moments, filings and `now` in hours after the start."""
    situation = Situation(
        moments={name: after(hours) for name, hours in moments.items()},
        flags=frozenset(flags),
        filed={name: after(hours) for name, hours in (filed or {}).items()},
    )
    found = clocks.deadlines(PROFILES.values(), situation, zone=NAIROBI, now=after(now))
    return next((deadline for deadline in found if deadline.rule.code == code), None)


# --- Which deadline counts from which timestamp --------------------------------------------------


@pytest.mark.parametrize(
    ("code", "flags", "moments", "filed", "due"),
    [
        ("cbk-cyber", ("cyber",), {"aware": 1}, {}, 25),
        ("cbk-cyber-important", ("cyber", "system_wide_important"), {"aware": 1}, {}, 3),
        ("odpc-breach", ("breach",), {"breach_aware": 5}, {}, 77),
        ("odpc-processor", ("breach", "processor"), {"breach_aware": 5}, {}, 53),
        ("ca-hour", (), {"first_customer_impact": 0.5}, {}, 1.5),
        ("ca-report", (), {"first_customer_impact": 0}, {}, 7 * 24),
        # Four hours after classification, and no later than 24 hours after awareness.
        ("dora-initial", (), {"aware": 1, "classified_major": 2}, {}, 6),
        ("dora-initial", (), {"aware": 1, "classified_major": 23}, {}, 25),
        # Classified only after 24 hours: four hours from then.
        ("dora-initial", (), {"aware": 1, "classified_major": 30}, {}, 34),
        ("dora-intermediate", (), {"aware": 1, "classified_major": 2}, {"dora-initial": 5}, 77),
        ("uk-initial", ("major",), {"detected": 0.25}, {}, 4.25),
        ("ghana-users", (), {"first_customer_impact": 0}, {}, 24),
        ("ghana-users-planned", ("planned",), {"planned_known": 3, "planned_start": 200}, {}, 27),
        ("sbp-planned", ("planned",), {"planned_known": 0, "planned_start": 10 * 24}, {}, 3 * 24),
        ("sbp-planned-customers", ("planned",), {"planned_known": 0, "planned_start": 10 * 24}, {}, 8 * 24),
    ],
)
def test_each_deadline_counts_from_its_own_timestamp(
    code: str, flags: tuple[str, ...], moments: dict[str, Any], filed: dict[str, float], due: float
) -> None:
    deadline = clock(code, flags=flags, filed=filed, **moments)
    assert deadline
    assert deadline.due_at == after(due)


@pytest.mark.parametrize(
    ("code", "flags"),
    [
        ("cbk-cyber", ()),  # not security related
        ("cbk-cyber", ("cyber", "system_wide_important")),  # two hours instead
        ("cbk-cyber-important", ("cyber",)),
        ("odpc-breach", ()),
        ("odpc-processor", ("breach",)),
        ("uk-initial", ()),
        ("ca-hour", ("planned",)),
        ("sbp-planned", ()),
        ("sama-planned", ()),
    ],
)
def test_a_deadline_that_does_not_apply_is_not_listed(code: str, flags: tuple[str, ...]) -> None:
    assert clock(code, flags=flags, aware=0, detected=0, first_customer_impact=0, breach_aware=0) is None


# --- States --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("now", "filed", "state"),
    [
        (1, None, "running"),
        (18.9, None, "running"),
        (19, None, "due"),  # the last quarter of 24 hours
        (25, None, "due"),
        (25.1, None, "missed"),
        (40, 24, "met"),
        (40, 26, "missed"),
    ],
)
def test_a_clock_runs_falls_due_and_is_met_or_missed(now: float, filed: float | None, state: str) -> None:
    handed_in = {} if filed is None else {"cbk-cyber": filed}
    deadline = clock("cbk-cyber", flags=("cyber",), aware=1, now=now, filed=handed_in)
    assert deadline
    assert deadline.state == state


def test_a_late_filing_says_how_late_it_was() -> None:
    deadline = clock("cbk-cyber", flags=("cyber",), aware=0, now=40, filed={"cbk-cyber": 26})
    assert deadline
    assert deadline.late_by == timedelta(hours=2)


@pytest.mark.parametrize("code", ["cbk-cyber", "cbk-cyber-report"])
def test_a_clock_without_its_timestamp_has_not_started(code: str) -> None:
    deadline = clock(code, flags=("cyber",))
    assert deadline
    assert (deadline.state, deadline.due_at) == ("not_started", None)


def test_dora_waits_for_the_classification_even_when_awareness_is_known() -> None:
    deadline = clock("dora-initial", aware=0, now=30)
    assert deadline
    assert deadline.state == "not_started"


def test_without_delay_is_due_at_once_and_never_missed_by_the_clock() -> None:
    deadline = clock("odpc-data-subjects", flags=("breach",), breach_aware=0, now=5_000)
    assert deadline
    assert (deadline.state, deadline.without_delay) == ("due", True)
    told = clock("odpc-data-subjects", flags=("breach",), breach_aware=0, filed={"odpc-data-subjects": 100}, now=5_000)
    assert told
    assert told.state == "met"


@pytest.mark.parametrize(("resolved", "state"), [(0.9, "met"), (1.5, "missed")])
def test_the_hour_of_the_communications_authority_is_met_by_restoring(resolved: float, state: str) -> None:
    deadline = clock("ca-hour", first_customer_impact=0, resolved=resolved, now=2)
    assert deadline
    assert deadline.state == state


@pytest.mark.parametrize(
    ("now", "resolved", "state"),
    [(0.4, None, "not_started"), (0.6, None, "due"), (0.6, 0.4, None), (2, 1, "due")],
)
def test_a_disruption_is_told_of_when_it_passes_thirty_minutes(now: float, resolved: float | None, state: str | None) -> None:
    ended: dict[str, Any] = {} if resolved is None else {"resolved": resolved}
    deadline = clock("sbp-unplanned", first_customer_impact=0, now=now, **ended)
    assert (deadline.state if deadline else None) == state


def test_the_resumption_is_told_of_after_a_long_disruption_only() -> None:
    long = clock("sbp-resumed", first_customer_impact=0, resolved=2, now=3)
    assert long
    assert (long.state, long.starts_at) == ("due", after(2))
    assert clock("sbp-resumed", first_customer_impact=0, resolved=0.25, now=3) is None


@pytest.mark.parametrize(("now", "finished", "state"), [(11, None, "not_started"), (12.5, None, "due"), (12.5, 11.5, None)])
def test_an_overrun_is_reported_two_hours_past_the_planned_end(now: float, finished: float | None, state: str | None) -> None:
    ended: dict[str, Any] = {} if finished is None else {"planned_finished": finished}
    deadline = clock("sbp-overrun", flags=("planned",), planned_start=5, planned_end=10, now=now, **ended)
    assert (deadline.state if deadline else None) == state


def test_notice_of_work_that_was_known_too_late_is_missed_from_the_first() -> None:
    deadline = clock("sbp-planned", flags=("planned",), planned_known=0, planned_start=48, now=0)
    assert deadline
    assert deadline.state == "missed"


# --- Calendars -----------------------------------------------------------------------------------


def dora(classified: datetime, flags: frozenset[str] = frozenset(), holidays: frozenset[date] = frozenset()) -> datetime | None:
    situation = Situation({"aware": classified, "classified_major": classified}, flags=flags, holidays=holidays)
    found = clocks.deadlines([PROFILES["eu-dora"]], situation, zone=BRUSSELS, now=classified)
    return next(one.due_at for one in found if one.rule.code == "dora-initial")


def test_a_time_limit_on_a_weekend_moves_to_noon_of_the_next_working_day() -> None:
    saturday = datetime(2026, 11, 21, 9, 0, tzinfo=BRUSSELS)
    assert dora(saturday) == datetime(2026, 11, 23, 12, 0, tzinfo=BRUSSELS)
    assert dora(saturday, holidays=frozenset({date(2026, 11, 23)})) == datetime(2026, 11, 24, 12, 0, tzinfo=BRUSSELS)
    assert dora(saturday, flags=frozenset({"essential_entity"})) == saturday + timedelta(hours=4)


@pytest.mark.parametrize(
    ("filed", "due"),
    [
        (datetime(2026, 1, 30, 10, 0, tzinfo=UTC), datetime(2026, 2, 28, 11, 0, tzinfo=UTC)),  # a Saturday: Monday noon
        (datetime(2026, 3, 10, 10, 0, tzinfo=UTC), datetime(2026, 4, 10, 9, 0, tzinfo=UTC)),  # summer time began
    ],
)
def test_a_month_is_a_calendar_month_in_the_places_own_time(filed: datetime, due: datetime) -> None:
    moments = {"classified_major": filed - timedelta(days=3)}
    situation = Situation(moments, filed={"dora-initial": filed - timedelta(days=2), "dora-intermediate": filed})
    found = clocks.deadlines([PROFILES["eu-dora"]], situation, zone=BRUSSELS, now=filed)
    final = next(one for one in found if one.rule.code == "dora-final")
    expected = datetime(2026, 3, 2, 11, 0, tzinfo=UTC) if due.weekday() == 5 else due
    assert final.due_at == expected


def test_the_final_report_counts_from_the_latest_intermediate_one() -> None:
    deadline = clock("dora-final", classified_major=0, filed={"dora-initial": 1, "dora-intermediate": 50, "dora-recovered": 100})
    assert deadline
    assert deadline.starts_at == after(100)


def test_five_business_days_leave_out_friday_and_saturday_in_riyadh() -> None:
    start = datetime(2026, 11, 24, 1, 0, tzinfo=RIYADH)  # a Tuesday
    moments = {"planned_known": start - timedelta(days=30), "planned_start": start}
    found = clocks.deadlines(
        [PROFILES["saudi-arabia"]], Situation(moments, flags=frozenset({"planned"})), zone=RIYADH, now=start - timedelta(days=10)
    )
    assert found[0].due_at == datetime(2026, 11, 17, 1, 0, tzinfo=RIYADH)


# --- Conditions ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({}, {"cyber"}),  # nobody has said yet that it is not
        ({"security": "no"}, set()),
        ({"security": "yes", "impact": "critical", "breach": True}, {"cyber", "major", "breach"}),
        ({"planned": True}, {"planned"}),
        ({"security": "no", "impact": "minor", "deployment": ["processor"]}, {"processor"}),
    ],
)
def test_conditions_follow_from_the_incident(facts: dict[str, Any], expected: set[str]) -> None:
    assert clocks.flags(**facts) == expected
    assert expected <= set(clocks.FLAGS)


def test_every_timestamp_of_an_incident_is_one_that_clocks_know() -> None:
    assert {field.name for field in dataclasses.fields(figures.Moments)} <= set(clocks.MOMENTS)


# --- Profiles are data ---------------------------------------------------------------------------


def test_kenya_is_on_by_default_and_a_deployment_chooses_others() -> None:
    assert [profile.code for profile in clocks.chosen(PROFILES, None)] == ["kenya"]
    assert [profile.code for profile in clocks.chosen(PROFILES, ["ghana", "uk"])] == ["ghana", "uk"]
    with pytest.raises(ProfileError, match="There is no profile atlantis; there are eu-dora, ghana, kenya"):
        clocks.chosen(PROFILES, ["atlantis"])


def test_every_profile_says_where_its_rules_were_read() -> None:
    assert set(PROFILES) == {"kenya", "eu-dora", "uk", "ghana", "pakistan", "saudi-arabia"}
    assert all(len(profile.source) > 40 for profile in PROFILES.values())


RULE: dict[str, Any] = {"code": "one", "to": "x", "what": "y", "audience": "regulator", "within": [{"of": "aware", "hours": 1}]}
PROFILE: dict[str, Any] = {"code": "p", "name": "P", "source": "s", "deadline": [RULE]}


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"code": "p", "name": "P", "source": "s"}, "p: deadline is missing"),
        ({**PROFILE, "wekend": []}, "there is no key wekend"),
        ({**PROFILE, "deadline": [RULE, RULE]}, "the same code"),
        ({**PROFILE, "deadline": [{**RULE, "within": [{"of": "awake", "hours": 1}]}]}, "p.one: there is no moment awake"),
        ({**PROFILE, "deadline": [{**RULE, "within": [{"of": "aware", "hour": 1}]}]}, "there is no key hour"),
        ({**PROFILE, "deadline": [{**RULE, "when": ["cybr"]}]}, "there is no condition cybr"),
        ({**PROFILE, "deadline": [{**RULE, "audience": "all"}]}, "audience is one of"),
        ({**PROFILE, "deadline": [{**RULE, "met_by": ["filed.two"]}]}, "there is no moment filed.two"),
    ],
)
def test_a_misspelt_profile_is_refused_with_what_to_mend(data: dict[str, Any], message: str) -> None:
    with pytest.raises(ProfileError, match=message):
        clocks.parse_profile(data)


def test_a_deployment_may_keep_profiles_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "own.toml").write_text(
        'code = "own"\nname = "Own"\nsource = "our licence"\n[[deadline]]\ncode = "a"\nto = "b"\nwhat = "c"\n'
        'audience = "regulator"\nwithin = [{ of = "aware", hours = 6 }]\n'
    )
    assert profiles.load(tmp_path)["own"].rules[0].within[0].span.hours == 6
    (tmp_path / "broken.toml").write_text("code = ")
    with pytest.raises(ProfileError, match=r"broken\.toml"):
        profiles.load.__wrapped__(tmp_path)


def test_the_most_pressing_clock_stands_first() -> None:
    situation = Situation(
        {"aware": after(0), "first_customer_impact": after(0)}, flags=frozenset({"cyber", "system_wide_important"})
    )
    found = clocks.deadlines([PROFILES["kenya"]], situation, zone=NAIROBI, now=after(1.6))
    assert [(one.rule.code, one.state) for one in found] == [
        ("ca-hour", "missed"),
        ("cbk-cyber-important", "due"),
        ("ca-report", "running"),
        ("cbk-cyber-report", "not_started"),
    ]


# --- Drafts --------------------------------------------------------------------------------------

RULES = [rule for profile in PROFILES.values() for rule in profile.rules]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.code)
def test_every_filing_has_a_draft_and_what_goes_to_customers_has_it_in_both_languages(rule: clocks.Rule) -> None:
    expected = {"regulator": {"en"}, "customers": {"en", "sw"}, "ourselves": set()}[rule.audience]
    assert set(filings.languages(rule)) == expected
    assert filings.slots(rule) <= set(filings.SLOTS)


def rule(code: str) -> clocks.Rule:
    return next(rule for rule in RULES if rule.code == code)


def test_a_draft_is_filled_from_the_incident_and_shows_what_is_not_known() -> None:
    values = {"provider": "Mfano Pesa", "reference": "k2n7", "cause": " "}
    values |= filings.moment_values({"aware": START, "planned_known": START}, language="en", zone=NAIROBI)
    text = filings.draft(rule("cbk-cyber"), language="en", values=values)
    assert text.startswith("To: Central Bank of Kenya\nNotice of a cyber incident\n\nProvider: Mfano Pesa\nOur reference: k2n7")
    assert "We became aware: 11:00 am EAT, 9 Jan 2024" in text
    assert "Cause, as far as known: [to be filled in: cause]" in text
    assert filings.still_open(text)


def test_a_word_to_customers_is_drafted_in_kiswahili_too() -> None:
    values = {"provider": "Mfano Pesa", "services": "Tuma pesa", "public_url": "https://status.example"}
    values |= filings.moment_values({"first_customer_impact": START}, language="sw", zone=NAIROBI)
    text = filings.draft(rule("ghana-users"), language="sw", values=values)
    assert text == (
        "Mfano Pesa: Tuma pesa ina hitilafu tangu 11:00 EAT, 9 Januari 2024. "
        "Usilipe tena kabla ya kupata SMS au kuangalia salio lako. https://status.example"
    )
    assert not filings.still_open(text)


def test_text_that_looks_like_a_slot_is_not_filled_twice() -> None:
    text = filings.draft(rule("sama-planned"), language="en", values={"title": "Upgrade of {contact}", "contact": "desk"})
    assert "Activity: Upgrade of {contact}" in text


@pytest.mark.parametrize(("minutes", "words"), [(229, "3 h 49 min"), (0, "0 h 0 min"), (3_000, "50 h 0 min")])
def test_a_duration_is_hours_and_minutes(minutes: int, words: str) -> None:
    assert filings.duration_words(timedelta(minutes=minutes), "en") == words
