"""Probes as code, in rows: all or nothing, nothing the second time, and back again."""

from __future__ import annotations

import io
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from hypothesis import given
from hypothesis import strategies as st

from incidents.models import AuditEvent
from probes import loading, scheduling
from probes.definitions import File, parse
from probes.loading import Prune
from probes.models import Probe, ProbeSchedule, ProbeVerdict, Vantage
from tests.factories import NOON, ComponentFactory, ProbeFactory, ProbeScheduleFactory, VantageFactory

pytestmark = pytest.mark.django_db
FILE = """
vantages:
  - name: nairobi
    label: Nairobi
  - name: mombasa
probes:
  - code: page
    component: app
    kind: http
    interval: 10
    vantages: [nairobi, mombasa]
    spec:
      url: https://www.bank.example/
      headers:
        Accept: text/html
"""


@pytest.fixture(autouse=True)
def _services() -> None:
    ComponentFactory(code="app")
    ComponentFactory(code="cards")


def read(text: str) -> File:
    file, problems = parse(text)
    assert file is not None, problems
    return file


def load(text: str = FILE, **options: Any) -> list[str]:
    return [str(change) for change in loading.load(file=read(text), now=NOON, **options)]


def test_a_file_becomes_vantages_probes_and_schedules() -> None:
    assert load() == [
        "+ vantage nairobi", "+ vantage mombasa", "+ probe page: http for app, every 10 s, at nairobi, mombasa"
    ]  # fmt: skip
    probe = Probe.objects.get()
    assert (probe.component.code, probe.kind, probe.interval, probe.window) == ("app", "http", 10, 3)
    rows = ProbeSchedule.objects.order_by("vantage__name")
    assert [(row.vantage.name, row.interval, row.enabled) for row in rows] == [("mombasa", 10, True), ("nairobi", 10, True)]


def test_the_second_time_nothing_changes_and_nothing_is_forgotten() -> None:
    load()
    ProbeSchedule.objects.update(state={"since": 1}, confirmed="operational", next_slot=77)
    assert load() == []
    assert set(ProbeSchedule.objects.values_list("confirmed", "next_slot")) == {("operational", 77)}
    assert AuditEvent.objects.filter(act="probes.load").count() == 1


def test_what_changed_is_told_field_by_field_and_the_probe_begins_anew() -> None:
    load()
    ProbeSchedule.objects.update(state={"since": 1}, confirmed="major_outage")
    ProbeVerdict.objects.create(probe=Probe.objects.get(), confirmed="major_outage")
    changed = (
        FILE.replace("interval: 10", "interval: 20")
        .replace("component: app", "component: cards")
        .replace("Accept: text/html", "Accept-Language: sw\n      expect_status: [200]")
        .replace("[nairobi, mombasa]", "[nairobi]")
        .replace("label: Nairobi", "label: Nairobi West")
    )
    assert load(changed) == [
        '~ vantage nairobi: label "Nairobi" -> "Nairobi West"',
        "~ probe page: component app -> cards",
        '~ probe page: spec.headers.Accept "text/html" -> (none)',
        '~ probe page: spec.headers.Accept-Language (none) -> "sw"',
        "~ probe page: spec.expect_status (none) -> [200]",
        "~ probe page: interval 10 -> 20",
        "~ probe page: no longer runs at mombasa",
    ]
    row = ProbeSchedule.objects.get(enabled=True)
    assert (row.interval, row.phase) == (20, scheduling.phase_of("page", "nairobi", 20))
    assert (row.state, row.confirmed) == ({}, "")
    assert not ProbeVerdict.objects.exists()


def test_a_weight_changes_without_a_new_beginning() -> None:
    load()
    ProbeSchedule.objects.update(confirmed="major_outage")
    assert load(FILE.replace("    interval: 10", "    interval: 10\n    weight: 50")) == ["~ probe page: weight 100 -> 50"]
    assert set(ProbeSchedule.objects.values_list("confirmed", flat=True)) == {"major_outage"}


def test_a_dry_run_tells_all_and_changes_nothing() -> None:
    load()
    changed = FILE.replace("interval: 10", "interval: 20")
    assert load(changed, dry_run=True) == ["~ probe page: interval 10 -> 20"] == load(changed, dry_run=True)
    assert Probe.objects.get().interval == 10
    assert set(ProbeSchedule.objects.values_list("interval", flat=True)) == {10}
    assert AuditEvent.objects.count() == 1
    assert load(changed) == ["~ probe page: interval 10 -> 20"]


