"""A publication makes what it says at once and leaves the rest to the next second; a large archive is written in pieces."""

from __future__ import annotations

import json
import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from incidents.languages import in_all
from incidents.models import Component, Incident
from incidents.words import IncidentStatus
from statuspage import page_planned, snapshot
from statuspage.snapshot import building, choosing, swapping, trees
from tests.factories import NOON
from tests.incidents import plans
from tests.statuspage import rows

pytestmark = [pytest.mark.long, pytest.mark.django_db, pytest.mark.usefixtures("mfano_pesa")]


@pytest.fixture
def folder(tmp_path: Path, settings: Any) -> Path:
    settings.SNAPSHOT_DIR = tmp_path / "snapshot"
    return tmp_path / "snapshot"


def read(folder: Path, name: str) -> str:
    return (folder / "current" / name).read_text()


def is_there(folder: Path, incident: Incident) -> bool:
    return (folder / "ids" / incident.public_id / f"{incident.public_id}.html").exists()


def waiting() -> int:
    manifest = snapshot.current()
    assert manifest is not None
    return manifest.waiting


def refresh_until_done(seconds: int = 1) -> int:
    """How many refreshes it took."""
    count = 0
    while waiting():
        count += 1
        snapshot.refresh(now=NOON + timedelta(seconds=seconds + count))
        assert count < 100
    return count


def test_in_a_hurry_what_was_said_is_everywhere_at_once_and_history_follows_a_second_later(folder: Path) -> None:
    service, other = rows.component("send-money"), rows.component("other")
    snapshot.refresh(now=NOON)
    untouched = os.stat(folder / "current/fresh/pages/components/other/page.html").st_ino
    told = ("index.html", "pages/feed.json", "pages/components/send-money/page.html")
    stale_before = {face: read(folder, f"stale/{face}") for face in told}
    incident = rows.publish(affected={service: "major_outage"}, at=NOON + timedelta(seconds=1)).incident
    snapshot.refresh(now=NOON + timedelta(seconds=1), hurry=True)
    assert "Payments are late" in read(folder, "fresh/index.html")
    for face in ("feed.json", "updates.atom", "api/v2/incidents.json", "components/send-money/updates.rss"):
        half = "archive" if face.startswith("components") else "fresh"
        assert "Payments are late" in read(folder, f"{half}/pages/{face}"), face
    assert "major_outage" in read(folder, "fresh/api/v2/summary.json")
    assert "Not working" in read(folder, "fresh/pages/components/send-money/badge.txt")
    assert is_there(folder, incident)
    assert not [face for face in told if read(folder, f"stale/{face}") == stale_before[face]], "the other form follows at once"
    assert [path.name for path in (folder / "current/archive/pages/cap").glob("*.cap")] == [f"{incident.public_id}-1.cap"]
    assert os.stat(folder / "current/fresh/pages/components/other/page.html").st_ino == untouched
    assert "Payments are late" not in read(folder, "archive/pages/history/2026-11.html")
    assert snapshot.refresh(now=NOON + timedelta(seconds=2))
    assert "Payments are late" in read(folder, "archive/pages/history/2026-11.html")
    assert not snapshot.refresh(now=NOON + timedelta(seconds=3)), "nothing is left to do"
    assert other.code == "other"


class Killed(BaseException):
    """Stands for kill -9: nothing catches it."""


@pytest.mark.parametrize(("served", "other"), [("fresh", "stale"), ("stale", "fresh")])
def test_in_a_hurry_the_form_that_is_served_goes_first_and_a_kill_before_the_other_is_made_good(
    folder: Path, monkeypatch: pytest.MonkeyPatch, served: str, other: str
) -> None:
    service = rows.component("send-money")
    snapshot.refresh(now=NOON)
    if served == "fresh":
        snapshot.extend_freshness(now=NOON)
    rows.publish(affected={service: "major_outage"}, at=NOON + timedelta(seconds=1))
    faces = ("index.html", "pages/feed.json", "api/v2/summary.json", "pages/api/v2/incidents.json")

    def said_in(form: str) -> list[bool]:
        return ["Payments are late" in read(folder, f"{form}/{face}") for face in faces]

    def kill(*_: Any) -> None:
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(snapshot, "_write_other", kill)
        with pytest.raises(Killed):
            snapshot.refresh(now=NOON + timedelta(seconds=1), hurry=True)
    assert said_in(served) == [True] * len(faces)
    assert said_in(other) == [False] * len(faces)
    assert snapshot.refresh(now=NOON + timedelta(seconds=2))
    assert said_in(served) == said_in(other) == [True] * len(faces)


