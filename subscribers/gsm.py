"""Pure: text in the letters of GSM-7, counted and cut as a phone network counts them."""

from __future__ import annotations

import unicodedata

from incidents.sms_length import BASIC, TWICE

ONE_PART = 160
_INSTEAD = {
    "‘": "'", "’": "'", "‚": "'", "“": '"', "”": '"', "„": '"', "«": '"', "»": '"', "–": "-", "—": "-", "‑": "-", "−": "-",
    "…": "...", "•": "-", "·": "-", "×": "x", "\t": " ", "\u00a0": " ", "\u202f": " ", "\u2009": " ", "`": "'", "\u200b": "",
}  # fmt: skip


def plain(text: str) -> str:
    """The text in GSM-7 letters: signs by their plain cousins, accents dropped where there is no such letter, else a "?"."""
    return "".join(_letter(letter) for letter in text)


def _letter(letter: str) -> str:
    if letter in BASIC or letter in TWICE:
        return letter
    if letter in _INSTEAD:
        return _INSTEAD[letter]
    bare = "".join(one for one in unicodedata.normalize("NFKD", letter) if not unicodedata.combining(one))
    return bare if bare and all(one in BASIC for one in bare) else "?"


def is_plain(text: str) -> bool:
    return all(letter in BASIC or letter in TWICE for letter in text)


def length(text: str) -> int:
    """In septets, as a network counts; for texts that are plain."""
    return sum(2 if letter in TWICE else 1 for letter in text)


def cut(text: str, room: int) -> str:
    """At most `room` septets, ending with a whole word and three dots where something is left out."""
    if length(text) <= room:
        return text
    kept, used = "", 0
    for letter in text:
        used += 2 if letter in TWICE else 1
        if used > room - 3:
            break
        kept += letter
    whole = kept.rpartition(" ")[0] if " " in kept and len(kept.rpartition(" ")[0]) > len(kept) // 2 else kept
    return whole.rstrip(" ,;:-") + "..."
