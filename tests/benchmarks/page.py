"""`make bench-page`: what the page weighs, what a publication costs after years, how soon it is rebuilt, how fast it is served.

Each section runs in a process of its own, on a database of its own; the histories are laid side by side, and measured by turns,
a publication each, so that what the machine does besides meets all of them. Without `--full` a year has 100 incidents, to be done
in two minutes; with it 2,000, as the bars mean it (10,000 in five years). It ends after 20 minutes, in full after 60: what is not
done by then is left out, and said.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import signal
import stat
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

from tests.copies import ROOT, free_port, wait_for

YEARS = (1, 2, 5)
SERVICES = 200
WORDS = ("down", "no-change", "watching", "resolved")  # of each incident, and each is a publication
A_YEAR, A_YEAR_IN_FULL = 100, 2000  # incidents
ROUNDS, ROUNDS_IN_FULL = 3, 10  # incidents published of
LONGEST, LONGEST_IN_FULL = 20 * 60, 60 * 60  # seconds of all that is measured
SECONDS, SECONDS_IN_FULL = 2, 5  # of load on each server, three times
HEADERS = 700  # bytes at most beside the document


def bar(name: str, value: float, unit: str, op: str, limit: float) -> None:
    well = value <= limit if op == "<=" else value >= limit
    sys.stdout.write(f"BAR {name} {value:.4g} {unit} need {op}{limit:g} {'PASS' if well else 'SHORT'}\n")
    sys.stdout.flush()


_began = time.monotonic()


def left(options: argparse.Namespace) -> float:
    """Seconds until the bench has to be over."""
    return (LONGEST_IN_FULL if options.full else LONGEST) - (time.monotonic() - _began)


def note(text: str) -> None:
    sys.stdout.write(f"  {text}; load {os.getloadavg()[0]:.1f}\n")
    sys.stdout.flush()


def main() -> int:
    asked = argparse.ArgumentParser()
    asked.add_argument("sections", nargs="*", default=["sizes", "years", "serving"])
    asked.add_argument("--inside", type=int, default=0)
    asked.add_argument("--full", action="store_true")
    asked.add_argument("--a-year", type=int, default=0, help="incidents in a year")
    asked.add_argument("--years", default=",".join(map(str, YEARS)), help="how long the histories are, with commas between")
    options = asked.parse_args()
    options.a_year = options.a_year or (A_YEAR_IN_FULL if options.full else A_YEAR)
    if options.inside:
        _inside(options.sections[0], options.inside, options.a_year, options.full)
        return 0
    for section in options.sections:
        if section == "years":
            _years(options)
        else:
            with _section(section, 1, options) as process:
                _figures(process)
    return 0


@contextmanager
def _section(section: str, years: int, options: argparse.Namespace) -> Iterator[subprocess.Popen[str]]:
    """A section in its own process, ended when time is up. One that measures a history waits for a line before each turn."""
    with tempfile.TemporaryDirectory(prefix="hali-bench-") as folder:
        command = [
            sys.executable,
            "-m",
            "tests.benchmarks.page",
            section,
            "--inside",
            str(years),
            "--a-year",
            str(options.a_year),
        ]
        command += ["--full"] if options.full else []
        with subprocess.Popen(
            command, cwd=ROOT, env=_environment(folder), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as process:
            end = threading.Timer(max(left(options), 0), process.kill)
            end.start()
            try:
                yield process
            except BaseException:
                process.kill()
                raise
            finally:
                process.wait()
                end.cancel()
        assert process.returncode in (0, -signal.SIGKILL), f"the section {section} failed"


def _lines(process: subprocess.Popen[str], *, until: str = "") -> Iterator[str]:
    """What it says, up to this line or its end."""
    assert process.stdout is not None
    for line in process.stdout:
        if line.strip() == until:
            return
        yield line


def _figures(process: subprocess.Popen[str], *, until: str = "") -> dict[str, float]:
    """The figures that it hands on; what else it says is printed."""
    figures = {}
    for line in _lines(process, until=until):
        if found := re.fullmatch(r"FIGURE (\w+) (\S+)\n", line):
            figures[found[1]] = float(found[2])
        else:
            sys.stdout.write(line)
            sys.stdout.flush()
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


def _inside(section: str, years: int, a_year: int, full: bool) -> None:
    _migrate()
    sections: dict[str, Callable[[int, int, bool], None]] = {
        "sizes": _sizes,
        "years": _one_history,
        "rebuild": _rebuild,
        "serving": _serving,
    }
    sections[section](years, a_year, full)


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


def _sizes(years: int, a_year: int, full: bool) -> None:
    from statuspage import snapshot

    busy_page(_noon())
    page = snapshot.directory() / "current/fresh/index.html"
    packed, brotli = ((page.with_name(page.name + ending)).stat().st_size for ending in (".gz", ".br"))
    note(f"the front page: {page.stat().st_size} bytes, gzip {packed}, brotli {brotli}")
    bar("html_gzip", packed, "bytes", "<=", 10_240)
    bar("visit_gzip", packed + HEADERS, "bytes", "<=", 14_336)


# --- Years -----------------------------------------------------------------------------------------


READY = "READY"


def _years(options: argparse.Namespace) -> None:
    lengths = sorted(map(int, options.years.split(",")), reverse=True)
    with ExitStack() as stack:
        processes = {years: stack.enter_context(_section("years", years, options)) for years in lengths}
        for process in processes.values():
            _figures(process, until=READY)
        for _ in range((ROUNDS_IN_FULL if options.full else ROUNDS) * len(WORDS) - 1):
            for process in processes.values():
                _take_a_turn(process)
                _figures(process, until=READY)
        found = {}
        for years, process in processes.items():
            _take_a_turn(process)
            found[years] = _figures(process)
    if unfinished := [years for years, figures in found.items() if "rebuild" not in figures]:
        note(f"not measured, for want of time: {', '.join(map(str, unfinished))} years of {options.a_year} incidents")
        return
    five = found[max(lengths)]
    bar("publish_median", five["median"], "s", "<=", 0.3)
    bar("publish_p99", five["worst"], "s", "<=", 1.0)
    for figure in ("cpu", "bytes"):
        values = [one[figure] for one in found.values()]
        bar(f"publish_{figure}_growth", max(values) / min(values), "x", "<=", 1.3)
    bar("rebuild_now_files", five["rebuild"], "s", "<=", 2.0)


def _take_a_turn(process: subprocess.Popen[str]) -> None:
    """It publishes once, while the others wait."""
    assert process.stdin is not None
    with suppress(BrokenPipeError):
        process.stdin.write("go\n")
        process.stdin.flush()


def _wait_for_a_turn() -> None:
    sys.stdout.write(f"{READY}\n")
    sys.stdout.flush()
    sys.stdin.readline()


def _one_history(years: int, a_year: int, full: bool) -> None:
    """Publish again and again after so many years; then begin with an empty folder."""
    from incidents.models import Component
    from statuspage import snapshot
    from tests.incidents.helpers import all_notices
    from tests.incidents.history import five_years

    five_years(incidents=a_year * years, updates_each=4, components=SERVICES, span=timedelta(days=365 * years))
    all_notices()
    now = _lay_all(years)
    measured = []
    for component in Component.objects.order_by("pk")[: ROUNDS_IN_FULL if full else ROUNDS]:
        for code in WORDS:
            _wait_for_a_turn()
            measured.append(_publish(component.pk, code, now))
            now += timedelta(minutes=1)
    shown, returned, cpu, queries, size, files, links = (statistics.median(column) for column in zip(*measured, strict=True))
    note(f"{years} years: a word is shown after {shown:.3f} s, {cpu:.3f} s of processor, and all is done after {returned:.3f} s")
    note(f"{years} years: {queries:.0f} queries, {size:.0f} bytes in {files:.0f} files, {links:.0f} links")
    figures = {"median": shown, "worst": max(one[0] for one in measured), "cpu": cpu, "bytes": size}
    for name, value in figures.items():
        sys.stdout.write(f"FIGURE {name} {value}\n")
    sys.stdout.flush()
    shutil.rmtree(snapshot.directory())
    subprocess.run([sys.executable, "-m", "tests.benchmarks.page", "rebuild", "--inside", str(years)], check=True)


def _rebuild(years: int, a_year: int, full: bool) -> None:
    """In a process that remembers nothing."""
    from statuspage import snapshot

    now = _noon() + timedelta(hours=2)
    began = time.perf_counter()
    snapshot.refresh(now=now)
    sys.stdout.write(f"FIGURE rebuild {time.perf_counter() - began}\n")


def _lay_all(years: int) -> datetime:
    """The whole archive, in larger pieces than the publisher's, to be done sooner; the time it is then."""
    from statuspage import snapshot
    from statuspage.snapshot import choosing

    began, now = time.perf_counter(), _noon()
    snapshot.refresh(now=now, force=True)
    at_once = choosing.AT_ONCE, choosing.MONTHS_AT_ONCE
    choosing.AT_ONCE, choosing.MONTHS_AT_ONCE = 1000, 100
    while (written := snapshot.current()) and written.waiting:
        now += timedelta(seconds=1)
        snapshot.refresh(now=now)
    choosing.AT_ONCE, choosing.MONTHS_AT_ONCE = at_once
    note(f"{years} years: the archive lies there after {time.perf_counter() - began:.0f} s")
    return now + timedelta(seconds=1)


