"""`manage.py check --deploy`: each thing a production copy must not have is one finding, with an id and what to change."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core import checks
from django.core.checks import CheckMessage

from statuspage import deploy_checks
from tests.copies import ROOT
from tests.factories import NOON
from tests.test_docs import README

# What a production copy is given; `check --deploy` finds nothing in it.
PRODUCTION = {
    "HALI_BASE_URL": "https://status.example.org",
    "ALLOWED_HOSTS": "status.example.org",
    "HALI_BEHIND_PROXY": "true",
    "DATABASE_URL": "postgres://hali:hunter2@127.0.0.1/hali",
    "REDIS_URL": "rediss://:hunter2@broker.example.org:6379/0",
    "EMAIL_URL": "smtp+tls://user:hunter2@mail.example.org:587",
    "HALI_MAIL_FROM": "status@example.org",
    "HALI_ADDRESS_KEYS": "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=",
}
SECRET = "0123456789abcdefghijklmnopqrstuvwxyz of the tests alone"


def check_copy(folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "manage.py", "check", "--deploy"],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "HALI_DATA_DIR": str(folder), **PRODUCTION, **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_a_production_copy_with_its_secrets_in_files_is_clean(tmp_path: Path) -> None:
    (tmp_path / "key").write_text(f"{SECRET}\n")
    done = check_copy(tmp_path, SECRET_KEY_FILE=str(tmp_path / "key"), HALI_ADDRESS_HASH_KEY_FILE=str(tmp_path / "key"))
    assert (done.returncode, done.stderr) == (0, "")
    assert "no issues" in done.stdout


def test_a_secret_file_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    done = check_copy(tmp_path, SECRET_KEY="x" * 60, DATABASE_URL_FILE=str(tmp_path / "none"))
    assert done.stderr == f"Settings: DATABASE_URL_FILE='{tmp_path}/none' cannot be read: No such file or directory.\n"


def found_in(settings: Any, **changed: Any) -> list[CheckMessage]:
    """What is found in a production copy with these settings."""
    well = {
        "DEMO": False,
        "WEBHOOK_TEST": False,
        "ADDRESS_HASH_KEY": SECRET,
        "BASE_URL": "https://status.example.org",
        "TRUSTED_PROXIES": 1,
        "ALLOWED_HOSTS": ["status.example.org"],
        "REDIS_URL": "redis://127.0.0.1:6379/0",
        "EMAIL_BACKEND": "django.core.mail.backends.smtp.EmailBackend",
        "EMAIL_HOST": "mail.example.org",
        "EMAIL_USE_TLS": True,
        "EMAIL_USE_SSL": False,
    }
    for name, value in {**well, **changed}.items():
        setattr(settings, name, value)
    all_checks = ("check_switches", "check_doors", "check_ways_out", "check_folders")
    return [message for name in all_checks for message in getattr(deploy_checks, name)()]


@pytest.mark.parametrize(
    ("changed", "ids"),
    [
        ({}, []),
        ({"DEMO": True}, ["E101"]),
        ({"WEBHOOK_TEST": True}, ["E102"]),
        ({"ADDRESS_HASH_KEY": "short"}, ["W101"]),
        ({"BASE_URL": "http://status.example.org"}, ["W102"]),
        ({"TRUSTED_PROXIES": 0}, ["W104"]),
        ({"ALLOWED_HOSTS": ["*"]}, ["W105"]),
        ({"REDIS_URL": "redis://:hunter2@broker.example.org/0"}, ["W103"]),
        ({"REDIS_URL": "rediss://:hunter2@broker.example.org/0"}, []),
        ({"REDIS_URL": "redis+socket:///run/broker.sock"}, []),
        ({"REDIS_URL": "redis://[::1]:6379/0"}, []),
        ({"EMAIL_USE_TLS": False}, ["W106"]),
        ({"EMAIL_USE_TLS": False, "EMAIL_USE_SSL": True}, []),
        ({"EMAIL_USE_TLS": False, "EMAIL_HOST": "localhost"}, []),
        ({"SNAPSHOT_DIR": Path("/proc/self")}, ["E103"]),
        ({"DATA_DIR": Path("/proc/self/none")}, ["E104"]),
    ],
)
def test_what_production_must_not_have_is_found(settings: Any, changed: dict[str, Any], ids: list[str]) -> None:
    found = found_in(settings, **changed)
    assert [message.id for message in found] == [f"statuspage.{one}" for one in ids]
    assert all(message.hint for message in found)
    assert not any("hunter2" in str(message) for message in found)


@pytest.mark.parametrize(("name", "value", "id"), [("SECRET_KEY", "weak", "security.W009"), ("DEBUG", True, "security.W018")])
def test_djangos_own_checks_find_a_weak_secret_and_debug(settings: Any, name: str, value: Any, id: str) -> None:
    setattr(settings, name, value)
    found = checks.run_checks(tags=[checks.Tags.security], include_deployment_checks=True)
    assert id in {message.id for message in found}


@pytest.mark.parametrize(
    ("host", "sslmode", "exposed"),
    [
        ("db.example.org", None, True),
        ("db.example.org", "prefer", True),
        ("db.example.org", "verify-full", False),
        ("127.0.0.1", None, False),
        ("/var/run/postgresql", None, False),
        ("", None, False),
    ],
)
def test_a_database_elsewhere_is_asked_with_tls(host: str, sslmode: str | None, exposed: bool) -> None:
    database = {"ENGINE": "django.db.backends.postgresql", "HOST": host, "OPTIONS": {"sslmode": sslmode} if sslmode else {}}
    assert deploy_checks.is_exposed(database) is exposed


@pytest.mark.parametrize(("seconds", "findings"), [(0.0, 0), (1.4, 0), (-0.9, 0), (1.8, 1), (-1.4, 1)])
def test_clocks_apart_are_told_beyond_what_asking_took(seconds: float, findings: int) -> None:
    asked, answered = NOON, NOON + timedelta(seconds=0.5)
    found = deploy_checks.judge_clocks(before=asked, theirs=NOON + timedelta(seconds=seconds), after=answered)
    assert [message.id for message in found] == ["statuspage.W109"] * findings


@pytest.mark.database
@pytest.mark.django_db
def test_the_databases_clock_is_asked_when_the_database_is_named() -> None:
    assert deploy_checks.check_clocks(databases=["default"]) == []
    assert deploy_checks.check_clocks(databases=None) == []


def test_every_finding_is_listed_in_the_docs() -> None:
    source = (ROOT / "statuspage" / "deploy_checks.py").read_text()
    found = {f"{'E' if kind == 'error' else 'W'}{number}" for kind, number in re.findall(r"_(error|warning)\((\d+)", source)}
    found |= {"E103", "E104"}
    listed = set(re.findall(r"`statuspage\.([EW]1\d\d)`", (ROOT / "docs" / "operations.md").read_text()))
    assert listed == found
    assert "docs/operations.md" in README
