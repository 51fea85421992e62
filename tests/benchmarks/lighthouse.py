"""`make bench-lighthouse`: what Lighthouse says of the front page, an incident and the history, served by nginx to a slow phone.

It says it twice: on a line and a processor that Chromium itself slows down, and as it reckons from an undisturbed visit, which
is its default. The reckoning adds four round trips of 400 ms before the first byte (two for a name, though there is none to look
up, two for the connection), so that a document of one line does not reach 100: what it gives to such a one is noted beside. The
first paint is measured as the peers' was, by Chromium on the slowed line.

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
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

RUNS = 3  # each; the middle one counts
PAINTS = 9
CATEGORIES = ("performance", "accessibility", "best-practices", "seo")
CPU_SLOWDOWN = 4
# https://github.com/GoogleChrome/lighthouse/blob/v12.8.2/docs/throttling.md: "simulate" is reckoned, "devtools" is applied
SLOW_3G = {
    "simulate": {"rttMs": 400, "throughputKbps": 400},
    "devtools": {"requestLatencyMs": 400, "downloadThroughputKbps": 400, "uploadThroughputKbps": 400},
}
SLOW_LINE = {"offline": False, "latency": 400, "downloadThroughput": 400_000 / 8, "uploadThroughput": 400_000 / 8}
FIRST_PAINT = 0.7  # seconds at most
WHEN_PAINTED = """new Promise((told) => new PerformanceObserver((found) => found.getEntriesByName("first-contentful-paint")
    .forEach((paint) => told(paint.startTime))).observe({ type: "paint", buffered: true }))"""
ONE_LINE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>One line</title><p>One line."""
PROGRAM = Path(__file__).with_name("lighthouse") / "node_modules" / ".bin" / "lighthouse"


def main() -> int:
    from tests import servers
    from tests.benchmarks.page import busy_page, set_up
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
                _measure(name, nginx.url + path)
            _note_one_line(Path(folder))
        finally:
            stop.set()
            nginx.stop()
    return 0


def _measure(name: str, url: str) -> None:
    from tests.benchmarks.page import bar, note

    reports = [_report(url, "devtools") for _ in range(RUNS)]
    reckoned = [_report(url, "simulate") for _ in range(RUNS)]
    for category in CATEGORIES:
        bar(f"{name}_{category}", _score(reports, category), "of 100", ">=", 100)
    bar(f"{name}_performance_reckoned", _score(reckoned, "performance"), "of 100", ">=", 100)
    for audit in sorted({audit for report in reports for audit in _lost(report)}):
        note(f"{name}: {audit}")
    first = statistics.median(_figure(report, "first-contentful-paint") / 1000 for report in reckoned)
    note(f"{name}: Lighthouse reckons a first paint after {first:.2f} s")
    paints = sorted(_first_paint(url) for _ in range(PAINTS))
    note(f"{name}: first paint of {paints[0]:.2f} to {paints[-1]:.2f} s")
    bar(f"{name}_first_paint", statistics.median(paints), "s", "<=", FIRST_PAINT)
    shift = max(_figure(report, "cumulative-layout-shift") for report in (*reports, *reckoned))
    bar(f"{name}_layout_shift", shift, "", "<=", 0)


def _note_one_line(folder: Path) -> None:
    """What is left of 100 and of the first paint to a document with nothing in it."""
    from tests.benchmarks.page import note

    (folder / "one-line").mkdir()
    (folder / "one-line" / "index.html").write_text(ONE_LINE)
    with _served(folder / "one-line") as url:
        reports = [_report(url, "simulate") for _ in range(RUNS)]
        paint = statistics.median(_first_paint(url) for _ in range(PAINTS))
    note(f"a document of one line: performance reckoned {_score(reports, 'performance'):.0f}, first paint after {paint:.2f} s")


@contextmanager
def _served(folder: Path) -> Iterator[str]:
    handler = partial(SimpleHTTPRequestHandler, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


def _score(reports: list[dict[str, Any]], category: str) -> float:
    return float(statistics.median(report["categories"][category]["score"] * 100 for report in reports))


def _keep_fresh(stop: threading.Event) -> None:
    """What a publisher does, so that the fresh form is measured, and young enough for its script to leave it alone."""
    from django.utils import timezone

    from statuspage import snapshot

    while not stop.wait(2):
        now = timezone.now()
        snapshot.refresh(now=now)
        snapshot.extend_freshness(now=now)


def _report(url: str, throttling: str) -> dict[str, Any]:
    command = [
        str(PROGRAM),
        url,
        "--quiet",
        "--output=json",
        "--form-factor=mobile",
        f"--throttling-method={throttling}",
        f"--throttling.cpuSlowdownMultiplier={CPU_SLOWDOWN}",
        *(f"--throttling.{name}={value}" for name, value in SLOW_3G[throttling].items()),
        f"--only-categories={','.join(CATEGORIES)}",
        "--chrome-flags=--headless --no-sandbox --disable-gpu",
    ]
    from tests.servers import binary

    environment = {**os.environ, "CHROME_PATH": binary("chromium")}
    for _ in range(3):
        run = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)
        if "Please run Lighthouse again" not in run.stderr:
            break
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
        session.send("Emulation.setCPUThrottlingRate", {"rate": CPU_SLOWDOWN})
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
