"""What public templates need beyond Django's own: shapes, times with their zone, the inlined sheet and script, their hashes."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, time
from functools import cache
from typing import Any
from urllib.parse import quote

from django import template
from django.conf import settings
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import get_language_bidi, gettext, ngettext

from incidents import rebuttals, rollup
from incidents.facts import IncidentFacts, Text, UpdateFacts
from incidents.languages import StandIn
from incidents.words import STATUS_WORDS, ComponentStatus
from statuspage import clock_words, drawings, state_words
from statuspage.brand import Accent
from statuspage.days import Days, Span
from statuspage.page import ComponentNow

register = template.Library()

# --- The sheet and the script -------------------------------------------------------------------


ACCENT_IN_THE_SHEET = Accent(light="#6b2fa0", dark="#c79af0", underline="#8a4fbe")  # as public.css is written


def style_text() -> str:
    """The sheet, in the provider's accent and the direction of the language that is spoken. A page that is finished has less of
    it (rendering.render)."""
    return _style_text(bidi=get_language_bidi())


@cache
def _style_text(*, bidi: bool) -> str:
    names = ("public.css", "public-rtl.css") if bidi else ("public.css",)
    text = "\n".join(_tight((settings.BASE_DIR / "static" / "css" / name).read_text()) for name in names)
    for name in ("light", "dark", "underline"):
        text = text.replace(getattr(ACCENT_IN_THE_SHEET, name), getattr(settings.ACCENT, name))
    return text


@cache
def script_text() -> str:
    return _tight((settings.BASE_DIR / "static" / "js" / "freshness.js").read_text())


def _tight(text: str) -> str:
    """Without block comments and indentation; nothing cleverer, so that what is served can be read."""
    lines = re.sub(r"/\*.*?\*/", "", text, flags=re.S).splitlines()
    return "\n".join(line.strip() for line in lines if line.strip())


def hash_of(text: str) -> str:
    """As a policy names what it allows."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def policy_text() -> str:
    """What a page may do. It travels inside the page, so an archive page keeps the hashes of its own sheet after an upgrade.

    `connect-src`: checkers fetch robots.txt. `frame-ancestors` counts only as a header: both servers send it (snapshot.headers).
    """
    return (
        f"default-src 'none'; style-src '{hash_of(style_text())}'; script-src '{hash_of(script_text())}'; "
        "img-src 'self' data:; connect-src 'self'; form-action 'self'; base-uri 'none'"
    )


@register.simple_tag(takes_context=True)
def policy(context: template.Context) -> SafeString:
    said = policy_text()
    if data := context.get("data_script"):
        said = said.replace("script-src ", f"script-src '{hash_of(data)}' ")
    return format_html('<meta http-equiv="Content-Security-Policy" content="{}">', mark_safe(said))  # noqa: S308


@register.simple_tag(takes_context=True)
def data_script(context: template.Context) -> SafeString:
    """The page's `data_script`, a script's text in which nothing can end the element. The policy names it."""
    return mark_safe(f"<script>{context['data_script']}</script>")  # noqa: S308


@register.simple_tag
def style() -> SafeString:
    return mark_safe(f"<style>{style_text()}</style>")  # noqa: S308


@register.simple_tag
def freshness_script(words: Mapping[str, str]) -> SafeString:
    """The script that turns an aged copy, with the words it shows then."""
    aged = quote(json.dumps(dict(words), ensure_ascii=False, separators=(",", ":")), safe="")
    return mark_safe(f'<script data-aged="{aged}">{script_text()}</script>')  # noqa: S308


# --- Shapes ------------------------------------------------------------------------------------


@register.simple_tag(takes_context=True)
def shapes(context: template.Context) -> SafeString:
    """The definitions of the shapes this page uses: `shapes_used`, an iterable of statuses."""
    return mark_safe(drawings.definitions(context.get("shapes_used") or ()))  # noqa: S308


@register.simple_tag
def shape(status: str) -> SafeString:
    """A state's shape beside its word; hidden from screen readers, because the word says it."""
    return mark_safe(drawings.shape(drawings.letter_of(status)))  # noqa: S308


@register.simple_tag(takes_context=True)
def state(context: template.Context, component: ComponentNow) -> SafeString:
    """A service's shape and word. In the stale form it cannot be confirmed; what was worse is still said, as the last we know."""
    status, language = component.facts.status, context["lang"]
    word = component.word[language]
    if context.get("freshness") == "stale":
        worse = rollup.is_worse(status, ComponentStatus.UNKNOWN)
        status = ComponentStatus.UNKNOWN
        word = (
            f"{state_words.status_word(status)[language]} ({_last_known(word)})"
            if worse
            else state_words.status_word(status)[language]
        )
    worse_mark = mark_safe(' data-worse=""') if rollup.is_worse(status, ComponentStatus.UNKNOWN) else ""
    return format_html('<span class="st">{}<span{}>{}</span></span>', shape(status), worse_mark, word)


