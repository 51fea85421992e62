"""The pictures of docs/page.md: TEST_PICTURES=1 takes them anew, small; TEST_PICTURES=answer,history takes some. Look at each."""

from __future__ import annotations

import io
import os
import threading
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import product
from pathlib import Path
from typing import Any, Literal
from wsgiref.simple_server import WSGIRequestHandler, make_server

import pytest
from django.core.management import call_command
from PIL import Image
from playwright.sync_api import Browser

from incidents import timeline
from incidents.languages import in_all
from incidents.models import Component, Incident, Notice
from statuspage import publishing, snapshot
from statuspage.snapshot import serving
from tests.factories import NOON
from tests.incidents import plans
from tests.statuspage import rows

PICTURES = Path(__file__).resolve().parents[2] / "docs" / "screenshots"
pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db,
    pytest.mark.timeout(1800),
    pytest.mark.skipif(not os.environ.get("TEST_PICTURES"), reason="TEST_PICTURES=1 takes the pictures of docs/screenshots anew"),
]
THEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
TALLEST = 2400  # pixels; longer pages are cut
COLOURS = 64

CLAIM = {
    "fact_headline": in_all(
        {"en": "A technical fault delays payments. Nobody ordered a shutdown", "sw": "Hitilafu ya kiufundi inachelewesha malipo"}
    ),
    "claim_quote": "They were ordered to switch off payments until Friday",
    "claim_language": "en",
    "claim_where": in_all({"en": "forwarded messages", "sw": "ujumbe unaosambazwa"}),
    "what_is_true": in_all(
        {
            "en": "Payments are late since noon because a queue is full.",
            "sw": "Malipo yanachelewa tangu mchana kwa sababu foleni imejaa.",
        }
    ),
    "what_is_false": in_all({"en": "Nobody asked us to stop anything.", "sw": "Hakuna aliyetuagiza kusimamisha chochote."}),
    "why_it_spread": in_all({"en": "Our first word came late.", "sw": "Taarifa yetu ya kwanza ilichelewa."}),
    "corroborations": [
        {
            "body": "The regulator",
            "said": {"en": "We have given no such order.", "sw": "Hatujatoa agizo kama hilo."},
            "dated": "2026-11-24",
            "link": "https://regulator.example/",
            "checked_on": "2026-11-24",
            "reachable": True,
        }
    ],
    "evidence": [
        {
            "what": {"en": "The queue’s own log", "sw": "Kumbukumbu za foleni yenyewe"},
            "dated": "2026-11-24",
            "verified_by": "neema",
        }
    ],
    "spokesperson_role": in_all({"en": "Head of operations", "sw": "Mkuu wa uendeshaji"}),
}
SAFE = {
    "scope": in_all({"en": "Send money", "sw": "Tuma pesa"}),
    "body": in_all(
        {"en": "No balance has been changed by this problem.", "sw": "Hakuna salio lililobadilishwa na hitilafu hii."}
    ),
}


class Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        """Nothing."""


def at(minute: float) -> datetime:
    return NOON + timedelta(minutes=minute)


def part(code: str) -> Component:
    return Component.objects.get(code=code)


def say(code: str, notice: str, minute: float) -> Incident:
    words = Notice.objects.get(code=notice)
    if words.component_status and words.component_status != "operational":
        timeline.observe(component=part(code), status=words.component_status, since=at(minute - 4), now=at(minute))
    elif words.component_status:
        timeline.observe(component=part(code), status="operational", since=at(minute), now=at(minute))
    update = publishing.publish_notice(component=part(code), notice=words, actor=None, now=at(minute))
    return update.incident


@pytest.fixture
def origin(tmp_path: Path, settings: Any) -> Iterator[str]:
    """The pages of `settings.SNAPSHOT_DIR`, fresh at `clock`."""
    settings.DEMO, settings.DEMO_PASSWORD, settings.SNAPSHOT_DIR = True, "of pictures only", tmp_path / "snapshot"
    settings.PROVIDER_NAME, settings.HELP_LINE, settings.PAGE_TIME_ZONE = "Mfano Pesa", "0800 000 100", "Africa/Nairobi"
    with make_server("127.0.0.1", 0, _Now(), handler_class=Quiet) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