Measure = tuple[float, float, float, int, int, int, int]


def _publish(component_id: int, code: str, now: datetime) -> Measure:
    """Seconds until readers see the word, until all is done, of processor until they see it; queries; bytes, files, links."""
    from django.db import connection

    from incidents import timeline
    from incidents.models import Component, Notice
    from statuspage import publishing, snapshot
    from statuspage.snapshot.writing import Generation

    notice = Notice.objects.get(code=code)
    component = Component.objects.get(pk=component_id)
    if notice.component_status:
        timeline.observe(component=component, status=notice.component_status, since=now, now=now)
    snapshot.refresh(now=now)
    folder = snapshot.directory()
    before = int((folder / "current").resolve().name)
    swapped: list[tuple[float, float]] = []
    asked: list[str] = []
    swap_in = Generation.swap_in

    def noted(self: Generation, manifest: Any) -> None:
        swap_in(self, manifest)
        swapped.append((time.perf_counter(), time.process_time()))

    def counted(execute: Callable[..., Any], sql: str, *values: Any) -> Any:
        asked.append(sql)
        return execute(sql, *values)

    component = Component.objects.get(pk=component_id)
    at = now + timedelta(seconds=1)
    with patch.object(Generation, "swap_in", noted), connection.execute_wrapper(counted):
        wall, own = time.perf_counter(), time.process_time()
        publishing.publish_notice(component=component, notice=notice, actor=None, now=at)
        returned = time.perf_counter() - wall
    shown, cpu = swapped[0]
    written = _written_since(folder, before)
    snapshot.refresh(now=at + timedelta(seconds=1))
    return shown - wall, returned, cpu - own, len(asked), *written


