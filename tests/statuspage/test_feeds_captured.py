"""What a live page's history.atom said, expressed in our rows, comes out of our feed equal: element by element, word by word.

Every difference that remains stands in DIFFERENCES with its reason; one that is listed and does not occur fails too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from html import unescape
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element, fromstring

import pytest

from incidents.languages import in_all
from statuspage import entries, feeds, page, page_lately
from tests.factories import IncidentFactory
from tests.statuspage import rows

pytestmark = pytest.mark.django_db

CAPTURED = Path(__file__).parent.parent / "fixtures" / "statuspage_v2" / "github-history-first-3-entries.atom"
ATOM = "{http://www.w3.org/2005/Atom}"
DIFFERENCES = {
    "feed/@lang": "a language without a country: the words are for all who read it",
    "feed/subtitle": "ours says whether the page is fresh",
    "entry order": "ours has the title behind the id; Atom gives the order no meaning",
    "entry/published": "theirs is the last word's time; ours is when the incident became public, and never changes",
    "entry/updated": "a time: theirs is that of saving the row, ours that of the last word or its correction",
}
_WORD = re.compile(
    r"<p><small>(\w{3}) <var data-var='date'>(\d+)</var>, <var data-var='time'>(\d\d):(\d\d)</var> UTC</small><br>"
    r"<strong>(\w+)</strong> - (.*?)</p>"
)
_STATUSES = {"Investigating": "investigating", "Identified": "identified", "Monitoring": "monitoring", "Resolved": "resolved"}


@pytest.fixture(autouse=True)
def github(settings: Any) -> None:
    settings.PROVIDER_NAME, settings.BASE_URL, settings.PAGE_TIME_ZONE = "GitHub", "https://www.githubstatus.com", "Etc/UTC"


def test_a_captured_feed_comes_out_of_ours_equal() -> None:
    theirs = fromstring(CAPTURED.read_bytes())
    for entry in theirs.findall(f"{ATOM}entry"):
        _express(entry)
    said = page_lately.build_lately(page.build_now(datetime(2026, 8, 22, 4, tzinfo=UTC)))
    head = feeds.channel(said, "history", language="en", prefix="", component=None, stale=False)
    ours = fromstring(feeds.atom(head, entries.history(said, "en")))
    assert set(_differences(theirs, ours)) == set(DIFFERENCES)


def _express(entry: Element) -> None:
    """One entry as an incident with its words, the oldest first; a label “Update” keeps the phase before it."""
    words = list(reversed(_WORD.findall(_content(entry))))
    assert _text(entry, "title")
    incident = IncidentFactory(name=in_all(dict.fromkeys(("en", "sw"), _text(entry, "title"))))
    status = ""
    for second, (month, day, hour, minute, label, body) in enumerate(words):
        status = _STATUSES.get(label, status)
        at = datetime.strptime(f"2026 {month} {day} {hour}:{minute}", "%Y %b %d %H:%M").replace(tzinfo=UTC)
        text = unescape(body.replace("<br />", "\n"))
        said = in_all(dict.fromkeys(("en", "sw"), text))
        rows.publish(incident=incident, status=status, at=at + timedelta(seconds=second), body=said)


def _differences(theirs: Element, ours: Element) -> Iterator[str]:
    lang = "{http://www.w3.org/XML/1998/namespace}lang"
    if theirs.get(lang) != ours.get(lang):
        yield "feed/@lang"
    yield from (f"feed/{name}" for name in set(_names(ours)) ^ set(_names(theirs)))
    assert ours.findtext(f"{ATOM}author/{ATOM}name") == theirs.findtext(f"{ATOM}author/{ATOM}name")
    pairs = list(zip(theirs.findall(f"{ATOM}entry"), ours.findall(f"{ATOM}entry"), strict=True))
    assert len(pairs) == 3
    for their, our in pairs:
        assert set(_names(their)) == set(_names(our))
        if _names(their) != _names(our):
            yield "entry order"
        assert _text(their, "title") == _text(our, "title")
        assert _content(their) == _content(our)
        assert re.sub(r"/\w+$", "", _text(their, "id")) == re.sub(r"/\w+$", "", _text(our, "id"))
        assert [_link(their)["rel"], _link(their)["type"]] == [_link(our)["rel"], _link(our)["type"]]
        assert re.sub(r"/\w+$", "", _link(their)["href"]) == re.sub(r"/\w+$", "", _link(our)["href"])
        yield from (f"entry/{name}" for name in ("published", "updated") if _text(their, name) != _text(our, name))


def _names(parent: Element) -> list[str]:
    return [child.tag.removeprefix(ATOM) for child in parent]


def _text(entry: Element, name: str) -> str:
    return entry.findtext(f"{ATOM}{name}") or ""


def _link(entry: Element) -> dict[str, str]:
    [link] = entry.findall(f"{ATOM}link")
    return dict(link.attrib)


def _content(entry: Element) -> str:
    """Without the spaces beside tags, which no reader sees."""
    return re.sub(r"\s*(</?p>|<small>|<br>|<br />)\s*", r"\1", _text(entry, "content"))
