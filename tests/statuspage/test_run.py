"""The parent process of `make run`: one clear line where it cannot start, nothing left where it ends."""

from __future__ import annotations

import os
import signal
import socket
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
import requests

from statuspage import broker, run
from statuspage.run import CannotStart, Copy
from tests.copies import PROCESSES, ROOT, RunningCopy, free_port, wait_for


def start_and_fail(environment: dict[str, str]) -> str:
    """What a start that must fail says; it is one line, without a traceback."""
    done = subprocess.run(
        [sys.executable, "-m", "statuspage.run"],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr
    return done.stderr


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        yield int(holder.getsockname()[1])


@pytest.mark.parametrize("name", ["HALI_PORT", "HALI_SANDBOX_PORT"])
def test_a_taken_port_is_one_line_that_names_the_setting(tmp_path: Path, taken_port: int, name: str) -> None:
    ports = {"HALI_PORT": str(free_port()), "HALI_SANDBOX_PORT": str(free_port()), name: str(taken_port)}
    said = start_and_fail({"HALI_DATA_DIR": str(tmp_path), **ports})
    assert f"Port {taken_port} is taken" in said
    assert f"set {name}" in said


def test_a_port_that_is_no_port_is_one_line(tmp_path: Path) -> None:
    assert "HALI_PORT='eighty': give a whole number" in start_and_fail({"HALI_DATA_DIR": str(tmp_path), "HALI_PORT": "eighty"})


def test_one_port_for_both_is_one_line(tmp_path: Path) -> None:
    port = str(free_port())
    said = start_and_fail({"HALI_DATA_DIR": str(tmp_path), "HALI_PORT": port, "HALI_SANDBOX_PORT": port})
    assert f"HALI_PORT and HALI_SANDBOX_PORT are both {port}" in said


@pytest.mark.parametrize("name", ["a#b", "a?b", "a%20b"])
def test_a_folder_that_no_address_can_carry_is_one_line_and_touches_nothing(tmp_path: Path, name: str) -> None:
    assert "name another folder" in start_and_fail({"HALI_DATA_DIR": str(tmp_path / name)})
    assert list(tmp_path.iterdir()) == []


def test_a_file_where_a_folder_belongs_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("")
    ports = {"HALI_PORT": str(free_port()), "HALI_SANDBOX_PORT": str(free_port())}
    assert f"{tmp_path}/log is not what a copy keeps there" in start_and_fail({"HALI_DATA_DIR": str(tmp_path), **ports})


@pytest.fixture
def read_only_folder(tmp_path: Path) -> Iterator[Path]:
    """A folder that even root cannot write to: a read-only mount where we may mount, closed permissions where we may not."""
    folder = tmp_path / "closed"
    folder.mkdir()
    if os.getuid() != 0:
        folder.chmod(0o500)
        yield folder
        folder.chmod(0o700)
        return
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "ro", "tmpfs", str(folder)], capture_output=True, check=False)
    if mounted.returncode:
        folder.rmdir()
        folder.write_text("a file stands where the folder should be")  # what root can neither write to nor make
        yield folder
        return
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_read_only_data_folder_is_one_line_and_nothing_is_lost(read_only_folder: Path) -> None:
    said = start_and_fail({"HALI_DATA_DIR": str(read_only_folder)})
    assert "cannot be written" in said
    assert "set HALI_DATA_DIR" in said


def test_two_copies_never_share_a_data_folder(tmp_path: Path) -> None:
    with run.alone_on(tmp_path):
        assert "runs on" in start_and_fail(
            {"HALI_DATA_DIR": str(tmp_path), "HALI_PORT": str(free_port()), "HALI_SANDBOX_PORT": str(free_port())}
        )


def copy_in(folder: Path, **environment: str) -> Copy:
    return Copy.from_environment({"HALI_DATA_DIR": str(folder), **environment})


