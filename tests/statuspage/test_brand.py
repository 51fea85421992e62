"""The provider's mark and accent, and that every colour of the sheet is seen on both pages."""

from __future__ import annotations

import re
from base64 import b64encode
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.utils.translation import override

from statuspage import brand, embed
from statuspage.drawings import ICON_COLOURS, strokes
from statuspage.rendering import render
from statuspage.templatetags import public

SHEET = (settings.BASE_DIR / "static" / "css" / "public.css").read_text()
DARK = re.search(r"@media\(prefers-color-scheme:dark\)\{(.*)\}\}", SHEET)
LIGHT = re.sub(r"@media[^{]*\{(?:[^{}]|\{[^{}]*\})*\}", "", SHEET)


def colour_of(selector: str, sheet: str) -> str:
    found = re.search(rf"(?:^|[,\}}\n]){re.escape(selector)}(?:,[^{{]*)?\{{[^}}]*?(?<!-)color:(#[0-9a-f]{{6}})", sheet)
    assert found, f"{selector} has no colour"
    return found[1]


@pytest.mark.parametrize("selector", [".o", ".d", ".h", ".j", ".n", ".u"])
def test_every_shape_is_seen_in_both_themes(selector: str) -> None:
    assert DARK is not None
    assert brand.contrast(colour_of(selector, LIGHT), brand.LIGHT_PAGE) >= 3
    assert brand.contrast(colour_of(selector, DARK[1]), brand.DARK_PAGE) >= 3


@pytest.mark.parametrize("selector", ["body", ".m", ".bad"])
def test_every_text_is_read_in_both_themes(selector: str) -> None:
    assert DARK is not None
    assert brand.contrast(colour_of(selector, LIGHT), brand.LIGHT_PAGE) >= 4.5
    assert brand.contrast(colour_of(selector, DARK[1]), brand.DARK_PAGE) >= 4.5


def test_the_favicon_has_the_shapes_colours() -> None:
    for letter in ("o", "d", "h", "j", "n", "u"):
        assert f"#{ICON_COLOURS[letter]}" == colour_of(f".{letter}", LIGHT)


def test_contrast_is_that_of_wcag() -> None:
    assert brand.contrast("#000000", "#ffffff") == pytest.approx(21)
    assert brand.contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("colour", ["#6b2fa0", "#ffee00", "#000000", "#ffffff", "#00ff88", "#7f7f7f"])
def test_any_accent_is_made_visible_in_both_themes(colour: str) -> None:
    accent = brand.accent_of(colour)
    assert brand.contrast(accent.light, brand.LIGHT_PAGE) >= 4.5
    assert brand.contrast(accent.dark, brand.DARK_PAGE) >= 4.5
    for page in (brand.LIGHT_PAGE, brand.DARK_PAGE):
        assert brand.contrast(accent.underline, page) >= 3


@pytest.mark.parametrize("colour", ["purple", "#123", "#12345g", "#6b2fa0;}body{display:none"])
def test_what_is_no_colour_is_refused(colour: str) -> None:
    with pytest.raises(ValueError, match="#rrggbb"):
        brand.accent_of(colour)


def test_the_sheet_is_served_in_the_provider_s_accent(settings: object) -> None:
    text = public.style_text()
    assert settings.ACCENT.light in text  # type: ignore[attr-defined]
    for written in ("light", "dark", "underline"):
        assert getattr(public.ACCENT_IN_THE_SHEET, written) in SHEET


def test_a_page_from_right_to_left_mirrors_its_rows_of_days_by_a_sheet_that_its_policy_names() -> None:
    with override("en"):
        policy = public.policy_text()
        assert "scaleX(-1)" not in public.style_text()
    with override("ar"):
        assert "scaleX(-1)" in public.style_text()
        digest = b64encode(sha256(public.style_text().encode()).digest()).decode()
        assert f"'sha256-{digest}'" in public.policy_text() != policy


def drawing(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_of_a_logo_only_its_outlines_are_taken(tmp_path: Path) -> None:
    hostile = (
        '<svg viewBox="0 0 8 8" onload="x()"><script>x()</script><style>*{}</style><path d="M0 0h8v8z" onclick="x()"/></svg>'
    )
    mark = brand.read_mark(drawing(tmp_path / "logo.svg", hostile))
    assert mark == brand.Mark("0 0 8 8", ("M0 0h8v8z",))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("<svg><path d='M0 0'/></svg>", "viewBox"),
        ('<svg viewBox="0 0 8 8"><circle r="4"/></svg>', "path"),
        ('<svg viewBox="0 0 8 8"><path d="M0 0 url(x)"/></svg>', "not an outline"),
        ('<svg viewBox="0 0 8 8"><path d="' + "M0 0" * 2000 + '"/></svg>', "at most 4096 bytes"),
    ],
)
def test_a_logo_that_cannot_be_drawn_is_refused_with_what_to_change(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        brand.read_mark(drawing(tmp_path / "logo.svg", text))


def test_bars_differ_by_form_not_only_by_colour() -> None:
    states = ["operational", "delayed", "partial_outage", "major_outage", "under_maintenance", "unknown", ""]
    drawn = [tuple(strokes([state]).values()) for state in states]
    assert len(set(drawn)) == len(states)


def test_a_run_of_well_days_is_one_line() -> None:
    assert strokes(["operational"] * 12 + ["delayed"] + ["operational"]) == {"o": "M1 12H48M53 12H56", "d": "M49.5 24V8"}


@pytest.mark.parametrize("colour", ["#6b2fa0", "#00a651", "#ffd400", "#101010", "#e4002b"])
def test_the_desks_shades_of_any_accent_can_be_read(colour: str) -> None:
    scale = brand.shades(brand.accent_of(colour).light)
    assert list(scale) == ["50", "100", "200", "300", "400", "500", "600", "700", "800", "900", "950"]
    for white_on in ("500", "600", "700"):
        assert brand.contrast("#ffffff", scale[white_on]) >= 4.5, white_on
    assert brand.contrast(scale["300"], brand.DARK_PAGE) >= 4.5
    assert brand.contrast(scale["700"], scale["50"]) >= 4.5


# --- Ways to other sites, and out of search engines --------------------------------------------


def test_links_in_the_foot_are_named_in_each_language(settings: Any) -> None:
    settings.LINKS = brand.links_of("https://x.example/?a=1&b=2 Mfano Pesa ; tel:0800000555 Help | Msaada;")
    for language, names in (("en", ["Mfano Pesa", "Help"]), ("sw", ["Mfano Pesa", "Msaada"])):
        foot = render("public/privacy.html", language=language, path="/privacy").rpartition("<footer")[2]
        assert re.findall('<a href="(https://x[^"]+|tel:[^"]+)">([^<]+)</a>', foot) == list(
            zip(("https://x.example/?a=1&amp;b=2", "tel:0800000555"), names, strict=True)
        )


@pytest.mark.parametrize(
    "text", ["https://x.example", "javascript:alert(1) X", 'https://x.example/"> X', "X", "https://x.example A |"]
)
def test_a_link_without_a_name_or_an_address_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="Name in the next language"):
        brand.links_of(text)


def test_a_page_that_is_not_to_be_found_says_so_and_is_not_hidden_from_who_would_read_that(settings: Any) -> None:
    robots = '<meta name="robots" content="noindex">'
    assert robots not in render("public/privacy.html", language="en", path="/privacy")
    assert b"Sitemap" in embed.robots("https://x.example")
    settings.NOINDEX = True
    assert robots in render("public/privacy.html", language="en", path="/privacy")
    assert embed.robots("https://x.example") == b"User-agent: *\nDisallow: /admin/\n"