class _Now:
    """The app's own server at the time of the last generation."""

    def __call__(self, environ: Any, start_response: Any) -> Any:
        written = snapshot.current()
        assert written is not None
        return serving.SnapshotFirst(_nothing, snapshot.directory(), clock=lambda: written.built_at)(environ, start_response)


def _nothing(environ: Any, start_response: Any) -> list[bytes]:
    start_response("404 Not Found", [])
    return []


def show(minute: float, *, fresh: bool = True) -> None:
    snapshot.refresh(now=at(minute), force=True)
    for path in (snapshot.directory() / "live").glob("*"):
        path.unlink()
    if fresh:
        snapshot.extend_freshness(now=at(minute))


def test_pictures_of_the_page_are_taken(browser: Browser, origin: str) -> None:
    # Without its script, which knows that these pages are of another day.
    pages = {
        (width, theme): browser.new_context(
            viewport={"width": width, "height": 800}, color_scheme=theme, base_url=origin, java_script_enabled=False
        ).new_page()
        for width, theme in product((360, 1280), THEMES)
    }

    wanted = os.environ["TEST_PICTURES"]

    def take(name: str, path: str) -> None:
        if wanted != "1" and name not in wanted.split(","):
            return
        for ((width, theme), page), language in product(pages.items(), ("en", "sw")):
            page.goto(f"/sw{path}" if language == "sw" else path)
            save(page.screenshot(full_page=True), PICTURES / f"{name}-{width}-{theme}-{language}.png")

    call_command("seed_demo")
    Component.objects.update(created_at=NOON - timedelta(days=400), status_since=NOON - timedelta(days=30))
    for code, status, hours, length in (
        ("send-money", "delayed", 1000, 3),
        ("paybill", "partial_outage", 700, 2),
        ("app", "degraded_performance", 400, 30),
        ("airtime", "under_maintenance", 250, 4),
    ):
        rows.change(part(code), status, hours)
        rows.change(part(code), "operational", hours - length)
    past = say("withdraw-agent", "down", -60 * 24 * 6)
    say("withdraw-agent", "watching", -60 * 24 * 6 + 70)
    say("withdraw-agent", "resolved", -60 * 24 * 6 + 110)
    rows.review(past, at=at(-60 * 24 * 2))
    show(-60)
    take("home-green", "/")
    plans.announced({part("airtime"): "partial_outage", part("electricity"): "delayed"}, start=-0.75, end=3)
    plans.announced({part("bank-transfer"): "partial_outage"}, start=37, end=40)
    plans.tick(-0.7)
    show(-41)
    take("home-planned", "/")
    incident = say("send-money", "delayed", -30)
    say("send-money", "no-change", -5)
    rows.statement(incident, at=at(-4), **SAFE)
    show(-2)
    take("home-delayed", "/")
    take("incident", f"/incidents/{incident.public_id}")
    show(-1, fresh=False)
    take("home-stale", "/")
    answered = rows.rebuttal(incident=incident, at=at(1), **CLAIM)
    show(2)
    take("answer", f"/answers/{published_address(answered)}")
    take("history", f"/history/{NOON:%Y-%m}")
    say("withdraw-agent", "down", 5)
    timeline.observe(component=part("withdraw-agent"), status="major_outage", since=at(5), now=at(6))
    show(7)
    take("home-major", "/")
    for page in pages.values():
        page.context.close()


def published_address(rebuttal: Any) -> str:
    from statuspage import answers

    return next(one.address for one in answers.answers() if one.now.series == rebuttal.series)


def save(drawn: bytes, path: Path) -> None:
    """Few colours make it a fourth as large; what is below the fold of a long page is cut."""
    picture = Image.open(io.BytesIO(drawn)).convert("RGB")
    picture = picture.crop((0, 0, picture.width, min(picture.height, TALLEST)))
    picture.quantize(COLOURS, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE).save(path, optimize=True)