def _written_since(folder: Path, before: int) -> tuple[int, int, int]:
    """(bytes, files, links) of the generations after that one which no earlier one has: a file with one name only is new."""
    new = [path for path in (folder / "generations").iterdir() if path.name.isdigit() and int(path.name) > before]
    new += [path for path in (folder / "shards" / "trees").iterdir() if int(path.name.partition(".")[0]) > before]
    new += [path for path in (folder / "shards" / "parts").iterdir() if int(path.name.partition(".")[0]) > before]
    seen = [path.lstat() for root in new for path in ((root, *root.rglob("*")) if root.is_dir() else (root,))]
    links = sum(stat.S_ISLNK(one.st_mode) for one in seen)
    files = [one.st_size for one in seen if stat.S_ISREG(one.st_mode) and one.st_nlink == 1]
    return sum(files), len(files), links


# --- Serving ---------------------------------------------------------------------------------------


def _serving(years: int, a_year: int, full: bool) -> None:
    """The front page as readers get it while all works, from nginx and from the app's own server, beside nginx with a plain file
    of the same size."""
    from statuspage import run, snapshot
    from tests import servers

    busy_page(datetime.now(UTC))
    where = snapshot.directory()
    wrk = shutil.which("wrk")
    if not wrk:
        note("wrk is not installed: serving is not measured")
        return
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        _stay_fresh(home / "plain.html")
        port = free_port()
        (home / "plain.conf").write_text(
            f"pid {folder}/plain.pid; error_log {folder}/plain.log; user root; worker_processes auto; daemon off;\n"
            "events { worker_connections 4096; } http { access_log off; sendfile on; tcp_nopush on; types { text/html html; }\n"
            + "".join(f"{kind}_temp_path {folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
            + f" server {{ listen 127.0.0.1:{port}; root {folder}; }} }}"
        )
        plain = subprocess.Popen([servers.binary("nginx", "/usr/sbin/nginx"), "-c", f"{folder}/plain.conf"])
        web_port = free_port()
        web = subprocess.Popen([sys.executable, *run.WEB, "--port", str(web_port)], cwd=ROOT)  # as `make run` starts it
        nginx = servers.start_nginx(home, snapshot=where, app_port=web_port)
        try:
            addresses = {"plain": f"http://127.0.0.1:{port}/plain.html", "nginx": f"{nginx.url}/"}
            addresses["own"] = f"http://127.0.0.1:{web_port}/"
            for name, url in addresses.items():
                wait_for(f"{name} answers", lambda url=url: _load(wrk, url, 1) > 0)  # type: ignore[misc]
            rounds = []
            for _ in range(3):
                _stay_fresh(home / "plain.html")
                rounds.append({name: _load(wrk, url, SECONDS_IN_FULL if full else SECONDS) for name, url in addresses.items()})
        finally:
            nginx.stop()
            for process in (plain, web):
                process.terminate()
                process.wait()
    middle = {name: statistics.median(one[name] for one in rounds) for name in addresses}
    note(", ".join(f"{name} {rate:.0f}/s" for name, rate in middle.items()))
    bar("nginx_of_plain_file", statistics.median(one["nginx"] / one["plain"] for one in rounds), "x", ">=", 0.9)
    bar("own_server_of_plain_file", statistics.median(one["own"] / one["plain"] for one in rounds), "x", ">=", 0.3)


def _stay_fresh(plain: Path) -> None:
    """As the publisher does each second; once a round is enough here. `plain` gets what is then served."""
    from statuspage import snapshot

    now = datetime.now(UTC)
    snapshot.refresh(now=now, force=True)
    assert snapshot.extend_freshness(now=now)
    plain.write_bytes((snapshot.directory() / "current/fresh/index.html.gz").read_bytes())


def _load(wrk: str, url: str, seconds: int) -> float:
    """Requests a second; 0 when nothing answers well."""
    command = [wrk, "-t2", "-c64", f"-d{seconds}s", "-H", "Accept-Encoding: gzip", url]
    said = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    found = re.search(r"Requests/sec:\s+([\d.]+)", said)
    return 0.0 if found is None or "Non-2xx" in said else float(found[1])


if __name__ == "__main__":
    sys.exit(main())