def test_what_a_file_does_not_name_is_left_alone_unless_it_is_told() -> None:
    load()
    ProbeScheduleFactory(probe=ProbeFactory(code="other"), vantage=VantageFactory(name="kisumu"))
    assert load() == []
    gone = ["- probe other: switched off", "- vantage kisumu: switched off"]
    assert load(prune=Prune.DISABLE, dry_run=True) == gone
    assert Probe.objects.get(code="other").enabled
    assert load(prune=Prune.DISABLE) == gone
    assert not Probe.objects.get(code="other").enabled
    assert not Vantage.objects.get(name="kisumu").enabled
    assert load(prune=Prune.DISABLE) == []
    assert load(prune=Prune.REMOVE) == ["- probe other: removed, with its outcomes"]
    assert [probe.code for probe in Probe.objects.all()] == ["page"]


def test_a_file_without_vantages_leaves_them_alone() -> None:
    load()
    rest = FILE[FILE.index("probes:") :]
    assert load(rest, prune=Prune.REMOVE) == []
    assert Vantage.objects.filter(enabled=True).count() == 2


def test_a_service_that_nobody_entered_stops_the_whole_file() -> None:
    with pytest.raises(loading.NotLoaded) as refused:
        load(FILE + FILE[FILE.index("  - code") :].replace("page", "two").replace("component: app", "component: apps"))
    [problem] = refused.value.problems
    assert problem.told("probes.yaml").startswith(
        "probes.yaml:17: probe two: component: there is no service 'apps': use app, cards, or"
    )
    assert not Vantage.objects.exists()


def test_a_probe_that_others_push_to_names_no_vantage_and_comes_back_as_it_was() -> None:
    beat = "probes:\n  - code: lab\n    component: app\n    kind: heartbeat\n    interval: 300\n    spec:\n      secret: LAB\n"
    assert len(load(beat)) == 1
    assert [row.vantage.is_passive for row in ProbeSchedule.objects.all()] == [True]
    assert load(beat, prune=Prune.REMOVE) == [] == load(exported(), prune=Prune.REMOVE)


def test_many_new_probes_begin_spread_over_a_minute() -> None:
    one = FILE[FILE.index("  - code") :].replace("interval: 10", "interval: 3600")
    load(FILE[: FILE.index("  - code")] + "".join(one.replace("page", f"p{number}") for number in range(100)))
    starts = [slot - int(NOON.timestamp()) for slot in ProbeSchedule.objects.values_list("next_slot", flat=True)]
    assert min(starts) >= 1
    assert max(starts) <= 60
    assert max(starts.count(second) for second in set(starts)) <= 15


def test_a_secret_that_strayed_into_a_spec_is_not_printed() -> None:
    load()
    [line] = load(FILE.replace("https://www.bank.example/", "https://www.bank.example/?api_key=tZ8-planted-7"))
    assert "planted" not in line
    assert "planted" not in str(AuditEvent.objects.order_by("-id")[0].details)


# --- And back --------------------------------------------------------------------------------------


def exported() -> str:
    out = io.StringIO()
    call_command("export_probes", stdout=out)
    return out.getvalue()


def test_what_is_exported_loads_without_a_change_and_into_an_empty_copy_as_the_same() -> None:
    load()
    posts = {"url": "http://127.0.0.1/", "method": "POST", "body": "no"}
    odd = ProbeFactory(code="odd", interval=7, timeout=1.5, weight=0, enabled=False, quorum=3, spec=posts)
    scheduling.schedule(probe=odd, vantage=VantageFactory(name="kisumu", enabled=False))
    ProbeFactory(code="nowhere", spec={"url": "https://www.bank.example/", "body_contains": "012: ~\n- &x 1e5 Karibu 'sana'"})
    text = exported()
    before = rows()
    assert load(text, prune=Prune.REMOVE) == []
    Probe.objects.all().delete()
    Vantage.objects.all().delete()
    assert len(load(text)) == 6
    assert rows() == before
    assert exported() == text


