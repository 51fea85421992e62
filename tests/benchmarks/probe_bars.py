"""The sections of `make bench-probes`, inside a process whose Django stands on the section's own database."""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import certifi
import pycurl
import requests
from django.core.management import call_command
from django.db import connection

from probes import charts, partitions, recording, rollups, scheduling, vantages
from probes.models import Probe, ProbeSchedule, Result, Vantage
from probes.outcome import Task
from probes.recording import Report
from probes.running import Runner
from tests.benchmarks.bed import VANTAGE, Bed, Target, target
from tests.copies import ROOT
from tests.factories import ComponentFactory

WARM = 15.0  # seconds a pipeline runs before it is measured
COST_RATE = 300  # probes a second at which their cost is measured


def bar(name: str, value: float, unit: str, op: str, limit: float) -> None:
    well = value <= limit if op == "<=" else value >= limit
    sys.stdout.write(f"BAR {name} {value:.4g} {unit} need {op}{limit:g} {'PASS' if well else 'SHORT'}\n")
    sys.stdout.flush()


def note(text: str) -> None:
    sys.stdout.write(f"  {text}\n")
    sys.stdout.flush()


# --- Rows ------------------------------------------------------------------------------------------


def make_probes(count: int, *, interval: int, url: str = "http://127.0.0.1:9/", components: int = 20) -> None:
    """So many probes at the bench's vantage, spread over the interval as the product spreads them."""
    vantage, _ = Vantage.objects.get_or_create(name=VANTAGE)
    owners = [ComponentFactory() for _ in range(components)]
    probes = Probe.objects.bulk_create(
        Probe(
            code=f"probe-{number}",
            component=owners[number % components],
            kind="http",
            spec={"url": url, "degraded_ms": 5000},
            interval=interval,
            timeout=5.0,
        )
        for number in range(count)
    )
    start = int(time.time())
    rows = []
    for probe in probes:
        phase = scheduling.phase_of(probe.code, vantage.name, interval)
        first = scheduling.next_slot_after(start, interval, phase)
        rows.append(ProbeSchedule(probe=probe, vantage=vantage, interval=interval, phase=phase, next_slot=first))
    ProbeSchedule.objects.bulk_create(rows)


def prepare() -> None:
    call_command("migrate", verbosity=0)
    if partitions.are_used():
        partitions.make_ahead(now=int(time.time()))
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")


@contextmanager
def pipeline(made: Bed, count: int, interval: int, *, tls: bool) -> Iterator[Target]:
    """The whole pipeline at work, warm."""
    prepare()
    with target(made.folder) as aim:
        make_probes(count, interval=interval, url=aim.tls if tls else aim.plain)
        made.start(agent_key=vantages.enrol(name=VANTAGE, renew=True), SSL_CERT_FILE=str(aim.authority))
        try:
            _warm_up(count, interval)
            made.require_running()
            yield aim
            made.require_running()
        except BaseException:
            made.say_what_went_wrong()
            raise


def _warm_up(count: int, interval: int) -> None:
    """Until nearly all probes have a fresh result, at most two minutes: the first counting of hours holds up the one recorder."""
    time.sleep(WARM)
    end = time.monotonic() + 120
    fresh = 0
    while time.monotonic() < end:
        fresh = Result.objects.filter(slot__gte=int(time.time()) - interval - 3).values("probe").distinct().count()
        if fresh >= 0.95 * count:
            return
        time.sleep(2)
    note(f"not warm after two minutes: {fresh} of {count} probes have a fresh result; load {os.getloadavg()[0]:.1f}")


def window(since: int, until: int) -> list[tuple[int, str]]:
    """(lateness in ms, status) of every slot of these seconds."""
    return list(Result.objects.filter(slot__gte=since, slot__lt=until).values_list("lateness_ms", "status"))


def percentile(values: list[float] | list[int], share: float) -> float:
    ordered = sorted(values)
    return float(ordered[min(len(ordered) - 1, int(share * len(ordered)))]) if ordered else float("nan")


# --- Cost ------------------------------------------------------------------------------------------


