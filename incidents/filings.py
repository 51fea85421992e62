"""Pure: drafts of what a deadline asks for, as text. A person reads, completes and files them; nothing is sent.

A draft shows what is not known as a gap to be filled in, never as an empty line.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta, tzinfo

from incidents import wording
from incidents.clocks import Rule

_SLOT = re.compile(r"\{([a-z_]+)\}")
_GAP = {"en": "[to be filled in: {}]", "sw": "[ijazwe: {}]"}

# Every slot a draft may have, in words for the gap. Those that are moments are filled from the incident's timestamps.
SLOTS: dict[str, dict[str, str]] = {
    "advice": {"en": "what customers can do", "sw": "wateja wafanye nini"},
    "alternatives": {"en": "what still works", "sw": "huduma zinazofanya kazi"},
    "areas": {"en": "places", "sw": "maeneo"},
    "attribution": {"en": "whose fault it was", "sw": "tatizo lilikuwa la nani"},
    "aware": {"en": "when we became aware", "sw": "tulipojua"},
    "breach_aware": {"en": "when we learned of the breach", "sw": "tulipojua kuhusu data"},
    "cause": {"en": "cause", "sw": "chanzo"},
    "channels": {"en": "channels", "sw": "njia za kutumia huduma"},
    "classified_major": {"en": "when it was classified as major", "sw": "ilipoainishwa kuwa kubwa"},
    "compensation": {"en": "compensation", "sw": "fidia"},
    "contact": {"en": "contact", "sw": "mawasiliano"},
    "criteria": {"en": "criteria met", "sw": "vigezo"},
    "customers_affected": {"en": "customers affected", "sw": "wateja walioathirika"},
    "customers_told": {"en": "when customers were told", "sw": "wateja walipojulishwa"},
    "data_affected": {"en": "data concerned", "sw": "data iliyohusika"},
    "data_subjects_told": {"en": "how the people concerned are told", "sw": "wahusika wanavyojulishwa"},
    "detected": {"en": "when it was detected", "sw": "ilipogunduliwa"},
    "detected_by": {"en": "who detected it", "sw": "aliyegundua"},
    "duration": {"en": "how long it lasted", "sw": "ilidumu muda gani"},
    "effects": {"en": "likely effects", "sw": "athari"},
    "first_customer_impact": {"en": "first effect on customers", "sw": "wateja walipoathirika mwanzo"},
    "first_public_update": {"en": "first public word", "sw": "taarifa ya kwanza"},
    "identified": {"en": "when the cause was found", "sw": "chanzo kilipojulikana"},
    "late_reason": {"en": "reasons for lateness", "sw": "sababu za kuchelewa"},
    "losses": {"en": "costs and losses", "sw": "hasara"},
    "measures": {"en": "measures taken", "sw": "hatua zilizochukuliwa"},
    "mitigated": {"en": "when service was restored", "sw": "huduma iliporejea"},
    "planned_announced": {"en": "when it was announced", "sw": "ilipotangazwa"},
    "planned_end": {"en": "planned end", "sw": "mwisho uliopangwa"},
    "planned_start": {"en": "planned start", "sw": "mwanzo uliopangwa"},
    "prevention": {"en": "prevention, with dates and owners", "sw": "kuzuia kurudia, tarehe na wahusika"},
    "provider": {"en": "provider", "sw": "mtoa huduma"},
    "public_url": {"en": "link", "sw": "kiungo"},
    "reference": {"en": "reference", "sw": "kumbukumbu"},
    "resolved": {"en": "when it was over", "sw": "ilipoisha"},
    "restoration_estimate": {"en": "expected time of restoration", "sw": "wakati unaotarajiwa kurejea"},
    "security": {"en": "security related, or not", "sw": "inahusu usalama au la"},
    "services": {"en": "services", "sw": "huduma"},
    "share_affected": {"en": "share of transactions affected", "sw": "sehemu ya miamala iliyoathirika"},
    "status": {"en": "state now", "sw": "hali sasa"},
    "title": {"en": "what happened", "sw": "kilichotokea"},
}


def languages(rule: Rule) -> tuple[str, ...]:
    """The languages a deadline has a draft in: what goes to customers in all, what goes to a supervisor in English."""
    return tuple(rule.draft)


def draft(rule: Rule, *, language: str, values: Mapping[str, str]) -> str:
    """The text with its slots filled; "" where the rule has no draft in the language."""

    def fill(slot: re.Match[str]) -> str:
        return values.get(slot.group(1), "").strip() or gap(slot.group(1), language)

    return _SLOT.sub(fill, rule.draft.get(language, "")).strip()


def gap(slot: str, language: str) -> str:
    """How a slot without a value shows: [to be filled in: cause]."""
    names = SLOTS.get(slot, {})
    return _GAP.get(language, _GAP["en"]).format(names.get(language) or names.get("en") or slot)


def slots(rule: Rule) -> set[str]:
    """Every slot of the rule's drafts."""
    return {slot for text in rule.draft.values() for slot in _SLOT.findall(text)}


def still_open(text: str) -> bool:
    """Does a draft have gaps left?"""
    return any(mark.partition("{}")[0] in text for mark in _GAP.values())


def moment_values(moments: Mapping[str, datetime], *, language: str, zone: tzinfo) -> dict[str, str]:
    """Moments as a filing writes them: the clock with its zone's name and the day, by slot."""
    return {
        name: f"{wording.clock(moment, language, zone)} {wording.zone_name(moment, zone)}, {wording.day(moment, language, zone)}"
        for name, moment in moments.items()
        if name in SLOTS
    }


def duration_words(length: timedelta, language: str) -> str:
    """3 h 49 min or saa 3 dakika 49; hours run on past a day, as supervisors count them."""
    hours, minutes = divmod(max(0, round(length.total_seconds() / 60)), 60)
    if language == "sw":
        return f"saa {hours} dakika {minutes}"
    return f"{hours} h {minutes} min"
