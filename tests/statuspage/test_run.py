"""The parent process of `make run`: one clear line where it cannot start, nothing left where it ends."""

from __future__ import annotations

import os
import socket
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from statuspage import broker, run
from statuspage.run import CannotStart, Copy
from tests.copies import ROOT, free_port


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
