"""`make bench-page`: what the page weighs, what a publication costs after years, how soon it is rebuilt, how fast it is served.

Each section runs in a process of its own, on a database of its own. Without `--full` a year has 100 incidents, to be done in some
minutes; with it 2,000, as the bars mean it (10,000 in five years). It ends after 20 minutes: what is not done by then is left
out, and said.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

from tests.copies import ROOT, free_port, wait_for

YEARS = (1, 2, 5)
SERVICES = 200
PUBLICATIONS = 30
A_YEAR, A_YEAR_IN_FULL = 100, 2000  # incidents
LONGEST = 20 * 60  # seconds of all that is measured
SECONDS = 5  # of load on each server
HEADERS = 700  # bytes at most beside the document


def bar(name: str, value: float, unit: str, op: str, limit: float) -> None:
    well = value <= limit if op == "<=" else value >= limit
    sys.stdout.write(f"BAR {name} {value:.4g} {unit} need {op}{limit:g} {'PASS' if well else 'SHORT'}\n")
    sys.stdout.flush()


_began = time.monotonic()


def left() -> float:
    """Seconds until the bench has to be over."""
    return LONGEST - (time.monotonic() - _began)


def note(text: str) -> None:
    sys.stdout.write(f"  {text}; load {os.getloadavg()[0]:.1f}\n")
    sys.stdout.flush()


def main() -> int:
    asked = argparse.ArgumentParser()
    asked.add_argument("sections", nargs="*", default=["sizes", "years", "serving"])
    asked.add_argument("--inside", type=int, default=0)
    asked.add_argument("--full", action="store_true")
    asked.add_argument("--a-year", type=int, default=0, help="incidents in a year")
    options = asked.parse_args()
    options.a_year = options.a_year or (A_YEAR_IN_FULL if options.full else A_YEAR)
    if options.inside:
        _inside(options.sections[0], options.inside, options.a_year)
        return 0
    for section in options.sections:
        if section == "years":
            _years(options.a_year)
        else:
            _run(section, 1, options.a_year)
    return 0


def _run(section: str, years: int, a_year: int) -> dict[str, float]:
    """A section in its own process; the figures that it hands on."""
    with tempfile.TemporaryDirectory(prefix="hali-bench-") as folder:
        environment = _environment(folder)
        command = [sys.executable, "-m", "tests.benchmarks.page", section, "--inside", str(years), "--a-year", str(a_year)]
        with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            end = threading.Timer(max(left(), 0), process.kill)
            end.start()
            figures = {}
            for line in process.stdout:
                if found := re.fullmatch(r"FIGURE (\w+) (\S+)\n", line):
                    figures[found[1]] = float(found[2])
                else:
                    sys.stdout.write(line)
                    sys.stdout.flush()
            end.cancel()
        assert process.returncode in (0, -signal.SIGKILL), f"the section {section} failed"
    return figures


def _environment(folder: str) -> dict[str, str]:
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith("HALI_")},
        "HALI_DATA_DIR": folder,
        "SECRET_KEY": "of a bench, and of nothing else" * 2,
        "DJANGO_SETTINGS_MODULE": "statuspage.settings",
        "HALI_ADDRESS_KEYS": "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=",
        "HALI_ADDRESS_HASH_KEY": "of a bench, and of nothing else",
    }


def set_up(folder: Path) -> None:
    """Django over an empty database in `folder`."""
    os.environ.update(_environment(str(folder)))
    _migrate()


def _migrate() -> None:
    import django

    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)


def _inside(section: str, years: int, a_year: int) -> None:
    _migrate()
    sections: dict[str, Callable[[int, int], None]] = {"sizes": _sizes, "years": _one_history, "serving": _serving}
    sections[section](years, a_year)


# --- Sizes -----------------------------------------------------------------------------------------


def busy_page(now: datetime) -> str:
    """16 services, an open incident with four updates and a statement, an answer to a claim; the incident's public id."""
    from statuspage import snapshot
    from tests.statuspage import rows

    services = [rows.component(f"service-{number}") for number in range(16)]
    incident = rows.publish(affected={services[0]: "partial_outage"}, at=now - timedelta(hours=1)).incident
    for minute in (30, 20, 10):
        rows.publish(incident=incident, affected={services[0]: "partial_outage"}, at=now - timedelta(minutes=minute))
    rows.statement(incident, at=now)
    rows.rebuttal(at=now)
    snapshot.refresh(now=now, force=True)
    while (written := snapshot.current()) and written.waiting:
        snapshot.refresh(now=now)
    return str(incident.public_id)


