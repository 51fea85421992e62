"""Heartbeats and counts on their way into the record, and what is made of those that do not come."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from probes import push_signatures, pushes, recording, scheduling, silence
from probes.models import Probe, ProbeSchedule, Push, PushedCounts, Result, Vantage
from tests.factories import NOON, ComponentFactory, ProbeFactory, VantageFactory

pytestmark = [pytest.mark.django_db, pytest.mark.database]
START = int(NOON.timestamp())
SECRET = "a secret of the lab"


@pytest.fixture(autouse=True)
def _secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HALI_SECRET_LAB", SECRET)
    monkeypatch.setenv("HALI_SECRET_SWITCH", SECRET)


def beat_probe(code: str = "ussd", *, kind: str = "heartbeat", interval: int = 60, **spec: Any) -> Probe:
    facts = {"failure_threshold": 1, "window": 1, "success_threshold": 1}
    component = ComponentFactory(code=f"service-of-{code}")
    made: Probe = ProbeFactory(
        code=code, kind=kind, component=component, interval=interval, spec={"secret": "LAB", **spec}, **facts
    )
    return made


def moment(after: float) -> datetime:
    return datetime.fromtimestamp(START + after, UTC)


def push(code: str = "ussd", after: float = 0, body: Any = None, *, sent: float | None = None, **changes: str) -> bool:
    """A push that is sent `after` seconds, or was at `sent`."""
    raw = b"" if body is None else json.dumps(body).encode()
    timestamp = str(int(START + (after if sent is None else sent)))
    signature = push_signatures.sign(SECRET, code, int(timestamp), raw)
    fields = {"code": code, "timestamp": timestamp, "signatures": signature, **changes}
    return pushes.take(**fields, body=raw, now=moment(after))


def sweep(until: float, since: float = 0, step: int = 10) -> None:
    """The publisher's seconds, some of them."""
    for after in range(int(since), int(until) + 1, step):
        pushes.sweep(now=moment(after))
        recording.sweep_silence(now=moment(after))


def seen(code: str = "ussd") -> list[str]:
    return list(Result.objects.filter(probe__code=code).order_by("slot").values_list("status", flat=True))


def status(code: str = "ussd") -> str:
    return str(Probe.objects.get(code=code).component.observed_status)


def refused(*args: Any, **options: Any) -> tuple[int, str]:
    with pytest.raises(pushes.PushRefused) as caught:
        push(*args, **options)
    return caught.value.status, str(caught.value)


