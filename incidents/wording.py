"""Pure: moments in words. English on a 12-hour clock, Kiswahili in 24-hour digits: the Swahili day starts at dawn, so an hour
in words would be six hours off."""

from __future__ import annotations

from datetime import datetime, tzinfo

_MONTHS = {
    "en": ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"],
    "sw": [
        "Januari",
        "Februari",
        "Machi",
        "Aprili",
        "Mei",
        "Juni",
        "Julai",
        "Agosti",
        "Septemba",
        "Oktoba",
        "Novemba",
        "Desemba",
    ],
}


def clock(moment: datetime, language: str, zone: tzinfo) -> str:
    """4:55 pm or 16:55, without the zone's name."""
    local = moment.astimezone(zone)
    if language == "sw":
        return f"{local:%H:%M}"
    return f"{local.hour % 12 or 12}:{local:%M} {'am' if local.hour < 12 else 'pm'}"


def zone_name(moment: datetime, zone: tzinfo) -> str:
    return moment.astimezone(zone).tzname() or "UTC"


def day(moment: datetime, language: str, zone: tzinfo) -> str:
    """24 Nov 2026 or 24 Novemba 2026."""
    local = moment.astimezone(zone)
    return f"{local.day} {short_month(local, language)} {local.year}"


def short_month(local: datetime, language: str) -> str:
    """Nov or Novemba, of a moment in its own zone."""
    return _MONTHS.get(language, _MONTHS["en"])[local.month - 1]


def clock_from(moment: datetime, now: datetime, language: str, zone: tzinfo) -> str:
    """The clock with the zone's name, and the day where it is not `now`'s: 4:55 pm EAT, 23 Nov 2026."""
    words = f"{clock(moment, language, zone)} {zone_name(moment, zone)}"
    if moment.astimezone(zone).date() == now.astimezone(zone).date():
        return words
    return f"{words}, {day(moment, language, zone)}"
