"""Public pages as text: one template, one language, the frame every page has. No request, no query."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.template.loader import render_to_string
from django.utils.translation import override

from incidents.languages import codes
from statuspage import inert, sheets
from statuspage.templatetags.public import hash_of, style_text


def prefix_of(language: str) -> str:
    """The start of a language's paths: nothing for the first configured one, /sw for the next."""
    return "" if language == codes()[0] else f"/{language}"


def frame(*, language: str, path: str) -> dict[str, Any]:
    """What base.html needs. `path` is the page's path without its language: /, /subscribe, /incidents/…"""
    return {
        "lang": language,
        "prefix": prefix_of(language),
        "path": path,
        "base_url": settings.BASE_URL,
        "other_languages": [
            {"code": code, "name": name, "href": f"{prefix_of(code)}{path}"}
            for code, name in settings.LANGUAGES
            if code != language
        ],
        "twins": [(code, f"{settings.BASE_URL}{prefix_of(code)}{path}") for code in codes()],
        "provider": settings.PROVIDER_NAME,
        "exercise": settings.EXERCISE,
        "help_line": settings.HELP_LINE,
        "contact": settings.CONTACT,
        "pin_warning": settings.PIN_WARNING,
        "noindex": settings.NOINDEX,
        "links": [(link.address, link.name(codes().index(language))) for link in settings.LINKS],
        "languages": settings.LANGUAGES,
        "freshness": "",
        "icon_status": "",
        "built_at": None,
    }


def render(template: str, *, language: str, path: str, **context: Any) -> str:
    """A public page in one language. Context given here wins over the frame's. Whatever people wrote, no character in it is one
    that HTML does not have, or turns the text around it. Of the sheet it has the rules it needs, and its policy names those."""
    with override(language):
        page = inert.inert(render_to_string(template, {**frame(language=language, path=path), **context}))
        whole = style_text()
    trimmed = sheets.trimmed(whole, page)
    return page.replace(whole, trimmed, 1).replace(hash_of(whole), hash_of(trimmed), 1)
