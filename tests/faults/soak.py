"""`make soak`: ten minutes of the story under load, while a process of ours is killed every ten seconds.

wrk reads the page through nginx, probes run, each word goes to 20,000 readers by mail. Exit 1 unless no reader through nginx was
failed, no word was lost, there was one incident, nothing was called well that nobody knew to be, the record holds, and all mails
are out.
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

from tests.faults.house import House
from tests.faults.readers import Reader, in_words
from tests.story import STK_QUERY

KILLED = ("web", "agent", "worker", "beat", "publisher", "sandbox")
KILL_EVERY = 10.0  # seconds
MAILS_WITHIN = 600.0  # seconds after the end, on a busy machine


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
    killer = Killer(house, seed)
    for thread in (*readers.values(), killer):
        thread.start()
    began = time.monotonic()
    said = _play(house, began, seconds)
    told, _ = load.communicate(timeout=seconds + 60)
    killer.stop()
    whole = house.whole_again_after(300)
    seen = {origin: reader.stop() for origin, reader in readers.items()}
    waiting = _wait_for_mails(house)
    failures = _failed_requests(told)
    rate = re.search(r"Requests/sec:\s+([\d.]+)", told)
    incidents = house.ask("SELECT count(*) FROM incidents_incident WHERE publication = 'published'")[0][0]
    public = house.ask("SELECT count(*) FROM incidents_incidentupdate WHERE publication = 'published'")[0][0]
    reached = len({recipients[0] for recipients, _ in list(house.sink.messages) if recipients[0].startswith("reader")})
    green = [what for one in seen.values() for what in one.wrongs() if what.startswith("green")]
    per_s = rate[1] if rate else "?"
    _say(f"  {len(killer.killed)} kills, {per_s} requests/s, words {', '.join(said)}; load {os.getloadavg()[0]:.0f}")
    checks = [
        ("failed_requests_nginx", failures, failures == 0),
        ("readers_nginx", in_words(seen["nginx"]), not seen["nginx"].wrongs()),
        ("false_green", len(green), not green),
        ("words_public", f"{public} of {len(said)}", public >= len(said) == 4),
        ("incidents", incidents, incidents == 1),
        ("record_holds", house.tell("verify"), house.answered == "ok"),
        ("mails_waiting", waiting, waiting == 0),
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