def _noon() -> datetime:
    from tests.factories import NOON

    return NOON


def _sizes(years: int, a_year: int) -> None:
    from statuspage import snapshot

    busy_page(_noon())
    page = snapshot.directory() / "current/fresh/index.html"
    packed, brotli = ((page.with_name(page.name + ending)).stat().st_size for ending in (".gz", ".br"))
    note(f"the front page: {page.stat().st_size} bytes, gzip {packed}, brotli {brotli}")
    bar("html_gzip", packed, "bytes", "<=", 10_240)
    bar("visit_gzip", packed + HEADERS, "bytes", "<=", 14_336)


# --- Years -----------------------------------------------------------------------------------------


def _years(a_year: int) -> None:
    found = {years: _run("years", years, a_year) for years in YEARS}
    if unfinished := [years for years, figures in found.items() if "rebuild" not in figures]:
        note(f"not measured, for want of time: {', '.join(map(str, unfinished))} years of {a_year} incidents")
        return
    five = found[max(YEARS)]
    bar("publish_median", five["median"], "s", "<=", 0.3)
    bar("publish_p99", five["worst"], "s", "<=", 1.0)
    for figure in ("cpu", "bytes"):
        values = [one[figure] for one in found.values()]
        bar(f"publish_{figure}_growth", max(values) / min(values), "x", "<=", 1.3)
    bar("rebuild_now_files", five["rebuild"], "s", "<=", 2.0)


def _one_history(years: int, a_year: int) -> None:
    """Publish again and again after so many years; then begin with an empty folder."""
    from incidents import timeline
    from incidents.models import Component, Notice
    from statuspage import publishing, snapshot
    from statuspage.snapshot import choosing
    from tests.factories import NOON
    from tests.incidents.helpers import all_notices
    from tests.incidents.history import five_years

    five_years(incidents=a_year * years, updates_each=4, components=SERVICES, span=timedelta(days=365 * years))
    all_notices()
    notice = Notice.objects.get(code="down")
    began = time.perf_counter()
    snapshot.refresh(now=NOON, force=True)
    rebuild = time.perf_counter() - began
    now = NOON
    choosing.AT_ONCE, choosing.MONTHS_AT_ONCE = 1000, 100  # in larger pieces than the publisher's, to be done sooner
    while (written := snapshot.current()) and written.waiting:
        now += timedelta(seconds=1)
        snapshot.refresh(now=now)
    note(f"{years} years: the files about now after {rebuild:.2f} s, the archive after {time.perf_counter() - began:.0f} s")
    took, cpu, sizes = [], [], []
    for number in range(PUBLICATIONS):
        component = Component.objects.order_by("pk")[number]
        now += timedelta(seconds=2)
        timeline.observe(component=component, status="partial_outage", since=now, now=now)
        snapshot.refresh(now=now)
        now += timedelta(seconds=1)
        wall, own = time.perf_counter(), time.process_time()
        publishing.publish_notice(component=Component.objects.get(pk=component.pk), notice=notice, actor=None, now=now)
        took.append(time.perf_counter() - wall)
        cpu.append(time.process_time() - own)
        sizes.append(_written_last(snapshot.directory()))
        snapshot.refresh(now=now + timedelta(seconds=1))
        now += timedelta(seconds=1)
    note(f"{years} years: a publication {statistics.median(took):.3f} s, {statistics.median(cpu):.3f} s of processor")
    figures = {
        "median": statistics.median(took),
        "worst": max(took),
        "cpu": statistics.median(cpu),
        "bytes": statistics.median(sizes),
        "rebuild": rebuild,
    }
    for name, value in figures.items():
        sys.stdout.write(f"FIGURE {name} {value}\n")