def bare(url: str, seconds: float, authority: str) -> float:
    """Seconds of processor that one bare pycurl probe takes: one handle, a new connection each, nothing kept."""
    os.environ["SSL_CERT_FILE"] = authority
    curl = pycurl.Curl()
    before, count, end = _own_cpu(), 0, time.monotonic() + seconds
    while time.monotonic() < end:
        curl.setopt(pycurl.URL, url)
        curl.setopt(pycurl.FRESH_CONNECT, 1)
        curl.setopt(pycurl.FORBID_REUSE, 1)
        curl.setopt(pycurl.SSL_SESSIONID_CACHE, 0)
        curl.setopt(pycurl.CAINFO, os.environ.get("SSL_CERT_FILE") or certifi.where())
        curl.setopt(pycurl.NOSIGNAL, 1)
        curl.setopt(pycurl.TIMEOUT_MS, 5000)
        curl.setopt(pycurl.WRITEFUNCTION, len)
        curl.perform()
        assert curl.getinfo(pycurl.RESPONSE_CODE) == 200
        count += 1
    return (_own_cpu() - before) / count


def _own_cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def cpu_tls(made: Bed, soak: bool) -> None:
    whole, alone = _cost(made, tls=True)
    bar("pipeline_cpu_tls", whole / alone, "x bare pycurl", "<=", 1.6)


def cpu_plain(made: Bed, soak: bool) -> None:
    whole, _ = _cost(made, tls=False)
    bar("pipeline_cpu_plain", whole, "ms", "<=", 0.6)


def _cost(made: Bed, *, tls: bool) -> tuple[float, float]:
    """Milliseconds of processor that a probe takes in the whole pipeline, and bare: the same target in the same minute.

    At 300 a second, what 1,000 probes every 10 s from three vantages are. Of the processes of the pipeline only, once they are
    warm: not of the target, of this one, of a start.
    """
    with pipeline(made, 5 * COST_RATE, 5, tls=tls) as aim:
        url = aim.tls if tls else aim.plain
        first = bare(url, 2, str(aim.authority))
        before, asked = made.cpu(), aim.requests()
        time.sleep(30)
        used = {name: 1000 * (after - before[name]) for name, after in made.cpu().items()}
        count = aim.requests() - asked
        assert count, "no probe was run"
        alone = 1000 * statistics.mean([first, bare(url, 2, str(aim.authority))])
    parts = ", ".join(f"{name} {spent / count:.3f}" for name, spent in used.items())
    kind = "TLS" if tls else "plain HTTP"
    load = os.getloadavg()[0]
    note(f"{kind}, {count / 30:.0f}/s of {COST_RATE}/s, load {load:.1f}; ms of processor a probe: {parts}; bare {alone:.3f}")
    return sum(used.values()) / count, alone


# --- Rate and lateness -----------------------------------------------------------------------------


def _sustained(made: Bed, count: int, interval: int, seconds: int) -> tuple[float, list[int]]:
    with pipeline(made, count, interval, tls=True):
        since = int(time.time())
        time.sleep(seconds + 5)
        seen = window(since, since + seconds)
    done = [late for late, status in seen if status == "ok"]
    note(f"load {os.getloadavg()[0]:.1f}; {count / interval:.0f}/s asked for, {len(seen) / seconds:.0f}/s seen")
    note(f"lateness p50 {percentile(done, 0.5):.0f}, p99 {percentile(done, 0.99):.0f}, worst {max(done, default=0)} ms")
    return len(done) / seconds, done


def rate(made: Bed, soak: bool) -> None:
    """PostgreSQL and Redis, one agent, one recorder."""
    reached, late = _sustained(made, 5100, 10, 60)
    bar("sustained_tls", reached, "probes/s", ">=", 500)
    bar("sustained_lateness_p99", percentile(late, 0.99), "ms", "<=", 500)


def embedded(made: Bed, soak: bool) -> None:
    reached, _ = _sustained(made, 1500, 10, 60)
    bar("embedded_tls", reached, "probes/s", ">=", 100)