def test_the_env_file_is_for_its_owner_and_keeps_its_secrets(tmp_path: Path) -> None:
    first = run.write_env_file(copy_in(tmp_path))
    assert stat.S_IMODE((tmp_path / "env").stat().st_mode) == 0o600
    second = run.write_env_file(copy_in(tmp_path, HALI_PORT="9000"))
    assert second["HALI_PORT"] == "9000"
    assert second["HALI_BASE_URL"] == "http://127.0.0.1:9000"
    for name in ("SECRET_KEY", "HALI_ADDRESS_KEYS", "HALI_ADDRESS_HASH_KEY", "HALI_DEMO_PASSWORD"):
        assert first[name] == second[name] != ""


def test_what_a_person_wrote_into_the_env_file_stays(tmp_path: Path) -> None:
    run.write_env_file(copy_in(tmp_path))
    with (tmp_path / "env").open("a") as handle:
        handle.write("# of the gateway\nHALI_SECRET_B2C_KEY='from staging'\nHALI_HELP_LINE=0800 123 456\n")
    values = run.write_env_file(copy_in(tmp_path))
    assert values["HALI_HELP_LINE"] == "0800 123 456"
    assert values["HALI_SECRET_B2C_KEY"] == "from staging"
    assert (
        (tmp_path / "env")
        .read_text()
        .endswith("# of the gateway\nHALI_SECRET_B2C_KEY='from staging'\nHALI_HELP_LINE=0800 123 456\n")
    )


def test_where_a_start_was_told_to_keep_its_rows_is_known_to_every_command_until_the_next(tmp_path: Path) -> None:
    told = {"DATABASE_URL": "postgres://hali@127.0.0.1/hali", "REDIS_URL": "redis://127.0.0.1/3"}
    assert run.write_env_file(copy_in(tmp_path, **told)).items() >= told.items()
    again = run.write_env_file(copy_in(tmp_path))
    assert "DATABASE_URL" not in again
    assert again["REDIS_URL"] == f"redis+socket://{broker.socket_path(tmp_path)}"
    with (tmp_path / "env").open("a") as handle:
        handle.write("DATABASE_URL=sqlite:////srv/rows.sqlite3\n")  # a person's: it stays
    run.write_env_file(copy_in(tmp_path))
    assert run.write_env_file(copy_in(tmp_path))["DATABASE_URL"] == "sqlite:////srv/rows.sqlite3"


def test_what_makes_an_agent_or_says_nothing_is_left_out_of_the_environment(tmp_path: Path) -> None:
    copy = copy_in(tmp_path, HALI_AGENT="mombasa", REDIS_URL="", EMAIL_URL="smtp://127.0.0.1:25")
    assert {"HALI_AGENT", "REDIS_URL"}.isdisjoint(copy.environment)
    assert copy.environment["EMAIL_URL"] == "smtp://127.0.0.1:25"
    assert copy.own_broker


def test_a_broker_of_ones_own_is_not_started_beside(tmp_path: Path) -> None:
    copy = copy_in(tmp_path, REDIS_URL="redis://127.0.0.1:6379/0")
    assert run.write_env_file(copy)["REDIS_URL"] == "redis://127.0.0.1:6379/0"
    assert "broker" not in [child.name for child in run.children_of(copy)]


def test_a_path_too_long_for_a_socket_falls_back_to_a_short_folder(tmp_path: Path) -> None:
    assert broker.socket_path(tmp_path) == tmp_path / "broker.sock" or len(str(tmp_path)) > 90
    long = tmp_path / ("a" * 120)
    assert len(str(broker.socket_path(long)).encode()) <= broker.SOCKET_PATH_LIMIT
    assert broker.socket_path(long) != broker.socket_path(tmp_path / ("b" * 120))


def test_an_impossible_setting_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copy = copy_in(tmp_path, HALI_TIME_ZONE="Africa/Nowhere", PATH=os.environ["PATH"])
    run.write_env_file(copy)
    with pytest.raises(CannotStart, match="HALI_TIME_ZONE='Africa/Nowhere' is not known"):
        run.prepare(copy)


