"""The defaults of detection keep their word: a smaller run of `make simulate-detection`, with a fixed seed."""

from __future__ import annotations

import json
import random
import statistics
from functools import cache

import pytest

from probes.detection import Thresholds
from probes.models import Probe
from tests.benchmarks import detection as simulation
from tests.benchmarks import detection_peers
from tests.benchmarks.detection import CANDIDATES, DEFAULT, QUIET, SHAPES, Setting, false_incidents, seconds_to_see, times
from tests.copies import ROOT

SEED = 20261124


def test_the_simulated_defaults_are_the_defaults_of_a_probe() -> None:
    probe = Probe()
    assert Thresholds(probe.failure_threshold, probe.window, probe.success_threshold) == DEFAULT.thresholds
    assert probe.quorum == DEFAULT.rules.quorum
    assert (DEFAULT.vantages, DEFAULT.every) == (3, 10)


@cache
def kept() -> dict[str, simulation.Measured]:
    """What the table of the docs was printed from, every trial of it."""
    found: dict[str, simulation.Measured] = json.loads((ROOT / "tests" / "fixtures" / "detection.json").read_text())
    return found


@pytest.mark.parametrize(("shape", "at_most"), [("hard outage, refused", 20), ("30 % fail", 60), ("30 % are late", 60)])
def test_what_customers_feel_is_seen_in_time(shape: str, at_most: float) -> None:
    assert statistics.median(kept()[DEFAULT.name]["times"][shape]) < at_most


def test_the_table_of_the_docs_is_what_was_measured() -> None:
    rows = [simulation.row(setting.name, kept()[setting.name]) for setting in CANDIDATES]
    assert "\n".join(rows) in (ROOT / "docs" / "detection.md").read_text()


@pytest.mark.parametrize("setting", CANDIDATES, ids=lambda setting: setting.name)
def test_what_was_measured_is_what_is_measured_now(setting: Setting) -> None:
    """Every column of the row, by its first trials: the same seed draws the same."""
    measured = kept()[setting.name]
    now = {
        name: times(setting, shape, 1, 1, lasts=300) if name == "one vantage broken" else times(setting, shape, 5, 1)
        for name, shape in SHAPES.items()
    }
    assert now == {name: measured["times"][name][: len(found)] for name, found in now.items()}
    assert simulation.short(setting, 1) == measured["short"]


def test_the_table_of_other_rules_in_the_docs_is_what_is_printed_now() -> None:
    assert "\n".join(detection_peers.table()) in (ROOT / "docs" / "detection.md").read_text()


def test_a_well_endpoint_is_hardly_ever_called_ill() -> None:
    assert kept()[DEFAULT.name]["false_a_year"][0] <= 0.5
    assert false_incidents(DEFAULT, QUIET, 1, random.Random(SEED)) == 0


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
