"""Moments in words on the page's own clock: the zone is always named, the clock's form is the language's (incidents.wording)."""

from __future__ import annotations

from datetime import date, datetime, time
from zoneinfo import ZoneInfo

from django.conf import settings
from django.utils.dates import MONTHS
from django.utils.translation import gettext, ngettext, override

from incidents import wording


def zone() -> ZoneInfo:
    return ZoneInfo(settings.PAGE_TIME_ZONE)


def machine(moment: datetime) -> str:
    """For a datetime attribute: 2026-11-24T12:15+03:00"""
    return moment.astimezone(zone()).isoformat(timespec="minutes")


def clock(moment: datetime, language: str) -> str:
    """12:15 pm EAT or 12:15 EAT"""
    return f"{wording.clock(moment, language, zone())} {wording.zone_name(moment, zone())}"


def day(moment: datetime, language: str) -> str:
    """24 Nov 2026 or 24 Novemba 2026"""
    return wording.day(moment, language, zone())


def full(moment: datetime, language: str) -> str:
    """12:15 pm EAT, 24 Nov 2026"""
    return f"{clock(moment, language)}, {day(moment, language)}"


def day_of_month(value: date, language: str) -> str:
    """24 Nov"""
    return day(datetime.combine(value, time(12), zone()), language).rpartition(" ")[0]


def month(value: date, language: str) -> str:
    """November 2026"""
    with override(language):
        return f"{MONTHS[value.month]} {value.year}"


def months(first: date, last: date, language: str) -> str:
    """October to December 2026, of one year"""
    with override(language):
        return gettext("%(first)s to %(last)s") % {"first": MONTHS[first.month], "last": f"{MONTHS[last.month]} {last.year}"}


def near(moment: datetime, now: datetime, language: str) -> str:
    """The clock, and the day where it is not `now`'s."""
    return wording.clock_from(moment, now, language, zone())


def lasted(start: datetime, end: datetime, language: str) -> str:
    """4 h 15 min, 56 minutes, 3 days 2 h; below a minute counts as one."""
    return minutes(round((end - start).total_seconds() / 60), language)


def minutes(length: int, language: str) -> str:
    """So many minutes as a length: 4 h 15 min."""
    length = max(1, length)
    hours, rest = divmod(length, 60)
    days, hours_of_day = divmod(hours, 24)
    with override(language):
        parts = [
            ngettext("%(n)d day", "%(n)d days", days) % {"n": days} if days else "",
            gettext("%(n)d h") % {"n": hours_of_day} if hours_of_day else "",
            gettext("%(n)d min") % {"n": rest} if hours and rest and not days else "",
            ngettext("%(n)d minute", "%(n)d minutes", length) % {"n": length} if not hours else "",
        ]
    return " ".join(part for part in parts if part)
