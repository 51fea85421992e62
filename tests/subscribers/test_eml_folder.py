"""Mail as files, the demo's mail server."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from subscribers import outbox
from tests.factories import NOON
from tests.mail_server import read, text_of
from tests.subscribers.news import ask, publish, reader

pytestmark = pytest.mark.django_db
ASHA = "asha@customer.example"


@pytest.fixture
def folder(settings: Any, tmp_path: Path) -> Path:
    settings.EMAIL_BACKEND = "subscribers.transports.eml_folder.EmailBackend"
    settings.MAIL_DIR = tmp_path / "mail"
    return tmp_path / "mail"


def test_each_message_is_a_whole_file_and_names_sort_by_time(folder: Path) -> None:
    reader(ASHA, "sw")
    publish()
    outbox.fan_out(now=NOON)
    outbox.deliver_due(now=NOON, limit=10)
    ask("brian@customer.example")
    outbox.deliver_due(now=NOON, limit=10)
    assert [path.suffix for path in folder.iterdir()] == [".eml", ".eml"]
    first, second = (read(path.read_bytes()) for path in sorted(folder.iterdir()))
    assert (first["To"], second["To"]) == (ASHA, "brian@customer.example")
    assert "Malipo yanachelewa" in text_of(first)
    assert b"\r" not in next(folder.iterdir()).read_bytes()
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}


def test_a_folder_that_takes_nothing_is_one_clear_line_and_loses_nothing(folder: Path, caplog: Any) -> None:
    ask(ASHA)
    folder.write_text("a file where the folder should be")
    assert outbox.deliver_due(now=NOON, limit=10) == 0
    assert f"Mail cannot be written to {folder}" in caplog.text
    assert "make the folder writable, or set EMAIL_URL" in caplog.text
    folder.unlink()
    assert outbox.deliver_due(now=NOON + timedelta(minutes=1), limit=10) == 1
