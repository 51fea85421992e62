"""`make soak`: ten minutes of the story under load, while a process of ours is killed every ten seconds.

wrk reads the page through nginx, probes run, each word goes to 20,000 readers by mail. Exit 1 unless no request through nginx
failed, every word stands on the page, there was one incident, nothing was called well that nobody knew to be (asked each second
of the rows, not of the page alone), the record holds, and all mails are out. `--minutes 2 --readers 2000` is a short form.
"""

from __future__ import annotations

import argparse
import os
import random
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import psycopg
import requests

from tests.faults.house import House
from tests.faults.readers import Reader, in_words
from tests.story import STK_QUERY

KILLED = ("web", "agent", "worker", "beat", "publisher", "sandbox")
KILL_EVERY = 10.0  # seconds
MAILS_WITHIN = 600.0  # seconds after the end, on a busy machine
RECORD_LIMIT = 90.0  # seconds that "working" may be older than the last tick that read the record
LINGERS = 20.0  # seconds that it may stand beyond a service's silence: the fresh form runs out in slots of ten
# By service, in epoch seconds: until when its last outcome speaks; and when the publisher last read the record.
SPOKEN = """
SELECT c.code, max(extract(epoch FROM greatest(s.last_outcome_at, s.excused_at)) + greatest(3 * s.interval, 60))::float
FROM probes_probeschedule s JOIN probes_probe p ON p.id = s.probe_id JOIN probes_vantage v ON v.id = s.vantage_id
JOIN incidents_component c ON c.id = p.component_id
WHERE s.enabled AND p.enabled AND v.enabled AND NOT v.is_passive GROUP BY c.code
"""
READ_AT = "SELECT extract(epoch FROM at)::float FROM statuspage_heartbeat WHERE name = 'publisher'"
UNSENT = "SELECT state, count(*) FROM subscribers_delivery WHERE state NOT IN ('sent', 'superseded') GROUP BY state"
# A slot of each probe that ran, of those there were.
OUTCOMES = """
SELECT (SELECT count(*) FROM probes_result WHERE attempt = 0 AND slot BETWEEN {began} AND {ended}),
(SELECT sum(({ended} - {began}) / s.interval) FROM probes_probeschedule s JOIN probes_probe p ON p.id = s.probe_id
JOIN probes_vantage v ON v.id = s.vantage_id WHERE s.enabled AND p.enabled AND v.enabled AND NOT v.is_passive)
"""


class Killer(threading.Thread):
    """Ends one of the copy's processes every ten seconds, by a seeded lot."""

    def __init__(self, house: House, seed: int) -> None:
        super().__init__(daemon=True)
        self.house, self.chance = house, random.Random(seed)
        self.killed: list[str] = []
        self._stopping = threading.Event()

    def run(self) -> None:
        while not self._stopping.wait(KILL_EVERY):
            name = self.chance.choice(KILLED)
            try:
                if self.house.copy.running(name):
                    self.house.copy.kill(name)
                    self.killed.append(name)
                    if name == "sandbox" and self.house.is_broken:  # its faults die with it
                        threading.Thread(target=self.house.break_again, args=(STK_QUERY,), daemon=True).start()
            except (psutil.Error, ValueError):  # it was just ending
                continue

    def stop(self) -> None:
        self._stopping.set()
        self.join()


class Witness(threading.Thread):
    """Each second: what the page through nginx calls well, beside what the rows say of it. The database is asked after the page,
    so a row can only be newer than what was shown."""

    def __init__(self, house: House) -> None:
        super().__init__(daemon=True)
        self.house = house
        self.looks, self.since_read, self.since_spoken = 0, 0.0, 0.0  # the longest of each, in seconds
        self._stopping = threading.Event()

    def run(self) -> None:
        while not self._stopping.wait(1.0):
            at = time.time()
            try:
                told = requests.get(f"{self.house.nginx.url}/api/v1/status.json", timeout=5).json()
                spoken = dict(self.house.ask(SPOKEN))
                [(read_at,)] = self.house.ask(READ_AT)
            except (requests.RequestException, ValueError, psycopg.Error):
                continue
            self.looks += 1
            well = [part["code"] for part in told["components"] if part["measured"] and part["status"] == "operational"]
            if told["freshness"] == "fresh" and well:
                self.since_read = max(self.since_read, at - read_at)
                since = [at - (spoken[code] or 0.0) for code in well if code in spoken]
                self.since_spoken = max([self.since_spoken, *since])

    def stop(self) -> None:
        self._stopping.set()
        self.join()


def main() -> int:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--minutes", type=float, default=10.0)
    asked.add_argument("--readers", type=int, default=20_000)
    asked.add_argument("--seed", type=int, default=20240109)
    options = asked.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="hali-soak-", ignore_cleanup_errors=True) as folder,
        House(Path(folder), False) as house,
    ):
        return _soak(house, 60 * options.minutes, options.readers, options.seed)


