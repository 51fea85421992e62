"""Pictures of links: what they show, when they are drawn anew, and the words in a page's head that point to them."""

from __future__ import annotations

import io
import os
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageFont

from incidents.languages import in_all
from incidents.words import ComponentStatus
from statuspage import drawings, pictures, snapshot
from statuspage.pictures import Picture
from tests.factories import NOON
from tests.incidents import plans
from tests.statuspage import rows

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("mfano_pesa")]
ORIGIN = "https://status.mfanopesa.example"


@pytest.fixture
def folder(tmp_path: Path, settings: Any) -> Path:
    settings.SNAPSHOT_DIR = tmp_path / "snapshot"
    return tmp_path / "snapshot"


def image(raw: bytes) -> Image.Image:
    return Image.open(io.BytesIO(raw)).convert("RGB")


def head(folder: Path, name: str) -> dict[str, str]:
    html = (folder / "current" / name).read_text().partition("</head>")[0]
    return dict(re.findall(r'<meta (?:property|name)="([\w:]+)" content="([^"]*)">', html))


def ink(raw: bytes, box: tuple[int, int, int, int]) -> int:
    """How many dark points of a part of it."""
    return sum(image(raw).crop(box).convert("L").histogram()[:128])


@pytest.mark.parametrize("language", ["en", "sw"])
def test_every_state_has_a_picture_in_its_own_shape_and_colour(language: str) -> None:
    drawn = {name: pictures.png(picture) for name, picture in pictures.standing(language).items()}
    assert set(drawn) == {*ComponentStatus.values, "over", "answer"}
    assert len(set(drawn.values())) == len(drawn)
    for name, raw in drawn.items():
        assert image(raw).size == (1200, 630)
        assert len(raw) < 30_000, name
        assert ink(raw, (360, 200, 1120, 460)) > 500, f"{name} says its word"
    for status, (letter, _) in drawings.SHAPES.items():
        red, green, blue = bytes.fromhex(drawings.ICON_COLOURS[letter])
        counted: Any = image(drawn[status]).crop((80, 215, 300, 435)).getcolors()
        near = [count for count, (r, g, b) in counted if max(abs(r - red), abs(g - green), abs(b - blue)) < 16]
        assert sum(near) > 5000, status


def test_long_words_stay_inside_and_letters_no_font_has_are_left_out() -> None:
    for words in ("x" * 200, "hujambo " * 15):
        raw = pictures.png(Picture("Mfano Pesa status", "unknown", words[:120], "As of 12:15 pm EAT, 24 Nov 2026."))
        assert ink(raw, (1125, 0, 1200, 630)) == 0
        assert ink(raw, (0, 480, 1200, 500)) == 0
    strange = pictures.png(Picture("Mfano Pesa status", "unknown", "الخدمات تعمل"))
    assert ink(strange, (360, 200, 1200, 630)) == 0
    assert ink(strange, (80, 90, 1200, 160)) > 500, "whose page it is stands there all the same"


def test_a_font_of_one_s_own_draws_what_ours_lacks(settings: Any, tmp_path: Path) -> None:
    path = tmp_path / "own.ttf"
    own = ImageFont.load_default(10)
    assert isinstance(own, ImageFont.FreeTypeFont)
    path.write_bytes(own.font_bytes)
    pictures._font.cache_clear()
    settings.PICTURE_FONT = str(path)
    assert pictures._font(44).path == str(path)
    pictures._font.cache_clear()


def test_the_front_page_points_to_the_picture_of_now_and_its_address_changes_with_the_state(folder: Path) -> None:
    part = rows.component()
    snapshot.refresh(now=NOON)
    well, stale = head(folder, "fresh/index.html"), head(folder, "stale/index.html")
    rows.publish(affected={part: "delayed"})
    snapshot.refresh(now=NOON + timedelta(seconds=1))
    late = head(folder, "fresh/index.html")
    assert len({page["og:image"] for page in (well, stale, late)}) == 3
    assert late["og:image"].startswith(f"{ORIGIN}/picture.png?")
    assert late["og:image:alt"] == "Mfano Pesa status: Send money is delayed"
    assert (late["og:image:width"], late["og:image:height"], late["twitter:card"]) == ("1200", "630", "summary_large_image")
    assert (late["og:url"], late["og:type"], late["og:site_name"]) == (f"{ORIGIN}/", "website", "Mfano Pesa status")
    assert head(folder, "fresh/sw/index.html")["og:image"].startswith(f"{ORIGIN}/sw/picture.png?")
    shown = (folder / "current/fresh/pages/picture.png").read_bytes()
    assert shown != (folder / "current/stale/pages/picture.png").read_bytes()


def test_it_is_drawn_once_and_not_again_while_it_shows_the_same(folder: Path) -> None:
    part = rows.component()
    incident = rows.publish(affected={part: "delayed"}).incident
    snapshot.refresh(now=NOON)
    path = folder / "current/fresh/pages/picture.png"
    inode = path.stat().st_ino
    address = head(folder, "fresh/index.html")["og:image"]
    snapshot.refresh(now=NOON + timedelta(minutes=3), force=True)
    rows.rebuttal(incident=incident, at=NOON + timedelta(minutes=4))
    snapshot.refresh(now=NOON + timedelta(minutes=5))
    assert path.stat().st_ino == inode
    assert head(folder, "fresh/index.html")["og:image"] == address


