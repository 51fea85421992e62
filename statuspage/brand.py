"""Pure: what makes the page the provider's own: its mark, drawn in one colour, and its accent in both themes.

A mark is taken from an SVG file as outlines alone: the view box and the `d` of each path. So nothing in that file can run, load
or style anything, it follows the reader's theme, and it needs no second request.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

LIGHT_PAGE, DARK_PAGE = "#fbfaf6", "#121517"
LARGEST_MARK = 4096  # bytes: it travels in every page
TEXT_CONTRAST, GRAPHIC_CONTRAST = 4.5, 3.0
_VIEW_BOX = re.compile(r'viewBox="\s*([-\d.]+(?:[\s,]+[-\d.]+){3})\s*"')
_OUTLINE = re.compile(r'<path\b[^>]*?\bd="([^"]*)"', re.DOTALL)
_OUTLINE_LETTERS = re.compile(r"[MmLlHhVvCcSsQqTtAaZz\d\s,.eE+-]+")


@dataclass(frozen=True, slots=True)
class Mark:
    """`view_box` as SVG has it, `outlines` the paths' `d`, filled by the even-odd rule."""

    view_box: str
    outlines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Accent:
    """One colour for the mark in each theme, and one for the lines under links in both."""

    light: str
    dark: str
    underline: str


@dataclass(frozen=True, slots=True)
class Link:
    """A way from the foot of each page to another site; `names` in the order of the languages, or one for all of them."""

    address: str
    names: tuple[str, ...]

    def name(self, place: int) -> str:
        """In the language at that place; the first one's where a language has none of its own."""
        return self.names[place] if place < len(self.names) else self.names[0]


def links_of(text: str) -> tuple[Link, ...]:
    """`https://mfanopesa.example Mfano Pesa; https://mfanopesa.example/help Help | Msaada`. Raises ValueError."""
    found = []
    for one in filter(None, (one.strip() for one in text.split(";"))):
        address, _, names = one.partition(" ")
        listed = tuple(name.strip() for name in names.split("|"))
        if not re.fullmatch(r"(https?://|mailto:|tel:)[^\s\"<>]+", address) or not all(listed):
            raise ValueError(f"{one!r} is no “https://… Name | Name in the next language”")
        found.append(Link(address, listed))
    return tuple(found)


def read_mark(path: Path) -> Mark:
    """Raises ValueError with what to change; OSError when the file cannot be read."""
    text = path.read_text(encoding="utf-8")
    if len(text.encode()) > LARGEST_MARK:
        raise ValueError(f"give a drawing of at most {LARGEST_MARK} bytes")
    box = _VIEW_BOX.search(text)
    outlines = tuple(" ".join(found.split()) for found in _OUTLINE.findall(text))
    if box is None or not outlines:
        raise ValueError('give an SVG file with a viewBox="…" and drawn with <path d="…">')
    if any(not _OUTLINE_LETTERS.fullmatch(outline) for outline in outlines):
        raise ValueError("a path in it is not an outline")
    return Mark(" ".join(re.split(r"[\s,]+", box.group(1))), outlines)


def accent_of(colour: str) -> Accent:
    """The colour, made dark or light enough to be seen on each page. Raises ValueError."""
    if not re.fullmatch(r"#[0-9a-fA-F]{6}", colour):
        raise ValueError("give a colour as #rrggbb")
    return Accent(
        light=_until(colour, "#000000", [(LIGHT_PAGE, TEXT_CONTRAST)]),
        dark=_until(colour, "#ffffff", [(DARK_PAGE, TEXT_CONTRAST)]),
        underline=_between(colour),
    )


def shades(accent: str) -> dict[str, str]:
    """The desk's scale of an accent, by the theme's names: 600 carries white letters by day, 500
    by night; 300 stands as a link in the dark."""
    white, black = "#ffffff", "#000000"
    by_day = _until(accent, black, [(white, TEXT_CONTRAST)])
    lighter = {"50": 0.95, "100": 0.9, "200": 0.8, "400": 0.4}
    darker = {"700": 0.18, "800": 0.38, "900": 0.54, "950": 0.7}
    scale = {
        **{name: _mixed(by_day, white, share) for name, share in lighter.items()},
        "300": _until(_mixed(by_day, white, 0.6), white, [(DARK_PAGE, TEXT_CONTRAST)]),
        "500": _until(_mixed(by_day, white, 0.2), black, [(white, TEXT_CONTRAST)]),
        "600": by_day,
        **{name: _mixed(by_day, black, share) for name, share in darker.items()},
    }
    return dict(sorted(scale.items(), key=lambda shade: int(shade[0])))


def contrast(one: str, other: str) -> float:
    """WCAG 2's ratio of two colours, 1 to 21."""
    brighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (brighter + 0.05) / (darker + 0.05)


def _luminance(colour: str) -> float:
    parts = [value / 255 for value in _channels(colour)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _channels(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def _mixed(colour: str, with_: str, share: float) -> str:
    pairs = zip(_channels(colour), _channels(with_), strict=True)
    return "#" + "".join(f"{round(one + (other - one) * share):02x}" for one, other in pairs)


def _until(colour: str, towards: str, wanted: list[tuple[str, float]]) -> str:
    """The colour, mixed with black or white just as far as it must be."""
    for step in range(21):
        mixed = _mixed(colour, towards, step / 20)
        if all(contrast(mixed, page) >= ratio for page, ratio in wanted):
            return mixed
    return towards


def _between(colour: str) -> str:
    """One that is seen as a line in both themes: towards white, else towards black."""
    both = [(LIGHT_PAGE, GRAPHIC_CONTRAST), (DARK_PAGE, GRAPHIC_CONTRAST)]
    for towards in ("#ffffff", "#000000"):
        mixed = _until(colour, towards, both)
        if mixed != towards:
            return mixed
    return "#7d7668"