def _soak(house: House, seconds: float, count: int, seed: int) -> int:
    assert house.tell(f"readers {count}"), house.answered
    house.settle()
    load = subprocess.Popen(
        ["wrk", "-t1", "-c32", f"-d{int(seconds)}s", "-H", "Accept-Encoding: gzip", f"{house.nginx.url}/"],
        stdout=subprocess.PIPE,
        text=True,
    )
    readers = {origin: Reader(url, watched="stk-push") for origin, url in house.origins().items()}
    killer, witness = Killer(house, seed), Witness(house)
    for thread in (*readers.values(), witness, killer):
        thread.start()
    began, began_at = time.monotonic(), int(time.time())
    said = _play(house, began, seconds)
    told, _ = load.communicate(timeout=seconds + 60)
    killer.stop()
    ran, due = house.ask(OUTCOMES.format(began=began_at, ended=int(time.time())))[0]
    whole = house.whole_again_after(300)
    seen = {origin: reader.stop() for origin, reader in readers.items()}
    waiting = _wait_for_mails(house)
    witness.stop()
    failures = _failed_requests(told)
    rate = re.search(r"Requests/sec:\s+([\d.]+)", told)
    incidents = house.ask("SELECT count(*) FROM incidents_incident WHERE publication = 'published'")[0][0]
    shown = _words_on_the_page(house)
    reached = len({recipients[0] for recipients, _ in list(house.sink.messages) if recipients[0].startswith("reader")})
    unsent = dict(house.ask(UNSENT))
    green = [what for one in seen.values() for what in one.wrongs() if what.startswith("green")]
    witnessed = witness.looks >= seconds / 4
    kills, per_s = int(seconds / KILL_EVERY), float(rate[1]) if rate else 0.0
    _say(f"  words {', '.join(said)}; {witness.looks} looks at the rows; load {os.getloadavg()[0]:.0f}")
    checks = [
        ("kills", f"{len(killer.killed)} of {kills}", len(killer.killed) >= 0.8 * kills),
        ("requests_per_s", f"{per_s:.0f}", per_s > 0),
        ("failed_requests_nginx", failures, failures == 0),
        ("readers_nginx", in_words(seen["nginx"]), not seen["nginx"].wrongs()),
        ("probes_ran", f"{ran} of {due} slots", ran >= due / 2),
        ("false_green", len(green), not green),
        ("green_since_record_read_s", f"{witness.since_read:.1f}", witnessed and witness.since_read <= RECORD_LIMIT),
        ("green_since_silence_s", f"{witness.since_spoken:.1f}", witnessed and witness.since_spoken <= LINGERS),
        ("words_on_the_page", f"{shown} of {len(said)}", shown == len(said) == 4),
        ("incidents", incidents, incidents == 1),
        ("record_holds", house.tell("verify"), house.answered == "ok"),
        ("mails_waiting", waiting, waiting == 0),
        ("mails_not_sent", unsent or 0, not unsent),
        ("readers_told", f"{reached} of {count}", reached == count),
        ("whole_again_s", whole, whole is not None),
    ]
    for name, value, well in checks:
        _say(f"SOAK {name} {value} {'PASS' if well else 'SHORT'}")
    return 0 if all(well for _, _, well in checks) else 1


def _play(house: House, began: float, seconds: float) -> list[str]:
    """The story, stretched over the time there is: it fails, is spoken of twice, is mended, watched, over."""
    said = []

    def at(share: float) -> None:
        time.sleep(max(0.0, began + share * seconds - time.monotonic()))

    def speak(notice: str) -> None:
        _until(lambda: house.tell(f"say stk-push {notice}"), f"{notice} can be said: {house.answered}")
        said.append(notice)

    at(0.05)
    house.is_broken = True
    house.break_again(STK_QUERY)
    at(0.15)
    speak("down")
    at(0.4)
    speak("no-change")
    at(0.6)
    house.is_broken = False
    _until(house.is_mended, "the gateway is whole")
    at(0.7)
    speak("watching")
    at(0.85)
    speak("resolved")
    return said


def _until(is_so: Callable[[], bool], what: str, *, seconds: float = 240) -> None:
    limit = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < limit, f"waited in vain until {what}"
        time.sleep(2)


def _words_on_the_page(house: House) -> int:
    """How many updates of incidents readers find through nginx."""
    incidents = requests.get(f"{house.nginx.url}/api/v2/incidents.json", timeout=10).json()["incidents"]
    return sum(len(incident["incident_updates"]) for incident in incidents)


def _failed_requests(told: str) -> int:
    errors = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", told)
    others = re.search(r"Non-2xx or 3xx responses: (\d+)", told)
    return (sum(map(int, errors.groups())) if errors else 0) + (int(others[1]) if others else 0)


def _wait_for_mails(house: House) -> int:
    """How many mails still wait after a while."""
    limit = time.monotonic() + MAILS_WITHIN
    while True:
        waiting = int(house.ask("SELECT count(*) FROM subscribers_delivery WHERE state = 'pending'")[0][0])
        if not waiting or time.monotonic() > limit:
            return waiting
        time.sleep(2)


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
