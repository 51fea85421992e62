"""A copy that is an exercise says so in everything it shows, and reaches nobody."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core import mail

from incidents import exercise
from statuspage import pager, snapshot
from statuspage.roles import AUTHOR
from subscribers import rendering
from subscribers.items import item_of
from subscribers.posting import Poster
from subscribers.transports.base import TransportError
from tests.copies import ROOT
from tests.factories import NOON
from tests.incidents import plans
from tests.statuspage import rows
from tests.statuspage.desk import a_draft, at, sign_in, someone

SPEAKING = (".html", ".json", ".atom", ".rss", ".txt", ".svg", ".cap", ".ics", ".csv")
WORDS = [word.casefold() for word in exercise.WORDS.values()]


@pytest.fixture
def an_exercise(settings: Any, mfano_pesa: None, tmp_path: Path) -> None:
    settings.EXERCISE, settings.DATA_DIR = True, tmp_path
    settings.PROVIDER_NAME = f"{exercise.PROVIDER} Mfano Pesa"


def says_so(text: str) -> bool:
    return any(word in text.casefold() for word in WORDS)


@pytest.mark.django_db
@pytest.mark.usefixtures("an_exercise")
def test_every_public_file_and_every_mail_says_that_it_is_an_exercise(snapshot_dir: Path) -> None:
    part = rows.component()
    update = rows.publish(affected={part: "partial_outage"})
    plans.announced({part: "partial_outage"}, start=5, end=6)
    rows.rebuttal(incident=update.incident)
    snapshot.refresh(now=NOON + timedelta(minutes=2))
    walked = os.walk(snapshot_dir / "current", followlinks=True)
    files = [Path(parent, name) for parent, _, names in walked for name in names]
    read = {path.name: path.read_text() for path in files if path.suffix in SPEAKING}
    silent = {name for name, text in read.items() if not says_so(text)}
    assert len(read) > 20
    assert silent <= {"robots.txt", "kept.json", "manifest.json"}, "these show no state of anybody"
    for language in ("en", "sw"):
        made = rendering.render(item_of(update), language)
        assert says_so(made.subject)
        assert says_so(made.text)
        assert says_so(made.html)


@pytest.mark.django_db
@pytest.mark.usefixtures("an_exercise", "pages_unwritten")
def test_the_desk_of_an_exercise_says_so_on_every_page() -> None:
    """Row “Test or training”: also where words are written, without the menu that names the provider."""
    draft, client = a_draft(), sign_in(someone(AUTHOR))
    for page in ("/admin/", "/admin/incidents/incident/", at(draft)):
        assert "Exercise: nobody is contacted" in client.get(page).content.decode(), page


@pytest.mark.usefixtures("an_exercise")
def test_a_public_file_that_does_not_say_so_is_not_written() -> None:
    with pytest.raises(exercise.Unmarked, match=r"status\.json"):
        exercise.require_marked("api/v2/status.json", b'{"status": "major"}')
    exercise.require_marked("api/v2/status.json", b"Zoezi: kila kitu")


@pytest.mark.usefixtures("an_exercise")
def test_nobody_is_posted_to() -> None:
    with pytest.raises(TransportError, match="exercise"):
        Poster().post_to_provider("http://127.0.0.1:9/", b"{}", {}, read_at_most=10)
    with pytest.raises(pager.SendingFailed, match="exercise"):
        pager._post("http://127.0.0.1:9/", {})
    assert not mail.outbox


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("EMAIL_URL", "smtp://mail.example:25"),
        ("DATABASE_URL", "postgres://hali@db.example/hali"),
        ("REDIS_URL", "redis://broker.example:6379/0"),
        ("HALI_SMS_KEY", "a-key"),
    ],
)
def test_an_exercise_does_not_start_with_a_way_out(tmp_path: Path, name: str, value: str) -> None:
    (tmp_path / exercise.MARKER).touch()
    environment = {"PATH": os.environ["PATH"], "HALI_DATA_DIR": str(tmp_path), "SECRET_KEY": "of a test", name: value}
    asked = [sys.executable, "-c", "import statuspage.settings"]
    ended = subprocess.run(asked, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode != 0
    assert f"{name}: an exercise has none, and contacts nobody." in ended.stderr


def test_a_real_copy_shows_no_mark(settings: Any) -> None:
    assert not settings.EXERCISE
    assert exercise.marked({"en": "Payouts are late"}) == {"en": "Payouts are late"}