def rows() -> list[Any]:
    names = ("code", "component__code", "kind", "spec", "interval", "timeout", "failure_threshold", "window", "success_threshold")
    probes = list(Probe.objects.values_list(*names, "quorum", "weight", "enabled"))
    schedules = ProbeSchedule.objects.order_by("probe__code", "vantage__name")
    where = list(schedules.values_list("probe__code", "vantage__name", "interval", "phase", "enabled"))
    return [probes, where, list(Vantage.objects.values_list("name", "label", "enabled"))]


TEXTS = st.text(st.characters(blacklist_categories=("Cs", "Cc")), max_size=12)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**12), 10**12) | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)


@given(spec=st.dictionaries(TEXTS, VALUES, max_size=4))
def test_every_value_of_a_spec_comes_back_as_it_was(spec: dict[str, Any]) -> None:
    from probes.yaml_lines import read as read_yaml

    assert read_yaml(loading.as_yaml({"spec": spec})).value == {"spec": spec}


# --- The command -----------------------------------------------------------------------------------


def run(tmp_path: Any, text: str, *options: str) -> str:
    path = tmp_path / "probes.yaml"
    path.write_text(text)
    out = io.StringIO()
    call_command("load_probes", str(path), *options, stdout=out)
    return out.getvalue()


def test_the_command_tells_what_it_did(tmp_path: Any) -> None:
    assert run(tmp_path, FILE, "--dry-run").endswith("Dry run: nothing was changed; 3 to change.\n")
    assert run(tmp_path, FILE).endswith("Loaded: 3 changed.\n")
    assert run(tmp_path, FILE) == "Nothing to change.\n"
    event = AuditEvent.objects.get()
    assert (event.act, event.actor_name, len(event.details["changes"])) == ("probes.load", "load_probes", 3)
    assert abs(event.at - event.at.now(event.at.tzinfo)) < timedelta(minutes=5)


def dry_run(text: str, tmp_path: Path) -> list[str]:
    path, out = tmp_path / "probes.yaml", io.StringIO()
    path.write_text(text)
    call_command("load_probes", str(path), "--dry-run", stdout=out)
    return out.getvalue().splitlines()


def test_a_dry_run_lists_the_secrets_and_where_they_belong_and_timeouts_that_are_cut(tmp_path: Path) -> None:
    text = """
defaults: {vantages: [nairobi, mombasa], component: app}
vantages: [{name: nairobi}, {name: mombasa}]
probes:
  - code: page
    kind: http
    interval: 10
    spec:
      url: https://www.bank.example/
      secret_headers: {X-Api-Key: BANK}
      auth: {oauth2: BANK, token_url: "https://id.bank.example/token"}
  - code: session
    kind: flow
    spec:
      base_url: https://api.bank.example
      steps:
        - {name: ask, method: POST, path: /v1, body: {key: "{{secret.BANK}}"}}
  - code: ledger
    kind: sql
    vantages: [nairobi]
    spec: {url: LEDGER, query: SELECT 1, down_above: 3}
  - code: nightly
    kind: heartbeat
    spec: {secret: SETTLEMENT}
"""
    assert dry_run(text, tmp_path)[6:] == [
        "note: probe page: timeout 10 is cut to 8 s, so that runs every 10 s never overlap.",
        "note: probe nightly: 2 of 3 bad pushes make a trouble, so one is not told; failure_threshold: 1 and window: 1 tell it "
        "at once, success_threshold: 1 ends it with the next good one.",
        "needs HALI_SECRET_BANK at the agent of nairobi, mombasa: page, session",
        "needs HALI_SECRET_BANK_KEY at the agent of nairobi, mombasa: page",
        "needs HALI_SECRET_BANK_SECRET at the agent of nairobi, mombasa: page",
        "needs HALI_SECRET_LEDGER at the agent of nairobi: ledger",
        "needs HALI_SECRET_SETTLEMENT at the web app: nightly",
        "Dry run: nothing was changed; 6 to change.",
    ]


def test_what_is_pushed_is_told_as_that() -> None:
    text = """
probes:
  - {code: nightly, component: app, kind: heartbeat, spec: {secret: LAB, cron: "30 2 * * *", time_zone: Africa/Nairobi}}
  - {code: beats, component: app, kind: heartbeat, interval: 10, spec: {secret: LAB}}
"""
    assert load(text) == [
        "+ probe nightly: heartbeat for app, pushed to us, expected at 30 2 * * * (Africa/Nairobi)",
        "+ probe beats: heartbeat for app, pushed to us, expected every 10 s",
    ]
