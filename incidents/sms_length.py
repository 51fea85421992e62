"""Pure: how long a text is as an SMS. Letters of the GSM alphabet (3GPP TS 23.038) go 160 to a message, all others 70."""

from __future__ import annotations

from dataclasses import dataclass

BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
TWICE = frozenset("^{}\\[~]|€\f")  # behind an escape: each counts as two
_PLAINER = {"“": '"', "”": '"', "‘": "'", "’": "'", "–": "-", "—": "-", "…": "...", "\u00a0": " ", "\t": " "}


@dataclass(frozen=True, slots=True)
class Length:
    """`letters` as the network counts them, `most` that fit into one message, `parts` it is sent in."""

    letters: int
    most: int
    parts: int
    is_plain: bool

    @property
    def fits_one(self) -> bool:
        return self.parts <= 1


def measure(text: str) -> Length:
    """The length of a text as it stands."""
    is_plain = all(letter in BASIC or letter in TWICE for letter in text)
    letters = sum(2 if letter in TWICE else 1 for letter in text) if is_plain else len(text.encode("utf-16-be")) // 2
    most, joined = (160, 153) if is_plain else (70, 67)
    parts = 1 if letters <= most else -(-letters // joined)
    return Length(letters, most, parts, is_plain)


def plain(text: str) -> str:
    """The text without typography that would halve an SMS: curly quotes, dashes, the ellipsis."""
    return "".join(_PLAINER.get(letter, letter) for letter in text)
