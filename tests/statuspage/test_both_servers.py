"""One suite against both servers of the snapshot: the app's own, behind granian, and nginx with deploy/nginx.conf."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import timedelta
from itertools import product
from pathlib import Path

import pytest
import requests
from django.conf import settings
from django.utils import timezone

from incidents.models import Component, Incident, IncidentUpdate, ScheduledMaintenance
from statuspage import api_v2, feeds, publishing, snapshot
from statuspage.snapshot import headers
from statuspage.snapshot.writing import PACKED_FROM
from tests import servers
from tests.copies import free_port
from tests.factories import UserFactory
from tests.incidents import plans
from tests.incidents.helpers import signed_notice
from tests.statuspage import rows

pytestmark = pytest.mark.django_db
FACES = ["history.atom", "history.rss", "updates.atom", "updates.rss", "feed.json", "cap.atom"]
FACES += [
    "badge.svg",
    "badge.json",
    "badge.txt",
    "components/stk-push/badge.svg",
    "components/stk-push/badge.json",
    "embed/frame",
    "picture.png",
]
ABOUT_NOW = ["/", "/sw/", *(f"{prefix}/{face}" for face in FACES for prefix in ("", "/sw"))]
ABOUT_NOW += ["/favicon.ico", "/text/", "/sw/text/", "/poster", "/sw/poster", "/components/stk-push", "/sw/components/stk-push"]
STANDING = ["/definitions", "/sw/definitions", "/accessibility", "/sw/privacy", "/record", "/history", "/sw/history", "/uptime"]
STANDING += ["/answers", "/sw/answers", "/sw/uptime", "/uptime.csv", "/record.jsonl", "/maintenance.ics", "/sw/maintenance.ics"]
STANDING += ["/sitemap.xml", "/robots.txt", "/embed/script.js", "/history.json"]
STANDING += ["/pictures/delayed.png", "/sw/pictures/over.png"]
STANDING += [f"/history.json?{query}" for query in ("page=1", "page=0", "page=2x", "x=1&page=3", "page=9999", "page=12345")]
STANDING += [f"/components/stk-push/{name}" for name in feeds.FEEDS]
API = [f"/api/v2/{name}" for name in api_v2.ADDRESSES] + ["/API/v2/Summary.json", "/api/v2/Incidents.json", "/api/v1/status.json"]
COMPARED = (
    "Content-Type",
    "Content-Encoding",
    "Content-Length",
    "Cache-Control",
    "ETag",
    "Last-Modified",
    "Vary",
    "X-Content-Type-Options",
    "Referrer-Policy",
    "Content-Security-Policy",
    "Permissions-Policy",
    "Cross-Origin-Opener-Policy",
    "Strict-Transport-Security",
    "Access-Control-Allow-Origin",
)


@pytest.fixture
def app(app_url: str) -> str:
    return app_url


@pytest.fixture
def incident(public_incident: str) -> str:
    """With an answer to a claim, a review, and planned work beside it."""
    now = timezone.now()
    row = Incident.objects.get(public_id=public_incident)
    rows.rebuttal(incident=row, at=now)
    rows.review(row, at=now)
    plans.announced({Component.objects.get(): "under_maintenance"})
    snapshot.refresh(now=now, force=True)
    snapshot.extend_freshness(now=now)
    return public_incident


@pytest.fixture
def nginx(app: str, snapshot_dir: Path, nginx_for: Callable[[Path, int], str]) -> str:
    return nginx_for(snapshot_dir, int(app.rpartition(":")[2]))


ASKING = requests.Session()
ASKING.trust_env = False


def ask(url: str, *, method: str = "GET", **headers: str) -> requests.Response:
    return ASKING.request(method, url, headers={"Accept-Encoding": "identity", **headers}, timeout=30, allow_redirects=False)


def seen(answer: requests.Response) -> dict[str, str]:
    return {name: answer.headers[name] for name in COMPARED if name in answer.headers}


def paths(incident: str) -> list[str]:
    return [
        *ABOUT_NOW,
        *API,
        *STANDING,
        f"/pictures/{incident}.png",
        f"/sw/pictures/{incident}.png",
        f"/history/{timezone.localtime():%Y-%m}",
        f"/sw/history/{timezone.localtime():%Y-%m}",
        "/subscribe",
        "/sw/subscribe",
        f"/incidents/{incident}",
        f"/sw/incidents/{incident}",
        f"/incidents/{incident}.json",
        f"/incidents/{incident}/review",
        f"/sw/incidents/{incident}/review",
        "/answers/a-technical-fault-delays-payments",
        "/sw/answers/a-technical-fault-delays-payments",
        f"/cap/{incident}-1.cap",
        *(path for work in ScheduledMaintenance.objects.all() for path in planned_paths(work.public_id)),
    ]


def planned_paths(public_id: str) -> list[str]:
    """Programs written for Statuspage look for planned work among the incidents."""
    return [
        f"/maintenance/{public_id}",
        *(f"{prefix}/incidents/{public_id}{end}" for prefix, end in (("", ""), ("/sw", ""), ("", ".json"))),
    ]


def test_every_link_of_the_api_leads_to_a_page(app: str, nginx: str, incident: str) -> None:
    said = [json.loads(ask(f"{nginx}/api/v2/{name}").content) for name in api_v2.ADDRESSES]
    things = [one for file in said for key in ("incidents", "scheduled_maintenances") for one in file.get(key, ())]
    links = {one["shortlink"].removeprefix(settings.BASE_URL) for one in things}
    assert len(links) == 2
    for origin, link in product((app, nginx), links):
        assert ask(f"{origin}{link}").status_code == 200, link
    for one in things:
        own = json.loads(ask(f"{app}/incidents/{one['id']}.json").content)
        assert (own["id"], own["name"], own["status"]) == (one["id"], one["name"], one["status"])


@pytest.mark.parametrize("encoding", ["identity", "gzip", "br"])
def test_both_answer_with_the_same_bytes_and_headers(app: str, nginx: str, incident: str, encoding: str) -> None:
    if encoding == "br" and not servers.nginx_knows_brotli():
        pytest.skip("libnginx-mod-http-brotli-static is not installed: `.ci/run` installs it")
    for path in paths(incident):
        ours, theirs = (ask(origin + path, **{"Accept-Encoding": encoding}) for origin in (app, nginx))
        assert (ours.status_code, theirs.status_code) == (200, 200), path
        assert ours.content == theirs.content, path
        assert seen(ours) == seen(theirs), path
        packed = encoding != "identity" and len(ours.content) >= PACKED_FROM and not path.endswith((".png", ".ico"))
        if path != "/record.jsonl":  # it grows by additions, which gzip alone can take
            assert ours.headers.get("Content-Encoding") == (encoding if packed else None), path
        assert "Set-Cookie" not in ours.headers


def test_both_answer_304_to_who_has_it_already(app: str, nginx: str, incident: str) -> None:
    for path in paths(incident):
        for origin in (app, nginx):
            first = ask(origin + path)
            again = ask(origin + path, **{"If-None-Match": first.headers["ETag"]})
            assert (again.status_code, again.content) == (304, b""), (origin, path)
            assert again.headers["Cache-Control"] == first.headers["Cache-Control"], (origin, path)
            since = ask(origin + path, **{"If-Modified-Since": first.headers["Last-Modified"]})
            assert since.status_code == 304, (origin, path)
            other = ask(origin + path, **{"If-None-Match": '"another"'})
            assert other.status_code == 200, (origin, path)


def test_head_is_a_get_without_its_body(app: str, nginx: str) -> None:
    for origin in (app, nginx):
        whole, head = ask(f"{origin}/"), ask(f"{origin}/", method="HEAD")
        assert head.content == b""
        assert seen(head) == seen(whole)


NOT_THERE = [
    ("/api/v2/nothing.json", 404, rb'^\{"error":"not found"\}$'),
    ("/incidents/0123456789bc.json", 404, rb'^\{"error":"not found"\}$'),
    ("/incidents/abc.json", 404, rb'^\{"error":"not found"\}$'),
    ("/sw/incidents/0123456789bc.json", 404, rb'^\{"error":"not found"\}$'),
    ("/incidents/0123456789bc", 404, rb"Page not found"),
    ("/components/nothing", 404, rb"Page not found"),
    ("/sw/components/nothing", 404, rb"Ukurasa haujapatikana"),
    ("/components/", 404, rb"Page not found"),
    ("/history/1999-01", 404, rb"Page not found"),
    ("/history/soon", 404, rb"Page not found"),
    ("/nothing/here", 404, rb"Page not found"),
    ("/components/nothing/feed.json", 404, rb"Page not found"),
    ("/cap/0123456789bc-1.cap", 404, rb"Page not found"),
    ("/maintenance/0123456789bc.ics", 404, rb"Page not found"),
    ("/xx/", 404, rb"Page not found"),
    ("/sw", 301, rb"/sw/"),
    ("/text", 301, rb"/text/"),
    ("/sw/text", 301, rb"/sw/text/"),
]


def test_both_say_alike_that_there_is_nothing(app: str, nginx: str) -> None:
    for path, status, body in NOT_THERE:
        for origin in (app, nginx):
            answer = ask(origin + path)
            assert answer.status_code == status, (origin, path)
            told = answer.headers["Location"].encode() if status == 301 else answer.content
            assert re.search(body, told), (origin, path, told[:200])
        assert ask(nginx + path).headers.get("Location") == ask(app + path).headers.get("Location"), path


def test_both_turn_stale_when_the_links_run_out(app: str, nginx: str, snapshot_dir: Path) -> None:
    told = ["/api/v2/summary.json", "/api/v2/status.json", "/API/v2/Summary.json", "/api/v1/status.json"]
    fresh = {path: ask(nginx + path) for path in [*ABOUT_NOW, *told]}
    for link in (snapshot_dir / "live").iterdir():
        link.unlink()
    for path, before in fresh.items():
        ours, theirs = ask(app + path), ask(nginx + path)
        assert ours.content == theirs.content != before.content, path
        assert ours.headers["ETag"] == theirs.headers["ETag"] != before.headers["ETag"], path
    assert b'data-freshness="stale"' in ask(f"{nginx}/").content


def test_nginx_serves_all_of_it_when_the_app_is_gone(
    incident: str, snapshot_dir: Path, nginx_for: Callable[[Path, int], str]
) -> None:
    origin = nginx_for(snapshot_dir, free_port())
    for path in paths(incident):
        assert ask(origin + path).status_code == 200, path


def test_a_change_is_seen_through_both_at_once(app: str, nginx: str, incident: str) -> None:
    before = {origin: ask(f"{origin}/incidents/{incident}").headers["ETag"] for origin in (app, nginx)}
    now = timezone.now() + timedelta(seconds=1)
    signed_notice("no-change", phase="", component_status="", opens_for=[])
    update = IncidentUpdate.objects.get()
    component = update.affected.get().component
    notice = type(update.notice).objects.get(code="no-change") if update.notice else None
    assert notice is not None
    publishing.publish_notice(component=component, notice=notice, actor=None, now=now)
    for origin in (app, nginx):
        answer = ask(f"{origin}/incidents/{incident}")
        assert b"no-change" in answer.content
        assert answer.headers["ETag"] != before[origin]


def test_the_link_of_a_merged_problem_leads_on_through_both_and_says_what_happened(app: str, nginx: str, incident: str) -> None:
    now, into = timezone.now() + timedelta(seconds=1), Incident.objects.get(public_id=incident)
    named = IncidentUpdate.objects.get().affected.get().component
    double = rows.publish(at=now, affected={named: "partial_outage"}).incident
    publishing.merge_incidents(incident=double, into=into, actor=UserFactory(), now=now)
    for origin, prefix in product((app, nginx), ("", "/sw")):
        tombstone = ask(f"{origin}{prefix}/incidents/{double.public_id}").text
        found = re.search(r'<meta http-equiv="refresh" content="0; url=([^"#]+)#([^"]+)">', tombstone)
        assert found, (origin, prefix)
        assert found[1] == f"{prefix}/incidents/{incident}"
        assert f'<a href="{found[1]}">' in tombstone  # for who is not led on by itself
        assert f'id="{found[2]}"' in ask(f"{origin}{found[1]}").text


def test_forms_reach_the_app_through_nginx(app: str, nginx: str) -> None:
    ours = {"Origin": nginx}
    answer = requests.post(f"{nginx}/subscribe", data={"email": "not an address", "language": "en"}, headers=ours, timeout=10)
    assert answer.status_code == 400
    assert "not an address" in answer.text
    answer = requests.post(f"{nginx}/subscribe", data={"email": "asha@example.org", "language": "en"}, timeout=10)
    assert answer.status_code == 403, "a form that does not say it is ours"
    assert "We did not take this form" in answer.text
    answer = requests.post(f"{nginx}/subscribe", data={"email": "asha@example.org", "language": "en"}, headers=ours, timeout=10)
    assert answer.status_code == 503, "this app has no tables"
    assert "Please try again in a few minutes" in answer.text
    assert requests.get(f"{nginx}/healthz", timeout=10).status_code == 503


def test_with_the_app_dead_people_get_a_page_of_ours_in_every_language(
    incident: str, snapshot_dir: Path, nginx_for: Callable[[Path, int], str]
) -> None:
    alone = nginx_for(snapshot_dir, free_port())
    for answer in (
        requests.get(f"{alone}/nothing/here", timeout=10),
        requests.get(f"{alone}/admin/", timeout=10),
        requests.get(f"{alone}/manage/token", timeout=10),
        requests.post(f"{alone}/subscribe", data={"email": "asha@example.org"}, timeout=10),
        requests.post(f"{alone}/sw/subscribe", data={"email": "asha@example.org"}, timeout=10),
        requests.post(f"{alone}/confirm/token", timeout=10),
    ):
        assert answer.status_code == 503, answer.url
        assert (answer.headers["Cache-Control"], answer.headers["Retry-After"]) == ("no-store", "60"), answer.url
        assert answer.headers["Content-Security-Policy"] == headers.POLICY, answer.url
        assert "We cannot show this now" in answer.text, answer.url
        assert "Hatuwezi kuonyesha hii kwa sasa" in answer.text, answer.url
        assert 'href="/sw/"' in answer.text
    assert requests.get(f"{alone}/away", timeout=10).status_code == 404, "no address of its own"
    assert requests.get(f"{alone}/subscribe", timeout=10).status_code == 200


def test_callbacks_reach_the_app_through_nginx_and_their_address_stays_out_of_its_log(
    app: str, nginx: str, snapshot_dir: Path, nginx_for: Callable[[Path, int], str]
) -> None:
    for origin in (app, nginx):
        assert requests.post(f"{origin}/callbacks/planted-token/p00112233445566aa", data=b"{}", timeout=5).status_code == 404
    assert requests.post(f"{nginx}/callbacks/planted-token", data=b"x" * 70_000, timeout=5).status_code == 413
    alone = nginx_for(snapshot_dir, free_port())
    assert requests.post(f"{alone}/callbacks/planted-token", data=b"{}", timeout=5).status_code == 502
    logs = list(Path(settings.DATA_DIR).glob("nginx-*/error.log"))
    assert logs
    assert not any("planted-token" in log.read_text() for log in logs)
