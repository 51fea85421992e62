"""What the heads of public pages say to programs."""

from __future__ import annotations

from typing import Any

from django import template
from django.utils.safestring import SafeString, mark_safe

from statuspage import linked_data
from statuspage.page import IncidentPage, PlannedNow
from statuspage.page_answers import AnswerPage

register = template.Library()


@register.simple_tag(takes_context=True)
def linked(context: template.Context, what: IncidentPage | PlannedNow | AnswerPage) -> SafeString:
    """JSON-LD. It is data, not a script that runs, so the page's policy need not name it."""
    language, url = context["lang"], context["base_url"]
    value: dict[str, Any] | None
    if isinstance(what, PlannedNow):
        value = linked_data.event(what, language=language, provider=context["provider"], url=url)
    elif isinstance(what, AnswerPage):
        value = linked_data.claim_review(what, language=language, provider=context["provider"], url=url)
    else:
        value = linked_data.announcement(what, language=language, url=url)
    if value is None:
        return SafeString("")
    return mark_safe(f'<script type="application/ld+json">{linked_data.encoded(value)}</script>')  # noqa: S308
