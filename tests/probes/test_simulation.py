"""The defaults of detection keep their word: a smaller run of `make simulate-detection`, with a fixed seed."""

from __future__ import annotations

import random
import statistics
from functools import cache

import pytest

from probes.detection import Thresholds
from probes.models import Probe
from tests.benchmarks import detection as simulation
from tests.benchmarks import detection_peers
from tests.benchmarks.detection import CANDIDATES, DEFAULT, QUIET, SHAPES, Setting, false_incidents, seconds_to_see, times, told
from tests.copies import ROOT

SEED = 20261124


def test_the_simulated_defaults_are_the_defaults_of_a_probe() -> None:
    probe = Probe()
    assert Thresholds(probe.failure_threshold, probe.window, probe.success_threshold) == DEFAULT.thresholds
    assert probe.quorum == DEFAULT.rules.quorum
    assert (DEFAULT.vantages, DEFAULT.every) == (3, 10)


SEEN_IN_TIME = {"hard outage, refused": 20, "30 % fail": 60, "30 % are late": 60}  # median, in seconds


@cache
def played(shape: str) -> list[float]:
    """As the table of docs/detection.md was made."""
    return times(DEFAULT, SHAPES[shape], 200, 1)


@pytest.mark.parametrize("shape", SEEN_IN_TIME)
def test_what_customers_feel_is_seen_in_time(shape: str) -> None:
    assert statistics.median(played(shape)) < SEEN_IN_TIME[shape]


@pytest.mark.parametrize("shape", SEEN_IN_TIME)
def test_the_table_of_the_docs_is_what_it_prints_now(shape: str) -> None:
    lines = (ROOT / "docs" / "detection.md").read_text().splitlines()
    head, default = (
        next(line.strip("| ").split(" | ") for line in lines if line.startswith(f"| {name} |"))
        for name in ("setting", DEFAULT.name)
    )
    assert default[head.index(shape)] == told(played(shape))


@pytest.mark.parametrize("setting", CANDIDATES, ids=lambda setting: setting.name)
def test_every_row_of_the_docs_is_what_it_prints_now(setting: Setting) -> None:
    """By its hard outage, the shape that is quick to play; the default's others are above."""
    lines = (ROOT / "docs" / "detection.md").read_text().splitlines()
    head, row = (
        next(line.strip("| ").split(" | ") for line in lines if line.startswith(f"| {name} |"))
        for name in ("setting", setting.name)
    )
    shape = "hard outage, refused"
    assert row[head.index(shape)] == told(times(setting, SHAPES[shape], 200, 1, lasts=300))


def test_the_table_of_other_rules_in_the_docs_is_what_is_printed_now() -> None:
    assert "\n".join(detection_peers.table()) in (ROOT / "docs" / "detection.md").read_text()


def test_a_well_endpoint_is_hardly_ever_called_ill() -> None:
    years = 3
    assert false_incidents(DEFAULT, QUIET, years, random.Random(SEED)) / years <= 0.5


def test_one_broken_vantage_is_never_public() -> None:
    chance = random.Random(SEED)
    found = [seconds_to_see(DEFAULT, SHAPES["one vantage broken"], chance) for _ in range(2)]
    assert found == [simulation.GIVE_UP] * 2


def test_one_vantage_alone_still_tells_a_hard_outage_within_13_seconds_at_5_s() -> None:
    alone = Setting("the demo", vantages=1, every=5)
    assert max(times(alone, SHAPES["hard outage, refused"], 200, SEED)) <= 13


def test_skipping_good_votes_is_the_same_as_casting_them() -> None:
    """The simulator takes long good stretches in one step; a vote at a time must come to the same."""
    for seed in range(5):
        chance = random.Random(seed)
        fast, slow = (simulation.Endpoint(DEFAULT, random.Random(seed)) for _ in range(2))
        now = 1000
        for _ in range(30):
            now += chance.choice((10, 40, 700))
            place = chance.randrange(3)
            for endpoint in (fast, slow):
                while endpoint is slow and min(state.last_slot or 0 for state in endpoint.states) < now - 20:
                    endpoint.all_fine_until(min(state.last_slot or 0 for state in endpoint.states) + 10)
                endpoint.all_fine_until(now)
                endpoint.vote(place, (endpoint.states[place].last_slot or 0) + 10, "down")
            told = [
                [(state.recent, state.slots, state.confirmed, state.film, state.last_slot) for state in endpoint.states]
                for endpoint in (fast, slow)
            ]
            assert told[0] == told[1]