def test_a_database_that_does_not_answer_is_one_line_that_names_the_setting(tmp_path: Path) -> None:
    url = f"postgres://hali@127.0.0.1:{free_port()}/hali"
    copy = copy_in(tmp_path, DATABASE_URL=url, PATH=os.environ["PATH"])
    run.write_env_file(copy)
    with pytest.raises(CannotStart, match="Connection refused Set DATABASE_URL to a database that answers") as caught:
        run.prepare(copy)
    assert "\n" not in str(caught.value)


def test_a_database_file_that_is_none_is_named_and_kept(tmp_path: Path) -> None:
    rows = tmp_path / "hali.sqlite3"
    rows.write_bytes(b"not a database" * 1000)
    copy = copy_in(tmp_path, PATH=os.environ["PATH"])
    run.write_env_file(copy)
    with pytest.raises(CannotStart, match=f"The database is {rows}; set HALI_DATA_DIR"):
        run.prepare(copy)
    assert rows.read_bytes() == b"not a database" * 1000


def test_a_start_that_is_told_to_stop_while_it_prepares_stops_at_once(tmp_path: Path) -> None:
    copy = copy_in(tmp_path, PATH=os.environ["PATH"])
    run.write_env_file(copy)
    with pytest.raises(run.Stopped):
        run.prepare(copy, lambda: True)
    assert not (tmp_path / "hali.sqlite3").exists()


def test_a_child_that_never_stays_is_started_again_for_ever_with_a_pause() -> None:
    assert [run.pause_after(exits) for exits in (0, 1, 2, 3, 4, 5, 100_000)] == [0, 1, 2, 4, 8, 10, 10]


def test_a_temporary_folder_of_somebody_else_is_not_trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    long = tmp_path / ("a" * 120)
    ours = broker.socket_path(long).parent
    ours.rename(tmp_path / "elsewhere")
    ours.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(broker.NoBroker, match="belongs to somebody else"):
        broker.socket_path(long)


# --- A whole copy --------------------------------------------------------------------------------


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


@pytest.mark.timeout(400)
def test_make_ends_a_copy_whole_and_a_second_start_goes_on_with_its_data_beside_another(
    ended_copy: RunningCopy, tmp_path: Path
) -> None:
    copy = ended_copy
    copy.start(["make", "--silent", "--old-file=.venv", "run"])  # the environment we run in is there already
    assert all(copy.running(name) for name in PROCESSES)
    wait_for("the banner", lambda: "writer, approver or engineer" in (copy.folder / "run.out").read_text())
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


@pytest.mark.timeout(400)
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


@pytest.mark.timeout(400)
def test_nothing_outlives_a_parent_that_was_killed(copy: RunningCopy) -> None:
    processes = everything_of(copy)
    assert copy.process is not None
    copy.process.kill()
    copy.process.wait()
    wait_for("all of it is gone", are_gone(processes), seconds=10)


@pytest.mark.timeout(400)
def test_a_child_that_exits_is_started_again_and_a_stopped_one_is_left_alone(copy: RunningCopy) -> None:
    [stopped, *_] = copy.running("sandbox")
    stopped.suspend()
    try:
        copy.kill("publisher")
        copy.kill("worker")  # its own children die with it, and are ours to bury
        wait_for("both are back", lambda: copy.is_back("publisher") and copy.is_back("worker"))
        wait_for("no zombie is left", lambda: psutil.STATUS_ZOMBIE not in states_of(copy))
        wait_for("it was told", lambda: "publisher ended (signal 9)" in (copy.folder / "run.out").read_text())
        assert copy.running("sandbox")[0].pid == stopped.pid
        assert stopped.status() == psutil.STATUS_STOPPED
    finally:
        stopped.resume()
    wait_for("everything is at work", copy.is_healthy)


@pytest.mark.timeout(400)
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