def test_every_page_has_a_card_and_every_picture_it_names_is_there(folder: Path, settings: Any) -> None:
    settings.COUNTRY = "KE"
    part = rows.component(name=in_all({"en": 'Send "money" <b>', "sw": "Tuma pesa"}))
    incident = rows.publish(affected={part: "delayed"}).incident
    rows.rebuttal(incident=incident)
    rows.review(incident)
    plans.announced({part: "partial_outage"}, start=5, end=6)
    snapshot.refresh(now=NOON)
    current = folder / "current"
    pages = [Path(at, name) for at, _, names in os.walk(current, followlinks=True) for name in names if name.endswith(".html")]
    seen = set()
    for path in pages:
        if path.name in ("404.html", "away.html", "frame.html", "poster.html"):
            continue
        said = head(folder, str(path.relative_to(current)))
        assert said["og:locale"] == ("sw_KE" if "/sw/" in str(path) else "en_KE"), path
        assert said["og:title"].endswith(("Mfano Pesa status", "Hali ya Mfano Pesa")), path
        assert said["og:url"].startswith(ORIGIN), path
        if address := said.get("og:image"):
            seen.add(address)
            name = address.removeprefix(f"{ORIGIN}/").partition("?")[0]
            assert any((current / form / "pages" / name).exists() for form in ("fresh", "archive")), address
    assert len(seen) > 8
    [incident_page] = (path for path in pages if path.name == f"{incident.public_id}.html" and "/sw/" not in str(path))
    said = head(folder, str(incident_page.relative_to(current)))
    assert (said["og:type"], said["article:published_time"]) == ("article", "2026-11-24T12:00+03:00")
    assert f"/pictures/{incident.public_id}.png?" in said["og:image"]
    assert said["og:image:alt"] == "Mfano Pesa status: Payments are late"


def test_a_link_to_a_problem_has_a_picture_of_its_own_with_its_time_while_it_is_open(folder: Path) -> None:
    part = rows.component()
    promise = NOON + timedelta(minutes=30)
    incident = rows.publish(affected={part: "delayed"}, next_update_by=promise, body=in_all(rows.both("x" * 300))).incident

    def card() -> dict[str, str]:
        html = (folder / f"ids/{incident.public_id}/{incident.public_id}.html").read_text().partition("</head>")[0]
        return dict(re.findall(r'<meta (?:property|name)="([\w:]+)" content="([^"]*)">', html))

    snapshot.refresh(now=NOON)
    first = card()
    drawn = (folder / f"current/archive/pages/pictures/{incident.public_id}.png").read_bytes()
    assert ink(drawn, (80, 500, 700, 600)) > 300, "its time"
    assert first["og:description"].startswith("As of 12:00 pm EAT, 24 Nov 2026. Next update by 12:30 pm EAT. ")
    rows.publish(incident=incident, status="identified", affected={part: "delayed"}, at=NOON + timedelta(minutes=10))
    snapshot.refresh(now=NOON + timedelta(minutes=10))
    assert card()["og:image"] != first["og:image"]
    rows.publish(incident=incident, status="resolved", affected={part: "operational"}, at=NOON + timedelta(minutes=20))
    snapshot.refresh(now=NOON + timedelta(minutes=20))
    assert "/pictures/over.png?" in card()["og:image"]
    assert "As of" not in card()["og:description"]
    assert not (folder / f"current/archive/pages/pictures/{incident.public_id}.png").exists()


def test_a_chat_shows_the_time_and_the_next_promise_of_the_front_page_however_much_it_says(folder: Path) -> None:
    for number in range(20):
        part = rows.component(f"part-{number}", status="delayed")
    rows.publish(affected={part: "delayed"}, next_update_by=NOON + timedelta(minutes=30))
    snapshot.refresh(now=NOON)
    said = head(folder, "fresh/index.html")["og:description"]
    assert said.startswith("Checked at 12:00 pm EAT, 24 Nov 2026. Next update by 12:30 pm EAT. ")
    assert len(said) <= 200
    snapshot.refresh(now=NOON + timedelta(minutes=31), force=True)
    assert ". This update is late. We promised it by 12:30 pm EAT." in head(folder, "fresh/index.html")["og:description"]


def test_browsers_that_read_no_svg_get_the_icon_of_the_state_too(folder: Path) -> None:
    rows.component()
    snapshot.refresh(now=NOON)
    for form, colour in (("fresh", (0x0B, 0x7A, 0x55)), ("stale", (0x66, 0x71, 0x7C))):
        icon = Image.open(io.BytesIO((folder / f"current/{form}/pages/favicon.ico").read_bytes()))
        assert icon.info["sizes"] == {(16, 16), (32, 32)}
        rim = icon.convert("RGBA").getpixel((4, 16))
        assert isinstance(rim, tuple)
        assert rim[:3] == colour
        assert rim[3] > 200
