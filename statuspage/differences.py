"""Pure: how one text differs from an earlier one, word by word, for eyes and for screen readers."""

from __future__ import annotations

import re
from difflib import SequenceMatcher

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString


def difference(before: str, after: str) -> SafeString:
    """`after` with what is new marked <ins> and what is gone <del>; `after` alone where nothing was said before."""
    if not before.strip():
        return format_html("{}", after)
    old, new = _words(before), _words(after)
    pieces: list[tuple[SafeString]] = []
    for kind, i, j, k, m in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        gone, come = "".join(old[i:j]), "".join(new[k:m])
        if kind == "equal":
            pieces.append((format_html("{}", come),))
            continue
        if gone.strip():
            pieces.append((format_html('<del><span class="d-hide" lang="en">Removed: </span>{}</del> ', gone),))
        if come.strip():
            pieces.append((format_html('<ins><span class="d-hide" lang="en">Added: </span>{}</ins>', come),))
        else:
            pieces.append((format_html("{}", come),))
    return format_html_join("", "{}", pieces)


def _words(text: str) -> list[str]:
    return re.findall(r"\s+|[^\s]+", text)
