"""What pages of the past say in numbers: uptime by period, problems counted, promises kept, response times."""

from __future__ import annotations

from collections.abc import Sequence

from django import template
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext, ngettext

from incidents import uptime
from incidents.uptime import Figure
from statuspage import clock_words, drawings
from statuspage.page_responses import Responses
from statuspage.page_uptime import Period
from statuspage.templatetags.public import percent_of
from statuspage.trust import Trust

register = template.Library()


@register.filter
def percent(figure: Figure) -> str:
    """99.48% or a dash: no data."""
    printed = uptime.printed(figure.percent)
    return "–" if printed is None else f"{percent_of(printed)}%"


@register.simple_tag(takes_context=True)
def period_name(context: template.Context, period: Period) -> str:
    """90 days, or October to December 2026"""
    if period.quarter is None:
        return gettext("%(n)d days") % {"n": (period.last - period.first).days + 1}
    return clock_words.months(period.quarter.first, period.quarter.last, context["lang"])


@register.simple_tag
def period_short(period: Period) -> str:
    """90 days, or Q4 2026, for the head of a column"""
    if period.quarter is None:
        return gettext("%(n)d days") % {"n": (period.last - period.first).days + 1}
    return gettext("Q%(number)d %(year)d") % {"number": period.quarter.number, "year": period.quarter.year}


@register.simple_tag
def problems_counted(number: int) -> str:
    if not number:
        return gettext("No problems")
    return ngettext("%(n)d problem", "%(n)d problems", number) % {"n": number}


@register.simple_tag
def bad_days_counted(number: int) -> str:
    """Days on which some service was not well."""
    if not number:
        return gettext("No day with a service in trouble")
    return ngettext("%(n)d day with a service in trouble", "%(n)d days with a service in trouble", number) % {"n": number}


@register.simple_tag
def kept_of(kept: int, made: int) -> str:
    return gettext("%(kept)d of %(made)d promised updates came on time.") % {"kept": kept, "made": made}


@register.simple_tag(takes_context=True)
def trust_words(context: template.Context, found: Trust) -> str:
    """How soon we spoke, how many promises we kept, how many reviews we still owe."""
    said = []
    if found.first_word is not None:
        length = clock_words.minutes(round(found.first_word.total_seconds() / 60), context["lang"])
        said.append(gettext("The first word came after %(time)s (median).") % {"time": length})
    if found.promises_made:
        said.append(kept_of(found.promises_kept, found.promises_made))
    if found.problems:
        words = ngettext("%(n)d review is overdue.", "%(n)d reviews are overdue.", found.reviews_overdue)
        said.append(words % {"n": found.reviews_overdue} if found.reviews_overdue else gettext("No review is overdue."))
    return " ".join(said)


@register.simple_tag
def line(values: Sequence[int | None]) -> SafeString:
    return mark_safe(drawings.line(values))  # noqa: S308


@register.simple_tag(takes_context=True)
def responses_sentence(context: template.Context, found: Responses) -> str:
    """On a usual day half of all answers came within 0.42 s. On the slowest day, 12 Nov, within 1.9 s."""
    said = gettext("On a usual day half of all answers came within %(usual)s. On the slowest day, %(day)s, within %(slowest)s.")
    day_said = clock_words.day_of_month(found.slowest_day, context["lang"])
    return said % {"usual": _length(found.usual), "day": day_said, "slowest": _length(found.slowest)}


def _length(milliseconds: int) -> str:
    if milliseconds < 1000:
        return gettext("%(n)d ms") % {"n": milliseconds}
    return gettext("%(n)s s") % {"n": f"{milliseconds / 1000:.1f}"}