def test_a_large_archive_comes_after_the_page_about_now_the_newest_first(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choosing, "AT_ONCE", 4)
    old = [rows.publish(status=IncidentStatus.RESOLVED, at=NOON - timedelta(days=40 * place)).incident for place in range(1, 7)]
    going_on = rows.publish(affected={rows.component(): "delayed"}).incident
    snapshot.refresh(now=NOON)
    assert is_there(folder, going_on), "the page about now links to it"
    assert "Payments are late" in read(folder, "fresh/pages/feed.json")
    assert not [incident for incident in old if is_there(folder, incident)]
    snapshot.refresh(now=NOON + timedelta(seconds=1))
    assert [is_there(folder, incident) for incident in old] == [True] * 4 + [False] * 2
    refresh_until_done(seconds=2)
    assert all(is_there(folder, incident) for incident in old)
    for name in ("archive/pages/history/2026-11.html", "archive/pages/history/2026-05.html", "archive/pages/uptime.html"):
        assert "<!doctype html>" in read(folder, name)


@pytest.mark.parametrize("name", ["planned_event.py", "languages.py", "facts.py", "statuspage_v2.py", "maintenance.py"])
def test_what_files_are_made_with_is_known_by_all_that_speaks_in_them(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    before, read = building.fingerprint(), Path.read_bytes
    upgraded = settings.BASE_DIR / "incidents" / name
    monkeypatch.setattr(Path, "read_bytes", lambda path: read(path) + b"# newer" * (path == upgraded))
    assert building.fingerprint.__wrapped__() != before


def test_after_an_upgrade_old_pages_stay_until_their_turn_comes(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    incidents = [rows.publish(status=IncidentStatus.RESOLVED).incident for _ in range(6)]
    snapshot.refresh(now=NOON)
    monkeypatch.setattr(choosing, "AT_ONCE", 2)
    monkeypatch.setattr(building, "fingerprint", lambda: "another version")
    snapshot.refresh(now=NOON + timedelta(seconds=1), force=True)
    assert all(is_there(folder, incident) for incident in incidents)
    assert waiting()
    assert refresh_until_done() > 1
    [month] = (folder / "current/archive/incidents").iterdir()
    kept = swapping.read_month(folder / "current", month.name)
    assert {one.made_with for one in kept.values()} == {"another version"}


def test_a_publication_writes_as_many_files_beside_many_services_as_beside_few(folder: Path) -> None:
    written = []
    for more in (3, 20):
        for number in range(more):
            rows.component(f"service-{more}-{number}")
        service = rows.component(f"touched-{more}")
        snapshot.refresh(now=NOON + timedelta(hours=more), force=True)
        refresh_until_done(seconds=3600 * more)
        before = _files(folder)
        now = NOON + timedelta(hours=more, seconds=200)
        rows.publish(affected={service: "major_outage"}, status=IncidentStatus.INVESTIGATING, at=now)
        snapshot.refresh(now=now, hurry=True)
        written.append(len(_files(folder) - before))
    few, many = written
    assert few > 20
    assert many <= few + 20, "an incident more is open, and its page is written too"


def _files(folder: Path) -> set[int]:
    return {os.stat(Path(parent, name)).st_ino for parent, _, names in os.walk(folder) for name in names}


def test_trees_that_are_replaced_go_with_the_last_generation_that_used_them(folder: Path) -> None:
    incident = rows.publish(affected={rows.component(): "delayed"}).incident
    for second in range(25):
        rows.publish(incident=incident, at=NOON + timedelta(seconds=second))
        snapshot.refresh(now=NOON + timedelta(seconds=second), hurry=bool(second % 2))
    roots = [link for one in (folder / "generations").iterdir() for link in swapping.roots(one).values()]
    assert trees.reachable(roots, str(folder / "shards/trees")) == set(os.listdir(folder / "shards/trees"))


def test_planned_work_beyond_the_listed_keeps_its_page_and_calendar_when_all_is_made_anew(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page_planned, "LISTED", 1)
    service = rows.component("send-money")
    works = [plans.announced({service: "partial_outage"}, now=now, start=now + 1, end=now + 2) for now in (-96, -90, -84)]
    plans.tick(0)
    snapshot.rebuild_all(now=NOON)
    refresh_until_done()
    made = {name for work in works for ending in ("html", "ics") for name in [f"maintenance/{work.public_id}.{ending}"]}
    assert not {name for name in made if not (folder / "current/archive/pages" / name).exists()}


def test_planned_works_own_file_follows_its_services_and_counts_those_of_the_whole_page(folder: Path) -> None:
    first, named = rows.component("airtime", position=1), rows.component("send-money", position=2)
    work = plans.announced({named: "partial_outage"}, start=5, end=6)
    file = folder / f"current/archive/pages/maintenance/{work.public_id}.json"
    snapshot.refresh(now=NOON, force=True)
    listed = json.loads((folder / "current/fresh/api/v2/summary.json").read_bytes())["components"]
    positions = {one["id"]: one["position"] for one in listed}
    (said,) = json.loads(file.read_bytes())["components"]
    assert said["position"] == positions[named.public_id] != positions[first.public_id]
    Component.objects.filter(pk=named.pk).update(description=in_all(rows.both("To any number.")), showcase=False)
    snapshot.refresh(now=NOON + timedelta(minutes=1), force=True)
    (said,) = json.loads(file.read_bytes())["components"]
    assert (said["description"], said["showcase"]) == ("To any number.", False)