@register.simple_tag(takes_context=True)
def state_of_all(context: template.Context) -> SafeString:
    """The shape and word of a group in which everything works; in the stale form that cannot be confirmed."""
    status = ComponentStatus.UNKNOWN if context.get("freshness") == "stale" else ComponentStatus.OPERATIONAL
    return format_html(
        '<span class="st">{}<span>{}</span></span>', shape(status), state_words.status_word(status)[context["lang"]]
    )


def _last_known(word: str) -> str:
    return gettext("last known: %(state)s") % {"state": word}


@register.simple_tag
def mark() -> SafeString:
    """The provider's mark, in its accent; nothing where none is set."""
    if settings.MARK is None:
        return SafeString("")
    outlines = format_html_join("", '<path d="{}"/>', ((outline,) for outline in settings.MARK.outlines))
    return format_html('<svg class="mk" viewBox="{}" aria-hidden="true">{}</svg>', settings.MARK.view_box, outlines)


@register.simple_tag
def named_shape(status: str, *, plain: bool = False) -> SafeString:
    """A shape that stands alone, with the word as its name."""
    return format_html(
        '<svg class="i" viewBox="0 0 24 24" role="img" aria-label="{}"><use xlink:href="#{}"/></svg>',
        gettext(STATUS_WORDS[status]),
        drawings.letter_of(status, plain=plain),
    )


@register.simple_tag
def band(statuses: Iterable[str]) -> SafeString:
    return mark_safe(drawings.band(statuses))  # noqa: S308


@register.simple_tag
def icon(status: str) -> SafeString:
    """The favicon in the state's shape; on a page without a state, a dot of the provider's accent."""
    colour, inside = settings.ACCENT.light, "<circle cx='12' cy='12' r='9'/>"
    if status:
        letter, path = drawings.SHAPES[status]
        colour, inside = f"#{drawings.ICON_COLOURS[letter]}", f"<path fill-rule='evenodd' d='{path}'/>"
    drawing = f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 24 24' fill='{colour}'>{inside}</svg>"
    return mark_safe(f'<link rel="icon" href="data:image/svg+xml,{quote(drawing, safe="/:=")}">')  # noqa: S308


# --- Days --------------------------------------------------------------------------------------


@register.simple_tag
def bars(row: Days) -> SafeString:
    return mark_safe(drawings.bars(row.worst))  # noqa: S308


@register.simple_tag
def legend() -> SafeString:
    """What a bar of each form means."""
    rows = [
        (ComponentStatus.OPERATIONAL, gettext("No problem")),
        (ComponentStatus.DELAYED, gettext("Delayed or slow")),
        (ComponentStatus.PARTIAL_OUTAGE, gettext("Not working for some")),
        (ComponentStatus.MAJOR_OUTAGE, gettext("Not working")),
        (ComponentStatus.UNDER_MAINTENANCE, gettext("Planned work")),
        (ComponentStatus.UNKNOWN, gettext("Not confirmed")),
        ("", gettext("No data")),
    ]
    items = ((mark_safe(drawings.bars([status] * 5)), word) for status, word in rows)  # noqa: S308
    return format_html("<ul>{}</ul>", format_html_join("", "<li>{}{}</li>", items))


@register.simple_tag(takes_context=True)
def days_sentence(context: template.Context, row: Days) -> str:
    """99.48% in 90 days, 4 days with problems"""
    if row.known_from is None:
        return gettext("No data yet")
    if row.uptime is None:
        return gettext("Nothing could be confirmed yet")
    values = {"percent": percent_of(row.uptime), "n": len(row.worst), "day": calendar_day(row.known_from, context["lang"])}
    said = gettext("%(percent)s%% in %(n)d days") if row.is_whole else gettext("%(percent)s%% since %(day)s")
    if not row.troubles:
        return f"{said % values}, {gettext('no days with problems')}"
    counted = ngettext("%(n)d day with problems", "%(n)d days with problems", row.troubles) % {"n": row.troubles}
    return f"{said % values}, {counted}"


def percent_of(printed: str) -> str:
    """100 where nothing was lost: rounding down keeps it from meaning anything else."""
    return "100" if printed == "100.00" else printed


@register.simple_tag(takes_context=True)
def span_words(context: template.Context, span: Span) -> str:
    """35 minutes, or since 11:00 am EAT while it goes on."""
    language = context["lang"]
    if span.since is None:
        return clock_words.minutes(span.minutes, language)
    return gettext("since %(time)s") % {"time": clock_words.clock(span.since, language)}


@register.filter
def verdict_word(verdict: str, language: str) -> str:
    word = rebuttals.VERDICTS[rebuttals.Verdict(verdict)][0]
    return word.get(language, word["en"])


