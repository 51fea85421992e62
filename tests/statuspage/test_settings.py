"""Settings: an impossible value is one clear line that says what to change."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from probes import signed_batches
from tests.copies import ROOT


def check(folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "manage.py", "check"],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "HALI_DATA_DIR": str(folder), "SECRET_KEY": "x" * 50, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_nothing_but_the_secret_key_is_needed(tmp_path: Path) -> None:
    done = check(tmp_path)
    assert done.returncode == 0, done.stderr


def test_a_gate_that_is_switched_off_is_said_at_every_start(tmp_path: Path) -> None:
    done = check(tmp_path, HALI_GATES_OFF="signature")
    assert done.returncode == 0
    assert (
        "(statuspage.W001) HALI_GATES_OFF switches off the gate signature: one person may publish any words alone." in done.stderr
    )
    assert "HINT: Take signature out of HALI_GATES_OFF." in done.stderr


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("SECRET_KEY", "", "SECRET_KEY is not set"),
        ("HALI_PORT", "99999", "HALI_PORT='99999': give a whole number from 1 to 65535"),
        ("HALI_DEMO", "maybe", "HALI_DEMO='maybe': give true or false"),
        ("HALI_LANGUAGES", "en,xx", "HALI_LANGUAGES names 'xx'"),
        ("HALI_LANGUAGES", ",", "HALI_LANGUAGES is empty"),
        ("HALI_TIME_ZONE", "Nairobi", "HALI_TIME_ZONE='Nairobi' is not known"),
        ("HALI_BASE_URL", "status.example.org", "HALI_BASE_URL='status.example.org'"),
        ("HALI_UNATTENDED_MINUTES", "-1", "HALI_UNATTENDED_MINUTES='-1'"),
        ("HALI_GATES_OFF", "signature,luck", "HALI_GATES_OFF: there is no gate luck: give names of languages, banned_phrases"),
        ("HALI_LOG_LEVEL", "LOUD", "HALI_LOG_LEVEL='LOUD' is not known"),
        ("DATABASE_URL", "mysql://root@localhost/x", "DATABASE_URL: give postgres"),
        ("DATABASE_URL", "nonsense", "DATABASE_URL"),
        ("REDIS_URL", "amqp://localhost", "REDIS_URL: give redis"),
        ("EMAIL_URL", "pigeon://roof", "EMAIL_URL"),
        ("HALI_CALLBACK_TOKEN", "short", "HALI_CALLBACK_TOKEN: give 16 or more letters and digits"),
        ("HALI_CALLBACK_FROM", "192.0.2.0/24,nowhere", "HALI_CALLBACK_FROM: 'nowhere' does not appear to be"),
    ],
)
def test_an_impossible_value_is_one_line(tmp_path: Path, name: str, value: str, said: str) -> None:
    done = check(tmp_path, **{name: value})
    assert done.returncode == 1
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("Settings: ")
    assert said in lines[0]


def test_the_environment_wins_over_the_env_file(tmp_path: Path) -> None:
    (tmp_path / "env").write_text("HALI_TIME_ZONE=Africa/Kampala\nHALI_LOG_LEVEL=LOUD\n")
    assert "HALI_LOG_LEVEL='LOUD'" in check(tmp_path).stderr
    assert check(tmp_path, HALI_LOG_LEVEL="INFO").returncode == 0


def test_an_empty_value_is_none_and_the_next_layer_holds(tmp_path: Path) -> None:
    (tmp_path / "env").write_text("HALI_MAIL_FROM=of the file\nHALI_CONTACT=\n")
    names = set(
        re.findall(r"\b(?:HALI_[A-Z_]+|[A-Z]+_URL|ALLOWED_HOSTS|DEBUG)(?=\")", (ROOT / "statuspage" / "settings.py").read_text())
    )
    empty = dict.fromkeys(sorted(names), " ") | {"HALI_CALLBACK_TOKEN_FILE": "", "HALI_BASE_URL": ""}
    of_settings = (
        "PROVIDER_NAME MAIL_FROM CONTACT PIN_WARNING HALI_PORT ALLOWED_HOSTS CHANNELS LOG_LEVEL AUDIT_HEADS SNAPSHOT_DIR"
    )
    expression = f"{{name: getattr(settings, name) for name in {of_settings.split()!r}}}"
    with_empty, without = (say(tmp_path, expression, SECRET_KEY="x" * 50, **values) for values in (empty, {"HALI_PORT": "8000"}))
    assert with_empty == without
    assert "'PROVIDER_NAME': 'Payments', 'MAIL_FROM': 'of the file', 'CONTACT': '', 'PIN_WARNING': True" in with_empty


def say(folder: Path, expression: str, **environment: str) -> str:
    own = {"DJANGO_SETTINGS_MODULE": "statuspage.settings", "HALI_DATA_DIR": str(folder)}
    done = subprocess.run(
        [sys.executable, "-c", f"from django.conf import settings; print({expression})"],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], **own, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return done.stdout.strip()


def agent_says(folder: Path, expression: str, **environment: str) -> str:
    return say(folder, expression, HALI_AGENT="nairobi", **environment)


def test_an_agent_has_no_database_whatever_its_environment_says(tmp_path: Path) -> None:
    key, url = signed_batches.new_key(), "postgres://nobody@127.0.0.1:1/nowhere"
    engine = agent_says(tmp_path, "settings.DATABASES['default']['ENGINE']", HALI_AGENT_KEY=key, DATABASE_URL=url)
    assert engine == "django.db.backends.dummy"


@pytest.mark.parametrize("key", ["", "hunter2"])
def test_an_agent_without_a_key_does_not_start_and_says_where_to_get_one(tmp_path: Path, key: str) -> None:
    done = check(tmp_path, HALI_AGENT="nairobi", HALI_AGENT_KEY=key)
    assert done.returncode == 1
    [line] = done.stderr.strip().splitlines()
    assert "run `manage.py add_vantage nairobi` where the database is" in line
    assert "hunter2" not in line


def test_an_agent_may_have_its_key_in_a_file(tmp_path: Path) -> None:
    key = signed_batches.new_key()
    (tmp_path / "agent.key").write_text(key + "\n")
    assert agent_says(tmp_path, "settings.AGENT_KEY") == key


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("REDIS_URL", "amqp://user:hunter2@broker"),
        ("EMAIL_URL", "pigeon://user:hunter2@roof"),
        ("EMAIL_URL", "smtp://user:hunter2/x@mail:port"),
        ("DATABASE_URL", "postgres://user:hunter2/x@db:port/hali"),
        ("DATABASE_URL", "mysql://user:hunter2@db/hali"),
    ],
)
def test_no_password_stands_in_the_line(tmp_path: Path, name: str, value: str) -> None:
    done = check(tmp_path, **{name: value})
    assert done.returncode == 1
    assert name in done.stderr
    assert "hunter2" not in done.stderr
