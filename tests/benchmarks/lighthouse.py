"""`make bench-lighthouse`: what Lighthouse says of the front page, an incident and the history, served by nginx to a slow phone.

The first paint is measured as the peers' was: by Chromium itself on a line slowed down through its own protocol, where setting up
the connection costs nothing. Lighthouse reckons two round trips of 400 ms before the first byte; what it says is noted beside.

It wants node and npm, chromium and nginx. The version is pinned in tests/benchmarks/lighthouse/.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any

RUNS = 3  # each; the middle one counts
CATEGORIES = ("performance", "accessibility", "best-practices", "seo")
SLOW_3G = {"rttMs": 400, "throughputKbps": 400, "cpuSlowdownMultiplier": 4}
SLOW_LINE = {"offline": False, "latency": 400, "downloadThroughput": 400_000 / 8, "uploadThroughput": 400_000 / 8}
FIRST_PAINT = 0.7  # seconds at most
WHEN_PAINTED = """new Promise((told) => new PerformanceObserver((found) => found.getEntriesByName("first-contentful-paint")
    .forEach((paint) => told(paint.startTime))).observe({ type: "paint", buffered: true }))"""
PROGRAM = Path(__file__).with_name("lighthouse") / "node_modules" / ".bin" / "lighthouse"


def main() -> int:
    from tests import servers
    from tests.benchmarks.page import bar, busy_page, note, set_up
    from tests.copies import free_port

    with tempfile.TemporaryDirectory(prefix="hali-bench-") as folder:
        set_up(Path(folder))
        from django.utils import timezone

        from statuspage import snapshot

        incident = busy_page(timezone.now())
        stop = threading.Event()
        threading.Thread(target=_keep_fresh, args=(stop,), daemon=True).start()
        nginx = servers.start_nginx(Path(folder), snapshot=snapshot.directory(), app_port=free_port())
        try:
            for name, path in {"home": "/", "incident": f"/incidents/{incident}", "history": "/history"}.items():
                reports = [_report(nginx.url + path) for _ in range(RUNS)]
                for category in CATEGORIES:
                    score = statistics.median(report["categories"][category]["score"] * 100 for report in reports)
                    bar(f"{name}_{category}", score, "of 100", ">=", 100)
                for audit in sorted({audit for report in reports for audit in _lost(report)}):
                    note(f"{name}: {audit}")
                reckoned = statistics.median(_figure(report, "first-contentful-paint") / 1000 for report in reports)
                note(f"{name}: Lighthouse reckons a first paint after {reckoned:.2f} s")
                paint = statistics.median(_first_paint(nginx.url + path) for _ in range(RUNS))
                bar(f"{name}_first_paint", paint, "s", "<=", FIRST_PAINT)
                bar(f"{name}_layout_shift", max(_figure(report, "cumulative-layout-shift") for report in reports), "", "<=", 0)
        finally:
            stop.set()
            nginx.stop()
    return 0


def _keep_fresh(stop: threading.Event) -> None:
    """What a publisher does, so that the fresh form is measured, and young enough for its script to leave it alone."""
    from django.utils import timezone

    from statuspage import snapshot

    while not stop.wait(2):
        now = timezone.now()
        snapshot.refresh(now=now)
        snapshot.extend_freshness(now=now)


def _report(url: str) -> dict[str, Any]:
    command = [
        str(PROGRAM),
        url,
        "--quiet",
        "--output=json",
        "--form-factor=mobile",
        "--throttling-method=simulate",
        *(f"--throttling.{name}={value}" for name, value in SLOW_3G.items()),
        f"--only-categories={','.join(CATEGORIES)}",
        "--chrome-flags=--headless --no-sandbox --disable-gpu",
    ]
    from tests.servers import binary

    environment = {**os.environ, "CHROME_PATH": binary("chromium")}
    run = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert run.returncode == 0, run.stderr[-2000:]
    found: dict[str, Any] = json.loads(run.stdout)
    return found


def _first_paint(url: str) -> float:
    """Seconds until Chromium, as a slow phone on a slow line, paints anything."""
    from playwright.sync_api import sync_playwright

    from tests.servers import binary

    with sync_playwright() as played:
        browser = played.chromium.launch(executable_path=binary("chromium"), args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 360, "height": 640})
        session = page.context.new_cdp_session(page)
        session.send("Network.enable")
        session.send("Network.emulateNetworkConditions", SLOW_LINE)
        session.send("Emulation.setCPUThrottlingRate", {"rate": SLOW_3G["cpuSlowdownMultiplier"]})
        page.goto(url)
        painted: float = page.evaluate(WHEN_PAINTED)
        browser.close()
    return painted / 1000


def _lost(report: dict[str, Any]) -> list[str]:
    """Audits that count and were not passed whole."""
    counted = {one["id"] for category in CATEGORIES for one in report["categories"][category]["auditRefs"] if one["weight"]}
    return [
        f"{key} {audit['score']} {audit.get('displayValue', '')}"
        for key, audit in report["audits"].items()
        if key in counted and audit["score"] is not None and audit["score"] < 1
    ]


def _figure(report: dict[str, Any], audit: str) -> float:
    return float(report["audits"][audit]["numericValue"])


if __name__ == "__main__":
    sys.exit(main())
