"""Plays a scenario of the sandbox against the real pipeline, faster than it happened: real requests, callbacks, rows, detection.

Only the clock is ours.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any, NamedTuple

from incidents.models import Component, StatusChange
from probes import late_answers, recording, scheduling
from probes.gateway_callbacks import read
from probes.models import Probe, ProbeSchedule
from probes.outcome import Task
from probes.probers import run
from probes.recording import Report
from probes.sandbox import demo
from tests.factories import ComponentFactory, ProbeFactory, VantageFactory
from tests.probes.conftest import Sandbox
from tests.probes.merchant import Merchant, post

PACE = 0.01  # what takes the gateway a second takes it 10 ms here, and slow is reckoned from a hundredth too
STEP = 30.0
VANTAGES = {"nairobi": "127.0.0.1", "mombasa": "127.0.0.3", "london": "127.0.0.2"}  # the sandbox's firewall blocks the last one


class Watch(NamedTuple):
    """What watches a component."""

    recipe: str
    shortcode: str = demo.SHORTCODE


WATCHES = {
    "stk-push": Watch("stk-query"),
    "qr": Watch("qr"),
    "payouts": Watch("status-rt"),
    "paybill": Watch("c2b-sim"),
    "electricity": Watch("c2b-sim", demo.ELECTRICITY),
}


class Rehearsal:
    """One play. `interval`: seconds between two runs of a probe."""

    def __init__(self, sandbox: Sandbox, merchant: Merchant, components: Iterable[str], interval: int) -> None:
        self.sandbox, self.merchant = sandbox, merchant
        self.begins, self.speed = sandbox.clock.now, 1.0
        merchant.stamp = sandbox.clock
        os.environ["HALI_SECRET_SANDBOX_CALLBACK"] = f"{merchant.base}/callbacks/t"
        self._register()
        vantages = [VantageFactory(name=name) for name in VANTAGES]
        for code in components:
            probe = self._probe(code, interval)
            for vantage in vantages:
                scheduling.schedule(probe=probe, vantage=vantage)

    def _register(self) -> None:
        """Once for each short code, by hand, as it is done in production."""
        urls = {f"{what}URL": f"{self.merchant.base}/callbacks/t{path}" for what, path in ADDRESSES}
        for shortcode in demo.SHORTCODES:
            fields = {"ShortCode": shortcode, "ResponseType": "Completed", **urls}
            assert post(self.sandbox, "/mpesa/c2b/v2/registerurl", fields).ok

    def _probe(self, code: str, interval: int) -> Probe:
        watch = WATCHES[code]
        spec = {"base_url": self.sandbox.url, "recipe": watch.recipe, "credentials": "SANDBOX", "shortcode": watch.shortcode}
        probe: Probe = ProbeFactory(
            code=f"{code}-{watch.recipe}",
            component=ComponentFactory(code=code),
            kind="payment_flow",
            spec={**spec, "degraded_ms": round(3000 * PACE)},
            interval=interval,
            timeout=5.0,
        )
        return probe

    # --- time --------------------------------------------------------------------------------

    @property
    def now(self) -> datetime:
        return datetime.fromtimestamp(self.sandbox.clock.now, UTC)

    def start(self, scenario: str, speed: float) -> None:
        """Begin the story, so many times faster than it happened."""
        self.begins, self.speed = self.sandbox.clock.now, speed
        self.sandbox.scenario(scenario, speed=speed)

    def play_until(self, seconds: float) -> None:
        """Let time pass until so many seconds of the story are over (before it: of the rehearsal)."""
        while self.sandbox.clock.now < self.begins + seconds / self.speed:
            self.sandbox.pass_time(STEP)
            self._take_answers()
            self._tick()

    def _take_answers(self) -> None:
        for at, path, body in self.merchant.heard_at():
            parts = path.split("/")[3:]
            told = read(body, in_queue_timeout="timeout" in parts)
            if told is None or "validation" in parts:
                continue
            named = parts[0] if parts else told.correlation
            late_answers.take_answer(correlation=named, told=told, now=datetime.fromtimestamp(at, UTC))

    def _tick(self) -> None:
        """What beat, agents, workers and the publisher do in a second."""
        late_answers.sweep(now=self.now)
        batches = scheduling.into_batches(scheduling.claim_due(now=int(self.sandbox.clock.now)))
        for batch in batches:
            os.environ["HALI_SOURCE_ADDRESS"] = VANTAGES[batch.vantage]
            reports = [self._run(task) for task in batch.tasks]
            recording.record(vantage_name=batch.vantage, reports=reports, now=self.now)
        if batches:  # a second would do it as well; it changes nothing in between
            recording.sweep_silence(now=self.now)

    def _run(self, task: Task) -> Report:
        now = self.sandbox.clock.now
        outcome = run(task, now=now)
        return Report(
            probe_id=task.probe_id,
            slot=task.slot,
            attempt=0,
            status=outcome.status.value,
            error_class=outcome.error_class,
            evidence=outcome.evidence,
            http_status=outcome.http_status,
            total_us=outcome.total_us,
            phases=dict(outcome.phases),
            started_at=now,
            lateness_ms=0,
            accepted=None if outcome.accepted is None else asdict(outcome.accepted),
        )

    # --- what it came to ---------------------------------------------------------------------

    def shown(self) -> dict[str, str]:
        """What the page shows of each component now."""
        return dict(Component.objects.values_list("code", "status"))

    def said_of(self, code: str) -> Sequence[str]:
        """Every status the page has shown of a component, in order."""
        changes = StatusChange.objects.filter(component__code=code).order_by("id")
        return list(changes.values_list("new_status", flat=True))

    def said_at(self, vantage: str) -> set[str]:
        """What the probes of one vantage confirm, for staff."""
        return set(ProbeSchedule.objects.filter(vantage__name=vantage).values_list("confirmed", flat=True))


ADDRESSES: tuple[tuple[str, str], ...] = (("Confirmation", ""), ("Validation", "/validation"))


def clean_environment(patch: Any) -> None:
    """What a rehearsal sets for its agents ends with the test."""
    for name in ("HALI_SOURCE_ADDRESS", "HALI_SECRET_SANDBOX_CALLBACK"):
        patch.setenv(name, "")