def steady(made: Bed, soak: bool) -> None:
    """1,000 probes at 10 s: every slot once."""
    seconds = 600 if soak else 120
    with pipeline(made, 1000, 10, tls=True) as aim:
        since = int(time.time()) + 3
        time.sleep(seconds + 8)
        seen = window(since, since + seconds)
        made.end("beat")
        time.sleep(5)
        asked = aim.requests()
        stored = Result.objects.exclude(status="skipped").count()
    late = [one for one, _ in seen]
    note(f"load {os.getloadavg()[0]:.1f}; lateness p50 {percentile(late, 0.5):.0f}, worst {max(late, default=0)} ms")
    note(f"told of, but not ok: {sum(status != 'ok' for _, status in seen)} slots")
    bar("steady_lost", 1000 * seconds // 10 - len(seen), "slots", "<=", 0)
    bar("steady_doubled", asked - stored, "runs", "<=", 0)
    bar("steady_lateness_p99", percentile(late, 0.99), "ms", "<=", 250)


def claim(made: Bed, soak: bool) -> None:
    """10,000 probes at 10 s: what a tick claims, and makes messages of."""
    prepare()
    make_probes(10_000, interval=10)
    start = int(time.time()) + 11
    while scheduling.claim_due(now=start):
        continue
    took, spent, claimed = [], [], []
    for now in range(start + 1, start + 21):
        before, used = time.perf_counter(), time.process_time()
        rows = scheduling.claim_due(now=now)
        took.append(1000 * (time.perf_counter() - before))
        spent.append(1000 * (time.process_time() - used))
        claimed.append(len(rows))
    note(
        f"{statistics.mean(claimed):.0f} a tick; of it {statistics.median(spent):.0f} ms of our own processor time;"
        f" worst {max(took):.0f} ms; load {os.getloadavg()[0]:.1f}"
    )
    bar("claim", statistics.median(took), "ms", "<=", 50)


# --- Accuracy --------------------------------------------------------------------------------------


def accuracy(made: Bed, soak: bool) -> None:
    """What probes measure against how long the sandbox really held each answer, by its own clock, 25 in flight: one begins every
    8 ms, as the product's phases spread so many (125 a second), and takes 200."""
    prepare()
    waits_ms, every_ms, count = 200, 8, 1000
    command = [sys.executable, "-m", "probes.sandbox", "--port", "0"]
    sandbox = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        assert sandbox.stdout is not None
        url = f"http://127.0.0.1:{sandbox.stdout.readline().split('127.0.0.1:')[1].split(',')[0]}"
        fault = {"path": "*", "mode": "latency", "rate": 1, "p50_ms": waits_ms, "p95_ms": waits_ms}
        answer = requests.post(f"{url}/_sim/faults", json=fault, timeout=5)
        assert answer.status_code == 201, answer.text
        spec = {"url": f"{url}/oauth/v1/generate", "expect_status": [400, 401, 404]}
        runner, reports = Runner(), list[dict[str, Any]]()
        first_ms = round(1000 * time.time()) + 500
        tasks = [
            Task(number, "accuracy", "http", spec, 60, 5.0, slot=due_ms // 1000, offset_ms=due_ms % 1000)
            for number, due_ms in enumerate(range(first_ms, first_ms + count * every_ms, every_ms))
        ]
        assert runner.begin(tasks, reports.append, at_most=60).wait(60)
        log = requests.get(f"{url}/_sim/log?last={count}", timeout=5).json()["log"]
    finally:
        sandbox.terminate()
        sandbox.wait()
    wrong = [report["evidence"] for report in reports if report["status"] != "ok"]
    assert not wrong, wrong[:3]
    held = [entry["ms"] for entry in sorted(log, key=lambda entry: str(entry["time"]))]
    assert len(held) == len(reports)
    took = [report["total_us"] / 1000 for report in sorted(reports, key=lambda report: float(report["started_at"]))]
    off = [abs(measured - waited) for measured, waited in zip(took, held, strict=True)]
    note(
        f"{len(off)} probes, {waits_ms} ms asked for, {percentile(held, 0.5):.1f} (p99 {percentile(held, 0.99):.1f}) held,"
        f" {percentile(took, 0.5):.1f} (p99 {percentile(took, 0.99):.1f}) measured; load {os.getloadavg()[0]:.1f}"
    )
    bar("latency_off_median", percentile(off, 0.5), "ms", "<=", 2)
    bar("latency_off_p99", percentile(off, 0.99), "ms", "<=", 8)


# --- Storage ---------------------------------------------------------------------------------------

DAY = 86400
FEW = 100_000


def keeping(made: Bed, soak: bool) -> None:
    """Recording and the chart of 90 days, at 100,000 results and at many more, all over 90 days."""
    prepare()
    make_probes(12, interval=10, components=4)
    many = 10_000_000 if soak else 1_000_000
    now = int(time.time())
    for week in range(14):
        partitions.make_ahead(now=now - 91 * DAY + 7 * week * DAY)
    few = _at(made, FEW, 0, now)
    more = _at(made, many, FEW, now)
    for name, before, after in zip(("insert", "chart_90_days"), few, more, strict=True):
        note(f"{name}: {1000 * before:.2f} ms at {FEW:,}, {1000 * after:.2f} ms at {many:,}")
    bar("insert_rate_kept", more[0] / few[0], f"x the time at {FEW}", "<=", 1.3)
    bar("chart_90_days", more[1] / few[1], f"x the time at {FEW}", "<=", 1.3)


def _at(made: Bed, count: int, have: int, now: int) -> tuple[float, float]:
    """Seconds of processor with so many results: to record a batch (the database included), and of our own to read a chart."""
    _copy(count - have, now)
    rollups.roll(now=now)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE probes_result")
    assert Result.objects.count() > 0.95 * count  # a few meet those of the first COPY
    return _insert_time(made, now, first=have), _chart_time(now)


def _copy(count: int, now: int) -> None:
    """Results spread evenly over 90 days and all probes, by COPY; ids are the table's own."""
    probes = list(Probe.objects.values_list("pk", flat=True))
    vantage = Vantage.objects.get().pk
    step = 90 * DAY / count
    columns = "probe_id, vantage_id, slot, attempt, status, error_class, evidence, http_status, total_us, phases, started_at"
    columns += ", received_at, lateness_ms"
    phases = '{"dns": 100, "connect": 200, "tls": 9000, "ttfb": 10000, "transfer": 700}'
    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMP TABLE IF NOT EXISTS raw (LIKE probes_result INCLUDING DEFAULTS)")
        with cursor.copy(f"COPY raw ({columns}) FROM STDIN") as copy:
            for number in range(count):
                slot = now - 90 * DAY + int(number * step)
                at = datetime.fromtimestamp(slot, UTC).isoformat()
                took = 20_000 + number % 7919
                copy.write_row(
                    (
                        probes[number % len(probes)],
                        vantage,
                        slot,
                        0,
                        "ok",
                        "",
                        "status 200 in 20 ms",
                        200,
                        took,
                        phases,
                        at,
                        at,
                        3,
                    )
                )
        cursor.execute("INSERT INTO probes_result SELECT * FROM raw ON CONFLICT DO NOTHING")
        cursor.execute("TRUNCATE raw")


def _insert_time(made: Bed, now: int, *, first: int) -> float:
    probes = list(Probe.objects.values_list("pk", flat=True))
    start, rounds = now + 1 + 1000 * bool(first), 300
    before = _own_cpu() + made.cpu()["database"]
    for number in range(rounds):
        reports = [Report(pk, start + number, 0, "ok", "", "status 200", 200, 20_000, {"dns": 1}, float(now), 0) for pk in probes]
        recording.record(vantage_name=VANTAGE, reports=reports, now=datetime.fromtimestamp(now, UTC))
    return (_own_cpu() + made.cpu()["database"] - before) / rounds


def _chart_time(now: int) -> float:
    ids = list(Probe.objects.values_list("component_id", flat=True).distinct())
    took = []
    for _ in range(40):
        before = time.process_time()
        charts.days_of_components(component_ids=ids, now=datetime.fromtimestamp(now, UTC))
        took.append(time.process_time() - before)
    return statistics.median(took)


SECTIONS: Mapping[str, Callable[[Bed, bool], None]] = {
    "cpu-tls": cpu_tls,
    "cpu-plain": cpu_plain,
    "rate": rate,
    "embedded": embedded,
    "steady": steady,
    "claim": claim,
    "accuracy": accuracy,
    "keeping": keeping,
}
