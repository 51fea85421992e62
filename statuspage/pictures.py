"""Pure: the pictures that chats and search engines show beside a link to us: whose page it is, a state's shape, words, a time.

Drawn with Pillow, which is loaded only where one is drawn. Its own font has the letters of English and Kiswahili; a text with a
letter that the font lacks is left out rather than shown as boxes, and HALI_PICTURE_FONT names one that has it.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from django.conf import settings
from django.utils.translation import gettext, gettext_noop, override

from incidents import rollup
from incidents.facts import ComponentFacts, IncidentFacts
from incidents.words import ComponentStatus, IncidentStatus
from statuspage import clock_words, drawings, inert, state_words
from statuspage.rendering import prefix_of

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageDraw import ImageDraw
    from PIL.ImageFont import FreeTypeFont

WIDTH, HEIGHT = 1200, 630
LONGEST = 120  # characters of the words
_MARGIN, _SHAPE, _FINER = 80, 220, 4  # a shape is drawn four times as large, then made smaller: no jagged edge
_PAPER, _INK, _GREY = "#fbfaf6", "#16191c", "#565c63"
_SIZES = (84, 72, 62, 52, 44)
_LINES = 4
OVER, ANSWER = "over", "answer"


@dataclass(frozen=True, slots=True)
class Picture:
    """`status` "" draws no shape; `foot` may be empty."""

    provider: str
    status: str
    words: str
    foot: str = ""

    @property
    def alt(self) -> str:
        return f"{self.provider}: {self.words}"

    @property
    def key(self) -> str:
        """Changes with all it shows."""
        return hashlib.sha256(repr(self).encode()).hexdigest()[:8]


def of_page(
    components: Sequence[ComponentFacts], open_incidents: Sequence[IncidentFacts], *, language: str, stale: bool
) -> Picture:
    """The page about now. Its time is that of the last change, so it is drawn when something changes and not before."""
    status = state_words.shape_of_page(components, open_incidents, stale=stale)
    if stale:
        return _picture(status, state_words.stale_headline()[language], language)
    changes = [*(part.changed_at for part in components), *(incident.last_word_at for incident in open_incidents)]
    foot = ""
    if changes:
        with override(language):
            foot = gettext("As of %(time)s.") % {"time": clock_words.full(max(changes), language)}
    return _picture(status, state_words.headline(components, open_incidents)[language], language, foot)


def standing(language: str) -> dict[str, Picture]:
    """By name: one a state, one of what is over, one of our answers to claims."""
    found = {str(status): _picture(status, state_words.status_word(status)[language], language) for status in ComponentStatus}
    resolved = state_words.phase_word(IncidentStatus.RESOLVED)[language]
    found[OVER] = _picture(ComponentStatus.OPERATIONAL, resolved, language)
    found[ANSWER] = _picture("", state_words.say(gettext_noop("Our answer"))[language], language)
    return found


def of_incident(incident: IncidentFacts, language: str) -> Picture | None:
    """Of a problem that is open, with the time of its newest word, so that an old forward looks old. None: it is over, and the
    standing picture of that serves."""
    if not incident.is_open:
        return None
    status = rollup.worst(item.new_status for item in incident.stated)
    shape = ComponentStatus.DEGRADED_PERFORMANCE if status == ComponentStatus.OPERATIONAL else status
    with override(language):
        time = gettext("As of %(time)s.") % {"time": clock_words.full(incident.last_word_at, language)}
    phase = state_words.phase_word(incident.status)[language]
    return _picture(shape, incident.name[language], language, f"{phase}. {time}")


def address_of_incident(incident: IncidentFacts, picture: Picture, language: str) -> str:
    """It changes with each word, as chats keep what they have seen."""
    return f"{settings.BASE_URL}{prefix_of(language)}/pictures/{incident.public_id}.png?{picture.key}"


def address_of_page(picture: Picture, language: str) -> str:
    """It changes with the picture; whatever stands behind the question mark, the picture of now is served."""
    return f"{settings.BASE_URL}{prefix_of(language)}/picture.png?{picture.key}"


def address(name: str, language: str) -> str:
    """Of a standing one."""
    return f"{settings.BASE_URL}{prefix_of(language)}/pictures/{name}.png?{standing(language)[name].key}"


def _picture(status: str, words: str, language: str, foot: str = "") -> Picture:
    with override(language):
        provider = gettext("%(name)s status") % {"name": settings.PROVIDER_NAME}
    return Picture(inert.line(provider, LONGEST), str(status), inert.line(words, LONGEST), foot)


# --- Drawing ---------------------------------------------------------------------------------------


@lru_cache(maxsize=64)
def png(picture: Picture) -> bytes:
    """1200 x 630, in few colours: some ten kilobytes."""
    from PIL import Image, ImageDraw

    image = Image.new("RGB", (WIDTH, HEIGHT), _PAPER)
    draw = ImageDraw.Draw(image)
    draw.rectangle((_MARGIN, _MARGIN - 4, WIDTH - _MARGIN, _MARGIN - 1), fill=_INK)
    _write(draw, (_MARGIN, _MARGIN + 24), picture.provider, 44, _INK)
    left = _MARGIN
    if picture.status:
        letter, path = drawings.SHAPES[picture.status]
        image.paste(f"#{drawings.ICON_COLOURS[letter]}", (_MARGIN, 215), _shape(path))
        left += _SHAPE + 56
    size, lines = _fitted(picture.words, WIDTH - _MARGIN - left)
    top = 215 + (_SHAPE - round(len(lines) * size * 1.16)) // 2
    for number, words in enumerate(lines):
        _write(draw, (left, top + round(number * size * 1.16)), words, size, _INK)
    _write(draw, (_MARGIN, HEIGHT - _MARGIN - 36), picture.foot, 34, _GREY)
    out = io.BytesIO()
    image.quantize(32, method=Image.Quantize.FASTOCTREE).save(
        out, "PNG"
    )  # a fifth of the time of the best, for a tenth more bytes
    return out.getvalue()


def ico(status: str) -> bytes:
    """The favicon for browsers that read no SVG: a state's shape in its colour, on nothing."""
    from PIL import Image

    letter, path = drawings.SHAPES[status]
    image = Image.new("RGBA", (32, 32), f"#{drawings.ICON_COLOURS[letter]}")
    image.putalpha(_shape(path).resize((32, 32), Image.Resampling.LANCZOS))
    out = io.BytesIO()
    image.save(out, "ICO", sizes=[(16, 16), (32, 32)])
    return out.getvalue()


