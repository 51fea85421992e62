"""A whole copy as `make run` starts it: what is stopped, killed or held up, and what is left of it."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
import requests

from tests.copies import PROCESSES, RunningCopy, wait_for

pytestmark = [pytest.mark.faults, pytest.mark.timeout(400)]


@pytest.fixture(scope="module")
def copy_of_all(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningCopy]:
    """One copy for the tests below, whatever their order: making its rows anew for each would take most of their time."""
    running = RunningCopy(tmp_path_factory.mktemp("run") / "copy")
    yield running
    running.stop()


@pytest.fixture
def ended_copy(copy_of_all: RunningCopy) -> RunningCopy:
    copy_of_all.stop()
    return copy_of_all


@pytest.fixture
def copy(copy_of_all: RunningCopy) -> RunningCopy:
    """Everything of it is at work."""
    if not copy_of_all.is_running():
        copy_of_all.start()
    wait_for("everything is at work", copy_of_all.is_healthy, seconds=150)
    return copy_of_all


def everything_of(copy: RunningCopy) -> list[psutil.Process]:
    assert copy.process is not None
    return list(psutil.Process(copy.process.pid).children(recursive=True))


def failing(copy: RunningCopy) -> set[str]:
    parts = requests.get(f"{copy.url}/healthz", timeout=5).json()["parts"]
    return {name for name, part in parts.items() if not part["ok"]}


def states_of(copy: RunningCopy) -> list[str]:
    states = []
    for process in everything_of(copy):
        with suppress(psutil.NoSuchProcess):
            states.append(process.status())
    return states


def are_gone(processes: list[psutil.Process]) -> Callable[[], bool]:
    return lambda: not any(process.is_running() and process.status() != psutil.STATUS_ZOMBIE for process in processes)


def test_make_ends_a_copy_whole_and_a_second_start_goes_on_with_its_data_beside_another(
    ended_copy: RunningCopy, tmp_path: Path
) -> None:
    copy = ended_copy
    copy.start(["make", "--silent", "--old-file=.venv", "run"])  # the environment we run in is there already
    assert all(copy.running(name) for name in PROCESSES)
    wait_for("the banner", lambda: "writer, approver, engineer or page-admin" in (copy.folder / "run.out").read_text())
    group = {os.getpgid(process.pid) for process in everything_of(copy)}
    assert copy.process is not None
    assert group == {os.getpgid(copy.process.pid)}, "Ctrl-C reaches every process"
    password = copy.setting("HALI_DEMO_PASSWORD")
    assert copy.manage("publish_notice", "paybill", "down").returncode == 0
    shown = copy.summary()["incidents"]
    assert shown

    processes = everything_of(copy)
    copy.process.send_signal(signal.SIGTERM)
    copy.process.wait(timeout=5)
    assert are_gone(processes)(), [process for process in processes if process.is_running()]

    beside = RunningCopy(tmp_path / "beside")
    beside.launch()
    try:
        copy.start()
        assert copy.setting("HALI_DEMO_PASSWORD") == password
        assert [item["id"] for item in copy.summary()["incidents"]] == [item["id"] for item in shown]
        wait_for("the other copy is ready", beside.is_healthy, seconds=150)
        assert beside.summary()["incidents"] == []
    finally:
        beside.stop()
    assert copy.is_healthy()


def test_a_copy_that_is_told_to_stop_before_it_is_ready_leaves_nothing(tmp_path: Path) -> None:
    copy = RunningCopy(tmp_path / "copy")
    copy.launch()
    assert copy.process is not None
    wait_for("it has begun", lambda: bool(everything_of(copy)))
    copy.process.send_signal(signal.SIGTERM)
    processes = everything_of(copy)
    assert copy.process.wait(timeout=5) == 0
    assert are_gone(processes)()
    assert "failed" not in (copy.folder / "run.out").read_text()


def test_nothing_outlives_a_parent_that_was_killed(copy: RunningCopy) -> None:
    processes = everything_of(copy)
    assert copy.process is not None
    copy.process.kill()
    copy.process.wait()
    wait_for("all of it is gone", are_gone(processes), seconds=10)


def test_a_child_that_exits_is_started_again_and_a_stopped_one_is_left_alone(copy: RunningCopy) -> None:
    [stopped, *_] = copy.running("sandbox")
    stopped.suspend()
    try:
        copy.kill("publisher")
        copy.kill("worker")  # its own children die with it, and are ours to bury
        wait_for("the publisher is back", lambda: copy.is_back("publisher"))
        wait_for("the worker is back", lambda: copy.is_back("worker"))
        wait_for("no zombie is left", lambda: psutil.STATUS_ZOMBIE not in states_of(copy))
        wait_for("it was told", lambda: "publisher ended (signal 9)" in (copy.folder / "run.out").read_text())
        assert copy.running("sandbox")[0].pid == stopped.pid
        assert stopped.status() == psutil.STATUS_STOPPED
    finally:
        stopped.resume()
    wait_for("everything is at work", copy.is_healthy)


def test_healthz_names_what_is_not_at_work(copy: RunningCopy) -> None:
    stopped = [copy.running("beat")[0], copy.running("agent")[0]]
    for process in stopped:
        process.suspend()
    try:
        wait_for("healthz says so", lambda: not copy.is_healthy(), seconds=60)
        assert failing(copy) == {"beat"}, "it is the first to be missed"
        wait_for("the agent is missed too", lambda: {"agent", "beat"} <= failing(copy), seconds=60)
        parts = requests.get(f"{copy.url}/healthz", timeout=5).json()["parts"]
        assert parts["beat"]["since"]
        assert parts["agent"]["since"]
    finally:
        for process in stopped:
            process.resume()
    wait_for("everything is at work", copy.is_healthy)
