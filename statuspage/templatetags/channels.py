"""What the form that signs up may name, in the reader's words."""

from __future__ import annotations

from django import template
from django.utils.translation import gettext

from statuspage.public import choices

register = template.Library()


@register.simple_tag
def offered_channels() -> dict[str, str]:
    """By code."""
    return choices.offered()


@register.simple_tag
def offered_payloads() -> list[tuple[str, str]]:
    """(code, words) of the forms of a webhook's bodies."""
    return [(payload.value, gettext(words)) for payload, words in choices.PAYLOADS.items()]
