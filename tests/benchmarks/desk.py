"""`python -m tests.benchmarks.desk`: fifty officers at the desk at once, each looking, opening and turning pages as people do.

How long each waits, and what a page costs the web process, beside what a file of the public page costs it. Then the write API, on
the same copy.
"""

from __future__ import annotations

import os
import random
import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path

import django
import psutil
import requests

from tests.benchmarks import api
from tests.copies import RunningCopy

OFFICERS = 50
SECONDS = 30.0
THINKS = (2.0, 6.0)  # seconds between two pages
PAGES = ("", "incidents/incidentupdate/", "incidents/incident/", "probes/probe/", "incidents/auditevent/")
WAIT_LIMIT = 1000.0  # ms, of 95 in 100 pages
PAGE_LIMIT = 150.0  # ms of processor time
OVER_FILE_LIMIT = 2000.0  # times what a file costs
FILES = 300
PATIENCE = 60.0  # seconds


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="hali-bench-") as folder:
        copy = RunningCopy(Path(folder))
        copy.start(seconds=300)
        try:
            os.environ.update(copy.environment, DJANGO_SETTINGS_MODULE="statuspage.settings")
            django.setup()
            _measure(copy, _sessions())
            api.measure(copy, cpu=lambda: _cpu(copy.running("web")), bar=_bar)
        finally:
            copy.stop()
    return 0


def _sessions() -> list[dict[str, str]]:
    """A cookie for each officer, signed in already: signing in is slow on purpose."""
    from django.contrib.auth.models import User
    from django.test import Client

    found = []
    for number in range(OFFICERS):
        client = Client()
        client.force_login(User.objects.get(username=("writer", "approver", "engineer")[number % 3]))
        found.append({name: morsel.value for name, morsel in client.cookies.items()})
    return found


def _measure(copy: RunningCopy, cookies: list[dict[str, str]]) -> None:
    web = copy.running("web")
    _open_the_desk(copy, cookies[0])
    waits: list[float] = []
    refused: list[int] = []
    ends = time.monotonic() + SECONDS
    officers = [
        threading.Thread(target=_work, args=(copy.url, cookie, number, ends, waits, refused), daemon=True)
        for number, cookie in enumerate(cookies)
    ]
    before = _cpu(web)
    for officer in officers:
        officer.start()
    for officer in officers:
        officer.join()
    page_ms = 1000 * (_cpu(web) - before) / max(1, len(waits))
    file_ms = _cost_of_a_file(copy, web)
    p95 = sorted(waits)[int(len(waits) * 0.95)]
    sys.stdout.write(f"  {len(waits)} pages, middle {statistics.median(waits):.0f} ms; load {os.getloadavg()[0]:.1f}\n")
    _bar("desk_no_page", len(refused), "times", 0)
    _bar("desk_wait_p95", p95, "ms", WAIT_LIMIT)
    _bar("desk_page_cpu", page_ms, "ms", PAGE_LIMIT)
    _bar("desk_page_over_file", page_ms / max(file_ms, 1e-6), "times", OVER_FILE_LIMIT)


def _open_the_desk(copy: RunningCopy, cookie: dict[str, str]) -> None:
    """The first page of the desk after a start loads it: whoever is first waits for that, not all fifty."""
    began = time.monotonic()
    assert requests.get(f"{copy.url}/admin/", cookies=cookie, timeout=PATIENCE, allow_redirects=False).ok
    sys.stdout.write(f"  the first page after the start: {1000 * (time.monotonic() - began):.0f} ms\n")


def _bar(name: str, value: float, unit: str, limit: float) -> None:
    sys.stdout.write(f"BAR {name} {value:.4g} {unit} need <={limit:g} {'PASS' if value <= limit else 'SHORT'}\n")


def _work(url: str, cookie: dict[str, str], number: int, ends: float, waits: list[float], refused: list[int]) -> None:
    chance = random.Random(number)
    session = requests.Session()
    session.cookies.update(cookie)
    time.sleep(chance.uniform(0, THINKS[1]))
    while time.monotonic() < ends:
        began = time.monotonic()
        try:
            status = session.get(f"{url}/admin/{chance.choice(PAGES)}", timeout=PATIENCE, allow_redirects=False).status_code
        except requests.RequestException:
            status = 0
        waits.append(1000 * (time.monotonic() - began))
        if status not in (200, 403):  # an author may not look at everything
            refused.append(status)
        time.sleep(chance.uniform(*THINKS))


def _cost_of_a_file(copy: RunningCopy, web: list[psutil.Process]) -> float:
    before = _cpu(web)
    with requests.Session() as session:
        for _ in range(FILES):
            assert session.get(f"{copy.url}/", timeout=PATIENCE).ok
    return 1000 * (_cpu(web) - before) / FILES


def _cpu(processes: list[psutil.Process]) -> float:
    """Seconds of processor time they have used."""
    return float(sum(sum(process.cpu_times()[:2]) for process in processes))


if __name__ == "__main__":
    sys.exit(main())