class TestTaking:
    def test_a_beat_becomes_a_result_of_the_vantage_of_pushes_and_the_component_follows(self) -> None:
        beat_probe()
        assert push()
        result = Result.objects.get()
        assert (result.vantage.name, result.status, result.vantage.is_passive) == ("pushed", "ok", True)
        assert status() == "operational"

    def test_counts_are_kept_once_a_push_and_say_whether_payments_came_late(self) -> None:
        beat_probe("core", kind="metric")
        counts = {"attempts": 1000, "success": 900, "business": 10, "technical": 20}
        push("core", body=counts)
        assert not push("core", after=5, sent=0, body=counts)  # the same again
        push("core", after=60, body={**counts, "p95_lag_s": 90})
        push("core", after=120, body={"attempts": 5, "success": 0, "business": 0, "technical": 0})
        kept = PushedCounts.objects.order_by("slot").values_list("attempts", "success", "business", "technical", "late")
        assert list(kept) == [(1000, 900, 10, 20, False), (1000, 900, 10, 20, True), (5, 0, 0, 0, True)]

    def test_the_measure_of_counts_is_their_lag(self) -> None:
        beat_probe("core", kind="metric")
        counts = {"attempts": 1000, "success": 990, "business": 10, "technical": 0, "p95_lag_s": 2.5}
        push("core", body=counts)
        assert Result.objects.get().total_us == 2_500_000

    def test_the_same_push_again_is_no_news(self) -> None:
        beat_probe()
        assert push()
        assert not push(after=3, sent=0)
        assert Result.objects.count() == 1

    def test_an_old_push_played_again_is_refused(self) -> None:
        beat_probe()
        push(after=0)
        push(after=60, body={"ok": False})
        status_code, words = refused(after=61, sent=0)
        assert status_code == 409
        assert words == f"webhook-timestamp: a newer push was taken already ({START + 60}); send them in order."
        assert status() == "major_outage"

    def test_beats_that_come_a_little_early_or_late_each_have_a_slot(self) -> None:
        beat_probe()
        for after in (0, 50, 125, 175, 245):
            push(after=after)
        assert seen() == ["ok"] * 5

    @pytest.mark.parametrize("off", [-301, 301])
    def test_a_clock_that_is_off_is_told_by_how_much(self, off: int) -> None:
        beat_probe()
        assert refused(after=0, sent=off) == (401, f"webhook-timestamp is {off:+d} s off our clock, at most 300: set the clock.")

    @pytest.mark.parametrize(
        ("changes", "status"),
        [
            ({"signatures": ""}, 401),
            ({"signatures": "v1,AAAA"}, 401),
            ({"signatures": "nonsense"}, 401),
            ({"signatures": "vß,"}, 401),
            ({"timestamp": "noon"}, 400),
            ({"timestamp": ""}, 400),
            ({"timestamp": str(START + 1)}, 401),
            ({"code": "no-such"}, 404),
        ],
    )
    def test_what_is_not_signed_for_this_probe_and_time_is_refused(self, changes: dict[str, str], status: int) -> None:
        beat_probe()
        assert refused(**changes)[0] == status
        assert not Result.objects.exists()

    def test_a_signature_for_one_probe_is_none_for_another_with_the_same_secret(self) -> None:
        beat_probe()
        beat_probe("sim-menu")
        other = push_signatures.sign(SECRET, "sim-menu", START, b"")
        assert refused(signatures=other)[0] == 401

    def test_one_of_several_signatures_suffices_so_that_a_secret_can_be_changed(self) -> None:
        beat_probe()
        assert push(signatures=f"v1,AAAA {push_signatures.sign(SECRET, 'ussd', START, b'')}")

    def test_a_secret_that_is_not_set_is_our_fault_and_is_logged_by_its_name(
        self, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        beat_probe()
        monkeypatch.delenv("HALI_SECRET_LAB")
        status_code, words = refused()
        assert status_code == 503
        assert "HALI_SECRET_" not in words
        assert "HALI_SECRET_LAB is not set at the web app. Put it into its environment, for a copy of `make run`" in caplog.text

    def test_a_probe_that_asks_takes_no_push(self) -> None:
        ProbeFactory(code="page")
        assert refused("page")[0] == 404

    def test_a_probe_that_is_switched_off_takes_none(self) -> None:
        pushes.watch(beat_probe())
        ProbeSchedule.objects.update(enabled=False)
        assert refused()[0] == 404
        assert not Result.objects.exists()

    @pytest.mark.parametrize(("body", "status"), [("[]", 400), ("{", 400), ('{"ok": 1}', 422), ("[" * 5000, 400)])
    def test_a_body_that_means_nothing_is_refused(self, body: str, status: int) -> None:
        beat_probe()
        signature = push_signatures.sign(SECRET, "ussd", START, body.encode())
        with pytest.raises(pushes.PushRefused) as caught:
            pushes.take(code="ussd", timestamp=str(START), signatures=signature, body=body.encode(), now=NOON)
        assert caught.value.status == status


def said(code: str = "ussd") -> list[tuple[int, str]]:
    """The slots (seconds from NOON) and outcomes of what is kept."""
    rows = Result.objects.filter(probe__code=code).order_by("slot").values_list("slot", "status")
    return [(slot - START, status) for slot, status in rows]


FAILED = {"ok": False}


class TestTakingTwiceInASlot:
    """What is answered "taken" is the newest outcome, whatever its slot holds already."""

    def test_a_job_that_fails_after_its_beat_is_down_at_once(self) -> None:
        beat_probe(cron="0 12 * * *", time_zone="Africa/Nairobi")
        assert push(after=10)
        assert push(after=900, body=FAILED)
        assert (said(), status()) == ([(0, "ok"), (900, "down")], "major_outage")

    def test_a_job_that_is_run_again_and_works_heals(self) -> None:
        beat_probe(cron="0 12 * * *", time_zone="Africa/Nairobi")
        push(after=10, body=FAILED)
        push(after=4 * 3600)
        assert (said(), status()) == ([(0, "down"), (4 * 3600, "ok")], "operational")

    def test_a_job_that_was_missed_and_comes_late_heals(self) -> None:
        beat_probe(cron="0 12 * * *", time_zone="Africa/Nairobi", grace_s=60)
        push(after=10)
        sweep(86_400 + 70, since=86_400)
        assert status() == "delayed"
        push(after=86_400 + 1800)
        assert (said(), status()) == ([(0, "ok"), (86_400, "delayed"), (86_400 + 1800, "ok")], "operational")

    def test_the_next_beat_is_expected_by_the_newest(self) -> None:
        beat_probe(cron="0 12 * * *", time_zone="Africa/Nairobi", grace_s=60)
        push(after=10)
        push(after=900, body=FAILED)
        assert ProbeSchedule.objects.get().next_slot == START + 86_400 + 60
        push(after=86_400)
        assert said()[-1] == (86_400, "ok")

    def test_beats_of_an_interval_count_each(self) -> None:
        beat_probe(interval=60, grace_s=20)
        for after, body in ((0, None), (5, FAILED), (9, None), (60, None), (61, FAILED)):
            push(after=after, body=body)
        assert said() == [(-30, "ok"), (5, "down"), (9, "ok"), (30, "ok"), (61, "down")]
        assert status() == "major_outage"

    def test_a_word_counts_where_the_results_before_it_are_no_longer_kept(self) -> None:
        beat_probe(cron="0 12 * * 2", time_zone="Africa/Nairobi")
        push(after=10)
        Result.objects.all().delete()
        push(after=4 * 86_400, body=FAILED)
        assert (said(), status()) == ([(4 * 86_400, "down")], "major_outage")

    def test_a_job_that_comes_and_goes_must_be_well_for_a_minute_the_second_time(self) -> None:
        beat_probe(cron="0 12 * * *", time_zone="Africa/Nairobi")
        for after, body in ((0, None), (60, FAILED), (120, None), (180, FAILED), (240, None)):
            push(after=after, body=body)
        assert status() == "partial_outage"
        push(after=301)
        assert status() == "operational"

    def test_two_different_words_of_one_second_both_count_and_neither_counts_again(self) -> None:
        beat_probe()
        assert push()
        assert push(body=FAILED)
        assert not push()
        assert not push(body=FAILED)
        assert ([one for _, one in said()], status()) == (["ok", "down"], "major_outage")

    def test_counts_of_two_pushes_in_a_slot_are_added_up(self) -> None:
        beat_probe("core", kind="metric", interval=60)
        push("core", body={"attempts": 1000, "success": 1000, "business": 0, "technical": 0})
        push("core", after=20, body={"attempts": 500, "success": 250, "business": 0, "technical": 250})
        assert list(PushedCounts.objects.order_by("slot").values_list("attempts", flat=True)) == [1000, 500]
        assert (said("core"), status("core")) == ([(-30, "ok"), (20, "down")], "major_outage")

    def test_more_than_a_probe_takes_is_refused_and_not_dropped(self) -> None:
        beat_probe()
        assert all(push(body={"lag_s": number}) for number in range(50))
        taken, refusals = 50, set()
        for number in range(50, 100):
            try:
                taken += push(body={"lag_s": number})
            except pushes.PushRefused as refusal:
                refusals.add(refusal.status)
        assert (Result.objects.count(), refusals) == (taken, {429})

    def test_what_waited_longer_than_a_later_one_was_missed_says_nothing_of_now(self) -> None:
        beat_probe(interval=60, grace_s=20)
        sweep(0)
        push()
        sweep(150)
        assert status() == "major_outage"
        assert refused(after=151, sent=10)[0] == 409
        assert push(after=152, sent=11, body=FAILED)
        assert (seen(), status()) == (["ok", "delayed", "down", "down"], "major_outage")


class TestMissing:
    def test_a_beat_that_does_not_come_in_its_grace_is_delayed_and_the_second_down(self) -> None:
        beat_probe(grace_s=20)
        sweep(0)
        push()
        sweep(70)
        assert seen() == ["ok"]
        sweep(139, since=80)
        assert (seen(), status()) == (["ok", "delayed"], "delayed")
        sweep(150, since=140)
        assert (seen(), status()) == (["ok", "delayed", "down"], "major_outage")
        assert Result.objects.get(status="down").evidence == "missed 2 in a row, the last came 2 min ago"

    def test_it_goes_on_being_down_and_a_beat_ends_it(self) -> None:
        beat_probe(grace_s=20)
        sweep(0)
        push()
        sweep(270)
        assert seen() == ["ok", "delayed", "down", "down", "down"]
        push(after=275)
        assert status() == "operational"
        sweep(330, since=280)
        assert seen()[-1] == "ok"

    def test_nobody_is_late_before_the_first_beat(self) -> None:
        pushes.watch(beat_probe())
        sweep(600)
        assert not Result.objects.exists()
        assert status() == "unknown"

    def test_counts_that_do_not_come_say_nothing_so_the_component_is_unknown(self) -> None:
        beat_probe("core", kind="metric")
        sweep(0)
        push("core", body={"attempts": 1000, "success": 990, "business": 10, "technical": 0})
        sweep(190)
        assert (seen("core"), status("core")) == (["ok"], "unknown")

    def test_a_long_grace_is_not_silence(self) -> None:
        beat_probe(grace_s=600)
        sweep(0)
        push()
        sweep(650)
        assert (seen(), status()) == (["ok"], "operational")

    def test_two_publishers_write_a_miss_once(self) -> None:
        beat_probe(grace_s=20)
        sweep(0)
        push()
        row = ProbeSchedule.objects.get()
        sweep(80, since=80)
        ProbeSchedule.objects.update(next_slot=row.next_slot)  # the other read before this one wrote
        sweep(80, since=80)
        assert seen() == ["ok", "delayed"]

    def test_a_changed_probe_begins_anew(self) -> None:
        probe = beat_probe(grace_s=20)
        sweep(0)
        push()
        scheduling.reset(probe=probe, now=START + 30)
        sweep(70, since=30)
        assert seen() == ["ok"]
        sweep(120, since=80)
        assert seen() == ["ok", "delayed"]

    def test_after_we_were_away_everybody_gets_time_to_come_back(self) -> None:
        beat_probe(grace_s=20)
        sweep(0)
        push()
        sweep(680, since=640)  # no publisher, or no database, for ten minutes
        assert seen() == ["ok"]
        sweep(720, since=690)
        assert seen()[-1] in {"delayed", "down"}

    def test_where_nothing_of_two_senders_comes_any_more_it_is_our_door(self) -> None:
        beat_probe(grace_s=20)
        beat_probe("switch", secret="SWITCH", grace_s=20)
        sweep(0)
        push()
        push("switch")
        sweep(220)
        assert set(seen()[1:]) == {"skipped"}
        assert (status(), status("switch")) == ("unknown", "unknown")

    def test_where_another_sender_is_heard_it_is_not(self) -> None:
        beat_probe(grace_s=20)
        beat_probe("switch", secret="SWITCH", grace_s=20)
        sweep(0)
        push()
        for after in range(0, 240, 60):
            push("switch", after=after)
            sweep(after + 50, since=after)
        assert seen() == ["ok", "delayed", "down", "down"]


class TestCron:
    def test_a_job_is_late_by_its_expression_in_its_zone(self) -> None:
        """NOON is 12:00 in Nairobi."""
        beat_probe(cron="0 12,15 * * *", time_zone="Africa/Nairobi", grace_s=600)
        push(after=300)
        expected = START + 3 * 3600 + 600
        assert ProbeSchedule.objects.get().next_slot == expected
        pushes.sweep(now=moment(expected - START - 1))
        pushes.sweep(now=moment(expected - START))
        assert seen() == ["ok", "delayed"]

    def test_the_slot_of_a_beat_is_its_run_also_where_a_clock_is_a_little_ahead(self) -> None:
        beat_probe(cron="*/5 * * * *")
        push(after=-3)
        push(after=301)
        assert list(Result.objects.order_by("slot").values_list("slot", flat=True)) == [START, START + 300]

    def test_a_pause_over_the_week_end_is_no_silence(self) -> None:
        beat_probe(cron="0 9 * * 1-5", grace_s=60)
        push()  # Tuesday, 9:00
        row = ProbeSchedule.objects.get()
        assert not silence.is_silent(row, NOON + timedelta(days=3))


class TestScheduling:
    def test_what_is_pushed_is_never_asked_for(self) -> None:
        pushes.watch(beat_probe())
        push()
        assert scheduling.claim_due(now=START + 86_400) == []

    def test_whatever_vantage_is_chosen_for_it_it_is_watched_for_at_the_one_of_pushes(self) -> None:
        row = scheduling.schedule(probe=beat_probe(), vantage=VantageFactory(name="nairobi"))
        assert (row.vantage.name, ProbeSchedule.objects.count()) == ("pushed", 1)

    def test_a_vantage_of_that_name_that_somebody_made_is_taken_over(self) -> None:
        VantageFactory(name="pushed")
        assert pushes.watch(beat_probe()).vantage.is_passive

    def test_no_agent_is_woken_for_it(self) -> None:
        pushes.watch(beat_probe())
        assert Vantage.objects.get().is_passive
        assert scheduling.silent_vantages(since=15) == []

    def test_the_newest_push_is_all_that_is_kept_beside_results(self) -> None:
        beat_probe()
        for after in (0, 60, 120):
            push(after=after)
        assert Push.objects.get().sent_at == START + 120
