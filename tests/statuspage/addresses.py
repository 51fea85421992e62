"""Every address that the app itself answers, out of its own lists of them."""

from __future__ import annotations

import re

from django.urls import URLPattern, URLResolver


def addresses_of(resolver: URLResolver, before: str = "/") -> list[str]:
    """With {} for whatever an address takes."""
    found = []
    for one in resolver.url_patterns:
        whole = before + re.sub(r"<[^>]+>", "{}", str(one.pattern)).replace("^", "").replace("\\Z", "").replace("$", "")
        if isinstance(one, URLPattern):
            found.append(re.sub(r"\(\?P.*?\)", "{}", whole))
        else:
            found += addresses_of(one, whole)
    return found
