"""Words of every shape: whatever people write, each format that programs read is made without an error and reads by its rules.

About 15 sets of words; TEST_FUZZ=full takes 2,000.
"""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Mapping
from typing import Any
from xml.etree import ElementTree

import icalendar
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from incidents.languages import codes
from statuspage import api_v2, badges, cap, embed, entries, feeds, ical, page, page_lately, plain_text
from tests.factories import NOON
from tests.incidents import plans
from tests.statuspage import rows

IS_FULL = os.environ.get("TEST_FUZZ") == "full"
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("mfano_pesa"), pytest.mark.timeout(3600 if IS_FULL else 180)]

PIECES = (
    *(
        "<script>alert(1)</script>",
        "]]>",
        "<![CDATA[",
        "-->",
        "<!--",
        "&#0;",
        "&amp",
        "\x00",
        "\x0b",
        "\x1b[31m",
        "\ufffe",
        "\x85",
    ),
    *("\r\nBEGIN:VEVENT\r\n", "\nEND:VCALENDAR", ";VALUE=", "\u2028", "\u202e", "\u2066", "%s%n", "{{ 7*7 }}", "{% now 'Y' %}"),
    *("</title>", "\"'>", "\\", "\\n", ",", ";", "=cmd|' /C calc'!A0", "javascript:alert(1)", "🙂", "\U000e0001", "x" * 5000),
)
WORDS = st.lists(st.sampled_from(PIECES) | st.text(max_size=30), max_size=8).map("".join)


def test_no_words_break_any_format() -> None:
    part = rows.old_component(channels=["app"], areas=[1])
    told = rows.publish(affected={part: "partial_outage"}).incident
    rows.publish(incident=told, status="identified")
    rows.statement(told)
    rows.rebuttal(incident=told)
    plans.announced({part: "partial_outage"}, start=5, end=6)
    now = page.build_now(NOON)
    said = page_lately.build_lately(now)

    @settings(
        max_examples=2000 if IS_FULL else 15,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.explicit, Phase.generate],
    )
    @given(WORDS, WORDS)
    def write(first: str, second: str) -> None:
        words = dict(zip(codes(), (first, second), strict=False))
        for name, raw in everything_of(say(now, words), say(said, words)).items():
            read(name, raw)

    write()


def say(value: Any, words: Mapping[str, str]) -> Any:
    """The same with these words in place of every text that has languages."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {one.name: say(getattr(value, one.name), words) for one in dataclasses.fields(value) if one.init}
        return dataclasses.replace(value, **fields)
    if isinstance(value, Mapping):
        return dict(words) if set(value) == set(words) else {key: say(one, words) for key, one in value.items()}
    if isinstance(value, tuple) and not hasattr(value, "_fields"):
        return tuple(say(one, words) for one in value)
    return value


def everything_of(now: page.NowPage, said: page_lately.Lately) -> dict[str, bytes]:
    made: dict[str, bytes] = {}
    listed = {"history": entries.history, "updates": entries.updates, "feed": entries.updates}
    for language in codes():
        for name, (kind, write) in feeds.FEEDS.items():
            head = feeds.channel(said, kind, language=language, prefix="", stale=True)
            made[f"{language}/{name}"] = write(head, listed[kind](said, language))
        whose = said.identity
        made[f"{language}.ics"] = ical.calendar(
            whose, said.maintenances, said.components, language=language, prefix="", path="/p.ics"
        )
        badge = badges.of_component(said.components[0], language=language, stale=False)
        made |= {f"{language}.svg": badges.svg(badge), f"{language}-b.json": badges.shields(badge)}
        made[f"{language}-summary.json"] = api_v2.summary_json(now, language=language, stale=False)
        made[f"{language}.txt"] = plain_text.lines_of(now, language=language, stale=False)
        made[f"{language}.html"] = embed.frame(said, language=language, stale=False)
    for told in cap.told_of(said):
        made |= cap.messages(said.identity, told)
    return made


def read(name: str, raw: bytes) -> None:
    text = raw.decode()
    kind = name.rpartition(".")[2]
    if kind == "json":
        json.loads(text)
        return
    assert not set("\x00\x0b\x1b\u202e\u2066") & set(text), name
    if kind == "ics":
        [event] = icalendar.Calendar.from_ical(raw).walk("VEVENT")
        assert event.errors == []
    elif kind == "html":
        assert "<script>alert" not in text
    elif kind != "txt":
        names = {str(one.tag).rpartition("}")[2] for one in ElementTree.fromstring(text).iter()}
        assert "script" not in names, name
