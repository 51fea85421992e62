"""Pure: words made safe for files that programs read. What no format carries, and what turns the text around it, is taken out."""

from __future__ import annotations

import re
from html import escape

# What XML does not have, and between the first ranges embeddings, overrides (202a to 202e) and isolates (2066 to 2069). In one
# expression: each page is searched whole.
_OUT = re.compile("[^\t\n\r\u0020-\u2029\u202f-\u2065\u206a-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def inert(text: str) -> str:
    """Without the characters XML does not have and those that reverse what follows them."""
    return _OUT.sub("", text)


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
