"""What the heads of public pages say to programs."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django import template
from django.conf import settings
from django.utils.html import format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext

from statuspage import clock_words, inert, linked_data, pictures
from statuspage.page import IncidentPage, PlannedNow
from statuspage.page_answers import AnswerPage
from statuspage.pictures import Picture

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


@register.simple_tag(takes_context=True)
def card(
    context: template.Context,
    words: str = "",
    description: str = "",
    picture: str | Picture = "",
    published: datetime | None = None,
    modified: datetime | None = None,
) -> SafeString:
    """What chats and search engines show of a link: Open Graph and Twitter's card. `words` "": the page is named by whose it is.
    `description` "": what the whole site is about. `picture`: the name of a standing one; a page with one of its own
    has that as `picture` and its address in `picture_address`. With `published` it is an article."""
    language = context["lang"]
    whose = gettext("%(name)s status") % {"name": context["provider"]}
    what_for = gettext("Which services of %(name)s work, which do not, and what we said of it.")
    about = description or what_for % {"name": context["provider"]}
    if words and picture and isinstance(picture, str):
        address, alt = pictures.address(picture, language), pictures.standing(language)[picture].alt
    elif found := context.get("picture_address"):
        address, alt = found, context["picture"].alt
    else:
        address = alt = ""
    title = f"{inert.line(str(words), 120)}: {whose}" if words else whose
    said = [
        ("description", inert.line(str(about), 200)),
        ("og:title", title),
        ("og:description", inert.line(str(about), 200)),
        ("og:type", "article" if published else "website"),
        ("og:url", f"{context['base_url']}{context['prefix']}{context['path']}"),
        ("og:site_name", whose),
        ("og:locale", f"{language}_{settings.COUNTRY}" if settings.COUNTRY else ""),
        ("article:published_time", clock_words.machine(published) if published else ""),
        ("article:modified_time", clock_words.machine(modified) if modified else ""),
        ("og:image", address),
        ("og:image:width", str(pictures.WIDTH) if address else ""),
        ("og:image:height", str(pictures.HEIGHT) if address else ""),
        ("og:image:alt", alt),
        ("twitter:card", "summary_large_image" if address else "summary"),
    ]
    rows = (("property" if ":" in name and not name.startswith("twitter") else "name", name, text) for name, text in said if text)
    return format_html_join("\n", '<meta {}="{}" content="{}">', rows)
