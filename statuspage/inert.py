"""Pure: words made safe for files that programs read. What no format carries, and what turns the text around it, is taken out."""

from __future__ import annotations

import re
from html import escape

_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_TURNING = re.compile("[\u202a-\u202e\u2066-\u2069]")  # embeddings, overrides, isolates


def inert(text: str) -> str:
    """Without the characters XML does not have and those that reverse what follows them."""
    return _TURNING.sub("", _NOT_XML.sub("", text))


def line(text: str, longest: int | None = None) -> str:
    """The same on one line, cut to so many characters."""
    flat = " ".join(inert(text).split())
    return flat if longest is None or len(flat) <= longest else f"{flat[: longest - 1].rstrip()}…"


def xml(text: str) -> str:
    """For an element or an attribute."""
    return escape(inert(text))


def html(text: str) -> str:
    """For HTML that travels in a feed: escaped, with its line breaks."""
    return escape(inert(text), quote=False).replace("\r\n", "\n").replace("\n", "<br />")