def _write(draw: ImageDraw, at: tuple[int, int], words: str, size: int, colour: str) -> None:
    font = _font(size)
    if words and _has_all(font, words):
        draw.text(at, words, font=font, fill=colour, stroke_width=size / 60)


@lru_cache(maxsize=16)
def _font(size: int) -> FreeTypeFont:
    from PIL import ImageFont

    if settings.PICTURE_FONT:
        return ImageFont.truetype(settings.PICTURE_FONT, size)
    font = ImageFont.load_default(size)
    assert isinstance(font, ImageFont.FreeTypeFont)
    return font


def _has_all(font: FreeTypeFont, words: str) -> bool:
    """Has it a drawing for each letter? What it lacks looks like a character that no font has."""
    lacking = bytes(font.getmask("\ue123"))
    return all(bytes(font.getmask(letter)) != lacking for letter in set(words) - {" ", "\u00a0"})


def _fitted(words: str, width: int) -> tuple[int, list[str]]:
    """The largest size in which the words have room, and their lines."""
    for size in _SIZES:
        lines = list(_wrapped(words, _font(size), width))
        if len(lines) <= _LINES and all(_font(size).getlength(line) <= width for line in lines) and len(lines) * size <= 250:
            return size, lines
    return size, [inert.line(line, 30) for line in lines[:_LINES]]


def _wrapped(words: str, font: FreeTypeFont, width: int) -> Iterable[str]:
    line = ""
    for word in words.split():
        longer = f"{line} {word}".strip()
        if line and font.getlength(longer) > width:
            yield line
            longer = word
        line = longer
    yield line


def _shape(path: str) -> Image:
    """A mask of a 24 x 24 outline, filled by the even-odd rule."""
    from PIL import Image, ImageChops, ImageDraw

    large = _SHAPE * _FINER
    mask = Image.new("1", (large, large))
    for points in _outlines(path, large / 24):
        part = Image.new("1", (large, large))
        ImageDraw.Draw(part).polygon(points, fill=1)
        mask = ImageChops.logical_xor(mask, part)
    return mask.convert("L").resize((_SHAPE, _SHAPE), Image.Resampling.LANCZOS)


def _outlines(path: str, scale: float) -> Iterable[list[tuple[float, float]]]:
    """The closed lines of an SVG path as corners; curves in short steps."""
    from svg.path import Line, Move, parse_path

    points: list[tuple[float, float]] = []
    for piece in parse_path(path):
        if isinstance(piece, Move) and points:
            yield points
            points = []
        steps = 1 if isinstance(piece, Line | Move) else 24
        places = (piece.point(step / steps) for step in range(1, steps + 1))
        points += [(place.real * scale, place.imag * scale) for place in places]
    yield points
