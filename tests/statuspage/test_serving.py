from __future__ import annotations

import gzip
import json
import os
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine

from incidents.languages import in_all
from incidents.models import Component
from incidents.statuspage_v2 import CANNOT_CONFIRM
from statuspage import snapshot
from statuspage.snapshot import headers
from statuspage.snapshot.serving import SnapshotFirst
from tests.factories import NOON, IncidentFactory
from tests.statuspage import rows

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("mfano_pesa")]

NOT_OURS = b"from Django"


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()


class Reader:
    """A browser on the WSGI interface. What is handed on to Django is answered with NOT_OURS."""

    def __init__(self) -> None:
        self.app = SnapshotFirst(self._django)

    @staticmethod
    def _django(environ: Any, start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", [])
        return [NOT_OURS]

    def get(self, path: str, method: str = "GET", **sent: str) -> Answer:
        environ = {"REQUEST_METHOD": method, "PATH_INFO": path, **{f"HTTP_{name.upper()}": value for name, value in sent.items()}}
        caught: list[Any] = []

        def start_response(status: str, listed: list[tuple[str, str]], error: Any = None, /) -> Callable[[bytes], object]:
            caught.extend((status, listed))
            return bytes

        body = b"".join(self.app(environ, start_response))
        status, listed = caught
        assert len({name for name, _ in listed}) == len(listed), "a header is sent twice"
        return Answer(int(status[:3]), dict(listed), body)


@pytest.fixture
def folder(tmp_path: Path, settings: Any) -> Path:
    settings.SNAPSHOT_DIR = tmp_path / "snapshot"
    return tmp_path / "snapshot"


@pytest.fixture
def reader(folder: Path) -> Reader:
    return Reader()


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the first test that needs the snapshot leaves a copy of it for the others."""
    return tmp_path_factory.mktemp("written") / "snapshot"


@pytest.fixture
def public_id(folder: Path, written: Path) -> str:
    """A live snapshot at NOON with one open incident; its id."""
    incident = IncidentFactory(public_id="bcdfghjkmnpq", started_at=NOON - timedelta(minutes=4))
    rows.publish(incident=incident, affected={rows.component(): "partial_outage"})
    if not written.exists():
        snapshot.refresh(now=NOON)
        snapshot.extend_freshness(now=NOON)
        shutil.copytree(folder, written, symlinks=True)
    elif not folder.exists():
        shutil.copytree(written, folder, symlinks=True)
    return str(incident.public_id)


# --- Addresses ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "kind", "says"),
    [
        ("/", "text/html", "not working for some people"),
        ("/sw/", "text/html", "haipatikani kwa baadhi ya wateja"),
        ("/history.atom", "application/atom+xml", "Payments are late"),
        ("/updates.atom", "application/atom+xml", "Looking into it"),
        ("/sw/history.atom", "application/atom+xml", "Malipo yanachelewa"),
        ("/sw/updates.atom", "application/atom+xml", "Tunachunguza"),
        ("/api/v2/summary.json", "application/json", "partial_outage"),
        ("/api/v2/status.json", "application/json", "indicator"),
        ("/API/v2/Summary.json", "application/json", "partial_outage"),
        ("/subscribe", "text/html", "Get updates by email"),
        ("/sw/subscribe", "text/html", "Pata taarifa kwa barua pepe"),
    ],
)
@time_machine.travel(NOON)
def test_each_address_leads_to_its_file(reader: Reader, public_id: str, path: str, kind: str, says: str) -> None:
    answer = reader.get(path)
    assert answer.status == 200
    assert answer.headers["Content-Type"] == f"{kind}; charset=utf-8"
    assert says in answer.text
    assert int(answer.headers["Content-Length"]) == len(answer.body)


@time_machine.travel(NOON)
def test_an_incident_has_a_page_in_each_language_and_a_file_for_programs(reader: Reader, public_id: str) -> None:
    assert "Payments are late" in reader.get(f"/incidents/{public_id}").text
    assert "Malipo yanachelewa" in reader.get(f"/sw/incidents/{public_id}").text
    assert json.loads(reader.get(f"/incidents/{public_id}.json").body)["id"] == public_id


@pytest.mark.parametrize(
    "path", ["/incidents/zzzzzzzzzzzz", "/incidents/..%2f", "/incidents/../../etc/passwd", "/incidents/", "/sw/incidents/x"]
)
def test_an_unknown_incident_is_a_page_that_says_so_in_both_languages(reader: Reader, public_id: str, path: str) -> None:
    answer = reader.get(path)
    assert answer.status == 404
    assert "Page not found" in answer.text
    assert "Ukurasa haujapatikana" in answer.text


@pytest.mark.parametrize("path", ["/api/v2/nothing.json", "/api/", "/API/V2/x", "/incidents/zzzzzzzzzzzz.json"])
def test_an_unknown_address_of_the_api_is_json(reader: Reader, public_id: str, path: str) -> None:
    answer = reader.get(path)
    assert answer.status == 404
    assert json.loads(answer.body) == {"error": "not found"}
    assert answer.headers["Content-Type"] == "application/json; charset=utf-8"
    assert answer.headers["Access-Control-Allow-Origin"] == "*"


@pytest.mark.parametrize("path", ["/healthz", "/admin/", "/static/x.css", "/subscribe/", "/confirm/x", "/index.html", "/current"])
def test_everything_else_is_django_s(reader: Reader, public_id: str, path: str) -> None:
    assert reader.get(path).body == NOT_OURS


def test_what_is_not_a_reading_goes_to_django(reader: Reader, public_id: str) -> None:
    assert reader.get("/subscribe", method="POST").body == NOT_OURS


def test_a_language_without_its_slash_is_led_on(reader: Reader, public_id: str) -> None:
    answer = reader.get("/sw")
    assert (answer.status, answer.headers["Location"]) == (301, "/sw/")


def test_readers_never_reach_the_database(reader: Reader, public_id: str, django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(0):
        for path in ("/", "/sw/", "/api/v2/summary.json", f"/incidents/{public_id}", "/history.atom", "/incidents/zzzzzzzzzzzz"):
            reader.get(path)


# --- Fresh and stale ---------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/", "/sw/"])
def test_the_page_turns_stale_when_the_links_run_out(reader: Reader, public_id: str, path: str) -> None:
    with time_machine.travel(NOON + timedelta(seconds=49)):
        assert 'data-freshness="fresh"' in reader.get(path).text
    with time_machine.travel(NOON + timedelta(seconds=71)):
        assert 'data-freshness="stale"' in reader.get(path).text


def test_the_json_and_the_feeds_turn_stale_too(reader: Reader, public_id: str) -> None:
    with time_machine.travel(NOON + timedelta(seconds=71)):
        assert json.loads(reader.get("/api/v2/status.json").body)["status"]["description"] == CANNOT_CONFIRM
        assert "We can’t confirm right now" in reader.get("/updates.atom").text
        assert "Payments are late" in reader.get(f"/incidents/{public_id}").text


def test_it_turns_back_when_the_publisher_is_back(reader: Reader, public_id: str) -> None:
    back = NOON + timedelta(minutes=5)
    with time_machine.travel(back):
        assert 'data-freshness="stale"' in reader.get("/").text
        snapshot.refresh(now=back)
        snapshot.extend_freshness(now=back)
        assert 'data-freshness="fresh"' in reader.get("/").text


def test_a_new_generation_is_served_at_once(reader: Reader, public_id: str) -> None:
    with time_machine.travel(NOON):
        before = reader.get("/api/v2/summary.json").body
        Component.objects.update(status="major_outage")
        snapshot.refresh(now=NOON, force=True)
        assert reader.get("/api/v2/summary.json").body != before


# --- Conditional requests ------------------------------------------------------------------------


def file_of(folder: Path, name: str) -> tuple[str, Path]:
    path = folder / "current" / name
    found = path.stat()
    return f'"{int(found.st_mtime):x}-{found.st_size:x}"', path


@time_machine.travel(NOON)
def test_the_etag_is_nginx_s_of_the_file_that_is_sent(reader: Reader, folder: Path, public_id: str) -> None:
    plain, path = file_of(folder, "fresh/index.html")
    packed, twin = file_of(folder, "fresh/index.html.gz")
    answer = reader.get("/")
    assert (answer.headers["ETag"], answer.body) == (plain, path.read_bytes())
    assert "Content-Encoding" not in answer.headers
    answer = reader.get("/", accept_encoding="deflate, gzip;q=0.8")
    assert (answer.headers["ETag"], answer.body) == (packed, twin.read_bytes())
    assert answer.headers["Content-Encoding"] == "gzip"
    assert answer.headers["Vary"] == "Accept-Encoding"
    assert gzip.decompress(answer.body) == path.read_bytes()


@time_machine.travel(NOON)
def test_brotli_is_sent_to_who_takes_it(reader: Reader, folder: Path, public_id: str) -> None:
    packed, twin = file_of(folder, "fresh/index.html.br")
    answer = reader.get("/", accept_encoding="gzip, deflate, br, zstd")
    assert (answer.headers["ETag"], answer.body) == (packed, twin.read_bytes())
    assert answer.headers["Content-Encoding"] == "br"


@time_machine.travel(NOON)
def test_what_fits_into_one_packet_is_sent_as_it_is(reader: Reader, public_id: str) -> None:
    answer = reader.get("/badge.json", accept_encoding="gzip, br")
    assert "Content-Encoding" not in answer.headers
    assert "Vary" not in answer.headers


@pytest.mark.parametrize("accepted", ["", "identity", "gzip;q=0", "gzip; q=0.00, br;q=0", "zstd"])
@time_machine.travel(NOON)
def test_a_twin_is_sent_only_to_those_who_take_it(reader: Reader, public_id: str, accepted: str) -> None:
    assert "Content-Encoding" not in reader.get("/", accept_encoding=accepted).headers


@time_machine.travel(NOON)
def test_who_has_it_already_gets_304_with_the_same_headers(reader: Reader, public_id: str) -> None:
    full = reader.get("/", accept_encoding="gzip")
    for sent in (
        {"if_none_match": full.headers["ETag"]},
        {"if_none_match": f'"x", W/{full.headers["ETag"]}'},
        {"if_none_match": "*"},
        {"if_modified_since": full.headers["Last-Modified"]},
    ):
        answer = reader.get("/", accept_encoding="gzip", **sent)
        assert (answer.status, answer.body) == (304, b"")
        for name in ("ETag", "Last-Modified", "Cache-Control", "Vary", "Content-Security-Policy"):
            assert answer.headers[name] == full.headers[name]


@time_machine.travel(NOON)
def test_who_has_another_version_gets_the_whole_file(reader: Reader, public_id: str) -> None:
    full = reader.get("/")
    packed = reader.get("/", accept_encoding="gzip")
    assert reader.get("/", if_none_match=packed.headers["ETag"]).status == 200
    assert reader.get("/", if_none_match='"x"', if_modified_since=full.headers["Last-Modified"]).status == 200
    assert reader.get("/", if_modified_since="Tue, 24 Nov 2099 09:00:00 GMT").status == 200


@time_machine.travel(NOON)
def test_a_change_of_the_same_size_in_the_same_second_is_not_304(reader: Reader, public_id: str) -> None:
    before = reader.get("/")
    Component.objects.update(name=in_all({"en": "Sent money", "sw": "Tuma pesa"}))
    snapshot.refresh(now=NOON, force=True)
    after = reader.get("/", if_none_match=before.headers["ETag"])
    assert after.status == 200
    assert len(after.body) == len(before.body)


def test_the_stale_form_is_never_304_for_who_has_the_fresh_one(reader: Reader, public_id: str) -> None:
    for path in ("/", "/history.atom", "/api/v2/status.json"):
        with time_machine.travel(NOON):
            fresh = reader.get(path)
        with time_machine.travel(NOON + timedelta(seconds=90)):
            sent = {"if_none_match": fresh.headers["ETag"]}
            assert reader.get(path, **sent).status == 200
            assert reader.get(path, if_modified_since=fresh.headers["Last-Modified"]).status == 200


@time_machine.travel(NOON)
def test_head_is_get_without_its_body(reader: Reader, public_id: str) -> None:
    full, head = reader.get("/"), reader.get("/", method="HEAD")
    assert (head.status, head.body, head.headers) == (full.status, b"", full.headers)


# --- Headers -----------------------------------------------------------------------------------


@time_machine.travel(NOON)
def test_headers_follow_what_the_file_speaks_of(reader: Reader, public_id: str) -> None:
    now, archive, api = reader.get("/"), reader.get(f"/incidents/{public_id}"), reader.get("/api/v2/status.json")
    assert now.headers["Cache-Control"] == "public, max-age=10, s-maxage=10, stale-while-revalidate=20, stale-if-error=60"
    assert archive.headers["Cache-Control"].endswith("stale-if-error=86400")
    assert api.headers["Cache-Control"] == now.headers["Cache-Control"]
    assert "Access-Control-Allow-Origin" not in now.headers
    assert api.headers["Access-Control-Allow-Origin"] == "*"
    assert reader.get("/history.atom").headers["Access-Control-Allow-Origin"] == "*"
    for answer in (now, archive, api):
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Referrer-Policy"] == "strict-origin-when-cross-origin"
        assert "Set-Cookie" not in answer.headers
    assert now.headers["Content-Security-Policy"] == headers.POLICY


# --- Trouble -----------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/", "/sw/", "/history.atom", "/api/v2/summary.json"])
def test_without_a_snapshot_it_says_so_in_both_languages(reader: Reader, path: str) -> None:
    answer = reader.get(path)
    assert answer.status == 503
    assert "We cannot show the status right now" in answer.text
    assert "Hatuwezi kuonyesha hali ya huduma" in answer.text
    assert answer.headers["Cache-Control"] == "no-store"


def _no_fresh_form(folder: Path) -> None:
    shutil.rmtree((folder / "current").resolve() / "fresh")


@time_machine.travel(NOON)
def test_when_the_fresh_form_is_lost_the_stale_one_is_served(reader: Reader, folder: Path, public_id: str) -> None:
    _no_fresh_form(folder)
    assert 'data-freshness="stale"' in reader.get("/").text


@pytest.mark.parametrize(
    "damage",
    [
        lambda folder: shutil.rmtree(folder / "generations"),
        lambda folder: os.unlink(folder / "current"),
        lambda folder: shutil.rmtree(folder),
    ],
)
@time_machine.travel(NOON)
def test_a_lost_snapshot_is_503_not_an_error(
    reader: Reader, folder: Path, public_id: str, damage: Callable[[Path], None]
) -> None:
    damage(folder)
    assert reader.get("/").status == 503


@time_machine.travel(NOON)
def test_a_page_in_memory_outlives_the_disk_it_came_from(reader: Reader, folder: Path, public_id: str) -> None:
    before = reader.get("/").body
    shutil.rmtree((folder / "current").resolve())
    assert reader.get("/").body == before
