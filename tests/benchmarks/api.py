"""The write API under eight machines at once, each keeping a draft up to date: how long a write takes, and what it costs.

Part of `python -m tests.benchmarks.desk`, on the same copy.
"""

from __future__ import annotations

import statistics
import sys
import threading
import time
import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import requests

from tests.copies import RunningCopy

MACHINES, WRITES = 8, 40  # and so many writes of each: under HALI_API_RATE in a minute
WRITE_LIMIT = 60.0  # ms of processor time
WAIT_LIMIT = 1000.0  # ms, of 95 in 100 writes
PATIENCE = 60.0  # seconds


class Machine:
    """Shows its token, and keeps how long each answer took and which were none."""

    def __init__(self, url: str, secret: str) -> None:
        self.url, self.session = f"{url}/api/v1", requests.Session()
        self.session.headers["Authorization"] = f"Bearer {secret}"
        self.waits: list[float] = []
        self.refused: list[str] = []

    def write(self, method: str, path: str, body: Any) -> Any:
        began = time.monotonic()
        key = {"Idempotency-Key": str(uuid.uuid4())}
        answer = self.session.request(method, self.url + path, json=body, headers=key, timeout=PATIENCE)
        self.waits.append(1000 * (time.monotonic() - began))
        if not answer.ok:
            self.refused.append(f"{answer.status_code} {answer.text[:200]}")
        return answer.json()

    def keep_a_draft(self, component: str) -> None:
        """Open one about its service, then write its words anew again and again, each time over what it wrote before."""
        body = {"en": "Payments are late. Please wait for your SMS.", "sw": "Malipo yanachelewa. Tafadhali subiri SMS yako."}
        opened = self.write(
            "POST",
            "/incidents",
            {"name": body, "body": body, "affected": [{"component": component, "status": "delayed"}]},
        )
        [draft] = opened.get("updates") or [{}]
        for number in range(WRITES - 1):
            words = {language: f"{text} {number}" for language, text in body.items()}
            self.write("PATCH", f"/updates/{draft.get('id')}", {"body": words})


def measure(copy: RunningCopy, *, cpu: Callable[[], float], bar: Callable[[str, float, str, float], None]) -> None:
    """`cpu`: seconds of processor time that the web process has used; `bar` prints a line."""
    codes = _services()
    machines = [Machine(copy.url, secret) for secret in _secrets(len(codes))]
    at_work = [
        threading.Thread(target=one.keep_a_draft, args=(code,), daemon=True) for one, code in zip(machines, codes, strict=True)
    ]
    before = cpu()
    for one in at_work:
        one.start()
    for one in at_work:
        one.join()
    waits = sorted(wait for one in machines for wait in one.waits)
    refused = [what for one in machines for what in one.refused]
    sys.stdout.write(f"  {len(waits)} writes, middle {statistics.median(waits):.0f} ms {refused[:1] or ''}\n")
    bar("api_refused", len(refused), "times", 0)
    bar("api_write_p95", waits[int(len(waits) * 0.95)], "ms", WAIT_LIMIT)
    bar("api_write_cpu", 1000 * (cpu() - before) / len(waits), "ms", WRITE_LIMIT)


def _services() -> list[str]:
    """One for each machine, about which nobody speaks."""
    from incidents.models import Component

    return [str(code) for code in Component.objects.order_by("pk").values_list("code", flat=True)[:MACHINES]]


def _secrets(count: int) -> list[str]:
    from django.contrib.auth.models import User
    from django.utils import timezone

    from statuspage import tokens

    now, owner = timezone.now(), User.objects.get(username="writer")
    made = [
        tokens.make(
            name=f"bench-{number}",
            owner=owner,
            scopes=("read", "incidents.write"),
            expires_at=now + timedelta(days=1),
            actor=None,
            now=now,
        )
        for number in range(count)
    ]
    return [tokens.take(token=token, actor=owner, now=now) for token in made]
