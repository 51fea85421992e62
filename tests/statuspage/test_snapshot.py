from __future__ import annotations

import gzip
import json
import logging
import os
import random
import re
import shutil
from base64 import b64encode
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import brotli
import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from incidents.languages import in_all
from incidents.models import Component, IncidentUpdate, RecordEntry, RecordHead
from incidents.words import IncidentStatus
from statuspage import page, snapshot
from statuspage.snapshot import building, looking, swapping, trees
from statuspage.snapshot.writing import PACKED_FROM
from tests.factories import NOON, IncidentFactory
from tests.statuspage import rows

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("mfano_pesa")]

NEXT = NOON + timedelta(seconds=1)
ABOUT_NOW = {
    "index.html",
    "sw/index.html",
    "text.txt",
    "sw/text.txt",
    "poster.html",
    "sw/poster.html",
    "api/v2/summary.json",
    "api/v2/status.json",
    "api/v1/status.json",
}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, settings: Any) -> Path:
    settings.SNAPSHOT_DIR = tmp_path / "snapshot"
    return tmp_path / "snapshot"


def names_in(root: Path) -> set[str]:
    return {str(Path(parent, name).relative_to(root)) for parent, _, names in os.walk(root, followlinks=True) for name in names}


def public_files(folder: Path) -> Iterator[Path]:
    for root in (folder / "current/fresh", folder / "current/stale", folder / "current/archive", folder / "shards"):
        yield from (Path(parent, name) for parent, _, names in os.walk(root) for name in names)


def text_of(path: Path) -> str:
    content = path.read_bytes()
    if path.suffix in (".png", ".ico"):
        return content.decode("latin-1")
    if path.suffix == ".gz":
        content = gzip.decompress(content)
    elif path.suffix == ".br":
        content = brotli.decompress(content)
    return content.decode()


def sha(text: str) -> str:
    return b64encode(sha256(text.encode()).digest()).decode()


def generation(folder: Path) -> str:
    return os.readlink(folder / "current")


def assert_whole(folder: Path) -> None:
    """What a reader finds: every file of the generation that `current` names, with its twin."""
    manifest = snapshot.current()
    assert manifest is not None
    for name in manifest.files:
        plain = (folder / "current" / name).read_bytes()
        if len(plain) >= PACKED_FROM:
            assert gzip.decompress((folder / "current" / f"{name}.gz").read_bytes()) == plain
            assert brotli.decompress((folder / "current" / f"{name}.br").read_bytes()) == plain
    for month, shard in manifest.shards.items():
        incidents = swapping.read_month(folder / "current", month)
        assert len(incidents) == shard.incidents
        for public_id in incidents:
            assert (folder / "ids" / public_id / f"{public_id}.html").read_text().startswith("<!doctype html>")
    assert manifest.pages
    for entry in swapping.read_parts(folder, manifest.pages.version).values():
        for half, names in entry.files.items():
            assert all((folder / "current" / half / "pages" / name).stat().st_size for name in names)


def trees_in_use(folder: Path) -> set[str]:
    found = [swapping.roots(generation) for generation in (folder / "generations").iterdir()]
    return trees.reachable([link for roots in found for link in roots.values()], str(folder / "shards/trees"))


# --- Layout ------------------------------------------------------------------------------------


