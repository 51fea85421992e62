"""Plays scenarios of the sandbox against the real pipeline, faster than they happened: real requests, callbacks, rows, detection.

Only the clock is ours. It moves from step to step, and what a gateway waits before it answers is added to what the probe measured
instead of being waited for: a machine that is busy, or slow, changes nothing of what is seen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from typing import NamedTuple

import pytest

from incidents.models import Component, StatusChange
from probes import late_answers, recording, scheduling
from probes.gateway_callbacks import read
from probes.models import Probe, ProbeSchedule, Result, Vantage
from probes.outcome import Task
from probes.probers import engine, gateway_calls, run
from probes.probers.tokens import TokenCache
from probes.recording import Report
from probes.sandbox import demo
from probes.sandbox.gateway import Gateway
from probes.sandbox.server import Server
from tests.factories import ComponentFactory, ProbeFactory, VantageFactory
from tests.probes.conftest import Clock, Sandbox
from tests.probes.merchant import Merchant, post

STEP = 120
VANTAGES = {"nairobi": "127.0.0.1", "mombasa": "127.0.0.3", "london": "127.0.0.2"}  # the sandbox's firewall blocks the last one
ADDRESSES: tuple[tuple[str, str], ...] = (("Confirmation", ""), ("Validation", "/validation"))


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


class Play(NamedTuple):
    """How many times faster than it happened, and what the page may show of each component at which second of the story."""

    speed: float
    looks: tuple[tuple[float, Mapping[str, set[str]]], ...]

    @property
    def watched(self) -> Iterable[str]:
        return self.looks[0][1]


@dataclass
class Seen:
    """What it came to. `shown`: what the page showed at each look, the first before it began; `said`: every status the page has
    shown of a component, in order; `results`: (vantage, status, error class, HTTP status) of what was measured."""

    shown: list[Mapping[str, str]] = field(default_factory=list)
    said: Mapping[str, Sequence[str]] = field(default_factory=dict)
    results: set[tuple[str, str, str, int | None]] = field(default_factory=set)


class _Story:
    """A scenario at a gateway of its own, and the components that are watched there."""

    def __init__(self, name: str, play: Play, sandbox: Sandbox) -> None:
        self.name, self.play, self.sandbox = name, play, sandbox
        self.seen = Seen()

    def code_of(self, watched: str) -> str:
        return f"{self.name}-{watched}"

    def look(self) -> None:
        """Keep what the page shows of its components now."""
        statuses = dict(Component.objects.values_list("code", "status"))
        self.seen.shown.append({watched: statuses[self.code_of(watched)] for watched in self.play.watched})

    def end(self) -> None:
        """Keep the rest, and ask no more."""
        changes = StatusChange.objects.order_by("id").values_list("component__code", "new_status")
        said: dict[str, list[str]] = {watched: [] for watched in self.play.watched}
        by_code = {self.code_of(watched): statuses for watched, statuses in said.items()}
        for code, status in changes:
            by_code.get(code, []).append(status)
        self.seen.said = said
        mine = Probe.objects.filter(component__code__in=by_code)
        results = Result.objects.filter(probe__in=mine)
        self.seen.results = set(results.values_list("vantage__name", "status", "error_class", "http_status").distinct())
        ProbeSchedule.objects.filter(probe__in=mine).delete()
        mine.update(enabled=False)


def rehearse(plays: Mapping[str, Play], *, interval: int, patch: pytest.MonkeyPatch) -> dict[str, Seen]:
    """Play all of them at once, each against a gateway of its own, on one pipeline. `interval`: seconds between two runs of a
    probe. The rows it makes stay: inside a transaction that is rolled back."""
    with ExitStack() as stack:
        merchant = Merchant()
        stack.callback(merchant.close)
        return _Rehearsal(plays, merchant, interval, patch, stack).play()


class _Rehearsal:
    def __init__(
        self, plays: Mapping[str, Play], merchant: Merchant, interval: int, patch: pytest.MonkeyPatch, stack: ExitStack
    ) -> None:
        self.merchant, self.interval, self.patch = merchant, interval, patch
        self.clock = merchant.stamp = Clock()
        self.waited = 0.0
        patch.setenv("HALI_SECRET_SANDBOX_CALLBACK", f"{merchant.base}/callbacks/t")
        patch.setattr(gateway_calls, "TOKENS", TokenCache())
        patch.setattr(gateway_calls, "fetch", self._fetch)
        vantages = [VantageFactory(name=name) for name in VANTAGES]
        self.stories = []
        for number, (name, play) in enumerate(plays.items()):
            gateway = Gateway(seed=9 + number, clock=self.clock, by_hand=True, pause=self._pause)
            server = stack.enter_context(Server(gateway, 0))
            server.start()
            stack.callback(server.shutdown)
            story = _Story(name, play, Sandbox(server, self.clock, gateway))
            self._register(story.sandbox)
            for watched in play.watched:
                self._watch(story, watched, vantages)
            self.stories.append(story)

    def _register(self, sandbox: Sandbox) -> None:
        """Once for each short code, by hand, as it is done in production."""
        urls = {f"{what}URL": f"{self.merchant.base}/callbacks/t{path}" for what, path in ADDRESSES}
        for shortcode in demo.SHORTCODES:
            fields = {"ShortCode": shortcode, "ResponseType": "Completed", **urls}
            assert post(sandbox, "/mpesa/c2b/v2/registerurl", fields).ok

    def _watch(self, story: _Story, watched: str, vantages: Sequence[Vantage]) -> None:
        watch, code = WATCHES[watched], story.code_of(watched)
        spec = {"base_url": story.sandbox.url, "recipe": watch.recipe, "credentials": "SANDBOX", "shortcode": watch.shortcode}
        component = ComponentFactory(code=code)
        probe = ProbeFactory(code=code, component=component, kind="payment_flow", spec=spec, interval=self.interval, timeout=20.0)
        for vantage in vantages:
            row = scheduling.schedule(probe=probe, vantage=vantage)
            row.phase = 0  # all in one step, and a step in between for their answers
            row.save()

    # --- Time --------------------------------------------------------------------------------

    def _pause(self, seconds: float) -> None:
        self.waited += seconds

    def _fetch(self, request: engine.Request) -> engine.Reply:
        """A real request, one at a time; what it took is what the gateway would have waited, and nothing of ours."""
        self.waited = 0.0
        reply = engine.fetch(request)
        return reply if reply.total_us is None else replace(reply, total_us=round(self.waited * 1e6))

    def play(self) -> dict[str, Seen]:
        self._play_until(self.clock.now + 4 * self.interval)
        for story in self.stories:
            story.look()
            story.sandbox.scenario(story.name, speed=story.play.speed)
        begins = self.clock.now
        for at, act in sorted(self._acts(), key=lambda pair: pair[0]):
            self._play_until(begins + at)
            act()
        return {story.name: story.seen for story in self.stories}

    def _acts(self) -> Iterable[tuple[float, Callable[[], None]]]:
        for story in self.stories:
            for seconds, _ in story.play.looks:
                yield seconds / story.play.speed, story.look
            yield seconds / story.play.speed, story.end

    def _play_until(self, until: float) -> None:
        while self.clock.now < until:
            self._pass(STEP)
            self._take_answers()
            self._tick()

    def _pass(self, seconds: float) -> None:
        """Move the clock; gateways post what falls due meanwhile, each at its time."""
        until = self.clock.now + seconds
        gateways = [story.sandbox.gateway for story in self.stories]
        while dues := [
            (due, gateway) for gateway in gateways if (due := gateway.callbacks.next_due()) is not None and due <= until
        ]:
            due, gateway = min(dues, key=lambda pair: pair[0])
            self.clock.now = max(self.clock.now, due)
            gateway.callbacks.post_due()
        self.clock.now = until

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
        now = datetime.fromtimestamp(self.clock.now, UTC)
        late_answers.sweep(now=now)
        batches = scheduling.into_batches(scheduling.claim_due(now=int(self.clock.now)))
        for batch in batches:
            self.patch.setenv("HALI_SOURCE_ADDRESS", VANTAGES[batch.vantage])
            reports = [self._run(task) for task in batch.tasks]
            recording.record(vantage_name=batch.vantage, reports=reports, now=now)
        if not batches:  # a second would do it as well; it changes nothing in between
            recording.sweep_silence(now=now)

    def _run(self, task: Task) -> Report:
        now = self.clock.now
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
