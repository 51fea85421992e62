"""Several vantages in real rows: agreement, suspicion, links, flapping, and what is handed over to the record."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from incidents.models import Component, Incident
from probes import confirming, recording
from probes.models import Probe, ProbeChange, ProbeSchedule, ProbeVerdict, Result, Vantage, VantageLink
from probes.recording import Report
from probes.suppression import PlannedWindow
from tests.factories import NOON, ComponentFactory, ProbeFactory, ProbeScheduleFactory, VantageFactory
from tests.incidents.helpers import all_notices
from tests.incidents.plans import HOUR, announced, tick

pytestmark = [pytest.mark.long, pytest.mark.django_db, pytest.mark.database]
START = int(NOON.timestamp())
VANTAGES = ("nairobi", "mombasa", "kisumu")
EVERY = 10


class World:
    """A component with probes at several vantages; `show` plays a film a vantage, all vantages one after another each round."""

    def __init__(self, vantages: Sequence[str] = VANTAGES, **probes: str) -> None:
        self.component = ComponentFactory(code="stk-push")
        self.vantages = [VantageFactory(name=name) for name in vantages]
        self.probes = {
            code: ProbeFactory(code=code, component=self.component, interval=EVERY, spec={"url": url})
            for code, url in (probes or {"push": "https://api.pay.example/"}).items()
        }
        for probe in self.probes.values():
            for vantage in self.vantages:
                ProbeScheduleFactory(probe=probe, vantage=vantage, interval=EVERY)
        self.round = 0

    @property
    def now(self) -> datetime:
        return datetime.fromtimestamp(START + EVERY * self.round + 9, UTC)

    def show(self, *films: str, probe: str = "push") -> str:
        for letters in zip(*films, strict=True):
            self.batches({name: {probe: letter} for name, letter in zip(self._names(), letters, strict=True)})
        return self.status

    def batches(self, outcomes: dict[str, dict[str, str]]) -> None:
        """One round: for each vantage what each of its probes saw ("." = no batch)."""
        self.round += 1
        for place, (vantage, seen) in enumerate(outcomes.items()):
            reports = [self.report(code, letter, place) for code, letter in seen.items() if letter != "."]
            if reports:
                recording.record(vantage_name=vantage, reports=reports, now=self.now)
        recording.sweep_silence(now=self.now)

    def report(self, code: str, letter: str, place: int = 0) -> Report:
        status, error, words = {
            "o": ("ok", "", "status 200 in 12 ms"),
            "l": ("delayed", "", "status 200 in 4000 ms, limit 2000 ms"),
            "X": ("down", "status", "500.003.02 System is busy for 254712345678"),
            "x": ("down", "refused", "connection refused"),
            "m": ("misconfigured", "credentials", "no secret of that name"),
            "b": ("skipped", "backoff", ""),
            "c": ("skipped", "no_connectivity", ""),
        }[letter]
        slot = START + EVERY * self.round + place
        return Report(self.probes[code].pk, slot, 0, status, error, words, None, 12_000, {}, slot + 0.1, 100)

    def _names(self) -> list[str]:
        return [vantage.name for vantage in self.vantages]

    @property
    def status(self) -> str:
        self.component.refresh_from_db()
        return str(self.component.status)

    def verdict(self, code: str = "push") -> ProbeVerdict:
        return ProbeVerdict.objects.get(probe=self.probes[code])


def test_two_of_three_vantages_make_an_outage_and_its_evidence_tells_all() -> None:
    all_notices()
    world = World()
    assert world.show("ooX", "ooX", "ooX") == "operational"
    assert world.show("X", "X", "X") == "major_outage"
    evidence: dict[str, Any] = Incident.objects.get().evidence["stk-push"]
    [verdict] = evidence["verdicts"]
    assert (verdict["agree"], verdict["of"], verdict["rule"]) == (3, 3, "agreement")
    lines = {line["vantage"]: line for line in evidence["probes"]}
    assert lines["nairobi"]["series"] == "ooXX"
    assert lines["nairobi"]["first"] == lines["mombasa"]["saw"] == "500.003.02 System is busy for [number]"
    assert lines["kisumu"]["says"] == "major_outage"


def test_one_vantage_alone_is_suspected_for_staff_and_nothing_is_public() -> None:
    world = World()
    assert world.show("oXXXX", "ooooo", "ooooo") == "operational"
    assert (world.verdict().suspects, world.verdict().confirmed) == ("nairobi", "operational")
    assert world.verdict().suspected_since == datetime.fromtimestamp(START + 2 * EVERY, UTC)
    assert not Incident.objects.exists()
    world.show("ooo", "ooo", "ooo")
    assert (world.verdict().suspects, world.verdict().suspected_since) == ("", None)


def test_raw_and_confirmed_are_both_kept() -> None:
    world = World()
    world.show("oXXoooo", "oXXoooo", "oXXoooo")
    assert Result.objects.filter(status="down").count() == 6
    confirmed = ProbeChange.objects.filter(vantage=None).order_by("pk")
    assert [(one.old, one.new) for one in confirmed] == [
        ("", "operational"), ("operational", "major_outage"), ("major_outage", "operational")
    ]  # fmt: skip
    assert confirmed[1].film == "oXX oXX oX"
    assert ProbeChange.objects.filter(vantage__name="nairobi", new="major_outage").count() == 1


def test_some_failures_at_all_vantages_are_an_outage_for_some() -> None:
    all_notices()
    world = World()
    assert world.show("oooooXooX", "oooooooXo", "ooooooXoo") == "partial_outage"
    assert Incident.objects.get().evidence["stk-push"]["verdicts"][0]["rule"] == "fast"


def test_some_late_answers_at_all_vantages_are_a_delay() -> None:
    assert World().show("ooooolool", "ooooooolo", "oooooooloo"[:9]) == "delayed"


def test_a_vantage_that_falls_silent_is_no_agreement_and_the_others_go_on() -> None:
    world = World()
    world.show("ooo", "ooo", "ooo")
    assert world.show("." * 8, "o" * 8, "o" * 8) == "operational"
    assert world.show("..", "XX", "oo") == "operational"
    assert world.verdict().suspects == "mombasa"
    assert world.show("....", "XXXX", "XXXX") == "major_outage"


def test_when_every_vantage_is_silent_the_component_is_unknown_and_earns_its_way_back() -> None:
    world = World()
    assert world.show("oXX" + "." * 8, "oXX" + "." * 8, "oXX" + "." * 8) == "unknown"
    assert world.show("oo", "oo", "oo") == "unknown", "an outage must earn its recovery"
    assert world.show("o", "o", "o") == "operational"


def test_back_off_holds_a_trouble_but_not_for_ever() -> None:
    world = World(["nairobi"])
    assert world.show("oXX" + "b" * 15) == "major_outage"
    assert world.show("b" * 10) == "unknown"


@pytest.mark.parametrize("letter", ["m", "c"])
def test_runs_that_prove_nothing_do_not_prolong_green(letter: str) -> None:
    world = World(["nairobi"])
    assert world.show("oo" + letter * 7) == "unknown"


# --- Links -----------------------------------------------------------------------------------------

SITES = {"push": "https://api.pay.example/", "bank": "https://www.bank.example/", "page": "https://shop.example/"}


def rounds(world: World, *outcomes: dict[str, str]) -> None:
    """Rounds in which each vantage sees the same letter at all of its probes."""
    for seen in outcomes:
        world.batches({name: dict.fromkeys(world.probes, letter) for name, letter in seen.items()})


def test_a_lone_vantage_that_loses_its_link_is_put_out_and_never_says_down() -> None:
    world = World(["nairobi"], **SITES)
    rounds(world, *[{"nairobi": "o"}] * 3, *[{"nairobi": "x"}] * 4)
    assert world.status == "operational"
    link = VantageLink.objects.get()
    assert (link.out_because, link.out_since) == ("link", datetime.fromtimestamp(START + 4 * EVERY, UTC))
    last = Result.objects.order_by("-slot").first()
    assert last is not None
    assert (last.status, last.error_class, last.evidence) == ("skipped", "no_connectivity", "connection refused")
    rounds(world, *[{"nairobi": "x"}] * 4)
    assert world.status == "unknown"
    assert not Incident.objects.exists()
    rounds(world, {"nairobi": "o"}, {"nairobi": "o"})
    assert world.status == "operational"
    assert VantageLink.objects.get().out_since is None


def test_what_is_pushed_to_us_says_nothing_of_the_link_of_an_agent() -> None:
    world = World(["nairobi"], **SITES)
    pushed = VantageFactory(name="pushed", is_passive=True, last_heard_at=world.now + timedelta(minutes=1))
    VantageLink.objects.create(vantage=pushed)
    rounds(world, *[{"nairobi": "o"}] * 3, *[{"nairobi": "x"}] * 4)
    assert VantageLink.objects.get(vantage__name="nairobi").out_because == "link"


def test_an_outage_of_one_target_is_told_by_a_lone_vantage_whose_link_works() -> None:
    world = World(["nairobi"], **SITES)
    rounds(world, *[{"nairobi": "o"}] * 3)
    for _ in range(2):
        world.batches({"nairobi": {"push": "x", "bank": "o", "page": "o"}})
    assert world.status == "partial_outage"


def test_a_lone_vantage_without_unrelated_targets_speaks_at_once() -> None:
    world = World(["nairobi"], push="https://api.pay.example/", query="https://api.pay.example/query")
    rounds(world, *[{"nairobi": "o"}] * 3, *[{"nairobi": "x"}] * 2)
    assert world.status == "major_outage"


def test_errors_that_come_back_prove_the_link() -> None:
    world = World(["nairobi"], **SITES)
    rounds(world, *[{"nairobi": "o"}] * 3, *[{"nairobi": "X"}] * 2)
    assert world.status == "major_outage"


def test_one_vantage_without_its_link_beside_two_that_have_theirs_changes_nothing() -> None:
    world = World(**SITES)
    fine = dict.fromkeys(VANTAGES, "o")
    rounds(world, *[fine] * 3, *[{**fine, "mombasa": "x"}] * 4)
    assert world.status == "operational"
    assert VantageLink.objects.get(vantage__name="mombasa").out_because == "link"
    assert not ProbeVerdict.objects.exclude(suspects="").exists()


def test_targets_that_are_gone_for_every_vantage_are_down() -> None:
    world = World(**SITES)
    rounds(world, *[dict.fromkeys(VANTAGES, "o")] * 3, *[dict.fromkeys(VANTAGES, "x")] * 3)
    assert world.status == "major_outage"


def test_a_vantage_that_fails_alone_at_many_targets_is_put_out_and_comes_back() -> None:
    world = World(**SITES)
    fine = dict.fromkeys(VANTAGES, "o")
    blocked = {**fine, "kisumu": "X"}  # a firewall between it and the world answers
    rounds(world, *[fine] * 3, *[blocked] * 3)
    assert VantageLink.objects.get(vantage__name="kisumu").out_because == "alone"
    rounds(world, blocked)
    assert not ProbeVerdict.objects.exclude(suspects="").exists(), "who is out is not even suspected"
    assert world.status == "operational"
    rounds(world, *[{"nairobi": "X", "mombasa": "X", "kisumu": "o"}] * 2)
    assert world.status == "major_outage", "the two that are left are a quorum"
    rounds(world, *[fine] * 4)
    assert VantageLink.objects.get(vantage__name="kisumu").out_because == ""


# --- Flapping, weights, and what opens no draft --------------------------------------------------------


def test_a_flapping_service_is_one_trouble_held_open_and_said_to_be_intermittent() -> None:
    all_notices()
    world = World(["nairobi"])
    world.show("o" + "XXooo" * 4)
    world.show("ooooo" + "XXooo" * 3)
    assert world.status == "partial_outage"
    assert world.verdict().is_intermittent
    assert Incident.objects.filter(publication="draft").count() == 1
    assert Incident.objects.get(publication="draft").evidence["stk-push"]["verdicts"][0]["intermittent"]
    assert world.show("o" * 70) == "operational"


def test_a_probe_of_half_weight_needs_another() -> None:
    world = World(["nairobi"], push="https://api.pay.example/", query="https://api.pay.example/query")
    Probe.objects.update(weight=50)
    world.batches({"nairobi": {"push": "o", "query": "o"}})
    for _ in range(3):
        world.batches({"nairobi": {"push": "X", "query": "o"}})
    assert world.status == "operational"
    for _ in range(2):
        world.batches({"nairobi": {"push": "X", "query": "X"}})
    assert world.status == "major_outage"


def failing(world: World) -> Component:
    """A component whose probe has confirmed an outage that was not handed over yet."""
    world.show("ooo", "ooo", "ooo")
    ProbeVerdict.objects.update(confirmed="partial_outage", confirmed_since=world.now)
    return world.component


def test_planned_work_opens_no_draft_until_it_runs_over() -> None:
    all_notices()
    world = World()
    component = failing(world)
    window = PlannedWindow(world.now, world.now + timedelta(hours=1), {"stk-push": "partial_outage"})
    confirming.hand_over([component], world.now, planned=[window])
    assert world.status == "partial_outage", "it is recorded and shown all the same"
    assert not Incident.objects.exists()
    assert world.verdict().held_back == "planned"
    ProbeSchedule.objects.update(last_outcome_at=window.ends)
    confirming.hand_over([world.component], window.ends, planned=[window])
    assert Incident.objects.count() == 1, "what is left after its end is trouble"


def test_announced_work_of_the_record_is_what_holds_a_draft_back() -> None:
    """From rows alone: nothing is opened inside the window; at its end the trouble is an incident, and shown."""
    all_notices()
    world = World()
    component = failing(world)
    hours = (world.now - NOON) / HOUR
    announced({component: "partial_outage"}, now=hours - 1, start=hours, end=hours + 1)
    tick(hours)
    confirming.hand_over([component], world.now)
    assert (world.status, world.verdict().held_back) == ("under_maintenance", "planned")
    assert world.component.observed_status == "partial_outage", "probes keep recording"
    assert not Incident.objects.exists()
    ProbeSchedule.objects.update(last_outcome_at=world.now + HOUR)
    tick(hours + 1)
    recording.sweep_silence(now=world.now + HOUR)
    assert (world.status, world.verdict().held_back) == ("partial_outage", "")
    assert Incident.objects.count() == 1, "one, whoever noticed first"


def test_trouble_worse_than_the_announced_work_expects_opens_at_once() -> None:
    all_notices()
    world = World()
    component = failing(world)
    hours = (world.now - NOON) / HOUR
    announced({component: "delayed"}, now=hours - 1, start=hours, end=hours + 1)
    tick(hours)
    confirming.hand_over([component], world.now)
    assert (world.status, Incident.objects.count()) == ("partial_outage", 1)


def test_a_quiet_batch_asks_little_of_the_database(django_assert_max_num_queries: Any) -> None:
    world = World(["nairobi"], **SITES)
    rounds(world, *[{"nairobi": "o"}] * 3)
    world.round += 1
    reports = [world.report(code, "o") for code in world.probes]
    with django_assert_max_num_queries(18):
        recording.record(vantage_name="nairobi", reports=reports, now=world.now)


def test_one_of_many_probes_that_begin_does_not_touch_the_record_until_all_spoke(django_assert_max_num_queries: Any) -> None:
    """Hundreds begin together: if each batch wrote down what all of them say, the recorder would never be through."""
    world = World(["nairobi"], first="https://a.pay.example/", second="https://b.pay.example/", third="https://c.pay.example/")
    world.show("o", probe="first")
    with django_assert_max_num_queries(200) as asked:
        assert world.show("o", probe="second") == "unknown"
    assert world.verdict("second").confirmed == "operational"
    assert not [query for query in asked.captured_queries if "incidents_recordhead" in query["sql"]]
    assert world.show("o", probe="third") == "operational"


def test_evidence_of_many_probes_is_read_in_few_queries(django_assert_max_num_queries: Any) -> None:
    """A service of many probes that turn together must not hold up the one recorder."""
    codes = [f"push-{number}" for number in range(12)]
    world = World(["nairobi"], **{code: f"https://api{number}.pay.example/" for number, code in enumerate(codes)})
    all_notices()
    world.batches({"nairobi": dict.fromkeys(codes, "o")})
    world.batches({"nairobi": dict.fromkeys(codes, "X")})
    with django_assert_max_num_queries(80):  # SQLite counts each row that is written
        world.batches({"nairobi": dict.fromkeys(codes, "X")})
    lines = Incident.objects.get().evidence["stk-push"]["probes"]
    assert {line["first"] for line in lines} == {"500.003.02 System is busy for [number]"}
    assert [line["probe"] for line in lines] == sorted(codes)


def test_outcomes_of_an_earlier_release_are_understood() -> None:
    """State without a film, and no verdict yet: as an upgrade finds them."""
    world = World(["nairobi"])
    ProbeSchedule.objects.update(
        state={"recent": ["operational"] * 3, "slots": [1, 2, 3], "confirmed": "operational", "since": 1, "last_slot": 3},
        confirmed="operational",
        last_outcome_at=world.now,
    )
    assert world.show("o") == "operational"


def test_a_batch_of_an_unlucky_order_counts_in_the_order_of_slots() -> None:
    world = World(["nairobi"])
    world.show("ooo")
    first, second = world.report("push", "X"), replace(world.report("push", "X"), slot=START + EVERY * (world.round + 1))
    first = replace(first, slot=START + EVERY * world.round + 5)
    recording.record(vantage_name="nairobi", reports=[second, first], now=world.now + timedelta(seconds=EVERY))
    assert world.status == "major_outage"
    assert Vantage.objects.get().last_heard_at is not None