def test_the_layout_is_the_one_nginx_reads(folder: Path) -> None:
    incident = rows.publish().incident
    assert snapshot.refresh(now=NOON)
    snapshot.extend_freshness(now=NOON)
    assert generation(folder) == "generations/1"
    for form in ("fresh", "stale"):
        found = {name for name in names_in(folder / "current" / form) if not name.startswith("pages/")}
        assert {name for name in found if not name.endswith((".gz", ".br"))} == ABOUT_NOW
    archive = names_in(folder / "current/archive/pages")
    assert {"subscribe.html", "sw/subscribe.html", "404.html", "history/2026-11.html", "sw/uptime.html", "uptime.csv"} <= archive
    assert "record.jsonl" in names_in(folder / "current/archive/record")
    assert os.readlink(folder / "ids" / incident.public_id) == f"../current/archive/incidents/2026-11/{incident.public_id}"
    for name in (f"{incident.public_id}.html", f"sw/{incident.public_id}.html", f"{incident.public_id}.json"):
        assert (folder / "ids" / incident.public_id / name).is_file()
    assert os.readlink(folder / "live" / str(int(NOON.timestamp()) // 10)) == "../current/fresh"
    assert (folder / "live" / str(int(NOON.timestamp()) // 10) / "index.html").is_file()


def test_the_manifest_says_what_it_was_built_from(folder: Path) -> None:
    seq = rows.publish().record_seq
    snapshot.refresh(now=NOON)
    manifest = json.loads((folder / "current/manifest.json").read_text())
    head = RecordHead.objects.get()
    assert (manifest["built_from"], manifest["head"]) == (seq, head.hash) == (head.seq, head.hash)
    assert manifest["built_at"] == NOON.timestamp()


def test_each_twin_is_the_same_text_packed_and_has_the_same_time(folder: Path) -> None:
    rows.publish()
    snapshot.refresh(now=NOON)
    plain = [path for path in public_files(folder) if path.suffix not in (".gz", ".br") and path.parent.name != "parts"]
    text = [path for path in plain if path.suffix not in (".png", ".ico") and "record" not in str(path)]
    packed = [path for path in text if path.stat().st_size >= PACKED_FROM]
    assert packed
    for path in packed:
        for ending in (".gz", ".br"):
            twin = path.with_name(path.name + ending)
            assert text_of(twin) == path.read_bytes().decode()
            assert twin.stat().st_mtime == path.stat().st_mtime
        assert path.with_name(f"{path.name}.gz").read_bytes()[4:8] == b"\0\0\0\0", "the gzip header carries a time"
    small = [path for path in text if path.stat().st_size < PACKED_FROM]
    assert small
    small += [path for path in plain if path.suffix in (".png", ".ico")]  # packed by their own format
    assert not [path for path in small if path.with_name(f"{path.name}.gz").exists()], "one packet holds it as it is"


@pytest.mark.usefixtures("packed_as_served")
def test_home_is_small_enough_for_one_flight(folder: Path) -> None:
    for number in range(16):
        rows.component(f"part-{number}", status="delayed")
    incident = rows.publish(affected=dict.fromkeys(Component.objects.all(), "partial_outage")).incident
    for minutes in range(1, 9):
        rows.publish(incident=incident, at=NOON + timedelta(minutes=minutes))
    snapshot.refresh(now=NOON)
    for name in ("fresh/index.html.gz", "fresh/sw/index.html.gz", "stale/index.html.gz"):
        assert (folder / "current" / name).stat().st_size <= 10_000


# --- What reaches the public -------------------------------------------------------------------


def test_no_file_holds_a_word_of_a_draft_or_a_name_of_staff(folder: Path) -> None:
    part = rows.component()
    incident = rows.publish(affected={part: "delayed"}, reason=rows.SECRET).incident
    type(incident).objects.update(evidence={"said": rows.SECRET})
    rows.draft()
    rows.draft(incident=incident)
    rows.draft(incident=incident, publication="discarded")
    author = IncidentUpdate.objects.published()[0]
    author.author = author.published_by = _officer()
    author.save()
    snapshot.refresh(now=NOON)
    seen = 0
    for path in public_files(folder):
        text = text_of(path)
        assert rows.SECRET not in text, path
        assert "Njeri" not in text, path
        seen += 1
    assert seen > 40


def _officer() -> Any:
    from tests.factories import UserFactory

    return UserFactory(username="Njeri", first_name="Njeri", email="Njeri@desk.example")


def test_a_page_in_either_language_says_the_state_its_time_and_zone(folder: Path) -> None:
    part = rows.component()
    rows.publish(affected={part: "partial_outage"}, next_update_by=NOON + timedelta(minutes=30))
    snapshot.refresh(now=NOON)
    english = (folder / "current/fresh/index.html").read_text()
    kiswahili = (folder / "current/fresh/sw/index.html").read_text()
    assert '<html lang="en" data-freshness="fresh"' in english
    assert "<h1>Send money is not working for some people</h1>" in english
    assert "12:30 pm EAT" in english
    assert "12:00 pm EAT</time>" in english
    assert '<html lang="sw" data-freshness="fresh"' in kiswahili
    assert ">Huduma ya Tuma pesa haipatikani kwa baadhi ya wateja</h1>" in kiswahili
    assert "Malipo yanachelewa. Usilipe tena." in kiswahili
    assert "kufikia <time" in kiswahili
    assert "Payments are late" not in kiswahili


def test_the_stale_form_is_never_green_and_keeps_open_incidents_above(folder: Path) -> None:
    rows.component("fine")
    incident = rows.publish(affected={rows.component("broken"): "major_outage"}).incident
    snapshot.refresh(now=NOON)
    stale = (folder / "current/stale/index.html").read_text()
    assert 'data-freshness="stale"' in stale
    assert ">We can’t confirm right now</h1>" in stale
    assert stale.index(f"/incidents/{incident.public_id}") < stale.index("<h1")
    assert "12:00 pm EAT, 24 Nov 2026" in stale
    assert ">Working<" not in stale
    assert 'href="#O"' not in stale
    assert "We can’t confirm (last known: Not working)" in stale
    kiswahili = (folder / "current/stale/sw/index.html").read_text()
    assert ">Hatuwezi kuthibitisha kwa sasa</h1>" in kiswahili


def test_a_green_page_names_no_state_that_is_not_true(folder: Path) -> None:
    rows.component()
    snapshot.refresh(now=NOON)
    fresh = (folder / "current/fresh/index.html").read_text()
    assert "Everything is working" in fresh
    assert "We can’t confirm" not in fresh
    assert "Everything is working" not in (folder / "current/stale/index.html").read_text().split("It said then:")[0]


def test_every_page_carries_the_hashes_of_its_own_sheet_and_script(folder: Path) -> None:
    rows.publish()
    snapshot.refresh(now=NOON)
    from statuspage.templatetags import public

    for path in public_files(folder):
        if path.name == "frame.html":  # other sites show it: its policy stands in the header, and it has no script
            assert "<script" not in path.read_text()
        elif path.suffix == ".html":
            html = path.read_text()
            own_data = re.search(r"<script>(window\.uptimeData.*?)</script>", html, re.DOTALL)
            named = f"script-src 'sha256-{sha(own_data[1])}' " if own_data else "script-src "
            [sheet] = re.findall("<style>(.*?)</style>", html, re.DOTALL)
            policy = public.policy_text().replace("script-src ", named)
            assert policy.replace(public.hash_of(public.style_text()), f"sha256-{sha(sheet)}") in html
            assert set(sheet) <= set(public.style_text())
            # The policy stands before all that it rules; the encoding in the first 1024 bytes, where it is looked for.
            assert re.search(r'<head>\s*<meta http-equiv="Content-Security-Policy"', html), path
            assert html.index('<meta charset="utf-8">') < 1024, path
            feeds = re.findall(
                r'<link rel="alternate" type="application/(?:atom|rss|feed)\+\w+"[^>]+/((?:updates|history|feed)\.\w+)">', html
            )
            assert {"updates.atom", "updates.rss", "feed.json", "history.atom", "history.rss"} <= set(feeds), path
            assert " style=" not in html
            assert html.count("<script") - bool(own_data) <= 1


def test_links_between_languages_lead_to_the_same_page(folder: Path) -> None:
    public_id = rows.publish().incident.public_id
    snapshot.refresh(now=NOON)
    shard = folder / "ids" / public_id
    assert f'href="/sw/incidents/{public_id}" hreflang="sw"' in (shard / f"{public_id}.html").read_text()
    assert f'href="/incidents/{public_id}" hreflang="en"' in (shard / f"sw/{public_id}.html").read_text()


# --- When it is rebuilt --------------------------------------------------------------------------


def test_nothing_is_written_while_nothing_changed(folder: Path) -> None:
    rows.publish()
    assert snapshot.refresh(now=NOON)
    assert not snapshot.refresh(now=NOON + timedelta(seconds=9))
    assert generation(folder) == "generations/1"


def test_it_is_rebuilt_after_ten_seconds_on_a_new_entry_and_when_forced(folder: Path) -> None:
    rows.publish()
    snapshot.refresh(now=NOON)
    assert snapshot.refresh(now=NOON + timedelta(seconds=10))
    rows.record_entry(kind="component_status", data={})
    assert snapshot.refresh(now=NOON + timedelta(seconds=11))
    assert snapshot.refresh(now=NOON + timedelta(seconds=11), force=True)
    assert generation(folder) == "generations/4"


def test_only_the_shard_an_entry_speaks_of_is_written_again(folder: Path) -> None:
    october = rows.publish(at=datetime(2026, 10, 5, 9, tzinfo=UTC)).incident
    november = rows.publish().incident
    sister = rows.publish().incident
    snapshot.refresh(now=NOON)
    before = {name: (folder / "current/archive/incidents" / name).resolve() for name in ("2026-10", "2026-11")}
    sister_file = folder / "ids" / sister.public_id / f"{sister.public_id}.html"
    inode = sister_file.stat().st_ino
    rows.publish(incident=november, status=IncidentStatus.RESOLVED, at=NEXT)
    snapshot.refresh(now=NEXT)
    after = {name: (folder / "current/archive/incidents" / name).resolve() for name in ("2026-10", "2026-11")}
    assert after["2026-10"] == before["2026-10"]
    assert after["2026-11"] != before["2026-11"]
    assert "Fixed: Payments are late" in (folder / "ids" / november.public_id / f"{november.public_id}.html").read_text()
    assert sister_file.stat().st_ino == inode, "an untouched incident is linked, not written"
    assert (folder / "ids" / october.public_id / f"{october.public_id}.json").is_file()


def test_an_incident_stays_in_the_month_it_was_published_in(folder: Path) -> None:
    incident = rows.publish(at=datetime(2026, 10, 31, 23, 59, tzinfo=UTC)).incident
    rows.publish(incident=incident, at=NOON)
    snapshot.refresh(now=NOON)
    assert os.readlink(folder / "ids" / incident.public_id).endswith(f"/2026-10/{incident.public_id}")


def test_it_never_goes_back_to_an_earlier_state_of_the_record(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    rows.publish()
    last = rows.publish()
    snapshot.refresh(now=NOON)
    RecordEntry.objects.filter(seq=last.record_seq or 0).delete()
    RecordHead.objects.update(seq=1, hash=RecordEntry.objects.get(seq=1).hash)
    assert not snapshot.refresh(now=NOON + timedelta(seconds=60), force=True)
    assert generation(folder) == "generations/1"
    assert "restore_check" in caplog.text
    with pytest.raises(CommandError, match="restore_check"):
        call_command("write_snapshot", "--rebuild")
    assert generation(folder) == "generations/1"


def test_a_page_of_another_record_is_written_over_when_told(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    rows.publish()
    last = rows.publish()
    snapshot.refresh(now=NOON)
    RecordEntry.objects.filter(seq=last.record_seq or 0).delete()
    RecordEntry.objects.filter(seq=1).update(hash="f" * 64)
    RecordHead.objects.update(seq=1, hash="f" * 64)
    assert not snapshot.refresh(now=NOON + timedelta(seconds=60), force=True)
    assert "write_snapshot --rebuild" in caplog.text
    call_command("write_snapshot", "--rebuild")
    assert generation(folder) == "generations/2"


def test_another_record_under_the_same_number_is_built_from_anew(folder: Path) -> None:
    rows.publish()
    snapshot.refresh(now=NOON)
    RecordHead.objects.update(hash="f" * 64)
    assert snapshot.refresh(now=NEXT)
    assert "f" * 64 in (folder / "current/fresh/index.html").read_text()


def test_what_pages_are_made_with_is_noticed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows.publish()
    snapshot.refresh(now=NOON)
    shard = (folder / "current/archive/incidents/2026-11").resolve()
    monkeypatch.setattr(building, "fingerprint", lambda: "another version")
    assert snapshot.refresh(now=NEXT, force=True)
    assert (folder / "current/archive/incidents/2026-11").resolve() != shard


def test_so_many_generations_are_kept_and_only_the_shards_they_use(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(swapping, "KEPT", 4)
    incident = rows.publish().incident
    for second in range(8):
        rows.publish(incident=incident, at=NOON + timedelta(seconds=second))
        snapshot.refresh(now=NOON + timedelta(seconds=second))
    assert sorted(int(name) for name in os.listdir(folder / "generations")) == list(range(5, 9))
    assert len({link.resolve() for link in (folder / "generations").glob("*/archive/incidents/2026-11")}) == 4
    assert trees_in_use(folder) == set(os.listdir(folder / "shards/trees"))
    assert_whole(folder)


def test_after_a_redaction_nothing_older_is_kept(folder: Path) -> None:
    update = rows.publish(body=in_all({"en": "Call Achieng on extension nine.", "sw": "Mpigie Achieng."}))
    for second in range(3):
        snapshot.refresh(now=NOON + timedelta(seconds=second), force=True)
    IncidentUpdate.objects.update(body=in_all({"en": "[removed on 2026-11-24]", "sw": "[imeondolewa tarehe 2026-11-24]"}))
    rows.record_entry(kind="redaction", data={"targets": [], "incidents": [update.incident.public_id]})
    snapshot.refresh(now=NOON + timedelta(seconds=5))
    assert len(os.listdir(folder / "generations")) == 1
    assert trees_in_use(folder) == set(os.listdir(folder / "shards/trees"))
    every = [Path(parent, name) for parent, _, names in os.walk(folder) for name in names]
    assert not [path for path in every if "Achieng" in text_of(path)]
    assert "[removed on 2026-11-24]" in (folder / "current/fresh/index.html").read_text()


# --- Times are ETags ---------------------------------------------------------------------------


def test_a_change_of_the_same_size_within_the_same_second_gets_another_time(folder: Path) -> None:
    part = rows.component()
    snapshot.refresh(now=NOON)
    path = folder / "current/fresh/index.html"
    before, size = path.stat().st_mtime, path.stat().st_size
    Component.objects.filter(pk=part.pk).update(name=in_all({"en": "Sent money", "sw": "Tuma pesa"}))
    snapshot.refresh(now=NOON, force=True)
    assert path.stat().st_size == size
    assert path.stat().st_mtime == int(path.stat().st_mtime)
    assert path.stat().st_mtime > before
    snapshot.refresh(now=NOON - timedelta(hours=1), force=True)
    assert path.stat().st_mtime > before, "a clock put back must not bring an old time again"


def test_fresh_and_stale_never_share_a_time(folder: Path) -> None:
    rows.publish(affected={rows.component(): "delayed"})
    for second in range(4):
        snapshot.refresh(now=NOON + timedelta(seconds=second), force=True)
        for name in ABOUT_NOW:
            assert int((folder / "current/fresh" / name).stat().st_mtime) % 2 == 0
            assert int((folder / "current/stale" / name).stat().st_mtime) % 2 == 1


def test_unchanged_files_are_links_and_keep_their_time(folder: Path) -> None:
    rows.publish()
    snapshot.refresh(now=NOON)
    kept = folder / "current/fresh/api/v2/summary.json"
    before = kept.stat()
    snapshot.refresh(now=NOON + timedelta(seconds=10))
    assert (kept.stat().st_ino, kept.stat().st_mtime) == (before.st_ino, before.st_mtime)
    assert (folder / "current/fresh/index.html").stat().st_mtime > NOON.timestamp()


def test_times_go_on_when_everything_is_rebuilt(folder: Path) -> None:
    public_id = rows.publish().incident.public_id
    snapshot.refresh(now=NOON)
    path = folder / "ids" / public_id / f"{public_id}.html"
    before = path.stat().st_mtime
    snapshot.rebuild_all(now=NOON)
    assert path.stat().st_mtime > before


# --- Freshness ---------------------------------------------------------------------------------


def slots(folder: Path) -> list[int]:
    return sorted(int(name) for name in os.listdir(folder / "live"))


def test_links_reach_a_minute_ahead_and_older_ones_go(folder: Path) -> None:
    snapshot.refresh(now=NOON)
    assert snapshot.extend_freshness(now=NOON)
    first = int(NOON.timestamp()) // 10
    assert slots(folder) == list(range(first, first + 7))
    snapshot.refresh(now=NOON + timedelta(seconds=25))
    assert snapshot.extend_freshness(now=NOON + timedelta(seconds=25))
    assert slots(folder) == list(range(first + 2, first + 9))


@pytest.mark.parametrize(("seconds", "live"), [(0, True), (50, True), (70, False), (90, False)])
def test_freshness_runs_out_between_50_and_70_seconds_after_the_last_tick(folder: Path, seconds: int, live: bool) -> None:
    snapshot.refresh(now=NOON)
    snapshot.extend_freshness(now=NOON)
    assert swapping.is_live(folder, now=NOON.timestamp() + seconds) is live


@pytest.mark.parametrize(("silence", "ahead"), [(None, 6), (300, 6), (45, 5), (12, 2), (0, 1), (-40, 1)])
def test_nothing_is_called_fresh_past_the_next_silence_of_a_probe_but_for_one_slot(
    folder: Path, silence: int | None, ahead: int
) -> None:
    snapshot.refresh(now=NOON)
    snapshot.extend_freshness(now=NOON, silence=None if silence is None else NOON + timedelta(seconds=silence))
    first = int(NOON.timestamp()) // 10
    assert slots(folder) == list(range(first, first + ahead + 1))


def test_links_into_the_far_future_are_taken_away(folder: Path) -> None:
    snapshot.refresh(now=NOON + timedelta(days=1))
    snapshot.extend_freshness(now=NOON + timedelta(days=1))
    snapshot.refresh(now=NOON)
    snapshot.extend_freshness(now=NOON)
    assert max(slots(folder)) <= int(NOON.timestamp()) // 10 + 6


def test_a_snapshot_that_is_not_renewed_is_not_called_fresh(folder: Path) -> None:
    assert not snapshot.extend_freshness(now=NOON)
    snapshot.refresh(now=NOON)
    assert not snapshot.extend_freshness(now=NOON + timedelta(seconds=31))
    assert not swapping.is_live(folder, now=NOON.timestamp() + 31)


# --- Damage ------------------------------------------------------------------------------------


def _no_manifest(folder: Path) -> None:
    (folder / "current/manifest.json").write_text("{ not json")


def _half_a_manifest(folder: Path) -> None:
    (folder / "current/manifest.json").write_text('{"built_from": "many", "shards": {}}')


def _no_shard(folder: Path) -> None:
    shutil.rmtree(folder / "shards")


def _one_file_of_a_shard_less(folder: Path) -> None:
    next((folder / "current/archive/incidents/2026-10").glob("*/*.html")).unlink()


def _half_a_file(folder: Path) -> None:
    path = folder / "current/fresh/index.html"
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


def _no_form(folder: Path) -> None:
    shutil.rmtree((folder / "current").resolve() / "stale")


def _dangling_current(folder: Path) -> None:
    shutil.rmtree((folder / "current").resolve())


def _no_current(folder: Path) -> None:
    (folder / "current").unlink()


def _folder_instead_of_current(folder: Path) -> None:
    (folder / "current").unlink()
    (folder / "current").mkdir()
    (folder / "current/x").write_text("x")


def _no_ids(folder: Path) -> None:
    shutil.rmtree(folder / "ids")


def _files_instead_of_folders(folder: Path) -> None:
    for name in ("ids", "shards", "live"):
        shutil.rmtree(folder / name, ignore_errors=True)
        (folder / name).write_text("x")


@pytest.mark.parametrize(
    "damage",
    [
        _no_manifest,
        _half_a_manifest,
        _no_shard,
        _one_file_of_a_shard_less,
        _half_a_file,
        _no_form,
        _dangling_current,
        _no_current,
        _folder_instead_of_current,
        _no_ids,
        _files_instead_of_folders,
    ],
)
def test_damage_is_rebuilt_from_the_database_with_one_line_in_the_log(
    folder: Path, damage: Callable[[Path], None], caplog: pytest.LogCaptureFixture
) -> None:
    rows.publish(at=datetime(2026, 10, 5, 9, tzinfo=UTC))
    rows.publish()
    snapshot.refresh(now=NOON)
    snapshot.extend_freshness(now=NOON)
    damage(folder)
    with caplog.at_level(logging.WARNING):
        assert snapshot.refresh(now=NOON + timedelta(seconds=10))
    [warning] = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert "is not whole" in warning.getMessage()
    assert snapshot.extend_freshness(now=NOON + timedelta(seconds=10))
    assert_whole(folder)
    assert not snapshot.refresh(now=NOON + timedelta(seconds=11))


class Killed(BaseException):
    """Stands for kill -9: nothing catches it."""


@pytest.mark.faults
@pytest.mark.parametrize(
    ("acts", "stride", "steps"),
    [(("symlink", "rename", "replace", "unlink"), 3, 12), (("mkdir", "link", "utime", "rmdir"), 37, 100)],
)
def test_killed_at_any_step_the_snapshot_is_the_old_one_or_the_new_one_whole(
    folder: Path, monkeypatch: pytest.MonkeyPatch, acts: tuple[str, ...], stride: int, steps: int
) -> None:
    incident = rows.publish(at=datetime(2026, 10, 5, 9, tzinfo=UTC)).incident
    rows.publish()
    snapshot.refresh(now=NOON)
    rows.publish(incident=incident, status=IncidentStatus.RESOLVED, at=NEXT)
    step = random.randint(1, stride) - stride  # each run looks at other steps; its seed is printed
    while True:
        step += stride
        with monkeypatch.context() as patched:
            _die_at(step, acts, patched)
            try:
                snapshot.refresh(now=NEXT)
                break
            except Killed:
                assert_whole(folder)
    assert step > steps
    assert_whole(folder)
    assert "Fixed" in (folder / "ids" / incident.public_id / f"{incident.public_id}.html").read_text()
    assert not [name for name in os.listdir(folder / "generations") if name.startswith(".")]


def _die_at(step: int, acts: tuple[str, ...], patched: pytest.MonkeyPatch) -> None:
    """Each of these changes of the disk counts as a step; the process ends before the given one."""
    left = step

    def counted(act: Callable[..., Any]) -> Callable[..., Any]:
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            nonlocal left
            left -= 1
            if not left:
                raise Killed
            return act(*args, **kwargs)

        return wrapper

    for name in acts:
        patched.setattr(os, name, counted(getattr(os, name)))


def test_a_folder_that_cannot_be_written_is_one_line_that_says_what_to_change(tmp_path: Path, settings: Any) -> None:
    (tmp_path / "file").write_text("x")
    settings.SNAPSHOT_DIR = tmp_path / "file" / "snapshot"
    with pytest.raises(OSError, match=r"The snapshot folder .* cannot be written .* HALI_SNAPSHOT_DIR"):
        snapshot.refresh(now=NOON)
    with pytest.raises(CommandError, match="HALI_SNAPSHOT_DIR"):
        call_command("write_snapshot")


def test_the_command_says_where_it_wrote(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows.publish()
    call_command("write_snapshot", "--fresh")
    assert f"{folder}: the record up to entry 1." in capsys.readouterr().out
    assert slots(folder)


@pytest.mark.database
@pytest.mark.django_db(transaction=True)
def test_rows_and_record_are_read_at_one_moment_and_the_connection_is_left_as_it_was(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows.publish()
    seen = []
    build_now = page.build_now

    def watched(now: datetime, *, head: RecordHead) -> page.NowPage:
        seen.append(connection.vendor == "sqlite" or connection.in_atomic_block)
        return build_now(now, head=head)

    monkeypatch.setattr(page, "build_now", watched)
    assert snapshot.refresh(now=NOON)
    assert snapshot.refresh(now=NOON, force=True)
    assert seen == [True, True]
    assert not connection.in_atomic_block
    IncidentFactory()  # writing goes on as before
    assert_whole(folder)


def test_each_look_weighs_the_newest_month_and_in_turn_every_other() -> None:
    months = [f"2026-{number:02}" for number in range(1, 13)]
    assert looking.months_to_weigh(months, 0) == months
    looks = [looking.months_to_weigh(months, turn) for turn in range(1, 12)]
    assert all(len(look) == 2 and look[0] == "2026-12" for look in looks)
    assert {month for look in looks for month in look} == set(months)
