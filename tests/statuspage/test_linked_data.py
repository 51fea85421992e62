"""What the heads of pages say to programs: twins, ClaimReview."""

from __future__ import annotations

import json
import os
import re
from datetime import timedelta
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from incidents.languages import codes
from incidents.models import Rebuttal
from statuspage import snapshot
from statuspage.rendering import prefix_of
from tests.factories import NOON
from tests.incidents import plans
from tests.statuspage import rows

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("mfano_pesa")]
ORIGIN = "https://status.mfanopesa.example"


@pytest.fixture
def folder(tmp_path: Path, settings: Any) -> Path:
    settings.SNAPSHOT_DIR = tmp_path / "snapshot"
    return tmp_path / "snapshot"


def review(folder: Path, name: str) -> dict[str, Any]:
    page = (folder / "current/archive/pages" / name).read_text()
    [inside] = re.findall(r'<script type="application/ld\+json">(.*?)</script>', page, re.DOTALL)
    value: dict[str, Any] = json.loads(inside)
    return value


def test_every_page_names_itself_and_its_twins_in_each_language(folder: Path) -> None:
    part = rows.component()
    incident = rows.publish(affected={part: "delayed"}).incident
    rows.rebuttal(incident=incident)
    rows.review(incident)
    plans.announced({part: "partial_outage"}, start=5, end=6)
    snapshot.refresh(now=NOON)
    seen = 0
    for path in (Path(at, name) for at, _, names in os.walk(folder / "current", followlinks=True) for name in names):
        if path.suffix != ".html":
            continue
        html = path.read_text()
        if path.name in ("404.html", "away.html", "frame.html"):
            assert "hreflang=" not in html.partition("</head>")[0], path
            continue
        seen += 1
        head = html.partition("</head>")[0]
        twins = dict(re.findall(r'<link rel="alternate" hreflang="([\w-]+)" href="([^"]+)">', head))
        assert set(twins) == {"x-default", *codes()}, path
        assert twins["x-default"] == twins[codes()[0]], path
        own = re.search(r'<link rel="canonical" href="([^"]+)">', head)
        if own:
            assert unescape(own[1]) == twins["sw" if '<html lang="sw"' in html else "en"], path
        assert twins["sw"] == f"{ORIGIN}{prefix_of('sw')}{twins['en'].removeprefix(ORIGIN)}", path
    assert seen > 30


def test_an_announcement_runs_out_with_its_promise_and_names_the_counties_it_is_about(folder: Path) -> None:
    said = rows.publish(next_update_by=NOON + timedelta(minutes=30), areas=[1, 47], affected={rows.component(): "delayed"})
    snapshot.refresh(now=NOON)
    public_id = said.incident.public_id
    where = f"../../../ids/{public_id}/{public_id}.html"
    made = review(folder, where)
    assert made["expires"] == "2026-11-24T12:30+03:00"
    assert [area["name"] for area in made["spatialCoverage"]] == ["Mombasa", "Nairobi"]
    rows.publish(incident=said.incident, status="resolved", at=NOON + timedelta(minutes=9))
    snapshot.refresh(now=NOON + timedelta(minutes=10))
    assert "expires" not in review(folder, where)


def test_an_answer_is_a_claim_review_in_the_words_of_its_page(folder: Path) -> None:
    before = rows.rebuttal()
    rows.rebuttal(before=before, at=NOON + timedelta(days=1))
    snapshot.refresh(now=NOON + timedelta(days=1))
    name = "answers/a-technical-fault-delays-payments"
    made = review(folder, f"{name}.html")
    row = Rebuttal.objects.order_by("id").last()
    assert row is not None
    assert (made["@type"], made["url"]) == ("ClaimReview", f"{ORIGIN}/{name}")
    assert made["author"] == {"@type": "Organization", "name": "Mfano Pesa", "url": ORIGIN}
    assert made["claimReviewed"] == row.claim_quote
    assert made["datePublished"] == "2026-11-24T12:00+03:00", "of the first version"
    assert made["itemReviewed"]["@type"] == "Claim"
    assert made["itemReviewed"]["datePublished"] == row.claim_first_seen.isoformat()
    assert made["reviewRating"] == {
        "@type": "Rating",
        "alternateName": "False",
        "ratingValue": 1,
        "bestRating": 5,
        "worstRating": 1,
    }
    assert review(folder, f"sw/{name}.html")["reviewRating"]["alternateName"] == "Si kweli"


def test_what_nobody_has_shown_has_no_rating_and_what_was_taken_back_is_no_review(folder: Path) -> None:
    rows.rebuttal(verdict="unproven")
    snapshot.refresh(now=NOON)
    name = "answers/a-technical-fault-delays-payments.html"
    assert review(folder, name)["reviewRating"] == {"@type": "Rating", "alternateName": "Unproven"}
    rows.withdrawal(Rebuttal.objects.get(), at=NOON + timedelta(minutes=1))
    snapshot.refresh(now=NOON + timedelta(minutes=2))
    assert "ClaimReview" not in (folder / "current/archive/pages" / name).read_text()
