"""The page in an object store: what lies there is what this host serves, whole; the guard turns it stale."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import requests
from django.core.management import CommandError, call_command
from django.db import transaction
from django.utils import timezone

from incidents import record
from incidents.models import Component
from statuspage import mirror, restoring, s3, snapshot
from statuspage.snapshot.serving import SnapshotFirst
from tests.copies import free_port
from tests.incidents import plans

pytestmark = [pytest.mark.long, pytest.mark.django_db]
KEY = "an-id:a-secret"


@pytest.fixture(scope="module")
def store_url() -> Iterator[str]:
    """moto's S3."""
    os.environ.setdefault("AWS_EC2_METADATA_DISABLED", "true")
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=free_port(), verbose=False)
    server.start()
    yield "http://{}:{}".format(*server.get_host_and_port())
    server.stop()


@pytest.fixture
def bucket(store_url: str, settings: Any) -> Iterator[s3.Bucket]:
    requests.post(f"{store_url}/moto-api/reset", timeout=10)
    made = requests.put(f"{store_url}/hali", timeout=10)
    assert made.status_code == 200
    settings.PUBLISH_TO = s3.parse(f"s3://hali/page?endpoint={store_url}&region=us-east-1")
    settings.PUBLISH_KEY = KEY
    bucket = s3.Bucket(settings.PUBLISH_TO, KEY)
    yield bucket
    bucket.close()


def served(path: str) -> bytes:
    """What this host's own server answers."""
    said: list[str] = []

    def start(status: str, *_: Any) -> Any:
        said.append(status)

    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": path, "QUERY_STRING": ""}
    body = b"".join(SnapshotFirst(lambda *_: [b"the app"])(environ, start))
    assert said == ["200 OK"], path
    return body


def addresses(incident: str) -> dict[str, str]:
    """Public address: name of its object."""
    same = ["api/v2/summary.json", "history.atom", "sw/badge.svg", "record.jsonl", "subscribe", "embed/frame", "robots.txt"]
    same += ["uptime", f"incidents/{incident}", f"sw/incidents/{incident}", f"incidents/{incident}.json"]
    found = {f"/{name}": name for name in same}
    found |= {"/": "index.html", "/sw/": "sw/index.html", "/text/": "text/index.html", "/poster": "poster"}
    return found


def test_every_address_is_an_object_with_what_this_host_serves(bucket: s3.Bucket, public_incident: str) -> None:
    work = plans.announced({Component.objects.get(): "under_maintenance"}).public_id
    snapshot.refresh(now=timezone.now(), force=True)
    snapshot.extend_freshness(now=timezone.now())
    assert mirror.push(bucket) > 50
    told = mirror.read_manifest(bucket)
    services = {f"/{name}": name for name in told["objects"] if re.fullmatch(r"components/[\w-]+", name)}
    assert services
    planned = {f"/{name}": name for name in (f"maintenance/{work}", f"incidents/{work}.json", f"incidents/{work}")}
    planned[f"/sw/incidents/{work}"] = f"sw/incidents/{work}"
    for path, name in {**addresses(public_incident), **services, **planned}.items():
        assert bucket.get(name) == served(path), path
    assert (told["form"], told["built_from"]) == ("fresh", snapshot.current().built_from)  # type: ignore[union-attr]


def test_what_did_not_change_is_not_sent_again(bucket: s3.Bucket, public_incident: str) -> None:
    first = mirror.push(bucket)
    assert mirror.push(bucket) == 0
    snapshot.refresh(now=timezone.now(), force=True)
    assert 0 < mirror.push(bucket) < first


def test_a_push_that_breaks_off_leaves_the_manifest_before_it(
    bucket: s3.Bucket, public_incident: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    mirror.push(bucket)
    before = bucket.get(mirror.MANIFEST)
    snapshot.refresh(now=timezone.now(), force=True)
    put, sent = bucket.put, []

    def put_five(*of: Any) -> None:
        sent.append(of)
        if len(sent) > 5:
            raise s3.StorageError("the wire was cut")
        put(*of)

    monkeypatch.setattr(bucket, "put", put_five)
    with pytest.raises(s3.StorageError):
        mirror.push(bucket)
    monkeypatch.undo()
    assert bucket.get(mirror.MANIFEST) == before
    mirror.push(bucket)
    assert bucket.get("index.html") == served("/")


def test_the_guard_shows_the_stale_form_after_a_minute_and_the_publisher_the_fresh_one_again(
    bucket: s3.Bucket, public_incident: str
) -> None:
    mirror.push(bucket)
    fresh, built_at = bucket.get("index.html"), mirror.read_manifest(bucket)["built_at"]
    assert mirror.guard(bucket, now=built_at + 60) is False
    assert mirror.guard(bucket, now=built_at + 61) is True
    stale = bucket.get("index.html")
    assert stale == bucket.get("stale/index.html")
    assert b'data-freshness="stale"' in (stale or b"")
    assert mirror.guard(bucket, now=built_at + 90) is False
    mirror.push(bucket)
    assert bucket.get("index.html") == fresh
    assert mirror.read_manifest(bucket)["form"] == "fresh"


def test_the_guard_does_not_outlast_what_a_probe_said_last(bucket: s3.Bucket, public_incident: str) -> None:
    now = timezone.now()
    snapshot.refresh(now=now, force=True)
    snapshot.extend_freshness(now=now, silence=now + timedelta(seconds=5))
    mirror.push(bucket)
    until = mirror.read_manifest(bucket)["fresh_until"]
    assert now.timestamp() + 5 <= until <= now.timestamp() + 25
    assert mirror.guard(bucket, now=until + 15) is False, "the next push may say better"
    assert mirror.guard(bucket, now=until + 16) is True


def test_a_host_that_is_behind_pushes_nothing(bucket: s3.Bucket, public_incident: str) -> None:
    bucket.put(mirror.MANIFEST, b'{"built_at": 1, "built_from": 99999, "form": "fresh", "objects": {}}', mirror.NO_CACHE)
    with pytest.raises(s3.StorageError, match="another host is ahead"):
        mirror.push(bucket)
    # Unless a person has said since that the record goes on without that: the database came back from an older copy.
    told = {"kept_to": record.head().seq, "seen_to": 99999, "seen_hash": ""}
    with transaction.atomic():
        record.append(kind=restoring.RESTORED, data=told, texts={}, now=timezone.now())
    assert mirror.push(bucket) > 50


def test_a_store_that_is_gone_is_one_line_without_the_key(settings: Any) -> None:
    settings.PUBLISH_KEY = KEY
    settings.PUBLISH_TO = s3.parse(f"s3://hali?endpoint=http://127.0.0.1:{free_port()}")
    with pytest.raises(CommandError, match="the storage does not answer") as refused:
        call_command("guard", "--once")
    assert "a-secret" not in str(refused.value)


@pytest.mark.parametrize("address", ["http://x", "s3://", "s3://b?endpoint=http://far.example.org", "s3://b?colour=red"])
def test_an_address_of_a_store_that_is_none_is_refused(address: str) -> None:
    with pytest.raises(ValueError, match=r"give s3://|must begin with https://"):
        s3.parse(address)