@register.filter
def role_words(roles: Sequence[str], language: str) -> str:
    """Head of security, Head of operations"""
    return state_words.roles(roles)[language]


@register.filter
def status_word(status: str) -> str:
    return gettext(STATUS_WORDS[status])


# --- Times and texts ---------------------------------------------------------------------------


def _element(moment: datetime, words: str) -> SafeString:
    return format_html('<time datetime="{}">{}</time>', clock_words.machine(moment), words)


@register.simple_tag(takes_context=True)
def clock(context: template.Context, moment: datetime) -> SafeString:
    """12:15 pm EAT"""
    return _element(moment, clock_words.clock(moment, context["lang"]))


@register.simple_tag(takes_context=True)
def full_time(context: template.Context, moment: datetime) -> SafeString:
    """12:15 pm EAT, 24 Nov 2026"""
    return _element(moment, clock_words.full(moment, context["lang"]))


@register.simple_tag(takes_context=True)
def near_time(context: template.Context, moment: datetime, other: datetime | None = None) -> SafeString:
    """12:15 pm EAT, with the day where it is not the day of `other` (else of the page's making)."""
    return _element(moment, clock_words.near(moment, other or context["built_at"], context["lang"]))


@register.simple_tag(takes_context=True)
def lasted(context: template.Context, start: datetime, end: datetime) -> str:
    """4 h 15 min"""
    return clock_words.lasted(start, end, context["lang"])


@register.simple_tag(takes_context=True)
def how_late(context: template.Context, update: UpdateFacts) -> str:
    """Late by 4 minutes."""
    return gettext("Late by %(time)s.") % {
        "time": clock_words.lasted(update.display_at - update.lateness, update.display_at, context["lang"])
    }


@register.simple_tag(takes_context=True)
def phase_and_day(context: template.Context, incident: IncidentFacts) -> str:
    """Fixed, 24 Nov 2026"""
    language = context["lang"]
    return f"{state_words.phase_word(incident.status)[language]}, {clock_words.day(incident.last_word_at, language)}"


@register.simple_tag(takes_context=True)
def short_day(context: template.Context, value: date) -> str:
    """24 Nov"""
    return clock_words.day_of_month(value, context["lang"])


@register.simple_tag(takes_context=True)
def month_name(context: template.Context, value: date) -> str:
    """November 2026"""
    return clock_words.month(value, context["lang"])


@register.simple_tag(takes_context=True)
def first_word_after(context: template.Context, incident: IncidentFacts) -> str:
    """How long after the first customer impact we spoke."""
    return clock_words.lasted(incident.started_at, incident.first_word_at, context["lang"])


@register.simple_tag(takes_context=True)
def names(context: template.Context, texts: Sequence[Text]) -> str:
    """Send money, Pay a bill and 3 more"""
    return state_words.named(texts)[context["lang"]]


@register.filter
def local_day(moment: datetime) -> date:
    return moment.astimezone(clock_words.zone()).date()


@register.filter
def quoted(text: str) -> str:
    """For an address: no character of it ends a parameter."""
    return quote(text, safe="")


@register.filter
def epoch(moment: datetime) -> int:
    return int(moment.timestamp())


@register.filter
def day(moment: datetime, language: str) -> str:
    """24 Nov 2026"""
    return clock_words.day(moment, language)


@register.filter
def calendar_day(value: date, language: str) -> str:
    """A day without a time: 24 Nov 2026"""
    return clock_words.day(datetime.combine(value, time(12), clock_words.zone()), language)


@register.filter
def iso_day(value: str, language: str) -> str:
    """A day as it lies in a list, 2026-11-24: 24 Nov 2026"""
    return calendar_day(date.fromisoformat(value), language)


@register.filter
def digits(number: str) -> str:
    """A telephone number as a tel: link takes it."""
    return re.sub(r"[^0-9+]", "", number)


@register.filter
def of(texts: Mapping[str, Any] | str, key: str) -> Any:
    """The text in a language: `incident.name|of:lang`; what has one language alone is itself. Words of another language that
    stand in for it carry theirs: in an attribute, a title or a condition take `words` instead."""
    text = words(texts, key)
    return format_html('<span lang="{}">{}</span>', text.language, str(text)) if isinstance(text, StandIn) else text


@register.filter
def words(texts: Mapping[str, Any] | str, key: str) -> Any:
    """The same without markup."""
    return texts if isinstance(texts, str) else texts.get(key, "")


@register.simple_tag(takes_context=True)
def to_come(context: template.Context, texts: Mapping[str, str]) -> SafeString:
    """Said beside words that stand in for the reader's, until somebody writes them as a correction."""
    if not isinstance(texts.get(context["lang"]), StandIn):
        return SafeString("")
    return format_html('<p class="m">{}</p>', gettext("The translation is still to come."))
