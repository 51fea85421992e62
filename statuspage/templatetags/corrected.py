"""What a corrected text was about."""

from __future__ import annotations

from django import template

from statuspage import page_beside

register = template.Library()


@register.filter
def heading(field: str, language: str) -> str:
    """`text.field|heading:lang`: What to do, Who is affected, ...; "" for what has no heading of its own."""
    found = page_beside.heading_of(field)
    return found[language] if found else ""
