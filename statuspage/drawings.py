"""Pure: the drawings of the page as SVG: the seven shapes, the band of one shape a service, a bar for each day."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby

from incidents.words import ComponentStatus

# One even-odd path each on a 24 grid; the letter is its id and its colour's class in public.css.
SHAPES: dict[str, tuple[str, str]] = {
    ComponentStatus.OPERATIONAL: (
        "o",
        "M12 2a10 10 0 1 0 0 20 10 10 0 0 0 0-20zm-1.4 15.4L5.9 12.7 7.6 11l3 3 6-6.6L18.4 9z",
    ),
    ComponentStatus.DELAYED: ("d", "M3.5 2h17v3.2L14 12l6.5 6.8V22h-17v-3.2L10 12 3.5 5.2z"),
    ComponentStatus.DEGRADED_PERFORMANCE: ("l", "M12 2.5 23 21.5H1zM10.9 9l.4 6.5h1.4l.4-6.5zm-.1 8v2.3h2.4V17z"),
    ComponentStatus.PARTIAL_OUTAGE: ("h", "M12 1 23 12 12 23 1 12zm0 3.2v15.6L19.8 12z"),
    ComponentStatus.MAJOR_OUTAGE: (
        "j",
        "M7.9 2h8.2L22 7.9v8.2L16.1 22H7.9L2 16.1V7.9zm.4 4.8L6.8 8.3 10.5 12l-3.7 3.7 1.5 1.5 3.7-3.7 3.7 3.7 1.5-1.5-3.7-3.7"
        " 3.7-3.7-1.5-1.5-3.7 3.7z",
    ),
    ComponentStatus.UNDER_MAINTENANCE: ("n", "M2.5 2.5h19v19h-19zM6 7v2.2h12V7zm0 3.9v2.2h12v-2.2zm0 3.9V17h12v-2.2z"),
    ComponentStatus.UNKNOWN: (
        "u",
        "M12 2a10 10 0 1 0 0 20 10 10 0 0 0 0-20zm0 2.2a7.8 7.8 0 1 1 0 15.6 7.8 7.8 0 0 1 0-15.6zM8.9 9.6c.1-1.9 1.4-3 3.2-3"
        " 1.9 0 3.2 1.1 3.2 2.8 0 1.3-.7 2-1.6 2.6-.7.5-.8.8-.8 1.6h-2c0-1.4.3-2.1 1.3-2.8.7-.5 1-.8 1-1.4s-.4-1-1.1-1-1.2.5-1.2"
        " 1.2zm1.9 5.4h2.2v2.2h-2.2z",
    ),
}
PLAIN_CIRCLE = "O"  # working, in the band
ICON_COLOURS = {"o": "0b7a55", "d": "b06f00", "l": "b06f00", "h": "cf4f0c", "j": "b8132a", "n": "1f68b3", "u": "66717c"}
BAND_STEP = 26


def shape(letter: str) -> str:
    return f'<svg class="i" viewBox="0 0 24 24" aria-hidden="true"><use xlink:href="#{letter}"/></svg>'


def definitions(used: Iterable[str]) -> str:
    """The shapes a page uses, once; "" for none."""
    wanted = set(used)
    if not wanted:
        return ""
    parts = [f'<circle id="{PLAIN_CIRCLE}" class="o" cx="12" cy="12" r="10"/>']
    chosen = (SHAPES[status] for status in SHAPES if status in wanted)
    parts += [f'<path id="{letter}" class="{letter}" d="{path}"/>' for letter, path in chosen]
    return f'<svg class="df" width="0" height="0" aria-hidden="true"><defs>{"".join(parts)}</defs></svg>'


def letter_of(status: str, *, plain: bool = False) -> str:
    """A shape's id; `plain`: working is the circle without its tick."""
    return PLAIN_CIRCLE if plain and status == ComponentStatus.OPERATIONAL else SHAPES[status][0]


def band(statuses: Iterable[str]) -> str:
    """One shape per service in page order; working is the plain circle."""
    letters = [letter_of(status, plain=True) for status in statuses]
    uses = [
        f'<use xlink:href="#{letter}"{f" x={chr(34)}{place * BAND_STEP}{chr(34)}" if place else ""}/>'
        for place, letter in enumerate(letters)
    ]
    width = max(len(letters), 8) * BAND_STEP - 6  # with few services the shapes must not become huge
    return f'<svg class="pin" viewBox="2 0 {width} 24" aria-hidden="true">{"".join(uses)}</svg>'


# --- Days --------------------------------------------------------------------------------------

DAY_STEP = 4  # units of a bar's width, so that a day is a whole number of pixels
_NO_DATA_LETTER = "z"
# Height and form of a day's bar: what is fine fills it in one dashed line, what is not is drawn day by day.
_STROKES: dict[str, tuple[str, ...]] = {
    "d": ("24V8",),
    "l": ("24V8",),
    "h": ("24V13",),
    "j": ("24V18", "5V0"),
    "n": ("24V18", "15V9", "6V0"),
    "u": ("24V21",),
}


def strokes(worst: Sequence[str]) -> dict[str, str]:
    """{class: path data} of a row of days, in the order of the shapes."""
    letters = [SHAPES[status][0] if status else _NO_DATA_LETTER for status in worst]
    paths: dict[str, str] = {}
    place = 0
    for letter, same in groupby(letters):
        count = len(list(same))
        start, end = DAY_STEP * place, DAY_STEP * (place + count)
        if letter == "o":
            drawn = f"M{start + 1} 12H{end}"
        elif letter == _NO_DATA_LETTER:
            drawn = f"M{start} 23.5H{end}"
        else:
            middles = (f"{start + 1.5 + DAY_STEP * day:g}" for day in range(count))
            drawn = "".join(f"M{middle} {stroke}" for middle in middles for stroke in _STROKES[letter])
        paths[letter] = paths.get(letter, "") + drawn
        place += count
    return {letter: paths[letter] for letter in (_NO_DATA_LETTER, *(one for one, _ in SHAPES.values())) if letter in paths}


def bars(worst: Sequence[str]) -> str:
    """One bar a day, the oldest first: height and form say the state, colour only helps. The words stand beside it."""
    paths = "".join(f'<path class="{letter}" d="{drawn}"/>' for letter, drawn in strokes(worst).items())
    width = DAY_STEP * len(worst)
    return f'<svg class="b" viewBox="0 0 {width} 24" preserveAspectRatio="none" aria-hidden="true">{paths}</svg>'


# --- Answers' lengths ------------------------------------------------------------------------------

LINE_HEIGHT = 40


def line(values: Sequence[int | None]) -> str:
    """A line through one value a day, from 0 at the foot to the largest at the top; days without one are gaps."""
    top = max((value for value in values if value is not None), default=0) or 1
    drawn = ""
    broken = True
    for place, value in enumerate(values):
        if value is not None:
            height = round(LINE_HEIGHT - 1 - value / top * (LINE_HEIGHT - 2), 1)
            drawn += f"{'M' if broken else 'L'}{DAY_STEP * place} {height:g}{'h2' if broken else ''}"
        broken = value is None
    width = DAY_STEP * len(values)
    frame = f'class="b ln" viewBox="0 0 {width} {LINE_HEIGHT}" preserveAspectRatio="none" aria-hidden="true"'
    return f'<svg {frame}><path d="{drawn}"/></svg>'