def _written_last(folder: Path) -> int:
    """Bytes of the newest generation that no earlier one has: files of one name only, and links."""
    generation = (folder / "current").resolve()
    parts = folder / "shards" / "parts" / f"{generation.name}.json"
    trees = [generation, *(folder / "shards" / "trees").glob(f"{generation.name}.*")]
    files = [path.lstat() for tree in trees for path in tree.rglob("*") if not path.is_dir()]
    files += [parts.lstat()] if parts.exists() else []
    return sum(seen.st_size for seen in files if seen.st_nlink == 1)


# --- Serving ---------------------------------------------------------------------------------------


def _serving(years: int, a_year: int) -> None:
    """The front page from nginx and from the app's own server, beside nginx with a plain file of the same size."""
    from statuspage import snapshot
    from tests import servers

    busy_page(_noon())
    where = snapshot.directory()
    wrk = shutil.which("wrk")
    if not wrk:
        note("wrk is not installed: serving is not measured")
        return
    packed = (where / "current/stale/index.html.gz").read_bytes()  # nobody renews it here, so that is what is served
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        (home / "plain.html").write_bytes(packed)
        port = free_port()
        (home / "plain.conf").write_text(
            f"pid {folder}/plain.pid; error_log {folder}/plain.log; user root; worker_processes auto; daemon off;\n"
            "events { worker_connections 4096; } http { access_log off; sendfile on; tcp_nopush on; types { text/html html; }\n"
            + "".join(f"{kind}_temp_path {folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
            + f" server {{ listen 127.0.0.1:{port}; root {folder}; }} }}"
        )
        plain = subprocess.Popen([servers.binary("nginx", "/usr/sbin/nginx"), "-c", f"{folder}/plain.conf"])
        web_port = free_port()
        options = ["--interface", "wsgi", "--host", "127.0.0.1", "--port", str(web_port), "--no-ws", "--log-level", "warning"]
        web = subprocess.Popen([sys.executable, "-m", "granian", *options, "statuspage.wsgi:application"], cwd=ROOT)
        nginx = servers.start_nginx(home, snapshot=where, app_port=web_port)
        try:
            addresses = {"plain": f"http://127.0.0.1:{port}/plain.html", "nginx": f"{nginx.url}/"}
            addresses["own"] = f"http://127.0.0.1:{web_port}/"
            for name, url in addresses.items():
                wait_for(f"{name} answers", lambda url=url: _load(wrk, url, 1) > 0)  # type: ignore[misc]
            rounds = [{name: _load(wrk, url, SECONDS) for name, url in addresses.items()} for _ in range(3)]
        finally:
            nginx.stop()
            for process in (plain, web):
                process.terminate()
                process.wait()
    middle = {name: statistics.median(one[name] for one in rounds) for name in addresses}
    note(", ".join(f"{name} {rate:.0f}/s" for name, rate in middle.items()))
    bar("nginx_of_plain_file", statistics.median(one["nginx"] / one["plain"] for one in rounds), "x", ">=", 0.9)
    bar("own_server_of_plain_file", statistics.median(one["own"] / one["plain"] for one in rounds), "x", ">=", 0.3)


def _load(wrk: str, url: str, seconds: int) -> float:
    """Requests a second; 0 when nothing answers well."""
    command = [wrk, "-t2", "-c64", f"-d{seconds}s", "-H", "Accept-Encoding: gzip", url]
    said = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    found = re.search(r"Requests/sec:\s+([\d.]+)", said)
    return 0.0 if found is None or "Non-2xx" in said else float(found[1])


if __name__ == "__main__":
    sys.exit(main())
